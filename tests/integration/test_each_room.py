# SPDX-License-Identifier: GPL-2.0-or-later
"""Rooms to the letter (XEP-0045), as test_rooms.py and test_ranks.py show them on a scripted server, once more through each
real one: what it lets pass."""

import json

from everywhere import everywhere
from person import RawUser
from scripted import CONV_MESSAGE, GW, ME, NONE, ROOM, SUBJECT, features, identity, occupant, say
from stanzas import DISCO_INFO, MUC, MUC_USER, available, message, presence, unavailable
from test_archive import is_past
from test_each_server import begin, come_in
from test_ranks import CONFERENCE, INVITATION, INVITE, item, orders, query
from test_rooms import info, speak

NICK = "http://jabber.org/protocol/nick"
PING = "<ping xmlns='urn:xmpp:ping'/>"


@everywhere
async def test_who_comes_in_is_told_how_he_stands(begin):
    user = await begin()
    user.enter(ROOM, "me")
    say(user, occupant("#quiet", "ann", _103="ann@net"), occupant("#quiet", "me_", ME | 1024, _103="romeo@net"),
        (SUBJECT, {2: "#quiet", 3: ""}))
    own = await user.expect(available(f"{ROOM}/me_"))
    assert own.codes == {100, 110, 201, 210}
    ann = await user.expect(available(f"{ROOM}/ann"))
    assert not ann.codes and ann.item["jid"] == rf"ann\40net@{GW}"


@everywhere
async def test_every_way_out_is_told(begin):
    user = await begin()
    for flags, codes in [(0, set()), (4, {301}), (32, {307}), (128, {321}), (256, {322}), (512, {333})]:
        await come_in(user, occupant("#quiet", "ann"))
        reason = f"because of {flags}"
        say(user, *(occupant("#quiet", nick, flags, NONE, _6=reason, _104="op") for nick in ("ann", "me")))
        gone, own = [await user.expect(unavailable(f"{ROOM}/{nick}")) for nick in ("ann", "me")]
        assert gone.codes == codes and own.codes == codes | {110}
        assert gone.item["role"] == own.item["role"] == "none"
        assert (gone.item["reason"] if codes - {333} else gone.status) == reason
    # The network has let him go for good.
    await come_in(user)
    user.send_message(f"control@{GW}", "DA")
    assert (await user.expect(unavailable(f"{ROOM}/me"))).codes == {110, 333}


@everywhere
async def test_changes_of_a_room_and_of_names_are_told(begin):
    user = await begin()
    await come_in(user, occupant("#quiet", "ann"))
    say(user, info(_7=0))
    for flags, codes in [(1, {104}), (65, {104, 170}), (1, {104, 171}), (33, {104, 173}), (1, {104, 172})]:
        say(user, info(_7=flags))
        got = await user.expect(message(ROOM, type="groupchat", body=None, subject=None))
        assert got.codes == codes
    say(user, occupant("#quiet", "ann", _7="anna"))
    gone = await user.expect(unavailable(f"{ROOM}/ann"))
    assert gone.codes == {303} and gone.item["nick"] == "anna"
    await user.expect(available(f"{ROOM}/anna"))
    say(user, (SUBJECT, {2: "#quiet", 3: "What we talk about", 4: "anna"}))
    got = await user.expect(message(f"{ROOM}/anna", subject="What we talk about"))
    assert got.body is None and got.type == "groupchat"


@everywhere
async def test_private_words_are_marked(begin):
    user = await begin()
    await come_in(user, occupant("#quiet", "ann"))
    say(user, (CONV_MESSAGE, {2: "#quiet", 3: "psst", 4: "ann", 9: 1}))
    got = await user.expect(message(f"{ROOM}/ann", "psst"))
    assert got.type == "chat" and got.child("x", MUC_USER) is not None


@everywhere
async def test_a_client_gets_the_history_that_it_asks_for(begin, people):
    user = await begin()
    await come_in(user, occupant("#quiet", "ann"))
    say(user, *(speak(f"line {n}") for n in range(5)))
    await user.expect(message(f"{ROOM}/ann", "line 4"))
    for number, (limits, count) in enumerate([("", 5), ("<history maxstanzas='2'/>", 2), ("<history maxchars='0'/>", 0),
                                              ("<history seconds='0'/>", 0), ("<history since='1970-01-01T00:00:01Z'/>", 5)]):
        other = await people(account=user.user, resource=f"client{number}", kind=RawUser)
        other.enter(ROOM, "me", content=limits)
        await other.expect(message(ROOM, type="groupchat", subject=""))
        seen = [s for s in other.inbox.seen if s.bare == ROOM]
        assert [s.body for s in seen if s.name == "message" and is_past(s) and s.body] == \
            [f"line {n}" for n in range(5 - count, 5)]
        assert [s.resource for s in seen if s.name == "presence"] == ["ann", "me"]


