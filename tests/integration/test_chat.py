# SPDX-License-Identifier: GPL-2.0-or-later
"""One-to-one chat: texts arrive as they were written, in order, once; what cannot be delivered is an error."""

import json

import pytest

from everywhere import everywhere
from gateway import SCRIPTED
from stanzas import DISCO_INFO, RECEIPTS, available, matches, message, presence
from person import RawUser

GW = "gw.localhost"
ECHO = f"echo@{GW}"
EVE = f"eve@{GW}"
STYLING = "urn:xmpp:styling:0"
XHTML_IM, XHTML = "http://jabber.org/protocol/xhtml-im", "http://www.w3.org/1999/xhtml"


@pytest.mark.parametrize("text", [
    "hello", "a & b < c > d \" ' ]]>", "two\nlines\n\nand four", "gr\u00fc\u00dfe \u4f60\u597d \U0001f600 e\u0301",
    "\tindented ", "x" * 60000], ids=["plain", "markup", "lines", "unicode", "blanks", "60 KB"])
@everywhere
async def test_a_text_comes_back_as_it_was_written(echo, people, text):
    user = await people()
    await user.login(GW)
    user.send_message(ECHO, text)
    got = await user.expect(message(ECHO, text))
    assert got.type == "chat" and got.id and got.resource == "bot"
    assert not user.take(message(type="error"))


async def test_many_messages_keep_their_order_and_number(echo, people):
    users = [await people() for _ in range(3)]
    for user in users:
        await user.login(GW)
    texts = [f"number {n}" for n in range(300)]
    for text in texts:
        for user in users:
            user.send_message(ECHO, text)
    for user in users:
        await user.expect(message(ECHO, texts[-1]), 20)
        await user.sync(GW)
        got = [s.body for s in user.inbox.seen if s.name == "message" and s.bare == ECHO and s.body]
        assert got == texts


@everywhere
async def test_an_answer_goes_to_the_client_that_wrote_last(echo, people):
    first = await people()
    await first.login(GW)
    second = await people(account=first.user, resource="second")
    await second.online(GW)
    for writer, other in ((first, second), (second, first)):
        writer.send_message(ECHO, f"from {writer.resource}")
        got = await writer.expect(message(ECHO, f"from {writer.resource}"))
        assert got.to == writer.full
        await other.sync(GW)


@everywhere
async def test_chat_states_pass_both_ways(gateways, home, people):
    await gateways(home, SCRIPTED)
    user = await people()
    await user.login(GW)
    user.send_presence(EVE, "subscribe")
    await user.expect(presence(EVE, "subscribed"))
    user.send_message(EVE, "E hello")  # chat states alone open no conversation
    await user.expect(message(EVE, "E hello"))
    for state in ("composing", "paused", "active"):
        user.send_message(EVE, content=f"<{state} xmlns='http://jabber.org/protocol/chatstates'/>")
        got = await user.expect(message(EVE, chat_state=state, body=None))
        assert got.child("no-store", "urn:xmpp:hints") is not None


@everywhere
async def test_formatting_passes_both_ways(gateways, home, people):
    await gateways(home, f"{SCRIPTED} --extended", **{"service.enable_xhtml": 1})
    user = await people()
    await user.login(GW)
    bold = "<strong>very</strong> bold"
    user.send_message(EVE, "SHOW very bold", f"<html xmlns='{XHTML_IM}'><body xmlns='{XHTML}'>{bold}</body></html>")
    got = await user.expect(message(f"control@{GW}"))
    assert json.loads(got.body.partition(" ")[2])["5"] == bold
    user.send_message(EVE, "FRAMES " + json.dumps([[8, {2: "eve", 3: "very bold", 5: f"<p>{bold}</p>"}]]))
    got = await user.expect(message(EVE, "*very* bold"))
    assert got.child("html", XHTML_IM).find(f"{{{XHTML}}}body/{{{XHTML}}}p/{{{XHTML}}}strong").text == "very"


