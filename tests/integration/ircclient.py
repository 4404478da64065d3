# SPDX-License-Identifier: GPL-2.0-or-later
"""A person on IRC: a plain client (RFC 1459) that answers PING and keeps every other line for the test."""

import asyncio
import re

from processes import LIMIT
from stanzas import Inbox

LINE = re.compile(r"(?:@(\S+) +)?(?::(\S+) +)?(\S+) ?(.*)", re.S)


class Line:
    def __init__(self, text):
        self.text = text
        self.tags, self.source, self.command, rest = LINE.match(text).groups()
        head, colon, trailing = (" " + rest).partition(" :")
        self.args = head.split() + ([trailing] if colon else [])
        self.nick = (self.source or "").partition("!")[0]

    def __repr__(self):
        return self.text


def line(command, *args, nick=None):
    """A predicate; an argument of None matches anything."""
    def predicate(got):
        return (got.command == command and nick in (None, got.nick) and len(got.args) >= len(args)
                and all(want in (None, have) for want, have in zip(args, got.args)))
    predicate.__doc__ = f"IRC {command} {' '.join(str(a) for a in args)} from {nick or 'anybody'}"
    return predicate


class IrcClient:
    def __init__(self, nick, port):
        self.nick = nick
        self.port = port
        self.inbox = Inbox(f"{nick} on IRC")
        self.expect = self.inbox.expect
        self.take = self.inbox.take

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._feed = asyncio.create_task(self._read())
        self.send(f"NICK {self.nick}")
        self.send(f"USER {self.nick} 0 * :{self.nick}")
        await self.expect(line("001"))
        return self

    async def _read(self):
        while raw := await self.reader.readline():
            got = Line(raw.decode(errors="replace").rstrip("\r\n"))
            if got.command == "PING":
                self.send(f"PONG :{got.args[-1]}")
            else:
                self.inbox.put(got)

    def send(self, text):
        self.writer.write(f"{text}\r\n".encode())

    def send_bytes(self, raw):
        self.writer.write(raw + b"\r\n")

    async def join(self, channel, key=""):
        self.send(f"JOIN {channel} {key}")
        await self.expect(line("366", None, channel))

    def say(self, target, text):
        self.send(f"PRIVMSG {target} :{text}")

    async def heard(self, target, text, nick=None, limit=LIMIT):
        return await self.expect(line("PRIVMSG", target, text, nick=nick), limit)

    async def sync(self):
        self.send("PING :sync")
        await self.expect(line("PONG"))

    async def oper(self):
        self.send("OPER oper operpass")
        await self.expect(line("381"))

    async def close(self):
        self._feed.cancel()
        self.writer.close()
