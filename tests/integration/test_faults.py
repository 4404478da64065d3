# SPDX-License-Identifier: GPL-2.0-or-later
"""The promise of no silent loss. Parts are killed, stopped and cut off under traffic, and every message is accounted
for: delivered once, or refused with an error."""

import asyncio
import os
import signal
import sqlite3
import time

import pytest
import pytest_asyncio

from gateway import SCRIPTED
from host import Host
from ledger import Ledger
from stanzas import REGISTER, available, message, presence, unavailable

GW = "gw.localhost"
# Deadlines are what users may count on, and the slowness of a busy machine on top.
SLOWNESS = 4
ECHO = f"echo@{GW}"
EVE = f"eve@{GW}"


@pytest_asyncio.fixture
async def host():
    one = await Host().start()
    yield one
    await one.stop()


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("backend", ["echo", "old", "confirming"])
async def test_rb_1_killed_backend(gateways, prosody, people, backend):
    command = {"echo": {}, "old": {"backend": SCRIPTED}, "confirming": {"backend": f"{SCRIPTED} --extended"}}[backend]
    gateway = await gateways(prosody, **command)
    user = await people()
    await user.login(GW)
    ledger = Ledger(user, ECHO)
    ledger.send(50)
    await ledger.read(20)
    (pid,) = gateway.backends()
    ledger.send(50)
    os.kill(pid, signal.SIGKILL)
    ledger.send(50)
    told = await user.expect(lambda s: s.sender == GW and s.name in ("presence", "message"))
    assert told.type != "error"
    # An old backend does not confirm each message: what it had not answered for when it died is refused.
    await ledger.settle(GW, doubt=backend == "old")
    await ledger.until_echoed(GW)
    await gateway.backend_started(other_than=(pid,))
    assert gateway.running()


async def test_killed_backend_of_others(gateways, prosody, people):
    """One user's backend dies; the other user, on another one, notices nothing."""
    gateway = await gateways(prosody, **{"service.users_per_backend": 1})
    first, second = await people(), await people()
    await first.login(GW)
    await second.login(GW)
    pids = await gateway.backend_started(2)
    ledgers = Ledger(first, ECHO), Ledger(second, ECHO)
    for ledger in ledgers:
        ledger.send(30)
        await ledger.settle(GW)
        ledger.person.take(unavailable())
    os.kill(pids[0], signal.SIGKILL)
    for ledger in ledgers:
        ledger.send(30)
        await ledger.settle(GW)
        await ledger.until_echoed(GW)
    disturbed = [ledger for ledger in ledgers if ledger.person.take(unavailable(GW))]
    assert len(disturbed) == 1
    (other,) = [ledger for ledger in ledgers if ledger not in disturbed]
    assert not other.refused()


async def test_stopped_backend_is_noticed_within_five_seconds(gateways, prosody, people):
    gateway = await gateways(prosody)
    user = await people()
    await user.login(GW)
    ledger = Ledger(user, ECHO)
    ledger.send(5)
    await ledger.read(5)
    (pid,) = gateway.backends()
    os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    ledger.send(20)
    await ledger.read(1)
    assert time.monotonic() - begin < 5 + SLOWNESS, "noticed late"
    await ledger.settle(GW)
    await ledger.until_echoed(GW)
    assert has_ended(pid), "the stopped process is still there"


async def test_crash_during_login_is_told(gateways, prosody, people):
    """A backend that dies of one user's login is not tried for ever without a word."""
    gateway = await gateways(prosody, f"{SCRIPTED} --extended")
    user, other = await people(), await people()
    await user.register(GW, "bob", "crash")
    user.send_presence(GW)
    await user.expect(lambda s: s.sender == GW and (s.name == "message" or s.type == "unavailable"))
    await other.login(GW)
    ledger = Ledger(other, EVE)
    await ledger.until_echoed(GW)
    assert gateway.running()


