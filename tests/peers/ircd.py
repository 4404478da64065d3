# SPDX-License-Identifier: GPL-2.0-or-later
"""An IRC server that does what a test says, written from RFC 1459/2812 and the IRCv3 documents: capabilities, SASL PLAIN,
ISUPPORT as given, channels whose members are strings, and any misbehaviour. It knows one client at a time best; what it
got is kept line by line.

    server = Ircd(caps=["echo-message"], isupport=["CASEMAPPING=rfc1459"])
    await server.start()
    server.on["JOIN"] = lambda link, args: link.numeric(474, args[0], "Cannot join channel (+b)") or True
"""

import asyncio
import base64
import re

from listener import Listener

LINE = re.compile(rb"(?:@([^ ]*) +)?(?::([^ ]*) +)?([^ ]+)((?: +(?!:)[^ ]+)*)(?: +:(.*))? *$", re.S)


def parse(raw):
    """(tags, source, command, arguments) of a line, as text."""
    tags, source, command, middle, last = LINE.match(raw).groups()
    args = middle.decode(errors="replace").split()
    if last is not None:
        args.append(last.decode(errors="replace"))
    keys = dict(tag.partition("=")[::2] for tag in tags.decode().split(";")) if tags else {}
    return keys, (source or b"").decode(errors="replace"), command.decode().upper(), args


