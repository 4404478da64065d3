# SPDX-License-Identifier: GPL-2.0-or-later
"""The IRC backend alone: who of the user's contacts is there (MONITOR, ISON), and what WHOIS says of people."""

import itertools

import pytest
import pytest_asyncio

from gateway import IRC
from ircbackend import AWAY, ONLINE, Backend, User, got
from ircd import Ircd
from stanzas import available, unavailable

OFFLINE = 5
numbers = itertools.count(1)


def fresh(name):
    return f"{name}{next(numbers)}"


@pytest_asyncio.fixture
async def backend(directories, request):
    one = await Backend(directories("irc"), {"irc.throttle_interval_ms": 20, "service.irc_away_timeout": 1}).start()
    yield one
    if getattr(request.node, "failed", False):
        print(f"--- log, the last lines\n{one.log()[-6000:]}")
    await one.close()


@pytest.fixture(params=["ngircd", "inspircd"])
def ircd(request):
    """Without MONITOR, and with it."""
    return request.getfixturevalue(request.param)


@pytest_asyncio.fixture
async def alice(backend, ircd):
    return await User(backend, f"127.0.0.1:{ircd.port}").login()


def contact(name, status, **more):
    return got("BUDDY_CHANGED", buddyName=name, status=status, **more)


def add(user, *names):
    for name in names:
        user.backend.send("BUDDY_CHANGED", userName=user.jid, buddyName=name, status=OFFLINE)


async def whois(user, name, request=7):
    user.backend.send("VCARD", userName=user.jid, buddyName=name, id=request)
    return await user.expect(got("VCARD", id=request))


async def test_it_wants_to_know_the_contacts(backend):
    assert "send_buddies_on_login=1" in backend.config.replace(" ", "")


async def test_contacts_come_and_go(alice, ircd, irc_people):
    bob = await irc_people(fresh("bob"), ircd)
    here, gone = alice.full(bob.nick), alice.full(fresh("carol"))
    add(alice, here, gone)
    await alice.join(fresh("#room"), fresh("al"))
    await alice.expect(contact(here, ONLINE))
    carol = await irc_people(gone.partition("@")[0], ircd)
    await alice.expect(contact(gone, ONLINE))
    carol.send("QUIT")
    await alice.expect(contact(gone, OFFLINE))
    # One that is added later, and one that is removed.
    dave = await irc_people(fresh("dave"), ircd)
    add(alice, alice.full(dave.nick))
    await alice.expect(contact(alice.full(dave.nick), ONLINE))
    alice.backend.send("BUDDY_REMOVED", userName=alice.jid, buddyName=here)
    assert not await alice.settled(contact(here, OFFLINE))
    bob.send("QUIT")
    erin = await irc_people(fresh("erin"), ircd)
    add(alice, alice.full(erin.nick))
    await alice.expect(contact(alice.full(erin.nick), ONLINE))
    assert not alice.take(contact(here, OFFLINE))


async def test_many_contacts_at_the_log_in(backend, ircd, irc_people):
    user = User(backend, f"127.0.0.1:{ircd.port}")
    people = [await irc_people(fresh("p"), ircd) for _ in range(4)]
    names = [user.full(fresh("nobody")) for _ in range(120)] + [user.full(one.nick) for one in people]
    await user.login()
    backend.send("BUDDIES", buddy=[{"userName": user.jid, "buddyName": name, "status": OFFLINE} for name in names])
    await user.join(fresh("#room"), fresh("al"))
    for one in people:
        await user.expect(contact(user.full(one.nick), ONLINE))


async def test_the_server_is_a_contact(alice, ircd):
    add(alice, alice.server)
    room, _, _ = await alice.join(fresh("#room"), fresh("al"))
    await alice.expect(contact(alice.server, ONLINE))
    alice.leave(room.partition("@")[0])
    await alice.expect(contact(alice.server, OFFLINE))


async def test_a_lost_connection_takes_them_offline(backend, own_ngircd, irc_people):
    user = await User(backend, f"127.0.0.1:{own_ngircd.port}").login()
    bob = await irc_people(fresh("bob"), own_ngircd)
    add(user, user.full(bob.nick))
    await user.join(fresh("#room"), fresh("al"))
    await user.expect(contact(user.full(bob.nick), ONLINE))
    own_ngircd.end()
    await user.expect(contact(user.full(bob.nick), OFFLINE))


