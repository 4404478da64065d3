# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of docs/xeps.md that are shown to the letter with a scripted host elsewhere, once more through each real server: what
it lets pass, and what it changes on the way."""

import base64
import json

import pytest

from everywhere import everywhere
from gateway import SCRIPTED
from person import RawUser
from pictures import PICTURES, hash_of
from stanzas import DATA, DISCO_INFO, DISCO_ITEMS, DELAY, matches, message, presence
from test_archive import Page, query
from test_rooms import HATS, info, occupant_id, stanza_id
from scripted import CONV_MESSAGE, EVE, GW, ME, ROOM, SUBJECT, features, occupant, say

VCARD = "vcard-temp"
RSM = "http://jabber.org/protocol/rsm"
ROOMS = f"{SCRIPTED} --extended --features=muc --orders=511"


@pytest.fixture
def begin(gateways, home, people):
    """Somebody who is logged in to a network of which each event is written here."""
    async def start(backend=ROOMS, **settings):
        await gateways(home, backend, **settings)
        user = await people(kind=RawUser)
        await user.login(GW)
        return user
    return start


async def come_in(user, *others, nick="me"):
    """Into the room; the presences by nickname."""
    user.enter(ROOM, nick)
    say(user, *others, occupant("#quiet", nick, ME), (SUBJECT, {2: "#quiet", 3: ""}))
    await user.expect(message(ROOM, type="groupchat"))
    return {got.resource: got for got in user.take(presence(ROOM))}


@everywhere
async def test_names_with_every_forbidden_character(begin):
    """XEP-0106: the network sees the name, the server a legal address."""
    user = await begin(SCRIPTED)
    for name, escaped in (("d'artagnan & co", r"d\27artagnan\20\26\20co"), ("a/b:c<d>e@net", r"a\2fb\3ac\3cd\3ee\40net"),
                          ('a"b\\20c', r"a\22b\5c20c")):
        user.send_message(f"{escaped}@{GW}", "SHOW")
        got = await user.expect(message(f"control@{GW}"))
        assert json.loads(got.body[len("message"):])["2"] == name
        say(user, (CONV_MESSAGE, {2: name, 3: "hello"}))
        assert (await user.expect(message(body="hello"))).bare == f"{escaped}@{GW}"


@everywhere
async def test_what_is_old_has_its_time(begin):
    user = await begin(SCRIPTED)
    say(user, (CONV_MESSAGE, {2: "eve", 3: "long ago", 6: "20200102T030405"}))
    got = await user.expect(message(EVE, "long ago"))
    assert got.child("delay", DELAY).get("stamp").startswith("2020-01-02T03:04:05")


@everywhere
async def test_encrypted_words_stay_here(begin):
    """XEP-0380: neither they nor what stands beside them for others reach the network."""
    user = await begin(SCRIPTED)
    id = user.send_message(EVE, "E I sent you an encrypted message",
                           "<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>")
    got = await user.expect(matches("message", id=id, type="error"))
    assert got.condition == "not-acceptable" and "encrypt" in got.error[2]
    user.send_message(EVE, "E end")
    await user.expect(message(EVE, "E end"))
    assert not user.take(message(EVE))


@everywhere
async def test_a_room_with_ids_hats_and_picture(begin):
    """XEP-0421, 0317, 0359, 0486, 0128: through a server that knows rooms of its own."""
    user = await begin()
    seen = await come_in(user, occupant("#quiet", "ann", _120="account-of-ann", _121={1: "urn:example:captain", 2: "Captain"}))
    ann = seen["ann"]
    hats = [hat.get("title") for hat in ann.xml.iter(f"{{{HATS}}}hat")]
    assert hats == ["Captain"] and occupant_id(ann) != occupant_id(seen["me"])
    say(user, (CONV_MESSAGE, {2: "#quiet", 3: "hello", 4: "ann", 8: "n1"}))
    got = await user.expect(message(f"{ROOM}/ann", "hello"))
    assert occupant_id(got) == occupant_id(ann) and stanza_id(got)
    say(user, info(_3="The quiet room", _4="Nobody speaks here"))
    say(user, info(_3="The quiet room", _4="Nobody speaks at all", _6="a" * 40))
    await user.expect(matches("message", sender=ROOM, where=lambda s: 104 in s.codes))
    answer = await user.iq(ROOM, f"<query xmlns='{DISCO_INFO}'/>")
    fields = {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields["muc#roominfo_description"] == "Nobody speaks at all"
    assert fields["muc#roominfo_avatarhash"] == "a" * 40 and "urn:xmpp:occupant-id:0" in features(answer)


@everywhere
async def test_a_picture_of_a_room_that_its_network_calls_by_another_name(begin):
    """XEP-0486: it is looked at when somebody asks for the room; who is there is told when its hash is known."""
    user = await begin()
    await come_in(user)

    async def avatar_hash():
        answer = await user.iq(ROOM, f"<query xmlns='{DISCO_INFO}'/>")
        fields = {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in answer.xml.iter(f"{{{DATA}}}field")}
        return fields.get("muc#roominfo_avatarhash")
    for picture in ("pic1", "pic2"):
        user.send_message(f"control@{GW}", f'CARD #quiet {{"4": "The quiet room", "6": "{picture}"}}')
        say(user, info(_3="The quiet room", _6=f"picture-{picture}"))
        user.send_message(f"control@{GW}", "E settled")
        await user.expect(message(f"control@{GW}", "E settled"))
        user.take(message(ROOM))
        assert await avatar_hash() is None
        await user.expect(matches("message", sender=ROOM, where=lambda s: s.codes == {104}))
        assert await avatar_hash() == hash_of(PICTURES[picture])
        card = await user.iq(ROOM, f"<vCard xmlns='{VCARD}'/>")
        assert base64.b64decode(card.xml.findtext(f".//{{{VCARD}}}BINVAL")) == PICTURES[picture]
    say(user, info(_3="The quiet room"))
    await user.expect(matches("message", sender=ROOM, where=lambda s: s.codes == {104}))
    assert await avatar_hash() is None


@everywhere
async def test_lists_come_in_pages(begin):
    """XEP-0059 over XEP-0030."""
    user = await begin()
    await come_in(user, *(occupant("#quiet", f"n{n:02}") for n in range(20)))
    seen, after = [], ""
    while True:
        answer = await user.iq(ROOM, f"<query xmlns='{DISCO_ITEMS}'><set xmlns='{RSM}'><max>8</max>{after}</set></query>")
        jids = [item.get("jid") for item in answer.xml.iter(f"{{{DISCO_ITEMS}}}item")]
        assert answer.xml.findtext(f".//{{{RSM}}}count") == "21" and len(jids) <= 8
        if not jids:
            break
        seen += jids
        after = f"<after>{answer.xml.findtext(f'.//{{{RSM}}}last')}</after>"
    assert len(seen) == len(set(seen)) == 21


@everywhere
async def test_ranks_and_settings(begin):
    """muc#admin and muc#owner, which servers could take for their own."""
    user = await begin()
    user.enter(ROOM, "me")
    say(user, occupant("#quiet", "ann"), occupant("#quiet", "me", ME | 1), (SUBJECT, {2: "#quiet", 3: ""}))
    await user.expect(message(ROOM, type="groupchat"))
    admin, owner = "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner"
    kick = f"<query xmlns='{admin}'><item nick='ann' role='none'><reason>loud</reason></item></query>"
    assert (await user.iq(ROOM, kick, "set")).type == "result"
    user.send_message(f"control@{GW}", "ORDERED")
    (order,) = json.loads((await user.expect(message(f"control@{GW}"))).body)
    assert order["room"] == "#quiet" and "ann" in order["person"].values() and "loud" in order["person"].values()
    answer = await user.iq(ROOM, f"<query xmlns='{owner}'/>")
    assert "The room" in [value.text for value in answer.xml.iter(f"{{{DATA}}}value")]


@everywhere
async def test_the_archive_of_a_room(begin):
    """XEP-0313: results pass a server that has an archive of its own."""
    user = await begin()
    await come_in(user, occupant("#quiet", "ann"))
    say(user, *((CONV_MESSAGE, {2: "#quiet", 3: f"line {n}", 4: "ann"}) for n in range(5)))
    last = await user.expect(message(f"{ROOM}/ann", "line 4"))
    answer = await user.iq(ROOM, query("<max>3</max><before/>"), "set")
    page = Page(answer, [s.child("result", "urn:xmpp:mam:2") for s in
                         user.take(message(ROOM, where=lambda s: s.child("result", "urn:xmpp:mam:2") is not None))])
    assert page.bodies == ["line 2", "line 3", "line 4"] and page.ids[-1] == stanza_id(last)
