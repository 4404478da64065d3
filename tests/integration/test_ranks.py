# SPDX-License-Identifier: GPL-2.0-or-later
"""What users ask of rooms: lists, ranks, settings, invitations; and what the network's answer becomes."""

import json

import pytest

from gateway import SCRIPTED
from scripted import GW, ME, MODERATOR, ROOM, host, joined, logged_in, occupant, say, settled, start
from stanzas import DATA, MUC, MUC_USER, available, matches, message, presence, unavailable

ALL = f"{SCRIPTED} --extended --features=muc --orders=511"
ADMIN = MUC + "#admin"
OWNER = MUC + "#owner"
CONFERENCE = "jabber:x:conference"
PEOPLE, CHANGE, INVITE, DECLINE, VOICE, FORM, CONFIGURE, DESTROY, CATALOG = range(9)
NONE, MEMBER, ADMINISTRATOR, OWNERS, OUTCAST = range(1, 6)
ROLE_NONE, VISITOR, PARTICIPANT, MODERATORS = range(1, 5)
INVITATION = 133


async def moderating(user, *others):
    """In the room, as its moderator."""
    await joined(user, *others)
    say(user, occupant("#quiet", "me", ME | MODERATOR))
    await user.expect(available(f"{ROOM}/me", where=lambda s: s.item["role"] == "moderator"))


async def orders(user):
    """What the network was asked for since the last time."""
    user.send_message(f"control@{GW}", "ORDERED")
    return json.loads((await user.expect(message(f"control@{GW}"))).body)


def query(*items, ns=ADMIN):
    return f"<query xmlns='{ns}'>{''.join(items)}</query>"


def item(reason=None, **attributes):
    inner = f"<reason>{reason}</reason>" if reason else ""
    return "<item" + "".join(f" {k}='{v}'" for k, v in attributes.items()) + f">{inner}</item>"


def items(answer):
    return [dict(i.attrib, **({"reason": i.findtext(f"{{{ADMIN}}}reason")} if i.find(f"{{{ADMIN}}}reason") is not None else {}))
            for i in answer.xml.iter(f"{{{ADMIN}}}item")]


CHANGES = {
    "kick": (item(nick="ann", role="none", reason="rude"), {2: "ann", 4: ROLE_NONE, 5: "rude"}),
    "voice": (item(nick="ann", role="participant"), {2: "ann", 4: PARTICIPANT}),
    "no voice": (item(nick="ann", role="visitor"), {2: "ann", 4: VISITOR}),
    "moderator": (item(nick="ann", role="moderator"), {2: "ann", 4: MODERATORS}),
    "ban": (item(jid=f"bad@{GW}", affiliation="outcast", reason="spam"), {1: "bad", 3: OUTCAST, 5: "spam"}),
    "ban by nick": (item(nick="ann", affiliation="outcast"), {2: "ann", 3: OUTCAST}),
    "member": (item(jid=f"friend%net@{GW}", affiliation="member"), {1: "friend@net", 3: MEMBER}),
    "owner": (item(jid=f"boss@{GW}/any", affiliation="owner"), {1: "boss", 3: OWNERS}),
    "nothing": (item(jid=f"friend@{GW}", affiliation="none"), {1: "friend", 3: NONE}),
}


@pytest.mark.parametrize("case", CHANGES)
async def test_a_moderator_changes_somebody(start, case):
    _, romeo = await start(ALL)
    await moderating(romeo, "ann")
    asked, person = CHANGES[case]
    answer = await romeo.iq(query(asked), "set", to=ROOM)
    assert answer.type == "result", answer
    (order,) = await orders(romeo)
    assert order["verb"] == CHANGE and order["room"] == "#quiet"
    assert {int(k): v for k, v in order["person"].items()} == person


async def test_the_result_waits_for_the_network_and_tells_its_refusal(start):
    _, romeo = await start(ALL)
    await moderating(romeo, "ann")
    answer = await romeo.iq(query(item(nick="ann", role="none"), item(jid=f"refuse4@{GW}", affiliation="outcast"),
                                  item(jid=f"bad@{GW}", affiliation="outcast")), "set", to=ROOM)
    assert answer.error == ("auth", "forbidden", "The network says no.")
    assert len(await orders(romeo)) == 3


