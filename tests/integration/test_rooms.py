# SPDX-License-Identifier: GPL-2.0-or-later
"""Rooms to the letter: what each network event becomes, with a scripted host and backend."""

import pytest

from gateway import SCRIPTED
from scripted import (CONV_MESSAGE, GW, ME, NONE, ROOM, features, host, joined, logged_in, occupant, say, settled, start)
from stanzas import DATA, DISCO_INFO, DISCO_ITEMS, MUC, available, message, presence, unavailable

EXTENDED = f"{SCRIPTED} --extended --features=muc"
ROOM_INFO = 132
OCCUPANT_ID = "urn:xmpp:occupant-id:0"
STANZA_ID = "urn:xmpp:sid:0"
HATS = "urn:xmpp:hats:0"


def occupant_id(stanza):
    (node,) = stanza.xml.findall(f"{{{OCCUPANT_ID}}}occupant-id")
    assert 0 < len(node.get("id")) <= 128
    return node.get("id")


def stanza_id(stanza):
    (node,) = stanza.xml.findall(f"{{{STANZA_ID}}}stanza-id")
    assert node.get("by") == stanza.bare
    return node.get("id")


def form(answer):
    fields = answer.xml.iter(f"{{{DATA}}}field")
    return {f.get("var"): [v.text or "" for v in f.iter(f"{{{DATA}}}value")] for f in fields}


def info(room="#quiet", **fields):
    return ROOM_INFO, {2: room, **{int(k[1:]): v for k, v in fields.items()}}


async def room_features(user, room=ROOM):
    answer = await user.iq(f"<query xmlns='{DISCO_INFO}'/>", to=room)
    return features(answer), form(answer), answer.xml.find(f".//{{{DISCO_INFO}}}identity").get("name")


def speak(text, nick="ann", **more):
    return CONV_MESSAGE, {2: "#quiet", 3: text, 4: nick, **{int(k[1:]): v for k, v in more.items()}}


# Who is who (XEP-0421)

async def test_an_occupant_is_the_same_person_under_every_nick(start):
    _, romeo = await start(EXTENDED)
    romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    say(romeo, occupant("#quiet", "ann", _120="account-of-ann"), occupant("#quiet", "ben"), occupant("#quiet", "me", ME))
    ids = {}
    for nick in ("ann", "ben", "me"):
        ids[nick] = occupant_id(await romeo.expect(available(f"{ROOM}/{nick}")))
    assert len(set(ids.values())) == 3 and not any("ann" in id for id in ids.values())
    say(romeo, occupant("#quiet", "ann", _7="anna", _120="account-of-ann"), occupant("#quiet", "ben", _7="benno"))
    for old, new in (("ann", "anna"), ("ben", "benno")):
        gone = await romeo.expect(unavailable(f"{ROOM}/{old}"))
        assert 303 in gone.codes and occupant_id(gone) == ids[old]
        assert occupant_id(await romeo.expect(available(f"{ROOM}/{new}"))) == ids[old]
    say(romeo, speak("hello", "benno"))
    assert occupant_id(await romeo.expect(message(body="hello"))) == ids["ben"]


async def test_occupant_ids_survive_a_restart_and_differ_between_rooms(start, host):
    gateway, romeo = await start(EXTENDED)

    async def look(room):
        romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{room}@{GW}/me")
        say(romeo, occupant(room, "ann", _120="account:ann"), occupant(room, "me", ME))
        return occupant_id(await romeo.expect(available(f"{room}@{GW}/ann")))
    first, other = await look("#quiet"), await look("#quiet2")
    assert first != other
    gateway.stop()
    await gateway.up(host)
    await romeo.online()
    assert await look("#quiet") == first


async def test_two_users_see_the_same_person(start, host):
    """Also somebody whom the network has no name for, and who was renamed before the second one came."""
    _, romeo = await start(EXTENDED)
    juliet = await logged_in(host, "juliet", username="other")
    await joined(romeo, "ann", nick="r")
    say(romeo, occupant("#quiet", "ann", _7="anna"))
    seen = occupant_id(await romeo.expect(available(f"{ROOM}/anna")))
    juliet.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/j")
    say(juliet, occupant("#quiet", "anna"), occupant("#quiet", "j", ME))
    assert occupant_id(await juliet.expect(available(f"{ROOM}/anna"))) == seen


# Which line is which (XEP-0359)

async def test_a_line_has_one_id_for_all_who_hear_it(start, host):
    _, romeo = await start(EXTENDED)
    juliet = await logged_in(host, "juliet", username="other")
    await joined(romeo, "ann", nick="r")
    await joined(juliet, "ann", nick="j")
    say(romeo, speak("hi"), speak("hi"), speak("there", _8="net-1"))
    say(juliet, speak("hi"), speak("hi"), speak("there", _8="net-1"))

    async def ids(user):
        return [stanza_id(await user.expect(message(f"{ROOM}/ann", body=body))) for body in ("hi", "hi", "there")]
    one, other = await ids(romeo), await ids(juliet)
    assert one == other and len(set(one)) == 3 and one[2] == "net-1"


