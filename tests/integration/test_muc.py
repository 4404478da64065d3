# SPDX-License-Identifier: GPL-2.0-or-later
"""Rooms (XEP-0045) with IRC behind them, on a plain server and on one with IRCv3."""

import itertools
import os
import signal

import pytest
import pytest_asyncio

from gateway import IRC
from ircclient import line
from ircds import transcript
from processes import LIMIT, free_port
from stanzas import DISCO_INFO, DISCO_ITEMS, available, message, presence, unavailable

GW = "irc.localhost"
channels = (f"#room{n}" for n in itertools.count(1))
nicks = itertools.count(1)


def fresh_nick(name):
    """Servers live longer than tests, and so may nicknames."""
    return f"{name}{next(nicks)}"


class Place:
    """A channel of a server as both sides see it."""

    def __init__(self, ircd, channel=None):
        self.ircd = ircd
        self.channel = channel or next(channels)
        self.server = f"127.0.0.1\\3a{ircd.port}"
        self.room = f"{self.channel}%{self.server}@{GW}"

    def person(self, nick):
        return f"{nick}%{self.server}@{GW}"


@pytest.fixture(params=[("prosody", "ngircd"), ("ejabberd", "inspircd")], ids="-".join)
def world(request):
    """Every test runs on both XMPP servers, and with both IRC servers."""
    return request.param


@pytest.fixture
def home(request, world):
    return request.getfixturevalue(world[0])


@pytest.fixture
def place(request, world):
    return Place(request.getfixturevalue(world[1]))


@pytest_asyncio.fixture
async def pair(irc, place, people, irc_people):
    """(XMPP user, IRC user) in one room; the XMPP user has just joined."""
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    user = await people()
    user.nick = fresh_nick("al")
    await user.join(place.room, user.nick)
    await bob.expect(line("JOIN", place.channel, nick=user.nick))
    return user, bob


async def test_a_join_shows_others_then_oneself_then_the_subject(irc, place, people, irc_people):
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    carol = await irc_people(fresh_nick("carol"), place.ircd)
    await bob.join(place.channel)
    await carol.join(place.channel)
    bob.send(f"TOPIC {place.channel} :What we talk about")
    await bob.expect(line("TOPIC", place.channel))
    user, nick = await people(), fresh_nick("al")
    *others, own, subject = await user.join(place.room, nick)
    assert {s.resource for s in others} == {bob.nick, carol.nick}
    assert own.resource == nick and 110 in own.codes and 210 not in own.codes and 201 not in own.codes
    assert subject.subject == "What we talk about" and subject.body is None
    roles = {s.resource: (s.item["affiliation"], s.item["role"]) for s in others + [own]}
    assert roles[bob.nick][1] == "moderator", "who opened the channel is its operator"
    assert roles[nick] == ("none", "participant")
    await bob.expect(line("JOIN", place.channel, nick=nick))


async def test_an_empty_subject_ends_the_join_too(irc, place, people):
    user = await people()
    assert (await user.join(place.room, fresh_nick("al")))[-1].subject == ""


async def test_words_pass_both_ways_and_come_back_to_their_writer(pair, place):
    user, bob = pair
    id = user.send_message(place.room, "Hello & good day, gr\u00fc\u00dfe!", type="groupchat")
    await bob.heard(place.channel, "Hello & good day, gr\u00fc\u00dfe!", user.nick)
    own = await user.expect(message(f"{place.room}/{user.nick}", type="groupchat"))
    assert own.body == "Hello & good day, gr\u00fc\u00dfe!" and own.id == id
    # By this Profanity knows its own line again.
    assert own.child("origin-id", "urn:xmpp:sid:0").get("id") == id
    bob.say(place.channel, "And <you>?")
    got = await user.expect(message(f"{place.room}/{bob.nick}", "And <you>?"))
    assert got.type == "groupchat"
    await user.sync(GW)
    assert not [s for s in user.take(message(place.room)) if s.body], "something came twice"


