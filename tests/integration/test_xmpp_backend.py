# SPDX-License-Identifier: GPL-2.0-or-later
"""XMPP as a network: the backend with this test as its main process; on the other side are Prosody and ejabberd with TLS
and people on them. test_xmpp_network.py has the whole way through a gateway."""

import asyncio

import pytest
import pytest_asyncio

from foreign import ForeignProsody, Proxy
from hosts import SECRET
from ircbackend import AWAY, LEFT, ONLINE, dotted, got, participant, result, said, several
from person import RawUser
from processes import LIMIT
from stanzas import available, matches, message, presence, unavailable
from xmppbackend import Backend, User, fresh

AUTHENTICATION_FAILED, IMPOSSIBLE, NO_SSL, NAME_IN_USE, INVALID_USERNAME, NETWORK = 2, 3, 4, 6, 1, 0
CERT_EXPIRED, CERT_MISMATCH, CERT_SELF_SIGNED, CERT_UNTRUSTED = 10, 12, 14, 9
DND = 4


@pytest_asyncio.fixture
async def backends(directories, request):
    async with several(request) as start:
        yield lambda host, port=None, **settings: start(Backend(directories("xmpp"), {
            "service.jid": "gw.test", "xmpp.server": f"127.0.0.1:{port or host.port}", "xmpp.tls_ca_file": host.certificate,
            **dotted(settings)}))


@pytest_asyncio.fixture
async def backend(backends, abroad):
    return await backends(abroad)


@pytest_asyncio.fixture
async def al(backend, abroad):
    return await User(backend, abroad).login()


@pytest_asyncio.fixture
async def bob(people, abroad):
    return await people("bob", host=abroad)


async def befriend(al, bob):
    """Both see each other."""
    al.backend.send("BUDDY_CHANGED", userName=al.jid, buddyName=bob.jid, alias="Bob", group=["Friends"])
    await bob.expect(presence(al.address, "subscribe"))
    bob.send_presence(al.address, "subscribed")
    bob.send_presence(al.address, "subscribe")
    await al.expect(got("AUTH_REQUEST", buddyName=bob.jid))
    al.backend.send("BUDDY_CHANGED", userName=al.jid, buddyName=bob.jid, alias="Bob", group=["Friends"])
    await al.contact(bob.jid, status=lambda status: status != LEFT)
    await bob.expect(available(al.address))


# Logging in


async def test_what_it_announces(backend):
    config = backend.config.replace(" ", "")
    for line in ("muc=1", "receipts=1", "needPassword=1", "needRegistration=1", "corrections=1", "blocking=1"):
        assert line in config


async def test_log_in_and_out(al, abroad, people):
    assert "TLSv1.3" in al.backend.log()
    watcher = await people("watcher", host=abroad)
    al.logout()
    await al.backend.sync()
    assert watcher.jid


async def test_a_wrong_password_is_told(backend, abroad):
    user = await User(backend, abroad, password="wrong").login(connected=False)
    got = await user.disconnected()
    assert got["error"] == AUTHENTICATION_FAILED and abroad.domain in got["message"] and "password" in got["message"]


async def test_an_unknown_account_is_told(backend, abroad):
    user = await User(backend, abroad, account="nobody").login(connected=False)
    assert (await user.disconnected())["error"] == AUTHENTICATION_FAILED


@pytest.mark.parametrize("name", ["", "al", "@b.test", "al@b.test@c.test", "al smith@b.test"])
async def test_names_that_are_no_accounts(backend, prosody_abroad, name):
    user = User(backend, prosody_abroad)
    user.name = name
    await user.login(connected=False)
    got = await user.disconnected()
    assert got["error"] == INVALID_USERNAME and "name@example.org" in got["message"]


@pytest.mark.parametrize("name", ["al@gmail.com", "al@googlemail.com"])
async def test_google_talk_is_over(backend, prosody_abroad, name):
    user = User(backend, prosody_abroad)
    user.name = name
    await user.login(connected=False)
    got = await user.disconnected()
    assert got["error"] == INVALID_USERNAME and "Google has ended" in got["message"]


async def test_an_unknown_domain_is_told(backend, abroad):
    user = User(backend, abroad)
    user.name = "al@unknown.test"
    await user.login(connected=False)
    got = await user.disconnected()
    # The server may say it, or show a certificate that does not fit.
    assert got["error"] in (INVALID_USERNAME, CERT_MISMATCH) and "unknown.test" in got["message"]


async def test_nobody_listens(backends, prosody_abroad):
    from processes import free_port
    user = await User(await backends(prosody_abroad, port=free_port()), prosody_abroad).login(connected=False)
    got = await user.disconnected()
    assert got["error"] == NETWORK and "Connection refused" in got["message"]


@pytest.mark.parametrize("name, error, word", [("old", CERT_EXPIRED, "expired"),
                                               ("other", CERT_MISMATCH, "elsewhere.test")])
async def test_bad_certificates(directories, backends, name, error, word):
    from conftest import serve
    for host in serve(lambda directory: ForeignProsody(directory, name=name), directories("abroad")):
        backend = await backends(host, xmpp__tls_ca_file=host.directory / f"{name}.crt")
        user = await User(backend, host).login(connected=False)
        got = await user.disconnected()
        assert got["error"] == error and word in got["message"], got
        # The others of this process are not disturbed, and who says that he does not care gets in.
        careless = await backends(host, xmpp__verify_cert=0)
        await User(careless, host).login()


async def test_a_certificate_of_nobody(backends, prosody_abroad):
    backend = await backends(prosody_abroad, xmpp__tls_ca_file="")
    user = await User(backend, prosody_abroad).login(connected=False)
    got = await user.disconnected()
    assert got["error"] == CERT_SELF_SIGNED and "self-signed" in got["message"]