@pytest.mark.parametrize("fault", ["FLEN", "FHUGE", "CLOSE", "HANG", "EXIT 3"])
async def test_backend_that_breaks_the_line(gateways, prosody, people, fault):
    gateway = await gateways(prosody, f"{SCRIPTED} --extended")
    user, other = await people(), await people()
    await user.login(GW)
    await other.login(GW)
    ledgers = Ledger(user, EVE), Ledger(other, EVE)
    for ledger in ledgers:
        ledger.send(20)
    culprit = user.send_message(f"mallory@{GW}", fault)
    for ledger in ledgers:
        ledger.send(20)
    for ledger in ledgers:
        await ledger.settle(GW)
    for ledger in ledgers:
        await ledger.until_echoed(GW)
    assert len([s for s in user.inbox.seen if s.type == "error" and s.id == culprit]) <= 1
    assert gateway.running()


@pytest.mark.parametrize("fault", ["FBAD", "FZERO", "FTYPE", "FOLD", "FLACK", "FPONG", "FSTATS", "DRIP"])
async def test_w_7_rb_9_strange_frames_are_stepped_over(gateways, prosody, people, fault):
    gateway = await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    (pid,) = gateway.backends()
    ledger = Ledger(user, EVE)
    ledger.send(20)
    user.send_message(EVE, fault)
    ledger.send(20)
    await user.expect(message(EVE, where=lambda s: s.body in ("after", fault)))
    await ledger.settle(GW)
    assert len(ledger.echoed()) == 40 and gateway.backends() == [pid]


async def test_w_11_sec_3_a_backend_cannot_speak_for_users_of_another(gateways, prosody, people):
    await gateways(prosody, SCRIPTED, **{"service.users_per_backend": 1})
    attacker, victim = await people(), await people()
    await attacker.login(GW)
    await victim.login(GW)
    before = len(victim.inbox.seen)
    attacker.send_message(EVE, f"FUSER {victim.jid}")
    await attacker.expect(message(EVE, "after"))
    await victim.sync(GW)
    assert not [s for s in victim.inbox.seen[before:] if s.name != "iq"]
    ledger = Ledger(victim, EVE)
    await ledger.until_echoed(GW)