async def test_formatting_passes_both_ways(pair, place):
    """XEP-0393 and XEP-0071 on this side, mIRC's codes on that."""
    user, bob = pair
    user.send_message(place.room, "*bold*, _slanted_ and `code`\n2*3*4", type="groupchat")
    await bob.heard(place.channel, "\x02bold\x02, \x1dslanted\x1d and \x11code\x11")
    await bob.heard(place.channel, "2*3*4")
    await user.expect(message(f"{place.room}/{user.nick}", "*bold*, _slanted_ and `code`\n2*3*4"))
    user.send_message(place.room, "/me *waves*", type="groupchat")
    await bob.heard(place.channel, "\x01ACTION \x02waves\x02\x01")
    bob.say(place.channel, "\x02bold\x02, \x0304red\x03 and \x11code\x11")
    got = await user.expect(message(f"{place.room}/{bob.nick}", "*bold*, red and `code`"))
    html = got.child("html", "http://jabber.org/protocol/xhtml-im")
    assert "".join(html.itertext()) == "bold, red and code"


@pytest.mark.parametrize("world", [("ejabberd", "inspircd")], ids="-".join, indirect=True)
async def test_a_channel_without_formatting_takes_the_text(pair, place):
    """Mode c: InspIRCd refuses codes there."""
    user, bob = pair
    bob.send(f"MODE {place.channel} +c")
    bob.say(place.channel, "now")
    await user.expect(message(body="now"))
    user.send_message(place.room, "*bold*", type="groupchat")
    await bob.heard(place.channel, "*bold*")


async def test_me_is_an_action_both_ways(pair, place):
    user, bob = pair
    user.send_message(place.room, "/me waves", type="groupchat")
    await bob.heard(place.channel, "\x01ACTION waves\x01", user.nick)
    bob.say(place.channel, "\x01ACTION bows\x01")
    await user.expect(message(f"{place.room}/{bob.nick}", "/me bows"))


async def test_lines_and_long_texts_lose_nothing(pair, place):
    user, bob = pair
    user.send_message(place.room, "one\ntwo", type="groupchat")
    await bob.heard(place.channel, "one", user.nick)
    await bob.heard(place.channel, "two", user.nick)
    words = " ".join(f"w\u00f6rd{n}" for n in range(200))
    user.send_message(place.room, words, type="groupchat")
    heard = []
    while "w\u00f6rd199" not in " ".join(heard).split():
        got = await bob.expect(line("PRIVMSG", place.channel, None, nick=user.nick))
        assert len(got.text.encode()) <= 510
        heard.append(got.args[1].strip())
    assert " ".join(heard).split() == words.split()


async def test_private_messages_pass_both_ways(pair, place):
    user, bob = pair
    user.send_message(f"{place.room}/{bob.nick}", "between us")
    await bob.heard(bob.nick, "between us", user.nick)
    bob.say(user.nick, "indeed")
    got = await user.expect(message(body="indeed"))
    assert got.type == "chat" and got.sender in (f"{place.room}/{bob.nick}", place.person(bob.nick))


async def test_a_message_to_a_nick_without_a_room(irc, pair, place, irc_people):
    user, _ = pair
    dave = await irc_people(fresh_nick("dave"), place.ircd)
    user.send_message(place.person(dave.nick), "psst")
    await dave.heard(dave.nick, "psst", user.nick)
    dave.say(user.nick, "yes?")
    assert (await user.expect(message(body="yes?"))).bare == place.person(dave.nick)


async def test_a_message_to_nobody_is_an_error(pair, place):
    user, _ = pair
    nobody = place.person("nosuchnick")
    id = user.send_message(nobody, "hello?")
    got = await user.expect(message(type="error"))
    assert (got.bare, got.id, got.condition) == (nobody, id, "item-not-found")


async def test_the_user_sets_the_subject(irc, place, people, irc_people):
    user, nick = await people(), fresh_nick("al")
    await user.join(place.room, nick)
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    user.send_message(place.room, content="<subject>From XMPP</subject>", type="groupchat")
    await bob.expect(line("TOPIC", place.channel, "From XMPP", nick=nick))
    await user.expect(message(place.room, subject="From XMPP"))


async def test_others_set_the_subject(pair, place):
    user, bob = pair
    bob.send(f"TOPIC {place.channel} :From IRC")
    got = await user.expect(message(place.room, subject="From IRC"))
    assert got.resource == bob.nick and got.type == "groupchat" and got.body is None


