# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration behind scripts/demo: servers and spectrum2 from the test bed, one exchange between an XMPP user and
an IRC user, then an invitation to join them."""

import asyncio
import pathlib
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/integration"))

from gateway import IRC, LOOPBACK, VILLAGE, Gateway
from hosts import Ejabberd, Prosody, component_port
from ircclient import IrcClient, line
from ircds import Inspircd, Ngircd
from stanzas import message
from person import RawUser
from processes import free_port
from server import Server, make_certificate

CHANNEL = "#demo"
# What the network without servers can do: all that there is.
ABILITIES = "muc,corrections,retractions,reactions,replies,markers,attachments,receipts,blocking"


def show(who, text):
    print(f"  {who:<28} {text}", flush=True)


async def exchange(host, ircd):
    room = f"{CHANNEL}%127.0.0.1\\3a{ircd.port}@irc.localhost"
    print("\nA first exchange")
    bob = await IrcClient("bob", ircd.port).connect()
    await bob.join(CHANNEL)
    show("IRC, bob", f"has joined {CHANNEL}")
    alice = await RawUser(host, host.account("alice")).connect()
    await alice.reach("irc.localhost")
    joined = await alice.join(room, "alice")
    await bob.expect(line("JOIN", CHANNEL, nick="alice"))
    show(f"XMPP, {alice.jid}", f"has joined {room}")
    show(f"XMPP, {alice.jid}", "sees there: " + ", ".join(s.resource for s in joined[:-1]))

    alice.send_message(room, "Hello from XMPP!", type="groupchat")
    got = await bob.expect(line("PRIVMSG", CHANNEL, None))
    show("IRC, bob", f"sees: <{got.nick}> {got.args[1]}")
    bob.say(CHANNEL, f"Welcome, {got.nick}. This is IRC.")
    got = await alice.expect(message(f"{room}/bob", type="groupchat"))
    show(f"XMPP, {alice.jid}", f"sees: <{got.resource}> {got.body}")
    return alice, bob, room


def invite(host, ircd, room):
    name, domain = host.account("demo"), getattr(host, "domain", "localhost")
    print(f"""
Join them. Everything runs on this machine only, until you press Ctrl-C here.

  With an XMPP client:
    account    {name}@{domain}
    password   pass-{name}
    server     127.0.0.1, port {host.port} (accept the self-signed certificate, or switch TLS off)
    then join the room
               {room}
    In profanity:
      /connect {name}@{domain} server 127.0.0.1 port {host.port} tls trust
      /join {room}

  With an IRC client: server 127.0.0.1, port {ircd.port}, no TLS, channel {CHANNEL}
      irssi -c 127.0.0.1 -p {ircd.port} -n carol      then /join {CHANNEL}
    or with nothing but nc, a line at a time:
      nc 127.0.0.1 {ircd.port}
      NICK carol
      USER carol 0 * :carol
      JOIN {CHANNEL}
      PRIVMSG {CHANNEL} :hello
""", flush=True)


def invite_clients(host, ircd):
    """What there is to try clients against."""
    romeo, juliet = host.account("romeo"), host.account("juliet")
    path = "xmpp-websocket" if isinstance(host, Prosody) else "ws"
    print(f"""
More accounts: {romeo}@localhost and {juliet}@localhost, password pass-NAME.
WebSocket: ws://localhost:{host.http_port}/{path}
Two gateways: irc.localhost, without privileges on the server, and gw.localhost, with them. Behind gw.localhost is
a network that exists in its backend only: whoever registers under a name can add others by theirs, and the contact
`control` does what tests/peers/backend.py has for the body of a message.
The values for a shell:
  PORT={host.port} HPORT={host.http_port} IPORT={ircd.port} ROMEO={romeo} JULIET={juliet}
