# SPDX-License-Identifier: GPL-2.0-or-later
"""Users who stay connected (the setting stay_connected) while none of their clients is there: they stay logged in and in
their rooms, over a restart, too, and find what they have missed when they come back."""

import pytest
import pytest_asyncio

from commands import run
from gateway import IRC
from ircclient import line
from stanzas import message, unavailable
from test_archive import Page, is_past, query
from test_muc import Place, fresh_nick, home, world, place

IRC_GW = "irc.localhost"
MAM = "urn:xmpp:mam:2"


@pytest_asyncio.fixture
async def irc(gateways, home):
    return await gateways(home, IRC, IRC_GW, **{"settings.stay_connected": 1})


@pytest_asyncio.fixture
async def bob(irc, place, irc_people):
    """Has opened the channel."""
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    return bob


async def come(people, place, nick=None, **more):
    """Somebody who is at the gateway and in the room."""
    user = await people(**more)
    await user.online(IRC_GW)
    user.nick = nick or fresh_nick("al")
    await user.join(place.room, user.nick)
    return user


async def is_away(bob, nick):
    """Waits until the IRC server says so."""
    while True:
        bob.send(f"WHOIS {nick}")
        seen = []
        while not seen or seen[-1].command != "318":
            seen.append(await bob.expect(lambda got: got.command in ("301", "401", "318")))
        if any(got.command == "301" for got in seen):
            return
        assert not any(got.command == "401" for got in seen), "he has left"


async def come_back(people, user, place):
    """Another client of the user: what it gets at its join, and what it reads of the archive."""
    again = await people(account=user.user, resource="again")
    await again.online(IRC_GW)
    again.enter(place.room, user.nick)
    await again.expect(message(place.room, type="groupchat", where=lambda s: s.subject is not None))
    past = [s.body for s in again.inbox.seen if s.bare == place.room and s.body and is_past(s)]
    answer = await again.iq(place.room, query(), "set")
    found = again.take(message(place.room, where=lambda s: s.child("result", MAM) is not None))
    return again, past, Page(answer, [s.child("result", MAM) for s in found]).bodies


def leaves(nick):
    return lambda got: got.command in ("PART", "QUIT") and got.nick == nick


async def test_a_user_stays_in_a_room_without_a_client_and_reads_what_he_missed(irc, place, people, bob):
    user = await come(people, place)
    other = await come(people, place)
    await bob.expect(line("JOIN", place.channel, nick=user.nick))
    await user.close()
    await is_away(bob, user.nick)
    # Who leaves a room and stays at the gateway has left it.
    other.leave(place.room, other.nick)
    await bob.expect(leaves(other.nick))
    missed = [f"missed {n}" for n in range(30)]
    for text in missed:
        bob.say(place.channel, text)
    await bob.sync()
    again, past, archived = await come_back(people, user, place)
    assert past == missed and archived == missed
    assert not bob.take(leaves(user.nick)) and not bob.take(line("JOIN", place.channel, nick=user.nick))
    again.send_message(place.room, "I am back", type="groupchat")
    await bob.heard(place.channel, "I am back", user.nick)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_restart_brings_him_back_without_a_client(irc, place, people, bob, home, end):
    user = await come(people, place)
    await bob.expect(line("JOIN", place.channel, nick=user.nick))
    await user.close()
    await is_away(bob, user.nick)
    getattr(irc, end)()
    await bob.expect(leaves(user.nick))
    await irc.up(home)
    await bob.expect(line("JOIN", place.channel, nick=user.nick))
    await is_away(bob, user.nick)
    bob.say(place.channel, "said after the restart")
    bob.say(user.nick, "just for you")
    await bob.sync()
    again, past, archived = await come_back(people, user, place)
    assert past == archived == ["said after the restart"]
    got = await again.expect(message(body="just for you"))
    assert got.type == "chat"


async def test_who_left_for_good_is_not_brought_back(irc, place, people, bob, home):
    user = await come(people, place)
    other_place = Place(place.ircd)
    await bob.join(other_place.channel)
    await user.join(other_place.room, user.nick)
    user.leave(place.room, user.nick)
    await bob.expect(line("PART", place.channel, nick=user.nick))
    await user.close()
    await is_away(bob, user.nick)
    bob.take(line("JOIN", nick=user.nick))
    irc.stop()
    await bob.expect(leaves(user.nick))
    await irc.up(home)
    await bob.expect(line("JOIN", other_place.channel, nick=user.nick))
    await is_away(bob, user.nick)
    assert not bob.take(line("JOIN", place.channel, nick=user.nick))


async def test_who_is_put_out_of_a_room_meanwhile_is_told(irc, place, people, bob):
    user = await come(people, place)
    await user.close()
    await is_away(bob, user.nick)
    bob.send(f"KICK {place.channel} {user.nick} :enough of this")
    await bob.expect(line("KICK", place.channel, user.nick))
    again = await people(account=user.user, resource="again")
    got = await again.expect(message(IRC_GW))
    assert place.channel in got.body and "enough of this" in got.body


async def test_switching_it_off_ends_what_it_kept(irc, place, people, bob):
    user = await come(people, place)
    await bob.expect(line("JOIN", place.channel, nick=user.nick))
    await user.close()
    await is_away(bob, user.nick)
    again = await people(account=user.user, resource="again")
    await run(again, IRC_GW, "settings", stay_connected="0")
    await bob.expect(leaves(user.nick))


async def test_a_room_is_left_by_a_command(irc, place, people, bob):
    """Clients that send no presence to the gateway leave a room as one that goes offline does."""
    user = await people()
    user.nick = fresh_nick("al")
    await user.join(place.room, user.nick)
    user.leave(place.room, user.nick)
    await user.expect(unavailable(f"{place.room}/{user.nick}"))
    rooms = await run(user, IRC_GW, "rooms")
    assert [(row["jid"], row["client"]) for row in rooms.rows] == [(place.room, "are not there")]
    await run(user, IRC_GW, "leave-room", room=place.room)
    await bob.expect(leaves(user.nick))
    assert not (await run(user, IRC_GW, "rooms")).rows