async def test_others_come_change_their_name_and_go(pair, place, irc_people):
    user, _ = pair
    dave = await irc_people(fresh_nick("dave"), place.ircd)
    old, new = dave.nick, fresh_nick("david")
    await dave.join(place.channel)
    await user.expect(available(f"{place.room}/{old}"))
    dave.send(f"NICK {new}")
    gone = await user.expect(unavailable(f"{place.room}/{old}"))
    assert 303 in gone.codes and gone.item["nick"] == new
    await user.expect(available(f"{place.room}/{new}"))
    dave.send(f"PART {place.channel} :so long")
    gone = await user.expect(unavailable(f"{place.room}/{new}"))
    assert "so long" in gone.status and gone.item["role"] == "none" and not gone.codes


async def test_own_nick_change(pair, place):
    user, bob = pair
    new = fresh_nick("alfred")
    user.send_presence(f"{place.room}/{new}")
    await bob.expect(line("NICK", new, nick=user.nick))
    gone = await user.expect(unavailable(f"{place.room}/{user.nick}"))
    assert gone.codes >= {303, 110} and gone.item["nick"] == new
    assert 110 in (await user.expect(available(f"{place.room}/{new}"))).codes
    user.send_message(place.room, "under a new name", type="groupchat")
    await bob.heard(place.channel, "under a new name", new)


async def test_a_nick_change_to_a_taken_name_is_a_conflict(pair, place):
    user, bob = pair
    user.send_presence(f"{place.room}/{bob.nick}")
    got = await user.expect(presence(place.room, "error"))
    assert got.condition == "conflict"
    user.send_message(place.room, "still here", type="groupchat")
    await bob.heard(place.channel, "still here", user.nick)


async def test_leaving_is_confirmed_and_seen(pair, place):
    user, bob = pair
    user.leave(place.room, user.nick, "bye")
    own = await user.expect(unavailable(f"{place.room}/{user.nick}"))
    assert 110 in own.codes and own.item["role"] == "none"
    await bob.expect(lambda got: got.command in ("PART", "QUIT") and got.nick == user.nick)
    user.send_message(place.room, "nobody should hear this", type="groupchat")
    assert (await user.expect(message(place.room, type="error"))).condition == "not-acceptable"
    bob.say(place.channel, "are you gone?")
    await bob.sync()
    await user.sync(GW)
    assert not [s for s in user.take(message(place.room)) if s.body == "are you gone?"]


async def test_a_lost_client_leaves_its_rooms(pair, place):
    user, bob = pair
    await user.close()
    await bob.expect(lambda got: got.command in ("PART", "QUIT") and got.nick == user.nick)


async def test_x_27_x_28_w_15_a_kick_is_told_with_who_and_why(pair, place):
    user, bob = pair
    bob.send(f"KICK {place.channel} {user.nick} :enough of this")
    own = await user.expect(unavailable(f"{place.room}/{user.nick}"))
    assert own.codes >= {307, 110}
    assert own.item["role"] == "none" and own.item["reason"] == "enough of this" and own.item["actor"] == bob.nick
    user.send_message(place.room, "hello?", type="groupchat")
    assert (await user.expect(message(place.room, type="error"))).condition == "not-acceptable"


async def test_operators_are_moderators(pair, place):
    user, bob = pair
    bob.send(f"MODE {place.channel} +o {user.nick}")
    got = await user.expect(available(f"{place.room}/{user.nick}", where=lambda s: s.item["role"] == "moderator"))
    assert got.item["affiliation"] == "admin"
    bob.send(f"MODE {place.channel} -o+v {user.nick} {user.nick}")
    got = await user.expect(available(f"{place.room}/{user.nick}", where=lambda s: s.item["role"] != "moderator"))
    assert got.item["affiliation"] == "member"


JOIN_ERRORS = {
    "+i": "registration-required",
    "+k sesame": "not-authorized",
    "+l 1": "service-unavailable",
    "+b *!*@*": "forbidden",
}


@pytest.mark.parametrize("mode", JOIN_ERRORS)
async def test_a_closed_channel_refuses_with_the_reason(irc, place, people, irc_people, mode):
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    bob.send(f"MODE {place.channel} {mode}")
    await bob.expect(line("MODE", place.channel))
    user = await people()
    user.enter(place.room, fresh_nick("al"))
    got = await user.expect(presence(place.room))
    assert got.type == "error" and got.condition == JOIN_ERRORS[mode] and got.error[2], got


