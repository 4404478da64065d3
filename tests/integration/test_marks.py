# SPDX-License-Identifier: GPL-2.0-or-later
"""Known defects of Spectrum 2 (C++), by their marks (docs/marks.md), as far as no other file is their subject. The host
and the backend are scripted, so that each stanza and each frame is exactly what a test says."""

import json
import os
import signal
import sqlite3
import time

import pytest

from gateway import SCRIPTED
from scripted import (AUTH, BANNED, BUDDY_CHANGED, CONNECTED, CONV_MESSAGE, DISCONNECTED, EVE, GW, KICKED, ME, MODERATOR, NONE,
                      PARTICIPANT, ROOM, ROOM_ERROR, ROOM_LIST, ROOM_NICKNAME, SUBJECT, features, host, identity, joined,
                      logged_in, occupant, say, settled, start)
from stanzas import (CHATSTATES, DATA, DISCO_INFO, DISCO_ITEMS, MUC, REGISTER, available, matches, message, presence,
                     unavailable)

# Discovery

async def test_x_1_everything_answers_pings(start):
    _, romeo = await start()
    await joined(romeo)
    for jid in (GW, EVE, f"{EVE}/bot", ROOM, f"{ROOM}/me"):
        assert (await romeo.iq("<ping xmlns='urn:xmpp:ping'/>", to=jid)).type == "result", jid


async def test_x_2_carbons_are_not_ours(start):
    _, romeo = await start()
    answer = await romeo.iq("<enable xmlns='urn:xmpp:carbons:2'/>", "set")
    assert answer.type == "error" and answer.condition == "service-unavailable"
    for jid in (GW, EVE):
        assert "urn:xmpp:carbons:2" not in features(await romeo.iq(f"<query xmlns='{DISCO_INFO}'/>", to=jid))


async def test_x_4_an_address_is_what_it_is(start):
    """A joined room, a listed one, one by its form, a contact: each says so, whichever was asked first."""
    _, romeo = await start(f"{SCRIPTED} --features=muc")
    say(romeo, (ROOM_LIST, {1: ["lobby"], 2: ["The lobby"], 3: romeo.jid}))
    await settled(romeo)
    await joined(romeo, "other", room="plain")
    for node, category in {"lobby": "conference", "plain": "conference", "#any": "conference", "eve": "client"}.items():
        answer = await romeo.iq(f"<query xmlns='{DISCO_INFO}'/>", to=f"{node}@{GW}")
        assert identity(answer)[0] == category, node
        assert (MUC in features(answer)) == (category == "conference")
    answer = await romeo.iq(f"<query xmlns='{DISCO_ITEMS}'/>")
    listed = {i.get("jid"): i.get("name") for i in answer.xml.iter(f"{{{DISCO_ITEMS}}}item")}
    assert listed == {f"lobby@{GW}": "The lobby", f"plain@{GW}": "plain"}


async def test_c_9_a_room_list_has_as_many_rooms_as_configured(start):
    _, romeo = await start(f"{SCRIPTED} --features=muc", **{"service.max_room_list_size": 7})
    for owner in (romeo.jid, None):
        say(romeo, (ROOM_LIST, {"1": [f"r{n}" for n in range(20)], "2": [f"R{n}" for n in range(20)], "3": owner}))
        await settled(romeo)
        answer = await romeo.iq(f"<query xmlns='{DISCO_ITEMS}'/>")
        assert len(list(answer.xml.iter(f"{{{DISCO_ITEMS}}}item"))) == 7


async def test_x_34_rb_13_a_resource_of_a_contact_means_nothing(start):
    _, romeo = await start()
    for jid in (EVE, f"{EVE}/bot", f"{EVE}/anything"):
        romeo.send_message(jid, "E hello")
        assert (await romeo.expect(message(EVE, "E hello"))).type == "chat"
        card = await romeo.iq("<vCard xmlns='vcard-temp'/>", to=jid)
        assert card.sender == jid and card.xml.findtext(".//{vcard-temp}FN") == "Full Name"


