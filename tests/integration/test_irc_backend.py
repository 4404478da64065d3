# SPDX-License-Identifier: GPL-2.0-or-later
"""The IRC backend alone: this test is its main process; on the other side are ngIRCd (plain RFC), InspIRCd with Atheme's
services (IRCv3), and a scripted server for what those two never do."""

import asyncio
import itertools

import pytest
import pytest_asyncio

from ircbackend import (ADMIN, AWAY, IS_MODERATOR, KICKED, LEFT, ME, MEMBER, MODERATOR, NONE, ONLINE, OWNER,
                        PARTICIPANT, Backend, User, dotted, got, participant, result, room_error, said, several)
from ircclient import line
from ircd import Ircd
from processes import free_port
from wire import CONDITIONS

numbers = itertools.count(1)


def fresh(name):
    """Servers live longer than tests, and so may names."""
    return f"{name}{next(numbers)}"


@pytest_asyncio.fixture
async def backends(directories, request):
    async with several(request) as start:
        yield lambda **settings: start(Backend(directories("irc"), dotted(settings)))


@pytest_asyncio.fixture
async def backend(backends):
    return await backends(irc__throttle_interval_ms=20)


@pytest.fixture(params=["ngircd", "inspircd"])
def ircd(request):
    return request.getfixturevalue(request.param)


def at(server):
    return f"127.0.0.1:{server.port}"


@pytest_asyncio.fixture
async def alice(backend, ircd):
    return await User(backend, at(ircd)).login()


@pytest_asyncio.fixture
async def room(alice, ircd, irc_people):
    """alice and bob in one channel; bob is its operator."""
    class Room:
        pass
    room = Room()
    room.channel, room.nick = fresh("#room"), fresh("al")
    room.bob = await irc_people(fresh("bob"), ircd)
    await room.bob.join(room.channel)
    room.name, room.people, room.subject = await alice.join(room.channel, room.nick)
    await room.bob.expect(line("JOIN", room.channel, nick=room.nick))
    room.of_bob = participant(room.name, room.bob.nick)
    return room


@pytest_asyncio.fixture
async def fake():
    """Scripted servers."""
    started = []

    async def start(*args, **more):
        one = Ircd(*args, **more)
        started.append(one)
        return await one.start()

    yield start
    for one in started:
        await one.stop()


# Joining


async def test_what_it_announces(backend):
    assert "muc=1" in backend.config.replace(" ", "")
    assert "needRegistration=0" in backend.config.replace(" ", "")


async def test_a_join_shows_others_then_oneself_then_the_subject(alice, ircd, irc_people):
    channel, nick = fresh("#room"), fresh("al")
    bob, carol = await irc_people(fresh("bob"), ircd), await irc_people(fresh("carol"), ircd)
    await bob.join(channel)
    await carol.join(channel)
    bob.send(f"MODE {channel} +v {carol.nick}")
    bob.send(f"TOPIC {channel} :About everything")
    await bob.expect(line("TOPIC", channel))
    room, people, subject = await alice.join(channel, nick)
    by_name = {p["nickname"]: p for p in people}
    assert people[-1]["nickname"] == nick and by_name.keys() == {nick, bob.nick, carol.nick}
    assert (by_name[bob.nick]["affiliation"], by_name[bob.nick]["role"]) == (ADMIN, IS_MODERATOR)
    assert by_name[bob.nick]["flag"] & MODERATOR
    assert (by_name[carol.nick]["affiliation"], by_name[carol.nick]["role"]) == (MEMBER, PARTICIPANT)
    assert (by_name[nick]["affiliation"], by_name[nick]["role"]) == (NONE, PARTICIPANT)
    assert by_name[bob.nick]["realName"] == f"{bob.nick}@{at(ircd)}"
    assert subject["message"] == "About everything"
    assert not alice.take(got("ROOM_NICKNAME_CHANGED"))


async def test_an_empty_channel_has_an_empty_subject(alice):
    _, people, subject = await alice.join(fresh("#room"), fresh("al"))
    assert len(people) == 1 and people[0]["flag"] & ME and subject["message"] == ""


async def test_the_percent_form_is_understood(backend, ircd):
    user = await User(backend, at(ircd)).login()
    user.full = lambda name: f"{name}%{at(ircd)}"
    room, people, _ = await user.join(fresh("#room"), fresh("al"))
    assert "%" in room and people[-1]["flag"] & ME


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "127.0.0.1/{}", "localhost:{}"])
async def test_forms_of_the_servers_name(backend, ngircd, form):
    user = await User(backend, form.format(ngircd.port)).login()
    await user.join(fresh("#room"), fresh("al"))


JOIN_MODES = {
    "+i": "registration-required",
    "+k sesame": "not-authorized",
    "+l 1": "service-unavailable",
    "+b *!*@*": "forbidden",
}


@pytest.mark.parametrize("mode", JOIN_MODES)
async def test_a_closed_channel_refuses_with_the_reason(alice, ircd, irc_people, mode):
    channel, bob = fresh("#room"), await irc_people(fresh("bob"), ircd)
    await bob.join(channel)
    bob.send(f"MODE {channel} {mode}")
    await bob.expect(line("MODE", channel))
    room = alice.enter(channel, fresh("al"))
    assert (await alice.expect(room_error(room, JOIN_MODES[mode])))["text"]
    bob.send(f"MODE {channel} {mode.replace('+', '-').split()[0]} {'*!*@*' if 'b' in mode else 'sesame'}")
    await bob.expect(line("MODE", channel))
    await alice.join(channel, fresh("al"))  # nothing of the first try is left


async def test_the_key_opens(alice, ircd, irc_people):
    channel, bob = fresh("#room"), await irc_people(fresh("bob"), ircd)
    await bob.join(channel)
    bob.send(f"MODE {channel} +k sesame")
    await bob.expect(line("MODE", channel))
    await alice.join(channel, fresh("al"), "sesame")


async def test_many_rooms_at_once(alice, ircd, irc_people):
    channels, nick = [fresh("#room") for _ in range(40)], fresh("al")
    rooms = [alice.enter(channel, nick, "key" if n % 3 == 0 else "") for n, channel in enumerate(channels)]
    for room in rooms:
        await alice.expect(participant(room, nick, flag=lambda f: f & ME))
        await alice.expect(got("ROOM_SUBJECT_CHANGED", buddyName=room))


@pytest.mark.parametrize("name, why", [("#x@", "jid-malformed"), ("#x", "jid-malformed"), ("#a,b@127.0.0.1:1", "jid-malformed"),
                                       ("x@127.0.0.1:1", "jid-malformed"), ("#x@127.0.0.1:99999", "jid-malformed"),
                                       ("#x y@127.0.0.1:1", "jid-malformed"), ("#x\r\nQUIT@127.0.0.1:1", "jid-malformed")])
async def test_impossible_rooms(backend, name, why):
    user = await User(backend).login()
    user.enter(name, "al")
    error = await user.expect(got("ROOM_ERROR"))
    assert CONDITIONS[error["condition"]] == why and error["text"]


async def test_a_key_can_not_carry_a_command(alice):
    room = alice.enter(fresh("#room"), fresh("al"), "a\r\nQUIT :x")
    await alice.expect(room_error(room, "jid-malformed"))


