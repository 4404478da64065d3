# SPDX-License-Identifier: GPL-2.0-or-later
"""The gateway as a component of Prosody: log-in, coming back, and what it says of itself (XEP-0114, 0030, 0092,
0199)."""

import pytest

from everywhere import everywhere
from stanzas import DISCO_INFO, DISCO_ITEMS, available, matches, message

GW = "gw.localhost"


def features(answer):
    return {f.get("var") for f in answer.xml.iterfind(f".//{{{DISCO_INFO}}}feature")}


def identities(answer):
    return [(i.get("category"), i.get("type"), i.get("name")) for i in answer.xml.iterfind(f".//{{{DISCO_INFO}}}identity")]


async def test_c_16_ends_quickly_on_sigterm_and_leaves_no_files(echo):
    run = echo.directory / "run"
    assert (run / f"{GW}.pid").read_text().strip() == str(echo.pid)
    await echo.backend_started()
    assert echo.stop() < 2
    assert not list(run.glob("*.pid")) and not list(run.glob("*.port"))


async def test_a_wrong_secret_is_told_in_one_line_and_tried_again(gateways, prosody):
    gateway = await gateways(prosody, up=False, **{"service.password": "wr0ng"})
    lines = await gateway.logged("service.password|not-authorized")
    assert len(lines) == 1 and " ERROR " in lines[0], lines
    assert "wr0ng" not in gateway.log(), "the secret is in the log"
    assert gateway.running()


async def test_c_19_waits_for_a_server_that_is_not_there_yet(gateways, own_prosody):
    own_prosody.stop()
    gateway = await gateways(own_prosody, up=False)
    await gateway.logged("refused")
    own_prosody.start()
    await gateway.linked(own_prosody, 0)


async def test_comes_back_after_the_server_was_restarted(gateways, own_prosody, people):
    gateway = await gateways(own_prosody)
    first = await people("romeo", host=own_prosody)
    await first.login(GW)
    await first.close()
    own_prosody.stop()
    own_prosody.start()
    await gateway.linked(own_prosody, 0)
    again = await people(host=own_prosody, account=first.user)
    await again.online(GW)
    again.send_message(f"echo@{GW}", "still there?")
    await again.expect(message(f"echo@{GW}", "still there?"))


@everywhere
async def test_x_2_the_component_says_what_it_is(echo, people):
    user = await people()
    info = await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")
    assert identities(info)[0] == ("gateway", "xmpp", "Test gateway")
    got = features(info)
    assert got >= {DISCO_INFO, DISCO_ITEMS, "jabber:iq:register", "jabber:iq:gateway", "jabber:iq:version",
                   "urn:xmpp:ping", "vcard-temp", "jid\\20escaping"}, got
    assert "urn:xmpp:carbons:2" not in got, "carbons are the business of the user's server"


async def test_an_unknown_disco_node_is_not_found(echo, people):
    user = await people()
    assert (await user.iq(GW, f"<query xmlns='{DISCO_INFO}' node='no such'/>")).condition == "item-not-found"


@everywhere
async def test_items_version_ping_and_card_are_answered(echo, people):
    user = await people()
    assert (await user.iq(GW, f"<query xmlns='{DISCO_ITEMS}'/>")).type == "result"
    version = await user.iq(GW, "<query xmlns='jabber:iq:version'/>")
    assert version.xml.findtext(".//{jabber:iq:version}name") and version.xml.findtext(".//{jabber:iq:version}version")
    assert (await user.iq(GW, "<ping xmlns='urn:xmpp:ping'/>")).type == "result"
    assert (await user.iq(GW, "<vCard xmlns='vcard-temp'/>")).type == "result"


@pytest.mark.parametrize("type", ["get", "set"])
@everywhere
async def test_an_unknown_request_is_refused_once(echo, raw_user, type):
    answer = await raw_user.iq(GW, "<query xmlns='urn:example:unknown'/>", type)
    assert answer.error[:2] == ("cancel", "service-unavailable")
    await raw_user.sync(GW)
    assert not raw_user.take(matches("iq", GW, id=answer.id))


@everywhere
async def test_errors_and_results_are_never_answered(echo, raw_user):
    for type in ("error", "result"):
        raw_user.send(f"<iq to='{GW}' type='{type}' id='lost'><query xmlns='urn:example:unknown'/></iq>")
        raw_user.send(f"<message to='{GW}' type='error' id='lost'><body>x</body></message>")
        raw_user.send(f"<presence to='{GW}' type='error' id='lost'/>")
    await raw_user.sync(GW)
    assert not [s for s in raw_user.inbox.seen if s.id == "lost"]


@everywhere
async def test_the_address_prompt_makes_addresses(echo, people):
    user = await people()
    prompt = await user.iq(GW, "<query xmlns='jabber:iq:gateway'/>")
    assert prompt.xml.findtext(".//{jabber:iq:gateway}prompt") == "Contact ID"
    made = await user.iq(GW, "<query xmlns='jabber:iq:gateway'><prompt>bob@gmail.com</prompt></query>", "set")
    assert made.xml.findtext(".//{jabber:iq:gateway}jid") == f"bob\\40gmail.com@{GW}"


@everywhere
async def test_a_contact_says_what_it_is(echo, people):
    user = await people()
    await user.login(GW)
    contact = (await user.expect(available(f"echo@{GW}"))).sender
    info = await user.iq(contact, f"<query xmlns='{DISCO_INFO}'/>")
    assert identities(info)[0][:1] == ("client",)
    assert {"urn:xmpp:ping", "http://jabber.org/protocol/chatstates"} <= features(info)
    assert (await user.iq(contact, "<ping xmlns='urn:xmpp:ping'/>")).type == "result"
    card = await user.iq(f"echo@{GW}", "<vCard xmlns='vcard-temp'/>")
    assert card.type == "result"


async def test_w_5_a_broken_backend_does_not_keep_the_component_away(gateways, prosody, people, directories):
    broken = directories("broken") / "backend"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    await gateways(prosody, broken)
    user = await people()
    assert (await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")).type == "result"