async def test_the_right_password_opens(irc, place, people, irc_people):
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    bob.send(f"MODE {place.channel} +k sesame")
    await bob.expect(line("MODE", place.channel))
    user = await people()
    await user.join(place.room, fresh_nick("al"), password="sesame")


async def test_a_taken_nick_is_a_conflict(irc, place, people, irc_people):
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    user = await people()
    user.enter(place.room, bob.nick)
    got = await user.expect(presence(place.room))
    assert got.type == "error" and got.error[:2] == ("cancel", "conflict")
    await user.join(place.room, fresh_nick("al"))


async def test_an_impossible_nick_is_refused(irc, place, people):
    user = await people()
    user.enter(place.room, "1 2 3")
    got = await user.expect(presence(place.room))
    assert got.type == "error" and got.condition == "not-acceptable" and got.error[2]


async def test_an_impossible_channel_is_refused(irc, place, people):
    user = await people()
    room = f"#{'x' * 400}%{place.server}@{GW}"
    user.enter(room, fresh_nick("al"))
    got = await user.expect(presence(room))
    assert got.type == "error" and got.error[2]


async def test_a_server_that_is_not_there_is_not_found(irc, people):
    user = await people()
    room = f"#room%127.0.0.1\\3a{free_port()}@{GW}"
    user.enter(room, fresh_nick("al"))
    got = await user.expect(presence(room))
    assert got.type == "error" and got.error[:2] == ("cancel", "item-not-found") and got.error[2]


async def test_a_second_client_is_the_same_occupant(pair, place, people):
    user, bob = pair
    second = await people(account=user.user, resource="second")
    *others, own, _ = await second.join(place.room, user.nick)
    assert {s.resource for s in others} == {bob.nick} and own.resource == user.nick
    bob.say(place.channel, "to both of you")
    for one in (user, second):
        await one.expect(message(f"{place.room}/{bob.nick}", "to both of you"))
    user.leave(place.room, user.nick)
    await user.expect(unavailable(f"{place.room}/{user.nick}"))
    second.send_message(place.room, "one is left", type="groupchat")
    await bob.heard(place.channel, "one is left", user.nick)


async def test_joining_again_shows_the_whole_room_again(pair, place):
    user, bob = pair
    *others, own, _ = await user.join(place.room, user.nick)
    assert {s.resource for s in others} == {bob.nick} and own.resource == user.nick


async def test_the_self_ping_tells_who_is_in(pair, place, people):
    user, _ = pair
    occupant = f"{place.room}/{user.nick}"
    assert (await user.iq(occupant, "<ping xmlns='urn:xmpp:ping'/>")).type == "result"
    other = await people(account=user.user, resource="other")
    assert (await other.iq(occupant, "<ping xmlns='urn:xmpp:ping'/>")).condition == "not-acceptable"


async def test_rooms_are_found(pair, place):
    user, _ = pair
    gateway = await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")
    assert "http://jabber.org/protocol/muc" in {f.get("var") for f in gateway.xml.iter(f"{{{DISCO_INFO}}}feature")}
    items = await user.iq(GW, f"<query xmlns='{DISCO_ITEMS}'/>")
    assert place.room in {i.get("jid") for i in items.xml.iter(f"{{{DISCO_ITEMS}}}item")}
    info = await user.iq(place.room, f"<query xmlns='{DISCO_INFO}'/>")
    identity = info.xml.find(f".//{{{DISCO_INFO}}}identity")
    assert identity.get("category") == "conference"
    assert "http://jabber.org/protocol/muc" in {f.get("var") for f in info.xml.iter(f"{{{DISCO_INFO}}}feature")}


async def test_a_room_that_was_not_joined_takes_no_words(irc, place, people):
    user = await people()
    await user.join(Place(place.ircd).room, fresh_nick("al"))
    id = user.send_message(place.room, "hello?", type="groupchat")
    got = await user.expect(message(place.room, type="error"))
    assert (got.id, got.condition) == (id, "not-acceptable")


