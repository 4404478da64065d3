# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles of people on the network in both forms (XEP-0054, XEP-0292), nicknames (XEP-0172), which program they use
(XEP-0092) and their time (XEP-0202); and the user's own profile."""

import base64

import pytest

from everywhere import everywhere
from gateway import SCRIPTED
from pictures import PICTURES, hash_of, png
from profiles import (EVE, GW, PUBSUB, VCARD, asked, buddy, card, client_with, frames, item, own_card, told, vcard)
from stanzas import available, message, presence

ANN = f"ann@{GW}"
VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0"
VCARD4_NODE = "urn:xmpp:vcard4"
NICK = "http://jabber.org/protocol/nick"
VERSION, TIME = "jabber:iq:version", "urn:xmpp:time"

# wire field: (value, path in vcard-temp, path in vCard4)
DETAILS = {
    4: ("Ann Example", "FN", "fn/text"),
    5: ("annie", "NICKNAME", "nickname/text"),
    101: ("Ann", "N/GIVEN", "n/given"),
    102: ("Example", "N/FAMILY", "n/surname"),
    103: ("1980-02-29", "BDAY", "bday/date"),
    104: ("https://example.org/~ann", "URL", "url/uri"),
    105: ("a < b & \"c\"\nsecond line", "DESC", "note/text"),
    106: ("ann@example.org", "EMAIL/USERID", "email/text"),
    107: ("+1 555 0100", "TEL/NUMBER", "tel/text"),
    108: ("Example Ltd", "ORG/ORGNAME", "org/text"),
    109: ("Engineer", "TITLE", "title/text"),
    110: ("1 Main Street", "ADR/STREET", "adr/street"),
    111: ("Town", "ADR/LOCALITY", "adr/locality"),
    112: ("Region", "ADR/REGION", "adr/region"),
    113: ("12345", "ADR/PCODE", "adr/code"),
    114: ("Country", "ADR/CTRY", "adr/country"),
    115: ("+02:00", "TZ", "tz/text"),
}


def text(xml, namespace, path):
    return xml.findtext("/".join(f"{{{namespace}}}{part}" for part in path.split("/")))


async def ann(gateways, people, host, **fields):
    """Logged in, with Ann among the contacts, of whom the network knows this."""
    await gateways(host, SCRIPTED)
    user = await people(host=host)
    await user.login(GW)
    await card(user, "ann", **fields)
    await frames(user, buddy("ann", f3="Alias"))
    return user


async def test_all_details_in_both_forms(gateways, each_host, people):
    fields = {f"f{number}": value for number, (value, _, _) in DETAILS.items()}
    user = await ann(gateways, people, each_host, f6="pic1", **fields)
    old = (await vcard(user, ANN)).xml.find(f"{{{VCARD}}}vCard")
    new = (await user.iq(ANN, f"<vcard xmlns='{VCARD4}'/>")).xml.find(f"{{{VCARD4}}}vcard")
    node = (await item(user, ANN, VCARD4_NODE)).xml.find(f".//{{{PUBSUB}}}item/{{{VCARD4}}}vcard")
    for value, old_path, new_path in DETAILS.values():
        assert text(old, VCARD, old_path) == value
        assert text(new, VCARD4, new_path) == text(node, VCARD4, new_path) == value
    assert len(old.findall(f"{{{VCARD}}}ADR")) == len(new.findall(f"{{{VCARD4}}}adr")) == 1
    assert text(new, VCARD4, "photo/uri") == "data:image/png;base64," + base64.b64encode(PICTURES["pic1"]).decode()
    assert await asked(user) == ["ann"]


async def test_an_empty_profile_has_the_name_of_the_roster(gateways, prosody, people):
    user = await ann(gateways, people, prosody, f118=0)
    old = (await vcard(user, ANN)).xml.find(f"{{{VCARD}}}vCard")
    assert [(child.tag, child.text) for child in old] == [(f"{{{VCARD}}}NICKNAME", "Alias")]


async def test_why_there_is_none(gateways, prosody, people):
    user = await ann(gateways, people, prosody, f118=7, f119="No such person.")
    for answer in (await user.iq(ANN, f"<vCard xmlns='{VCARD}'/>"), await user.iq(ANN, f"<vcard xmlns='{VCARD4}'/>"),
                   await item(user, ANN, VCARD4_NODE)):
        assert answer.error == ("cancel", "item-not-found", "No such person.")


async def test_a_network_that_does_not_answer(gateways, prosody, people):
    user = await ann(gateways, people, prosody)
    await told(user, "CARD ann null")
    old = (await vcard(user, ANN)).xml.find(f"{{{VCARD}}}vCard")
    assert text(old, VCARD, "NICKNAME") == "Alias"


async def test_long_words_are_cut(gateways, prosody, people):
    user = await ann(gateways, people, prosody, f105="\u00e4" * 5000, f116="c" * 5000, f4="Ann")
    old = (await vcard(user, ANN)).xml.find(f"{{{VCARD}}}vCard")
    assert 1000 < len(text(old, VCARD, "DESC")) <= 2048 and set(text(old, VCARD, "DESC")) == {"\u00e4"}
    answer = await user.iq(ANN, f"<query xmlns='{VERSION}'/>")
    assert len(answer.child("query", VERSION).findtext(f"{{{VERSION}}}name")) <= 256


