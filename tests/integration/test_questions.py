# SPDX-License-Identifier: GPL-2.0-or-later
"""What a network asks in the course of a log-in: as further steps of the command that began it, by chat, and by the
command `answer`. The backend is a small one made of the kit; what no kit would send comes from the scripted one."""

import asyncio
import base64
import hashlib
import json
import xml.etree.ElementTree as ET

import pytest

from commands import execute, listed, run, step, submit
from gateway import ASKING, SCRIPTED
from stanzas import DATA, available, message, unavailable

GW = "gw.localhost"
DESK = f"desk@{GW}"
BOB = "urn:xmpp:bob"
MEDIA = "urn:xmpp:media-element"
BOTH = pytest.mark.parametrize("server", ["prosody", "ejabberd"])


@pytest.fixture
def host(server, request):
    return request.getfixturevalue(server)


async def begin(user, password, name="bob"):
    """Registers by command; the answer, which is the network's question."""
    asked = await execute(user, GW, "register")
    return await submit(user, asked, username=name, password=password)


async def hear(user, limit=10):
    return await user.expect(message(GW), limit)


async def say(user, text):
    user.send_message(GW, text)
    return (await hear(user)).body


async def log_in_asked(user, password):
    """Registers without a command and comes online; the network's question comes by chat."""
    await user.register(GW, "bob", password)
    user.send_presence(GW)
    return await hear(user)


# As steps of a command

@BOTH
async def test_a_code_is_the_next_step_of_registering(gateways, host, people):
    await gateways(host, ASKING)
    user = await people(host=host)
    asked = await begin(user, "code")
    assert asked.status == "executing" and asked.actions == ("next", {"next", "complete"})
    assert asked.fields["code"] == ("text-private", True, [])
    assert "sent to your phone" in repr(asked) and "One more step" in repr(asked)
    again = await submit(user, asked, action="next", code="1")
    assert again.status == "executing" and again.session == asked.session and "This code is wrong" in repr(again)
    done = await submit(user, again, action="complete", code="1234")
    assert done.status == "completed" and done.note == "You are logged in to the network."
    await user.expect(available(DESK))
    user.send_message(DESK, "hello")
    await user.expect(message(DESK, "hello"))


