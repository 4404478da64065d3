# SPDX-License-Identifier: GPL-2.0-or-later
"""What operators of IRC channels do from XMPP: ranks, bans, invitations, settings; and the lists of channels."""

import itertools

import pytest
import pytest_asyncio

from ircclient import line
from stanzas import DATA, DISCO_INFO, DISCO_ITEMS, MUC, MUC_USER, available, message, presence, unavailable
from test_muc import GW, Place, channels, fresh_nick, home, place, world
from test_ranks import CONFERENCE, item, items, query
from test_rooms import RSM, form, listed

OWNER = MUC + "#owner"


async def pages(user, rsm, to):
    answer = await user.iq(to, f"<query xmlns='{DISCO_ITEMS}'><set xmlns='{RSM}'>{rsm}</set></query>")
    assert answer.type == "result", answer
    return listed(answer)


@pytest_asyncio.fixture
async def operator(irc, place, people, irc_people):
    """(XMPP user who has opened the channel, IRC user in there)"""
    user = await people()
    user.nick = fresh_nick("op")
    user.place = place
    own = (await user.join(place.room, user.nick))[-2]
    assert own.item["role"] == "moderator", "who opens a channel is its operator"
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    await user.expect(available(f"{place.room}/{bob.nick}"))
    return user, bob


async def change(user, place, *asked):
    answer = await user.iq(place.room, query(*asked), "set")
    return answer


async def test_voice_operator_and_back(operator, place):
    user, bob = operator
    for role, modes, shown in (("participant", "+v", "participant"), ("moderator", "+o", "moderator"),
                               ("visitor", "-ov", "participant")):
        assert (await change(user, place, item(nick=bob.nick, role=role))).type == "result"
        await bob.expect(line("MODE", place.channel, modes, nick=user.nick))
        await user.expect(available(f"{place.room}/{bob.nick}", where=lambda s: s.item["role"] == shown))
    assert (await change(user, place, item(nick=bob.nick, role="visitor"))).type == "result", "nothing to do"


async def test_a_kick_with_its_reason(operator, place):
    user, bob = operator
    assert (await change(user, place, item(nick=bob.nick, role="none", reason="That was rude"))).type == "result"
    await bob.expect(line("KICK", place.channel, bob.nick, "That was rude", nick=user.nick))
    gone = await user.expect(unavailable(f"{place.room}/{bob.nick}"))
    assert 307 in gone.codes and gone.item["reason"] == "That was rude" and gone.item["actor"] == user.nick


async def test_a_ban_is_listed_and_lifted(operator, place):
    user, bob = operator
    answer = await change(user, place, item(jid=place.person(bob.nick), affiliation="outcast", reason="out"))
    assert answer.type == "result", answer
    await bob.expect(line("KICK", place.channel, bob.nick))
    bob.send(f"JOIN {place.channel}")
    await bob.expect(line("474"))
    (banned,) = items(await user.iq(place.room, query(item(affiliation="outcast"))))
    assert banned["affiliation"] == "outcast" and bob.nick in banned["jid"]
    assert (await change(user, place, item(jid=banned["jid"], affiliation="none"))).type == "result"
    assert items(await user.iq(place.room, query(item(affiliation="outcast")))) == []
    await bob.join(place.channel)


async def test_lists_of_ranks(operator, place):
    user, bob = operator
    bob.send(f"PRIVMSG {place.channel} :hello")
    assert [i["nick"] for i in items(await user.iq(place.room, query(item(role="moderator"))))] == [user.nick]
    admins = items(await user.iq(place.room, query(item(affiliation="admin"))))
    owners = items(await user.iq(place.room, query(item(affiliation="owner"))))
    assert [i["nick"] for i in admins + owners] == [user.nick]


async def test_who_is_no_operator_changes_nobody(operator, place, people):
    user, bob = operator
    other = await people()
    await other.join(place.room, fresh_nick("al"))
    for asked in (item(nick=bob.nick, role="none"), item(nick=bob.nick, affiliation="outcast")):
        answer = await change(other, place, asked)
        assert answer.error[:2] == ("auth", "forbidden") and answer.error[2]
    assert (await other.iq(place.room, query(ns=OWNER))).condition == "forbidden"
    await bob.sync()
    assert not [got for got in bob.inbox.seen if got.command == "KICK"]


async def test_the_servers_refusal_is_told(operator, place):
    user, bob = operator
    bob.send(f"PART {place.channel}")
    await user.expect(unavailable(f"{place.room}/{bob.nick}"))
    answer = await change(user, place, item(jid=place.person(bob.nick), affiliation="member"))
    assert answer.condition == "not-acceptable"
    answer = await change(user, place, item(nick=bob.nick, role="none"))
    assert answer.condition == "item-not-found"