async def test_two_users_of_one_account_do_not_disturb_each_other(backend, abroad, people):
    first = await User(backend, abroad).login()
    second = await User(backend, abroad, account=first.account).login()
    bob = await people("bob", host=abroad)
    first.say(bob.jid, "from the first")
    await bob.expect(message(body="from the first"))
    second.say(bob.jid, "from the second")
    await bob.expect(message(body="from the second"))
    bob.send_message(first.address, "to both")
    await first.expect(said(bob.jid, "to both"))
    await second.expect(said(bob.jid, "to both"))


async def test_the_same_resource_elsewhere_is_told(backend, abroad, people):
    al = await User(backend, abroad, resource="desk").login()
    await people(host=abroad, account=al.account, resource="desk", kind=RawUser)
    got = await al.disconnected()
    assert got["error"] == NAME_IN_USE and "resource" in got["message"]


# Contacts


async def test_contacts_with_names_and_groups(backend, abroad, people, bob):
    account = abroad.account("al")
    own = await people(host=abroad, account=account, resource="other")
    await own.iq(None, f"<query xmlns='jabber:iq:roster'><item jid='{bob.jid}' name='Robert'><group>Work</group>"
                       "<group>Chess</group></item></query>", "set")
    al = await User(backend, abroad, account=account).login()
    one = await al.contact(bob.jid)
    assert one["alias"] == "Robert" and sorted(one["group"]) == ["Chess", "Work"] and one["status"] == LEFT
    # A change from the network, and one from here.
    await own.iq(None, f"<query xmlns='jabber:iq:roster'><item jid='{bob.jid}' name='Rob'/></query>", "set")
    one = await al.contact(bob.jid, alias="Rob")
    assert not one.get("group")
    own.take(matches("iq"))
    backend.send("BUDDY_CHANGED", userName=al.jid, buddyName=bob.jid, alias="Bobby", group=["Old"])
    push = await own.expect(matches("iq", type="set", where=lambda s: "Bobby" in repr(s)))
    assert "Old" in repr(push)
    backend.send("BUDDY_REMOVED", userName=al.jid, buddyName=bob.jid)
    await own.expect(matches("iq", type="set", where=lambda s: 'subscription="remove"' in repr(s)))
    await own.iq(None, f"<query xmlns='jabber:iq:roster'><item jid='{bob.jid}' name='Back'/></query>", "set")
    await al.contact(bob.jid, alias="Back")
    await own.iq(None, f"<query xmlns='jabber:iq:roster'><item jid='{bob.jid}' subscription='remove'/></query>", "set")
    await al.expect(got("BUDDY_REMOVED", buddyName=bob.jid))


async def test_requests_and_presence(al, bob):
    await befriend(al, bob)
    bob.send("<presence><show>dnd</show><status>busy</status><priority>5</priority></presence>")
    await al.contact(bob.jid, status=DND, statusMessage="busy", alias="Bob")
    al.status(AWAY, "out")
    await bob.expect(available(al.address, show="away", status="out"))
    bob.send_presence(type="unavailable")
    await al.contact(bob.jid, status=LEFT)
    bob.send_presence()
    await al.contact(bob.jid, status=ONLINE)
    al.logout()
    await bob.expect(unavailable(al.address))


async def test_the_client_with_the_highest_priority_counts(al, bob, people, abroad):
    await befriend(al, bob)
    bob.send("<presence><priority>1</priority><status>first</status></presence>")
    await al.contact(bob.jid, statusMessage="first")
    second = await people(host=abroad, account=bob.user, resource="second", initial_presence=False)
    second.send("<presence><show>xa</show><priority>9</priority><status>second</status></presence>")
    await al.contact(bob.jid, statusMessage="second")
    second.send_presence(type="unavailable")
    await al.contact(bob.jid, statusMessage="first")


async def test_a_request_is_refused(al, bob):
    bob.send_presence(al.address, "subscribe")
    await al.expect(got("AUTH_REQUEST", buddyName=bob.jid))
    al.backend.send("BUDDY_REMOVED", userName=al.jid, buddyName=bob.jid)
    await bob.expect(presence(al.address, "unsubscribed"))


async def test_a_request_waits_for_the_log_in(backend, abroad, bob):
    account = abroad.account("al")
    bob.send_presence(f"{account}@{abroad.domain}", "subscribe")
    await bob.sync(abroad.domain)
    al = await User(backend, abroad, account=account).login()
    await al.expect(got("AUTH_REQUEST", buddyName=bob.jid))


async def test_blocking(al, bob):
    await befriend(al, bob)
    al.backend.send("BUDDY_CHANGED", userName=al.jid, buddyName=bob.jid, blocked=1)
    await al.contact(bob.jid, blocked=1)
    await al.expect(got("BLOCK_RESULT", buddy=bob.jid, condition=0))
    bob.send_message(al.address, "can you hear me")
    refused = await bob.expect(message(type="error"))
    assert refused.condition
    al.take(got("BUDDY_CHANGED"))
    al.backend.send("BUDDY_CHANGED", userName=al.jid, buddyName=bob.jid, blocked=0)
    await al.contact(bob.jid, blocked=None)
    await al.expect(got("BLOCK_RESULT", buddy=bob.jid, condition=0))
    bob.send_message(al.address, "and now")
    await al.expect(said(bob.jid, "and now"))
    assert not al.take(said(bob.jid, "can you hear me"))


# Messages


async def test_chat_both_ways(al, bob):
    id = al.say(bob.jid, "hello <you> & all")
    here = await bob.expect(message(al.address, "hello <you> & all"))
    assert here.type == "chat" and here.id == id
    done = await al.expect(result(id))
    assert done["networkId"] == id
    bob.send_message(al.address, "hi ✌", id="b1")
    there = await al.expect(said(bob.jid, "hi ✌"))
    assert there["id"] == "b1" and not there.get("carbon") and not there.get("timeMs")