async def test_w_10_sec_16_text_that_is_no_text_is_cleaned(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    user.send_message(EVE, "FUTF")
    got = await user.expect(message(EVE))
    assert got.body.startswith("x") and " ]]> &<" in got.body


async def test_link_lost_under_traffic(gateways, host):
    """The host ends the connection while messages are on their way; what was read from it is answered on the next
    one."""
    gateway = await gateways(host)
    await host.login()
    romeo, juliet = host.user("romeo"), host.user("juliet")
    ledgers = []
    for user in (romeo, juliet):
        await user.login()
        ledgers.append(Ledger(user, ECHO))
    for round in range(3):
        for ledger in ledgers:
            ledger.send(100)
        host.link.end()  # we still read what the gateway says on this one
        await host.login()
        for user in (romeo, juliet):
            user.send("presence")  # as a server does when asked by a probe
        for ledger in ledgers:
            await ledger.settle(GW)
            await ledger.until_echoed(GW)
        assert gateway.running(), f"round {round}"


async def test_users_are_looked_for_after_a_lost_link(gateways, host):
    await gateways(host)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    host.link.cut()
    await host.login()
    await host.expect(presence(GW, "probe", to=romeo.jid))
    romeo.send("presence")
    await romeo.expect(available(GW))


async def test_messages_from_the_network_wait_for_the_link(gateways, host):
    """What the network says while the link is down is delivered when it is up again."""
    await gateways(host, SCRIPTED)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    await host.stop_listening()
    romeo.send_message(EVE, "B50")
    host.link.end()
    await asyncio.wait_for(host.link.closed.wait(), 10)
    had = [s.body for s in host.take(message(EVE)) if s.body]
    await host.start()
    await host.login()
    romeo.send("presence")
    while f"x{49}" not in had:
        had.append((await host.expect(message(EVE, type="chat"))).body)
    assert had == [f"x{n}" for n in range(50)]


async def test_a_server_that_does_not_read_gets_it_all_later(gateways, host):
    """More than the buffers hold: the backend waits, and goes on as soon as the server takes some of it."""
    await gateways(host)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    ledger = Ledger(romeo, ECHO)
    host.link.writer.transport.pause_reading()
    for _ in range(80):
        ledger.send(100, " " + "x" * 3000)
        await host.link.drain()
    host.link.writer.transport.resume_reading()
    await ledger.settle(GW, 15)
    assert len(ledger.echoed()) > 500


async def until_stored(gateway, predicate):
    """Until the predicate holds for the stanzas that the database keeps."""
    database = sqlite3.connect(gateway.directory / "work/database.sql")
    begin = time.monotonic()
    while not predicate([row[0] for row in database.execute("SELECT CAST(stanza AS BLOB) FROM s2_pending")]):
        assert time.monotonic() - begin < 10, "not stored as expected"
        await asyncio.sleep(0.05)
    database.close()


async def test_what_waits_for_the_link_survives_a_kill(gateways, host):
    """Messages that came while the link was down are in the database: the next process delivers them, once."""
    gateway = await gateways(host, SCRIPTED, **{"service.backend_timeout": 60})
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    (backend,) = gateway.backends()
    os.kill(backend, signal.SIGSTOP)  # so that it answers when the link is down
    romeo.send_message(EVE, "B50")
    await romeo.sync()
    await host.stop_listening()
    host.link.end()
    await asyncio.wait_for(host.link.closed.wait(), 10)
    os.kill(backend, signal.SIGCONT)
    await until_stored(gateway, lambda rows: any(b">x49<" in row for row in rows))
    for _ in range(2):
        gateway.kill()
        gateway.start()
    await host.start()
    await host.login()
    had = [(await host.expect(message(EVE, type="chat"))).body for _ in range(50)]
    assert had == [f"x{n}" for n in range(50)]
    await until_stored(gateway, lambda rows: not rows)
    gateway.kill()
    gateway.start()
    await host.login()
    await romeo.sync()
    assert not host.take(message(EVE, type="chat")), "delivered again"


async def test_what_waits_is_stored_once(gateways, host):
    """Nothing is confirmed, the link breaks again and again, the process is killed: what was kept comes once."""
    gateway = await gateways(host, SCRIPTED)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    bodies = [f"x{n}" for n in range(3)]
    host.confirms = False
    romeo.send_message(EVE, "B3")
    for _ in range(4):
        for body in bodies:
            await romeo.expect(message(EVE, body))
        host.link.cut()
        await host.login()
    for body in bodies:
        await romeo.expect(message(EVE, body))
    database = sqlite3.connect(gateway.directory / "work/database.sql", isolation_level=None)
    end = time.monotonic() + 10
    while not stored_stanzas(database):
        assert time.monotonic() < end, "nothing is stored"
        await asyncio.sleep(0.05)
    gateway.kill()
    host.take(message(EVE))
    assert [stored_stanzas(database).count(f"<body>{body}</body>") for body in bodies] == [1, 1, 1]
    database.close()
    host.confirms = True
    gateway.start()
    await host.login()
    romeo.send("presence")
    await romeo.expect(available(GW))
    assert [s.body for s in host.take(message(EVE))] == bodies


def stored_stanzas(database):
    (table,) = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE name LIKE '%pending%'")]
    return "".join(str(value) for row in database.execute(f"SELECT * FROM {table}") for value in row)


async def test_restarted_server(gateways, own_prosody, people):
    """Prosody stops under traffic and comes back; so do its users."""
    gateway = await gateways(own_prosody)
    user = await people(host=own_prosody)
    await user.login(GW)
    for jid in (GW,):
        await user.expect(presence(jid, "subscribe"))
        user.send_presence(jid, "subscribed")
    ledger = Ledger(user, ECHO)
    ledger.send(50)
    await ledger.read(50)
    ledger.send(50)
    await user.close()
    own_prosody.stop()
    own_prosody.start()
    again = await people(host=own_prosody, account=user.user, resource="again")
    await gateway.linked(own_prosody, 0)
    await again.online(GW)
    ledger = Ledger(again, ECHO)
    ledger.send(50)
    await ledger.settle(GW)
    assert len(ledger.echoed()) == 50


async def test_killed_main(gateways, host):
    """kill -9 and a new start: who was online is looked for at once and works again within ten seconds."""
    gateway = await gateways(host)
    await host.login()
    users = [host.user(f"user{n}") for n in range(20)]
    for user in users:
        await user.login()
    database = sqlite3.connect(gateway.directory / "work/database.sql", isolation_level=None)
    while database.execute("SELECT count(*) FROM users WHERE online").fetchone()[0] < len(users):
        await asyncio.sleep(0.02)  # written with a little delay
    database.close()
    ledger = Ledger(users[0], ECHO)
    ledger.send(50)
    await ledger.read(10)
    old = gateway.backends()
    gateway.kill()
    begin = time.monotonic()
    gateway.start()
    await host.login()
    asked = set()
    while len(asked) < len(users):
        asked.add((await host.expect(presence(GW, "probe"))).to)
    assert asked == {user.jid for user in users}
    for user in users:
        user.send("presence")
    for user in users:
        await user.expect(available(GW))
    for user in users:
        fresh = Ledger(user, ECHO)
        if user is not users[0]:
            await fresh.until_echoed(GW)
    users[0].send_message(ECHO, "works again")
    await users[0].expect(message(ECHO, "works again"))
    assert time.monotonic() - begin < 10 + SLOWNESS
    await ledger.settle(GW, doubt=True)
    while not all(map(has_ended, old)):
        assert time.monotonic() - begin < 20, "backends of the dead process live on"
        await asyncio.sleep(0.05)


async def test_end_tells_everybody(gateways, host):
    gateway = await gateways(host)
    await host.login()
    users = [host.user(f"user{n}") for n in range(10)]
    for user in users:
        await user.login()
        await user.expect(available(ECHO))
    ledger = Ledger(users[0], ECHO)
    ledger.send(100)
    begin = time.monotonic()
    gateway.send_signal(signal.SIGTERM)
    assert await gateway.ended() == 0
    assert time.monotonic() - begin < 2 + SLOWNESS
    await asyncio.wait_for(host.link.closed.wait(), 5)
    assert host.link.close_tag, "the stream was not closed properly"
    for user in users:
        await user.expect(unavailable(GW), 1)
        await user.expect(unavailable(ECHO), 1)
    ledger.person.sync = no_sync
    await ledger.settle(GW, 1)


async def no_sync(_):
    """The gateway is gone, nothing can follow."""


async def test_a_confirmed_registration_survives(gateways, prosody, people):
    gateway = await gateways(prosody)
    for round in range(5):
        user = await people()
        assert (await user.register(GW, f"bob{round}")).type == "result"
        gateway.kill()
        await gateway.up(prosody)
        answer = await user.iq(GW, f"<query xmlns='{REGISTER}'/>")
        assert answer.xml.findtext(f".//{{{REGISTER}}}username") == f"bob{round}"


async def test_s_7_rb_5_a_locked_database_stops_nothing_else(gateways, prosody, people):
    gateway = await gateways(prosody)
    user, late = await people(), await people()
    await user.login(GW)
    lock = sqlite3.connect(gateway.directory / "work/database.sql", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    ledger = Ledger(user, ECHO)
    ledger.send(50)
    waiting = asyncio.create_task(late.register(GW, "bob"))
    await ledger.settle(GW)
    assert len(ledger.echoed()) == 50 and not waiting.done()
    lock.execute("ROLLBACK")
    lock.close()
    answer = await waiting
    assert answer.type == "result" or answer.error[0] == "wait"


@pytest.mark.slow
async def test_a_slow_backend_fills_no_memory(gateways, host):
    """Its queue is bounded; behind the bound senders are told to wait; what was queued is delivered once."""
    gateway = await gateways(host, **{"service.backend_timeout": 60})
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    (pid,) = gateway.backends()
    ledger = Ledger(romeo, ECHO)
    ledger.send(1)
    await ledger.read(1)
    os.kill(pid, signal.SIGSTOP)
    try:
        before = gateway.rss_kb()
        for _ in range(30):
            ledger.send(100, " " + "x" * 10000)
            await host.link.drain()
        while not ledger.refused():
            await ledger.read(1)
        await romeo.sync()
        assert gateway.rss_kb() - before < 24 * 1024
    finally:
        os.kill(pid, signal.SIGCONT)
    await ledger.settle(GW, 20)
    assert len(ledger.echoed()) > 50


@pytest.mark.slow
async def test_without_any_backend_messages_are_refused(gateways, prosody, people, directories):
    broken = directories("broken") / "backend"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    await gateways(prosody, broken)
    user = await people()
    await user.register(GW, "bob")
    user.send_presence(GW)
    await user.expect(lambda s: s.sender == GW and s.name in ("presence", "message") and s.type != "subscribe")
    id = user.send_message(ECHO, "hello")
    got = await user.expect(message(ECHO, type="error"), 45)
    assert got.id == id and got.error[2]