async def test_a_taken_nick_is_a_conflict(alice, ircd, irc_people):
    bob = await irc_people(fresh("bob"), ircd)
    room = alice.enter(fresh("#room"), bob.nick)
    await alice.expect(room_error(room, "conflict", nickname=bob.nick))
    await alice.join(fresh("#room"), fresh("al"))


async def test_a_taken_nick_is_renamed_where_that_is_wanted(backends, ircd, irc_people):
    bob = await irc_people(fresh("bob"), ircd)
    user = await User(await backends(irc__nick_conflict="rename"), at(ircd)).login()
    room, people, _ = await user.join(fresh("#room"), bob.nick)
    assert people[-1]["nickname"] == f"{bob.nick}_"
    await user.expect(got("ROOM_NICKNAME_CHANGED", room=room, nickname=f"{bob.nick}_"))


@pytest.mark.parametrize("nick", ["1 2", "a b", ":x", "a\nb", "#x"])
async def test_an_impossible_nick(alice, nick):
    room = alice.enter(fresh("#room"), nick)
    assert (await alice.expect(room_error(room, "not-acceptable")))["text"]


async def test_nobody_listens_there(backend):
    user = await User(backend, f"127.0.0.1:{free_port()}").login()
    room = user.enter("#room", "al")
    assert (await user.expect(room_error(room, "item-not-found")))["text"]


async def test_joining_again_shows_everything_again(alice, room):
    assert {p["nickname"] for p in (await alice.join(room.channel, room.nick))[1]} == {room.bob.nick, room.nick}


async def test_a_second_room_keeps_the_nick(alice, room):
    name, people, _ = await alice.join(fresh("#room"), fresh("other"))
    assert people[-1]["nickname"] == room.nick
    await alice.expect(got("ROOM_NICKNAME_CHANGED", room=name, nickname=room.nick))


# Talking


async def test_words_pass_both_ways_and_come_back_once(alice, room):
    id = alice.say(room.name, "Hello & good day, gr\u00fc\u00dfe!")
    await room.bob.heard(room.channel, "Hello & good day, gr\u00fc\u00dfe!", room.nick)
    own = await alice.expect(said(room.name, "Hello & good day, gr\u00fc\u00dfe!"))
    assert own["nickname"] == room.nick and own["ownId"] == id
    await alice.expect(result(id, peer=room.name))
    room.bob.say(room.channel, "And <you>?")
    answer = await alice.expect(said(room.name, "And <you>?", nickname=room.bob.nick))
    assert not answer.get("pm") and not answer.get("timeMs")
    await room.bob.sync()
    assert not await alice.settled(got("CONV_MESSAGE"))


async def test_actions(alice, room):
    id = alice.say(room.name, "/me waves")
    await room.bob.heard(room.channel, "\x01ACTION waves\x01", room.nick)
    await alice.expect(said(room.name, "/me waves", ownId=id))
    room.bob.say(room.channel, "\x01ACTION bows\x01")
    await alice.expect(said(room.name, "/me bows"))
    room.bob.say(room.nick, "\x01ACTION whispers\x01")
    await alice.expect(said(alice.full(room.bob.nick), "/me whispers"))


@pytest.mark.parametrize("text", ["/me", "/me ", "/whois", "/", "/msg", "/nick ", "/me\n", "\x01", "/me \n\n x"])
async def test_cr_15_commands_without_arguments_do_no_harm(alice, room, text):
    id = alice.say(room.name, text)
    await alice.expect(lambda f: f.type == "MESSAGE_RESULT" and f.fields["id"] == id)
    id = alice.say(room.name, "still here")
    await alice.expect(result(id))


async def test_text_commands(alice, room):
    bob = room.bob
    id = alice.say(room.name, f"/whois {bob.nick}")
    await alice.expect(result(id))
    await alice.expect(said(room.name, lambda m: bob.nick in m, nickname=None))
    id = alice.say(alice.server, f"/whois {bob.nick}")
    await alice.expect(result(id))
    await alice.expect(said(alice.server, lambda m: bob.nick in m))
    id = alice.say(alice.server, "WHOIS nosuchnick")
    await alice.expect(result(id))
    await alice.expect(said(alice.server, lambda m: "nosuchnick" in m))
    id = alice.say(room.name, "/names")
    await alice.expect(result(id))
    await alice.settled(lambda f: f.type == "CONV_MESSAGE" and f"@{bob.nick}" in f.fields["message"])
    id = alice.say(room.name, f"/msg {bob.nick} psst over there")
    await bob.heard(bob.nick, "psst over there", room.nick)
    await alice.expect(result(id))
    id = alice.say(room.name, "/msg nosuchnick psst")
    await alice.expect(result(id, "item-not-found"))
    id = alice.say(room.name, f"/notice {bob.nick} ahem")
    await bob.expect(line("NOTICE", bob.nick, "ahem"))
    bob.send(f"MODE {room.channel} +o {room.nick}")
    await alice.expect(participant(room.name, room.nick, role=IS_MODERATOR))
    id = alice.say(room.name, f"/mode +v {bob.nick}")
    await bob.expect(line("MODE", room.channel, "+v", bob.nick))
    id = alice.say(room.name, "/topic By a command")
    await bob.expect(line("TOPIC", room.channel, "By a command"))
    id = alice.say(room.name, f"/kick {bob.nick} well then")
    await bob.expect(line("KICK", room.channel, bob.nick, "well then"))
    id = alice.say(room.name, f"/invite {bob.nick}")
    await bob.expect(line("INVITE", bob.nick, room.channel))
    id = alice.say(room.name, "//slash")
    await alice.expect(said(room.name, "/slash", ownId=id))
    new = fresh("alfred")
    id = alice.say(room.name, f"/nick {new}")
    await alice.expect(participant(room.name, room.nick, newname=new))
    await alice.expect(result(id))
    id = alice.say(room.name, "/whois")
    assert "/whois NICK" in (await alice.expect(result(id, "bad-request")))["text"]
    id = alice.say(alice.full(bob.nick), "/kick somebody")
    assert "room" in (await alice.expect(result(id, "bad-request")))["text"]


async def test_long_texts_lose_nothing(alice, room):
    text = " ".join(f"w\u00f6rd{n}\U0001f600" for n in range(300))
    id = alice.say(room.name, text)
    heard = []
    while text.split()[-1] not in heard:
        got_line = await room.bob.expect(line("PRIVMSG", room.channel, nick=room.nick))
        heard += got_line.args[1].split()  # ngIRCd drops blanks at the end of a line
        assert len(got_line.text.encode()) <= 510
    assert heard == text.split()
    assert (await alice.expect(said(room.name, text)))["ownId"] == id
    await alice.expect(result(id))
    id = alice.say(alice.full(room.bob.nick), "x" * 1000)
    heard = ""
    while len(heard) < 1000:
        heard += (await room.bob.expect(line("PRIVMSG", room.bob.nick, nick=room.nick))).args[1]
    assert heard == "x" * 1000
    await alice.expect(result(id))