async def test_a_message_to_nobody_ends_with_an_error(al, abroad):
    id = al.say(f"nobody@{abroad.domain}", "hello")
    refused = await al.expect(got("MESSAGE_RESULT", id=id))
    # Some servers keep what nobody will ever read.
    assert refused["condition"] in (18, 0), refused
    id = al.say("not a name at all@", "hello")
    assert (await al.expect(got("MESSAGE_RESULT", id=id)))["condition"] == 8


async def test_receipts(al, bob):
    await befriend(al, bob)
    id = al.say(bob.jid, "read this", wantReceipt=1)
    here = await bob.expect(message(al.address, "read this"))
    assert here.child("request", "urn:xmpp:receipts") is not None
    bob.send_message(here.sender, content=f"<received xmlns='urn:xmpp:receipts' id='{id}'/>")
    await al.expect(got("CONV_MESSAGE_ACK", id=id, buddyName=bob.jid))
    bob.send_message(al.address, "and you this", "<request xmlns='urn:xmpp:receipts'/>", id="b7")
    await al.expect(said(bob.jid, "and you this"))
    back = await bob.expect(message(al.address, where=lambda s: s.child("received", "urn:xmpp:receipts") is not None))
    assert back.child("received", "urn:xmpp:receipts").get("id") == "b7"


async def test_strangers_get_no_receipt(al, bob):
    bob.send_message(al.address, "who are you", "<request xmlns='urn:xmpp:receipts'/>")
    await al.expect(said(bob.jid, "who are you"))
    al.say(bob.jid, "al")
    await bob.expect(message(al.address, "al"))
    assert not bob.take(message(al.address))