""", flush=True)


async def start_clients(directory, running, ircd, kind=Prosody):
    """All that a client can be tried against."""
    more = {"tls": True, "upload": True, "web": True} if kind is Prosody else {}
    host = kind(directory / "host", privileged=True, **more)
    running.append(host)
    host.start()
    show(f"{kind.__name__}, the XMPP server", f"127.0.0.1 port {host.port}")
    for jid, backend in (("irc.localhost", IRC), ("gw.localhost", f"{VILLAGE} --features={ABILITIES}")):
        gateway = Gateway(directory / jid, jid, backend, component_port(host, jid))
        running.append(gateway)
        await gateway.up(host)
        show("spectrum2", f"{jid}, log in {gateway.log_path}")
    return host, lambda: invite_clients(host, ircd)


async def start_clients_ejabberd(directory, running, ircd):
    return await start_clients(directory, running, ircd, Ejabberd)


async def start_gateway(directory, running, _ircd):
    """Prosody, and spectrum2 as a component of it."""
    host = Prosody(directory / "prosody", tls=True)
    running.append(host)
    host.start()
    show("Prosody, the XMPP server", f"127.0.0.1 port {host.port}")
    gateway = Gateway(directory / "spectrum2", "irc.localhost", IRC, host.component_port)
    running.append(gateway)
    await gateway.up(host)
    show("spectrum2", f"irc.localhost, log in {gateway.log_path}")
    return host, None


async def start_server(directory, running, _ircd):
    """spectrum2 as the XMPP server."""
    server = Server(directory / "spectrum2", "irc.localhost", IRC)
    running.append(server)
    await server.up()
    show("spectrum2, the XMPP server", f"127.0.0.1 port {server.port}, log in {server.log_path}")
    return server, None


def invite_server_clients(servers, ircd):
    """What there is to try clients against, when spectrum2 is their server."""
    values = [f"IPORT={ircd.port}"]
    print("\nMore servers, each with STARTTLS, TLS from the first byte on, WebSocket and uploads:")
    for prefix, jid, accounts, what in (
            ("A", "irc.localhost", "any name and password", "IRC, rooms of any server"),
            ("N", "net.localhost", "romeo with the password romeopass", "the IRC server alone, with its services"),
            ("G", "gw.localhost", "any name; password any but wrong, unknown, down, silent", "a network in its backend only"),
            ("L", "local.localhost", "any name and password", "people who are all here: backends/loopback")):
        server = servers[jid]
        port, tls, web = server.port, server.settings["service.direct_tls_port"], server.settings["service.websocket_port"]
        scheme = "wss" if "service.websocket_tls" in server.settings else "ws"
        print(f"""  {jid:<14} {what}: {accounts}
  {"":<14} port {port}, with TLS {tls}, {scheme}://{jid}:{web}/xmpp-websocket
  {"":<14} certificate {server.directory}/cert.crt""")
        values.append(f"{prefix}PORT={port} {prefix}TLS={tls} {prefix}WEB={web}")
    print(f"""
Whoever logs in at gw.localhost can add others by their names, and the contact `control` does what
tests/peers/backend.py has for the body of a message. The values for a shell:
  {" ".join(values)}
""", flush=True)


async def start_server_clients(directory, running, ircd):
    """spectrum2 as the XMPP server, in front of IRC, of one IRC network, of a network that can do everything, and of nothing."""
    servers = {}
    ircd.account("romeo", "romeopass")
    network = f"127.0.0.1:{ircd.port}"
    for jid, backend, more in (("net.localhost", IRC, {"service.irc_server": network}),
                               ("gw.localhost", f"{VILLAGE} --features={ABILITIES}", {"service.websocket_tls": "on"}),
                               ("local.localhost", LOOPBACK, {"service.websocket_tls": "on"}),
                               ("irc.localhost", IRC, {"service.require_tls": 0})):
        place = directory / jid
        place.mkdir()
        server = Server(place, jid, backend, {
            "service.cert": make_certificate(place, jid), "service.more_resources": 1,
            "service.direct_tls_port": free_port(), "service.websocket_port": free_port(), **more})
        running.append(server)
        await server.up()
        servers[jid] = server
        show("spectrum2, an XMPP server", f"{jid}, log in {server.log_path}")
    return server, lambda: invite_server_clients(servers, ircd)


# By the words of the command line: how to start (returns the host and what else there is to say), and the IRC server.
WAYS = {(): (start_server, Ngircd), ("gateway",): (start_gateway, Ngircd), ("clients",): (start_clients, Inspircd),
        ("clients", "ejabberd"): (start_clients_ejabberd, Inspircd), ("clients", "server"): (start_server_clients, Inspircd)}


async def run(once, start, irc_server):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="spectrum2-demo-"))
    running = []
    status = 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    ircd = irc_server(directory / "ircd")
    try:
        print("\nStarting")
        running.append(ircd)
        ircd.start()
        show(f"{irc_server.__name__}, the IRC server", f"127.0.0.1 port {ircd.port}")
        host, more = await start(directory, running, ircd)
        alice, bob, room = await exchange(host, ircd)
        status = 0
        if not once:
            invite(host, ircd, room)
            if more:
                more()
            await asyncio.Event().wait()
        await alice.close()
        await bob.close()
    except asyncio.CancelledError:
        print("Ending.", flush=True)
    except AssertionError as why:
        print(f"\nThe demonstration failed: {why}", file=sys.stderr)
        for process in running:
            print(f"--- the end of {process.log_path.name}\n{process.log()[-2000:]}", file=sys.stderr)
    finally:
        for process in reversed(running):
            try:
                process.end()
            except AssertionError as why:
                print(why, file=sys.stderr)
            process.end_marked()
        shutil.rmtree(directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    words = tuple(word for word in sys.argv[1:] if word != "--once")
    if words not in WAYS:
        sys.exit("usage: scripts/demo [gateway | clients [ejabberd | server]] [--once]")
    sys.exit(asyncio.run(run("--once" in sys.argv[1:], *WAYS[words])))