async def test_many_lines(alice, room):
    id = alice.say(room.name, "one\n\nthree\r\nfour\n")
    heard = []
    while heard[-1:] != ["four"]:
        heard.append((await room.bob.expect(line("PRIVMSG", room.channel, nick=room.nick))).args[1])
    assert [text for text in heard if text.strip()] == ["one", "three", "four"]  # ngIRCd drops the blank
    await alice.expect(said(room.name, lambda m: m.startswith("one\n\nthree"), ownId=id))
    await alice.expect(result(id))
    assert not alice.take(got("CONV_MESSAGE"))


async def test_private_messages(alice, room, ircd, irc_people):
    dave = await irc_people(fresh("dave"), ircd)
    id = alice.say(alice.full(dave.nick), "psst")
    await dave.heard(dave.nick, "psst", room.nick)
    await alice.expect(result(id, peer=alice.full(dave.nick)))
    dave.say(room.nick, "yes?")
    answer = await alice.expect(said(alice.full(dave.nick), "yes?"))
    assert not answer.get("pm")
    assert not await alice.settled(got("CONV_MESSAGE"))


async def test_private_messages_of_a_room(alice, room):
    bob = room.bob
    bob.say(room.nick, "first as a person")
    await alice.expect(said(alice.full(bob.nick), "first as a person"))
    id = alice.say(room.name, "between us", nickname=bob.nick, pm=1)
    await bob.heard(bob.nick, "between us", room.nick)
    await alice.expect(result(id, peer=room.name))
    bob.say(room.nick, "indeed")
    await alice.expect(said(room.name, "indeed", nickname=bob.nick, pm=1))
    alice.say(alice.full(bob.nick), "as a person again")
    await bob.heard(bob.nick, "as a person again")
    bob.say(room.nick, "well")
    await alice.expect(said(alice.full(bob.nick), "well", pm=0))
    id = alice.say(f"{room.name}/{bob.nick}", "the old form")
    await bob.heard(bob.nick, "the old form", room.nick)
    await alice.expect(result(id))


async def test_a_message_to_nobody_is_refused(alice, room):
    peer = alice.full("nosuchnick")
    id = alice.say(peer, "hello?")
    assert (await alice.expect(result(id, "item-not-found", peer=peer)))["text"]
    id = alice.say(peer, "long " * 400)
    await alice.expect(result(id, "item-not-found"))
    id = alice.say(alice.full(room.bob.nick), "you are there")
    await alice.expect(result(id))
    assert not await alice.settled(got("MESSAGE_RESULT"))


async def test_a_message_to_an_unknown_server_is_refused(alice, room):
    id = alice.say("bob@irc.invalid", "hello?")
    await alice.expect(result(id, "recipient-unavailable"))
    id = alice.say("bob", "hello?")
    await alice.expect(result(id, "item-not-found"))
    id = alice.say(alice.full("#never"), "hello?")
    await alice.expect(result(id, "not-acceptable"))


async def test_a_moderated_channel_refuses(alice, room):
    room.bob.send(f"MODE {room.channel} +m")
    await alice.expect(said(room.name, lambda m: "+m" in m))
    first, second = alice.say(room.name, "may I?"), alice.say(room.name, "or now?")
    for id in (first, second):
        assert (await alice.expect(result(id, "forbidden", peer=room.name)))["text"]
    assert not await alice.settled(got("CONV_MESSAGE", nickname=room.nick))
    room.bob.send(f"MODE {room.channel} -m")
    await alice.expect(said(room.name, lambda m: "-m" in m))
    id = alice.say(room.name, "thank you")
    await alice.expect(result(id))
    await alice.expect(said(room.name, "thank you", ownId=id))


async def test_many_messages_in_a_row_keep_their_order(alice, room):
    ids = [alice.say(room.name, f"number {n}") for n in range(40)]
    for n, id in enumerate(ids):
        await room.bob.heard(room.channel, f"number {n}", room.nick)
        assert (await alice.expect(got("CONV_MESSAGE")))["ownId"] == id
        assert (await alice.expect(got("MESSAGE_RESULT")))["id"] == id


async def test_typing(backend, inspircd, irc_people):
    user = await User(backend, at(inspircd)).login()
    channel, nick, bob = fresh("#room"), fresh("al"), await irc_people(fresh("bob"), inspircd)
    bob.send("CAP REQ :message-tags")
    await bob.expect(line("CAP", None, "ACK"))
    await user.join(channel, nick)
    peer = user.full(bob.nick)
    for frame, word in (("BUDDY_TYPING", "active"), ("BUDDY_TYPED", "paused"), ("BUDDY_TYPING", "active"),
                        ("BUDDY_STOPPED_TYPING", "done")):
        backend.send(frame, userName=user.jid, buddyName=peer)
        assert f"+typing={word}" in (await bob.expect(line("TAGMSG", bob.nick, nick=nick))).tags
        bob.send(f"@+typing={word} TAGMSG {nick}")
        await user.expect(got(frame, buddyName=peer))
    backend.send("BUDDY_TYPING", userName=user.jid, buddyName=user.full(channel))
    backend.send("BUDDY_TYPING", userName=user.jid, buddyName="nobody")
    assert not await user.settled(got("BUDDY_TYPING"))


async def test_notices(alice, room):
    room.bob.send(f"NOTICE {room.channel} :attention")
    await alice.expect(said(room.name, "[notice] attention", nickname=room.bob.nick))
    room.bob.send(f"NOTICE {room.nick} :from a stranger")
    await alice.expect(said(alice.server, f"[{room.bob.nick}] from a stranger"))
    alice.say(alice.full(room.bob.nick), "hi")
    await room.bob.heard(room.bob.nick, "hi")
    room.bob.send(f"NOTICE {room.nick} :from a friend")
    await alice.expect(said(alice.full(room.bob.nick), "from a friend"))


async def test_formatting_and_encodings(alice, room):
    room.bob.send_bytes(b"PRIVMSG " + room.channel.encode() + b" :\x02bold\x02 \x0304red\x0f \x07end")
    one = await alice.expect(said(room.name, "bold red end"))
    assert one["xhtml"].startswith("<span style='font-weight:bold;'>bold</span>")
    room.bob.send_bytes(b"PRIVMSG " + room.channel.encode() + b" :gr\xfc\xdfe \x1b")
    await alice.expect(said(room.name, "gr\u00fc\u00dfe "))


async def test_ctcp_is_answered_now_and_then(alice, room):
    room.bob.say(room.nick, "\x01PING 123 456\x01")
    await room.bob.expect(line("NOTICE", room.bob.nick, "\x01PING 123 456\x01", nick=room.nick))
    room.bob.say(room.nick, "\x01VERSION\x01")
    await room.bob.expect(line("NOTICE", room.bob.nick, None, nick=room.nick))
    for _ in range(20):
        room.bob.say(room.nick, "\x01TIME\x01")
    id = alice.say(alice.full(room.bob.nick), "enough")
    await room.bob.heard(room.bob.nick, "enough")
    assert len(room.bob.take(line("NOTICE", room.bob.nick, nick=room.nick))) <= 2
    assert not await alice.settled(got("CONV_MESSAGE"))


