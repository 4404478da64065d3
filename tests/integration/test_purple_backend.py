# SPDX-License-Identifier: GPL-2.0-or-later
"""The libpurple backend alone: this test is its main process; on the other side are real servers (InspIRCd and Prosody), with
people on them who use other clients than libpurple."""

import asyncio
import base64
import ctypes
import hashlib
import itertools
import os

import pytest
import pytest_asyncio

from gateway import BUILD, SUPPRESSIONS
from ircbackend import (AWAY, KICKED, LEFT, ME, MODERATOR, ONLINE, OWNER, ADMIN, User, dotted, got, participant, result,
                        room_error, said, several)
from ircclient import line
from processes import LIMIT, free_port
from purplebackend import Backend
from purplepeers import XmppNetwork
from stanzas import available, message, presence, unavailable
from wire import CONDITIONS

numbers = itertools.count(1)
PLUGINS = BUILD / "tests/peers"
PRIVATE = 1  # a field that nobody shall look at
DND, XA = 4, 3
NETWORK, NAME, AUTHENTICATION, IMPOSSIBLE = 0, 1, 2, 3
CERT_UNTRUSTED, CERT_EXPIRED, CERT_NOT_YET, CERT_HOSTNAME, CERT_SELF_SIGNED = 9, 10, 11, 12, 14


def fresh(name):
    return f"{name}{next(numbers)}"