async def test_chat_states_and_attention(al, bob):
    al.backend.send("BUDDY_TYPING", userName=al.jid, buddyName=bob.jid)
    await bob.expect(message(al.address, chat_state="composing", body=None))
    al.backend.send("BUDDY_TYPED", userName=al.jid, buddyName=bob.jid)
    await bob.expect(message(al.address, chat_state="paused"))
    bob.send_message(al.address, content="<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await al.expect(got("BUDDY_TYPING", buddyName=bob.jid))
    bob.send_message(al.address, content="<active xmlns='http://jabber.org/protocol/chatstates'/>")
    await al.expect(got("BUDDY_STOPPED_TYPING", buddyName=bob.jid))
    bob.send_message(al.address, content="<attention xmlns='urn:xmpp:attention:0'/>", type="headline")
    await al.expect(got("ATTENTION", buddyName=bob.jid))
    al.backend.send("ATTENTION", userName=al.jid, buddyName=bob.jid, message="", id="a1")
    await bob.expect(message(al.address, where=lambda s: s.child("attention", "urn:xmpp:attention:0") is not None))
    await al.expect(result("a1"))


async def test_formatted_text(al, bob):
    al.say(bob.jid, "very bold", xhtml="very <strong>bold</strong><script>alert(1)</script>")
    here = await bob.expect(message(al.address, "very bold"))
    assert "strong" in repr(here) and "script" not in repr(here)
    bob.send_message(al.address, "red", "<html xmlns='http://jabber.org/protocol/xhtml-im'>"
                     "<body xmlns='http://www.w3.org/1999/xhtml'><em>red</em></body></html>")
    there = await al.expect(said(bob.jid, "red"))
    assert there["xhtml"] == "<em>red</em>"


async def test_files(al, bob):
    url = "https://files.b.test/cat.png"
    bob.send_message(al.address, url, f"<x xmlns='jabber:x:oob'><url>{url}</url></x>")
    there = await al.expect(got("CONV_MESSAGE", buddyName=bob.jid, attachment=lambda a: a[0]["url"] == url))
    assert not there["message"]
    al.say(bob.jid, "", attachment=[{"url": url}])
    here = await bob.expect(message(al.address, url))
    assert here.child("x", "jabber:x:oob") is not None


async def test_corrections_reactions_replies_retractions_markers(al, bob):
    id = al.say(bob.jid, "teh cat")
    await bob.expect(message(al.address, "teh cat"))
    al.say(bob.jid, "the cat", replaces=id)
    here = await bob.expect(message(al.address, "the cat"))
    assert here.child("replace", "urn:xmpp:message-correct:0").get("id") == id
    bob.send_message(al.address, "dog", id="d1")
    await al.expect(said(bob.jid, "dog"))
    bob.send_message(al.address, "dogs", "<replace xmlns='urn:xmpp:message-correct:0' id='d1'/>", id="d2")
    assert (await al.expect(said(bob.jid, "dogs")))["replaces"] == "d1"
    # Reactions
    bob.send_message(al.address, content=f"<reactions xmlns='urn:xmpp:reactions:0' id='{id}'><reaction>👍</reaction>"
                                         "</reactions>")
    there = await al.expect(got("ANNOTATION", target=id))
    assert there["reaction"] == ["👍"] and there["peer"] == bob.jid
    al.backend.send("ANNOTATION", user=al.jid, peer=bob.jid, kind=0, target="d1", id="r1", reaction=["🎉"])
    await bob.expect(message(al.address, where=lambda s: "🎉" in repr(s) and "d1" in repr(s)))
    await al.expect(result("r1"))
    # Replies
    bob.send_message(al.address, "> the cat\nyes", f"<reply xmlns='urn:xmpp:reply:0' id='{id}' to='{al.address}'/>"
                     "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='10'/></fallback>")
    there = await al.expect(said(bob.jid, "yes"))
    assert there["replyTo"] == id and there["replyText"] == "the cat" and there["replyAuthor"] == al.name
    al.say(bob.jid, "me too", replyTo="d1", replyAuthor=bob.jid, replyText="dogs")
    here = await bob.expect(message(al.address, "> dogs\nme too"))
    assert here.child("reply", "urn:xmpp:reply:0").get("to") == bob.jid
    # Read, and taken back
    bob.send_message(al.address, content=f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{id}'/>")
    await al.expect(got("ANNOTATION", target=id, kind=2))
    bob.send_message(al.address, content="<retract xmlns='urn:xmpp:message-retract:1' id='d1'/>")
    await al.expect(got("ANNOTATION", target="d1", kind=1))
    al.backend.send("ANNOTATION", user=al.jid, peer=bob.jid, kind=1, target=id, id="r2")
    await bob.expect(message(al.address, where=lambda s: s.child("retract", "urn:xmpp:message-retract:1") is not None))
    await al.expect(result("r2"))


async def test_own_words_from_another_client(al, bob, people, abroad):
    phone = await people(host=abroad, account=al.account, resource="phone")
    phone.send_message(bob.jid, "from my phone", id="p1")
    await bob.expect(message(al.address, "from my phone"))
    copy = await al.expect(said(bob.jid, "from my phone"))
    assert copy["carbon"] and copy["id"] == "p1"
    # What went through here does not come back.
    al.say(bob.jid, "from the gateway")
    await bob.expect(message(al.address, "from the gateway"))
    bob.send_message(f"{al.address}/phone", "to the phone")
    await al.expect(said(bob.jid, "to the phone"))
    assert not al.take(said(bob.jid, "from the gateway"))


async def test_copies_are_believed_only_from_the_own_account(al, bob, abroad):
    forged = ("<{0} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
              "type='chat' from='{1}' to='{2}'><body>forged</body></message></forwarded></{0}>")
    bob.send_message(al.address, content=forged.format("sent", al.address, "boss@" + abroad.domain))
    bob.send_message(al.address, content=forged.format("received", "boss@" + abroad.domain, al.address))
    bob.send_message(al.address, "real")
    await al.expect(said(bob.jid, "real"))
    assert not al.take(got("CONV_MESSAGE", message="forged"))


# Rooms


def nick_in(people, nick):
    return next(one for one in people if one["nickname"] == nick)


@pytest_asyncio.fixture
async def room(al, bob, abroad):
    """al and bob in one room; bob is its owner."""
    class Room:
        pass
    room = Room()
    room.name = f"{fresh('tea')}@{abroad.rooms}"
    bob.enter(room.name, "bob")
    await bob.expect(presence(f"{room.name}/bob", where=lambda s: 110 in s.codes))
    await bob.iq(room.name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                            "type='submit'/></query>", "set")
    room.people, room.subject = await al.join_room(room.name, "alice")
    await bob.expect(available(f"{room.name}/alice"))
    return room


async def test_a_join_shows_others_then_oneself_then_the_subject(room):
    assert [one["nickname"] for one in room.people] == ["bob", "alice"]
    bob, alice = room.people
    assert (bob["affiliation"], bob["role"]) == (4, 4) and bob["flag"] & 1
    assert alice["role"] == 3 and alice["flag"] & 16
    assert not room.subject["message"]


async def test_talk_in_a_room(al, bob, room):
    id = al.say(room.name, "hello all")
    here = await bob.expect(message(f"{room.name}/alice", "hello all"))
    assert here.type == "groupchat"
    back = await al.expect(said(room.name, "hello all"))
    assert back["nickname"] == "alice" and back["ownId"] == id and back["id"] != id
    done = await al.expect(result(id))
    assert done["networkId"] == back["id"]
    bob.send_message(room.name, "hello alice", type="groupchat")
    there = await al.expect(said(room.name, "hello alice"))
    assert there["nickname"] == "bob" and not there.get("ownId")


async def test_private_words_in_a_room(al, bob, room):
    id = al.say(room.name, "psst", nickname="bob", pm=1)
    here = await bob.expect(message(f"{room.name}/alice", "psst"))
    assert here.type == "chat"
    await al.expect(result(id))
    bob.send_message(f"{room.name}/alice", "what", "<x xmlns='http://jabber.org/protocol/muc#user'/>")
    there = await al.expect(said(room.name, "what"))
    assert there["pm"] and there["nickname"] == "bob"
    id = al.say(room.name, "anybody", nickname="nobody", pm=1)
    if (await al.expect(got("MESSAGE_RESULT", id=id)))["condition"] == 0:  # the server took it, the room refuses later
        await al.expect(got("CONV_MESSAGE", buddyName=room.name, nickname="nobody",
                            message=lambda text: "not delivered" in text))


async def test_the_subject_of_a_room(al, bob, room):
    bob.send_message(room.name, content="<subject>Tea at five</subject>", type="groupchat")
    there = await al.expect(got("ROOM_SUBJECT_CHANGED", message="Tea at five"))
    assert there["nickname"] == "bob"
    id = al.topic(room.name, "Cakes")
    end = await al.expect(got("MESSAGE_RESULT", id=id))
    # Who may change it is the room's business; refused or done, it is told.
    if end["condition"] == 0:
        await bob.expect(message(f"{room.name}/alice", subject="Cakes"))
    else:
        assert end["condition"] == 4


async def test_nicknames_in_a_room(al, bob, room):
    al.enter(room.name, "ally")
    await bob.expect(unavailable(f"{room.name}/alice", where=lambda s: 303 in s.codes))
    await al.expect(participant(room.name, "alice", newname="ally"))
    await al.expect(got("ROOM_NICKNAME_CHANGED", nickname="ally"))
    al.enter(room.name, "bob")
    refused = await al.expect(got("ROOM_ERROR", nickname="bob"))
    assert refused["condition"] == 2
    # Still there.
    id = al.say(room.name, "still here")
    await al.expect(result(id))
    bob.send_presence(f"{room.name}/robert")
    await al.expect(participant(room.name, "bob", newname="robert"))


async def test_occupants_come_and_go(al, bob, room, people, abroad):
    carol = await people("carol", host=abroad)
    carol.enter(room.name, "carol")
    await al.expect(participant(room.name, "carol", status=ONLINE))
    carol.send(f"<presence to='{room.name}/carol'><show>away</show><status>tea</status></presence>")
    await al.expect(participant(room.name, "carol", status=AWAY, statusMessage="tea"))
    carol.leave(room.name, "carol", "bye")
    await al.expect(participant(room.name, "carol", status=LEFT, statusMessage="bye"))


async def test_kicked_and_banned(al, bob, room):
    kick = ("<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='alice' role='none'><reason>noise</reason>"
            "</item></query>")
    await bob.iq(room.name, kick, "set")
    gone = await al.expect(participant(room.name, "alice", status=LEFT))
    assert gone["flag"] & 32 and gone["flag"] & 16 and gone["statusMessage"] == "noise"
    await al.join_room(room.name, "alice")
    ban = (f"<query xmlns='http://jabber.org/protocol/muc#admin'><item jid='{al.address}' affiliation='outcast'>"
           "<reason>more noise</reason></item></query>")
    await bob.iq(room.name, ban, "set")
    gone = await al.expect(participant(room.name, "alice", status=LEFT))
    assert gone["flag"] & 4
    al.enter(room.name, "alice")
    refused = await al.expect(got("ROOM_ERROR", room=room.name))
    assert refused["condition"] == 4


async def test_leaving_and_coming_back(al, bob, room):
    al.leave(room.name)
    await bob.expect(unavailable(f"{room.name}/alice"))
    await al.join_room(room.name, "alice")
    await bob.expect(available(f"{room.name}/alice"))
    # One more client: all is shown again.
    people, _ = await al.join_room(room.name, "alice")
    assert {one["nickname"] for one in people} == {"bob", "alice"}
    id = al.say(room.name, "hello")
    await al.expect(result(id))


async def test_what_was_said_before_a_join(al, bob, abroad, backend):
    name = f"{fresh('old')}@{abroad.rooms}"
    bob.enter(name, "bob")
    await bob.expect(presence(f"{name}/bob", where=lambda s: 110 in s.codes))
    await bob.iq(name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                       "type='submit'/></query>", "set")
    bob.send_message(name, "long ago", type="groupchat")
    await bob.expect(message(body="long ago"))
    await al.join_room(name, "alice")
    there = await al.expect(said(name, "long ago"))
    assert there["timeMs"] and there["nickname"] == "bob"


async def test_a_new_room_can_be_used_at_once(al, abroad, people):
    name = f"{fresh('new')}@{abroad.rooms}"
    await al.join_room(name, "alice")
    carol = await people("carol", host=abroad)
    carol.enter(name, "carol")
    await al.expect(participant(name, "carol"))


@pytest.mark.parametrize("name", ["tea", "rooms.b.test", "tea@rooms.b.test/nick"])
async def test_names_that_are_no_rooms(al, name):
    al.enter(name, "alice")
    refused = await al.expect(got("ROOM_ERROR"))
    assert refused["condition"] == 8 and "room@conference.example.org" in refused["text"]


async def test_a_room_that_nobody_serves(al, abroad):
    al.enter(f"tea@nowhere.{abroad.domain}", "alice")
    refused = await al.expect(got("ROOM_ERROR"), 30)
    assert refused["condition"]


async def test_words_to_a_room_without_being_there(al, abroad):
    id = al.say(f"tea@{abroad.rooms}", "hello", nickname="bob", pm=1)
    assert (await al.expect(got("MESSAGE_RESULT", id=id)))["condition"] == 9


async def test_reactions_and_replies_in_a_room(al, bob, room):
    id = al.say(room.name, "teh tea")
    here = await bob.expect(message(f"{room.name}/alice", "teh tea"))
    name = here.child("stanza-id", "urn:xmpp:sid:0").get("id")
    own = await al.expect(said(room.name, "teh tea"))
    assert own["id"] == name
    # A correction goes by the id that the author chose, however the main process calls it.
    al.say(room.name, "the tea", replaces=name)
    here = await bob.expect(message(f"{room.name}/alice", "the tea"))
    assert here.child("replace", "urn:xmpp:message-correct:0").get("id") == id
    assert (await al.expect(said(room.name, "the tea")))["replaces"] == name
    bob.send_message(room.name, content=f"<reactions xmlns='urn:xmpp:reactions:0' id='{name}'><reaction>☕</reaction>"
                                        "</reactions>", type="groupchat")
    there = await al.expect(got("ANNOTATION", target=name))
    assert there["reaction"] == ["☕"] and there["nickname"] == "bob"
    bob.send_message(room.name, "cake", type="groupchat", id="c1")
    cake = await al.expect(said(room.name, "cake"))
    bob.send_message(room.name, "cakes", "<replace xmlns='urn:xmpp:message-correct:0' id='c1'/>", type="groupchat")
    assert (await al.expect(said(room.name, "cakes")))["replaces"] == cake["id"]
    al.say(room.name, "yes", replyTo=cake["id"], replyAuthor="bob", replyText="cakes")
    here = await bob.expect(message(f"{room.name}/alice", "> cakes\nyes"))
    assert here.child("reply", "urn:xmpp:reply:0").get("to") == f"{room.name}/bob"
    al.backend.send("ANNOTATION", user=al.jid, peer=room.name, kind=1, target=name, id="r9")
    await bob.expect(message(where=lambda s: s.child("retract", "urn:xmpp:message-retract:1") is not None))
    await al.expect(result("r9"))


# Places


async def test_bookmarks_and_public_rooms_are_listed(backend, abroad, people, bob):
    account = abroad.account("al")
    own = await people(host=abroad, account=account, resource="other")
    public, kept = f"{fresh('public')}@{abroad.rooms}", f"{fresh('kept')}@{abroad.rooms}"
    for name in (public, kept):
        bob.enter(name, "bob")
        await bob.expect(presence(f"{name}/bob", where=lambda s: 110 in s.codes))
        await bob.iq(name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                           "type='submit'/></query>", "set")
    bookmark = (f"<item id='{kept}'><conference xmlns='urn:xmpp:bookmarks:1' name='Kept' autojoin='true'>"
                "<nick>ally</nick></conference></item>")
    options = ("<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>"
               "http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#persist_items'>"
               "<value>true</value></field><field var='pubsub#access_model'><value>whitelist</value></field></x>"
               "</publish-options>")
    answer = await own.iq(None, "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>"
                                f"{bookmark}</publish>{options}</pubsub>", "set")
    assert answer.type == "result", answer
    al = await User(backend, abroad, account=account).login()
    listed = await al.expect(got("ROOM_LIST"))
    names = dict(zip(listed["room"], listed["name"]))
    assert names[kept] == "Kept" and public in names
    # The bookmark said so: he is in there.
    await bob.expect(available(f"{kept}/ally"))
    bob.send_message(kept, "welcome", type="groupchat")
    await al.expect(said(kept, "welcome"))


async def test_old_bookmarks(backend, abroad, people):
    account = abroad.account("al")
    own = await people(host=abroad, account=account, resource="other")
    await own.iq(None, "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference name='Old one' "
                       f"jid='oldone@{abroad.rooms}'/></storage></query>", "set")
    al = await User(backend, abroad, account=account).login()
    listed = await al.expect(got("ROOM_LIST"))
    assert dict(zip(listed["room"], listed["name"]))[f"oldone@{abroad.rooms}"] == "Old one"


# Profiles

PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


async def card_of(al, name):
    al.numbers_of_cards = getattr(al, "numbers_of_cards", 0) + 1
    al.backend.send("VCARD", userName=al.jid, buddyName=name, id=al.numbers_of_cards)
    return await al.expect(got("VCARD", id=al.numbers_of_cards))


async def test_cards(al, bob):
    import base64
    await bob.iq(None, "<vCard xmlns='vcard-temp'><FN>Bob Bobson</FN><NICKNAME>Bobby</NICKNAME><ADR><LOCALITY>Oslo"
                       "</LOCALITY></ADR><ORG><ORGNAME>Tea Inc.</ORGNAME></ORG><PHOTO><TYPE>image/png"
                       f"</TYPE><BINVAL>{PIXEL}</BINVAL></PHOTO></vCard>", "set")
    card = await card_of(al, bob.jid)
    assert card["fullname"] == "Bob Bobson" and card["nickname"] == "Bobby" and card["buddyName"] == bob.jid
    assert card["photo"] == base64.b64decode(PIXEL) and card["city"] == "Oslo" and card["organisation"] == "Tea Inc."
    nobody = await card_of(al, f"nobody@{al.host.domain}")
    assert not nobody.get("fullname") and not nobody.get("photo")


async def test_the_picture_of_a_contact(al, bob):
    import base64
    import hashlib
    data = base64.b64decode(PIXEL)
    hash = hashlib.sha1(data).hexdigest()
    await befriend(al, bob)
    await bob.iq(None, f"<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>{PIXEL}</BINVAL></PHOTO></vCard>",
                 "set")
    bob.send(f"<presence><x xmlns='vcard-temp:x:update'><photo>{hash}</photo></x></presence>")
    await al.contact(bob.jid, iconHash=hash)


async def test_a_picture_by_pep(al, bob):
    import base64
    import hashlib
    data = base64.b64decode(PIXEL)
    hash = hashlib.sha1(data).hexdigest()
    await befriend(al, bob)
    pubsub = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{}'><item id='{}'>{}</item></publish></pubsub>"
    await bob.iq(None, pubsub.format("urn:xmpp:avatar:data", hash, f"<data xmlns='urn:xmpp:avatar:data'>{PIXEL}</data>"), "set")
    await bob.iq(None, pubsub.format("urn:xmpp:avatar:metadata", hash, "<metadata xmlns='urn:xmpp:avatar:metadata'>"
                                     f"<info id='{hash}' bytes='{len(data)}' type='image/png'/></metadata>"), "set")
    await al.contact(bob.jid, iconHash=hash)
    assert (await card_of(al, bob.jid))["photo"] == data


async def test_the_own_picture(al, bob):
    import base64
    import hashlib
    data = base64.b64decode(PIXEL)
    hash = hashlib.sha1(data).hexdigest()
    await befriend(al, bob)
    al.backend.send("VCARD", userName=al.jid, buddyName="", id=0, photo=data, fullname="Al Alberts", city="Prague")
    await bob.expect(available(al.address, where=lambda s: hash in repr(s)))
    for _ in range(100):  # a server that keeps card and picture alike writes the card once more
        card = repr(await bob.iq(al.address, "<vCard xmlns='vcard-temp'/>")).replace("\n", "")
        missing = [part for part in (PIXEL, "Al Alberts", "Prague") if part not in card]
        if not missing:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{missing} not in {card}")


# Breaks of the connection


@pytest_asyncio.fixture
async def proxy(abroad):
    one = await Proxy(abroad.port).start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def al_behind(backends, abroad, proxy):
    """Behind a proxy that the test can cut."""
    return await User(await backends(abroad, port=proxy.port), abroad).login()


async def lost(al):
    """Waits until the backend has noticed."""
    while "connection lost" not in al.backend.log():
        await asyncio.sleep(0.02)


async def test_a_session_is_resumed_after_a_cut(al_behind, bob, proxy):
    al = al_behind
    await befriend(al, bob)
    bob.take(presence(al.address))
    before = proxy.connections
    proxy.cut()
    bob.send_message(al.address, "while you were away")
    id = al.say(bob.jid, "did you hear me")
    await bob.expect(message(al.address, "did you hear me"), 20)
    await al.expect(result(id), 20)
    await al.expect(said(bob.jid, "while you were away"), 20)
    assert proxy.connections > before and "resumed" in al.backend.log()
    # Nobody has noticed, and nothing came twice.
    assert not bob.take(presence(al.address)) and not bob.take(message(al.address, "did you hear me"))
    assert not al.take(got("DISCONNECTED")) and not al.take(said(bob.jid, "while you were away"))


async def test_what_was_sent_and_not_confirmed_is_sent_again(al_behind, bob, proxy):
    al = al_behind
    proxy.held = True
    ids = [al.say(bob.jid, f"number {n}") for n in range(5)]
    await al.backend.sync()
    proxy.cut()
    proxy.held = False
    for n, id in enumerate(ids):
        await bob.expect(message(al.address, f"number {n}"), 20)
        await al.expect(result(id), 20)
    await bob.sync(bob.domain)
    assert not bob.take(message(al.address))


async def test_a_new_session_after_a_restart_of_the_server(directories, backends, people):
    from conftest import serve
    for host in serve(ForeignProsody, directories("abroad")):
        bob = await people("bob", host=host)
        al = await User(await backends(host), host).login()
        await befriend(al, bob)
        name = f"tea@{host.rooms}"
        await al.join_room(name, "alice")
        host.kill()
        host.start()
        again = await people(host=host, account=bob.user, resource="again")
        # Contacts, rooms and words are there again, and the main process has not been told of an end.
        await al.expect(participant(name, "alice", flag=lambda flag: flag & 16), 30)
        await al.contact(bob.jid, 30, status=ONLINE)
        again.send_message(al.address, "good morning")
        await al.expect(said(bob.jid, "good morning"), 30)
        id = al.say(name, "still here")
        await al.expect(result(id))
        assert not al.take(got("DISCONNECTED"))


async def test_what_was_missed_comes_from_the_archive_once(directories, backends, people):
    """The server forgets sessions at once, so that only the archive knows."""
    from conftest import serve
    for host in serve(lambda directory: ForeignProsody(directory, hibernation=1), directories("abroad")):
        bob = await people("bob", host=host)
        proxy = await Proxy(host.port).start()
        al = await User(await backends(host, port=proxy.port), host).login()
        phone = await people(host=host, account=al.account, resource="phone")
        await befriend(al, bob)
        bob.send_message(al.address, "before")
        await al.expect(said(bob.jid, "before"))
        await proxy.close_port()
        proxy.cut()
        await bob.expect(unavailable(f"{al.address}", where=lambda s: "phone" not in s.sender), 20)
        for n in range(120):  # more than a page
            bob.send_message(al.address, f"missed {n}")
        await phone.expect(message(bob.jid, "missed 119"), 20)
        phone.send_message(bob.jid, "my own words")
        await bob.expect(message(body="my own words"))
        await proxy.open_port()
        for n in range(120):
            there = await al.expect(said(bob.jid, f"missed {n}"), 30)
            assert there["timeMs"]
        own = await al.expect(said(bob.jid, "my own words"))
        assert own["carbon"]
        bob.send_message(al.address, "after")
        await al.expect(said(bob.jid, "after"))
        assert not al.take(said(bob.jid, "before")) and not al.take(got("CONV_MESSAGE"))
        await proxy.stop()


async def test_occupants_who_left_in_a_break(directories, backends, people):
    from conftest import serve
    for host in serve(lambda directory: ForeignProsody(directory, hibernation=1), directories("abroad")):
        bob, carol = await people("bob", host=host), await people("carol", host=host)
        proxy = await Proxy(host.port).start()
        al = await User(await backends(host, port=proxy.port), host).login()
        name = f"tea@{host.rooms}"
        await bob.join(name, "bob")
        await bob.iq(name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                           "type='submit'/></query>", "set")
        await carol.join(name, "carol")
        await al.join_room(name, "alice")
        bob.send_message(name, "before", type="groupchat")
        await al.expect(said(name, "before"))
        await proxy.close_port()
        proxy.cut()
        await bob.expect(unavailable(f"{name}/alice"), 20)
        carol.leave(name, "carol")
        await bob.expect(unavailable(f"{name}/carol"))
        bob.send_message(name, "missed", type="groupchat")
        await bob.expect(message(f"{name}/bob", "missed"))
        await proxy.open_port()
        await al.expect(participant(name, "carol", status=LEFT), 30)
        await al.expect(participant(name, "alice", flag=lambda flag: flag & 16))
        await al.expect(said(name, "missed"))
        assert not al.take(said(name, "before"))
        await proxy.stop()


async def test_words_of_a_long_break_are_refused(al_behind, bob, proxy):
    al = al_behind
    await proxy.close_port()
    proxy.cut()
    await lost(al)
    id = al.say(bob.jid, "can you hear me")
    end = await al.expect(got("MESSAGE_RESULT", id=id), 45)
    assert end["condition"] == 13 and "no connection" in end["text"]


@pytest.mark.slow
async def test_a_server_that_stays_away_is_told(al_behind, proxy):
    await proxy.close_port()
    proxy.cut()
    for _ in range(4):  # a main process that says nothing is taken for dead
        await al_behind.backend.sync()
        await asyncio.sleep(0 if al_behind.backend.inbox.waiting else 15)
    got = await al_behind.disconnected(30)
    assert got["error"] == NETWORK and "Connection refused" in got["message"]


async def test_the_break_of_one_does_not_touch_another(backends, abroad, proxy, bob):
    backend = await backends(abroad, port=proxy.port)
    al = await User(backend, abroad).login()
    other = User(backend, abroad)
    other.name = "nobody@" + abroad.domain
    await other.login(connected=False)
    assert (await other.disconnected())["error"] == AUTHENTICATION_FAILED
    id = al.say(bob.jid, "here I am")
    await bob.expect(message(al.address, "here I am"))
    await al.expect(result(id))


# Orders about rooms

PEOPLE, CHANGE, INVITE, DECLINE, VOICE, FORM, CONFIGURE, DESTROY, CATALOG = range(9)


async def order(al, verb, room, **more):
    al.orders = getattr(al, "orders", 0) + 1
    al.backend.send("ROOM_ORDER", user=al.jid, request=al.orders, verb=verb, room=room, **more)
    return await al.expect(got("ROOM_ANSWER", request=al.orders))


@pytest_asyncio.fixture
async def own_room(al, bob, abroad):
    """al is the owner, bob is there."""
    class Room:
        pass
    room = Room()
    room.name = f"{fresh('own')}@{abroad.rooms}"
    await al.join_room(room.name, "alice")
    await al.expect(got("ROOM_INFO", room=room.name))  # after which it is open for others
    await bob.join(room.name, "bob")
    await al.expect(participant(room.name, "bob"))
    return room


async def test_who_is_what_in_a_room(al, bob, own_room):
    owners = await order(al, PEOPLE, own_room.name, person={"affiliation": 4})
    assert [one["name"] for one in owners["person"]] == [al.address] and owners["condition"] == 0
    answer = await order(al, CHANGE, own_room.name, person={"name": bob.jid, "affiliation": 2})
    assert answer["condition"] == 0
    await al.expect(participant(own_room.name, "bob", affiliation=2))
    members = await order(al, PEOPLE, own_room.name, person={"affiliation": 2})
    assert [one["name"] for one in members["person"]] == [bob.jid]
    # By the nickname, as rooms show it.
    assert (await order(al, CHANGE, own_room.name, person={"nickname": "bob", "affiliation": 3}))["condition"] == 0
    await al.expect(participant(own_room.name, "bob", affiliation=3))


async def test_voice_and_kicks(al, bob, own_room):
    assert (await order(al, CHANGE, own_room.name, person={"nickname": "bob", "role": 2}))["condition"] == 0
    await al.expect(participant(own_room.name, "bob", role=2))
    assert (await order(al, CHANGE, own_room.name, person={"nickname": "bob", "role": 1, "reason": "late"}))["condition"] == 0
    gone = await al.expect(participant(own_room.name, "bob", status=LEFT))
    assert gone["flag"] & 32 and gone["statusMessage"] == "late"
    assert 307 in (await bob.expect(unavailable(f"{own_room.name}/bob"))).codes


async def test_who_may_not_is_told(al, bob, room):
    """bob's room, in which al is nobody."""
    answer = await order(al, CHANGE, room.name, person={"nickname": "bob", "role": 1})
    assert answer["condition"] in (4, 10)
    assert (await order(al, FORM, room.name))["condition"] == 4
    assert (await order(al, PEOPLE, room.name, person={"affiliation": 5}))["condition"] == 4
    assert (await order(al, CHANGE, room.name, person={"role": 1}))["condition"] == 1
    assert (await order(al, INVITE, room.name, person={"name": "no address@"}))["condition"] == 1


async def test_settings_of_a_room(al, own_room):
    form = await order(al, FORM, own_room.name)
    fields = {one["name"]: one for one in form["field"]}
    answer = await order(al, CONFIGURE, own_room.name, field=[{"name": "muc#roomconfig_roomname", "value": "Tea room"},
                                                              {"name": "muc#roomconfig_moderatedroom", "value": "1"}])
    assert answer["condition"] == 0, answer
    after = {one["name"]: one for one in (await order(al, FORM, own_room.name))["field"]}
    assert after["muc#roomconfig_roomname"]["value"] == "Tea room"
    assert after["muc#roomconfig_moderatedroom"]["value"] == "1"
    # What was left alone is as it was.
    name = "muc#roomconfig_membersonly"
    assert after[name]["value"] == fields[name]["value"]
    info = await al.expect(got("ROOM_INFO", title="Tea room"))
    assert info["flags"] & 4


async def test_invitations(al, bob, own_room, people, abroad):
    carol = await people("carol", host=abroad)
    assert (await order(al, INVITE, own_room.name, person={"name": carol.jid, "reason": "tea"}))["condition"] == 0
    invited = await carol.expect(message(own_room.name))
    assert "invite" in repr(invited) and "tea" in repr(invited)
    # And the other way round.
    name = f"{fresh('hers')}@{abroad.rooms}"
    await carol.join(name, "carol")
    await carol.iq(name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/>"
                         "</query>", "set")
    carol.send_message(name, content="<x xmlns='http://jabber.org/protocol/muc#user'><invite "
                                     f"to='{al.address}'><reason>cake</reason></invite></x>", type="normal")
    there = await al.expect(got("ROOM_INVITATION", room=name))
    assert there["reason"] == "cake" and carol.jid in (there.get("name") or "") or there.get("nickname") == "carol"
    assert (await order(al, DECLINE, name, person={"name": carol.jid, "reason": "no time"}))["condition"] == 0
    declined = await carol.expect(message(name, where=lambda s: "decline" in repr(s)))
    assert "no time" in repr(declined)
    bob.send_message(al.address, content=f"<x xmlns='jabber:x:conference' jid='{name}' reason='straight'/>", type="normal")
    there = await al.expect(got("ROOM_INVITATION", room=name, reason="straight"))
    assert there["name"] == bob.jid


async def test_the_end_of_a_room(al, bob, own_room):
    assert (await order(al, DESTROY, own_room.name, person={"reason": "closed"}))["condition"] == 0
    gone = await bob.expect(unavailable(f"{own_room.name}/bob"))
    assert "destroy" in repr(gone)
    await al.expect(participant(own_room.name, "alice", status=LEFT))


async def test_the_catalog_of_a_server(al, own_room, abroad):
    answer = await order(al, CATALOG, abroad.rooms)
    assert own_room.name in [one["name"] for one in answer["room"]]
    while (answer := await order(al, CATALOG, ""))["condition"] == 7:  # it is still being looked for
        await asyncio.sleep(0.05)
    assert own_room.name in [one["name"] for one in answer["room"]]
    assert (await order(al, CATALOG, f"nowhere.{abroad.domain}"))["condition"]