async def test_subjects(alice, room):
    id = alice.topic(room.name, "From\nXMPP")
    changed = await alice.expect(lambda f: f.type == "ROOM_SUBJECT_CHANGED" or
                                 (f.type == "MESSAGE_RESULT" and f.fields["id"] == id))
    if "condition" in changed:  # InspIRCd's channels begin with +t
        assert changed["text"]
    room.bob.send(f"MODE {room.channel} +t")
    room.bob.send(f"TOPIC {room.channel} :From IRC")
    await alice.expect(got("ROOM_SUBJECT_CHANGED", buddyName=room.name, message="From IRC", nickname=room.bob.nick))
    refused = {"text": "later"}
    while "later" in refused["text"]:  # InspIRCd wants a pause between two changes
        id = alice.topic(room.name, "not allowed")
        refused = await alice.expect(got("MESSAGE_RESULT", id=id, peer=room.name))
    assert CONDITIONS[refused["condition"]] == "forbidden" and refused["text"]
    room.bob.send(f"MODE {room.channel} +o {room.nick}")
    await alice.expect(participant(room.name, room.nick, role=IS_MODERATOR))
    while True:
        id = alice.topic(room.name, "allowed\nnow")
        if not (await alice.expect(got("MESSAGE_RESULT", id=id)))["condition"]:
            break
        await asyncio.sleep(0.2)
    await room.bob.expect(line("TOPIC", room.channel, "allowed now"))
    await alice.expect(got("ROOM_SUBJECT_CHANGED", message="allowed now", nickname=room.nick))


# Others


async def test_others_come_rename_and_go(alice, room, ircd, irc_people):
    dave, new = await irc_people(fresh("dave"), ircd), fresh("david")
    await dave.join(room.channel)
    joined = await alice.expect(participant(room.name, dave.nick))
    assert joined["realName"] == alice.full(dave.nick) and not joined["flag"] & ME
    dave.send(f"NICK {new}")
    await alice.expect(participant(room.name, dave.nick, newname=new))
    dave.send(f"PART {room.channel} :so long")
    await alice.expect(participant(room.name, new, status=LEFT, statusMessage=lambda s: "so long" in s))
    await dave.join(room.channel)
    await alice.expect(participant(room.name, new))
    dave.send("QUIT :good night")
    await alice.expect(participant(room.name, new, status=LEFT, statusMessage=lambda s: "good night" in s))


async def test_kicks(alice, room, ircd, irc_people):
    dave = await irc_people(fresh("dave"), ircd)
    await dave.join(room.channel)
    await alice.expect(participant(room.name, dave.nick))
    room.bob.send(f"KICK {room.channel} {dave.nick} :enough")
    await alice.expect(participant(room.name, dave.nick, status=LEFT, flag=KICKED, statusMessage="enough",
                                   actor=room.bob.nick))
    room.bob.send(f"KICK {room.channel} {room.nick} :you too")
    await alice.expect(participant(room.name, room.nick, status=LEFT, flag=KICKED | ME, statusMessage="you too",
                                   actor=room.bob.nick))
    id = alice.say(room.name, "hello?")
    await alice.expect(result(id, "not-acceptable"))
    await alice.join(room.channel, room.nick)


async def test_ranks(alice, room):
    bob = room.bob
    bob.send(f"MODE {room.channel} +o {room.nick}")
    await alice.expect(participant(room.name, room.nick, affiliation=ADMIN, role=IS_MODERATOR))
    await alice.expect(said(room.name, f"Mode {room.channel} [+o {room.nick}] by {bob.nick}", nickname=None))
    bob.send(f"MODE {room.channel} +v {room.nick}")
    await alice.expect(participant(room.name, room.nick, affiliation=ADMIN))
    bob.send(f"MODE {room.channel} -o {room.nick}")
    await alice.expect(participant(room.name, room.nick, affiliation=MEMBER, role=PARTICIPANT))
    bob.send(f"MODE {room.channel} -v {room.nick}")
    await alice.expect(participant(room.name, room.nick, affiliation=NONE, role=PARTICIPANT))
    bob.send(f"MODE {room.channel} +bo nobody!*@* {room.nick}")
    await alice.expect(participant(room.name, room.nick, affiliation=ADMIN, role=IS_MODERATOR))


async def test_own_nick(alice, room):
    new = fresh("alfred")
    alice.enter(room.channel, new)
    await room.bob.expect(line("NICK", new, nick=room.nick))
    renamed = await alice.expect(participant(room.name, room.nick, newname=new))
    assert renamed["flag"] & ME
    await alice.expect(got("ROOM_NICKNAME_CHANGED", room=room.name, nickname=new))
    id = alice.say(room.name, "under a new name")
    await room.bob.heard(room.channel, "under a new name", new)
    assert (await alice.expect(said(room.name, "under a new name")))["nickname"] == new
    alice.enter(room.channel, room.bob.nick)
    await alice.expect(room_error(room.name, "conflict", nickname=room.bob.nick))
    alice.enter(room.channel, "not possible")
    await alice.expect(room_error(room.name, "not-acceptable", nickname="not possible"))
    id = alice.say(room.name, "still here")
    await alice.expect(result(id))


async def test_away_both_ways(backends, ircd, irc_people):
    user = await User(await backends(service__irc_away_timeout=1), at(ircd)).login()
    channel, nick, bob = fresh("#room"), fresh("al"), await irc_people(fresh("bob"), ircd)
    await bob.join(channel)
    room, _, _ = await user.join(channel, nick)
    bob.send("AWAY :lunch")
    await user.expect(participant(room, bob.nick, status=AWAY))
    bob.send("AWAY")
    await user.expect(participant(room, bob.nick, status=ONLINE))
    user.status(AWAY, "gone fishing")
    while True:
        bob.say(nick, "there?")
        await bob.sync()
        if told := bob.take(line("301")):
            assert "gone fishing" in told[0].args[-1]
            break


async def test_somebody_who_is_away_already(alice, ircd, irc_people):
    channel, bob = fresh("#room"), await irc_people(fresh("bob"), ircd)
    await bob.join(channel)
    bob.send("AWAY :lunch")
    await bob.expect(line("306"))
    room, _, _ = await alice.join(channel, fresh("al"))
    await alice.expect(participant(room, bob.nick, status=AWAY))


async def test_invitations(alice, room):
    channel = fresh("#secret")
    await room.bob.join(channel)
    room.bob.send(f"INVITE {room.nick} {channel}")
    await alice.expect(got("ROOM_INVITATION", room=alice.full(channel), title=channel, nickname=room.bob.nick,
                           name=alice.full(room.bob.nick)))


async def test_leaving(alice, room):
    alice.leave(room.channel)
    await room.bob.expect(line("PART", room.channel, nick=room.nick))
    room.bob.say(room.channel, "are you gone?")
    await room.bob.sync()
    assert not await alice.settled(got("CONV_MESSAGE"))
    await alice.join(room.channel, room.nick)
    await room.bob.expect(line("JOIN", room.channel, nick=room.nick))


async def test_logout_leaves(alice, room):
    alice.logout()
    await room.bob.expect(line("QUIT", nick=room.nick))
    again = await User(alice.backend, alice.server).login()
    await again.join(room.channel, room.nick)


