# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may register: by server, by name, with a local account that is proved over verified TLS; by form, by command, and what
each refusal says."""

import asyncio
import sqlite3

import pytest

from everywhere import everywhere
from commands import COMMANDS, execute, listed, run, step, submit
from conftest import serve
from control import query
from hosts import Prosody
from person import RawUser
from stanzas import DATA, REGISTER, message

GW = "gw.localhost"
GET = f"<query xmlns='{REGISTER}'/>"


@pytest.fixture(scope="module")
def local_server(directories):
    """The server of local accounts, with a certificate of its own."""
    yield from serve(Prosody, directories("prosody"), tls=True)


@pytest.fixture
def with_local(local_server):
    """The settings for it."""
    return {"registration.require_local_account": 1, "registration.local_account_server": "localhost",
            "registration.local_account_host": f"127.0.0.1:{local_server.port}",
            "registration.local_account_ca_file": local_server.directory / "localhost.crt"}


def fields(answer):
    return {f.get("var"): f.get("type") for f in answer.xml.iter(f"{{{DATA}}}field")}


async def claim(user, name, password, **more):
    return await user.register_by_form(GW, username="bob", password="pw", local_username=name, local_password=password, **more)


async def registered(user):
    return (await user.iq(GW, GET)).xml.find(f".//{{{REGISTER}}}registered") is not None


def refused(answer, *conditions):
    assert answer.type == "error" and answer.condition in conditions and answer.error[2], answer
    return answer.error[2]


# A local account

@everywhere
async def test_x_7_a_local_account_is_proved(gateways, home, people, local_server, with_local):
    await gateways(home, **with_local)
    user, local = await people(), local_server.account("local")
    form = fields(await user.iq(GW, GET))
    assert form["local_username"] == "text-single" and form["local_password"] == "text-private"
    for answer in (await user.register(GW), await claim(user, local, ""), await claim(user, "", "x")):
        refused(answer, "not-acceptable")
    assert "wrong" in refused(await claim(user, local, "wrong"), "not-authorized")
    refused(await claim(user, "nobody", "x"), "not-authorized")
    assert "localhost" in refused(await claim(user, f"{local}@elsewhere", f"pass-{local}"), "not-acceptable")
    assert not await registered(user)
    assert (await claim(user, local, f"pass-{local}")).type == "result"
    assert await registered(user)
    assert "local_username" not in fields(await user.iq(GW, GET))
    # Who is registered has proved it.
    assert (await user.register(GW, "robert")).type == "result"


async def test_an_address_is_as_good_as_a_name(gateways, prosody, people, local_server, with_local):
    await gateways(prosody, **with_local)
    user, local = await people(), local_server.account("local")
    assert (await claim(user, f"{local}@LOCALHOST", f"pass-{local}")).type == "result"


async def test_x_7_sec_9_a_certificate_that_nobody_vouches_for(gateways, prosody, people, local_server, with_local):
    """Nothing is shown to such a server."""
    await gateways(prosody, **{**with_local, "registration.local_account_ca_file": ""})
    user, local = await people(), local_server.account("local")
    before = local_server.log()
    text = refused(await claim(user, local, f"pass-{local}"), "service-unavailable")
    assert "certificate" in text
    assert f"Authenticated as {local}" not in local_server.log()[len(before):]
    assert not await registered(user)


async def test_passwords_are_not_guessed_here(gateways, prosody, people, local_server, with_local):
    await gateways(prosody, **with_local)
    user, other, local = await people(), await people("other"), local_server.account("local")
    for _ in range(5):
        refused(await claim(user, local, "wrong"), "not-authorized")
    assert "ten minutes" in refused(await claim(user, local, f"pass-{local}"), "policy-violation")
    assert (await claim(other, local, f"pass-{local}")).type == "result"


async def test_rb_6_a_silent_server_holds_up_nobody_else(gateways, prosody, people, with_local):
    connections = []

    async def silence(reader, writer):
        connections.append(writer)
    silent = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    await gateways(prosody, **{**with_local, "registration.local_account_host": f"127.0.0.1:{port}",
                               "registration.local_account_server_timeout": 1500})
    user, other = await people(), await people("other")
    trying = asyncio.create_task(claim(user, "local", "x"))
    while not connections:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(other.sync(GW), 1)
    assert not trying.done()
    assert "can't be checked" in refused(await trying, "remote-server-timeout")
    assert await other.iq(GW, GET)
    silent.close()
    for writer in connections:
        writer.close()
    await silent.wait_closed()


async def test_a_server_that_is_away(gateways, prosody, people, with_local):
    await gateways(prosody, **{**with_local, "registration.local_account_host": "127.0.0.1:1"})
    refused(await claim(await people(), "local", "x"), "remote-server-timeout", "service-unavailable")


async def test_the_end_of_the_gateway_while_somebody_is_checked(gateways, prosody, people, with_local):
    async def silence(reader, writer):
        await reader.read()
        writer.close()
    silent = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    gateway = await gateways(prosody, **{**with_local, "registration.local_account_host": f"127.0.0.1:{port}"})
    user = await people()
    trying = asyncio.create_task(claim(user, "local", "x"))
    await user.sync(GW)
    await asyncio.get_running_loop().run_in_executor(None, gateway.stop)
    assert (await trying).type == "error"
    silent.close()


async def test_a_command_asks_for_it_in_a_second_step(gateways, prosody, people, local_server, with_local):
    await gateways(prosody, **with_local)
    user, local = await people(), local_server.account("local")
    first = await execute(user, GW, "register")
    assert first.actions == ("next", {"next"})
    assert (await submit(user, first, action="complete", username="bob", password="pw")).error[:2] == (
        "bad-request", "bad-action")
    second = await submit(user, first, action="next", username="bob", password="pw")
    assert second.session == first.session and second.actions == ("complete", {"prev", "complete"})
    assert second.fields["local_password"] == ("text-private", True, [])
    back = await step(user, second, "prev")
    assert back.value("username") == "bob" and back.actions == ("next", {"next"})
    assert (await step(user, back, "prev")).error[:2] == ("bad-request", "bad-action")
    second = await submit(user, back, username="robert")  # the password was given
    wrong = await submit(user, second, local_username=local, local_password="wrong")
    assert wrong.status == "executing" and wrong.notes[0][0] == "error" and wrong.value("local_username") == local
    done = await submit(user, wrong, local_password=f"pass-{local}")
    assert done.status == "completed" and done.note == "You are logged in to the network."
    assert "registered as robert" in (await run(user, GW, "status")).note


async def test_the_same_by_chat(gateways, prosody, people, local_server, with_local):
    gateway = await gateways(prosody, **with_local)
    user, local = await people(), local_server.account("local")

    async def say(text):
        user.send_message(GW, text)
        return (await user.expect(message(GW))).body
    await say("register bob")
    assert "Local username:" in await say("pw")
    await say(local)
    assert "wrong" in await say("hush-hush")
    await say("-")
    assert await say(f"pass-{local}") == "You are logged in to the network."
    assert "hush" not in gateway.log() and f"pass-{local}" not in gateway.log()


# Servers and names

@everywhere
async def test_x_6_who_may_not_register_is_told_before_he_tells_anything(gateways, home, people):
    await gateways(home, **{"registration.enable_public_registration": 0, "service.allowed_servers": "example.org"})
    user = await people()
    assert "Users of your server" in refused(await user.iq(GW, GET), "not-allowed")
    assert "Users of your server" in refused(await user.register(GW), "not-allowed")
    assert "register" not in await listed(user, GW)
    assert (await execute(user, GW, "register")).error[0] == "not-allowed"
    user.send_message(GW, "register")
    assert "Users of your server" in (await user.expect(message(GW))).body


async def test_who_was_registered_by_an_administrator_may_change_it(gateways, prosody, people):
    user = await people()
    gateway = await gateways(prosody, **{"registration.enable_public_registration": 0})
    assert await query(gateway, f"register {user.jid} bob pw") == "User registered"
    assert fields(await user.iq(GW, GET))["unregister"] == "boolean"
    await user.online(GW)


# Server mode

async def test_who_logs_in_to_the_server_needs_no_commands_for_that(servers, people):
    """And can't lock himself out, even if he did so when it was a gateway."""
    server = await servers()
    user = await people("romeo", host=server, kind=RawUser)
    domain = "chat.localhost"
    names = await listed(user, domain)
    assert {"settings", "contacts", "status", "help"} <= set(names)
    assert not {"register", "login", "logout"} & set(names)
    assert (await execute(user, domain, "logout")).error[0] == "feature-not-implemented"
    assert "enable_transport" not in (await execute(user, domain, "settings")).fields
    await run(user, domain, "settings", stay_connected="0")
    account = user.user
    await user.close()
    server.stop()
    with sqlite3.connect(server.directory / "work/database.sql") as database:
        database.execute("INSERT OR REPLACE INTO users_settings SELECT id, 'enable_transport', 4, '0' FROM users")
    database.close()
    await server.up()
    again = await people(host=server, kind=RawUser, account=account)
    assert "logged in" in (await run(again, domain, "status")).note


# The very end

async def test_an_answer_that_is_owed_at_the_end_of_a_server(servers, people):
    """In server mode the streams are gone before the database has answered the last question."""
    server = await servers()
    user = await people(host=server, kind=RawUser)
    gateway = "chat.localhost"
    asked = await execute(user, gateway, "settings")
    database = sqlite3.connect(server.directory / "work/database.sql", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    form = f"<x xmlns='{DATA}' type='submit'><field var='send_headlines'><value>1</value></field></x>"
    user.send(f"<iq to='{gateway}' type='set' id='last'><command xmlns='{COMMANDS}' node='settings' "
              f"sessionid='{asked.session}'>{form}</command></iq>")
    await user.sync(gateway)
    stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
    await server.logged("ends signal")
    database.execute("ROLLBACK")
    database.close()
    await stopping
