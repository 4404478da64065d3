# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures: of contacts in presence (XEP-0153), as items and news (XEP-0084); the user's own, from his presence or his
personal eventing to the network."""

import base64

import pytest

from gateway import SCRIPTED
from host import Host
from person import RawUser
from pictures import PICTURES, hash_of, png
from profiles import (DATA, EVE, GW, METADATA, UPDATE, VCARD, asked, buddy, card, client_with, frames, icon, item, own_card,
                      photo_hash, told, vcard, vcard_photo)
from rosters import pushed
from stanzas import available, matches, message, presence, unavailable, xml_element

ANN, BEN = f"ann@{GW}", f"ben@{GW}"
EVENT = "http://jabber.org/protocol/pubsub#event"
PUBSUB = "http://jabber.org/protocol/pubsub"


async def picture(user, name, picture):
    """The network shows this picture of the contact from now on."""
    await card(user, name, f4=name.capitalize(), f6=picture)
    await frames(user, buddy(name, f7=icon(picture)))


def info(stanza):
    """(id, bytes, type) of the metadata in an answer or event; None if there is no picture."""
    found = list(stanza.xml.iter(f"{{{METADATA}}}info"))
    return (found[0].get("id"), int(found[0].get("bytes")), found[0].get("type")) if found else None


def data(stanza):
    found = list(stanza.xml.iter(f"{{{DATA}}}data"))
    return base64.b64decode(found[0].text) if found else None


def news(sender):
    def predicate(stanza):
        items = stanza.xml.find(f"{{{EVENT}}}event/{{{EVENT}}}items")
        return (stanza.name == "message" and stanza.sender == sender and items is not None and items.get("node") == METADATA)
    predicate.__doc__ = f"news of {sender}'s picture"
    return predicate


# Contacts

async def test_a_picture_in_each_form_is_the_same(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    await user.login(GW)
    await picture(user, "ann", "pic1")
    ann = await user.expect(available(ANN))
    assert photo_hash(ann) == icon("pic1")
    type, bytes = vcard_photo(await vcard(user, ann.sender))
    assert (type, bytes) == ("image/png", PICTURES["pic1"])
    assert info(await item(user, ANN, METADATA)) == (icon("pic1"), len(PICTURES["pic1"]), "image/png")
    got = await item(user, ANN, DATA, icon("pic1"))
    assert data(got) == PICTURES["pic1"] and got.xml.find(f".//{{{PUBSUB}}}item").get("id") == icon("pic1")
    # slixmpp's own way.
    for plugin in ("xep_0060", "xep_0084"):
        user.client.register_plugin(plugin)
    got = await user.client["xep_0084"].retrieve_avatar(ANN, icon("pic1"), timeout=10)
    assert got["pubsub"]["items"]["item"]["avatar_data"]["value"] == PICTURES["pic1"]


async def test_a_picture_is_asked_of_the_network_once(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await picture(user, "ann", "pic1")
    first = await people(account=user.user, resource="first")
    second = await people(account=user.user, resource="second")
    for client in (first, second):
        await client.online(GW)
        for _ in range(2):
            assert vcard_photo(await vcard(client, ANN))[1] == PICTURES["pic1"]
            assert data(await item(client, ANN, DATA, icon("pic1"))) == PICTURES["pic1"]
            assert info(await item(client, ANN, METADATA))
    assert await asked(user) == ["ann"]
    await picture(user, "ann", "pic2")
    assert vcard_photo(await vcard(first, ANN))[1] == PICTURES["pic2"]
    assert await asked(user) == ["ann", "ann"]


async def test_pictures_survive_a_restart(gateways, prosody, people):
    gateway = await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await picture(user, "ann", "pic1")
    assert data(await item(user, ANN, DATA, icon("pic1")))
    files = list((gateway.directory / "work/avatars").iterdir())
    assert [file.name for file in files] == [icon("pic1") + ".png"] and files[0].read_bytes() == PICTURES["pic1"]
    assert files[0].stat().st_mode & 0o077 == 0
    gateway.stop()
    await gateway.up(prosody)
    await user.online(GW)
    await frames(user, buddy("ann", f7=icon("pic1")))
    assert data(await item(user, ANN, DATA, icon("pic1"))) == PICTURES["pic1"]
    assert await asked(user) == []
    # A file that is not what its name says is not believed.
    gateway.stop()
    files[0].write_bytes(png(77))
    await gateway.up(prosody)
    await user.online(GW)
    await picture(user, "ann", "pic1")
    assert data(await item(user, ANN, DATA, icon("pic1"))) == PICTURES["pic1"]
    assert await asked(user) == ["ann"]


async def test_without_files_nothing_is_written(gateways, prosody, people):
    gateway = await gateways(prosody, SCRIPTED, **{"avatars.disk_bytes": 0, "avatars.memory_bytes": 200})
    user = await people()
    await user.login(GW)
    for number in range(6):  # more than fit into the memory
        await picture(user, f"p{number}", f"pic{number}")
        assert data(await item(user, f"p{number}@{GW}", DATA, icon(f"pic{number}")))
    assert data(await item(user, f"p0@{GW}", DATA, icon("pic0"))) == PICTURES["pic0"]
    assert not (gateway.directory / "work/avatars").exists()


async def test_the_directory_has_a_limit(gateways, prosody, people):
    size = len(PICTURES["pic0"])
    gateway = await gateways(prosody, SCRIPTED, **{"avatars.disk_bytes": 3 * size, "avatars.memory_bytes": 0})
    user = await people()
    await user.login(GW)
    for number in range(6):
        await picture(user, f"p{number}", f"pic{number}")
        assert data(await item(user, f"p{number}@{GW}", DATA, icon(f"pic{number}")))
    gateway.stop()
    assert len(list((gateway.directory / "work/avatars").iterdir())) <= 3


async def test_no_picture_is_no_item(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await card(user, "ann", f4="Ann")
    await frames(user, buddy("ann"))
    assert photo_hash(await user.expect(available(ANN))) == ""
    answer = await item(user, ANN, METADATA)
    assert answer.type == "result" and info(answer) is None
    for jid, id in ((ANN, icon("pic1")), (f"nobody@{GW}", icon("pic1"))):
        assert (await item(user, jid, DATA, id)).condition == "item-not-found"
    assert (await item(user, ANN, "urn:example:node")).condition == "item-not-found"


async def test_x_33_what_is_too_large_is_left_out(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await picture(user, "ann", "huge")
    assert photo_hash(await user.expect(available(ANN))) == icon("huge")
    answer = await vcard(user, ANN)
    assert vcard_photo(answer) is None and answer.xml.findtext(f".//{{{VCARD}}}FN") == "Ann"
    # And from now on nobody is led to ask for it.
    assert photo_hash(await user.expect(available(ANN))) == ""
    assert (await item(user, ANN, DATA, icon("huge"))).condition == "item-not-found"
    assert info(await item(user, ANN, METADATA)) is None
    assert await asked(user) == ["ann"]


async def test_x_33_the_limit_can_be_set(gateways, prosody, people):
    await gateways(prosody, SCRIPTED, **{"avatars.max_bytes": len(PICTURES["pic1"]) - 1})
    user = await people()
    await user.login(GW)
    await picture(user, "ann", "pic1")
    assert vcard_photo(await vcard(user, ANN)) is None


async def test_other_names_of_pictures_become_hashes(gateways, prosody, people):
    """Networks name pictures as they like; a person can't say anything about those of others."""
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await card(user, "ann", f4="Ann", f6="pic1")
    await frames(user, buddy("ann", f7="picture-17"))
    assert photo_hash(await user.expect(available(ANN))) is None, "not known yet"
    assert photo_hash(await user.expect(available(ANN))) == icon("pic1")
    # Ben says that his is Ann's, but shows another.
    await card(user, "ben", f4="Ben", f6="pic2")
    await frames(user, buddy("ben", f7=icon("pic1")))
    await user.expect(available(BEN))
    assert data(await item(user, ANN, DATA, icon("pic1"))) == PICTURES["pic1"]
    await frames(user, buddy("cat", f7="picture-17"))
    assert photo_hash(await user.expect(available(f"cat@{GW}"))) is None