async def test_steps_of_steps(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    asked = await begin(user, "steps")
    assert asked.fields["way"][0] == "list-single" and asked.options("way") == ["sms", "app"]
    got = await submit(user, asked, way="pigeon")
    assert got.error[:2] == ("bad-request", "bad-payload")
    page = await submit(user, asked, way="app")
    assert "https://network.example/allow?x=1" in [e.text for e in page.command.iter("{jabber:x:oob}url")]
    assert "https://network.example/allow?x=1" in page.command.findtext(f".//{{{DATA}}}instructions")
    assert (await submit(user, page, code="1234")).status == "completed"
    await user.expect(available(GW))


async def test_a_log_in_that_ends_in_a_refusal(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    asked = await begin(user, "code")
    for _ in range(2):
        asked = await submit(user, asked, code="0")
    done = await submit(user, asked, code="0")
    assert done.status == "completed" and done.notes[0][0] == "error" and "Too many wrong codes" in done.note


@BOTH
async def test_a_picture_to_scan(gateways, host, people):
    await gateways(host, ASKING)
    user, other = await people(host=host), await people("other", host=host)
    asked = await begin(user, "picture")
    uri = asked.command.find(f".//{{{MEDIA}}}media/{{{MEDIA}}}uri")
    assert uri.get("type") == "image/png" and uri.text.startswith("cid:sha1+")
    data = asked.command.find(f"{{{BOB}}}data")
    image = base64.b64decode(data.text)
    assert data.get("cid") == uri.text[4:] == f"sha1+{hashlib.sha1(image).hexdigest()}@bob.xmpp.org"
    assert data.get("max-age") == "60" and image.startswith(b"\x89PNG")
    assert "network://login/42" in asked.command.findtext(f".//{{{DATA}}}instructions")
    query = f"<data xmlns='{BOB}' cid='{data.get('cid')}'/>"
    fetched = await user.iq(GW, query)
    assert base64.b64decode(fetched.child("data", BOB).text) == image
    assert (await other.iq(GW, query)).condition == "item-not-found"
    early = await submit(user, asked, action="next")
    assert early.status == "executing" or early.note == "You are logged in to the network."
    await user.expect(available(GW))
    if early.status == "executing":
        assert (await submit(user, early, action="next")).note == "You are logged in to the network."
    assert (await user.iq(GW, query)).condition == "item-not-found"


async def test_logging_in_again_asks_again(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await submit(user, await begin(user, "code"), code="1234")
    await run(user, GW, "logout")
    asked = await execute(user, GW, "login")
    assert asked.status == "executing" and asked.fields["code"]
    assert (await submit(user, asked, code="1234")).note == "You are logged in to the network."


async def test_cancelling_tells_the_network(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    asked = await begin(user, "code")
    assert (await step(user, asked, "cancel")).status == "canceled"
    assert "No answer was given" in (await hear(user)).body
    await user.expect(unavailable(GW, status="No answer was given."))


async def test_too_late_an_answer(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    asked = await begin(user, "short")
    await hear(user)  # the log-in failed
    done = await submit(user, asked, code="1234")
    assert done.status == "completed" and done.notes == [("error", "This took too long.")]


async def test_the_backend_dies_while_it_waits(gateways, prosody, people):
    gateway = await gateways(prosody, ASKING)
    user, other = await people(), await people("other")
    asked = await begin(user, "code")
    await other.login(GW)
    await other.expect(available(DESK))
    other.send_message(DESK, "KILL")
    await gateway.logged("ended by signal 9")
    done = await submit(user, asked, code="1234")
    assert done.notes[0][0] == "error" and "stopped working" in done.note
    # The log-in begins anew, and asks anew.
    question = await hear(user)
    assert "sent to your phone" in question.body
    assert await say(user, "1234") == "You are logged in to the network."


# By chat

@BOTH
async def test_a_question_by_chat_is_answered_by_chat(gateways, host, people):
    await gateways(host, ASKING)
    user = await people(host=host)
    question = await log_in_asked(user, "code")
    assert "One more step\nThe code that was sent to your phone." in question.body and "Code?" in question.body
    assert "This code is wrong." in await say(user, "12")
    assert await say(user, "1234") == "You are logged in to the network."
    await user.expect(available(GW))


async def test_registering_by_chat_leads_to_the_question(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await say(user, "register bob")
    assert "How shall the code come?\n1: By message\n2: By the app?" in await say(user, "steps")
    text = await say(user, "by the APP")
    assert "https://network.example/allow?x=1" in text
    assert await say(user, "1234") == "You are logged in to the network."


async def test_a_question_by_chat_can_be_answered_by_a_command(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await log_in_asked(user, "code")
    assert "answer" in await listed(user, GW)
    asked = await execute(user, GW, "answer")
    assert asked.fields["code"]
    assert (await submit(user, asked, code="1234")).note == "You are logged in to the network."
    assert (await run(user, GW, "answer")).note == "The network asks nothing at the moment."


async def test_a_picture_by_chat_comes_with_its_text(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await user.register(GW, "bob", "picture")
    user.send_presence(GW)
    got = await hear(user)
    assert "Scan this" in got.body and "network://login/42" in got.body
    cid = got.child("data", BOB).get("cid")
    image = got.xml.find(".//{http://www.w3.org/1999/xhtml}img")
    assert image.get("src") == f"cid:{cid}"
    await user.expect(available(GW))


async def test_a_question_waits_while_one_is_busy_with_another_command(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await user.login(GW, "bob")
    await user.expect(available(DESK))
    await say(user, "settings")
    user.send_message(DESK, "later")
    assert 'Write "answer"' in (await hear(user)).body
    await say(user, "cancel")
    assert "Go on (yes or no)" in await say(user, "answer")
    user.send_message(GW, "yes")
    assert (await hear(user)).body == "Very well."
    await user.expect(message(DESK, "later: 1"))


async def test_an_answer_that_the_network_does_not_like(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await user.login(GW, "bob")
    await user.expect(available(DESK))
    user.send_message(DESK, "later")
    assert "Still there?" in (await hear(user)).body
    assert await say(user, "no") == "That is not enough."


async def test_a_question_is_withdrawn(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await user.login(GW, "bob")
    await user.expect(available(DESK))
    user.send_message(DESK, "later")
    await hear(user)
    user.send_message(DESK, "WITHDRAW")
    assert (await hear(user)).body == "It is not needed any more."
    assert "no command" in await say(user, "yes") or "help" in await say(user, "yes")


async def test_cancel_in_a_chat_tells_the_network(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await user.login(GW, "bob")
    await user.expect(available(DESK))
    user.send_message(DESK, "later")
    await hear(user)
    assert "cancelled" in await say(user, "cancel")
    await user.expect(message(DESK, "later: no answer"))


async def test_logging_out_ends_the_question(gateways, prosody, people):
    await gateways(prosody, ASKING)
    user = await people()
    await log_in_asked(user, "code")
    user.send_presence(GW, "unavailable")
    assert "ended" in (await hear(user)).body
    assert "help" in await say(user, "1234")


async def test_no_secret_of_an_answer_reaches_the_log(gateways, prosody, people):
    gateway = await gateways(prosody, ASKING)
    user = await people()
    await log_in_asked(user, "code")
    await say(user, "hush-hush")
    await say(user, "1234")
    assert "hush" not in gateway.log()


# What a backend should not send

REQUEST, RESPONSE, REQUEST_END = 120, 121, 122


async def scripted(gateways, host, people, backend=f"{SCRIPTED} --extended"):
    gateway = await gateways(host, backend)
    user = await people()
    await user.login(GW, "bob")
    return gateway, user


def frames(user, *what):
    user.send_message(f"control@{GW}", "FRAMES " + json.dumps(what))


async def settled(user):
    user.send_message(f"control@{GW}", "E settled")
    await user.expect(message(f"control@{GW}", "E settled"))


async def test_impossible_questions_are_refused_and_harm_nobody(gateways, prosody, people):
    gateway, user = await scripted(gateways, prosody, people)
    field = {1: "a", 2: "A"}
    for request in ({2: ""}, {2: "many", 8: [field] * 100}, {2: "long", 4: "x" * 20000},
                    {2: "nameless", 8: [{1: ""}]}, {2: "options", 8: [{1: "a", 6: [{1: str(n)} for n in range(500)]}]}):
        frames(user, [REQUEST, request])
    frames(user, [REQUEST, {1: "nobody@localhost", 2: "x", 8: [field]}], [REQUEST_END, {2: "nothing", 3: 99, 4: "x"}])
    await settled(user)
    got = [s.body for s in user.take(message(GW))]
    assert all("x" == text for text in got), got
    for number in range(9):
        frames(user, [REQUEST, {2: f"q{number}", 3: f"Question {number}", 8: [field]}])
    await settled(user)
    assert len(user.take(message(GW))) == 5
    assert "1 users" in (await run(user, GW, "help")).note or True
    assert gateway.running()


async def test_a_question_with_the_same_id_takes_the_place_of_the_first(gateways, prosody, people):
    _, user = await scripted(gateways, prosody, people)
    frames(user, [REQUEST, {2: "q", 3: "First", 8: [{1: "a"}]}])
    assert "First" in (await hear(user)).body
    frames(user, [REQUEST, {2: "q", 3: "Second", 8: [{1: "b", 2: "Bee"}]}])
    assert "Second" in (await hear(user)).body
    asked = await execute(user, GW, "answer")
    assert set(asked.fields) == {"FORM_TYPE", "b"}
    user.send_message(GW, "honey")
    await user.expect(message(f"control@{GW}", 'RESPONSE q 1 b=honey'))


def test_an_old_main_process_is_asked_nothing(directories, monkeypatch):
    """The backend goes another way: here it says why it can't log in."""
    import test_kit
    monkeypatch.setattr(test_kit, "ECHO", ASKING)
    backend = test_kit.Backend(directories("kit"), False).ready()
    try:
        backend.line.send("LOGIN", user="a@b", legacyName="bob", password="code")
        got = backend.line.expect("DISCONNECTED", user="a@b", error=3)
        assert "can't ask" in got["message"]
        backend.line.send("EXIT")
        assert backend.child.wait(10) == 0
    finally:
        backend.end()


async def test_an_old_backend_sees_none_of_this(gateways, prosody, people):
    """Questions of one that did not announce extensions are not taken."""
    _, user = await scripted(gateways, prosody, people, SCRIPTED)
    frames(user, [REQUEST, {2: "q", 3: "First", 8: [{1: "a"}]}])
    await settled(user)
    assert not user.take(message(GW))