async def test_a_network_that_goes_away_ends_what_waits(start):
    gateway, romeo = await start(ALL)
    await moderating(romeo, "ann")
    romeo.send("iq", query(item(jid=f"silent@{GW}", affiliation="outcast")), to=ROOM, type="set", id="waits")
    await orders(romeo)
    romeo.send_message(f"control@{GW}", "D")
    answer = await romeo.host.expect(matches("iq", id="waits"))
    assert answer.type == "error" and answer.condition == "recipient-unavailable"


BAD = {
    "no item": (query(), "bad-request"),
    "neither": (query(item(nick="ann")), "bad-request"),
    "both": (query(item(nick="ann", role="none", affiliation="none")), "bad-request"),
    "no such role": (query(item(nick="ann", role="king")), "bad-request"),
    "no such affiliation": (query(item(nick="ann", affiliation="king")), "bad-request"),
    "nobody": (query(item(affiliation="outcast")), "bad-request"),
    "a role by address": (query(item(jid=f"ann@{GW}", role="none")), "bad-request"),
    "who is not there": (query(item(nick="nobody", role="none")), "item-not-found"),
    "somebody elsewhere": (query(item(jid="juliet@localhost", affiliation="outcast")), "item-not-found"),
    "no address": (query(item(jid="@", affiliation="outcast")), "jid-malformed"),
    "too many": (query(*[item(nick="ann", role="none")] * 51), "bad-request"),
}


@pytest.mark.parametrize("case", BAD)
async def test_wrong_changes_get_their_error_and_reach_nobody(start, case):
    _, romeo = await start(ALL)
    await moderating(romeo, "ann")
    asked, condition = BAD[case]
    answer = await romeo.iq(asked, "set", to=ROOM)
    assert answer.condition == condition and answer.error[2]
    assert await orders(romeo) == []


async def test_only_moderators_and_only_in_the_room(start):
    _, romeo = await start(ALL)
    kick = query(item(nick="ann", role="none"))
    assert (await romeo.iq(kick, "set", to=ROOM)).condition == "item-not-found"
    await joined(romeo, "ann")
    for payload in (kick, query(f"<x xmlns='{DATA}' type='submit'/>", ns=OWNER), query("<destroy/>", ns=OWNER)):
        answer = await romeo.iq(payload, "set", to=ROOM)
        assert answer.error[:2] == ("auth", "forbidden") and "moderators" in answer.error[2]
    assert (await romeo.iq(query(ns=OWNER), to=ROOM)).condition == "forbidden"
    second = romeo.host.user("romeo", "second")
    assert (await second.iq(kick, "set", to=ROOM)).condition == "not-acceptable"
    assert await orders(romeo) == []


async def test_lists_come_from_the_network_or_from_who_is_there(start):
    _, romeo = await start(ALL)
    await joined(romeo, "ann")
    say(romeo, occupant("#quiet", "boss", _101=OWNERS, _102=MODERATORS, _103="boss@net"),
        occupant("#quiet", "mute", _101=NONE, _102=VISITOR))
    await romeo.expect(available(f"{ROOM}/mute"))
    assert items(await romeo.iq(query(item(affiliation="outcast")), to=ROOM)) == [
        {"affiliation": "outcast", "jid": f"bad1\\40net@{GW}", "reason": "spam"},
        {"affiliation": "outcast", "jid": f"bad2\\40net@{GW}"}]
    assert items(await romeo.iq(query(item(affiliation="owner")), to=ROOM)) == [
        {"affiliation": "owner", "role": "moderator", "nick": "boss", "jid": f"boss\\40net@{GW}"}]
    assert [i["nick"] for i in items(await romeo.iq(query(item(role="visitor")), to=ROOM))] == ["mute"]
    assert {i["nick"] for i in items(await romeo.iq(query(item(role="participant")), to=ROOM))} == {"ann", "me"}
    for wrong in (query(), query(item(role="king")), query(item(role="none", affiliation="none"))):
        assert (await romeo.iq(wrong, to=ROOM)).condition == "bad-request"