async def test_two_users_and_two_networks(backend, ngircd, inspircd, irc_people):
    channel = fresh("#room")
    bobs = [await irc_people(fresh("bob"), server) for server in (ngircd, inspircd)]
    for bob in bobs:
        await bob.join(channel)
    one = await User(backend).login()
    two = await User(backend).login()
    for server, bob in zip((ngircd, inspircd), bobs):
        for user in (one, two):
            user.server = at(server)
            user.nick = fresh("al")
            room, _, _ = await user.join(channel, user.nick)
        id = one.say(room, f"to {bob.nick}")
        await bob.heard(channel, f"to {bob.nick}", one.nick)
        await two.expect(said(room, f"to {bob.nick}", nickname=one.nick))
        await one.expect(result(id))


# One server


async def test_one_server_from_the_configuration(backends, ircd, irc_people):
    backend = await backends(service__irc_server=[f"127.0.0.1:{free_port()}", at(ircd)])
    nick, channel = fresh("al"), fresh("#room")
    user = await User(backend, name=nick).login()
    bob = await irc_people(fresh("bob"), ircd)
    await bob.join(channel)
    room, people, _ = await user.join(channel, nick)
    assert room == channel and people[0]["realName"] == bob.nick
    id = user.say(channel, "short address")
    await bob.heard(channel, "short address", nick)
    await user.expect(result(id))
    user.leave(channel)
    await bob.expect(line("PART", channel))
    id = user.say(bob.nick, "still connected")
    await bob.heard(bob.nick, "still connected", nick)
    await user.expect(result(id))


async def test_one_server_that_is_not_there(backends):
    backend = await backends(service__irc_server=f"127.0.0.1:{free_port()}")
    user = await User(backend, name="al").login(connected=False)
    assert (await user.expect(got("DISCONNECTED", error=0)))["message"]


# Accounts


@pytest.mark.parametrize("many", [False, True], ids=["one-server", "many-networks"])
async def test_sasl(backends, inspircd, irc_people, many):
    account = fresh("carol")
    inspircd.account(account, "carolpass")
    backend = await backends(**{} if many else {"service.irc_server": at(inspircd)})
    user = User(backend, at(inspircd) if many else None, f"{account}@127.0.0.1" if many else account, "carolpass")
    await user.login()
    channel, bob = fresh("#room"), await irc_people(fresh("bob"), inspircd)
    await bob.join(channel)
    await user.join(channel, account)
    bob.send(f"WHOIS {account}")
    assert (await bob.expect(line("330"))).args[2] == account


async def test_sasl_with_a_wrong_password(backends, inspircd):
    account = fresh("carol")
    inspircd.account(account, "carolpass")
    user = await User(await backends(), at(inspircd), f"{account}@127.0.0.1", "wrong").login()
    room = user.enter(fresh("#room"), fresh("al"))
    assert (await user.expect(room_error(room, "not-authorized")))["text"]
    user = User(await backends(service__irc_server=at(inspircd)), None, account, "wrong")
    await user.login(connected=False)
    await user.expect(got("DISCONNECTED", error=2))


async def test_a_password_goes_only_to_its_network(backends, fake):
    server = await fake(caps=["sasl=PLAIN"], accounts={"carol": "secret"})
    backend = await backends()
    for name in ("carol", "carol@irc.elsewhere"):
        user = await User(backend, at(server), name, "secret").login()
        await user.join("#room", "al")
    assert not any("secret" in " ".join(g) or g[0] in ("AUTHENTICATE", "PASS") for g in server.got)


async def test_the_password_as_pass(backends, fake):
    server = await fake(caps=["sasl=PLAIN"])
    user = await User(await backends(service__irc_server=at(server), service__irc_send_pass=1), None, "carol",
                      "secret").login()
    assert ("PASS", "secret") in server.got and not [g for g in server.got if g[0] == "AUTHENTICATE"]


async def test_nickserv_where_there_is_no_sasl(backends, fake):
    server = await fake()
    asked = []

    def privmsg(link, args):
        asked.append(list(server.got))
        link.send(f":NickServ!s@services.test NOTICE {link.nick} :You are now identified for carol.")
        return True
    server.on["PRIVMSG"] = privmsg
    user = User(await backends(service__irc_server=at(server),
                               service__irc_identify="NickServ IDENTIFY $name $password"), None, "carol", "secret")
    await user.login()
    await user.join("#room", "carol")
    assert ("PRIVMSG", "NickServ", "IDENTIFY carol secret") in server.got
    assert not any(g[0] == "JOIN" for g in asked[0])


async def test_sasl_is_never_left_out(backends, fake):
    server = await fake(caps=["sasl=PLAIN", "multi-prefix"], accounts={"carol": "secret"})
    server.refused_caps = {"sasl"}
    user = await User(await backends(), at(server), "carol@127.0.0.1", "secret").login()
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "not-authorized"))
    assert not [g for g in server.got if g[0] in ("JOIN", "PRIVMSG") or g[:2] == ("CAP", "END")]


@pytest.mark.parametrize("challenge", ["AUTHENTICATE +", "AUTHENTICATE :+", ":irc.test AUTHENTICATE +"])
async def test_sasl_with_a_long_password(backends, fake, challenge):
    server = await fake(caps=["sasl"], accounts={"carol": "p" * 500})
    server.challenge = challenge
    user = await User(await backends(), at(server), "carol@127.0.0.1", "p" * 500).login()
    await user.join("#room", "al")
    assert len([g for g in server.got if g[0] == "AUTHENTICATE"]) == 3


async def test_sasl_by_settings(backends, fake):
    server = await fake(caps=["sasl=PLAIN"], accounts={"carol": "secret"})
    backend = await backends()
    user = User(backend, at(server), "dave", "other")
    settings = {"value": [{"key": "sasl_account@127.0.0.1", "value": "carol"},
                          {"key": "sasl_password@127.0.0.1", "value": "secret"}]}
    await user.login(settings=settings)
    await user.join("#room", "al")
    assert any(g[0] == "AUTHENTICATE" for g in server.got)
    server.caps = {}
    user = User(backend, at(server), "dave", "other")
    await user.login(settings=settings)
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "not-authorized"))
    server.caps = {"sasl": "EXTERNAL"}
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "not-authorized"))


async def test_the_usual_ports(backends, fake):
    server = Ircd(caps=["sasl=PLAIN"], accounts={"carol": "secret"})
    server.port = 6667
    await server.start()
    user = await User(await backends(), "127.0.0.1", "carol@127.0.0.1", "secret").login()
    room, people, _ = await user.join("#room", "al")
    assert people[0]["realName"] == "al@127.0.0.1"
    # A password goes over no connection that is plain only because nobody answered the secure one.
    assert not any(g[0] in ("AUTHENTICATE", "PASS", "PRIVMSG") for g in server.got)
    await server.stop()