async def test_the_order_in_which_two_users_hear_lines_may_differ(start, host):
    _, romeo = await start(EXTENDED)
    juliet = await logged_in(host, "juliet", username="other")
    await joined(romeo, "ann", nick="r")
    await joined(juliet, "ann", nick="j")
    say(romeo, *(speak(text) for text in "abc"))
    say(juliet, *(speak(text) for text in "cabd"))
    one = {text: stanza_id(await romeo.expect(message(f"{ROOM}/ann", body=text))) for text in "abc"}
    other = {text: stanza_id(await juliet.expect(message(f"{ROOM}/ann", body=text))) for text in "abcd"}
    assert len(set(other.values())) == 4
    del other["d"]
    assert one == other


async def test_own_words_come_back_with_the_senders_id(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, nick="r")
    say(romeo, speak("mine", "r", _103="client-1"), speak("mine", "r", _8="net-2", _103="client-2"))
    got = await romeo.expect(message(f"{ROOM}/r", body="mine"))
    assert got.id == "client-1" and stanza_id(got) != "client-1"
    got = await romeo.expect(message(f"{ROOM}/r", body="mine"))
    assert got.id == "client-2" and stanza_id(got) == "net-2"


async def test_notices_of_the_room_have_no_id(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo)
    say(romeo, (CONV_MESSAGE, {2: "#quiet", 3: "Maintenance"}))
    got = await romeo.expect(message(ROOM, body="Maintenance"))
    assert not got.xml.findall(f"{{{STANZA_ID}}}stanza-id") and not got.xml.findall(f"{{{OCCUPANT_ID}}}occupant-id")


# Ranks

async def test_foreign_ranks_are_hats(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo)
    say(romeo, occupant("#quiet", "ann", _121=[{"1": "urn:net:dj", "2": "DJ"}, {"1": "urn:net:vip"}]))
    got = await romeo.expect(available(f"{ROOM}/ann"))
    hats = [dict(hat.attrib) for hat in got.xml.iterfind(f"{{{HATS}}}hats/{{{HATS}}}hat")]
    assert hats == [{"uri": "urn:net:dj", "title": "DJ"}, {"uri": "urn:net:vip"}]
    say(romeo, occupant("#quiet", "ann"))
    assert (await romeo.expect(available(f"{ROOM}/ann"))).child("hats", HATS) is None


@pytest.mark.parametrize("flags, codes", [(128, {321}), (256, {322}), (512, {333}), (4, {301}), (32, {307})])
async def test_who_is_removed_is_told_why(start, flags, codes):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    say(romeo, occupant("#quiet", "ann", flags, NONE), occupant("#quiet", "me", flags, NONE, _6="so be it"))
    assert (await romeo.expect(unavailable(f"{ROOM}/ann"))).codes == codes
    own = await romeo.expect(unavailable(f"{ROOM}/me"))
    assert own.codes == codes | {110} and own.item["role"] == "none"
    romeo.send_message(ROOM, "hello?", type="groupchat")
    assert (await romeo.expect(message(ROOM, type="error"))).condition == "not-acceptable"


async def test_201_when_the_network_says_that_the_room_is_new(start):
    _, romeo = await start(EXTENDED)
    romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    say(romeo, occupant("#quiet", "me", ME | 1024))
    assert (await romeo.expect(available(f"{ROOM}/me"))).codes == {110, 201}