@pytest.fixture(scope="session")
def xmpp(directories):
    server = XmppNetwork(directories("xmpp"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def xmpp_tls(directories):
    server = XmppNetwork(directories("xmpp"), "DNS:localhost")
    yield server.start()
    server.stop()


@pytest_asyncio.fixture
async def backends(directories, request):
    async with several(request) as start:
        yield lambda protocol, **settings: start(Backend(directories("purple"), protocol, dotted(settings)))


def plain(server, **more):
    """How to reach an XMPP server without TLS."""
    return {"purple__connect_server": "127.0.0.1", "purple__port": server.port, "purple__auth_plain_in_clear": 1,
            "purple__connection_security": "opportunistic_tls", **more}


@pytest_asyncio.fixture
async def jabber(backends, xmpp):
    return await backends("prpl-jabber", **plain(xmpp))


@pytest_asyncio.fixture
async def irc(backends, inspircd):
    return await backends("prpl-irc", purple__port=inspircd.port)


async def jabber_user(backend, server, name="romeo", **more):
    account = server.account(name)
    user = User(backend, None, f"{account}@localhost", f"pass-{account}")
    return await user.login(**more)


async def irc_user(backend, name="romeo", **more):
    return await User(backend, None, f"{fresh(name)}@127.0.0.1").login(**more)


async def befriend(user, other, group="Friends"):
    """Both see each other's presence."""
    user.backend.send("BUDDY_CHANGED", userName=user.jid, buddyName=other.jid, alias="", group=[group])
    await other.expect(presence(user.name, "subscribe"))
    other.send_presence(user.name, "subscribed")
    other.send_presence(user.name, "subscribe")
    await user.expect(got("AUTH_REQUEST", buddyName=other.jid))
    user.backend.send("BUDDY_CHANGED", userName=user.jid, buddyName=other.jid, alias="", group=[group])
    await other.expect(presence(user.name, "subscribed"))
    await user.expect(got("BUDDY_CHANGED", buddyName=other.jid, status=None))


# What it is


async def test_what_the_protocols_need(backends):
    jabber, irc, bonjour = await backends("prpl-jabber"), await backends("prpl-irc"), await backends("prpl-bonjour")
    assert "needPassword=1" in jabber.config and "needRegistration=1" in jabber.config
    assert "needPassword=1" in irc.config and "needRegistration=0" in irc.config
    assert "needPassword=0" in bonjour.config and "needRegistration=1" in bonjour.config
    assert all("muc=1" in one.config for one in (jabber, irc)) and "muc=0" in bonjour.config
    assert "typing=1" in jabber.config and "typing=0" in irc.config
    assert "needRegistration=0" in (await backends("prpl-jabber", service__server_mode=1)).config


@pytest.mark.parametrize("protocol, settings, words", [
    ("prpl-nothing", {}, ["service.protocol", "prpl-nothing", "prpl-jabber"]),
    ("", {}, ["service.protocol", "prpl-irc"]),
    ("prpl-irc", {"purple__port": "many"}, ["purple.port", "many"]),
    ("prpl-irc", {"purple__ssl": "perhaps"}, ["purple.ssl", "perhaps"]),
    ("prpl-jabber", {"purple__connection_security": "somehow"}, ["purple.connection_security", "somehow"])])
async def test_cr_17_a_wrong_configuration_is_told_at_the_start(directories, protocol, settings, words):
    one = Backend(directories("purple"), protocol, {key.replace("__", "."): value for key, value in settings.items()})
    starting = asyncio.create_task(one.start())
    while one.child is None or one.child.poll() is None:
        await asyncio.sleep(0.02)
    starting.cancel()
    assert one.child.returncode == 1
    errors = [text for text in one.log().splitlines() if "ERROR" in text]
    assert errors and all(word in errors[-1] for word in words), one.log()


async def test_no_file_of_the_home_is_touched(jabber, xmpp):
    await jabber_user(jabber, xmpp)
    await jabber.sync()
    assert not list((jabber.directory / "home").iterdir())
    assert not {"blist.xml", "prefs.xml"} & {path.name for path in (jabber.directory / "work/libpurple").iterdir()}


# Log-in


async def test_names_tell_the_protocol_where_any_is_possible(backends, xmpp, inspircd):
    backend = await backends("any", purple__connect_server="127.0.0.1", purple__auth_plain_in_clear=1,
                             purple__connection_security="opportunistic_tls")
    account = xmpp.account("any")
    port = {"value": [{"key": "port", "value": str(xmpp.port)}]}
    user = User(backend, None, f"prpl-jabber.{account}@localhost", f"pass-{account}")
    await user.login(settings=port)
    nick = fresh("any")
    other = User(backend, None, f"prpl-irc.{nick}@127.0.0.1")
    await other.login(settings={"value": [{"key": "port", "value": str(inspircd.port)}]})
    for name in ("prpl-none.romeo", "romeo", ".romeo", ""):
        lost = await User(backend, None, name, "x").login(connected=False)
        assert (await lost.expect(got("DISCONNECTED", error=NAME)))["message"]


async def test_a_wrong_password_is_told(jabber, xmpp):
    account = xmpp.account("romeo")
    user = await User(jabber, None, f"{account}@localhost", "wrong").login(connected=False)
    assert (await user.expect(got("DISCONNECTED", error=AUTHENTICATION)))["message"]
    await User(jabber, None, f"{account}@localhost", f"pass-{account}").login()  # nothing of the first try is left


async def test_no_password_is_told(jabber, xmpp):
    user = await User(jabber, None, "romeo@localhost").login(connected=False)
    assert "password" in (await user.expect(got("DISCONNECTED", error=IMPOSSIBLE)))["message"]


async def test_an_impossible_name_is_told(jabber):
    user = await User(jabber, None, "@@", "x").login(connected=False)
    assert (await user.expect(got("DISCONNECTED", error=lambda e: e not in (0, 16))))["message"]


async def test_nobody_listens_there(backends):
    backend = await backends("prpl-irc", purple__port=free_port())
    user = await irc_user(backend, connected=False)
    assert (await user.expect(got("DISCONNECTED", error=None)))["message"]  # 0: to be tried again


async def test_a_server_that_goes_is_told_and_can_come_back(backends, directories):
    server = XmppNetwork(directories("xmpp")).start()
    try:
        backend = await backends("prpl-jabber", **plain(server))
        user = await jabber_user(backend, server)
        server.kill()
        assert (await user.expect(got("DISCONNECTED", error=None)))["message"]
        server.start()
        await user.login()
    finally:
        server.stop()


async def test_log_out_is_seen_and_log_in_works_again(jabber, xmpp, people):
    juliet = await people("juliet", host=xmpp)
    user = await jabber_user(jabber, xmpp)
    juliet.send_message(user.name, "are you there?")
    await user.expect(said(juliet.jid, "are you there?"))
    user.logout()
    await user.login()
    user.say(juliet.jid, "here again")
    await juliet.expect(message(body="here again"))


async def test_234_an_account_is_not_taken_over(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    thief = await User(jabber, None, user.name, user.password).login(connected=False)
    told = await thief.expect(got("DISCONNECTED", error=NAME))
    assert "already used" in told["message"] and user.jid not in told["message"]
    thief.logout()
    juliet.send_message(user.name, "still you?")
    await user.expect(said(juliet.jid, "still you?"))
    assert not await thief.settled()


async def test_two_users_of_one_process_stay_apart(jabber, xmpp, people):
    juliet = await people("juliet", host=xmpp)
    one, two = await jabber_user(jabber, xmpp), await jabber_user(jabber, xmpp)
    juliet.send_message(one.name, "for one")
    await one.expect(said(juliet.jid, "for one"))
    two.say(juliet.jid, "from two")
    assert (await juliet.expect(message(body="from two"))).bare == two.name
    assert not await two.settled(got("CONV_MESSAGE"))
    one.logout()
    two.say(juliet.jid, "still here")
    await juliet.expect(message(body="still here"))


async def test_a_log_out_in_the_middle_of_a_log_in(jabber, xmpp):
    account = xmpp.account("romeo")
    user = User(jabber, None, f"{account}@localhost", f"pass-{account}")
    for _ in range(3):
        await user.login(connected=False)
        user.logout()
    await user.login()


# TLS


def secure(server, **more):
    return {"purple__connect_server": "localhost", "purple__port": server.port, "purple__connection_security": "require_tls",
            **more}


async def test_an_unknown_authority_is_refused(backends, xmpp_tls):
    user = await jabber_user(await backends("prpl-jabber", **secure(xmpp_tls)), xmpp_tls, connected=False)
    told = await user.expect(got("DISCONNECTED", error=CERT_UNTRUSTED))
    assert "certificate" in told["message"] and "localhost" in told["message"]


async def test_authorities_of_the_configuration_are_trusted(backends, xmpp_tls, directories, people):
    backend = await backends("prpl-jabber", **secure(xmpp_tls), purple__cacerts_dir=xmpp_tls.trusted(directories("ca")))
    user, juliet = await jabber_user(backend, xmpp_tls), await people("juliet", host=xmpp_tls)
    user.say(juliet.jid, "in secret")
    await juliet.expect(message(body="in secret"))


BAD = {"another name": (CERT_HOSTNAME, ["DNS:elsewhere.example"]),
       "expired": (CERT_EXPIRED, ["DNS:localhost", "20200101000000Z", "20200201000000Z"]),
       "not valid yet": (CERT_NOT_YET, ["DNS:localhost", "20480101000000Z", "20490101000000Z"])}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_certificate_is_refused_for_what_it_is(backends, directories, what):
    error, certificate = BAD[what]
    server = XmppNetwork(directories("xmpp"), *certificate).start()
    try:
        backend = await backends("prpl-jabber", **secure(server), purple__cacerts_dir=server.trusted(directories("ca")))
        user = await jabber_user(backend, server, connected=False)
        assert what in (await user.expect(got("DISCONNECTED", error=error)))["message"]
    finally:
        server.stop()


async def test_any_certificate_if_the_administrator_wants_that(backends, xmpp_tls):
    await jabber_user(await backends("prpl-jabber", **secure(xmpp_tls), service__verify_certs=0), xmpp_tls)


async def test_a_certificate_that_signs_itself_is_refused(backends, inspircd):
    backend = await backends("prpl-irc", purple__port=inspircd.tls_port, purple__ssl=1)
    user = await irc_user(backend, connected=False)
    await user.expect(got("DISCONNECTED", error=CERT_SELF_SIGNED))


# Words


async def test_words_pass_both_ways(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    id = user.say(juliet.jid, "Hello & good day, <gr\u00fc\u00dfe>!\nsecond line")
    await juliet.expect(message(body="Hello & good day, <gr\u00fc\u00dfe>!\nsecond line"))
    await user.expect(result(id, peer=juliet.jid))
    juliet.send_message(user.name, "And <you> & 'yours'?\nreally")
    answer = await user.expect(said(juliet.jid, "And <you> & 'yours'?\nreally"))
    assert not answer.get("timeMs") and not answer.get("xhtml") and not answer.get("carbon")


async def test_formatting_passes_both_ways(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    body = "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{}</body></html>"
    juliet.send_message(user.name, "so bold", body.format("so <strong>bold</strong><script>evil()</script>"))
    assert (await user.expect(said(juliet.jid, "so bold")))["xhtml"] == "so <strong>bold</strong>"
    user.say(juliet.jid, "a & b", xhtml="a &amp; <em>b</em>")
    got_it = await juliet.expect(message(body="a & b"))
    assert ":em>b</" in repr(got_it)


async def test_typing_both_ways(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    juliet.send_message(user.name, "hi", "<active xmlns='http://jabber.org/protocol/chatstates'/>")
    await user.expect(said(juliet.jid, "hi"))
    await befriend(user, juliet)  # who does not see us is told nothing
    for state, frame in (("composing", "BUDDY_TYPING"), ("paused", "BUDDY_TYPED"), ("active", "BUDDY_STOPPED_TYPING")):
        juliet.send_message(user.name, content=f"<{state} xmlns='http://jabber.org/protocol/chatstates'/>")
        await user.expect(got(frame, buddyName=juliet.jid))
    for state, frame in (("composing", "BUDDY_TYPING"), ("paused", "BUDDY_TYPED"), ("active", "BUDDY_STOPPED_TYPING")):
        user.backend.send(frame, userName=user.jid, buddyName=juliet.jid)
        await juliet.expect(message(where=lambda s, state=state: s.chat_state == state))


async def test_a_message_to_nobody_is_refused(irc, inspircd):
    user = await irc_user(irc)
    id = user.say("nobodyhere", "hello?")
    assert (await user.expect(result(id, "recipient-unavailable", peer="nobodyhere")))["text"]


async def test_messages_of_a_user_who_is_not_connected(backends):
    backend = await backends("prpl-irc", purple__port=free_port())
    user = await irc_user(backend, connected=False)
    await user.expect(got("DISCONNECTED"))
    id = user.say("bob", "hello?")
    assert (await user.expect(result(id, "recipient-unavailable")))["text"]
    user.backend.send("BUDDY_TYPING", userName=user.jid, buddyName="bob")
    user.leave("#nowhere")
    await backend.sync()


async def test_irc_words_and_actions(irc, inspircd, irc_people):
    user, bob = await irc_user(irc), await irc_people(fresh("bob"), inspircd)
    nick = user.name.split("@")[0]
    id = user.say(bob.nick, "one\ntwo & <three>")
    await bob.expect(line("PRIVMSG", bob.nick, "one", nick=nick))
    await bob.expect(line("PRIVMSG", bob.nick, "two & <three>", nick=nick))
    await user.expect(result(id))
    id = user.say(bob.nick, "/me waves")
    await bob.expect(line("PRIVMSG", bob.nick, "\x01ACTION waves\x01"))
    await user.expect(result(id))
    bob.say(nick, "\x01ACTION bows\x01")
    await user.expect(said(bob.nick, "/me bows"))
    assert not await user.settled(got("CONV_MESSAGE"))


async def test_many_messages_in_order(backends, inspircd, irc_people):
    backend = await backends("prpl-irc", **{"purple__port": inspircd.port, "purple__ratelimit-interval": 0})
    user, bob = await irc_user(backend), await irc_people(fresh("bob"), inspircd)
    ids = [user.say(bob.nick, f"number {n}") for n in range(400)]
    for n in range(400):
        await bob.expect(line("PRIVMSG", bob.nick, f"number {n}"))
    for id in ids:
        await user.expect(result(id))


async def test_what_waits_for_its_turn_is_not_called_sent(backends, inspircd, irc_people):
    backend = await backends("prpl-irc", **{"purple__port": inspircd.port, "purple__ratelimit-interval": 60,
                                            "purple__ratelimit-burst": 3})
    user, bob = await irc_user(backend), await irc_people(fresh("bob"), inspircd)
    ids = [user.say(bob.nick, f"number {n}") for n in range(6)]
    for n in range(3):
        await bob.expect(line("PRIVMSG", bob.nick, f"number {n}"))
        await user.expect(result(ids[n]))
    user.logout()
    for id in ids[3:]:
        assert (await user.expect(result(id, "recipient-unavailable")))["text"]
    await bob.sync()
    assert not bob.take(line("PRIVMSG"))


# Contacts


async def test_contacts_with_group_alias_and_presence(jabber, xmpp, people):
    juliet = await people("juliet", host=xmpp)
    user = await jabber_user(jabber, xmpp)
    jabber.send("BUDDY_CHANGED", userName=user.jid, buddyName=juliet.jid, alias="Juliet C.", group=["Verona"])
    await juliet.expect(presence(user.name, "subscribe"))
    juliet.send_presence(user.name, "subscribed")
    juliet.send("<presence><show>xa</show><status>on the balcony &amp; &lt;waiting&gt;</status></presence>")
    told = await user.expect(got("BUDDY_CHANGED", buddyName=juliet.jid, status=XA))
    assert told["alias"] == "Juliet C." and told["group"] == ["Verona"]
    assert told["statusMessage"] == "on the balcony & <waiting>"
    for show, status in (("dnd", DND), ("away", AWAY), ("chat", 2)):
        juliet.send(f"<presence><show>{show}</show></presence>")
        await user.expect(got("BUDDY_CHANGED", buddyName=juliet.jid, status=status))
    user.logout()
    await user.login()  # from the server's list now
    told = await user.expect(got("BUDDY_CHANGED", buddyName=juliet.jid, status=2))
    assert told["alias"] == "Juliet C." and told["group"] == ["Verona"]
    juliet.send_presence(type="unavailable")
    await user.expect(got("BUDDY_CHANGED", buddyName=juliet.jid, status=LEFT))


async def test_contacts_move_and_go(jabber, xmpp):
    user = await jabber_user(jabber, xmpp)
    other = f"{xmpp.account('other')}@localhost"

    def wants(**more):
        jabber.send("BUDDY_CHANGED", userName=user.jid, buddyName=other, **more)

    def shown(**more):
        return user.expect(got("BUDDY_CHANGED", buddyName=other, **more))

    wants(alias="Other", group=["One"])
    await shown(alias="Other", group=["One"])
    wants(alias="Another", group=["One"])
    await shown(alias="Another", group=["One"])
    wants(alias="Another", group=["Two"])
    await shown(group=["Two"])
    wants(alias="Another", group=["Two", "Three"])
    await shown(group=lambda g: sorted(g) == ["Three", "Two"])
    user.logout()
    await user.login()
    await shown(alias="Another", group=lambda g: sorted(g) == ["Three", "Two"])
    jabber.send("BUDDY_REMOVED", userName=user.jid, buddyName=other)
    await user.expect(got("BUDDY_REMOVED", buddyName=other))
    user.logout()
    await user.login()
    await user.settled()
    await asyncio.sleep(0)
    assert not user.take(got("BUDDY_CHANGED", buddyName=other))


async def test_own_presence_is_shown(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    await befriend(user, juliet)
    user.status(AWAY, "back & soon")
    await juliet.expect(available(user.name, show="away", status="back & soon"))
    user.status(DND, "")
    await juliet.expect(available(user.name, show="dnd"))
    user.status(ONLINE)
    await juliet.expect(available(user.name, show=None))
    user.logout()
    await juliet.expect(unavailable(user.name))


async def test_a_request_can_be_refused(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    juliet.send_presence(user.name, "subscribe", "<status>It's me</status>")
    await user.expect(got("AUTH_REQUEST", buddyName=juliet.jid))
    jabber.send("BUDDY_REMOVED", userName=user.jid, buddyName=juliet.jid)
    await juliet.expect(presence(user.name, "unsubscribed"))


# Profiles

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def test_profile_and_picture_of_a_contact(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    await befriend(user, juliet)
    data = base64.b64decode(PIXEL)
    hash = hashlib.sha1(data).hexdigest()
    await juliet.iq(None, "<vCard xmlns='vcard-temp'><FN>Juliet C.</FN><NICKNAME>Julie</NICKNAME><ADR><LOCALITY>Verona"
                          f"</LOCALITY></ADR><PHOTO><TYPE>image/png</TYPE><BINVAL>{PIXEL}</BINVAL></PHOTO></vCard>", "set")
    juliet.send(f"<presence><x xmlns='vcard-temp:x:update'><photo>{hash}</photo></x></presence>")
    await user.expect(got("BUDDY_CHANGED", buddyName=juliet.jid, iconHash=hash))
    jabber.send("VCARD", userName=user.jid, buddyName=juliet.jid, id=1)
    card = await user.expect(got("VCARD", id=1), 2 * LIMIT)
    assert card["fullname"] == "Juliet C." and card["nickname"] == "Julie" and card["city"] == "Verona"
    assert card["photo"] == data


async def test_the_own_picture(jabber, xmpp, people):
    juliet, user = await people("juliet", host=xmpp), await jabber_user(jabber, xmpp)
    await befriend(user, juliet)
    data = base64.b64decode(PIXEL)
    jabber.send("VCARD", userName=user.jid, buddyName="", id=0, photo=data, fullname="Romeo M.")
    hash = hashlib.sha1(data).hexdigest()
    await juliet.expect(available(user.name, where=lambda s: hash in repr(s)))
    assert PIXEL in repr(await juliet.iq(user.name, "<vCard xmlns='vcard-temp'/>")).replace("\n", "")
    jabber.send("VCARD", userName=user.jid, buddyName="", id=0, photo=b"", fullname="Romeo M.")
    await juliet.expect(available(user.name, where=lambda s: hash not in repr(s)))


# Rooms. Both networks have the same tests; what a person there does is said by these two.


class IrcRooms:
    """People on IRC."""

    def __init__(self, backend, inspircd, irc_people):
        self.backend, self.inspircd, self.irc_people = backend, inspircd, irc_people

    async def user(self):
        user = await irc_user(self.backend)
        return user, user.name.split("@")[0]

    def room(self):
        return fresh("#room")

    async def inhabitant(self, room):
        bob = await self.irc_people(fresh("bob"), self.inspircd)
        await bob.join(room)
        bob.name = bob.nick
        bob.says = lambda text: bob.say(room, text)
        bob.leaves = lambda why: bob.send(f"PART {room} :{why}")
        bob.kicks = lambda nick, why: bob.send(f"KICK {room} {nick} :{why}")
        bob.topic = lambda text: bob.send(f"TOPIC {room} :{text}")
        bob.heard_in_room = lambda text, nick: bob.expect(line("PRIVMSG", room, text, nick=nick))
        bob.saw_topic = lambda text: bob.expect(line("TOPIC", room, text))
        bob.saw = lambda nick: bob.expect(line("JOIN", room, nick=nick))
        bob.saw_go = lambda nick: bob.expect(lambda one: one.command in ("PART", "QUIT") and one.nick == nick)
        bob.invites = lambda user, nick, to: bob.send(f"INVITE {nick} {to}")
        return bob


class XmppRooms:
    """People on XMPP."""

    def __init__(self, backend, xmpp, people):
        self.backend, self.xmpp, self.people = backend, xmpp, people

    async def user(self):
        return await jabber_user(self.backend, self.xmpp), fresh("Romeo")

    def room(self):
        return f"{fresh('room')}@rooms.localhost"

    async def inhabitant(self, room):
        bob, name = await self.people("bob", host=self.xmpp), fresh("Bob")
        await bob.join(room, name)
        bob.name = name
        bob.says = lambda text: bob.send_message(room, text, type="groupchat")
        bob.leaves = lambda why: bob.leave(room, name, why)
        bob.kicks = lambda nick, why: bob.send(
            f"<iq type='set' id='kick' to='{room}'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='{nick}' "
            f"role='none'><reason>{why}</reason></item></query></iq>")
        bob.topic = lambda text: bob.send(f"<message to='{room}' type='groupchat'><subject>{text}</subject></message>")
        bob.heard_in_room = lambda text, nick: bob.expect(message(f"{room}/{nick}", text))
        bob.saw_topic = lambda text: bob.expect(message(room, where=lambda s: s.subject == text))
        bob.saw = lambda nick: bob.expect(available(f"{room}/{nick}"))
        bob.saw_go = lambda nick: bob.expect(unavailable(f"{room}/{nick}"))
        bob.invites = lambda user, nick, to: bob.send_message(
            to, content=f"<x xmlns='http://jabber.org/protocol/muc#user'><invite to='{user.name}'><reason>come</reason>"
            "</invite></x>", type="normal")
        return bob


@pytest_asyncio.fixture(params=["irc", "xmpp"])
async def rooms(request, backends, inspircd, xmpp, irc_people, people):
    if request.param == "irc":
        return IrcRooms(await backends("prpl-irc", **{"purple__port": inspircd.port, "purple__ratelimit-interval": 0}),
                        inspircd, irc_people)
    return XmppRooms(await backends("prpl-jabber", **plain(xmpp)), xmpp, people)


@pytest_asyncio.fixture
async def meeting(rooms):
    """user and bob in one room; bob is its operator or owner."""
    class Meeting:
        pass
    it = Meeting()
    it.rooms, it.room = rooms, rooms.room()
    it.bob = await rooms.inhabitant(it.room)
    it.user, it.nick = await rooms.user()
    _, it.people, it.subject = await it.user.join(it.room, it.nick)
    await it.bob.saw(it.nick)
    return it


async def test_a_join_shows_others_then_oneself_then_the_subject(rooms):
    room = rooms.room()
    bob, carol = await rooms.inhabitant(room), await rooms.inhabitant(room)
    bob.topic("About everything &amp; nothing" if isinstance(rooms, XmppRooms) else "About everything & nothing")
    await bob.saw_topic("About everything & nothing")
    user, nick = await rooms.user()
    _, people, subject = await user.join(room, nick)
    by_name = {p["nickname"]: p for p in people}
    assert people[-1]["nickname"] == nick and by_name.keys() == {nick, bob.name, carol.name}
    assert by_name[bob.name]["flag"] & MODERATOR and by_name[bob.name]["affiliation"] in (OWNER, ADMIN)
    assert not by_name[carol.name]["flag"] & MODERATOR and not by_name[nick]["flag"] & MODERATOR
    while subject["message"] == "":  # it may come after all else
        subject = await user.expect(got("ROOM_SUBJECT_CHANGED", buddyName=room))
    assert subject["message"] == "About everything & nothing"


async def test_a_room_that_nobody_was_in(rooms):
    user, nick = await rooms.user()
    room, people, subject = await user.join(rooms.room(), nick)
    assert [p["nickname"] for p in people] == [nick] and people[0]["flag"] & ME and subject["message"] == ""
    await user.join(room, nick)  # once more, for another client
    bob = await rooms.inhabitant(room)
    await user.expect(participant(room, bob.name))


async def test_words_in_a_room_come_back_once(meeting):
    user, bob = meeting.user, meeting.bob
    id = user.say(meeting.room, "Hello & good <day>!")
    await bob.heard_in_room("Hello & good <day>!", meeting.nick)
    own = await user.expect(said(meeting.room, "Hello & good <day>!"))
    assert own["nickname"] == meeting.nick and own["ownId"] == id
    await user.expect(result(id, peer=meeting.room))
    bob.says("And <you> & me?")
    answer = await user.expect(said(meeting.room, "And <you> & me?", nickname=bob.name))
    assert not answer.get("pm") and not answer.get("ownId")
    assert not await user.settled(got("CONV_MESSAGE"))


async def test_many_words_in_a_room_in_order(meeting):
    ids = [meeting.user.say(meeting.room, f"number {n}") for n in range(60)]
    for n, id in enumerate(ids):
        assert (await meeting.user.expect(got("CONV_MESSAGE", message=f"number {n}")))["ownId"] == id
    for id in ids:
        await meeting.user.expect(result(id))


async def test_people_come_rename_and_go(meeting):
    carol = await meeting.rooms.inhabitant(meeting.room)
    await meeting.user.expect(participant(meeting.room, carol.name, status=None))
    carol.leaves("good night")
    gone = await meeting.user.expect(participant(meeting.room, carol.name, status=LEFT))
    assert not gone["flag"] & KICKED


async def test_kicks(meeting):
    carol = await meeting.rooms.inhabitant(meeting.room)
    await meeting.user.expect(participant(meeting.room, carol.name))
    meeting.bob.kicks(carol.name, "too loud")
    gone = await meeting.user.expect(participant(meeting.room, carol.name, status=LEFT))
    assert gone["flag"] & KICKED and gone["statusMessage"] == "too loud"
    meeting.bob.kicks(meeting.nick, "you, too")
    gone = await meeting.user.expect(participant(meeting.room, meeting.nick, status=LEFT))
    assert gone["flag"] & KICKED and gone["flag"] & ME and gone["statusMessage"] == "you, too"
    id = meeting.user.say(meeting.room, "hello?")
    await meeting.user.expect(got("MESSAGE_RESULT", id=id))
    await meeting.user.join(meeting.room, meeting.nick)


async def test_the_subject_changes_both_ways(meeting):
    meeting.bob.topic("From bob")
    changed = await meeting.user.expect(got("ROOM_SUBJECT_CHANGED", message="From bob"))
    assert changed["nickname"] == meeting.bob.name
    condition = "not-allowed" if isinstance(meeting.rooms, IrcRooms) else "forbidden"
    refused = {"text": "temporarily"}
    while "temporarily" in refused["text"]:  # InspIRCd wants a pause between two changes
        id = meeting.user.topic(meeting.room, "Without leave")  # those two are for who runs the room
        refused = await meeting.user.expect(got("MESSAGE_RESULT", id=id, peer=meeting.room), 2 * LIMIT)
    assert CONDITIONS[refused["condition"]] == condition and refused["text"]


async def test_irc_subjects_of_everybody(irc, inspircd, irc_people):
    user, bob, room = await irc_user(irc), await irc_people(fresh("bob"), inspircd), fresh("#free")
    await bob.join(room)
    bob.send(f"MODE {room} -t")
    await bob.expect(line("MODE", room))
    await user.join(room, "x")
    id = user.topic(room, "From romeo & others")
    await bob.expect(line("TOPIC", room, "From romeo & others"))
    await user.expect(got("ROOM_SUBJECT_CHANGED", message="From romeo & others"))
    await user.expect(result(id, peer=room))


async def test_leaving(meeting):
    meeting.user.leave(meeting.room)
    await meeting.bob.saw_go(meeting.nick)
    meeting.user.leave(meeting.room)
    meeting.user.leave("#never")
    id = meeting.user.topic(meeting.room, "x")
    assert (await meeting.user.expect(result(id, "not-acceptable")))["text"]
    await meeting.user.join(meeting.room, meeting.nick)


async def test_an_invitation_is_told_and_joining_accepts_it(meeting):
    other = meeting.rooms.room()
    carol = await meeting.rooms.inhabitant(other)
    carol.invites(meeting.user, meeting.nick, other)
    told = await meeting.user.expect(got("CONV_MESSAGE", buddyName=other))
    assert told["nickname"] and told["message"]
    await meeting.user.join(other, meeting.nick)
    await carol.saw(meeting.nick)


async def test_log_out_leaves_the_rooms(meeting):
    meeting.user.logout()
    await meeting.bob.saw_go(meeting.nick)
    await meeting.user.login()
    await meeting.user.join(meeting.room, meeting.nick)


@pytest.mark.parametrize("name", ["", "no\nroom", "\x01"])
async def test_impossible_rooms(rooms, name):
    user, nick = await rooms.user()
    user.enter(name, nick)
    assert (await user.expect(got("ROOM_ERROR")))["text"]
    await user.join(rooms.room(), nick)


async def test_irc_rooms_that_refuse(irc, inspircd, irc_people):
    user, bob = await irc_user(irc), await irc_people(fresh("bob"), inspircd)
    for mode, word in (("+i", "invitation"), ("+b *!*@*", "banned")):
        room = fresh("#closed")
        await bob.join(room)
        bob.send(f"MODE {room} {mode}")
        await bob.expect(line("MODE", room))
        user.enter(room, "x")
        assert word in (await user.expect(room_error(room, "not-allowed")))["text"]
    room = fresh("#moderated")
    await bob.join(room)
    bob.send(f"MODE {room} +m")
    await bob.expect(line("MODE", room))
    await user.join(room, "x")
    id = user.say(room, "may I?")
    assert (await user.expect(result(id, "not-allowed", peer=room)))["text"]
    user.enter("no-channel", "x")
    await user.expect(room_error("no-channel", "jid-malformed"))


async def test_an_irc_room_with_a_key(irc, inspircd, irc_people):
    user, bob, room = await irc_user(irc), await irc_people(fresh("bob"), inspircd), fresh("#locked")
    await bob.join(room)
    bob.send(f"MODE {room} +k sesame")
    await bob.expect(line("MODE", room))
    await user.join(room, "x", "sesame")


async def test_xmpp_rooms_that_refuse(jabber, xmpp, people):
    user, bob, room = await jabber_user(jabber, xmpp), await people("bob", host=xmpp), f"{fresh('room')}@rooms.localhost"
    await bob.join(room, "Bob")
    user.enter(room, "Bob")
    assert (await user.expect(room_error(room, "conflict")))["text"]
    await user.join(room, "Romeo")  # nothing of the first try is left
    nowhere = "room@nowhere.localhost"
    user.enter(nowhere, "Romeo")
    assert (await user.expect(got("ROOM_ERROR", room=nowhere, condition=CONDITIONS.index("not-allowed"))))["text"]
    assert not await user.settled(got("CONV_MESSAGE"))


async def test_xmpp_errors_have_their_conditions(jabber, xmpp, people):
    user, bob, room = await jabber_user(jabber, xmpp), await people("bob", host=xmpp), f"{fresh('room')}@rooms.localhost"
    id = user.say("nobodyhere@localhost", "hello?")
    assert (await user.expect(result(id, "service-unavailable")))["text"]
    await bob.join(room, "Bob")
    await user.join(room, "Romeo")
    bob.send(f"<iq type='set' id='mute' to='{room}'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' "
             "role='visitor'/></query></iq>")
    await user.expect(participant(room, "Romeo", role=2))
    id = user.say(room, "may I?")
    assert (await user.expect(result(id, "forbidden", peer=room)))["text"]
    id = user.say(room, "psst", nickname="Nobody", pm=1)
    assert (await user.expect(result(id, "item-not-found", peer=room)))["text"]
    assert not await user.settled(got("CONV_MESSAGE"))


async def test_xmpp_rooms_with_other_names(jabber, xmpp):
    user = await jabber_user(jabber, xmpp)
    user.enter("norooms", "Romeo")
    await user.expect(room_error("norooms", "jid-malformed"))


async def test_xmpp_words_to_one_occupant(jabber, xmpp, people):
    user, bob, room = await jabber_user(jabber, xmpp), await people("bob", host=xmpp), f"{fresh('room')}@rooms.localhost"
    await bob.join(room, "Bob")
    await user.join(room, "Romeo")
    await bob.expect(available(f"{room}/Romeo"))
    id = user.say(room, "psst", nickname="Bob", pm=1)
    await bob.expect(message(f"{room}/Romeo", "psst", type="chat"))
    await user.expect(result(id, peer=room))
    bob.send_message(f"{room}/Romeo", "what?")
    answer = await user.expect(said(room, "what?"))
    assert answer["pm"] and answer["nickname"] == "Bob"
    user.say(f"{room}/Bob", "nothing")
    await bob.expect(message(f"{room}/Romeo", "nothing", type="chat"))


async def test_xmpp_rooms_are_listed(jabber, xmpp, people):
    bob, room = await people("bob", host=xmpp), f"{fresh('room')}@rooms.localhost"
    await bob.join(room, "Bob")
    user = await jabber_user(jabber, xmpp)
    listed = await user.expect(got("ROOM_LIST"))
    assert room in listed["room"] and len(listed["room"]) == len(listed["name"])
    assert not await user.settled(got("CONV_MESSAGE"))


async def test_xmpp_history_has_its_time(jabber, xmpp, people):
    user, bob, room = await jabber_user(jabber, xmpp), await people("bob", host=xmpp), f"{fresh('room')}@rooms.localhost"
    await bob.join(room, "Bob")
    bob.send_message(room, "before you came", type="groupchat")
    await bob.expect(message(room, "before you came"))
    await user.join(room, "Romeo")
    assert (await user.expect(said(room, "before you came")))["timeMs"]


async def test_irc_people_change_their_names(irc, inspircd, irc_people):
    user, bob, room = await irc_user(irc), await irc_people(fresh("bob"), inspircd), fresh("#room")
    nick, new = user.name.split("@")[0], fresh("robert")
    await bob.join(room)
    await user.join(room, nick)
    bob.send(f"NICK {new}")
    await user.expect(participant(room, bob.nick, newname=new))
    own = fresh("romulus")
    user.say(room, f"/nick {own}")
    await user.expect(participant(room, nick, newname=own))
    await user.expect(got("ROOM_NICKNAME_CHANGED", room=room, nickname=own))
    bob.send(f"MODE {room} +o {own}")
    await user.expect(participant(room, own, flag=lambda f: f & MODERATOR and f & ME))


# What the plugins of real networks don't do when they are asked to: a plugin of these tests, whose contact obeys.


@pytest_asyncio.fixture
async def puppet(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, fresh("romeo"), "x").login()
    user.order = lambda text: user.say("puppet", text)
    return user


def answer(user, asked, **values):
    user.backend.send("RESPONSE", user=user.jid, id=asked["id"], answered=1,
                      value=[{"name": name, "value": value} for name, value in values.items()])


def refuse_to_answer(user, asked):
    user.backend.send("RESPONSE", user=user.jid, id=asked["id"])


async def closed(user, asked):
    await user.expect(got("REQUEST_END", id=asked["id"]))


async def test_a_code_in_the_log_in(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo", "code").login(connected=False)
    asked = await user.expect(got("REQUEST"))
    assert "A code was sent to you" in asked["text"] and asked["field"][0]["type"] == PRIVATE
    assert not user.take(got("CONNECTED"))
    answer(user, asked, answer="1234")
    await user.expect(got("CONNECTED"))
    await closed(user, asked)
    for reply in (lambda user, asked: answer(user, asked, answer="99"), refuse_to_answer):
        other = await User(backend, None, fresh("other"), "code").login(connected=False)
        reply(other, await other.expect(got("REQUEST")))
        assert (await other.expect(got("DISCONNECTED", error=AUTHENTICATION)))["message"]


async def test_a_password_that_libpurple_asks_for(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo", "ask").login(connected=False)
    assert "password" in (await user.expect(got("DISCONNECTED", error=IMPOSSIBLE)))["message"]


@pytest.mark.parametrize("error", range(17))
async def test_every_connection_error_has_its_number(backends, error):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo", f"error {error}").login(connected=False)
    assert (await user.expect(got("DISCONNECTED", error=error)))["message"] == "told to"
    user.password = "x"
    await user.login()
    user.say("puppet", f"end {error}")
    await user.expect(got("DISCONNECTED", error=error))


async def test_a_log_in_that_hangs_can_be_given_up(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo", "never").login(connected=False)
    await backend.sync()
    user.logout()
    user.password = "x"
    await user.login()


@pytest.mark.parametrize("order, given, comes", [
    ("input", "abc", "given abc"), ("choice", "1", "chosen 20"), ("action", "0", "chosen 0"),
    ("action", "No", "chosen 1"), ("nobody", "0", "chosen 0")])
async def test_questions_and_answers(puppet, order, given, comes):
    puppet.order(order)
    asked = await puppet.expect(got("REQUEST"))
    assert asked["text"] and asked["title"] == "Puppet" and len(asked["field"]) == 1
    answer(puppet, asked, answer=given)
    await puppet.expect(said("puppet", comes))
    await closed(puppet, asked)


@pytest.mark.parametrize("order, comes", [("input", "cancelled"), ("choice", "chosen 0"), ("action", "chosen 1")])
async def test_a_question_that_is_not_answered(puppet, order, comes):
    puppet.order(order)
    asked = await puppet.expect(got("REQUEST"))
    refuse_to_answer(puppet, asked)
    await puppet.expect(said("puppet", comes))


async def test_an_impossible_answer_is_asked_for_again(puppet):
    puppet.order("choice")
    asked = await puppet.expect(got("REQUEST"))
    answer(puppet, asked, answer="17")
    again = await puppet.expect(got("REQUEST", id=asked["id"]))
    assert "no possible answer" in again["text"]
    answer(puppet, asked, answer="0")
    await puppet.expect(said("puppet", "chosen 10"))


async def test_a_form(puppet):
    puppet.order("form")
    asked = await puppet.expect(got("REQUEST"))
    fields = {f["name"]: f for f in asked["field"]}
    assert fields["name"]["label"] == "Name" and fields["name"]["value"] == "Bob" and fields["name"]["required"]
    assert fields["age"]["value"] == "7" and fields["sure"]["value"] == "0"
    assert [o["label"] for o in fields["size"]["option"]] == ["small", "large"] and fields["size"]["value"] == "1"
    assert "Take care" in asked["text"] and "green" in asked["text"] and asked["image"] == b"\x89PNGpicture"
    answer(puppet, asked, name="", age="8", sure="1", size="0", colours="0 2")
    again = await puppet.expect(got("REQUEST", id=asked["id"]))
    answer(puppet, again, name="Al", age="8", sure="1", size="0", colours="0 2")
    await puppet.expect(said("puppet", "form Al 8 1 0 red blue"))


async def test_one_question_after_the_other(puppet):
    puppet.order("input")
    puppet.order("action")
    first = await puppet.expect(got("REQUEST"))
    await puppet.backend.sync()
    assert not puppet.take(got("REQUEST"))
    answer(puppet, first, answer="x")
    second = await puppet.expect(got("REQUEST"))
    answer(puppet, second, answer="0")
    await puppet.expect(said("puppet", "chosen 0"))


async def test_a_question_that_is_taken_back(puppet):
    puppet.order("input")
    asked = await puppet.expect(got("REQUEST"))
    puppet.order("forget")
    await closed(puppet, asked)
    answer(puppet, asked, answer="too late")
    puppet.order("say still here")
    await puppet.expect(said("puppet", "still here"))


async def test_a_question_of_a_kind_that_cannot_be_asked(puppet):
    puppet.order("save")
    await puppet.expect(said("puppet", "cancelled"))
    assert any("file to be chosen" in one["message"] for one in puppet.take(got("CONV_MESSAGE")))


async def test_notices_are_told(puppet):
    puppet.order("notice in words")
    told = await puppet.expect(got("CONV_MESSAGE", buddyName="puppet"))
    assert told["message"] == "Title\nSomething happened\nin words"
    puppet.order("notices")
    texts = [(await puppet.expect(got("CONV_MESSAGE")))["message"] for _ in range(4)]
    assert texts == ["Title\nbold & plain", "New mail: 1\neve: Hello https://example.org/1", "https://example.org/page",
                     "Found\nName: Bob; Address: bob@example.org"]


async def test_a_protocol_that_takes_no_message(puppet):
    for number, condition in ((7, "policy-violation"), (107, "recipient-unavailable"), (5, "undefined-condition")):
        id = puppet.order(f"refuse {number}")
        assert (await puppet.expect(result(id, condition)))["text"]
    id = puppet.order("quiet")
    await puppet.expect(result(id))
    id = puppet.order("error you are blocked")
    assert (await puppet.expect(result(id, "recipient-unavailable")))["text"] == "you are blocked"


async def test_words_of_another_client(puppet):
    puppet.order("carbon I said so")
    own = await puppet.expect(said("puppet", "I said so"))
    assert own["carbon"]


async def test_idle_contacts(puppet):
    puppet.order("idle 1700000000")
    await puppet.expect(got("BUDDY_CHANGED", buddyName="puppet", idleSince=1700000000000))
    puppet.order("idle 0")
    await puppet.expect(got("BUDDY_CHANGED", buddyName="puppet", idleSince=None))


async def test_attention(puppet):
    puppet.order("attention")
    await puppet.expect(got("ATTENTION", buddyName="puppet"))
    puppet.backend.send("ATTENTION", userName=puppet.jid, buddyName="puppet", message="", id="a1")
    await puppet.expect(result("a1", "feature-not-implemented"))


async def test_cards(puppet):
    def ask(name, number):
        puppet.backend.send("VCARD", userName=puppet.jid, buddyName=name, id=number)
        return puppet.expect(got("VCARD", id=number), 2 * LIMIT)

    card = await ask("puppet", 1)
    assert card["fullname"] == "Pup & Pet" and card["nickname"] == "Pup" and card["email"] == "pup@example.org"
    assert not (await ask("silence", 2)).get("fullname")  # not for ever


async def test_pictures_of_contacts(puppet):
    puppet.order("icon")
    changed = await puppet.expect(got("BUDDY_CHANGED", buddyName="puppet", iconHash=lambda h: len(h) == 40))
    puppet.backend.send("VCARD", userName=puppet.jid, buddyName="puppet", id=3)
    photo = (await puppet.expect(got("VCARD", id=3)))["photo"]
    assert hashlib.sha1(photo).hexdigest() == changed["iconHash"]


@pytest.mark.parametrize("name, found", [("puppet", True), ("../puppet", False), (".hidden", False)])
async def test_c_12_sec_22_pictures_of_the_administrator(backends, directories, name, found):
    faces = directories("faces")
    for path in (faces / "puppet", faces / ".hidden", faces / "sub"):
        path.write_bytes(b"\x89PNG face")
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS, backend__avatars_directory=faces)
    user = await User(backend, None, "romeo", "x").login()
    backend.send("VCARD", userName=user.jid, buddyName=name if name != "../puppet" else f"sub/../puppet", id=1)
    card = await user.expect(got("VCARD", id=1))
    assert (card.get("photo") == b"\x89PNG face") == found


# Files


@pytest_asyncio.fixture
async def shared(backends, directories):
    """A puppet, and the directory where what it sends is published."""
    class Shared:
        pass
    it = Shared()
    it.web = directories("web")
    it.backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS, service__web_directory=it.web,
                                service__web_url="http://files.test/", service__web_maxfilesize=100000)
    it.user = await User(it.backend, None, "romeo", "x").login()
    return it


async def no_slot(user):
    """The main process finds no upload service."""
    wanted = await user.expect(got("SLOT_REQUEST"))
    user.backend.send("SLOT", user=user.jid, id=wanted["id"], condition=18, text="Your server takes no files.")
    return wanted


async def test_pictures_in_messages(shared):
    shared.user.say("puppet", "picture")
    await shared.user.expect(said("puppet", "look: "))
    await no_slot(shared.user)
    told = await shared.user.expect(got("CONV_MESSAGE", buddyName="puppet"))
    file, = told["attachment"]
    assert file["mimeType"] == "image/png" and file["url"].startswith("http://files.test/")
    path = shared.web / file["url"].rpartition("/")[2]
    assert path.read_bytes().startswith(b"\x89PNG") and path.suffix == ".png"


@pytest.mark.parametrize("name, mime", [("photo.jpg", "image/jpeg"), ("../../etc/x.png", "image/png"),
                                        ("page.html", "application/octet-stream"), ("run.php", "application/octet-stream"),
                                        ("gr\u00fc\u00dfe & <b>.txt", "text/plain"), ("none", "application/octet-stream")])
async def test_sec_23_392_files_that_nobody_asked_for(shared, name, mime):
    shared.user.say("puppet", f"file 5000 5000 {name}")
    wanted = await no_slot(shared.user)
    assert wanted["bytes"] == 5000 and wanted["name"] == name
    told = await shared.user.expect(got("CONV_MESSAGE", buddyName="puppet"))
    file, = told["attachment"]
    assert file["mimeType"] == mime and file["name"] == name
    published = list(shared.web.iterdir())
    assert [path.name for path in published] == [file["url"].rpartition("/")[2]]
    assert published[0].read_bytes() == b"x" * 5000 and published[0].suffix not in (".html", ".php")
    assert not list((shared.backend.directory / "work/libpurple/files").iterdir())


@pytest.mark.parametrize("size, announced", [(5, 200000), (150000, 150000)])
async def test_files_that_are_too_large(shared, size, announced):
    shared.user.say("puppet", f"file {size} {announced} big.bin")
    await shared.user.expect(said("puppet", "file refused"))
    texts = [one["message"] for one in shared.user.take(got("CONV_MESSAGE"))]
    assert any("too large" in text and "big.bin" in text for text in texts)
    assert not list(shared.web.iterdir()) and not list((shared.backend.directory / "work/libpurple/files").iterdir())


async def test_a_file_without_a_place_to_be(puppet):
    puppet.order("file 10 10 a.txt")
    await no_slot(puppet)
    told = await puppet.expect(got("CONV_MESSAGE", buddyName="puppet"))
    assert "a.txt" in told["message"] and "takes no files" in told["message"]


# What a plugin can get at


LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1)  # version, -1 = none
guarded = pytest.mark.skipif(LANDLOCK < 1, reason="the kernel has no Landlock")


def secrets(backend):
    """What stands beside libpurple's directory, and what belongs to others."""
    database, configuration = backend.directory / "work/database.sql", backend.directory / "backend.cfg"
    database.write_text("secret")
    return [database, configuration, "/etc/shadow"]


@guarded
async def test_a_plugin_sees_no_secrets_and_starts_nothing(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo", "x").login()

    async def tries(order, outcome):
        user.say("puppet", order)
        await user.expect(said("puppet", f"{order.split()[0]} {outcome}"))

    for path in secrets(backend):
        await tries(f"read {path}", "Permission denied")
        await tries(f"write {path}", "Permission denied")
    await tries(f"write {backend.directory}/work/new", "Permission denied")
    await tries("start /bin/true", "Operation not permitted")
    if LANDLOCK >= 6:
        await tries(f"kill {os.getpid()}", "Operation not permitted")
    await tries("read /root", "Permission denied")
    for path in ("/etc/hosts", "/etc/resolv.conf", "/usr/bin/env"):
        await tries(f"read {path}", "done")
    await tries(f"write {backend.directory}/work/libpurple/state", "done")
    await tries(f"read {backend.directory}/work/libpurple/state", "done")


@guarded
async def test_the_administrator_can_let_plugins_do_more(backends, directories):
    place, other = directories("place"), directories("other")
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS, backend__sandbox_path=[place, SUPPRESSIONS])
    user = await User(backend, None, "romeo", "x").login()
    for path, outcome in ((place / "x", "done"), (other / "x", "Permission denied")):
        user.say("puppet", f"write {path}")
        await user.expect(said("puppet", f"write {outcome}"))
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS, backend__sandbox=0)
    user = await User(backend, None, "romeo", "x").login()
    user.say("puppet", "start /bin/true")
    await user.expect(said("puppet", "start done"))


@guarded
async def test_state_of_older_installations_is_found(backends, directories):
    """Plugins kept it in the working directory, beside accounts.xml and the database."""
    backend = Backend(directories("purple"), "prpl-puppet", {"purple.plugins_dir": PLUGINS})
    work = backend.directory / "work"
    trap = work / "libpurple/trap"
    (work / "accounts.xml").write_text(OLD_ACCOUNTS)
    (work / "database.sql").write_text("secret")
    for name in ("tdlib", "avatars"):
        (work / name).mkdir()
        (work / name / "state").write_text("old")
    try:
        for _ in range(2):
            await backend.start()
            user = await User(backend, None, "romeo", "x").login()
            for order, outcome in ((f"read {work}/libpurple/tdlib/state", "read done"),
                                   (f"write {work}/libpurple/tdlib/more", "write done"),
                                   (f"read {work}/avatars/state", "read Permission denied"),
                                   (f"read {work}/database.sql", "read Permission denied")):
                user.say("puppet", order)
                await user.expect(said("puppet", outcome))
            await backend.close()
            trap.unlink(missing_ok=True)
            trap.symlink_to("../avatars")  # what a plugin makes opens nothing
    finally:
        await backend.close()
    assert not (work / "libpurple/accounts.xml").exists() and not (work / "libpurple/avatars").exists()


# The life of a process


async def test_glib_is_served(puppet):
    puppet.order("glib")
    for what in ("glib timer", "glib idle", "glib descriptor"):
        await puppet.expect(said("puppet", what))


async def test_careless_watches(puppet):
    puppet.order("careless")
    await puppet.expect(said("puppet", "read 1"))


async def test_a_room_that_nobody_asked_for(puppet):
    puppet.order("chat Surprise")
    told = await puppet.expect(said("Surprise", "nobody asked for this room"))
    assert told["nickname"] == "puppet"
    _, people, _ = await puppet.join("Surprise", "romeo")
    assert "puppet" in [p["nickname"] for p in people]


async def test_options_of_configuration_and_user(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS, purple__number=42)
    settings = {"value": [{"key": "colour", "value": "red"}, {"key": "number", "value": "7"}]}
    user = await User(backend, None, "romeo", "x").login(settings=settings)
    user.say("puppet", "option")
    await user.expect(said("puppet", "colour red number 42"))
    other = await User(backend, None, "juliet", "x").login(settings={"value": [{"key": "number", "value": "many"}]})
    other.say("puppet", "option")
    await other.expect(said("puppet", "colour none number 42"))


def stored(backend):
    return "".join(path.read_text() for path in (backend.directory / "work/libpurple/accounts").glob("*.xml"))


async def test_what_a_protocol_remembers_is_there_again(backends, monkeypatch):
    monkeypatch.setenv("PUPPET_NO_PASSWORD", "1")
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    assert "needPassword=0" in backend.config
    one = await User(backend, None, "romeo").login()
    two = await User(backend, None, "juliet").login()
    one.say("puppet", "token first")
    two.say("puppet", "token second")
    await one.expect(said("puppet", "token first"))
    await two.expect(said("puppet", "token second"))
    one.logout()
    await one.login()
    one.say("puppet", "token")
    await one.expect(said("puppet", "token first"))
    assert "first" in stored(backend)
    await backend.close()
    again = await backend.start()
    for user, token in ((one, "first"), (two, "second")):
        await user.login()
        user.say("puppet", "token")
        await user.expect(said("puppet", f"token {token}"))


async def test_what_is_remembered_of_many_is_not_mixed_up(backends, monkeypatch):
    monkeypatch.setenv("PUPPET_NO_PASSWORD", "1")
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    users = [await User(backend, None, fresh("user")).login() for _ in range(20)]
    for user in users[::2]:
        user.say("puppet", f"token of {user.name}")
        await user.expect(said("puppet", f"token of {user.name}"))
    users[0].logout()
    await backend.close()
    await backend.start()
    for user in users:
        await user.login()
        user.say("puppet", "token")
        await user.expect(said("puppet", f"token of {user.name}" if user in users[::2] else "token none"))


async def test_234_what_is_remembered_is_not_anothers(backends, monkeypatch):
    monkeypatch.setenv("PUPPET_NO_PASSWORD", "1")
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo").login()
    user.say("puppet", "token secret")
    await user.expect(said("puppet", "token secret"))
    user.logout()
    thief = await User(backend, None, "romeo").login(connected=False)
    assert (await thief.expect(got("DISCONNECTED", error=NAME)))["message"]
    await user.login()


async def test_234_an_account_is_not_taken_over_in_another_process(backends, directories, monkeypatch):
    monkeypatch.setenv("PUPPET_NO_PASSWORD", "1")
    work = directories("work")
    one, other = [await backends("prpl-puppet", purple__plugins_dir=PLUGINS, service__working_dir=work) for _ in range(2)]
    user = await User(one, None, "romeo").login()
    for name in ("romeo", "ROMEO"):
        thief = await User(other, None, name).login(connected=False)
        told = await thief.expect(got("DISCONNECTED", error=NAME))
        assert "another user" in told["message"] and user.jid not in told["message"]
    user.say("puppet", "say still here")
    await user.expect(said("puppet", "still here"))


async def test_passwords_are_not_stored(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    user = await User(backend, None, "romeo", "sesame open").login()
    user.say("puppet", "token kept")
    await user.expect(said("puppet", "token kept"))
    user.logout()
    await backend.sync()
    assert "kept" in stored(backend) and "sesame" not in stored(backend)
    other = await User(backend, None, "romeo", "another").login()  # who knows the password, but not the token
    other.say("puppet", "token")
    await other.expect(said("puppet", "token none"))


OLD_ACCOUNTS = """<?xml version='1.0'?>
<account version='1.0'><account><protocol>prpl-puppet</protocol><name>romeo</name>
<settings><setting name='token' type='string'>old &amp; kept</setting><setting name='number' type='int'>9</setting></settings>
</account></account>"""


@pytest.mark.parametrize("text, token", [(OLD_ACCOUNTS, "old & kept"), ("<account", "none"), ("", "none")])
async def test_accounts_of_older_installations(backends, directories, text, token):
    backend = Backend(directories("purple"), "prpl-puppet", {"purple.plugins_dir": PLUGINS})
    (backend.directory / "work/accounts.xml").write_text(text)
    await backend.start()
    try:
        user = await User(backend, None, "romeo", "x").login()
        user.say("puppet", "token")
        await user.expect(said("puppet", f"token {token}"))
        assert (backend.directory / "work/accounts.xml").read_text() == text
    finally:
        await backend.close()


async def test_words_into_a_room_that_is_still_being_entered(irc, inspircd):
    user = await irc_user(irc)
    room = "#" + fresh("early")
    user.enter(room, user.name.partition("@")[0])
    id = user.say(room, "am I in?")
    assert "again" in (await user.expect(result(id, "not-acceptable")))["text"]


async def test_a_plugin_that_crashes_takes_its_process_only(backends):
    one, other = [await backends("prpl-puppet", purple__plugins_dir=PLUGINS) for _ in range(2)]
    user, survivor = await User(one, None, "romeo", "x").login(), await User(other, None, "juliet", "x").login()
    one.expect_crash = True
    user.say("puppet", "crash")
    await asyncio.get_running_loop().run_in_executor(None, one.child.wait, LIMIT)
    survivor.say("puppet", "say alive")
    await survivor.expect(said("puppet", "alive"))


async def test_many_users_come_and_go(backends):
    backend = await backends("prpl-puppet", purple__plugins_dir=PLUGINS)
    users = [User(backend, None, fresh("user"), "x") for _ in range(40)]
    for _ in range(3):
        for user in users:
            backend.send("LOGIN", user=user.jid, legacyName=user.name, password="x")
        for user in users:
            await user.expect(got("CONNECTED"))
            await user.expect(got("BUDDY_CHANGED", buddyName="puppet"))
        for user in users:
            user.say("puppet", "say hello")
        for user in users:
            await user.expect(said("puppet", "hello"))
            user.logout()
    await backend.sync()
