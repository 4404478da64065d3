# SPDX-License-Identifier: GPL-2.0-or-later
"""The gateway's commands for its users: as ad-hoc commands (XEP-0050) and by chat, on Prosody and on ejabberd."""

import asyncio

import pytest
import pytest_asyncio

from everywhere import everywhere
from commands import COMMANDS, command, execute, form, info, listed, run, step, submit
from gateway import SCRIPTED
from host import Host
from stanzas import DATA, REGISTER, available, matches, message, presence, unavailable

GW = "gw.localhost"
BOTH = pytest.mark.parametrize("server", ["prosody", "ejabberd"])


@pytest.fixture
def host(server, request):
    return request.getfixturevalue(server)


@pytest_asyncio.fixture
async def scripted_host():
    one = await Host().start()
    yield one
    await one.stop()


async def talk(user, text, gateway=GW):
    """Writes to the gateway; what it answers."""
    user.send_message(gateway, text)
    return (await user.expect(message(gateway))).body


# Discovery

async def test_service_discovery_tells_of_commands(echo, people):
    user = await people()
    _, features = await info(user, GW)
    assert COMMANDS in features
    identities, features = await info(user, GW, COMMANDS)
    assert identities == [("automation", "command-list", "Commands")] and COMMANDS in features
    assert await info(user, GW, "no-such-node") is None
    assert (await info(user, f"echo@{GW}", COMMANDS))[0][0][:2] == ("automation", "command-list")
    assert await info(user, f"echo@{GW}", "register") is None


async def test_x_3_each_command_has_a_name_and_a_kind(echo, people):
    user = await people()
    await user.login(GW)
    names = await listed(user, GW)
    assert names["settings"] == "Transport settings"
    for node, name in names.items():
        identities, features = await info(user, GW, node)
        assert identities == [("automation", "command-node", name)]
        assert {COMMANDS, DATA} <= features


async def test_the_list_shows_what_one_may_do(echo, people):
    user = await people()
    before = set(await listed(user, GW))
    assert before == {"register", "status", "help"}
    assert await info(user, GW, "settings") is None
    await user.register(GW)
    registered = set(await listed(user, GW))
    assert {"login", "settings", "unregister", "join-room"} <= registered and "logout" not in registered
    await user.online(GW)
    assert {"logout", "contacts", "add-contact"} <= set(await listed(user, GW))


# Registration and log-in

@BOTH
async def test_register_by_command_and_be_logged_in(gateways, host, people):
    await gateways(host)
    user = await people(host=host)
    asked = await execute(user, GW, "register")
    assert asked.status == "executing" and asked.session and asked.actions == ("complete", {"complete"})
    assert asked.fields["FORM_TYPE"] == ("hidden", False, [REGISTER])
    assert asked.fields["username"][:2] == ("text-single", True)
    assert asked.fields["password"] == ("text-private", True, [])
    done = await submit(user, asked, username="bob", password="secret")
    assert done.status == "completed" and done.notes == [("info", "You are logged in to the network.")]
    await user.expect(available(GW))
    user.send_message(f"echo@{GW}", "hello")
    await user.expect(message(f"echo@{GW}", "hello"))


async def test_slixmpp_registers_by_its_own_command_support(echo, people):
    user = await people()
    plugin = user.client.plugin
    user.client.register_plugin("xep_0050")
    plugin["xep_0004"]
    asked = await plugin["xep_0050"].send_command(GW, "register", action="execute")
    assert asked["command"]["status"] == "executing"
    answer = asked["command"]["form"]
    answer["type"] = "submit"
    answer.set_values({"username": "bob", "password": "pw"})
    done = await plugin["xep_0050"].send_command(GW, "register", sessionid=asked["command"]["sessionid"], action="complete",
                                                 payload=[answer])
    assert done["command"]["status"] == "completed"
    await user.expect(available(GW))


async def test_registering_again_shows_the_name_and_restarts_the_session(echo, people):
    user = await people()
    await user.login(GW, "bob")
    asked = await execute(user, GW, "register")
    assert asked.value("username") == "bob" and not asked.fields["password"][2]
    done = await submit(user, asked, username="robert", password="pw")
    assert done.notes[0][0] == "info"
    await user.expect(available(GW))
    assert "robert" in (await run(user, GW, "status")).note