async def test_who_is_away(backend, inspircd, irc_people):
    user = await User(backend, f"127.0.0.1:{inspircd.port}").login()
    channel, bob = fresh("#room"), await irc_people(fresh("bob"), inspircd)
    await bob.join(channel)
    add(user, user.full(bob.nick))
    await user.join(channel, fresh("al"))
    await user.expect(contact(user.full(bob.nick), ONLINE))
    bob.send("AWAY :lunch")
    await user.expect(contact(user.full(bob.nick), AWAY, statusMessage="lunch"))
    bob.send("AWAY")
    await user.expect(contact(user.full(bob.nick), ONLINE))


@pytest.mark.parametrize("name", ["#room@{}", "bob", "a b@{}", "a,b@{}", ":x@{}", "@{}"])
async def test_names_that_nobody_can_have(alice, ircd, name):
    add(alice, name.format(alice.server))
    await alice.join(fresh("#room"), fresh("al"))
    assert not [one for one in await alice.settled() if one.get("buddyName") == name.format(alice.server)]


# Cards

async def test_whois_as_a_card(alice, ircd, irc_people):
    bob = await irc_people(fresh("bob"), ircd)
    channel = fresh("#room")
    await bob.join(channel)
    bob.send("AWAY :lunch")
    room, _, _ = await alice.join(channel, fresh("al"))
    for name in (alice.full(bob.nick), f"{room}/{bob.nick}"):
        card = await whois(alice, name)
        assert (card["buddyName"], card["nickname"], card["fullname"]) == (name, bob.nick, bob.nick)
        notes = dict(text.split(": ", 1) for text in card["note"].split("\n") if ": " in text)
        assert notes["Away"] == "lunch" and channel in notes["Channels"] and "Server" in notes and "Idle for" in notes
        assert "Address" in notes


async def test_whois_of_nobody(alice):
    await alice.join(fresh("#room"), fresh("al"))
    card = await whois(alice, alice.full(fresh("nobody")))
    assert card["condition"] == 7 and card["text"]
    for name in ("bob", "bob@irc.example.org", f"#room@{alice.server}", f"a,b@{alice.server}", f"*@{alice.server}"):
        assert (await whois(alice, name))["condition"] == 7


async def test_whois_twice_and_by_command(alice, ircd, irc_people):
    bob, carol = await irc_people(fresh("bob"), ircd), await irc_people(fresh("carol"), ircd)
    room, _, _ = await alice.join(fresh("#room"), fresh("al"))
    for number, one in ((1, bob), (2, carol), (3, bob)):
        alice.backend.send("VCARD", userName=alice.jid, buddyName=alice.full(one.nick), id=number)
    alice.say(room, f"/whois {bob.nick}")
    for number, one in ((1, bob), (2, carol), (3, bob)):
        assert (await alice.expect(got("VCARD", id=number)))["nickname"] == one.nick
    await alice.expect(got("CONV_MESSAGE", buddyName=room, message=lambda text: bob.nick in text and "End" in text))


async def test_a_server_that_does_not_answer(backend):
    server = await Ircd().start()
    server.on["WHOIS"] = lambda link, args: True
    try:
        user = await User(backend, f"127.0.0.1:{server.port}").login()
        await user.join("#room", "al")
        backend.send("VCARD", userName=user.jid, buddyName=user.full("bob"), id=9)
        await server.received("WHOIS", "bob", "bob")
        server.link.close()
        card = await user.expect(got("VCARD", id=9))
        assert card["condition"] and card["text"]
    finally:
        await server.stop()


# With the gateway

async def test_a_nick_in_the_roster(gateways, prosody, inspircd, people, irc_people):
    gateway = await gateways(prosody, IRC, "irc.localhost", **{"irc.throttle_interval_ms": 20})
    user = await people()
    await user.online("irc.localhost")
    bob = await irc_people(fresh("bob"), inspircd)
    jid = f"{bob.nick}%127.0.0.1\\3a{inspircd.port}@irc.localhost"
    user.send_presence(jid, "subscribe")
    await user.join(f"#room%127.0.0.1\\3a{inspircd.port}@irc.localhost", fresh("al"))
    await user.expect(available(jid))
    card = await user.iq(jid, "<vCard xmlns='vcard-temp'/>")
    assert card.xml.findtext(".//{vcard-temp}NICKNAME") == bob.nick and "Server" in card.xml.findtext(".//{vcard-temp}DESC")
    bob.send("QUIT")
    await user.expect(unavailable(jid))
    # The list of contacts is kept for the next time.
    gateway.stop()
    await gateway.up(prosody)
    again = await irc_people(bob.nick, inspircd)
    await user.online("irc.localhost")
    await user.join(f"#room%127.0.0.1\\3a{inspircd.port}@irc.localhost", fresh("al"))
    await user.expect(available(jid))
    again.send("QUIT")