async def test_program_and_time_of_a_contact(gateways, each_host, people):
    user = await ann(gateways, people, each_host, f116="MirandaNG", f117="0.96", f115="-03:30")
    query = (await user.iq(ANN, f"<query xmlns='{VERSION}'/>")).child("query", VERSION)
    assert query.findtext(f"{{{VERSION}}}name") == "MirandaNG" and query.findtext(f"{{{VERSION}}}version") == "0.96"
    time = (await user.iq(ANN, f"<time xmlns='{TIME}'/>")).child("time", TIME)
    assert time.findtext(f"{{{TIME}}}tzo") == "-03:30" and time.findtext(f"{{{TIME}}}utc").endswith("Z")
    await card(user, "ben", f4="Ben", f115="half past two")
    await frames(user, buddy("ben"))
    for payload in (f"<query xmlns='{VERSION}'/>", f"<time xmlns='{TIME}'/>"):
        assert (await user.iq(f"ben@{GW}", payload)).condition == "service-unavailable"


async def test_the_gateway_has_a_card(echo, people):
    user = await people()
    assert (await vcard(user, GW)).xml.findtext(f".//{{{VCARD}}}FN") == "Test gateway"
    answer = await user.iq(GW, f"<vcard xmlns='{VCARD4}'/>")
    assert text(answer.child("vcard", VCARD4), VCARD4, "fn/text") == "Test gateway"


# Nicknames

async def test_nicknames_as_node_and_news(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host, kind=client_with(NICK + "+notify"))
    await user.login(GW)
    await frames(user, buddy("ann", f3="Annie"))
    await user.expect(available(ANN))
    answer = await item(user, ANN, NICK)
    assert answer.xml.findtext(f".//{{{NICK}}}nick") == "Annie"
    await user.sync(GW)
    await frames(user, buddy("ann", f3="Anna"))
    got = await user.expect(message(ANN, where=lambda s: s.xml.find(f".//{{{NICK}}}nick") is not None))
    assert got.type == "headline" and got.xml.findtext(f".//{{{NICK}}}nick") == "Anna"
    await frames(user, buddy("nameless"))
    assert (await item(user, f"nameless@{GW}", NICK)).xml.find(f".//{{{NICK}}}nick") is None


# The user's own

@pytest.mark.parametrize("form", ["vcard-temp", "vcard4"])
@everywhere
async def test_the_users_own_profile_is_set(gateways, home, people, form):
    await gateways(home, SCRIPTED + " --extended")
    user = await people()
    await user.login(GW)
    picture = base64.b64encode(png(50)).decode()
    old = (f"<vCard xmlns='{VCARD}'><FN>Romeo M</FN><N><GIVEN>Romeo</GIVEN><FAMILY>M</FAMILY></N><NICKNAME>romeo</NICKNAME><PHOTO>"
           f"<TYPE>image/png</TYPE><BINVAL>{picture}</BINVAL></PHOTO><NOTE>a poet</NOTE><TEL><NUMBER>1</NUMBER></TEL></vCard>")
    new = (f"<vcard xmlns='{VCARD4}'><fn><text>Romeo M</text></fn><n><surname>M</surname><given>Romeo</given></n><nickname><text>"
           f"romeo</text></nickname><photo><uri>data:image/png;base64,{picture}</uri></photo><note><text>a poet</text></note>"
           "<tel><uri>tel:1</uri></tel></vcard>")
    answer = await user.iq(GW, old if form == VCARD else new, "set")
    assert answer.type == "result", answer
    await user.expect(message(f"photo@{GW}"))
    assert await own_card(user) == {"2": "", "4": "Romeo M", "5": "romeo", "6": hash_of(png(50)), "101": "Romeo", "102": "M",
                                    "105": "a poet", "107": "1"}


async def test_strangers_are_told_to_log_in(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    for jid, payload, type in ((ANN, f"<vCard xmlns='{VCARD}'/>", "get"), (ANN, f"<vcard xmlns='{VCARD4}'/>", "get"),
                               (ANN, f"<query xmlns='{VERSION}'/>", "get"), (GW, f"<vCard xmlns='{VCARD}'/>", "set"),
                               (ANN, f"<pubsub xmlns='{PUBSUB}'><items node='{NICK}'/></pubsub>", "get")):
        answer = await user.iq(jid, payload, type)
        assert answer.condition == "registration-required" and answer.error[2], payload


@pytest.mark.parametrize("payload", [
    f"<pubsub xmlns='{PUBSUB}'/>", f"<pubsub xmlns='{PUBSUB}'><items/></pubsub>",
    f"<pubsub xmlns='{PUBSUB}'><subscribe node='{NICK}' jid='x@localhost'/></pubsub>",
    f"<pubsub xmlns='{PUBSUB}'><items node='{NICK}{'x' * 3000}'/></pubsub>"])
async def test_other_pubsub_requests_are_refused(gateways, prosody, people, payload):
    user = await ann(gateways, people, prosody, f4="Ann")
    for type in ("get", "set"):
        answer = await user.iq(ANN, payload, type)
        assert answer.type == "error", answer
    user.send_message(EVE, "E alive")
    await user.expect(message(EVE, "E alive"))
