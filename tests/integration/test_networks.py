# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks through the whole gateway, as a person on XMPP sees them: the same tests for each network and for each backend
that speaks with it."""

import os
import signal

import pytest
import pytest_asyncio

import gateway as program
from ircclient import line
from purplepeers import XmppNetwork
from stanzas import available, message, presence, unavailable

GW = "irc.localhost"


@pytest.fixture(scope="session")
def abroad(directories):
    """The XMPP server that is the network."""
    server = XmppNetwork(directories("abroad"))
    yield server.start()
    server.stop()


class OnIrc:
    """People and channels of InspIRCd. `at`: what names end with."""

    def __init__(self, server, connect, at):
        self.server, self.connect, self.at = server, connect, at

    def contact(self, name):
        return f"{name}{self.at}@{GW}"

    def room(self, name):
        return f"#{name}{self.at}@{GW}"

    async def person(self, name):
        bob = await self.connect(name, self.server)
        bob.address = self.contact(name)
        bob.shown = name
        bob.writes = bob.say
        bob.reads = lambda text: bob.expect(line("PRIVMSG", name, text))
        return bob

    async def inhabitant(self, name, room):
        bob = await self.person(name)
        await bob.join(f"#{room}")
        bob.speaks = lambda text: bob.say(f"#{room}", text)
        bob.hears = lambda text: bob.expect(line("PRIVMSG", f"#{room}", text))
        bob.kicks = lambda nick: bob.send(f"KICK #{room} {nick} :too loud")
        bob.sets_topic = lambda text: bob.send(f"TOPIC #{room} :{text}")
        bob.sees = lambda nick: bob.expect(line("JOIN", f"#{room}", nick=nick))
        bob.sees_go = lambda nick: bob.expect(lambda one: one.command in ("PART", "QUIT") and one.nick == nick)
        return bob


class OnXmpp:
    """People and rooms of another XMPP server."""

    def __init__(self, server, connect):
        self.server, self.connect = server, connect

    def contact(self, name):
        return f"{name}\\40localhost@{GW}"

    def room(self, name):
        return f"{name}\\40rooms.localhost@{GW}"

    async def person(self, name):
        bob = await self.connect(name, host=self.server)
        bob.address = self.contact(bob.user)
        bob.shown = name
        bob.reads = lambda text: bob.expect(message(body=text))
        bob.writes = lambda to, text: bob.send_message(to, text)
        return bob

    async def inhabitant(self, name, room):
        bob = await self.person(name)
        where = f"{room}@rooms.localhost"
        await bob.join(where, name)
        admin = "http://jabber.org/protocol/muc#admin"
        bob.speaks = lambda text: bob.send_message(where, text, type="groupchat")
        bob.hears = lambda text: bob.expect(message(where, text))
        bob.kicks = lambda nick: bob.send(f"<iq type='set' id='k' to='{where}'><query xmlns='{admin}'><item nick='{nick}' "
                                          "role='none'><reason>too loud</reason></item></query></iq>")
        bob.sets_topic = lambda text: bob.send(f"<message to='{where}' type='groupchat'><subject>{text}</subject></message>")
        bob.sees = lambda nick: bob.expect(available(f"{where}/{nick}"))
        bob.sees_go = lambda nick: bob.expect(unavailable(f"{where}/{nick}"))
        return bob


def as_client_of(server):
    """How libpurple reaches the XMPP server."""
    return {"service__protocol": "prpl-jabber", "purple__connect_server": "127.0.0.1", "purple__port": server.port,
            "purple__auth_plain_in_clear": 1, "purple__connection_security": "opportunistic_tls"}


@pytest_asyncio.fixture(params=["irc", "irc-libpurple", "xmpp", "xmpp-libpurple"])
async def network(request, gateways, prosody, people, irc_people, inspircd, abroad):
    """One gateway, and `user` on Prosody logged in to it: (network, user, the user's name on the network)."""
    kind = request.param
    if "libpurple" in kind and not program.PURPLE.exists():
        pytest.skip("built without libpurple")
    user = await people("romeo")
    if kind == "irc":
        it = OnIrc(inspircd, irc_people, f"%127.0.0.1\\3a{inspircd.port}")
        it.gateway = await gateways(prosody, program.IRC, GW, irc__throttle_interval_ms=20)
        return it, user, user.user
    if kind == "irc-libpurple":
        it = OnIrc(inspircd, irc_people, "")
        it.gateway = await gateways(prosody, program.PURPLE, GW, service__protocol="prpl-irc", purple__port=inspircd.port)
        await user.register(GW, f"{user.user}@127.0.0.1", "")
        await user.online(GW, 20)
        return it, user, user.user
    account = abroad.account("montague")
    it = OnXmpp(abroad, people)
    if kind == "xmpp":
        it.gateway = await gateways(prosody, program.XMPP, GW, xmpp__server=f"127.0.0.1:{abroad.port}", xmpp__require_tls=0)
    else:
        it.gateway = await gateways(prosody, program.PURPLE, GW, **as_client_of(abroad))
    answer = await user.register(GW, f"{account}@localhost", f"pass-{account}")
    assert answer.type == "result", answer
    await user.online(GW, 20)
    return it, user, f"{account}@localhost"


@pytest_asyncio.fixture
async def meeting(network):
    """Bob and the user in one room."""
    it, user, name = network
    bob = await it.inhabitant("bob" + user.user, "room" + user.user)
    room = it.room("room" + user.user)
    seen = await user.join(room, user.user, limit=20)
    await bob.sees(user.user)
    return user, bob, room, seen


async def test_a_room_is_entered_spoken_in_and_left(meeting):
    user, bob, room, seen = meeting
    assert [s.resource for s in seen[:-1]] == [bob.shown, user.user] and seen[0].item["role"] == "moderator"
    user.send_message(room, "Hello & good <day>!", type="groupchat")
    await bob.hears("Hello & good <day>!")
    own = await user.expect(message(f"{room}/{user.user}", "Hello & good <day>!"))
    assert own.type == "groupchat"
    bob.speaks("Hello <yourself> & all")
    await user.expect(message(f"{room}/{bob.shown}", "Hello <yourself> & all"))
    user.leave(room, user.user)
    await user.expect(unavailable(f"{room}/{user.user}"))
    await bob.sees_go(user.user)


async def test_who_is_put_out_is_told_why(meeting):
    user, bob, room, _ = meeting
    bob.kicks(user.user)
    gone = await user.expect(unavailable(f"{room}/{user.user}"))
    assert {110, 307} <= gone.codes and gone.item["reason"] == "too loud"


async def test_the_subject_is_shown(meeting):
    user, bob, room, _ = meeting
    bob.sets_topic("About everything")
    await user.expect(message(room, where=lambda s: s.subject == "About everything"))


async def test_many_words_of_a_room_in_order(meeting):
    user, bob, room, _ = meeting
    for n in range(30):
        bob.speaks(f"number {n}")
    for n in range(30):
        await user.expect(message(f"{room}/{bob.shown}"))
    heard = [s.body for s in user.inbox.seen if s.name == "message" and s.bare == room and s.body]
    assert [text for text in heard if text.startswith("number")] == [f"number {n}" for n in range(30)]


async def test_words_between_two(network, meeting):
    _, user, name = network
    _, bob, _, _ = meeting  # the native IRC backend is connected through a room
    user.send_message(bob.address, "psst & <hush>")
    await bob.reads("psst & <hush>")
    bob.writes(name, "what?")
    got = await user.expect(message(bob.address, "what?"))
    assert got.type == "chat"


async def test_nobody_there_is_an_error(network, meeting):
    it, user, _ = network
    id = user.send_message(it.contact("nobodyhere"), "hello?")
    error = await user.expect(message(it.contact("nobodyhere"), type="error", id=id), 20)
    assert error.error[2]


async def test_the_backend_dies_and_all_goes_on(network, meeting):
    user, bob, room, _ = meeting
    gateway = network[0].gateway
    pid, = gateway.backends()
    os.kill(pid, signal.SIGKILL)
    await bob.sees_go(user.user)
    await bob.sees(user.user)  # the gateway joins the room again for him
    bob.speaks("welcome back")  # the others see him before he sees himself
    await user.expect(message(f"{room}/{bob.shown}", "welcome back"), 20)
    user.send_message(room, "here again", type="groupchat")
    await user.expect(message(f"{room}/{user.user}", "here again"), 20)
