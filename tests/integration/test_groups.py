# SPDX-License-Identifier: GPL-2.0-or-later
"""Groups: rooms that the network has the user in though none of his clients has joined. He is told of each, by a bookmark
(XEP-0402) where his server lets the gateway write one, else by an invitation; and nothing that is said there is lost."""

import sqlite3
import time

import pytest

from everywhere import everywhere
from gateway import SCRIPTED
from person import RawUser
from processes import LIMIT
from scripted import GW, ME, ROOM, SUBJECT, occupant, say
from stanzas import DATA, matches, message, unavailable
from test_archive import Page, is_past, query
from test_rooms import info, speak

BACKEND = f"{SCRIPTED} --extended --features=muc"
BOOKMARKS = "urn:xmpp:bookmarks:1"
PUBSUB = "http://jabber.org/protocol/pubsub"
CONFERENCE = "jabber:x:conference"
MEMBER = 256
# As clients make the node.
OPTIONS = {"persist_items": "true", "max_items": "max", "send_last_published_item": "never", "access_model": "whitelist"}
MAM = "urn:xmpp:mam:2"


async def arrive(people, host, gateways, **settings):
    await gateways(host, BACKEND, **settings)
    user = await people(host=host, kind=RawUser)
    await user.login(GW)
    return user


async def settled(user):
    user.send_message(f"control@{GW}", "E settled")
    await user.expect(message(f"control@{GW}", "E settled"))


async def bookmarks(user):
    """{room: (name, autojoin, nick)}"""
    answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><items node='{BOOKMARKS}'/></pubsub>")
    return {item.get("id"): (kept.get("name"), kept.get("autojoin"), kept.findtext(f"{{{BOOKMARKS}}}nick"))
            for item in answer.xml.iter(f"{{{PUBSUB}}}item") for kept in item.iterfind(f"{{{BOOKMARKS}}}conference")}


async def bookmarked(user, *rooms):
    """Waits until just these are bookmarked."""
    end = time.monotonic() + LIMIT
    while set(found := await bookmarks(user)) != set(rooms):
        assert time.monotonic() < end, found
    return found


def invitation(room=ROOM, **more):
    return matches("message", room, where=lambda s: s.child("x", CONFERENCE) is not None, **more)


async def come_in(user, *others):
    """Joins; the lines of before."""
    user.enter(ROOM, "me")
    say(user, *(occupant("#quiet", other) for other in others), occupant("#quiet", "me", ME), (SUBJECT, {2: "#quiet", 3: ""}))
    await user.expect(message(ROOM, type="groupchat", subject=""))
    return [s.body for s in user.take(message(ROOM + "/ann", type="groupchat")) if is_past(s)]


async def archived(user):
    answer = await user.iq(ROOM, query(), "set")
    found = user.take(message(ROOM, where=lambda s: s.child("result", MAM) is not None))
    return Page(answer, [s.child("result", MAM) for s in found]).bodies


async def test_a_group_is_bookmarked_and_the_bookmark_goes_with_it(gateways, privileged_prosody, people):
    user = await arrive(people, privileged_prosody, gateways)
    say(user, info(_3="The quiet group", _7=MEMBER))
    found = await bookmarked(user, ROOM)
    assert found[ROOM] == ("The quiet group", "true", user.user)
    # The client joins by it, and misses nothing.
    say(user, speak("hello all"), speak("anybody?"))
    await settled(user)
    assert await come_in(user, "ann") == ["hello all", "anybody?"] == await archived(user)
    say(user, speak("there you are"))
    assert (await user.expect(message(f"{ROOM}/ann", "there you are"))).type == "groupchat"
    assert not user.take(invitation())
    # On the network he leaves the group.
    say(user, info(_3="The quiet group", _7=0), occupant("#quiet", "me", ME, 5))
    await user.expect(unavailable(f"{ROOM}/me"))
    await bookmarked(user)


async def test_bookmarks_of_the_user_are_his(gateways, privileged_prosody, people):
    """One that is there already stays as it is, one that he removes does not come back."""
    user = await arrive(people, privileged_prosody, gateways)
    item = f"<item id='#quiet2@{GW}'><conference xmlns='{BOOKMARKS}' name='Mine' autojoin='false'/></item>"
    options = "".join(f"<field var='pubsub#{var}'><value>{value}</value></field>" for var, value in OPTIONS.items())
    answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><publish node='{BOOKMARKS}'>{item}</publish><publish-options>"
                                 f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{PUBSUB}#publish-options"
                                 f"</value></field>{options}</x></publish-options></pubsub>", "set")
    assert answer.type == "result"
    say(user, info("#quiet2", _3="Theirs", _7=MEMBER), info(_3="The quiet group", _7=MEMBER))
    found = await bookmarked(user, ROOM, f"#quiet2@{GW}")
    assert found[f"#quiet2@{GW}"][:2] == ("Mine", "false")
    await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><retract node='{BOOKMARKS}'><item id='{ROOM}'/></retract></pubsub>", "set")
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    say(user, info(_3="The quiet group", _7=MEMBER), info("#quiet3", _3="A new one", _7=MEMBER))
    await bookmarked(user, f"#quiet2@{GW}", f"#quiet3@{GW}")
    assert not user.take(invitation())
    # If somebody speaks there, he is reminded of it, once.
    say(user, speak("hello?"), speak("hello??"))
    await user.expect(invitation())
    await settled(user)
    assert not user.take(invitation())
    await bookmarked(user, f"#quiet2@{GW}", f"#quiet3@{GW}")


