# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: what a server keeps for each of its users: personal events (XEP-0163), card and picture (XEP-0054, XEP-0084,
XEP-0153, XEP-0398), private data (XEP-0049), whom he has blocked (XEP-0191)."""

import base64
import hashlib

import pytest

import gateway
from person import RawUser
from stanzas import available, matches, message, presence, unavailable, xml_element

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = PUBSUB + "#event"
OWNER = PUBSUB + "#owner"
NICK = "http://jabber.org/protocol/nick"
BOOKMARKS = "urn:xmpp:bookmarks:1"
METADATA, AVATAR = "urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data"
UPDATE = "vcard-temp:x:update"
BLOCKING = "urn:xmpp:blocking"
DATA = "jabber:x:data"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)
HASH = hashlib.sha1(PICTURE).hexdigest()
ANN, BOB = f"ann%net@{DOMAIN}", f"bob%net@{DOMAIN}"


async def village(servers, **settings):
    return await servers(gateway.VILLAGE, service__jid_escaping=0, service__more_resources=1, **settings)


async def come(people, server, name="ann", resource="test", **more):
    return await people(host=server, kind=RawUser, account=f"{name}%net", resource=resource, **more)


async def listening(people, server, *nodes, name="ann", resource="desk"):
    """A client that wants to hear of these nodes, and answers when it is asked."""
    user = await come(people, server, name, resource)
    user.send_presence(content=f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='{resource}'/>")
    asked = await user.expect(matches("iq", type="get", where=lambda s: s.sender == user.jid))
    features = "".join(f"<feature var='{node}+notify'/>" for node in nodes)
    user.send(f"<iq type='result' id='{asked.id}' to='{asked.sender}'>"
              f"<query xmlns='http://jabber.org/protocol/disco#info' node='urn:test#{resource}'>{features}</query></iq>")
    await user.sync(None)
    return user


def form(kind, **fields):
    inside = f"<field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#{kind}</value></field>" + "".join(
        f"<field var='pubsub#{k}'><value>{v}</value></field>" for k, v in fields.items())
    return f"<x xmlns='{DATA}' type='submit'>{inside}</x>"


async def publish(user, node, id, payload, **options):
    more = f"<publish-options>{form('publish-options', **options)}</publish-options>" if options else ""
    return await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{id}'>{payload}</item></publish>"
                         f"{more}</pubsub>", "set")


async def items(user, node, to=None, more=""):
    answer = await user.iq(to, f"<pubsub xmlns='{PUBSUB}'><items node='{node}'{more}/></pubsub>")
    return answer, [(i.get("id"), i[0]) for i in answer.xml.iter(f"{{{PUBSUB}}}item")]


def event(node):
    path = f"{{{EVENT}}}event/{{{EVENT}}}items"
    return matches("message", ANN, where=lambda s: s.xml.find(path) is not None and s.xml.find(path).get("node") == node)


# ---- Personal events ----

async def test_bookmarks_as_clients_keep_them(servers, people):
    server = await village(servers)
    desk = await listening(people, server, BOOKMARKS, resource="desk")
    phone = await come(people, server, resource="phone")
    private = dict(persist_items="true", max_items="max", send_last_published_item="never", access_model="whitelist")
    for number in range(3):
        answer = await publish(phone, BOOKMARKS, f"room{number}@{DOMAIN}",
                               f"<conference xmlns='{BOOKMARKS}' name='Room {number}' autojoin='true'/>", **private)
        assert answer.type == "result", answer
        got = await desk.expect(event(BOOKMARKS))
        assert got.xml.find(f".//{{{EVENT}}}item").get("id") == f"room{number}@{DOMAIN}"
        assert got.type == "headline"
    _, found = await items(desk, BOOKMARKS)
    assert [(id, c.get("name")) for id, c in found] == [(f"room{n}@{DOMAIN}", f"Room {n}") for n in range(3)]
    # The phone has not asked to hear of it.
    await phone.sync(None)
    assert not phone.take(event(BOOKMARKS))
    # Changed, taken out, one by one.
    await publish(desk, BOOKMARKS, f"room1@{DOMAIN}", f"<conference xmlns='{BOOKMARKS}' name='Other'/>", **private)
    await desk.expect(event(BOOKMARKS))
    answer = await desk.iq(None, f"<pubsub xmlns='{PUBSUB}'><retract node='{BOOKMARKS}' notify='true'>"
                           f"<item id='room0@{DOMAIN}'/></retract></pubsub>", "set")
    assert answer.type == "result"
    got = await desk.expect(event(BOOKMARKS))
    assert got.xml.find(f".//{{{EVENT}}}retract").get("id") == f"room0@{DOMAIN}"
    _, found = await items(phone, BOOKMARKS)
    assert [(id, c.get("name")) for id, c in found] == [(f"room2@{DOMAIN}", "Room 2"), (f"room1@{DOMAIN}", "Other")]
    _, found = await items(phone, BOOKMARKS, more=" max_items='1'")
    assert len(found) == 1
    # Another client asks for them when it comes, and is sent none, as they were published so.
    await publish(phone, NICK, "current", f"<nick xmlns='{NICK}'>Ann</nick>")
    await publish(phone, NICK, "current", f"<nick xmlns='{NICK}'>Annie</nick>")
    tablet = await listening(people, server, BOOKMARKS, NICK, resource="tablet")
    got = await tablet.expect(event(NICK))
    assert got.xml.findtext(f".//{{{NICK}}}nick") == "Annie"
    await tablet.sync(None)
    assert not tablet.take(event(BOOKMARKS)) and not tablet.take(event(NICK))
    # That is a condition of publishing, too.
    answer = await publish(desk, BOOKMARKS, f"room3@{DOMAIN}", f"<conference xmlns='{BOOKMARKS}'/>",
                           **{**private, "send_last_published_item": "on_sub_and_presence"})
    assert answer.condition == "conflict"
    answer = await publish(desk, BOOKMARKS, f"room3@{DOMAIN}", f"<conference xmlns='{BOOKMARKS}'/>",
                           send_last_published_item="now and then")
    assert answer.condition == "conflict"


async def test_all_forms_of_bookmarks_are_the_same(servers, people):
    """One client keeps them as private data (XEP-0049), one as a single item (XEP-0048), one as XEP-0402 has it."""
    server = await village(servers)
    old, middle, new = [await listening(people, server, *nodes, resource=resource) for resource, nodes in (
        ("old", ()), ("middle", ("storage:bookmarks",)), ("new", (BOOKMARKS,)))]
    room, other = f"#one@{DOMAIN}", f"#two@{DOMAIN}"

    def storage(*conferences):
        return f"<storage xmlns='storage:bookmarks'>{''.join(conferences)}</storage>"

    async def private():
        answer = await old.iq(None, f"<query xmlns='jabber:iq:private'>{storage()}</query>")
        return [(c.get("jid"), c.get("autojoin")) for c in answer.xml[0][0]]

    async def single():
        _, found = await items(middle, "storage:bookmarks")
        return [(c.get("jid"), c.get("autojoin")) for c in found[0][1]]
    first = f"<conference jid='{room}' name='One &amp; only' autojoin='true'><nick>me</nick></conference>"
    answer = await old.iq(None, f"<query xmlns='jabber:iq:private'>{storage(first)}</query>", "set")
    assert answer.type == "result"
    got = (await new.expect(event(BOOKMARKS))).xml.find(f".//{{{EVENT}}}item")
    assert (got.get("id"), got[0].get("name"), got[0].findtext(f"{{{BOOKMARKS}}}nick")) == (room, "One & only", "me")
    got = (await middle.expect(event("storage:bookmarks"))).xml.find(".//{storage:bookmarks}conference")
    assert (got.get("jid"), got.findtext("{storage:bookmarks}nick")) == (room, "me")
    # The newest form has more to say, which the others neither see nor destroy.
    await publish(new, BOOKMARKS, room, f"<conference xmlns='{BOOKMARKS}'><extensions><pinned xmlns='urn:p'/></extensions></conference>")
    await publish(new, BOOKMARKS, other, f"<conference xmlns='{BOOKMARKS}' autojoin='1'/>")
    assert await private() == await single() == [(room, None), (other, "1")]
    answer = await publish(middle, "storage:bookmarks", "current", storage(f"<conference jid='{room}' autojoin='true'/>"),
                           persist_items="true", access_model="whitelist")
    assert answer.type == "result" and answer.xml.find(f".//{{{PUBSUB}}}item").get("id") == "current"
    await new.expect(lambda s: event(BOOKMARKS)(s) and s.xml.find(f".//{{{EVENT}}}retract[@id='{other}']") is not None)
    _, found = await items(new, BOOKMARKS)
    assert [(id, c.get("autojoin"), c.find(".//{urn:p}pinned") is not None) for id, c in found] == [(room, "true", True)]
    assert await private() == [(room, "true")]
    many = "".join(f"<conference jid='#{number}@{DOMAIN}'/>" for number in range(257))
    answer = await old.iq(None, f"<query xmlns='jabber:iq:private'>{storage(many)}</query>", "set")
    assert answer.condition == "not-acceptable" and await private() == [(room, "true")]
    # Nobody else may read them.
    answer = await new.iq(None, f"<pubsub xmlns='{PUBSUB}#owner'><configure node='{BOOKMARKS}'/></pubsub>")
    assert "whitelist" in repr(answer)
    answer = await old.iq(None, f"<query xmlns='jabber:iq:private'>{storage()}</query>", "set")
    assert answer.type == "result" and (await items(new, BOOKMARKS))[1] == []


async def test_what_becomes_of_a_node_is_told(servers, people):
    server = await village(servers)
    desk = await listening(people, server, "urn:x:n", resource="desk")
    phone = await come(people, server, resource="phone")
    await publish(phone, "urn:x:n", "1", "<x xmlns='urn:x'/>")
    await desk.expect(event("urn:x:n"))
    info = "<query xmlns='http://jabber.org/protocol/disco#info' node='{}'/>"
    answer = await phone.iq(None, info.format("urn:x:n"))
    assert (answer.xml[0][0].get("category"), answer.xml[0][0].get("type")) == ("pubsub", "leaf")
    assert (await phone.iq(None, info.format("urn:x:other"))).condition == "item-not-found"
    for verb in ("purge", "delete"):
        answer = await phone.iq(None, f"<pubsub xmlns='{PUBSUB}#owner'><{verb} node='urn:x:n'/></pubsub>", "set")
        assert answer.type == "result"
        path = f"{{{EVENT}}}event/{{{EVENT}}}{verb}"
        got = await desk.expect(matches("message", ANN, where=lambda s: s.xml.find(path) is not None))
        assert got.xml.find(path).get("node") == "urn:x:n"
        answer, found = await items(phone, "urn:x:n")
        assert not found and (answer.type == "result") == (verb == "purge")
    assert (await phone.iq(None, info.format("urn:x:n"))).condition == "item-not-found"


async def test_publish_options_are_conditions(servers, people):
    server = await village(servers)
    user = await come(people, server)
    note = "<note xmlns='urn:test'/>"
    assert (await publish(user, "urn:test", "1", note, access_model="open")).type == "result"
    answer = await publish(user, "urn:test", "2", note, access_model="whitelist")
    assert answer.condition == "conflict"
    assert answer.xml.find(".//{http://jabber.org/protocol/pubsub#errors}precondition-not-met") is not None
    answer = await user.iq(None, f"<pubsub xmlns='{OWNER}'><configure node='urn:test'/></pubsub>")
    fields = {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields["pubsub#access_model"] == "open" and fields["pubsub#max_items"] == "1"
    answer = await user.iq(None, f"<pubsub xmlns='{OWNER}'><configure node='urn:test'>"
                           f"{form('node_config', access_model='whitelist', max_items=5)}</configure></pubsub>", "set")
    assert answer.type == "result"
    assert (await publish(user, "urn:test", "2", note, access_model="whitelist")).type == "result"
    _, found = await items(user, "urn:test")
    assert [id for id, _ in found] == ["1", "2"]
    for xml, type_ in ((f"<pubsub xmlns='{OWNER}'><delete node='urn:test'/></pubsub>", "set"),):
        assert (await user.iq(None, xml, type_)).type == "result"
    answer, _ = await items(user, "urn:test")
    assert answer.condition == "item-not-found"


@pytest.mark.parametrize("xml, condition", [
    (f"<pubsub xmlns='{PUBSUB}'><publish node='n'/></pubsub>", "bad-request"),
    (f"<pubsub xmlns='{PUBSUB}'><publish><item><a xmlns='b'/></item></publish></pubsub>", "bad-request"),
    (f"<pubsub xmlns='{PUBSUB}'><publish node='n'><item><a xmlns='b'/><a xmlns='b'/></item></publish></pubsub>", "bad-request"),
    (f"<pubsub xmlns='{PUBSUB}'><publish node='n'><item><a xmlns='b'>{'x' * 220000}</a></item></publish></pubsub>",
     "not-acceptable"),
    (f"<pubsub xmlns='{PUBSUB}'><subscribe node='n' jid='a@b'/></pubsub>", "feature-not-implemented"),
    (f"<pubsub xmlns='{PUBSUB}'><retract node='n'><item id='x'/></retract></pubsub>", "item-not-found"),
    (f"<pubsub xmlns='{OWNER}'><delete node='n'/></pubsub>", "item-not-found"),
    (f"<pubsub xmlns='{PUBSUB}'><create node='n'/><configure>{form('node_config', access_model='everybody')}</configure></pubsub>",
     "not-acceptable"),
    (f"<pubsub xmlns='{PUBSUB}'><create node='n'/><configure>{form('node_config', persist_items=0)}</configure></pubsub>",
     "not-acceptable"),
    (f"<pubsub xmlns='{PUBSUB}'><create node='n'/><configure>{form('node_config', deliver_payloads='false')}</configure></pubsub>",
     "not-acceptable"),
], ids=lambda value: value[40:110].replace("/", "|"))
async def test_bad_requests(servers, people, xml, condition):
    server = await village(servers)
    user = await come(people, server)
    assert (await user.iq(None, xml, "set")).condition == condition


@pytest.mark.parametrize("ns, xml, type, condition, detail", [
    (PUBSUB, "<create/>", "set", "not-acceptable", "nodeid-required"),
    (PUBSUB, "<publish><item><a xmlns='b'/></item></publish>", "set", "bad-request", "nodeid-required"),
    (OWNER, "<delete/>", "set", "bad-request", "nodeid-required"),
    (PUBSUB, "<subscribe node='n' jid='a@b'/>", "set", "feature-not-implemented", "subscribe"),
    (PUBSUB, "<affiliations/>", "get", "feature-not-implemented", "retrieve-affiliations"),
    (OWNER, "<subscriptions node='n'/>", "get", "feature-not-implemented", "manage-subscriptions"),
], ids=lambda value: value.strip("</>").replace("/", "|")[:30])
async def test_pubsub_says_more_than_the_condition(servers, people, ns, xml, type, condition, detail):
    server = await village(servers)
    user = await come(people, server)
    answer = await user.iq(None, f"<pubsub xmlns='{ns}'>{xml}</pubsub>", type)
    more = [e for e in answer.xml.find("{jabber:client}error") if e.tag.startswith(f"{{{PUBSUB}#errors}}")]
    assert answer.condition == condition and len(more) == 1
    assert detail in (more[0].get("feature"), more[0].tag.partition("}")[2])


async def test_how_a_node_is_set_by_default(servers, people):
    """What is offered there can be sent back."""
    server = await village(servers)
    user = await come(people, server)
    answer = await user.iq(None, f"<pubsub xmlns='{OWNER}'><default/></pubsub>")
    fields = {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields["pubsub#access_model"] == "presence" and fields["pubsub#persist_items"] == "1"
    options = {name.partition("#")[2]: value for name, value in fields.items() if name.startswith("pubsub#")}
    made = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><create node='n'/><configure>{form('node_config', **options)}"
                         "</configure></pubsub>", "set")
    assert made.type == "result"


async def test_what_the_server_can_do_is_hashed_in_its_features(servers, wires):
    """XEP-0115 section 6.3: who knows the hash need not ask."""
    server = await servers()
    wire = await wires(server)
    features = await wire.log_in(server.account())
    caps = features.xml.find("{http://jabber.org/protocol/caps}c")
    await wire.bind("x")
    wire.send(f"<iq type='get' id='i' to='{DOMAIN}'><query xmlns='http://jabber.org/protocol/disco#info' "
              f"node='{caps.get('node')}#{caps.get('ver')}'/></iq>")
    answer = await wire.expect(matches("iq", id="i"))
    assert answer.type == "result" and len(answer.xml[0]) > 10
    assert "http://jabber.org/protocol/caps" in {f.get("var") for f in answer.xml[0]}


async def test_what_an_account_can_do(servers, people):
    server = await village(servers)
    user = await come(people, server)
    await publish(user, "urn:test", "1", "<note xmlns='urn:test'/>")
    answer = await user.iq(user.jid, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    identities = {(i.get("category"), i.get("type")) for i in answer.xml.iter("{http://jabber.org/protocol/disco#info}identity")}
    features = {f.get("var") for f in answer.xml.iter("{http://jabber.org/protocol/disco#info}feature")}
    assert {("account", "registered"), ("pubsub", "pep")} == identities
    assert {"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", PUBSUB + "#publish-options", "urn:xmpp:sid:0",
            BOOKMARKS + "#compat", BOOKMARKS + "#compat-pep"} <= features
    answer = await user.iq(DOMAIN, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    identities = [(i.get("category"), i.get("type")) for i in answer.xml.iter("{http://jabber.org/protocol/disco#info}identity")]
    features = {f.get("var") for f in answer.xml.iter("{http://jabber.org/protocol/disco#info}feature")}
    assert identities[0] == ("server", "im")
    # Profanity looks for the archive here, not at the account.
    assert {"urn:xmpp:carbons:2", BLOCKING, "msgoffline", "urn:xmpp:mam:2"} <= features
    answer = await user.iq(None, "<query xmlns='http://jabber.org/protocol/disco#items'/>")
    assert [i.get("node") for i in answer.xml.iter("{http://jabber.org/protocol/disco#items}item")] == ["urn:test"]


# ---- Card and picture ----

def card(photo=PICTURE, name="Ann"):
    inside = f"<FN>{name}</FN>"
    if photo:
        inside += f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{base64.b64encode(photo).decode()}</BINVAL></PHOTO>"
    return f"<vCard xmlns='vcard-temp'>{inside}</vCard>"


async def get_card(user):
    answer = await user.iq(None, "<vCard xmlns='vcard-temp'/>")
    vcard = answer.child("vCard", "vcard-temp")
    return vcard.findtext("{vcard-temp}FN"), vcard.findtext("{vcard-temp}PHOTO/{vcard-temp}BINVAL")


async def test_a_picture_in_the_card_is_published(servers, people):
    server = await village(servers)
    desk = await listening(people, server, METADATA)
    phone = await come(people, server, resource="phone")
    assert await get_card(phone) == (None, None)
    assert (await phone.iq(None, card(), "set")).type == "result"
    got = await desk.expect(event(METADATA))
    info = got.xml.find(f".//{{{METADATA}}}info")
    assert (info.get("id"), info.get("bytes"), info.get("type")) == (HASH, str(len(PICTURE)), "image/png")
    _, found = await items(desk, AVATAR, more="")
    assert found[0][0] == HASH and base64.b64decode(found[0][1].text) == PICTURE
    # Presence says it, whatever the client has said or not.
    got = await desk.expect(available(phone.full, where=lambda s: s.child("x", UPDATE) is not None))
    assert got.child("x", UPDATE).findtext(f"{{{UPDATE}}}photo") == HASH
    phone.send_presence(content=f"<priority>3</priority><x xmlns='{UPDATE}'><photo>{'0' * 40}</photo></x>")
    got = await desk.expect(available(phone.full, where=lambda s: s.text("priority") == "3"))
    assert [p.text for p in got.xml.iter(f"{{{UPDATE}}}photo")] == [HASH]


async def test_a_published_picture_gets_into_the_card(servers, people):
    server = await village(servers)
    user = await come(people, server)
    await user.iq(None, card(photo=None), "set")
    data = base64.b64encode(PICTURE).decode()
    await publish(user, AVATAR, HASH, f"<data xmlns='{AVATAR}'>{data}</data>")
    await publish(user, METADATA, HASH, f"<metadata xmlns='{METADATA}'><info id='{HASH}' type='image/png' "
                  f"bytes='{len(PICTURE)}'/></metadata>")
    await user.expect(available(user.full, where=lambda s: s.xml.find(f".//{{{UPDATE}}}photo") is not None
                                and s.xml.find(f".//{{{UPDATE}}}photo").text == HASH))
    assert await get_card(user) == ("Ann", data)
    user.take(available(user.full))
    await publish(user, METADATA, "none", f"<metadata xmlns='{METADATA}'/>")
    await user.expect(available(user.full, where=lambda s: s.xml.find(f".//{{{UPDATE}}}photo") is not None
                                and not s.xml.find(f".//{{{UPDATE}}}photo").text))
    assert await get_card(user) == ("Ann", None)


async def test_the_network_gets_the_users_picture(servers, people):
    """The gateway hears of it as it would from another server, and fetches it here."""
    server = await servers(f"{gateway.VILLAGE} --features own_card", service__jid_escaping=0)
    user = await come(people, server)
    assert (await user.iq(None, card(), "set")).type == "result"
    got = await user.expect(message(f"photo@{DOMAIN}"))
    assert got.body == f"{len(PICTURE)} bytes of "


# ---- Private data ----

async def test_private_data(servers, people):
    server = await village(servers)
    user = await come(people, server)
    query = "<query xmlns='jabber:iq:private'>{}</query>"
    answer = await user.iq(None, query.format("<storage xmlns='storage:bookmarks'/>"))
    assert answer.xml[0][0].tag == "{storage:bookmarks}storage" and len(answer.xml[0][0]) == 0
    stored = "<storage xmlns='storage:bookmarks'><conference jid='a@b' name='R&amp;D'><nick>me</nick></conference></storage>"
    assert (await user.iq(None, query.format(stored), "set")).type == "result"
    assert (await user.iq(None, query.format("<other xmlns='urn:other'><a/></other>"), "set")).type == "result"
    answer = await user.iq(None, query.format("<storage xmlns='storage:bookmarks'/>"))
    assert answer.xml[0][0][0].get("name") == "R&D" and answer.xml[0][0][0][0].text == "me"
    assert (await user.iq(None, query.format(""), "set")).condition == "not-acceptable"
    big = f"<big xmlns='urn:big'>{'x' * 70000}</big>"
    assert (await user.iq(None, query.format(big), "set")).condition == "not-acceptable"
    other = await come(people, server, "bob")
    answer = await other.iq(None, query.format("<storage xmlns='storage:bookmarks'/>"))
    assert len(answer.xml[0][0]) == 0
    server.stop()
    await server.up()
    user = await come(people, server)
    answer = await user.iq(None, query.format("<storage xmlns='storage:bookmarks'/>"))
    assert len(answer.xml[0][0]) == 1


# ---- Blocking ----

async def test_blocking(servers, people):
    server = await village(servers)
    ann, phone = await come(people, server), await come(people, server, resource="phone")
    bob = await come(people, server, "bob")

    async def blocked(user):
        answer = await user.iq(None, f"<blocklist xmlns='{BLOCKING}'/>")
        return {i.get("jid") for i in answer.xml.iter(f"{{{BLOCKING}}}item")}

    assert await blocked(ann) == set() and await blocked(phone) == set()
    answer = await ann.iq(None, f"<block xmlns='{BLOCKING}'><item jid='{BOB}'/></block>", "set")
    assert answer.type == "result"
    for one in (ann, phone):
        pushed = await one.expect(matches("iq", type="set", where=lambda s: s.child("block", BLOCKING) is not None))
        assert pushed.xml[0][0].get("jid") == BOB
    bob.send_message(ANN, "can you hear me")
    await bob.sync(DOMAIN)
    ann.send_message(BOB, "no")
    error = await ann.expect(message(BOB, type="error"))
    assert error.condition == "not-acceptable"
    assert error.xml.find(".//{urn:xmpp:blocking:errors}blocked") is not None
    await ann.sync(DOMAIN)
    assert not ann.take(message(BOB, "can you hear me")) and not phone.take(message(BOB))
    # It lasts.
    server.stop()
    await server.up()
    ann, bob = await come(people, server), await come(people, server, "bob")
    assert await blocked(ann) == {BOB}
    answer = await ann.iq(None, f"<unblock xmlns='{BLOCKING}'/>", "set")
    assert answer.type == "result"
    await ann.expect(matches("iq", type="set", where=lambda s: s.child("unblock", BLOCKING) is not None))
    bob.send_message(ANN, "and now")
    await ann.expect(message(BOB, "and now"))
    answer = await ann.iq(None, f"<block xmlns='{BLOCKING}'/>", "set")
    assert answer.condition == "bad-request"