class Link:
    """One client's connection."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.nick = None
        self.user = None
        self.negotiating = self.registered = self.closed = False
        self.caps = set()
        self.sasl = ""
        self.tags = {}

    @property
    def source(self):
        return f"{self.nick}!{self.user}@client.test"

    def send(self, text):
        """One line; bytes go out as they are."""
        raw = text.encode() if isinstance(text, str) else text
        self.raw(raw + b"\r\n")

    def raw(self, data):
        if self.server.bytewise:
            data = bytes(data)
            for at in range(len(data)):
                self.writer.write(data[at:at + 1])
        else:
            self.writer.write(data)

    def numeric(self, number, *args, text=None):
        middle = "".join(f" {a}" for a in args)
        self.send(f":irc.test {number:03} {self.nick or '*'}{middle} :{text if text is not None else 'text'}")

    def close(self):
        self.closed = True
        self.writer.close()

    async def run(self):
        try:
            while raw := await self.reader.readline():
                raw = raw.rstrip(b"\r\n")
                if raw:
                    self.handle(raw)
        except (ConnectionError, ValueError):
            pass
        finally:
            self.closed = True
            self.server.changed()

    def handle(self, raw):
        self.tags, _, command, args = parse(raw)
        self.server.got.append((command, *args))
        self.server.raw_lines.append(raw)
        hook = self.server.on.get(command)
        if not (hook and hook(self, args)):
            method = getattr(self, f"on_{command.lower()}", None)
            if method:
                method(*args)
        self.server.changed()

    # What it does unless a test says otherwise.

    def on_cap(self, verb, *args):
        offered = self.server.caps
        if not offered:
            self.send(f":irc.test 421 {self.nick or '*'} CAP :Unknown command")
        elif verb == "LS":
            self.negotiating = not self.registered
            names = [f"{k}={v}" if v else k for k, v in offered.items()]
            half = len(names) // 2
            if args and half:  # 302 allows several lines
                self.send(f":irc.test CAP * LS * :{' '.join(names[:half])}")
                names = names[half:]
            self.send(f":irc.test CAP * LS :{' '.join(names)}")
        elif verb == "REQ":
            wanted = args[-1].split()
            good = all(w in offered and w not in self.server.refused_caps for w in wanted)
            if good:
                self.caps.update(wanted)
            self.send(f":irc.test CAP {self.nick or '*'} {'ACK' if good else 'NAK'} :{args[-1]}")
        elif verb == "END":
            self.negotiating = False
            self.welcome()

    def on_authenticate(self, word):
        if word == "PLAIN":
            self.sasl = ""
            self.send(self.server.challenge)
            return
        if word != "+":
            self.sasl += word
        if len(word) == 400:
            return
        _, account, password = base64.b64decode(self.sasl).decode().split("\0")
        if self.server.accounts.get(account) == password:
            self.numeric(900, self.source, account, text=f"You are now logged in as {account}")
            self.numeric(903, text="SASL authentication successful")
        else:
            self.numeric(904, text="SASL authentication failed")

    def on_nick(self, nick):
        if nick in self.server.taken:
            self.numeric(433, nick, text="Nickname is already in use")
        elif self.registered:
            self.send(f":{self.source} NICK :{nick}")
            self.nick = nick
        else:
            self.nick = nick
            self.welcome()

    def on_user(self, user, *_):
        self.user = user
        self.welcome()

    def welcome(self):
        if self.registered or self.negotiating or not self.nick or not self.user:
            return
        self.registered = True
        self.nick = self.server.forced_nick or self.nick
        self.numeric(1, text="Welcome")
        if self.server.isupport:
            self.send(f":irc.test 005 {self.nick} {' '.join(self.server.isupport)} :are supported by this server")
        self.numeric(422, text="MOTD File is missing")

    def on_ping(self, token, *_):
        self.send(f":irc.test PONG irc.test :{token}")

    def on_join(self, names, *_):
        for name in names.split(","):
            self.join(name)

    def join(self, name):
        """Puts the client into the channel."""
        self.send(f":{self.source} JOIN {name}")
        members = self.server.channels.get(name.lower(), [])
        for at in range(0, len(members), 20):
            self.send(f":irc.test 353 {self.nick} = {name} :{' '.join(members[at:at + 20])}")
        self.send(f":irc.test 353 {self.nick} = {name} :{self.nick}")
        self.send(f":irc.test 366 {self.nick} {name} :End of /NAMES list.")

    def on_who(self, name, *_):
        self.send(f":irc.test 315 {self.nick} {name} :End of /WHO list.")

    def on_part(self, name, *_):
        self.send(f":{self.source} PART {name}")

    def on_topic(self, name, topic):
        self.send(f":{self.source} TOPIC {name} :{topic}")

    def on_privmsg(self, target, text):
        if "echo-message" in self.caps:
            label = f"@label={self.tags['label']} " if "label" in self.tags and "labeled-response" in self.caps else ""
            self.send(f"{label}:{self.source} PRIVMSG {target} :{text}")

    def on_quit(self, *_):
        self.send("ERROR :Closing link")
        self.close()


class Ircd:
    def __init__(self, caps=(), isupport=(), accounts=None, channels=None):
        self.caps = dict(c.partition("=")[::2] for c in caps)
        self.isupport = list(isupport)
        self.accounts = accounts or {}
        self.channels = channels or {}
        self.refused_caps = set()
        self.taken = set()
        self.forced_nick = None
        self.challenge = "AUTHENTICATE +"
        self.bytewise = False
        self.on = {}
        self.got = []
        self.raw_lines = []
        self.links = []
        self.port = self.listener = None
        self._event = asyncio.Event()

    async def start(self):
        self.listener = self.listener or Listener(self._accept, self.port or 0)
        await self.listener.start()
        self.port = self.listener.port
        return self

    async def _accept(self, reader, writer):
        link = Link(self, reader, writer)
        self.links.append(link)
        self.changed()
        await link.run()

    @property
    def link(self):
        """The newest connection."""
        return self.links[-1]

    def changed(self):
        self._event.set()

    async def until(self, condition, what, limit=10.0):
        """Waits until `condition()` is true; returns its value."""
        end = asyncio.get_running_loop().time() + limit
        while not (value := condition()):
            self._event.clear()
            left = end - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._event.wait(), max(0.001, left))
            except asyncio.TimeoutError:
                raise AssertionError(f"not within {limit:g} s: {what}\nthe server got:\n  " +
                                     "\n  ".join(map(str, self.got[-30:]))) from None
        return value

    async def received(self, *wanted, count=1, limit=10.0):
        """Waits for `count` lines that begin with these words (None = any)."""
        def found():
            hits = [g for g in self.got
                    if len(g) >= len(wanted) and all(w in (None, h) for w, h in zip(wanted, g))]
            return hits[count - 1] if len(hits) >= count else None
        return await self.until(found, f"line {wanted}", limit)

    async def stop(self):
        for link in self.links:
            link.close()
        await self.listener.stop()
