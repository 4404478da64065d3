# SPDX-License-Identifier: GPL-2.0-or-later
"""A backend as a main process has it, the IRC backend if nothing else is said: a real process at the end of a socket,
frames in and out."""

import asyncio
import contextlib
import itertools
import os
import socket
import struct
import subprocess

from gateway import IRC, sanitizers
from processes import LIMIT, MARK, Process
from stanzas import Inbox
from wire import CONDITIONS, frame, parse

ME, KICKED, MODERATOR = 16, 32, 1
OWNER, ADMIN, MEMBER, NONE = 4, 3, 2, 1
PARTICIPANT, IS_MODERATOR = 3, 4
LEFT, AWAY, ONLINE = 5, 1, 0


def got(type, **fields):
    """A predicate on frames; a field of None must be absent or empty, a callable judges the value."""
    def predicate(one):
        if one.type != type:
            return False
        for name, want in fields.items():
            have = one.fields.get(name)
            if callable(want):
                if have is None or not want(have):
                    return False
            elif (have or None) != (want or None):
                return False
        return True
    predicate.__doc__ = f"{type} {fields}"
    return predicate


def participant(room, nickname, **more):
    return got("PARTICIPANT_CHANGED", room=room, nickname=nickname, **more)


def result(id, condition="done", **more):
    return got("MESSAGE_RESULT", id=id, condition=CONDITIONS.index(condition), **more)


def room_error(room, condition, **more):
    return got("ROOM_ERROR", room=room, condition=CONDITIONS.index(condition), **more)


def said(peer, body, **more):
    return got("CONV_MESSAGE", buddyName=peer, message=body, **more)


class Backend(Process):
    program = IRC
    jid = "irc.test"
    expect_crash = False

    def __init__(self, directory, settings):
        super().__init__(directory, "backend")
        self.inbox = Inbox("main process")
        self.expect = self.inbox.expect
        self.take = self.inbox.take
        self.settings = settings

    async def start(self):
        path, logging = self.directory / "backend.cfg", self.directory / "logging.cfg"
        logging.write_text("log4j.rootLogger=debug, R\n")
        sections = {}
        for key, value in {"service.jid": self.jid, "logging.backend_config": logging, **self.settings}.items():
            section, _, name = key.partition(".")
            for one in value if isinstance(value, list) else [value]:
                sections.setdefault(section, []).append(f"{name} = {one}\n")
        path.write_text("".join(f"[{name}]\n{''.join(lines)}" for name, lines in sections.items()))
        ours, theirs = socket.socketpair()
        variables = {k: v for k, v in os.environ.items() if k != MARK}
        variables.update(self.environment())
        variables.update({MARK: str(self.directory), "SPECTRUM2_FD": str(theirs.fileno()), "SPECTRUM2_EXTENSIONS": "1"})
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen([self.program, "--service.backend_id=1", path], cwd=self.directory, env=variables,
                                          stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self.reader, self.writer = await asyncio.open_connection(sock=ours, limit=1 << 24)
        self._feed = asyncio.create_task(self._read())
        self.config = (await self.expect(got("BACKEND_CONFIG"))).fields["config"]
        return self

    def environment(self):
        return sanitizers(self.directory)

    async def _read(self):
        try:
            while True:
                size, = struct.unpack(">I", await self.reader.readexactly(4))
                one = parse(await self.reader.readexactly(size))
                if one.type != "STATS":
                    self.inbox.put(one)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def send(self, name, **fields):
        self.writer.write(frame(name, **fields))

    async def sync(self):
        """Returns when everything that was sent to the backend before has been handled."""
        self.send("PING")
        await self.expect(got("PONG"))

    async def close(self):
        if self.running():
            self.send("EXIT")
            await self.writer.drain()
            self.writer.close()
            loop = asyncio.get_running_loop()
            status = await loop.run_in_executor(None, self.child.wait, LIMIT)
        else:
            status = self.child.returncode
        self._feed.cancel()
        if self.expect_crash:
            return
        reports = "\n".join(p.read_text(errors="replace")[:8000] for p in self.directory.rglob("report.*"))
        assert status == 0 and not reports, f"exit status {status}\n{reports}\n{self.log()[-4000:]}"


class User:
    """One logged-in user of the backend."""

    numbers = itertools.count(1)

    def __init__(self, backend, server=None, name="romeo", password=""):
        self.backend = backend
        self.server = server  # behind the '@' of every name; None with service.irc_server
        self.jid = f"user{next(self.numbers)}@example.org"
        self.name = name
        self.password = password
        self.ids = itertools.count(1)

    async def login(self, connected=True, **more):
        self.backend.send("LOGIN", user=self.jid, legacyName=self.name, password=self.password, **more)
        if connected:
            await self.expect(got("CONNECTED"))
        return self

    def logout(self):
        self.backend.send("LOGOUT", user=self.jid, legacyName=self.name)

    def mine(self, predicate):
        def both(one):
            owner = one.fields.get("user") or one.fields.get("userName")
            return owner == self.jid and predicate(one)
        both.__doc__ = predicate.__doc__
        return both

    async def expect(self, predicate, limit=LIMIT):
        return (await self.backend.expect(self.mine(predicate), limit)).fields

    def take(self, predicate):
        return [one.fields for one in self.backend.take(self.mine(predicate))]

    def full(self, name):
        return f"{name}@{self.server}" if self.server else name

    def enter(self, channel, nick, key=""):
        self.backend.send("JOIN_ROOM", userName=self.jid, nickname=nick, room=self.full(channel), password=key)
        return self.full(channel)

    async def join(self, channel, nick, key=""):
        """Joins; returns (room, participants in order, subject)."""
        room = self.enter(channel, nick, key)
        people = []
        while True:
            one = await self.expect(lambda f: f.fields.get("room") == room and
                                    f.type in ("PARTICIPANT_CHANGED", "ROOM_ERROR"))
            assert "condition" not in one, one
            people.append(one)
            if one["flag"] & ME:
                break
        subject = await self.expect(got("ROOM_SUBJECT_CHANGED", buddyName=room))
        return room, people, subject

    def leave(self, channel):
        self.backend.send("LEAVE_ROOM", userName=self.jid, nickname="", room=self.full(channel), password="")

    def say(self, peer, text, **more):
        """Returns the message's id."""
        id = f"m{next(self.ids)}"
        self.backend.send("CONV_MESSAGE", userName=self.jid, buddyName=peer, message=text, id=id, **more)
        return id

    def topic(self, room, text):
        id = f"t{next(self.ids)}"
        self.backend.send("ROOM_SUBJECT_CHANGED", userName=self.jid, buddyName=room, message=text, id=id)
        return id

    def status(self, status, text=""):
        self.backend.send("STATUS_CHANGED", userName=self.jid, status=status, statusMessage=text)

    async def settled(self, predicate=lambda one: True):
        """What has come by now and matches."""
        await self.backend.sync()
        return self.take(predicate)


def dotted(settings):
    """Keys as configurations spell them: service__jid is service.jid."""
    return {key.replace("__", "."): value for key, value in settings.items()}


@contextlib.asynccontextmanager
async def several(request):
    """For fixtures: gives what starts a backend; in the end their logs are shown if the test has failed, and all are closed."""
    started = []

    async def start(one):
        started.append(one)
        return await one.start()

    yield start
    if getattr(request.node, "failed", False):
        for one in started:
            print(f"--- log, the last lines\n{one.log()[-6000:]}")
    for one in started:
        await one.close()