# News

async def test_who_asks_for_news_gets_them(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host, kind=client_with(METADATA + "+notify"))
    await user.login(GW)
    await picture(user, "ann", "pic1")
    assert info(await user.expect(news(ANN))) == (icon("pic1"), len(PICTURES["pic1"]), "image/png")
    await picture(user, "ann", "pic2")
    assert info(await user.expect(news(ANN)))[0] == icon("pic2")
    await frames(user, buddy("ann"))
    assert info(await user.expect(news(ANN))) is None
    assert await asked(user) == ["ann", "ann"]


async def test_a_client_that_comes_later_gets_all_of_them(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    for number in range(5):
        await picture(user, f"p{number}", f"pic{number}")
    assert not [s for s in user.inbox.seen if s.name == "message" and s.child("event", EVENT) is not None]
    assert await asked(user) == [], "nobody wanted to see them"
    late = await people(account=user.user, resource="late", kind=client_with(METADATA + "+notify"))
    await late.online(GW)
    for number in range(5):
        assert info(await late.expect(news(f"p{number}@{GW}")))[0] == icon(f"pic{number}")
    # One more of the same kind: its abilities are known, as are the pictures.
    again = await people(account=user.user, resource="again", kind=client_with(METADATA + "+notify"))
    await again.online(GW)
    for number in range(5):
        await again.expect(news(f"p{number}@{GW}"))
    assert late.questions == 1 and again.questions == 0
    assert sorted(await asked(user)) == [f"p{number}" for number in range(5)]


async def test_a_client_that_lies_about_itself_is_not_believed_for_others(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people(kind=client_with(METADATA + "+notify", truth=["urn:example:nothing"]))
    await user.login(GW)
    await picture(user, "ann", "pic1")
    second = await people(account=user.user, resource="second", kind=client_with(METADATA + "+notify"))
    await second.online(GW)
    await second.expect(news(ANN))
    assert not user.take(news(ANN))


async def test_nobody_asks_a_network_that_is_not_to_be_asked(gateways, prosody, people):
    await gateways(prosody, SCRIPTED, **{"backend.no_vcard_fetch": 1})
    user = await people(kind=client_with(METADATA + "+notify"))
    await user.login(GW)
    await frames(user, buddy("ann", f3="Annie", f7=icon("pic1")))
    assert photo_hash(await user.expect(available(ANN))) == icon("pic1")
    answer = await vcard(user, ANN)
    assert answer.xml.findtext(f".//{{{VCARD}}}NICKNAME") == "Annie" and vcard_photo(answer) is None
    assert await asked(user) == []


# The user's own

def own_vcard(picture, name="Romeo"):
    photo = ("" if picture is None else
             f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{base64.b64encode(picture).decode()}</BINVAL></PHOTO>")
    return f"<vCard xmlns='{VCARD}'><FN>{name}</FN><NICKNAME>{name.lower()}</NICKNAME>{photo}</vCard>"


def update(hash):
    return f"<x xmlns='{UPDATE}'><photo>{hash}</photo></x>"


async def shown(user, **wanted):
    """Waits until the network has got this card of the user."""
    for _ in range(200):
        got = await own_card(user)
        if all(got.get(key.lstrip("f")) == value for key, value in wanted.items()):
            return got
        await user.sync(GW)
    raise AssertionError(f"the network got {got}, not {wanted}")


async def test_the_users_picture_goes_to_the_network(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    mine = png(50)
    assert (await user.iq(None, own_vcard(mine), "set")).type == "result"
    await user.register(GW, user.user)
    user.send_presence(GW, content=update(hash_of(mine)))
    await user.expect(available(GW))
    await shown(user, f4="Romeo", f5="romeo", f6=hash_of(mine))
    # Told once, however often the client says it, also after the next log-in.
    user.take(message(f"photo@{GW}"))
    for _ in range(3):
        user.send_presence(GW, content=update(hash_of(mine)))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    user.send_presence(GW, content=update(hash_of(mine)))
    await user.expect(available(GW))
    await told(user, "E x")
    assert not user.take(message(f"photo@{GW}"))
    # Another one, and none any more.
    other = png(60)
    await user.iq(None, own_vcard(other), "set")
    user.send_presence(GW, content=update(hash_of(other)))
    await shown(user, f6=hash_of(other))
    await user.iq(None, own_vcard(None), "set")
    user.send_presence(GW, content=update(""))
    await shown(user, f4="Romeo", f6="")


async def publish(user, picture):
    """As a client does: data first, then metadata."""
    hash, text = hash_of(picture), base64.b64encode(picture).decode()
    for node, payload in ((DATA, f"<data xmlns='{DATA}'>{text}</data>"),
                          (METADATA, f"<metadata xmlns='{METADATA}'><info id='{hash}' bytes='{len(picture)}' type='image/png'/>"
                                     "</metadata>")):
        answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{hash}'>{payload}</item>"
                                     "</publish></pubsub>", "set")
        assert answer.type == "result", answer


async def befriended(user):
    """Logged in, with the gateway in the roster both ways: it sees the user's presence and his events."""
    await user.register(GW, user.user)
    user.send_presence(GW, "subscribe")
    await user.expect(presence(GW, "subscribed"))
    await user.expect(presence(GW, "subscribe"))
    user.send_presence(GW, "subscribed")
    return await user.online(GW)


async def test_a_published_picture_goes_to_the_network(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    await befriended(user)
    await publish(user, png(70))
    await shown(user, f6=hash_of(png(70)))
    await publish(user, png(80))
    await shown(user, f6=hash_of(png(80)))
    await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><publish node='{METADATA}'><item id='current'><metadata xmlns='{METADATA}'/>"
                        "</item></publish></pubsub>", "set")
    await shown(user, f6="")


async def test_by_privilege_where_it_is_granted(gateways, privileged_prosody, people):
    """The picture is for those in the user's roster only; the host lets the gateway read it all the same."""
    gateway = await gateways(privileged_prosody, SCRIPTED)
    user = await people(host=privileged_prosody)
    await publish(user, png(90))
    for node in (DATA, METADATA):
        form = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>"
                "http://jabber.org/protocol/pubsub#node_config</value></field><field var='pubsub#access_model'><value>whitelist"
                "</value></field></x>")
        answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}#owner'><configure node='{node}'>{form}</configure></pubsub>", "set")
        assert answer.type == "result", answer
    assert gateway.log_lines("privileges .*iqs=2")
    await user.register(GW, user.user)
    await pushed(user, GW, "both")
    await user.expect(available(GW))
    user.send_presence(GW, content=update(hash_of(png(90))))
    await shown(user, f6=hash_of(png(90)))


async def test_a_picture_that_is_not_there_is_asked_for_once(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    for hash in ("0" * 40, "0" * 40, "", "nonsense", "1" * 40):
        user.send_presence(GW, content=update(hash))
    await user.sync(GW)
    await told(user, "E x")
    # That there is no picture may be told to the network; a picture may not.
    for said in user.take(message(f"photo@{GW}")):
        assert said.body.startswith("0 bytes")


async def test_a_network_without_pictures_is_left_alone(gateways, prosody, people):
    await gateways(prosody)  # the echo backend takes no cards
    user = await people()
    mine = png(50)
    await user.iq(None, own_vcard(mine), "set")
    await user.register(GW, user.user)
    user.send_presence(GW, content=update(hash_of(mine)))
    await user.expect(available(GW))
    answer = await user.iq(GW, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert "avatar" not in repr(answer)


async def test_a_large_picture_of_the_user(gateways, ejabberd, people):
    """As large as the server lets it be; others are served meanwhile."""
    await gateways(ejabberd, SCRIPTED)
    user, other = await people(host=ejabberd), await people(host=ejabberd)
    large = png(55, filler=700000)
    assert (await user.iq(None, own_vcard(large), "set")).type == "result"
    await other.login(GW)
    await user.login(GW)
    user.send_presence(GW, content=update(hash_of(large)))
    await other.sync(GW)
    await shown(user, f6=hash_of(large))
    # The same straight to the gateway, and one that is no picture.
    assert (await user.iq(GW, own_vcard(large, "Again"), "set")).type == "result"
    await shown(user, f4="Again", f6=hash_of(large))
    assert (await user.iq(GW, own_vcard(b"words" * 1000), "set")).type == "result"
    bad = f"<vCard xmlns='{VCARD}'><PHOTO><BINVAL>%%%%</BINVAL></PHOTO></vCard>"
    assert (await user.iq(GW, bad, "set")).condition == "bad-request"
    await other.sync(GW)


# Pictures of the configuration

@pytest.mark.parametrize("name,wanted", [("bob", "bob"), ("carol", "default"), ("../secret", "default"), (".hidden", "default"),
                                         ("sub/file", "default"), ("..", "default"), ("text", None)])
async def test_c_12_default_pictures_are_plain_files(gateways, prosody, people, directories, name, wanted):
    top = directories("pictures")
    (top / "all/sub").mkdir(parents=True)
    shades = {"bob": 1, "default": 2}
    (top / "default.png").write_bytes(png(2))
    for file, shade in (("all/bob", 1), ("secret", 3), ("all/.hidden", 4), ("all/sub/file", 5)):
        (top / file).write_bytes(png(shade))
    (top / "all/text").write_text("no picture")
    await gateways(prosody, SCRIPTED, **{"backend.default_avatar": top / "default.png", "backend.avatars_directory": top / "all"})
    user = await people()
    await user.login(GW, name)
    if wanted is None:
        await told(user, "E x")
        assert await own_card(user) == {}
    else:
        await shown(user, f6=hash_of(png(shades[wanted])))


async def test_a_default_picture_gives_way_to_the_users_own(gateways, prosody, people, directories):
    file = directories("pictures") / "default.png"
    file.write_bytes(png(2))
    await gateways(prosody, SCRIPTED, **{"backend.default_avatar": file})
    user = await people()
    await user.login(GW)
    await shown(user, f6=hash_of(png(2)))
    # It is given once.
    user.take(message(f"photo@{GW}"))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    await told(user, "E x")
    assert not user.take(message(f"photo@{GW}"))
    await user.iq(None, own_vcard(png(50)), "set")
    user.send_presence(GW, content=update(hash_of(png(50))))
    await shown(user, f6=hash_of(png(50)))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    await told(user, "E x")
    assert (await own_card(user))["6"] == hash_of(png(50))


# Bad input

@pytest.mark.parametrize("privileged", [False, True])
async def test_forged_answers_and_events(gateways, privileged):
    """What others say about a user's picture does not count, nor what his host wraps into its answers wrongly."""
    host = await Host().start()
    try:
        await gateways(host, SCRIPTED)
        await host.login()
        romeo, mallory = host.user("romeo"), host.user("mallory")
        if privileged:
            perms = f"<perm access='iq'><namespace ns='{PUBSUB}' type='both'/></perm>"
            host.send(xml_element("message", f"<privilege xmlns='urn:xmpp:privilege:2'>{perms}</privilege>", from_="localhost", to=GW))
        await romeo.login()
        mine, other = png(50), png(60)

        def event(hash):
            return (f"<event xmlns='{EVENT}'><items node='{METADATA}'><item id='{hash}'><metadata xmlns='{METADATA}'><info id='{hash}' "
                    f"bytes='1' type='image/png'/></metadata></item></items></event>")

        def answer(asked, content, sender=None, type="result"):
            host.send(xml_element("iq", content, from_=sender or asked.to, to=GW, id=asked.id, type=type))

        async def request(name):
            return await host.expect(matches("iq", where=lambda s: s.to == romeo.jid and s.type == "get" and any(
                e.tag.endswith("}" + name) for e in s.xml.iter())))
        # Of somebody else, of a full JID, of another's server: nothing is asked for.
        host.send(xml_element("message", event(hash_of(other)), from_=mallory.jid, to=GW))
        host.send(xml_element("message", event(hash_of(other)), from_=romeo.full, to=GW))
        host.send(xml_element("message", event(hash_of(other)), from_="elsewhere", to=GW))
        host.send(xml_element("message", event(hash_of(mine)), from_=romeo.jid, to=GW))
        asked = await request("vCard")
        answer(asked, own_vcard(other), sender=mallory.jid)
        answer(asked, own_vcard(None))
        asked = await request("items")
        payload = (f"<pubsub xmlns='{PUBSUB}'><items node='{DATA}'><item id='{hash_of(mine)}'><data xmlns='{DATA}'>%s</data></item>"
                   "</items></pubsub>")
        good, bad = (payload % base64.b64encode(p).decode() for p in (mine, other))
        if privileged:
            inner = asked.xml.find(".//{jabber:client}iq")
            assert inner.get("type") == "get" and inner.get("from") in (None, romeo.jid)

            def wrapped(content, **attributes):
                inside = xml_element("iq", content, **{"xmlns": "jabber:client", "type": "result", "id": inner.get("id"),
                                                       "from_": romeo.jid, "to": romeo.jid, **attributes})
                return (f"<privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'>{inside}</forwarded>"
                        "</privilege>")
            answer(asked, wrapped(good), sender="mallory@elsewhere")
            answer(asked, wrapped(good, from_=mallory.jid))
        else:
            answer(asked, good, sender="mallory@elsewhere")
            answer(asked, bad)
        romeo.send("message", "<body>E x</body>", to=EVE, type="chat", id="m1")
        await romeo.expect(message(EVE, "E x"))
        assert not romeo.take(message(f"photo@{GW}"))
        # The next one is fetched as ever.
        host.send(xml_element("message", event(hash_of(other)), from_=romeo.jid, to=GW))
        answer(await request("vCard"), own_vcard(other))
        await romeo.expect(message(f"photo@{GW}", f"{len(other)} bytes of romeo"))
    finally:
        await host.stop()
