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

from gateway import IRC, Gateway
from hosts import Prosody
from ircclient import IrcClient, line
from ircds import Ngircd
from stanzas import message
from person import RawUser
from server import Server

CHANNEL = "#demo"


def show(who, text):
    print(f"  {who:<28} {text}", flush=True)


async def exchange(host, ircd):
    room = f"{CHANNEL}%127.0.0.1\\3a{ircd.port}@irc.localhost"
    print("\nA first exchange")
    bob = await IrcClient("bob", ircd.port).connect()
    await bob.join(CHANNEL)
    show("IRC, bob", f"has joined {CHANNEL}")
    alice = await RawUser(host, host.account("alice")).connect()
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


async def start_gateway(directory, running):
    """Prosody, and spectrum2 as a component of it."""
    host = Prosody(directory / "prosody", tls=True)
    running.append(host)
    host.start()
    show("Prosody, the XMPP server", f"127.0.0.1 port {host.port}")
    gateway = Gateway(directory / "spectrum2", "irc.localhost", IRC, host.component_port)
    running.append(gateway)
    await gateway.up(host)
    show("spectrum2", f"irc.localhost, log in {gateway.log_path}")
    return host


async def start_server(directory, running):
    """spectrum2 as the XMPP server."""
    server = Server(directory / "spectrum2", "irc.localhost", IRC)
    running.append(server)
    await server.up()
    show("spectrum2, the XMPP server", f"127.0.0.1 port {server.port}, log in {server.log_path}")
    return server


async def run(once, start):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="spectrum2-demo-"))
    running = []
    status = 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    ircd = Ngircd(directory / "ngircd")
    try:
        print("\nStarting")
        running.append(ircd)
        ircd.start()
        show("ngIRCd, the IRC server", f"127.0.0.1 port {ircd.port}")
        host = await start(directory, running)
        alice, bob, room = await exchange(host, ircd)
        status = 0
        if not once:
            invite(host, ircd, room)
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
    sys.exit(asyncio.run(run("--once" in sys.argv[1:], start_gateway if "gateway" in sys.argv[1:] else start_server)))