async def test_a_network_without_lists_has_those_who_are_there(start):
    _, romeo = await start(f"{SCRIPTED} --extended --features=muc")
    await joined(romeo, "ann")
    assert items(await romeo.iq(query(item(affiliation="outcast")), to=ROOM)) == []
    assert {i["nick"] for i in items(await romeo.iq(query(item(affiliation="member")), to=ROOM))} == {"ann", "me"}


# Settings

async def test_the_settings_of_a_room(start):
    _, romeo = await start(ALL)
    await moderating(romeo)
    answer = await romeo.iq(query(ns=OWNER), to=ROOM)
    fields = {f.get("var"): (f.get("type"), f.findtext(f"{{{DATA}}}value"), [o.findtext(f"{{{DATA}}}value")
              for o in f.iter(f"{{{DATA}}}option")]) for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields == {"FORM_TYPE": ("hidden", f"{MUC}#roomconfig", []),
                      "muc#roomconfig_roomname": ("text-single", "The room", []),
                      "muc#roomconfig_moderatedroom": ("boolean", "1", []),
                      "net#colour": ("list-single", "red", ["red", "blue"])}
    form = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in {
        "FORM_TYPE": f"{MUC}#roomconfig", "muc#roomconfig_roomname": "New &amp; name",
        "muc#roomconfig_moderatedroom": "false"}.items())
    answer = await romeo.iq(query(f"<x xmlns='{DATA}' type='submit'>{form}</x>", ns=OWNER), "set", to=ROOM)
    assert answer.type == "result"
    asked, changed = await orders(romeo)
    assert asked["verb"] == FORM and changed["verb"] == CONFIGURE
    assert changed["values"] == {"muc#roomconfig_roomname": "New & name", "muc#roomconfig_moderatedroom": "0"}
    for payload in (f"<x xmlns='{DATA}' type='cancel'/>", f"<x xmlns='{DATA}' type='submit'/>"):
        assert (await romeo.iq(query(payload, ns=OWNER), "set", to=ROOM)).type == "result"
    for payload in ("", f"<x xmlns='{DATA}'/>", f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>x</value>"
                    "</field></x>", f"<x xmlns='{DATA}' type='submit'>" + "<field var='a'><value>b</value></field>" * 101
                    + "</x>"):
        assert (await romeo.iq(query(payload, ns=OWNER), "set", to=ROOM)).condition == "bad-request"
    assert await orders(romeo) == []


async def test_a_network_without_settings_says_so(start):
    _, romeo = await start(f"{SCRIPTED} --extended --features=muc")
    await moderating(romeo)
    answer = await romeo.iq(query(ns=OWNER), to=ROOM)
    assert answer.condition == "feature-not-implemented" and answer.error[2]


async def test_a_room_is_destroyed(start):
    _, romeo = await start(ALL)
    await moderating(romeo, "ann")
    answer = await romeo.iq(query("<destroy><reason>It is over</reason></destroy>", ns=OWNER), "set", to=ROOM)
    assert answer.type == "result"
    gone = await romeo.expect(unavailable(f"{ROOM}/me"))
    node = gone.child("x", MUC_USER).find(f"{{{MUC_USER}}}destroy")
    assert node.findtext(f"{{{MUC_USER}}}reason") == "It is over" and 110 in gone.codes
    (order,) = await orders(romeo)
    assert order["verb"] == DESTROY and order["person"] == {"5": "It is over"}


# Invitations

async def test_people_of_the_network_are_invited(start):
    _, romeo = await start(ALL)
    await joined(romeo)
    romeo.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite to='ann@{GW}'><reason>Come</reason></invite>"
                                   f"<invite to='ben@{GW}'/></x>", type="normal")
    romeo.send_message(f"carl@{GW}", None, f"<x xmlns='{CONFERENCE}' jid='{ROOM}' reason='You, too'/>", type="normal")
    asked = await orders(romeo)
    assert [(o["verb"], o["room"]) for o in asked] == [(INVITE, "#quiet")] * 3
    assert [o["person"] for o in asked] == [{"1": "ann", "5": "Come"}, {"1": "ben"}, {"1": "carl", "5": "You, too"}]
    await romeo.sync()
    assert not romeo.take(message(type="error"))