async def test_one_user_in_two_rooms_and_two_users_in_one(pair, place, people, irc_people):
    user, bob = pair
    other_place = Place(place.ircd)
    await bob.join(other_place.channel)
    await user.join(other_place.room, user.nick)
    second = await people()
    second.nick = fresh_nick("sec")
    *others, _, _ = await second.join(place.room, second.nick)
    assert {s.resource for s in others} == {bob.nick, user.nick}
    await user.expect(available(f"{place.room}/{second.nick}"))
    second.send_message(place.room, "to all here", type="groupchat")
    await user.expect(message(f"{place.room}/{second.nick}", "to all here"))
    await bob.heard(place.channel, "to all here", second.nick)
    bob.say(other_place.channel, "elsewhere")
    await user.expect(message(f"{other_place.room}/{bob.nick}", "elsewhere"))


async def test_two_networks_at_once(irc, people, irc_people, ngircd, inspircd):
    user = await people()
    places = Place(ngircd), Place(inspircd)
    for place in places:
        bob = await irc_people(fresh_nick("bob"), place.ircd)
        await bob.join(place.channel)
        await user.join(place.room, fresh_nick("al"))
        user.send_message(place.room, f"hello {bob.nick}", type="groupchat")
        await bob.heard(place.channel, f"hello {bob.nick}")


async def test_c_14_tls_with_a_certificate_that_nobody_trusts_is_refused(irc, people, inspircd):
    user = await people()
    room = f"#room%127.0.0.1\\3a+{inspircd.tls_port}@{GW}"
    user.enter(room, fresh_nick("al"))
    got = await user.expect(presence(room))
    assert got.type == "error" and "certificate" in got.error[2].lower(), got


async def test_tls_works_where_the_administrator_allows_any_certificate(gateways, home, people, inspircd):
    await gateways(home, IRC, GW, **{"service.verify_certs": 0})
    user = await people()
    await user.join(f"#secure%127.0.0.1\\3a+{inspircd.tls_port}@{GW}", fresh_nick("al"))


async def test_one_server_from_the_configuration(gateways, home, people, irc_people, ngircd):
    await gateways(home, IRC, GW, **{"service.irc_server": f"127.0.0.1:{ngircd.port}"})
    bob = await irc_people(fresh_nick("bob"), ngircd)
    channel = next(channels)
    await bob.join(channel)
    user, nick = await people(), fresh_nick("al")
    await user.join(f"{channel}@{GW}", nick)
    user.send_message(f"{channel}@{GW}", "short address", type="groupchat")
    await bob.heard(channel, "short address", nick)


async def test_the_servers_end_is_told(gateways, home, people, own_ngircd):
    await gateways(home, IRC, GW)
    place = Place(own_ngircd)
    user, nick = await people(), fresh_nick("al")
    await user.join(place.room, nick)
    own_ngircd.stop()
    await user.expect(lambda s: s.bare in (place.room, GW) and (s.name == "message" and bool(s.body) or
                                                               s.type == "unavailable"))
    id = user.send_message(place.room, "anybody?", type="groupchat")
    got = await user.expect(message(place.room, type="error"))
    assert got.id == id


async def test_a_killed_backend_comes_back_with_its_rooms(irc, pair, place):
    user, bob = pair
    (pid,) = irc.backends()
    os.kill(pid, signal.SIGKILL)
    await bob.expect(lambda got: got.command == "QUIT" and got.nick == user.nick)
    await user.expect(lambda s: s.name in ("presence", "message") and s.bare in (GW, place.room))
    await bob.expect(lambda got: got.command == "JOIN" and got.nick == user.nick, 2 * LIMIT)
    user.send_message(place.room, "back again", type="groupchat")
    await bob.heard(place.channel, "back again")
    bob.say(place.channel, "welcome back")
    await user.expect(message(f"{place.room}/{bob.nick}", "welcome back"))


async def test_a_flood_arrives_whole_and_in_order(pair, place):
    user, bob = pair
    texts = [f"line {n}" for n in range(2000)]
    for text in texts:
        bob.say(place.channel, text)
    await user.expect(message(f"{place.room}/{bob.nick}", texts[-1]), 3 * LIMIT)
    assert [s.body for s in user.inbox.seen if s.type == "groupchat" and (s.body or "").startswith("line ")] == texts