@pytest.mark.parametrize("name, type", [("png", "image/png"), ("jpeg", "image/jpeg"), ("gif", "image/gif"),
                                        ("webp", "image/webp"), ("text", None)])
async def test_x_33_a_picture_has_the_type_that_it_is(start, name, type):
    _, romeo = await start()
    card = await romeo.iq("<vCard xmlns='vcard-temp'/>", to=f"{name}@{GW}")
    assert card.xml.findtext(".//{vcard-temp}PHOTO/{vcard-temp}TYPE") == type
    assert (card.xml.find(".//{vcard-temp}BINVAL") is not None) == (type is not None)


@pytest.mark.parametrize("card", ["", "<FN>Romeo</FN>", "<PHOTO/>", "<PHOTO><TYPE>image/png</TYPE></PHOTO>",
                                  "<PHOTO><BINVAL/></PHOTO>", "<PHOTO><BINVAL>%%%</BINVAL></PHOTO>"])
async def test_cr_12_a_card_of_the_user_without_a_picture(start, card):
    _, romeo = await start()
    answer = await romeo.iq(f"<vCard xmlns='vcard-temp'>{card}</vCard>", "set")
    assert answer.type == "error" if "%" in card else answer.type == "result"
    await settled(romeo)


# Log-in

async def test_x_12_the_login_waits_for_nobodys_capabilities(start):
    _, romeo = await start()
    assert not [s for s in romeo.host.inbox.seen if s.name == "iq" and s.type == "get"]


async def test_w_24_a_lost_network_is_tried_again_and_told(start):
    _, romeo = await start()
    begin = time.monotonic()
    romeo.send_message(EVE, "D")
    told = await romeo.expect(unavailable(GW))
    assert told.status == "network gone"
    await romeo.expect(available(GW))
    assert time.monotonic() - begin > 0.3, "logged in again at once"
    await settled(romeo)


async def test_w_24_a_refused_account_is_not_tried_again(start):
    gateway, romeo = await start()
    romeo.send_message(EVE, "DA")
    told = await romeo.expect(message(GW))
    assert told.body == "network gone"
    await romeo.expect(unavailable(GW))
    await romeo.sync()
    romeo.send_message(EVE, "E hello")
    assert (await romeo.expect(message(EVE, type="error"))).condition == "recipient-unavailable"
    assert not gateway.log_lines("logs in again")


@pytest.mark.parametrize("number, name", [
    (2, "AUTHENTICATION_FAILED"), (10, "CERT_EXPIRED"), (12, "CERT_HOSTNAME_MISMATCH"), (14, "CERT_SELF_SIGNED")])
async def test_w_25_errors_have_their_right_names(start, number, name):
    _, romeo = await start()
    say(romeo, (DISCONNECTED, {2: number, 3: "no"}))
    told = await romeo.expect(message(GW))
    error = told.xml.find("{http://spectrum.im/error}spectrumerror")
    assert (error.get("error"), error.text) == (str(number), f"CONNECTION_ERROR_{name}")


async def test_x_13_the_end_is_told_once(start):
    _, romeo = await start()
    say(romeo, (BUDDY_CHANGED, {2: "eve", 5: 0}))
    await romeo.expect(available(EVE))
    romeo.send("presence", type="unavailable")
    await romeo.expect(unavailable(GW))
    await romeo.sync()
    seen = [s.bare for s in romeo.host.inbox.seen if s.name == "presence" and s.type == "unavailable" and s.bare != GW]
    assert seen == [EVE] and not romeo.take(unavailable(GW))


async def test_x_8_sec_14_s_14_a_name_is_not_taken_over_without_proof(gateways, host):
    """No password proves anything here, so a name stays with whom it belongs to, in whatever letters it is written."""
    await gateways(host, f"{SCRIPTED} --features=muc", **{"registration.needPassword": 0,
                                                          "registration.username_mask": "$username@sms.example"})
    await host.login()
    romeo, mallory = host.user("romeo"), host.user("mallory")

    async def register(user, name):
        return await user.iq(f"<query xmlns='{REGISTER}'><username>{name}</username></query>", "set")
    assert (await register(romeo, "Bob")).type == "result"
    assert (await register(romeo, "Bob")).type == "result", "his own row is in nobody's way"
    for name in ("Bob", "bob", "BOB"):
        answer = await register(mallory, name)
        assert answer.condition == "conflict" and answer.error[2], answer
    assert (await register(mallory, "bobby")).type == "result"