@pytest.mark.parametrize("host", ["prosody", "ejabberd", "privileged_ejabberd"])
async def test_without_bookmarks_a_group_is_an_invitation(request, gateways, people, host):
    user = await arrive(people, request.getfixturevalue(host), gateways)
    say(user, info(_3="The quiet group", _7=MEMBER))
    got = await user.expect(invitation())
    assert dict(got.child("x", CONFERENCE).attrib) == {"jid": ROOM, "reason": "The quiet group"}
    assert "The quiet group" in got.body
    # The first words come with another one, all are kept.
    say(user, *(speak(f"line {n}") for n in range(30)))
    got = await user.expect(invitation())
    assert got.body == "ann: line 0"
    await settled(user)
    assert not user.take(invitation())
    assert await come_in(user, "ann") == [f"line {n}" for n in range(30)] == await archived(user)
    # A client that leaves it stays a member, and is not told again of what it knows.
    user.leave(ROOM, "me")
    await user.expect(unavailable(f"{ROOM}/me"))
    say(user, speak("behind your back"), info(_3="The quiet group", _7=MEMBER))
    await settled(user)
    assert not user.take(invitation())
    # The next session knows of it.
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    say(user, info(_3="The quiet group", _7=MEMBER))
    await settled(user)
    assert not user.take(invitation())
    assert (await archived(user))[-1] == "behind your back"


@everywhere
async def test_where_nothing_is_kept_each_word_comes(gateways, home, people):
    user = await arrive(people, home, gateways, archive__days=0)
    say(user, speak("one"), speak("two"))
    assert [(await user.expect(invitation())).body for _ in range(2)] == ["ann: one", "ann: two"]


@everywhere
async def test_a_group_is_found_and_left(gateways, home, people):
    """Among the rooms of the gateway, under its name; one who is put out of it is told."""
    user = await arrive(people, home, gateways)
    say(user, info(_3="The quiet group", _7=MEMBER))
    await user.expect(invitation())
    items = "http://jabber.org/protocol/disco#items"
    answer = await user.iq(GW, f"<query xmlns='{items}'/>")
    assert [(i.get("jid"), i.get("name")) for i in answer.xml.iter(f"{{{items}}}item")] == [(ROOM, "The quiet group")]
    say(user, info(_3="The quiet group", _7=0))
    await settled(user)
    answer = await user.iq(GW, f"<query xmlns='{items}'/>")
    assert not list(answer.xml.iter(f"{{{items}}}item"))


@everywhere
async def test_names_of_nothing_but_accents(gateways, home, people):
    """Three hundred bytes of combining characters: they are shown and reached, and nobody behind them is disturbed."""
    user = await arrive(people, home, gateways)
    accents = "a" + "\u0301" * 150
    say(user, info(_3=accents, _7=MEMBER), speak("hello", accents))
    assert accents in (await user.expect(invitation())).body
    await user.expect(invitation())
    user.enter(ROOM, "me")
    say(user, occupant("#quiet", accents), occupant("#quiet", "ann"), occupant("#quiet", "me", ME), (SUBJECT, {2: "#quiet", 3: ""}))
    await user.expect(message(ROOM, type="groupchat", subject=""))
    say(user, speak("now", accents), speak("and I"))
    got = await user.expect(message(body="now", type="groupchat"))
    await user.expect(message(f"{ROOM}/ann", "and I"))
    user.send_message(got.sender, "to you alone")
    say(user, speak("still here"))
    await user.expect(message(f"{ROOM}/ann", "still here"))
    assert not user.take(message(type="error"))


async def test_a_database_that_is_gone_for_a_while_loses_no_word(gateways, prosody, people):
    gateway = await gateways(prosody, BACKEND)
    user = await people(kind=RawUser)
    await user.login(GW)
    lock = sqlite3.connect(gateway.directory / "work/database.sql", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    say(user, info(_3="The quiet group", _7=MEMBER), *(speak(f"line {n}") for n in range(100)))
    await settled(user)  # nothing stands still
    lock.execute("ROLLBACK")
    lock.close()
    await user.expect(invitation())
    lines = [f"line {n}" for n in range(100)]
    assert (await come_in(user, "ann"))[-20:] == lines[-20:]
    end = time.monotonic() + LIMIT
    while (found := await archived(user)) != lines:
        assert time.monotonic() < end, found