async def test_a_server_that_stands_still_loses_nothing(gateways, own_prosody, people, irc_people, ngircd):
    """Prosody is stopped while people on IRC talk, and goes on later."""
    place = Place(ngircd)
    await gateways(own_prosody, IRC, GW)
    bob = await irc_people(fresh_nick("bob"), ngircd)
    await bob.join(place.channel)
    user = await people(host=own_prosody)
    await user.join(place.room, fresh_nick("al"))
    own_prosody.send_signal(signal.SIGSTOP)
    texts = [f"meanwhile {n}" for n in range(200)]
    try:
        for text in texts:
            bob.say(place.channel, text)
        await bob.sync()
    finally:
        own_prosody.send_signal(signal.SIGCONT)
    await user.expect(message(f"{place.room}/{bob.nick}", texts[-1]))
    assert [s.body for s in user.inbox.seen if (s.body or "").startswith("meanwhile ")] == texts


async def test_room_messages_are_accounted_for_when_the_backend_is_killed(irc, pair, place):
    """Each comes back, as others in the room see it, or is refused; none twice, none without a word."""
    user, bob = pair
    (pid,) = irc.backends()
    ids = [user.send_message(place.room, f"number {n}", type="groupchat") for n in range(5)]
    await user.expect(message(place.room, "number 0"))
    os.kill(pid, signal.SIGKILL)
    ids += [user.send_message(place.room, f"number {n}", type="groupchat") for n in range(5, 15)]

    def outcomes():
        return [s.id for s in user.inbox.seen if s.name == "message" and s.bare == place.room and s.id in ids]
    while set(outcomes()) != set(ids):
        await user.expect(message(place.room), 3 * LIMIT)
    await user.sync(GW)
    assert sorted(outcomes()) == sorted(ids)
    await bob.sync()
    heard = [got.args[1] for got in bob.inbox.seen if got.command == "PRIVMSG" and got.args[0] == place.channel]
    assert len(heard) == len(set(heard)), "somebody heard it twice"


async def test_the_gateways_end_is_told_in_rooms(irc, pair, place):
    user, bob = pair
    assert irc.stop() < 2
    own = await user.expect(unavailable(f"{place.room}/{user.nick}"))
    assert own.codes >= {332, 110}
    await user.expect(unavailable(GW))
    await bob.expect(lambda got: got.command == "QUIT" and got.nick == user.nick)


async def test_an_account_of_the_network(irc, people, inspircd):
    """Who registers as NAME@SERVER is logged in to the account before the first join."""
    place = Place(inspircd)
    for password, right in (("carolpass", True), ("wrong", False)):
        name = fresh_nick("carol")
        inspircd.account(name, "carolpass")
        user = await people()
        assert (await user.register(GW, f"{name}@127.0.0.1:{inspircd.port}", password)).type == "result"
        user.enter(place.room, fresh_nick("al"))
        got = await user.expect(presence(place.room))
        if not right:
            assert got.type == "error" and got.condition == "not-authorized", got
            continue
        assert 110 in got.codes
        said = transcript(inspircd.port, (["NICK looker", "USER looker 0 * :looker"], b" 422 "),
                          ([f"WHOIS {got.resource}"], b" 318 "))
        assert f" 330 looker {got.resource} {name} ".encode() in said, said


async def test_rooms_come_back_after_a_kill(irc, pair, place, irc_people, home):
    """kill -9 of the main process: the client never left, so it is put back into its rooms without doing anything."""
    user, bob = pair
    irc.kill()
    await bob.expect(line("QUIT", nick=user.nick))
    await irc.up(home)
    await bob.expect(line("JOIN", place.channel, nick=user.nick))
    await user.expect(available(f"{place.room}/{user.nick}"))
    bob.send(f"PRIVMSG {place.channel} :You are back")
    await user.expect(message(f"{place.room}/{bob.nick}", "You are back", type="groupchat"))
    user.send_message(place.room, "So I am", type="groupchat")
    await bob.expect(line("PRIVMSG", place.channel, "So I am", nick=user.nick))


async def test_a_client_that_left_is_not_put_back(irc, pair, place, home):
    user, bob = pair
    user.send_presence(f"{place.room}/{user.nick}", "unavailable")
    await user.expect(unavailable(f"{place.room}/{user.nick}"))
    await bob.expect(line("QUIT", nick=user.nick))
    irc.kill()
    await irc.up(home)
    await user.sync(GW)
    bob.send(f"NAMES {place.channel}")
    names = await bob.expect(line("353", None, None, place.channel))
    assert user.nick not in names.args[-1]
