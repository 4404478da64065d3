# SPDX-License-Identifier: GPL-2.0-or-later
"""Administration: by chat of an administrator, by QUERY from this host, by ad-hoc commands (XEP-0133), and what monitoring
reads (XEP-0039)."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from everywhere import everywhere
from commands import ADMIN, execute, listed, run, submit
from control import connect, port, query, socket_path
from gateway import SCRIPTED
from stanzas import DATA, DISCO_INFO, available, message, presence, unavailable

GW = "gw.localhost"
BOTH = pytest.mark.parametrize("server", ["prosody", "ejabberd"])


@pytest.fixture
def host(server, request):
    return request.getfixturevalue(server)


async def start(gateways, host, people, *args, **settings):
    """A gateway and its administrator."""
    admin = await people("admin", host=host)
    gateway = await gateways(host, *args, **{"service.admin_jid": ["root@elsewhere", admin.jid], **settings})
    await gateway.logged(r"backend=1 .* ready")
    return gateway, admin


async def say(user, text):
    user.send_message(GW, text)
    return (await user.expect(message(GW))).body


# Words

@BOTH
async def test_administrators_command_by_chat(gateways, host, people):
    _, admin = await start(gateways, host, people)
    user = await people(host=host)
    await user.login(GW, "bob")
    assert await say(admin, "status") == "Running (1 users connected using 1 backends)"
    assert await say(admin, "online_users") == f'{user.jid} "3rd-party network username:" "bob"'
    assert await say(admin, "online_users_count") == "1"
    assert await say(admin, f"has_online_user {user.jid}") == "1"
    assert await say(admin, "has_online_user nobody@localhost") == "0"
    assert int(await say(admin, "uptime")) >= 0
    assert "help" in await say(user, "online_users"), "a user saw who is online"


async def test_the_texts_are_those_of_spectrum_2(gateways, prosody, people):
    """Managers, web pages and monitoring take them apart."""
    gateway, _ = await start(gateways, prosody, people)
    for line, wanted in [
            ("", "Error: Unknown variable or command"), ("nonsense", "Error: Unknown variable or command"),
            ("get nonsense", "Error: Unknown variable or command"), ("get online_users", "Error: This variable cannot be get."),
            ("set uptime 5", "Error: This variable cannot be set."), ("set log_level", "Error: Value is missing."),
            ("register a@localhost", "Error: Argument is missing."), ("register a b c d", "Error: Too many arguments."),
            ("has_online_user", "Error: Missing user name as an argument"), ("unregister", "Error: No username given"),
            ("args", "Error: Argument is missing."), ("args nonsense", "Error: Unknown command passed as an argument."),
            ("args uptime", "Error: This is not a command, but a variable."), ("online_users", ""),
            ("get online_users_count", "0"), ("crashed_backends", ""), ("crashed_backends_count", "0"),
            ("unregister nobody@localhost", "Error: User 'nobody@localhost' is not registered"),
            ("average_memory_per_user", "0"), ("messages_from_xmpp", "0"), ("messages_to_xmpp", "0"),
            ("args has_online_user", 'username - "Username" Example: "user@domain.tld" Type: "string"')]:
        assert await query(gateway, line) == wanted, line
    assert (await query(gateway, "args register")).splitlines() == [
        'username - "Jabber ID" Example: "" Type: "string"',
        'legacy_username - "3rd-party network username" Example: "" Type: "string"',
        'legacy_password - "3rd-party network password" Example: "" Type: "password"']
    for name in ("res_memory", "shr_memory", "used_memory", "backends_count"):
        assert int(await query(gateway, name)) > 0
    text = await query(gateway, "help")
    assert text.startswith("General:\n   CMD   args - Shows description of arguments for command\n")
    assert "\n   VAR   uptime - Returns ptime in seconds" in text
    assert re.findall(r"^(\w+):", text, re.M) == ["General", "Users", "Messages", "Backends", "Memory"]


async def test_lists_of_commands_and_variables_have_their_tokens(gateways, prosody, people):
    """A web page cuts them at blanks outside of quotes: 11 and 13 pieces."""
    gateway, _ = await start(gateways, prosody, people)
    for line, count, first in (("commands", 11, "online_users"), ("variables", 13, "status")):
        rows = [re.findall(r'"[^"]*"|\S+', row) for row in (await query(gateway, line)).splitlines()]
        assert {len(row) for row in rows} == {count}
        names = [row[0] for row in rows]
        assert names == sorted(names) and first in names
    assert ('register - "Registers the new user" Category: Users AccesMode: User Context: Global Label: "Register"'
            in await query(gateway, "commands"))


async def test_w_20_cr_4_commands_that_crashed(gateways, prosody, people):
    gateway, _ = await start(gateways, prosody, people)
    assert await query(gateway, "online_users") == ""
    assert await query(gateway, "register bob@localhost bob pw") == "User registered"
    assert await query(gateway, "register bob@localhost bob pw") == "Error: User is already registered"
    one, two = await people("one"), await people("two")
    await one.login(GW, "one")
    await two.login(GW, "two")
    lines = (await query(gateway, "online_users")).splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted([one.jid, two.jid])
    assert await query(gateway, f"unregister {one.jid}") == f"User '{one.jid}' unregistered."
    await one.expect(unavailable(GW))
    assert await query(gateway, "unregister bob@localhost") == "User 'bob@localhost' unregistered."
    assert await query(gateway, "online_users_count") == "1"
    assert "JID" in await query(gateway, "unregister @@@")


async def test_w_19_words_may_be_quoted(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people, SCRIPTED)
    user = await people()
    assert await query(gateway, rf'register {user.jid} "bob and \"friends\"" "a pass word"') == "User registered"
    assert "registered as bob and \"friends\"" in (await run(user, GW, "status")).note
    assert await query(gateway, 'register x@localhost "open end') == "Error: Argument is missing."
    assert await say(admin, 'has_online_user  "x@localhost" ') == "0"


async def test_sessions_of_a_user_and_their_end(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people)
    user = await people()
    await user.login(GW, "bob")
    text = await say(admin, f"user {user.jid}")
    assert text.startswith(f'{user.jid} as "bob": online') and "\ntest: priority 0" in text
    assert re.search(r"^backend 1: process \d+, ready, 1 users, \d+ KB$", await say(admin, "backends"), re.M)
    assert await say(admin, f"disconnect {user.jid}") == f"User '{user.jid}' disconnected."
    assert (await user.expect(unavailable(GW))).status == "An administrator has ended your session."
    assert await say(admin, f"disconnect {user.jid}") == f"Error: User '{user.jid}' is not online"


async def test_messages_to_all(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people)
    here, away = await people("here"), await people("away")
    await here.login(GW, "here")
    await away.register(GW, "away")
    assert await say(admin, "announce Back in  an hour") == "Sent to 1 users."
    await here.expect(message(GW, "Back in  an hour"))
    assert await say(admin, "announce_all Hello") == "Sent to 2 users."
    await asyncio.gather(here.expect(message(GW, "Hello")), away.expect(message(GW, "Hello")))


async def test_administrators_are_users_too(gateways, prosody, people):
    """Their words come first; what has no meaning there is theirs."""
    _, admin = await start(gateways, prosody, people)
    assert "my help" in await say(admin, "help")
    assert "settings" not in await say(admin, "my help")
    assert "username" in await say(admin, "register")
    await say(admin, "bob")
    assert "logged in" in await say(admin, "pw")
    assert "registered as bob" in await say(admin, "my status")


# The way in from this host

async def test_w_4_sec_2_query_by_socket_and_port_is_for_root_and_the_service(gateways, prosody, people):
    """Others of this host are not answered; nobody becomes a backend that way."""
    gateway, _ = await start(gateways, prosody, people)
    status = "Running (0 users connected using 1 backends)"
    assert await query(gateway, "status") == status
    assert await query(gateway, "status", by_port=True) == status
    assert socket_path(gateway).stat().st_mode & 0o777 == 0o600
    lines = [connect(gateway), connect(gateway, by_port=True)]
    for line in lines:
        line.send("PONG")
        line.send("BACKEND_CONFIG", config="[features]\nmuc=0\nextensions=1\n")
        line.send("CONNECTED", user="x@localhost")
        line.send("QUERY", config="backends_count")
        assert line.expect("QUERY")["config"] == "1"
    for line in lines:
        line.close()
    if os.geteuid() != 0:
        pytest.skip("another user can't be played without being root")
    stranger = ("import socket,sys\n"
                "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
                "try:\n"
                f"    s.sendall({frame('status')!r})\n"
                "    answered = s.recv(1)\n"
                "except ConnectionError:\n"
                "    answered = b''\n"
                "sys.exit(3 if answered else 0)\n")
    done = await asyncio.get_running_loop().run_in_executor(
        None, lambda: subprocess.run([sys.executable, "-c", stranger, str(port(gateway))], user=65534, timeout=20, cwd="/"))
    assert done.returncode == 0, "another user of this host was answered"
    await gateway.logged("another user of this host")
    assert await query(gateway, "status") == status


def frame(line):
    from wire import frame as make
    return make("QUERY", config=line)


async def test_bad_bytes_on_the_control_socket_harm_nobody(gateways, prosody, people):
    gateway, _ = await start(gateways, prosody, people)
    for by_port in (False, True):
        line = connect(gateway, by_port)
        line.send_bytes(b"\xff\xff\xff\xff" + b"A" * 300000)
        try:
            assert line.receive() is None
        except (BrokenPipeError, ConnectionResetError):
            pass
        line.close()
    line = connect(gateway)
    line.send_bytes(b"\0\0\0\x04abcd")
    line.send("QUERY", config="x" * 70000)
    assert line.expect("QUERY")["config"] == "Error: This line is too long."
    line.send_bytes(frame("uptime")[:5])
    line.send_bytes(frame("uptime")[5:])
    assert int(line.expect("QUERY")["config"]) >= 0
    line.close()
    many = [connect(gateway) for _ in range(40)]
    many[0].send("QUERY", config="uptime")
    assert many[0].receive() is not None
    assert many[39].receive() is None
    for line in many:
        line.close()


async def test_the_files_are_gone_at_the_end(gateways, prosody, people):
    gateway, _ = await start(gateways, prosody, people)
    assert socket_path(gateway).exists() and port(gateway)
    gateway.stop()
    assert not list((gateway.directory / "run").iterdir())
    await gateway.up(prosody)
    assert await query(gateway, "online_users_count") == "0"


async def test_c_5_a_port_that_is_taken_is_named(gateways, prosody):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        gateway = await gateways(prosody, up=False, **{"service.backend_port": taken.getsockname()[1]})
        assert await gateway.ended() == 1
        assert "service.backend_port" in gateway.log()
        gateway.killed = True


# Reload

async def test_c_6_a_reload_takes_over_what_it_can_and_names_the_rest(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people)
    user = await people()
    gateway.settings.update({"registration.instructions": "Fresh words", "service.working_dir": "/elsewhere",
                             "identity.name": "Renamed"})
    gateway.write_configuration()
    assert (await say(admin, "reload")).splitlines() == [
        "Config reloaded", "These take effect at the next start: service.working_dir"]
    assert "Fresh words" in repr(await execute(user, GW, "register"))
    answer = await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")
    assert {i.get("name") for i in answer.xml.iter(f"{{{DISCO_INFO}}}identity")} == {"Renamed"}
    gateway.settings["registration.enable_public_registration"] = 0
    gateway.write_configuration()
    gateway.send_signal(signal.SIGHUP)
    await gateway.logged("reload signal=1: Config reloaded")
    assert (await user.register(GW, "x")).condition == "not-allowed"


async def test_c_3_cr_9_a_failed_reload_changes_nothing_and_says_why(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people)
    good = gateway.configuration.read_text()
    gateway.configuration.write_text(good + "\n[service]\nusers_per_backend = many\n[registration]\nauto_register=1\n")
    answer = await say(admin, "reload")
    assert answer.startswith("Error: Error during config reload\nNothing was changed.\n")
    assert "users_per_backend" in answer and f"{gateway.configuration}:" in answer
    gateway.configuration.unlink()
    assert "cannot be read" in await query(gateway, "reload")
    gateway.configuration.write_text(good)
    assert await query(gateway, "reload") == "Config reloaded"
    user = await people()
    user.send_presence(GW)
    await user.sync(GW)
    assert "not registered" in (await run(user, GW, "status")).note, "somebody was registered by his presence"


async def test_who_may_command_follows_the_configuration(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people)
    assert "statistics" in await listed(admin, GW)
    gateway.settings["service.admin_jid"] = "root@elsewhere"
    gateway.write_configuration()
    assert await query(gateway, "reload") == "Config reloaded"
    assert "statistics" not in await listed(admin, GW)
    assert "help" in await say(admin, "online_users")


async def test_the_log_level_changes_while_it_runs(gateways, prosody, people):
    gateway, admin = await start(gateways, prosody, people)
    assert await say(admin, "log_level") == "info"
    assert await say(admin, "set log_level debug") == "debug"
    user = await people()
    await user.login(GW)
    await gateway.logged(r"DEBUG .*state user=")
    assert await say(admin, "set log_level loud") == "Error: This value is not possible."
    asked = await execute(admin, GW, "log-level")
    assert asked.value("level") == "debug" and asked.options("level") == ["error", "warn", "info", "debug"]
    assert (await submit(admin, asked, level="warn")).note == "warn"
    assert await query(gateway, "get log_level") == "warn"


# Ad-hoc commands

@BOTH
async def test_commands_of_xep_0133(gateways, host, people):
    _, admin = await start(gateways, host, people)
    user = await people(host=host)
    names = await listed(admin, GW)
    assert {f"{ADMIN}#{n}" for n in ("get-online-users-num", "announce", "delete-user")} <= set(names)
    assert not any(node.startswith(ADMIN) for node in await listed(user, GW))
    assert (await execute(user, GW, f"{ADMIN}#delete-user")).error[0] == "forbidden"

    asked = await execute(admin, GW, f"{ADMIN}#add-user")
    assert asked.fields["FORM_TYPE"][2] == [ADMIN]
    done = await submit(admin, asked, form_type=ADMIN, accountjid=user.jid, username="bob", password="pw")
    assert done.notes[0][0] == "info"
    await user.online(GW)
    done = await run(admin, GW, f"{ADMIN}#get-online-users-num")
    assert done.value("onlineusersnum") == "1"
    done = await run(admin, GW, f"{ADMIN}#get-online-users-list", max_items="25")
    assert done.fields["onlineuserjids"][2] == [user.jid]
    done = await run(admin, GW, f"{ADMIN}#get-registered-users-num")
    assert done.value("registeredusersnum") == "1"
    done = await run(admin, GW, f"{ADMIN}#get-registered-users-list", max_items="none")
    assert done.fields["registereduserjids"][2] == [user.jid]
    done = await run(admin, GW, f"{ADMIN}#user-stats", accountjid=user.jid)
    assert done.value("rostersize") == "1" and done.fields["onlineresources"][2] == ["test"]

    done = await run(admin, GW, f"{ADMIN}#announce", announcement=["Two", "lines"])
    assert done.note == "Sent to 1 users."
    await user.expect(message(GW, "Two\nlines"))
    done = await run(admin, GW, f"{ADMIN}#end-user-session", accountjids=[user.jid, "nobody@localhost"])
    assert done.note == "Sessions ended: 1."
    await user.expect(unavailable(GW))
    done = await run(admin, GW, f"{ADMIN}#announce", announcement="Hello", registered="1")
    assert done.note == "Sent to 1 users."
    await user.expect(message(GW, "Hello"))
    done = await run(admin, GW, f"{ADMIN}#delete-user", accountjids=[user.jid, "nobody@localhost"])
    assert done.notes[0][0] == "warn" and "Users removed: 1." in done.note
    assert "nobody@localhost: is not registered" in done.note


async def test_wrong_addresses_are_refused(gateways, prosody, people):
    _, admin = await start(gateways, prosody, people)
    asked = await execute(admin, GW, f"{ADMIN}#end-user-session")
    got = await submit(admin, asked, accountjids=["a@b", "@@"])
    assert got.error[:2] == ("bad-request", "bad-payload") and "@@" in got.error[2]


async def test_statistics_and_reload_as_commands(gateways, prosody, people):
    _, admin = await start(gateways, prosody, people)
    rows = {row["name"]: row["value"] for row in (await run(admin, GW, "statistics")).rows}
    assert rows["status"] == "Running (0 users connected using 1 backends)" and int(rows["used_memory"]) > 0
    assert (await run(admin, GW, "reload")).note == "Config reloaded"


# Monitoring

@everywhere
async def test_x_37_statistics_are_for_administrators(gateways, home, people):
    gateway, admin = await start(gateways, home, people)
    user = await people()
    await user.login(GW, "bob")
    await user.expect(available(f"echo@{GW}"))
    user.send_message(f"echo@{GW}", "hello")
    await user.expect(message(f"echo@{GW}", "hello"))
    stats = "http://jabber.org/protocol/stats"
    answer = await admin.iq(GW, f"<query xmlns='{stats}'/>")
    names = [s.get("name") for s in answer.xml.iter(f"{{{stats}}}stat")]
    assert names == ["uptime", "users/online", "contacts/online", "contacts/total", "messages/from-xmpp",
                     "messages/to-xmpp", "backends/running", "backends/crashed", "memory-usage"]
    answer = await admin.iq(GW, f"<query xmlns='{stats}'>" + "".join(f"<stat name='{n}'/>" for n in names + ["x"]) + "</query>")
    got = {s.get("name"): s for s in answer.xml.iter(f"{{{stats}}}stat")}
    values = {n: int(got[n].get("value")) for n in names}
    assert values["users/online"] == values["contacts/online"] == values["messages/from-xmpp"] == 1
    assert values["backends/running"] == 1 and values["memory-usage"] > 0
    assert got["x"].find(f"{{{stats}}}error").get("code") == "404"
    assert (await user.iq(GW, f"<query xmlns='{stats}'/>")).condition == "forbidden"
    assert await query(gateway, "messages_from_xmpp") == "1"


async def test_crashed_backends_are_counted_by_their_process(gateways, prosody, people):
    gateway, _ = await start(gateways, prosody, people)
    pids = await gateway.backend_started()
    os.kill(pids[0], signal.SIGKILL)
    await gateway.backend_started(other_than=pids)
    end = asyncio.get_running_loop().time() + 10
    while await query(gateway, "crashed_backends") != str(pids[0]):
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.05)
    assert await query(gateway, "crashed_backends_count") == "1"


# Contact addresses and bookmarks

@everywhere
async def test_contact_addresses_are_shown(gateways, home, people):
    await gateways(home, **{"contact.admin": ["xmpp:root@example.org", "mailto:root@example.org"],
                               "contact.abuse": "mailto:abuse@example.org"})
    user = await people()
    answer = await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")
    fields = {f.get("var"): [v.text for v in f] for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields == {"FORM_TYPE": ["http://jabber.org/network/serverinfo"],
                      "abuse-addresses": ["mailto:abuse@example.org"],
                      "admin-addresses": ["xmpp:root@example.org", "mailto:root@example.org"]}


@everywhere
async def test_x_35_rb_2_bookmarks_that_were_set_before_they_were_read(gateways, home, people):
    gateway = await gateways(home)
    user = await people()
    storage = "<storage xmlns='storage:bookmarks'>%s</storage>"
    many = "".join(f"<conference jid='#room{i}%irc.example@{GW}' name='Room &amp; {i}' autojoin='1'><nick>me</nick></conference>"
                   for i in range(400))
    assert len(many) > 30000

    async def put(xml):
        return await user.iq(GW, f"<query xmlns='jabber:iq:private'>{xml}</query>", "set")

    async def get():
        answer = await user.iq(GW, f"<query xmlns='jabber:iq:private'>{storage % ''}</query>")
        assert answer.type == "result", answer
        return [(c.get("jid"), c.get("name"), c.findtext("{storage:bookmarks}nick"))
                for c in answer.xml.iter("{storage:bookmarks}conference")]
    assert (await put(storage % many)).condition == "registration-required"
    await user.register(GW)
    assert await get() == []
    assert (await put(storage % many)).type == "result"
    assert await get() == [(f"#room{i}%irc.example@{GW}", f"Room & {i}", "me") for i in range(400)]
    gateway.stop()
    await gateway.up(home)
    await user.reach(GW)
    assert len(await get()) == 400
    await user.online(GW)
    assert (await put(storage % "<url url='x:y'/>")).type == "result"
    assert await get() == []
    assert (await put("<other xmlns='x:y'/>")).condition == "not-acceptable"
    assert (await put(storage % (many + many))).condition == "not-acceptable"
    answer = await user.iq(GW, f"<query xmlns='jabber:iq:private'>{storage % ''}</query>", "get")
    assert answer.xml.find(".//{storage:bookmarks}url").get("url") == "x:y"