async def test_what_registration_refuses_is_asked_again_with_the_reason(gateways, prosody, people):
    await gateways(prosody, **{"registration.allowed_usernames": "[0-9]+"})
    user = await people()
    asked = await execute(user, GW, "register")
    again = await submit(user, asked, username="bob", password="pw")
    assert again.status == "executing" and again.session == asked.session
    assert again.notes[0][0] == "error" and again.notes[0][1]
    assert again.value("username") == "bob"
    done = await submit(user, again, username="123")  # the password was given
    assert done.status == "completed"
    assert "123" in (await run(user, GW, "status")).note


async def test_a_log_in_that_the_network_refuses_is_told(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    done = await run(user, GW, "register", username="bob", password="wrong")
    assert done.notes[0][0] == "error" and "Bad password" in done.note


@BOTH
async def test_log_out_and_in_again(gateways, host, people):
    await gateways(host)
    user = await people(host=host)
    await user.login(GW)
    await user.expect(available(f"echo@{GW}"))
    assert (await run(user, GW, "logout")).notes[0][0] == "info"
    await user.expect(unavailable(GW))
    user.send_presence(GW)
    assert "switched this gateway off" in (await user.expect(unavailable(GW))).status
    assert (await execute(user, GW, "logout")).error[0] == "not-allowed"
    assert (await run(user, GW, "login")).note == "You are logged in to the network."
    await user.expect(available(f"echo@{GW}"))


async def test_unregister_needs_a_yes(echo, people):
    user = await people()
    await user.login(GW)
    done = await run(user, GW, "unregister", confirm="0")
    assert done.notes[0][0] == "warn"
    assert "registered as" in (await run(user, GW, "status")).note
    assert (await run(user, GW, "unregister", confirm="true")).notes[0][0] == "info"
    await user.expect(unavailable(GW))
    assert "not registered" in (await run(user, GW, "status")).note


# Settings

async def test_settings_are_those_of_spectrum_2(echo, people):
    user = await people()
    await user.register(GW)
    asked = await execute(user, GW, "settings")
    fields = asked.fields
    assert {name: fields[name] for name in ("enable_transport", "send_headlines", "stay_connected")} == {
        "enable_transport": ("boolean", False, ["1"]), "send_headlines": ("boolean", False, ["0"]),
        "stay_connected": ("boolean", False, ["0"])}
    done = await submit(user, asked, stay_connected="1", send_headlines="true", enable_transport="1")
    assert done.status == "completed" and done.notes[0][0] == "info"
    again = await execute(user, GW, "settings")
    assert (again.value("stay_connected"), again.value("send_headlines")) == ("1", "1")


async def test_settings_have_defaults_of_the_configuration_and_survive_a_restart(gateways, prosody, people):
    gateway = await gateways(prosody, **{"settings.stay_connected": 1})
    user = await people()
    await user.register(GW)
    assert (await execute(user, GW, "settings")).value("stay_connected") == "1"
    await run(user, GW, "settings", stay_connected="0")
    gateway.stop()
    await gateway.up(prosody)
    assert (await execute(user, GW, "settings")).value("stay_connected") == "0"


async def test_stay_connected_works_at_once(echo, people):
    user = await people()
    await user.login(GW)
    await run(user, GW, "settings", stay_connected="1")
    user.send_presence(GW, "unavailable")
    await user.sync(GW)
    assert "Network: logged in" in (await run(user, GW, "status")).note


async def test_switching_off_logs_out_and_on_logs_in(echo, people):
    user = await people()
    await user.login(GW)
    await run(user, GW, "settings", enable_transport="0")
    await user.expect(unavailable(GW))
    assert (await run(user, GW, "settings", enable_transport="1")).note == "You are logged in to the network."
    await user.expect(available(GW))


# Contacts and rooms

async def test_add_a_contact(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    done = await run(user, GW, "add-contact", name="eve@net")
    assert done.value("jid") == f"eve\\40net@{GW}"
    await user.expect(presence(f"eve\\40net@{GW}", "subscribe"))
    rows = (await run(user, GW, "contacts")).rows
    assert [(row["jid"], row["status"]) for row in rows] == [(f"eve\\40net@{GW}", "away")]


async def test_names_without_an_address_are_asked_again(echo, people):
    user = await people()
    await user.login(GW)
    asked = await execute(user, GW, "add-contact")
    again = await submit(user, asked, name="x" * 2000)
    assert again.status == "executing" and again.notes[0][0] == "error"


@everywhere
async def test_join_a_room_by_an_invitation(echo, people):
    user = await people()
    await user.login(GW)
    done = await run(user, GW, "join-room", room="#Chat@net.example")
    room = f"#chat%net.example@{GW}"
    assert done.value("jid") == room
    invitation = await user.expect(message(room))
    assert invitation.child("x", "jabber:x:conference").get("jid") == room
    await user.join(room, "me")


async def test_irc_has_the_same_commands(irc, people):
    user = await people()
    names = await listed(user, "irc.localhost")
    assert {"join-room", "login", "help"} <= set(names)
    assert "Join a room" == names["join-room"]


# Errors

async def test_x_36_the_errors_of_ad_hoc_commands(echo, people):
    """Each wrong step has its error, and the session lives on."""
    user = await people()
    assert (await execute(user, GW, "no-such")).error[0] == "item-not-found"
    assert (await execute(user, GW, "settings")).error[0] == "registration-required"
    assert (await command(user, GW, "register", action="prev")).error[:2] == ("bad-request", "bad-action")
    assert (await command(user, GW, "register", action="dance")).error[:2] == ("bad-request", "malformed-action")
    assert (await command(user, GW, "register", session="0" * 48)).error[:2] == ("bad-request", "bad-sessionid")
    assert (await command(user, GW, "")).error[0] == "bad-request"
    asked = await execute(user, GW, "register")
    for payload, action, own in [("", "complete", "bad-payload"), (form({}), None, "bad-payload"),
                                 (form({"username": "bob"}), None, "bad-payload"),
                                 (form({"username": "b" * 5000, "password": "x"}), None, "bad-payload"),
                                 (form({"username": "bob", "password": "x"}, "urn:other"), None, "bad-payload"),
                                 ("", "prev", "bad-action")]:
        got = await command(user, GW, "register", payload, asked.session, action)
        assert got.error[:2] == ("bad-request", own) and got.error[2], got
    got = await command(user, GW, "help", "", asked.session)
    assert got.error[:2] == ("bad-request", "bad-sessionid")
    assert (await submit(user, asked, username="bob", password="pw")).status == "completed"
    got = await submit(user, asked, username="bob", password="pw")
    assert got.error[:2] == ("not-allowed", "session-expired")


async def test_x_36_a_session_is_its_owners(echo, people):
    user, other = await people(), await people("other")
    asked = await execute(user, GW, "register")
    for action in ("cancel", "complete", None):
        got = await command(other, GW, "register", form({"username": "x", "password": "y"}), asked.session, action)
        assert got.error[:2] == ("bad-request", "bad-sessionid")
    assert (await submit(user, asked, username="bob", password="pw")).status == "completed"


async def test_cancel_ends_a_session(echo, people):
    user = await people()
    asked = await execute(user, GW, "register")
    assert (await step(user, asked, "cancel")).status == "canceled"
    assert (await step(user, asked, "cancel")).error[1] == "session-expired"
    assert "not registered" in (await run(user, GW, "status")).note


async def test_who_begins_ever_more_sessions_keeps_the_newest(echo, people):
    user, other = await people(), await people("other")
    kept = await execute(other, GW, "register")
    sessions = [await execute(user, GW, "register") for _ in range(30)]
    assert len({asked.session for asked in sessions}) == 30
    assert (await submit(user, sessions[0], username="bob", password="x")).error[1] == "session-expired"
    assert (await submit(user, sessions[-1], username="bob", password="x")).status == "completed"
    assert (await submit(other, kept, username="ann", password="x")).status == "completed"


async def test_x_36_sessions_expire(gateways, prosody, people):
    await gateways(prosody, **{"service.command_timeout": 1})
    user, talker = await people(), await people("talker")
    asked = await execute(user, GW, "register")
    await talk(talker, "register")
    assert "cancelled" in (await talker.expect(message(GW))).body
    got = await submit(user, asked, username="bob", password="x")
    assert got.error[:2] == ("not-allowed", "session-expired")


async def test_wrong_types_of_values_are_refused(echo, people):
    user = await people()
    await user.register(GW)
    asked = await execute(user, GW, "settings")
    got = await submit(user, asked, stay_connected="perhaps")
    assert got.error[:2] == ("bad-request", "bad-payload") and "yes or no" in got.error[2]


# Chat

@BOTH
async def test_a_client_without_commands_does_it_all_by_chat(gateways, host, people):
    await gateways(host)
    user = await people(host=host)
    text = await talk(user, "help")
    assert "register - " in text and "settings" not in text
    question = await talk(user, "register")
    assert "3rd-party network username" in question and "cancel" in question
    question = await talk(user, "bob")
    assert "password" in question and "keep" in question
    assert await talk(user, "secret") == "You are logged in to the network."
    await user.expect(available(GW))
    assert "registered as bob" in await talk(user, "status")
    text = await talk(user, "help")
    assert "settings - " in text and "logout - " in text
    assert f"echo@{GW} | Echo | online" in await talk(user, "contacts")
    assert await talk(user, "settings stay_connected yes") == "Your settings are stored."
    await user.expect(presence(f"echo@{GW}", "subscribe"))
    assert "eve" in await talk(user, "add eve")
    await user.expect(presence(f"eve@{GW}", "subscribe"))
    assert "logged out" in await talk(user, "logout")
    assert await talk(user, "Login") == "You are logged in to the network."
    assert "Remove my registration" in await talk(user, "unregister")
    assert await talk(user, "yes") == "You are no longer registered."


async def test_questions_one_after_the_other(echo, people):
    user = await people()
    await user.register(GW)
    assert "(yes or no)" in await talk(user, "settings")
    assert "yes or no" in await talk(user, "perhaps")
    question = await talk(user, "-")
    while "?" in question:
        question = await talk(user, "yes" if "headlines" in question else "-")
    assert question == "Your settings are stored."
    assert (await execute(user, GW, "settings")).value("send_headlines") == "1"


async def test_cancel_ends_a_dialogue_and_words_are_words_again(echo, people):
    user = await people()
    await talk(user, "register")
    assert "cancelled" in await talk(user, "cancel")
    assert "help" in await talk(user, "hello, is anybody there?")
    assert "not registered" in await talk(user, "status")


async def test_an_empty_answer_where_one_is_needed(echo, people):
    user = await people()
    await talk(user, "register")
    assert "filled in" in await talk(user, "-")
    assert "password" in await talk(user, "bob")


async def test_what_one_may_not_is_told(echo, people):
    user = await people()
    assert "register" in await talk(user, "settings")
    assert "not logged in" in await talk(user, "contacts") or "register" in await talk(user, "contacts")


async def test_an_encrypted_answer_is_none(echo, people):
    user = await people()
    await talk(user, "register")
    user.send_message(GW, "This message is encrypted.", "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:x'/>")
    assert (await user.expect(message(GW, type="error"))).error[1:] == (
        "not-acceptable", "This gateway can't read encrypted messages. Switch encryption off.")
    assert "password" in await talk(user, "bob")


async def test_two_people_talk_at_once(echo, people):
    one, two = await people("one"), await people("two")
    await talk(one, "register")
    await talk(two, "register")
    await talk(one, "bob")
    await talk(two, "ann")
    await asyncio.gather(talk(one, "pw"), talk(two, "pw"))
    assert "registered as bob" in await talk(one, "status")
    assert "registered as ann" in await talk(two, "status")


async def test_what_is_written_behind_a_command_is_shown_as_it_was_understood(echo, people):
    """Whoever writes a password behind the name sees in time that it became a part of the name."""
    user = await people()
    asked = await talk(user, "register bob secret")
    assert asked.startswith("3rd-party network username: bob secret\n") and "password?" in asked
    assert "cancelled" in await talk(user, "cancel")


async def test_no_word_of_a_chat_reaches_the_log(echo, people):
    user = await people()
    await talk(user, "register")
    await talk(user, "bob")
    await talk(user, "hush-hush")
    await execute(user, GW, "register")
    asked = await execute(user, GW, "register")
    await submit(user, asked, username="bob", password="hush-again")
    await user.sync(GW)
    assert "hush" not in echo.log()


async def test_the_gateway_answers_nobody_but_people(scripted_host, gateways):
    """Another gateway might answer our answers, for ever."""
    host = scripted_host
    await gateways(host)
    await host.login()
    for type in ("chat", "error"):
        host.send(f"<message from='other.localhost' to='{GW}' type='{type}'><body>help</body></message>")
    user = host.user()
    user.send_message(GW, "help")
    await user.expect(message(GW))
    assert not host.take(matches("message", where=lambda s: s.to == "other.localhost"))