async def test_invitations_both_ways(operator, place, irc_people, people):
    user, bob = operator
    dave = await irc_people(fresh_nick("dave"), place.ircd)
    user.send_message(place.room, None, f"<x xmlns='{MUC_USER}'><invite to='{place.person(dave.nick)}'/></x>", type="normal")
    await dave.expect(line("INVITE", dave.nick, nick=user.nick))
    user.send_message(place.person(dave.nick), None, f"<x xmlns='{CONFERENCE}' jid='{place.room}'/>", type="normal")
    await dave.expect(line("INVITE", dave.nick, nick=user.nick))
    user.send_message(place.room, None, f"<x xmlns='{MUC_USER}'><invite to='{place.person('nosuchnick')}'/></x>", type="normal")
    got = await user.expect(message(place.room, type="error"))
    assert got.condition == "item-not-found" and got.error[2]
    other = next(channels)
    await bob.join(other)
    bob.send(f"INVITE {user.nick} {other}")
    got = await user.expect(message(f"{other}%{place.server}@{GW}"))
    assert got.child("x", CONFERENCE).get("jid") == f"{other}%{place.server}@{GW}"
    invite = got.child("x", MUC_USER).find(f"{{{MUC_USER}}}invite")
    assert invite.get("from") == place.person(bob.nick)
    await user.join(got.bare, user.nick)


async def test_the_settings_are_the_channels_modes(operator, place):
    user, bob = operator

    async def settings():
        answer = await user.iq(place.room, query(ns=OWNER))
        assert answer.type == "result", answer
        return {var: (values or [None])[0] for var, values in form(answer).items()}

    async def configure(**values):
        fields = "".join(f"<field var='{var.replace('__', '#')}'><value>{value}</value></field>" for var, value in
                         {"FORM_TYPE": MUC + "#roomconfig", **values}.items())
        return await user.iq(place.room, query(f"<x xmlns='{DATA}' type='submit'>{fields}</x>", ns=OWNER), "set")
    before = await settings()
    assert before["muc#roomconfig_moderatedroom"] == "0" and before["muc#roomconfig_membersonly"] == "0"
    answer = await configure(muc__roomconfig_moderatedroom="1", muc__roomconfig_membersonly="true",
                             muc__roomconfig_roomsecret="sesame", muc__roomconfig_maxusers="42")
    assert answer.type == "result", answer
    got = await bob.expect(line("MODE", place.channel, nick=user.nick))
    assert set("mikl") <= set(got.args[1]) and {"sesame", "42"} <= set(got.args)
    await user.expect(message(place.room, type="groupchat", where=lambda s: 104 in s.codes))
    after = await settings()
    assert after["muc#roomconfig_moderatedroom"] == after["muc#roomconfig_membersonly"] == "1"
    assert after["muc#roomconfig_roomsecret"] == "sesame" and after["muc#roomconfig_maxusers"] == "42"
    info = await user.iq(place.room, f"<query xmlns='{DISCO_INFO}'/>")
    has = {f.get("var") for f in info.xml.iter(f"{{{DISCO_INFO}}}feature")}
    assert {"muc_membersonly", "muc_moderated", "muc_passwordprotected"} <= has
    assert not has & {"muc_open", "muc_unmoderated", "muc_unsecured"}
    assert (await configure(muc__roomconfig_roomsecret="", muc__roomconfig_maxusers="", muc__roomconfig_membersonly="0",
                            muc__roomconfig_moderatedroom="0")).type == "result"
    got = await bob.expect(line("MODE", place.channel, nick=user.nick))
    assert set("mikl") <= set(got.args[1])
    for wrong in ({"muc__roomconfig_roomname": "no"}, {"muc__roomconfig_maxusers": "many"},
                  {"muc__roomconfig_roomsecret": "a b"}, {"muc__roomconfig_moderatedroom": "maybe"}):
        answer = await configure(**wrong)
        assert answer.condition == "not-acceptable" and answer.error[2]


async def test_features_follow_the_modes(irc, place, people, irc_people):
    bob = await irc_people(fresh_nick("bob"), place.ircd)
    await bob.join(place.channel)
    bob.send(f"MODE {place.channel} +ms")
    user = await people()
    await user.join(place.room, fresh_nick("al"))

    async def features():
        info = await user.iq(place.room, f"<query xmlns='{DISCO_INFO}'/>")
        return {f.get("var") for f in info.xml.iter(f"{{{DISCO_INFO}}}feature")}
    while "muc_moderated" not in await features():  # asked for a moment after the join
        await user.sync(place.room)
    assert {"muc_hidden", "muc_open", "muc_nonanonymous"} <= await features()
    bob.send(f"MODE {place.channel} -m+i")
    await user.expect(message(place.room, type="groupchat", where=lambda s: 104 in s.codes))
    assert {"muc_unmoderated", "muc_membersonly"} <= await features()


async def test_the_channels_of_a_server(operator, place):
    user, bob = operator
    user.send_message(place.room, content="<subject>What it is about</subject>", type="groupchat")
    await user.expect(message(place.room, type="groupchat", where=lambda s: s.subject == "What it is about"))
    others = [next(channels) for _ in range(5)]
    for channel in others:
        await bob.join(channel)
    server = f"{place.server}@{GW}"
    jids, names, _, _, count = await pages(user, "<max>100</max>", to=server)
    rooms = {f"{channel}%{place.server}@{GW}" for channel in [place.channel, *others]}
    assert rooms <= set(jids) and (count is None or int(count) >= 6)
    assert f"{place.channel}: What it is about (2)" in names
    few = await pages(user, "<max>2</max>", to=server)
    assert few[0] == jids[:2]
    assert (await pages(user, f"<max>2</max><after>{few[3]}</after>", to=server))[0] == jids[2:4]
    assert listed(await user.iq(place.person(bob.nick), f"<query xmlns='{DISCO_ITEMS}'/>"))[0] == []