@everywhere
async def test_styling_passes_both_ways(gateways, home, people):
    """XEP-0393, for clients that show nothing else; without it, nothing is read into a text."""
    await gateways(home, f"{SCRIPTED} --extended --features=formatting", **{"service.enable_xhtml": 0})
    user = await people()
    await user.login(GW)
    answer = await user.iq(EVE, f"<query xmlns='{DISCO_INFO}'/>")
    assert STYLING in [f.get("var") for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature")]

    async def told(body, content=""):
        user.send_message(EVE, body, content)
        got = json.loads((await user.expect(message(f"control@{GW}"))).body.partition(" ")[2])
        return got["3"], got.get("5")
    styled = "SHOW *very* `b*l*d`"
    assert await told(styled) == (styled, "SHOW <strong>very</strong> <code>b*l*d</code>")
    assert await told(styled, f"<unstyled xmlns='{STYLING}'/>") == (styled, None)
    assert await told("SHOW 2*3*4") == ("SHOW 2*3*4", None)
    user.send_message(EVE, "FRAMES " + json.dumps([
        [8, {2: "eve", 3: "very bold", 5: "<em>very</em> <strong>bold</strong>"}],
        [8, {2: "eve", 3: "red & plain", 5: "<span style='color:#ff0000'>red</span> &amp; plain"}]]))
    got = await user.expect(message(EVE, "_very_ *bold*"))
    assert got.child("html", XHTML_IM) is None
    await user.expect(message(EVE, "red & plain"))


async def test_styling_can_be_switched_off(gateways, prosody, people):
    await gateways(prosody, f"{SCRIPTED} --extended --features=formatting", **{"service.styling": 0})
    user = await people()
    await user.login(GW)
    user.send_message(EVE, "SHOW *bold*")
    assert "5" not in json.loads((await user.expect(message(f"control@{GW}"))).body.partition(" ")[2])
    user.send_message(EVE, "FRAMES " + json.dumps([[8, {2: "eve", 3: "bold", 5: "<strong>bold</strong>"}]]))
    await user.expect(message(EVE, "bold"))
    answer = await user.iq(EVE, f"<query xmlns='{DISCO_INFO}'/>")
    assert STYLING not in [f.get("var") for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature")]


@everywhere
async def test_a_receipt_comes_when_the_network_confirms(gateways, home, people):
    await gateways(home, f"{SCRIPTED} --features=receipts")
    user = await people()
    await user.login(GW)
    asked = user.send_message(EVE, "ACK", f"<request xmlns='{RECEIPTS}'/>")
    got = await user.expect(message(EVE, where=lambda s: s.child("received", RECEIPTS) is not None))
    assert got.child("received", RECEIPTS).get("id") == asked


@everywhere
async def test_attention_reaches_the_network(gateways, home, people):
    await gateways(home, SCRIPTED)
    user = await people()
    await user.login(GW)
    user.send_message(EVE, content="<attention xmlns='urn:xmpp:attention:0'/>", type="headline")
    await user.expect(message(EVE, where=lambda s: s.child("attention", "urn:xmpp:attention:0") is not None))


@everywhere
async def test_a_message_that_the_network_refuses_is_an_error_with_its_id(gateways, home, people):
    await gateways(home, f"{SCRIPTED} --extended")
    user = await people()
    await user.login(GW)
    id = user.send_message(EVE, "R7")
    got = await user.expect(message(EVE, type="error"))
    assert got.id == id and got.error == ("cancel", "item-not-found", "as you like")


async def test_not_registered_is_an_error_that_says_what_to_do(echo, people):
    user = await people()
    id = user.send_message(ECHO, "hello")
    got = await user.expect(message(ECHO, type="error"))
    assert got.id == id and got.condition == "registration-required" and got.error[2]


async def test_not_logged_in_is_an_error_that_says_what_to_do(echo, people):
    user = await people()
    await user.register(GW, "bob")
    id = user.send_message(ECHO, "hello")
    got = await user.expect(message(ECHO, type="error"))
    assert got.id == id and got.error[2]


async def test_a_message_during_the_login_is_delivered_or_refused(gateways, prosody, people):
    await gateways(prosody, f"{SCRIPTED} --slow=1")
    user = await people()
    await user.register(GW, "bob")
    user.send_presence(GW)
    id = user.send_message(EVE, "E early")
    got = await user.expect(message(EVE, where=lambda s: s.body == "E early" or s.type == "error"))
    assert got.type != "error" or got.id == id
    await user.expect(available(GW))
    await user.sync(GW)
    assert not [s for s in user.take(message(EVE)) if s.body == "E early" or s.type == "error"], "two answers"


async def test_the_gateway_itself_answers_people(echo, people):
    user = await people()
    user.send_message(GW, "hello?")
    got = await user.expect(message(GW))
    assert got.type == "error" or got.body


async def test_others_may_not_command(echo, people):
    user = await people()
    user.send_message(GW, "online_users")
    got = await user.expect(message(GW))
    assert user.jid not in (got.body or "")


async def test_a_message_without_content_is_neither_sent_nor_answered(echo, people):
    user = await people(kind=RawUser)
    await user.login(GW)
    user.send(f"<message to='{ECHO}' type='chat' id='empty'/>")
    user.send(f"<message to='{ECHO}' type='chat' id='blank'><body></body></message>")
    await user.sync(GW)
    user.send_message(ECHO, "end")
    await user.expect(message(ECHO, "end"))
    assert not user.take(matches("message", ECHO))