async def test_a_refused_invitation_is_an_error(start):
    _, romeo = await start(ALL)
    await joined(romeo)
    id = romeo.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite to='refuse7@{GW}'/></x>", type="normal")
    got = await romeo.expect(message(ROOM, type="error"))
    assert got.id == id and got.condition == "item-not-found" and got.error[2] == "The network says no."
    id = romeo.send_message(f"refuse4@{GW}", None, f"<x xmlns='{CONFERENCE}' jid='{ROOM}'/>", type="normal")
    got = await romeo.expect(message(f"refuse4@{GW}", type="error"))
    assert got.id == id and got.condition == "forbidden"
    romeo.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite/></x>", type="normal")
    assert (await romeo.expect(message(ROOM, type="error"))).condition == "jid-malformed"


async def test_who_is_not_in_the_room_invites_nobody(start):
    _, romeo = await start(ALL)
    romeo.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite to='ann@{GW}'/></x>", type="normal")
    assert (await romeo.expect(message(ROOM, type="error"))).condition == "not-acceptable"
    assert await orders(romeo) == []


async def test_others_on_xmpp_are_invited_through_the_room(start):
    _, romeo = await start(ALL)
    await joined(romeo)
    romeo.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite to='juliet@localhost'><reason>Come</reason></invite></x>",
                       type="normal")
    got = await romeo.host.expect(matches("message", ROOM, to="juliet@localhost"))
    invite = got.child("x", MUC_USER).find(f"{{{MUC_USER}}}invite")
    assert invite.get("from") == romeo.jid and invite.findtext(f"{{{MUC_USER}}}reason") == "Come"
    assert got.child("x", CONFERENCE).get("jid") == ROOM


async def test_the_network_invites(start):
    _, romeo = await start(ALL)
    say(romeo, (INVITATION, {2: "#party", 3: "The party", 4: "sesame", 5: "ann", 7: "Bring cake"}))
    got = await romeo.expect(message(f"#party@{GW}"))
    invite = got.child("x", MUC_USER).find(f"{{{MUC_USER}}}invite")
    assert invite.get("from") == f"ann@{GW}" and invite.findtext(f"{{{MUC_USER}}}reason") == "Bring cake"
    assert got.child("x", MUC_USER).findtext(f"{{{MUC_USER}}}password") == "sesame"
    direct = got.child("x", CONFERENCE)
    assert dict(direct.attrib) == {"jid": f"#party@{GW}", "password": "sesame", "reason": "Bring cake"}
    assert "ann" in got.body and "The party" in got.body and got.type in (None, "normal")
    romeo.send_message(f"#party@{GW}", None, f"<x xmlns='{MUC_USER}'><decline to='ann@{GW}'><reason>Busy</reason></decline></x>",
                       type="normal")
    (order,) = await orders(romeo)
    assert (order["verb"], order["room"], order["person"]) == (DECLINE, "#party", {"1": "ann", "5": "Busy"})


async def test_somebody_asks_to_be_heard(start):
    _, romeo = await start(ALL)
    await joined(romeo)
    form = (f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{MUC}#request</value></field>"
            "<field var='muc#role'><value>participant</value></field></x>")
    romeo.send_message(ROOM, None, form, type="normal")
    (order,) = await orders(romeo)
    assert (order["verb"], order["room"]) == (VOICE, "#quiet")


async def test_where_nobody_can_be_asked_the_sender_is_told(start):
    _, romeo = await start(f"{SCRIPTED} --extended --features=muc")
    await joined(romeo)
    form = f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{MUC}#request</value></field></x>"
    romeo.send_message(ROOM, None, form, type="normal")
    assert (await romeo.expect(message(ROOM, type="error"))).condition == "feature-not-implemented"
    romeo.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite to='ann@{GW}'/></x>", type="normal")
    assert (await romeo.expect(message(ROOM, type="error"))).condition == "feature-not-implemented"