@everywhere
async def test_a_client_that_answers_with_errors_leaves(begin, people):
    user = await begin()
    await come_in(user, occupant("#quiet", "ann"))
    gone = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    for number, name in enumerate(("presence", "message")):
        other = await people(account=user.user, resource=f"client{number}", kind=RawUser)
        await other.join(ROOM, "me")
        assert (await other.iq(f"{ROOM}/me", PING)).type == "result"
        other.send(f"<{name} to='{ROOM}/ann' type='error'>{gone}</{name}>")
        assert (await other.iq(f"{ROOM}/me", PING)).condition == "not-acceptable"
    assert (await user.iq(f"{ROOM}/me", PING)).type == "result", "the others stay"


@everywhere
async def test_invitations_go_both_ways(begin, people):
    user, juliet = await begin(), await people("juliet")
    say(user, (INVITATION, {2: "#party", 3: "The party", 4: "sesame", 5: "ann", 7: "Bring cake"}))
    got = await user.expect(message(f"#party@{GW}"))
    invite = got.child("x", MUC_USER).find(f"{{{MUC_USER}}}invite")
    assert invite.get("from") == f"ann@{GW}" and invite.findtext(f"{{{MUC_USER}}}reason") == "Bring cake"
    assert dict(got.child("x", CONFERENCE).attrib) == {"jid": f"#party@{GW}", "password": "sesame", "reason": "Bring cake"}
    await come_in(user)
    user.send_message(ROOM, None, f"<x xmlns='{MUC_USER}'><invite to='ann@{GW}'/><invite to='{juliet.jid}'>"
                                  "<reason>Come</reason></invite></x>", type="normal")
    got = await juliet.expect(message(ROOM))
    invite = got.child("x", MUC_USER).find(f"{{{MUC_USER}}}invite")
    assert invite.get("from") == user.jid and invite.findtext(f"{{{MUC_USER}}}reason") == "Come"
    user.send_message(f"carl@{GW}", None, f"<x xmlns='{CONFERENCE}' jid='{ROOM}' reason='You, too'/>", type="normal")
    asked = await orders(user)
    assert [(o["verb"], o["person"]) for o in asked] == [(INVITE, {"1": "ann"}), (INVITE, {"1": "carl", "5": "You, too"})]


@everywhere
async def test_only_moderators_change_others(begin):
    user = await begin()
    kick = query(item(nick="ann", role="none"))
    assert (await user.iq(ROOM, kick, "set")).condition == "item-not-found"
    await come_in(user, occupant("#quiet", "ann"))
    for payload in (kick, query(item(jid=f"ann@{GW}", affiliation="outcast")), query(item(nick="me", role="moderator"))):
        answer = await user.iq(ROOM, payload, "set")
        assert answer.condition == "forbidden" and "moderators" in answer.error[2]
    assert (await user.iq(ROOM, query(ns=MUC + "#owner"))).condition == "forbidden"
    assert await orders(user) == []


@everywhere
async def test_ten_thousand_joins_at_once_are_limited_and_told(begin, people):
    user, juliet = await begin(), await people("juliet", kind=RawUser)
    await juliet.login(GW)
    for number in range(10000):
        to = f"#quiet{number}@{GW}/me"
        user.send(f"<presence to='{to}'><x xmlns='{MUC}'/></presence><presence to='{to}' type='unavailable'/>")
    refused = await user.expect(presence(type="error"))
    assert refused.error[:2] == ("wait", "resource-constraint") and "too fast" in refused.error[2]
    await come_in(juliet, occupant("#quiet", "ann"))
    await user.sync(GW, limit=60)
    refused = [s for s in user.inbox.seen if s.name == "presence" and s.type == "error"]
    assert 8000 < len(refused) < 10000


NICKNAMES = {"\ue000ann": "ann-", "\ufb01sh": "fish", "\ue000": "nick-", "two\u2028lines": "twolines-"}


@everywhere
async def test_nicknames_that_no_address_can_hold(begin):
    """They are readable in it, told beside it, and reached by it."""
    user = await begin()
    seen = await come_in(user, *(occupant("#quiet", nick) for nick in NICKNAMES), occupant("#quiet", "plain"))
    told = {got.child("nick", NICK).text: got for got in seen.values() if got.child("nick", NICK) is not None}
    assert set(told) == set(NICKNAMES)
    for nick, beginning in NICKNAMES.items():
        assert told[nick].resource.startswith(beginning)
        user.send_message(told[nick].sender, "SHOW")
        got = await user.expect(message(f"control@{GW}"))
        assert json.loads(got.body[len("message"):])["4"] == nick
        say(user, speak("hello", nick))
        assert (await user.expect(message(told[nick].sender, "hello"))).type == "groupchat"


@everywhere
async def test_what_clients_ask_before_they_come_in(begin):
    """Their nickname there (section 7.12), and what the room would filter; the form of a room without occupants."""
    user = await begin()

    async def asked(node):
        answer = await user.iq(ROOM, f"<query xmlns='{DISCO_INFO}' node='{node}'/>")
        return answer.condition or [i.get("name") for i in answer.xml.iter(f"{{{DISCO_INFO}}}identity")]
    assert await asked("x-roomuser-item") == await asked(f"{MUC}#traffic") == []
    assert await asked("else") == "item-not-found"
    answer = await user.iq(ROOM, f"<query xmlns='{DISCO_INFO}'/>")
    assert identity(answer) == ("conference", "text") and MUC in features(answer)
    await come_in(user)
    assert await asked("x-roomuser-item") == ["me"]