async def test_c_10_the_form_has_the_configured_labels(gateways, host):
    await gateways(host, **{"registration.username_label": "Number", "registration.password_label": "Secret word"})
    await host.login()
    answer = await host.user().iq(f"<query xmlns='{REGISTER}'/>")
    labels = {f.get("var"): f.get("label") for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert (labels["username"], labels["password"]) == ("Number", "Secret word")


async def test_c_15_sec_10_no_password_reaches_a_log_or_a_file(start):
    gateway, romeo = await start()
    answer = await romeo.iq(f"<query xmlns='{REGISTER}'><username>bob</username><password>hunter2!xyz</password></query>",
                            "set")
    assert answer.type == "result"
    await romeo.expect(available(GW))
    await settled(romeo)
    gateway.stop()
    for path in gateway.directory.rglob("*"):
        if path.is_file():
            assert b"hunter2!xyz" not in path.read_bytes(), path


# Contacts

async def test_x_5_rb_7_a_presence_has_one_caps_element_however_often_it_is_sent(start):
    _, romeo = await start()
    say(romeo, (BUDDY_CHANGED, {2: "eve", 5: 0}))
    await romeo.expect(available(EVE))
    for resource in ("one", "two", "three"):
        other = romeo.host.user("romeo", resource)
        other.send("presence")
        other.send("presence", to=EVE, type="probe")
        for _ in range(2):
            got = await romeo.host.expect(matches("presence", EVE, "available", to=other.full))
            caps = got.xml.findall("{http://jabber.org/protocol/caps}c")
            assert len(caps) == 1 and caps[0].get("node").startswith("urn:")
    say(romeo, (BUDDY_CHANGED, {2: "eve", 5: NONE}))
    gone = await romeo.expect(unavailable(EVE))
    assert gone.xml.find("{http://jabber.org/protocol/caps}c") is None


async def test_x_11_an_unsubscribed_starts_no_quarrel(start):
    _, romeo = await start()
    say(romeo, (BUDDY_CHANGED, {2: "eve", 5: 0}))
    await romeo.expect(presence(EVE, "subscribe"))
    for _ in range(5):
        for jid in (GW, EVE):
            romeo.send("presence", to=jid, type="unsubscribed")
            romeo.send("presence", to=jid, type="unsubscribe")
    await romeo.sync()
    assert not romeo.take(presence(EVE, "subscribe")) and not romeo.take(presence(GW, "subscribe"))


async def test_x_15_rb_8_a_new_contact_asks_for_itself_alone(start):
    _, romeo = await start()
    old, new = ["ann", "ben", "cid"], "dot"
    say(romeo, *((BUDDY_CHANGED, {2: name, 5: 0}) for name in old))
    for name in old:
        await romeo.expect(presence(f"{name}@{GW}", "subscribe"))
    romeo.send("presence", to=f"ann@{GW}", type="subscribed")
    say(romeo, (BUDDY_CHANGED, {2: new, 5: 0}), *((BUDDY_CHANGED, {2: name, 5: 1}) for name in old))
    await romeo.expect(presence(f"{new}@{GW}", "subscribe"))
    await settled(romeo)
    assert not romeo.take(matches("presence", type="subscribe")), "others asked, too"


async def test_x_16_a_request_is_kept_until_it_is_answered(start):
    """Accepted after a crash of the main process, it is accepted on the network."""
    gateway, romeo = await start()
    say(romeo, (AUTH, {2: "eve"}))
    await romeo.expect(presence(EVE, "subscribe"))
    with sqlite3.connect(gateway.directory / "work/database.sql") as database:
        end = time.monotonic() + 10
        while not database.execute("SELECT count(*) FROM buddies").fetchone()[0]:
            assert time.monotonic() < end, "the request was not stored"
    database.close()
    gateway.kill()
    gateway.start()
    await romeo.host.login()
    await romeo.online()
    romeo.send("presence", to=EVE, type="subscribed")
    got = await romeo.expect(available(EVE))  # the backend shows a contact that it is told of
    assert got.sender == f"{EVE}/bot"


async def test_x_16_a_denied_request_does_not_come_back(start):
    gateway, romeo = await start()
    say(romeo, (AUTH, {2: "eve"}))
    await romeo.expect(presence(EVE, "subscribe"))
    romeo.send("presence", to=EVE, type="unsubscribed")
    await settled(romeo)
    romeo.take(matches("presence"))
    gateway.kill()
    gateway.start()
    await romeo.host.login()
    await romeo.online()
    await settled(romeo)
    assert not romeo.take(presence(EVE))


@pytest.mark.parametrize("escaping", [0, 1])
async def test_x_19_the_exact_name_comes_first(start, escaping):
    """A contact whose own name holds a percent sign is found under it; only of others the last one is an @."""
    _, romeo = await start(**{"service.jid_escaping": escaping})
    say(romeo, (BUDDY_CHANGED, {2: "50%off", 5: 0}))
    got = await romeo.expect(available(f"50%off@{GW}"))
    romeo.send_message(got.bare, "E hello")
    assert (await romeo.expect(message(body="E hello"))).bare == got.bare
    romeo.send_message(f"ann%example.org@{GW}", "E you")
    got = await romeo.expect(message(body="E you"))
    assert got.bare == (f"ann\\40example.org@{GW}" if escaping else f"ann%example.org@{GW}")


NO_NAMES = ["", " ", "   ", "\u00a0", "\ue000", "x" * 1100, "\u2028", "a\u202eb"]


async def test_cr_6_names_that_make_no_address(start):
    _, romeo = await start()
    for name in NO_NAMES:
        say(romeo, (BUDDY_CHANGED, {2: name, 5: 0}), (AUTH, {2: name}), (CONV_MESSAGE, {2: name, 3: "hello"}))
        say(romeo, *((kind, {2: name}) for kind in (7, 18, 19, 20)), (22, {2: name, 3: "hey"}))
    say(romeo, (BUDDY_CHANGED, {2: "eve", 5: 0}))
    await romeo.expect(available(EVE))
    await settled(romeo)


async def test_cr_5_look_ups_of_unknown_names_leave_nothing(start):
    _, romeo = await start()
    for n in range(50):
        for type in ("probe", "subscribed", "unsubscribed", "unsubscribe"):
            romeo.send("presence", to=f"unknown{n}@{GW}", type=type)
        romeo.send("iq", "<vCard xmlns='vcard-temp'/>", to=f"unknown{n}x@{GW}", type="get", id=f"c{n}")
    await settled(romeo)
    other = romeo.host.user("romeo", "second")
    other.send("presence")
    await romeo.host.expect(matches("presence", GW, "available", to=other.full))
    assert not [s for s in romeo.host.take(matches("presence", to=other.full)) if s.type is None]


# Messages

async def test_cr_2_attention_and_subject_while_the_backend_is_gone(start):
    gateway, romeo = await start()
    await joined(romeo)
    (pid,) = gateway.backends()
    os.kill(pid, signal.SIGKILL)
    ids = [romeo.send_message(EVE, content="<attention xmlns='urn:xmpp:attention:0'/>"),
           romeo.send_message(ROOM, content="<subject>new</subject>", type="groupchat")]
    await romeo.expect(message(EVE, where=lambda s: s.child("attention", "urn:xmpp:attention:0") is not None
                               or s.type == "error"))
    await romeo.expect(available(GW))
    await settled(romeo)
    errors = [s.id for s in romeo.host.inbox.seen if s.type == "error"]
    assert len(errors) == len(set(errors)) and set(errors) <= set(ids)


async def test_x_21_a_message_keeps_the_id_of_its_network(start):
    _, romeo = await start()
    say(romeo, (CONV_MESSAGE, {2: "eve", 3: "one", 8: "id-of-the-network"}), (CONV_MESSAGE, {2: "eve", 3: "two"}))
    assert (await romeo.expect(message(EVE, "one"))).id == "id-of-the-network"
    assert (await romeo.expect(message(EVE, "two"))).id


@pytest.mark.parametrize("sent, got", [("composing", "composing"), ("paused", "paused"), ("active", "active"),
                                       ("inactive", "active"), ("gone", "active")])
async def test_x_22_every_chat_state_has_its_frame(start, sent, got):
    """The backend tells the frame's kind by a state of its own."""
    _, romeo = await start()
    say(romeo, (BUDDY_CHANGED, {2: "eve", 5: 0}))
    await romeo.expect(available(EVE))
    romeo.send_message(EVE, "E hello")  # a state alone opens no conversation
    await romeo.expect(message(EVE, "E hello"))
    romeo.send_message(EVE, content=f"<{sent} xmlns='{CHATSTATES}'/>")
    await romeo.expect(message(EVE, chat_state=got, body=None))


XHTML = {
    "bold": ("<strong>hello</strong>", "<strong>hello</strong>"),
    "script": ("<script>alert(1)</script><p>hello</p>", "<p>hello</p>"),
    "handler": ("<p onclick='x()'>hello</p>", "<p>hello</p>"),
    "link": ("<a href='javascript:x()'>hello</a>", "<a>hello</a>"),
    "unknown element": ("<object><em>hello</em></object>", "<em>hello</em>"),
    "not well-formed": ("<p>hello", None),
    "end of the stanza": ("</body></html></message><message to='x@y'>", None),
    "entity": ("<p>&nbsp;</p>", None),
}


@pytest.mark.parametrize("case", XHTML)
async def test_x_23_sec_15_xhtml_is_cleaned_or_left_out(start, case):
    _, romeo = await start()
    sent, wanted = XHTML[case]
    say(romeo, (CONV_MESSAGE, {2: "eve", 3: "hello", 5: sent}))
    got = await romeo.expect(message(EVE, where=lambda s: (s.body or "").strip("*_") == "hello"))
    html = [s for s in repr(got).replace("<strong>", "\0").split("\0")]
    body = got.xml.find("{http://jabber.org/protocol/xhtml-im}html/{http://www.w3.org/1999/xhtml}body")
    assert (body is None) == (wanted is None), html
    if body is not None:
        (child,) = body
        assert "".join(child.itertext()) == "hello" and f"<{child.tag.partition('}')[2]}>" == wanted.split(">")[0] + ">"
        assert not child.attrib
    assert romeo.host.logins == 1


FILES = (CONV_MESSAGE, {2: "eve", 3: "look", 11: [{1: "https://example.org/a.png", 2: "image/png", 3: "A & B"},
                                                  {1: "https://example.org/b.png"}]})


def links(stanza):
    return [(x.findtext("{jabber:x:oob}url"), x.findtext("{jabber:x:oob}desc"))
            for x in stanza.xml.findall("{jabber:x:oob}x")]


async def test_w_14_attachments_have_their_description(start):
    """Clients show a file only in a message of its own, and the text is not lost over it."""
    _, romeo = await start()
    say(romeo, FILES)
    assert links(await romeo.expect(message(EVE, "look"))) == []
    for url, text in (("https://example.org/a.png", "A & B"), ("https://example.org/b.png", None)):
        assert links(await romeo.expect(message(EVE, url))) == [(url, text)]


async def test_all_in_one_message_if_so_configured(start):
    _, romeo = await start(service__oob_replace_body=0)
    say(romeo, FILES)
    got = await romeo.expect(message(EVE, "look"))
    assert links(got) == [("https://example.org/a.png", "A & B"), ("https://example.org/b.png", None)]


@pytest.mark.parametrize("stamp, shown", [
    ("20200102T030405", "2020-01-02T03:04:05"), ("1577934245", "2020-01-02T03:04:05"), ("yesterday", None), ("", None),
    ("99999999T999999", None), ("9" * 40, None)])
async def test_w_13_cr_3_times_of_any_form(start, stamp, shown):
    _, romeo = await start()
    say(romeo, (CONV_MESSAGE, {2: "eve", 3: "hello", 6: stamp}))
    got = await romeo.expect(message(EVE, "hello"))
    delay = got.child("delay", "urn:xmpp:delay")
    assert (delay is None) if shown is None else delay.get("stamp").startswith(shown)


async def test_x_38_the_gateway_answers_words_with_a_stanza_of_its_own(start):
    _, romeo = await start()
    id = romeo.send_message(GW, "online_users", f"<active xmlns='{CHATSTATES}'/>")
    got = await romeo.expect(message(GW))
    assert romeo.jid not in (got.body or "") and got.type in ("chat", "error")
    assert got.type == "error" or got.id != id


# Rooms

async def test_x_24_join_order(start):
    """Others, oneself with 110, history, the subject, live: however the network tells them."""
    _, romeo = await start()
    romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    say(romeo, (SUBJECT, {2: "#quiet", 3: "Welcome", 4: "ann"}), occupant("#quiet", "ann", MODERATOR),
        occupant("#quiet", "gone"), occupant("#quiet", "gone", status=NONE), occupant("#quiet", "me", ME),
        occupant("#quiet", "ben"), (CONV_MESSAGE, {2: "#quiet", 3: "live", 4: "ann"}))
    await romeo.expect(message(ROOM, "live"))
    got = [s for s in romeo.host.inbox.seen if s.bare == ROOM]
    kinds = [s.resource if s.name == "presence" else "subject" if s.subject is not None else "message" for s in got]
    assert sorted(kinds) == ["ann", "ben", "me", "message", "subject"], got
    kinds.remove("ben")  # who comes later may come at any time
    assert kinds == ["ann", "me", "subject", "message"], got
    assert 110 in got[1].codes and next(s for s in got if s.subject is not None).sender == f"{ROOM}/ann"


async def test_x_25_a_second_client_gets_the_real_nick(start):
    _, romeo = await start()
    await joined(romeo, "ann", nick="real")
    second = romeo.host.user("romeo", "second")
    second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/wanted")
    own = await romeo.host.expect(matches("presence", ROOM, to=second.full, where=lambda s: 110 in s.codes))
    assert own.resource == "real" and own.codes >= {110, 210}
    await romeo.sync()
    assert not romeo.take(presence(f"{ROOM}/wanted")), "the first client saw a new nick"


@pytest.mark.parametrize("given, codes", [("me", {110}), ("me_", {110, 210})])
async def test_x_26_210_only_for_another_nick_and_never_201(start, given, codes):
    _, romeo = await start()
    romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    say(romeo, occupant("#quiet", given, ME))
    own = await romeo.expect(presence(f"{ROOM}/{given}"))
    assert own.codes == codes


@pytest.mark.parametrize("flags, code", [(KICKED, 307), (BANNED, 301)])
async def test_x_27_x_28_w_15_kicked_or_banned(start, flags, code):
    _, romeo = await start()
    await joined(romeo, "ann")
    say(romeo, occupant("#quiet", "ann", flags, NONE, _6="rude", _104="op"), occupant("#quiet", "me", flags, NONE, _6="you, too"))
    other = await romeo.expect(unavailable(f"{ROOM}/ann"))
    own = await romeo.expect(unavailable(f"{ROOM}/me"))
    assert other.codes == {code} and own.codes == {code, 110}
    assert other.item["role"] == own.item["role"] == "none"
    assert own.item["reason"] == "you, too"
    assert other.item["affiliation"] == ("outcast" if code == 301 else "member")
    romeo.send_message(ROOM, "hello?", type="groupchat")
    assert (await romeo.expect(message(ROOM, type="error"))).condition == "not-acceptable"


async def test_x_27_the_end_of_the_gateway_is_332(start):
    gateway, romeo = await start()
    await joined(romeo, "ann")
    gateway.stop()
    own = await romeo.expect(unavailable(f"{ROOM}/me"))
    assert own.codes == {110, 332} and own.item["role"] == "none"


async def test_w_15_me_marks_the_own_occupant(start):
    """The network's name for the user need not be the nick that he asked for."""
    _, romeo = await start()
    romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/wanted")
    say(romeo, occupant("#quiet", "Romeo M.", ME))
    own = await romeo.expect(presence(ROOM))
    assert own.resource == "Romeo M." and own.codes == {110, 210}


async def test_x_29_a_message_of_nobody_is_the_rooms(start):
    _, romeo = await start()
    await joined(romeo, "ann")
    say(romeo, (CONV_MESSAGE, {2: "#quiet", 3: "Maintenance at noon"}))
    got = await romeo.expect(message(ROOM, "Maintenance at noon"))
    assert got.sender == ROOM and got.type == "groupchat"


async def test_x_31_w_12_words_of_a_room_that_was_not_joined(start):
    _, romeo = await start()
    say(romeo, (CONV_MESSAGE, {2: "#quiet", 3: "hello all", 4: "ann"}))
    got = await romeo.expect(message(ROOM))
    assert got.type in (None, "normal") and "hello all" in got.body
    assert got.child("x", "jabber:x:conference").get("jid") == ROOM
    await joined(romeo, "ann")
    say(romeo, (CONV_MESSAGE, {2: "#quiet", 3: "hello romeo", 4: "ann"}))
    assert (await romeo.expect(message(f"{ROOM}/ann", "hello romeo"))).type == "groupchat"


# Loss and return

async def test_rb_1_x_20_nothing_is_dropped_without_a_word(start):
    """To contacts of somebody offline, to an unknown room, from a stranger: an error with the id and a text."""
    _, romeo = await start()
    stranger, offline = romeo.host.user("stranger"), romeo.host.user("offline")
    await offline.iq(f"<query xmlns='{REGISTER}'><username>x</username><password>y</password></query>", "set")
    for user, to, type in [(stranger, EVE, "chat"), (offline, EVE, "chat"), (romeo, ROOM, "groupchat"),
                           (romeo, f"{ROOM}/ann", "chat"), (stranger, ROOM, "groupchat"), (offline, ROOM, "groupchat")]:
        id = user.send_message(to, "hello", type=type)
        got = await user.expect(matches("message", to, type="error"))
        assert got.id == id and got.error[2], got


async def test_a_client_that_left_while_the_link_was_away_is_logged_out(start):
    gateway, romeo = await start()
    other = romeo.host.user("romeo", "other")
    other.send("presence")
    await romeo.host.expect(matches("presence", GW, "available", to=other.full))
    romeo.host.link.cut()
    await romeo.host.login()
    await romeo.host.expect(presence(GW, "probe", to=romeo.jid))
    other.send("presence")
    romeo.host.send(f"<presence from='{romeo.jid}' to='{GW}' type='unavailable'/>")
    other.send_message(EVE, "E still here")
    await other.expect(message(EVE, "E still here"))
    other.send("presence", type="unavailable")
    await other.expect(unavailable(GW))
    await romeo.sync()
    romeo.send_message(EVE, "E anybody?")
    assert (await romeo.expect(message(EVE, type="error"))).condition == "recipient-unavailable"


async def test_a_client_that_joins_while_the_network_is_away_sees_the_room(start):
    _, romeo = await start()
    await joined(romeo, "ann")
    romeo.send_message(EVE, "D")
    await romeo.expect(unavailable(GW))
    second = romeo.host.user("romeo", "second")
    second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    own = await romeo.host.expect(matches("presence", ROOM, to=second.full, where=lambda s: 110 in s.codes))
    assert own.resource == "me"
    assert [s.resource for s in romeo.host.take(matches("presence", ROOM, to=second.full))] == ["ann"]


# The end of the process

@pytest.mark.parametrize("moment", [0, 0.02, 0.05, 0.1, 0.2, 0.4])
async def test_cr_11_c_19_sigterm_at_any_time_of_the_start(gateways, host, directories, moment):
    """Before the loop runs, while a backend is tried again, while the link is made: it ends soon and says 0."""
    broken = directories("broken") / "backend"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    gateway = await gateways(host, broken, up=False)
    time.sleep(moment)
    gateway.killed = True  # before main has set its handlers, the signal itself is the end
    assert gateway.stop() < 3
    assert gateway.child.returncode in (0, -signal.SIGTERM)