async def test_a_network_that_lets_go_for_good_is_333(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    romeo.send_message(f"control@{GW}", "DA")
    own = await romeo.expect(unavailable(f"{ROOM}/me"))
    assert own.codes == {110, 333}


# The room itself

async def test_a_rooms_features_are_what_is_true(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    has, _, name = await room_features(romeo)
    assert MUC in has and name == "#quiet"
    assert not has & {"muc_open", "muc_membersonly", "muc_public", "muc_hidden"}, "nobody has told"
    say(romeo, info(_3="The Lobby", _4="Quiet talk", _5="en", _6="a" * 40, _7=1 | 2 | 8 | 16, _8=50))
    await settled(romeo)
    has, fields, name = await room_features(romeo)
    assert name == "The Lobby"
    assert has >= {"muc_membersonly", "muc_passwordprotected", "muc_unmoderated", "muc_hidden", "muc_persistent",
                   "vcard-temp", OCCUPANT_ID, STANZA_ID, f"{MUC}#stable_id"}
    assert not has & {"muc_open", "muc_public", "muc_unsecured", "muc_temporary"}
    assert fields["FORM_TYPE"] == [f"{MUC}#roominfo"]
    assert fields["muc#roominfo_occupants"] == ["2"] and fields["muc#roominfo_description"] == ["Quiet talk"]
    assert fields["muc#roominfo_lang"] == ["en"] and fields["muc#roominfo_avatarhash"] == ["a" * 40]


@pytest.mark.parametrize("before, after, codes", [
    (0, 1, {104}), (0, 64, {104, 170}), (64, 0, {104, 171}), (32, 0, {104, 172}), (0, 32, {104, 173})])
async def test_changes_of_a_room_are_told(start, before, after, codes):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    say(romeo, info(_7=before), info(_7=before), info(_7=after), info(_7=after))
    got = await romeo.expect(message(ROOM, type="groupchat", body=None))
    assert got.codes == codes
    await settled(romeo)
    assert not romeo.take(message(ROOM)), "what did not change was told"


async def test_a_picture_of_a_room(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo)
    answer = await romeo.iq("<vCard xmlns='vcard-temp'/>", to=ROOM)
    assert answer.type == "result" and answer.sender == ROOM


# Bounds

async def test_ten_thousand_joins_at_once_are_limited_and_told(start, host):
    """Of one user; who is slower is not disturbed."""
    _, romeo = await start(EXTENDED)
    juliet = await logged_in(host, "juliet", username="other")
    for number in range(10000):
        romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"#quiet{number}@{GW}/me")
        romeo.send("presence", to=f"#quiet{number}@{GW}/me", type="unavailable")
    refused = await romeo.expect(presence(type="error"))
    assert refused.error[:2] == ("wait", "resource-constraint") and "too fast" in refused.error[2]
    await joined(juliet, "ann")
    await romeo.sync()
    refused = [s for s in host.inbox.seen if s.to == romeo.full and s.name == "presence" and s.type == "error"]
    assert 9000 < len(refused) < 10000


# Lists, in pages (XEP-0059)

RSM = "http://jabber.org/protocol/rsm"


def listed(answer):
    """(addresses, names, first, last, count)"""
    items = list(answer.xml.iter(f"{{{DISCO_ITEMS}}}item"))
    found = [answer.xml.findtext(f".//{{{RSM}}}{name}") for name in ("first", "last", "count")]
    return [i.get("jid") for i in items], [i.get("name") for i in items], *found


async def page(user, rsm, to=GW):
    answer = await user.iq(f"<query xmlns='{DISCO_ITEMS}'><set xmlns='{RSM}'>{rsm}</set></query>", to=to)
    assert answer.type == "result", answer
    return listed(answer)


async def test_a_users_rooms_and_a_rooms_people_come_in_pages(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, *(f"n{n:02}" for n in range(30)))
    for n in range(5):
        await joined(romeo, room=f"#quiet-{n}")
    say(romeo, info("#quiet-3", _3="The third"))
    await settled(romeo)
    everything = listed(await romeo.iq(f"<query xmlns='{DISCO_ITEMS}'/>"))
    assert len(everything[0]) == 6 and "The third" in everything[1] and everything[2] is None
    first = await page(romeo, "<max>4</max>")
    assert first[0] == everything[0][:4] and first[2:] == (everything[0][0], everything[0][3], "6")
    rest = await page(romeo, f"<max>4</max><after>{first[3]}</after>")
    assert rest[0] == everything[0][4:]
    assert (await page(romeo, "<max>2</max><before/>"))[0] == everything[0][4:]
    assert (await page(romeo, f"<max>2</max><before>{rest[0][0]}</before>"))[0] == everything[0][2:4]
    assert (await page(romeo, "<max>0</max>"))[0::4] == ([], "6")
    people = await page(romeo, "<max>10</max>", to=ROOM)
    assert len(people[0]) == 10 and people[4] == "31" and all(jid.startswith(f"{ROOM}/") for jid in people[0])
    assert listed(await romeo.iq(f"<query xmlns='{DISCO_ITEMS}'/>", to=f"{GW}"))[0] == everything[0]
    for wrong, condition in (("<after>nobody@nowhere</after>", "item-not-found"), ("<max>many</max>", "bad-request")):
        answer = await romeo.iq(f"<query xmlns='{DISCO_ITEMS}'><set xmlns='{RSM}'>{wrong}</set></query>")
        assert answer.condition == condition and answer.error[2]


async def test_the_rooms_of_a_server_come_in_pages(start):
    _, romeo = await start(f"{EXTENDED} --orders=256")
    server = f"server.net@{GW}"
    first = await page(romeo, "<max>20</max>", to=server)
    assert first[0][:2] == [f"room0@{GW}", f"room1@{GW}"] and len(first[0]) == 20
    assert first[1][:2] == ["Room 0", "Room 1 (1)"]
    seen, after = [], ""
    while True:
        jids, _, _, last, count = await page(romeo, f"<max>70</max>{after}", to=server)
        if not jids:
            break
        seen += jids
        after = f"<after>{last}</after>"
    assert seen == [f"room{n}@{GW}" for n in range(250)] and count == "250"
    assert (await page(romeo, "<max>3</max><before/>", to=server))[0] == [f"room{n}@{GW}" for n in (247, 248, 249)]
    # Asked for once.
    romeo.send_message(f"control@{GW}", "ORDERED")
    assert (await romeo.expect(message(f"control@{GW}"))).body.count('"verb": 8') == 1


async def test_people_have_no_rooms(start):
    _, romeo = await start(EXTENDED)
    assert listed(await romeo.iq(f"<query xmlns='{DISCO_ITEMS}'/>", to=f"eve@{GW}"))[0] == []
