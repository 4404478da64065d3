# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode under those who want nothing good: crowds that say nothing, handshakes that never end, old TLS."""

import asyncio
import os
import socket
import ssl
import time

import pytest

from person import RawUser
from processes import LIMIT, free_port
from server import make_certificate, trusting, wait_until
from stanzas import message

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
CROWD = 5000


def crowd(server, count, begin=b"", port=None):
    sockets = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port or server.port))
        if begin:
            one.sendall(begin)
        one.setblocking(False)
        sockets.append(one)
    return sockets


def is_closed(one):
    """Takes what is there."""
    try:
        while data := one.recv(65536):
            del data
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


async def slowest_echo(person, rounds=40):
    slowest = 0
    for number in range(rounds):
        start = time.monotonic()
        person.send_message(f"echo@{DOMAIN}", f"round {number}")
        await person.expect(message(f"echo@{DOMAIN}", f"round {number}"))
        slowest = max(slowest, time.monotonic() - start)
    return slowest


@pytest.mark.parametrize("begin", [b"", b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/s"],
                         ids=["silent", "half a header"])
async def test_a_silent_crowd_is_shown_out(servers, people, begin):
    """5,000 connections that say nothing: others talk and log in as before, and after connect_timeout they are gone."""
    server = await servers(service__connect_timeout=6, service__more_resources=1)
    talker = await people(host=server, kind=RawUser)
    before = len(os.listdir(f"/proc/{server.pid}/fd"))
    silent = crowd(server, CROWD, begin)
    try:
        assert await slowest_echo(talker) < 2
        newcomer = await people(host=server, kind=RawUser)
        assert await slowest_echo(newcomer) < 2
        left = list(silent)

        def all_closed():
            left[:] = [one for one in left if not is_closed(one)]
            return not left
        await wait_until(all_closed, 3 * LIMIT)
        await wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) <= before + 10, LIMIT)
        await slowest_echo(talker, 1)
    finally:
        for one in silent:
            one.close()


async def test_handshakes_that_never_end(servers, people, directories):
    """Half-open TLS on each port: out after connect_timeout."""
    port = free_port()
    server = await servers(service__connect_timeout=2, service__cert=make_certificate(directories("cert")),
                           service__direct_tls_port=port, service__require_tls=0)
    talker = await people(host=server, kind=RawUser)
    stuck = crowd(server, 50, port=port) + crowd(server, 50, b"\x16\x03\x01\x02\x00\x01", port)
    await slowest_echo(talker, 5)
    left = list(stuck)

    def all_closed():
        left[:] = [one for one in left if not is_closed(one)]
        return not left
    await wait_until(all_closed, 2 * LIMIT)
    for one in stuck:
        one.close()
    await slowest_echo(talker, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["TLS 1.0", "TLS 1.1"])
async def test_old_tls_is_refused(servers, wires, directories, version):
    port = free_port()
    server = await servers(service__cert=make_certificate(directories("cert")), service__direct_tls_port=port)
    context = trusting()
    context.minimum_version = version
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await wires(server, port=port, context=context)


async def test_nobody_renegotiates(servers, people, directories):
    """TLS 1.2 lets a client ask for another handshake on a connection that stands, which costs the server more than the
    client."""
    path = make_certificate(directories("cert"))
    port = free_port()
    server = await servers(service__cert=path, service__direct_tls_port=port, service__require_tls=0)
    watcher = await people(host=server, kind=RawUser)
    tool = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-alpn", "xmpp-client", "-legacy_renegotiation",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said = b""
    while b"Verify return code" not in said:  # its last line before it listens
        piece = await asyncio.wait_for(tool.stdout.read(4096), 2 * LIMIT)
        assert piece, said
        said += piece
    tool.stdin.write(b"R\n")
    said, _ = await asyncio.wait_for(tool.communicate(), 2 * LIMIT)
    assert b"RENEGOTIATING" in said and b"no renegotiation" in said, said
    watcher.send_message(f"echo@{DOMAIN}", "still here")
    await watcher.expect(message(f"echo@{DOMAIN}", "still here"))


async def test_a_crowd_that_leaves_at_once(servers, people):
    """200 clients whose connections vanish without a word, in the middle of what they do."""
    server = await servers(service__more_resources=1)
    watcher = await people(host=server, kind=RawUser)
    halves = [f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{DOMAIN}' "
              "version='1.0'>",
              "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHVzZXIAc2VjcmV0</auth>", "<presence"]
    for number in range(200):
        one = socket.create_connection(("127.0.0.1", server.port))
        one.sendall("".join(halves[:number % 3 + 1]).encode())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        one.close()
    assert await slowest_echo(watcher) < 2


async def test_byte_by_byte_until_the_chat(servers, wires, people):
    """Everything that a client says comes in single bytes, each in a packet of its own."""
    server = await servers(service__more_resources=1)
    other = await people(host=server, kind=RawUser)
    wire = await wires(server)
    send, writer = wire.send, wire.writer

    def dribble(xml):
        for byte in xml.encode():
            writer.write(bytes([byte]))
    wire.send = dribble
    wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await wire.log_in(server.account())
    await wire.bind("x")
    wire.send(f"<presence/><message to='echo@{DOMAIN}' type='chat'><body>b\u00fcndig \U0001f642</body></message>")
    await wire.expect(message(f"echo@{DOMAIN}", "b\u00fcndig \U0001f642"))
    wire.send = send
    await slowest_echo(other, 3)


async def test_a_client_that_vanished_is_noticed(servers, wires):
    """The kernel is told to ask after silent peers, and not to wait for ever for those who take nothing."""
    server = await servers()
    wire = await wires(server)
    await wire.log_in(server.account())
    await wire.bind("x")
    mine = wire.writer.get_extra_info("sockname")[1]

    def keepalive_runs():
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table][1:]
        timers = [row[5] for row in rows if int(row[1].split(":")[1], 16) == server.port
                  and int(row[2].split(":")[1], 16) == mine]
        return timers and timers[0].startswith("02:")
    await wait_until(keepalive_runs)