async def test_services_speak_in_the_room(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    server.link.send(":ChanServ!s@services.test NOTICE al :[#room] Welcome")
    await user.expect(said(room, "[notice] Welcome", nickname="ChanServ"))
    server.link.send(":ChanServ!s@services.test NOTICE al :[#other] Welcome")
    await user.expect(said(at(server), "[ChanServ] [#other] Welcome"))


async def test_a_slow_main_process_stops_the_server(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    backend = user.backend
    backend.writer.transport.pause_reading()
    total = 40_000
    for n in range(total):
        server.link.send(f":bob!b@host PRIVMSG #room :{n} {'x' * 400}")
    await asyncio.sleep(1)
    assert server.link.writer.transport.get_write_buffer_size() > 1_000_000
    backend.writer.transport.resume_reading()
    await user.expect(said(room, lambda m: m.startswith(f"{total - 1} ")), 60)
    assert len(user.take(said(room, lambda m: True))) == total - 1


async def test_one_refused_capability_does_not_spoil_the_others(backends, fake):
    server = await fake(caps=["echo-message", "batch", "server-time", "labeled-response"])
    server.refused_caps = {"echo-message"}
    user = await User(await backends(), at(server)).login()
    await user.join("#room", "al")
    assert server.link.caps == {"batch", "server-time", "labeled-response"}


# TLS


async def test_c_14_tls_with_an_untrusted_certificate(backends, inspircd):
    user = await User(await backends(), f"127.0.0.1:+{inspircd.tls_port}").login()
    room = user.enter("#room", fresh("al"))
    assert "certificate" in (await user.expect(room_error(room, "not-allowed")))["text"].lower()


@pytest.mark.parametrize("setting", ["service.verify_certs", "irc.verify_cert"])
async def test_tls_unchecked(backends, inspircd, setting):
    user = await User(await backends(**{setting: 0}), f"127.0.0.1:+{inspircd.tls_port}").login()
    await user.join(fresh("#room"), fresh("al"))


async def test_tls_with_an_authority(backends, inspircd):
    backend = await backends(irc__tls_ca_file=inspircd.directory / "ircd.crt")
    user = await User(backend, f"localhost/+{inspircd.tls_port}").login()
    await user.join(fresh("#room"), fresh("al"))


# Lost connections


async def test_a_lost_connection_comes_back(backends, ircd, irc_people):
    user = await User(await backends(), at(ircd)).login()
    channel, nick = fresh("#room"), fresh("al")
    bob, carol = await irc_people(fresh("bob"), ircd), await irc_people(fresh("carol"), ircd)
    for one in (bob, carol):
        await one.join(channel)
    bob.send(f"MODE {channel} +k sesame")
    await bob.expect(line("MODE", channel))
    room, _, _ = await user.join(channel, nick, "sesame")
    await bob.oper()
    bob.send(f"KILL {nick} :begone")
    await user.expect(said(room, lambda m: "lost" in m, nickname=None))
    id = user.say(room, "into the void")
    refused = await user.expect(got("MESSAGE_RESULT", id=id))
    assert refused["condition"]
    carol.send(f"PART {channel}")
    await carol.expect(line("PART", channel))
    await user.expect(participant(room, nick, flag=lambda f: f & ME), 20)
    await bob.expect(line("JOIN", channel, nick=nick))
    id = user.say(room, "back")
    await bob.heard(channel, "back", nick)
    await user.expect(result(id))
    changes = user.take(got("PARTICIPANT_CHANGED"))
    assert [c["nickname"] for c in changes] == [carol.nick] and changes[0]["status"] == LEFT


async def test_a_join_while_the_connection_is_away(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#a", "al")
    server.listener.close()
    server.link.close()
    await user.expect(said(room, lambda m: "lost" in m))
    other = user.enter("#b", "al")
    assert (await user.expect(room_error(other, "item-not-found")))["text"]
    assert not await user.settled(got("ROOM_ERROR"))
    await server.start()
    await user.expect(participant(room, "al", flag=lambda f: f & ME), 20)
    await user.join("#b", "al")


async def test_leaving_before_the_server_has_answered(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    await user.join("#stay", "al")
    held = []
    server.on["JOIN"] = lambda link, args: held.append(lambda: link.join(args[0])) or True
    server.on["PART"] = lambda link, args: held.append(lambda: link.on_part(args[0])) or True
    room = user.enter("#a", "al")
    await server.until(lambda: len(held) == 1, "the first join")
    user.leave("#a")
    user.enter("#a", "al")
    await server.until(lambda: len(held) == 3, "part and second join")
    for step in held:
        step()
    await user.expect(participant(room, "al", flag=lambda f: f & ME))
    await user.expect(got("ROOM_SUBJECT_CHANGED", buddyName=room))
    user.leave("#a")
    await server.until(lambda: len(held) == 4, "the last part")
    held[3]()
    assert not await user.settled(lambda f: f.type in ("PARTICIPANT_CHANGED", "ROOM_ERROR", "CONV_MESSAGE"))
    # A join that was refused after the user had left.
    server.on["JOIN"] = lambda link, args: held.append(lambda: link.numeric(474, args[0], text="banned")) or True
    user.enter("#c", "al")
    await server.until(lambda: len(held) == 5, "the join")
    user.leave("#c")
    await server.until(lambda: len(held) == 6, "the part")
    held[4]()
    server.link.numeric(442, "#c", text="You're not on that channel")
    assert not await user.settled(lambda f: f.type in ("PARTICIPANT_CHANGED", "ROOM_ERROR", "CONV_MESSAGE"))


async def test_unconfirmed_messages_are_returned(backends, fake):
    server = await fake()
    server.on["PING"] = lambda link, args: True
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    id = user.say(room, "no answer to this")
    await server.received("PRIVMSG", "#room")
    assert not await user.settled(got("MESSAGE_RESULT"))
    server.link.close()
    refused = await user.expect(got("MESSAGE_RESULT", id=id))
    assert refused["condition"] and refused["text"]
    assert not user.take(said(room, "no answer to this"))


async def test_a_ban_ends_it_for_good(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    server.on["USER"] = lambda link, args: link.numeric(465, text="You are banned from this server") or True
    server.link.close()
    await user.expect(said(room, lambda m: "lost" in m))
    await user.expect(room_error(room, "forbidden", text="You are banned from this server"))
    links = len(server.links)
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "forbidden"))
    assert len(server.links) == links + 1


async def test_an_error_before_the_welcome(backends, fake):
    server = await fake()
    server.on["USER"] = lambda link, args: (link.send("ERROR :Too many connections from your host"), link.close()) and True
    user = await User(await backends(), at(server)).login()
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "forbidden", text=lambda t: "Too many connections" in t))


async def test_the_last_room_closes_the_connection(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    for channel in ("#a", "#b"):
        await user.join(channel, "al")
    user.leave("#a")
    await server.received("PART", "#a")
    user.leave("#b")
    await server.received("QUIT")
    assert len(server.links) == 1
    await user.join("#c", "al")
    assert len(server.links) == 2


async def test_a_room_at_once_after_the_last_one(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    await user.join("#a", "al")
    user.leave("#a")
    await user.join("#a", "al")
    assert not user.take(got("ROOM_ERROR"))
    assert ("QUIT", "left") not in server.got


# What no real server here does


NUMERICS = {403: "item-not-found", 405: "resource-constraint", 407: "resource-constraint", 437: "resource-constraint",
            470: "gone", 471: "service-unavailable", 473: "registration-required", 474: "forbidden",
            475: "not-authorized", 476: "jid-malformed", 477: "registration-required", 479: "jid-malformed",
            480: "resource-constraint", 489: "not-allowed", 520: "not-allowed", 499: "not-allowed", 599: "not-allowed"}


async def test_every_join_numeric_ends_the_join(backends, fake):
    server = await fake()
    user = await User(await backends(irc__throttle_interval_ms=0), at(server)).login()
    await user.join("#stay", "al")
    for numeric, condition in NUMERICS.items():
        def refuse(link, args, numeric=numeric):
            extra = ["##other"] if numeric == 470 else []
            link.numeric(numeric, args[0], *extra, text=f"No: {numeric}")
            return True
        server.on["JOIN"] = refuse
        room = user.enter("#Room", "al")
        error = await user.expect(room_error(room, condition))
        assert error["text"] == ("##other" if numeric == 470 else f"No: {numeric}") and error["nickname"] == "al"


async def test_a_join_without_answer_ends(backends, fake):
    server = await fake()
    server.on["JOIN"] = lambda link, args: True
    user = await User(await backends(), at(server)).login()
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "remote-server-timeout"), 40)


test_a_join_without_answer_ends = pytest.mark.slow(test_a_join_without_answer_ends)


async def test_a_forwarded_join(backends, fake):
    server = await fake()

    def forward(link, args):
        link.numeric(470, args[0], "##overflow", text="Forwarding to another channel")
        link.join("##overflow")
        return True
    server.on["JOIN"] = forward
    user = await User(await backends(), at(server)).login()
    room = user.enter("#room", "al")
    await user.expect(room_error(room, "gone"))
    await server.received("PART", "##overflow")
    await user.expect(said(at(server), lambda m: "##overflow" in m))


async def test_a_nick_that_the_server_chose(backends, fake):
    server = await fake()
    server.forced_nick = "al-shortened"
    user = await User(await backends(), at(server)).login()
    room, people, _ = await user.join("#room", "al-shortened-by-the-server")
    assert people[-1]["nickname"] == "al-shortened"
    await user.expect(got("ROOM_NICKNAME_CHANGED", room=room, nickname="al-shortened"))
    server.link.send(f":{server.link.source} NICK Guest42")
    await user.expect(participant(room, "al-shortened", newname="Guest42", flag=lambda f: f & ME))
    await user.expect(got("ROOM_NICKNAME_CHANGED", room=room, nickname="Guest42"))
    server.link.nick = "Guest42"
    id = user.say(room, "who am I?")
    assert (await user.expect(said(room, "who am I?")))["nickname"] == "Guest42"
    await user.expect(result(id))


@pytest.mark.parametrize("mapping, same", [("rfc1459", True), ("strict-rfc1459", True), ("ascii", False)])
async def test_case_mappings(backends, fake, mapping, same):
    server = await fake(isupport=[f"CASEMAPPING={mapping}"], channels={"#room": ["@Bob[]", "Carol^"]})
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    server.link.send(":bOB{}!b@host PRIVMSG #ROOM :one")
    await user.expect(said(room, "one"))
    server.link.send(":bOB{}!b@host QUIT :gone")
    server.link.send(":dave!d@host JOIN #room")
    await user.expect(participant(room, "dave"))
    gone = user.take(participant(room, "Bob[]", status=LEFT))
    assert bool(gone) == same


async def test_every_prefix_and_statusmsg(backends, fake):
    server = await fake(isupport=["PREFIX=(qaohv)~&@%+", "STATUSMSG=@+", "CHANMODES=b,k,l,imnt"],
                        channels={"#room": ["~q", "&a", "@o", "%h", "+v", "~@+many", "none", "@+us!u@h"]})
    user = await User(await backends(), at(server)).login()
    room, people, _ = await user.join("#room", "al")
    ranks = {p["nickname"]: (p["affiliation"], p["role"]) for p in people}
    assert ranks == {"q": (OWNER, 4), "a": (ADMIN, 4), "o": (ADMIN, 4), "h": (MEMBER, 4), "v": (MEMBER, 3),
                     "many": (OWNER, 4), "none": (NONE, 3), "us": (ADMIN, 4), "al": (NONE, 3)}
    server.link.send(":o!o@host MODE #room -q+bo-k+l many *!*@x none key 5")
    await user.expect(participant(room, "many", affiliation=ADMIN))
    await user.expect(participant(room, "none", affiliation=ADMIN))
    server.link.send(":o!o@host PRIVMSG @#room :for operators")
    await user.expect(said(room, "[@] for operators", nickname="o"))


async def test_members_can_be_members(backends, fake):
    server = await fake(channels={"#room": ["bob"]})
    user = await User(await backends(irc__member_affiliation="member"), at(server)).login()
    _, people, _ = await user.join("#room", "al")
    assert [p["affiliation"] for p in people] == [MEMBER, MEMBER]


@pytest.mark.parametrize("caps", [["echo-message"], ["echo-message", "batch", "labeled-response"]],
                         ids=["by-order", "by-label"])
async def test_echoes_confirm(backends, fake, caps):
    server = await fake(caps=caps, channels={"#room": ["bob"]})
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    id = user.say(room, "one\ntwo")
    await user.expect(said(room, "one\ntwo", ownId=id, nickname="al"))
    await user.expect(result(id))
    held = []
    server.on["PRIVMSG"] = lambda link, args: held.append((dict(link.tags), args)) or True
    first, second = user.say(room, "held"), user.say(room, "refused")
    await server.until(lambda: len(held) == 2, "both lines")
    assert not await user.settled(got("MESSAGE_RESULT"))
    tag = "@label={label} ".format(**held[1][0]) if "labeled-response" in caps else ""
    if tag:
        server.link.send(f"{tag}:irc.test 404 al #room :Cannot send")
        await user.expect(result(second, "forbidden"))
        server.link.send("@label={label} BATCH +ref labeled-response".format(**held[0][0]))
        server.link.send(f"@batch=ref :{server.link.source} PRIVMSG #room :held")
        server.link.send("BATCH -ref")
        await user.expect(said(room, "held", ownId=first))
        await user.expect(result(first))
    else:
        server.link.send(f":{server.link.source} PRIVMSG #room :held")
        await user.expect(said(room, "held", ownId=first))
        await user.expect(result(first))
        server.link.send(":irc.test 404 al #room :Cannot send")
        await user.expect(result(second, "forbidden"))
    server.on.clear()
    id = user.say("bob@" + at(server), "private")
    await user.expect(result(id))
    server.link.send(f":{server.link.source} PRIVMSG bob :from elsewhere")
    await user.expect(said("bob@" + at(server), "from elsewhere", carbon=1))
    server.link.send(f":{server.link.source} PRIVMSG #room :from elsewhere, too")
    await user.expect(said(room, "from elsewhere, too", nickname="al"))
    assert not await user.settled(got("CONV_MESSAGE"))


async def test_old_messages_have_their_time(backends, fake):
    server = await fake(caps=["server-time"])
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    server.link.send("@time=2020-01-02T03:04:05.678Z :bob!b@host PRIVMSG #room :old")
    assert (await user.expect(said(room, "old")))["timeMs"] == 1577934245678


async def test_a_reconnect_takes_the_nick_back(backends, fake):
    server = await fake()
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    server.taken = {"al"}
    server.link.close()
    await user.expect(participant(room, "al", newname="al_", flag=lambda f: f & ME))
    await user.expect(got("ROOM_NICKNAME_CHANGED", room=room, nickname="al_"))
    await user.expect(participant(room, "al_", flag=lambda f: f & ME))
    server.taken = set()
    server.link.send(f":irc.test 303 {server.link.nick} :")
    await server.received("NICK", "al", count=3)
    await user.expect(participant(room, "al_", newname="al"))


async def test_bytes_one_by_one(backends, fake):
    server = await fake(caps=["echo-message", "batch", "labeled-response", "server-time"],
                        channels={"#room": ["@bob", "+carol"]})
    server.bytewise = True
    user = await User(await backends(), at(server)).login()
    room, people, _ = await user.join("#room", "al")
    assert len(people) == 3
    id = user.say(room, "hello")
    await user.expect(result(id))


GARBAGE = [
    b"x" * 100_000, b"@" + b"t" * 100_000, b":" + b"p" * 100_000, b"\xff\xfe\xfd", b":", b"@", b": ", b"@a ", b"@;;; :",
    *(f"{n:03}".encode() for n in range(1000)), *(f":irc.test {n:03}".encode() for n in range(1000)),
    *(f":irc.test {n:03} al".encode() for n in range(400)),
    *(f"{c}".encode() for c in "JOIN PART KICK QUIT MODE TOPIC INVITE NICK PRIVMSG NOTICE CAP AUTHENTICATE BATCH ACK AWAY "
      "CHGHOST ACCOUNT SETNAME PING PONG TAGMSG WALLOPS".split()),
    *(f":al!u@h {c} #room".encode() for c in "MODE TOPIC INVITE PRIVMSG NOTICE CAP AUTHENTICATE BATCH ACK AWAY "
      "CHGHOST ACCOUNT SETNAME TAGMSG".split()),
    b":bob!b@h KICK #room", b":bob!b@h MODE #room +ooooo", b":bob!b@h MODE #room +" + b"o" * 400,
    b":bob!b@h NICK :", b":bob!b@h NICK", b":bob!b@h JOIN :", b": JOIN #room", b":\xff!b@h JOIN #room",
    b":\x02\x03!b@h JOIN #room", b":bob!b@h PRIVMSG #room :\x01", b":bob!b@h PRIVMSG #room :\x01ACTION",
    b":bob!b@h PRIVMSG #room :\x01\x01\x01", b":bob!b@h PRIVMSG #room :\x03\x04\x02", b":bob!b@h PRIVMSG #room :",
    b":bob!b@h PRIVMSG #room :\xff\xfe\x00\x01\x02\xed\xa0\x80\xef\xbf\xbf",
    b":bob!b@h PRIVMSG al :\x01PING " + b"z" * 500 + b"\x01", b":bob!b@h TOPIC #room :\xff\x1b\x00",
    b":irc.test 353 al = #room :@ + @+ !x ! ~&@%+ \xff\xff \x01", b":irc.test 366 al #room", b":irc.test 352 al #room a b c d",
    b":irc.test 005 al PREFIX= CHANTYPES= CASEMAPPING= LINELEN=0 PREFIX=(ov CHANMODES=,,, STATUSMSG=@@@@@@@@@@@@@@@@ :x",
    b":irc.test 005 al CHANTYPES=# PREFIX=(ov)@+ :x", b":irc.test 333 al #room x 99999999999999999999",
    b":irc.test CAP al NEW :sasl echo-message", b":irc.test CAP al DEL :sasl", b":irc.test CAP al LS * :", b"BATCH +", b"BATCH -",
    b"@label=1 BATCH +" + b"r" * 100 + b" labeled-response", b"@label=99999999999999999999 ACK", b"@label= ACK",
    b":irc.test PONG irc.test :s2.", b":irc.test PONG irc.test :s2.99999999999",
]
NOT_THESE = (b"465", b"466", b"463", b"464")


async def test_garbage_does_no_harm(backends, fake):
    server = await fake(channels={"#room": ["bob"]})
    user = await User(await backends(), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    for raw in GARBAGE:
        if raw.split()[-1:] and not any(word in raw.split()[:2] for word in NOT_THESE):
            server.link.send(raw)
    await server.link.writer.drain()
    # What the garbage did to the channel is the server's business; the connection and the process are alive.
    room, _, _ = await user.join("#alive", user.server and server.link.nick)
    id = user.say(room, "alive")
    await user.expect(result(id))


async def test_garbage_before_the_welcome(backends, fake):
    server = await fake()

    def user_line(link, args):
        for raw in GARBAGE[:2000:7]:
            if not any(word in raw.split()[:2] for word in NOT_THESE + (b"431", b"432", b"433", b"435", b"436", b"437",
                                                                       b"438", b"447", b"461", b"001")):
                link.send(raw)
        return False
    server.on["USER"] = user_line
    user = await User(await backends(), at(server)).login()
    room = user.enter("#room", "al")
    await user.expect(participant(room, "al", flag=lambda f: f & ME))


async def test_sec_25_nothing_of_ours_breaks_the_line(backends, fake):
    server = await fake()
    user = await User(await backends(irc__throttle_interval_ms=0), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    for text in ("a\rQUIT", "a\nQUIT", "a\r\nQUIT :x\r\n", "\nQUIT", "/me a\rQUIT"):
        await user.expect(result(user.say(room, text)))
    await user.expect(result(user.topic(room, "a\r\nQUIT")))
    user.status(AWAY, "a\r\nQUIT")
    user.say(f"bob x@{at(server)}", "x")
    user.say(f":bob@{at(server)}", "x")
    user.say(room, "x", nickname="bob QUIT", pm=1)
    await user.expect(result(user.say(room, "end")))
    commands = {g[0] for g in server.got}
    assert "QUIT" not in commands and commands <= {"CAP", "NICK", "USER", "JOIN", "PRIVMSG", "TOPIC", "AWAY", "PING", "WHO"}
    for raw in server.raw_lines:
        assert b"\0" not in raw


async def test_the_throttle(backends, fake):
    server = await fake()
    user = await User(await backends(irc__throttle_burst=3, irc__throttle_interval_ms=300), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    ids = [user.say(room, f"line {n}") for n in range(5)]
    await server.received("PRIVMSG", "#room", "line 0")
    assert ("PRIVMSG", "#room", "line 4") not in server.got
    server.link.send("PING :now")
    await server.received("PONG", "now")
    assert ("PRIVMSG", "#room", "line 4") not in server.got
    for id in ids:
        await user.expect(result(id))


async def test_too_much_is_refused_and_not_lost(backends, fake):
    server = await fake()
    user = await User(await backends(irc__throttle_interval_ms=60000), at(server)).login()
    room, _, _ = await user.join("#room", "al")
    ids = [user.say(room, f"line {n}") for n in range(1000)]
    refused = await user.expect(result(ids[-1], "resource-constraint"))
    assert refused["text"]
    user.leave("#room")
    user.logout()
    ended = {ids[-1]}
    while len(ended) < len(ids):
        ended.add((await user.expect(got("MESSAGE_RESULT")))["id"])
    assert ended == set(ids)


async def test_many_users(backends, ngircd, irc_people):
    backend = await backends()
    channel, bob = fresh("#room"), await irc_people(fresh("bob"), ngircd)
    await bob.join(channel)
    users = []
    for n in range(60):
        user = await User(backend, at(ngircd)).login()
        user.nick = fresh("u")
        user.room = user.enter(channel, user.nick)
        users.append(user)
    for user in users:
        await user.expect(participant(user.room, user.nick, flag=lambda f: f & ME))
    bob.say(channel, "to all")
    for user in users:
        await user.expect(said(user.room, "to all"), 20)
