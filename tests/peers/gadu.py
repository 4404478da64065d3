# SPDX-License-Identifier: GPL-2.0-or-later
"""A Gadu-Gadu server, as far as one can be had without the network: log-in, contact list, presence, messages, typing and
the public directory of protocol 11, made from the description of the protocol that libgadu's authors have published
(protocol.html, packets.proto). Clients find it at an address of its own, as they know no other port than 8074.

What clients send that has no meaning here is kept in `unknown`."""

import asyncio
import hashlib
import itertools
import struct
import time

from stanzas import Inbox

PORT = 8074
WELCOME, LOGIN, LOGIN_OK, LOGIN_FAILED, DISCONNECTING = 0x01, 0x83, 0x9D, 0x43, 0x0B
NOTIFY_FIRST, NOTIFY_LAST, NOTIFY_EMPTY, NOTIFY_ADD, NOTIFY_REMOVE = 0x77, 0x78, 0x79, 0x7B, 0x7C
STATUS, STATUSES, NEW_STATUS = 0x36, 0x37, 0x38
SEND, RECEIVE, RECEIVE_OWN, RECEIVE_ACK, SEND_ACK = 0x7D, 0x7E, 0x82, 0x86, 0x87
PING, PONG, TYPING, DIRECTORY, DIRECTORY_REPLY = 0x08, 0x07, 0x59, 0x14, 0x0E
BLOCKED = 4  # kind of a contact
OFFLINE, AVAILABLE, BUSY, INVISIBLE, DO_NOT_DISTURB, FREE_FOR_CHAT = 0x01, 0x02, 0x03, 0x14, 0x21, 0x17
DESCRIBED = {0x15: OFFLINE, 0x04: AVAILABLE, 0x05: BUSY, 0x16: INVISIBLE, 0x22: DO_NOT_DISTURB, 0x18: FREE_FOR_CHAT}


# Protocol buffers, as far as packets use them


def number(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def encode(*fields):
    """(field, value): int = varint, ("fixed32"|"fixed64", int), text or bytes."""
    out = b""
    for field, value in fields:
        if isinstance(value, int):
            out += number(field << 3) + number(value)
        elif isinstance(value, tuple):
            wide = value[0] == "fixed64"
            out += number(field << 3 | (1 if wide else 5)) + struct.pack("<Q" if wide else "<I", value[1])
        else:
            data = value.encode() if isinstance(value, str) else value
            out += number(field << 3 | 2) + number(len(data)) + data
    return out


def decode(data):
    """{field: value}; the last one of each."""
    at, found = 0, {}

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value = data[at:at + size]
            at += size
        found[key >> 3] = value
    return found


def packed(uin):
    """A number of the network, as messages have it."""
    digits = str(uin).encode()
    return bytes([1, len(digits)]) + digits


def unpacked(data):
    return int(data[2:2 + data[1]])


class Event:
    """What a client has done, for a person or for the test."""

    def __init__(self, kind, sender, text="", **more):
        self.kind, self.sender, self.text, self.more = kind, sender, text, more

    def __repr__(self):
        return f"{self.kind} of {self.sender}: {self.text!r} {self.more or ''}"


def did(kind, sender, text=None):
    def predicate(one):
        return one.kind == kind and one.sender == sender and text in (None, one.text)
    predicate.__doc__ = f"{kind} of {sender} {text!r}"
    return predicate


class Person:
    """Somebody on Gadu-Gadu who is played by the test. `card`: what the public directory says."""

    def __init__(self, server, uin):
        self.server, self.uin = server, uin
        self.name = str(uin)
        self.status, self.text, self.card = OFFLINE, "", {}
        self.inbox = Inbox(f"{uin} on Gadu-Gadu")
        self.expect, self.take = self.inbox.expect, self.inbox.take

    def show(self, status, text=""):
        self.status, self.text = status, text
        for client in self.server.clients.values():
            if self.uin in client.contacts:
                client.show(STATUS, self)

    def say(self, to, text, html=None, when=None, own_of=None):
        """`own_of`: the receiver has written this to him in another client."""
        self.server.clients[int(to)].message(self.uin, text, html, when, own_of)

    def type(self, to, letters):
        self.server.clients[int(to)].send(TYPING, struct.pack("<HI", letters, self.uin))


class Client:
    """One connection. `contacts`: {number: kind}."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.uin, self.status, self.text, self.contacts = None, OFFLINE, "", {}
        self.numbers = itertools.count(1)

    def send(self, kind, body=b""):
        self.writer.write(struct.pack("<II", kind, len(body)) + body)

    async def run(self):
        seed = self.server.seed
        self.send(WELCOME, struct.pack("<I", seed))
        try:
            while True:
                kind, size = struct.unpack("<II", await self.reader.readexactly(8))
                body = await self.reader.readexactly(size)
                handler = self.handlers.get(kind)
                if handler:
                    handler(self, body)
                else:
                    self.server.unknown.append((kind, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        if self.server.clients.get(self.uin) is self:
            del self.server.clients[self.uin]
            self.server.tell("gone", self.uin)
        self.writer.close()

    def login(self, body):
        fields = decode(body)
        uin = unpacked(fields[2])
        right = hashlib.sha1(f"pass-{uin}".encode() + struct.pack("<I", self.server.seed)).digest()
        if fields[3] != right:
            self.send(LOGIN_FAILED, struct.pack("<I", 1))
            self.writer.close()
            return
        if uin in self.server.clients:
            self.server.clients[uin].send(DISCONNECTING)
            self.server.clients[uin].writer.close()
        self.uin = uin
        self.server.clients[uin] = self
        self.status, self.text = struct.unpack("<I", fields[8])[0], fields.get(9, b"").decode()
        self.send(LOGIN_OK, encode((1, 1), (2, "x"), (3, uin), (4, ("fixed32", int(time.time())))))
        self.server.tell("login", uin)

    def notify(self, body, last=True):
        at, new = 0, []
        while at < len(body):
            size = body[at + 1]
            uin, kind = int(body[at + 2:at + 2 + size]), body[at + 2 + size]
            at += size + 3
            self.contacts[uin] = self.contacts.get(uin, 0) | kind
            new.append(uin)
        for uin in new:
            if uin in self.server.people:
                self.show(STATUSES, self.server.people[uin])
        self.server.tell("contacts", self.uin, " ".join(str(uin) for uin in sorted(self.contacts)), last=last)

    def forget(self, body):
        uin, kind = int(body[2:2 + body[1]]), body[2 + body[1]]
        self.contacts[uin] = self.contacts.get(uin, 0) & ~kind
        if not self.contacts[uin]:
            del self.contacts[uin]
        self.server.tell("forgot", self.uin, str(uin))

    def show(self, kind, person):
        text = person.text.encode()
        described = {plain: status for status, plain in DESCRIBED.items()}
        status = described[person.status] | 0x4000 if text else person.status
        self.send(kind, struct.pack("<IIIIHBBII", person.uin, status, 0, 0, 0, 255, 0, 0, len(text)) + text)

    def new_status(self, body):
        status, _, size = struct.unpack("<III", body[:12])
        status &= 0xFF
        self.status, self.text = DESCRIBED.get(status, status), body[12:12 + size].rstrip(b"\0").decode()
        self.server.tell("status", self.uin, self.text, status=self.status)

    def message(self, sender, text, html=None, when=None, own_of=None):
        seq = next(self.numbers)
        self.send(RECEIVE_OWN if own_of else RECEIVE, encode(
            (1, packed(own_of or sender)), (2, 8), (3, seq), (4, ("fixed32", int(when or time.time()))), (5, text),
            *([(6, html)] if html else []), (9, ("fixed64", seq)), (11, ("fixed64", sender))))

    def say(self, body):
        fields = decode(body)
        to, text, html = unpacked(fields[1]), fields[5].decode(), fields.get(6, b"").decode()
        self.send(SEND_ACK, encode((1, 1), (2, fields[3]), (3, ("fixed32", int(time.time()))), (4, ("fixed64", 1)),
                                   (5, ("fixed64", 1)), (7, 0)))
        if to in self.server.people:
            self.server.people[to].inbox.put(Event("message", str(self.uin), text, html=html))
        elif to in self.server.clients:
            self.server.clients[to].message(self.uin, text, html)

    def type(self, body):
        letters, to = struct.unpack("<HI", body)
        if to in self.server.people:
            self.server.people[to].inbox.put(Event("typing" if letters else "stopped", str(self.uin)))

    def look_up(self, body):
        kind, seq = struct.unpack("<BI", body[:5])
        words = [word.decode() for word in body[5:].split(b"\0")]
        asked = dict(zip(words[::2], words[1::2]))
        person = self.server.people.get(int(asked.get("FmNumber", 0)))
        card = {"FmNumber": person.name, "FmStatus": str(person.status), **person.card} if person else {}
        self.send(DIRECTORY_REPLY, struct.pack("<BI", 5 if kind == 3 else kind, seq) +
                  b"".join(f"{key}\0{value}\0".encode() for key, value in card.items()))

    handlers = {
        LOGIN: login, NOTIFY_FIRST: lambda self, body: self.notify(body, False), NOTIFY_LAST: notify, NOTIFY_ADD: notify,
        NOTIFY_EMPTY: notify, NOTIFY_REMOVE: forget, NEW_STATUS: new_status, SEND: say, TYPING: type, DIRECTORY: look_up,
        PING: lambda self, body: self.send(PONG), RECEIVE_ACK: lambda self, body: None}


class Gadu:
    """Everybody is let in whose password is `pass-NUMBER`. `address`: of 127.0.0.0/8."""

    def __init__(self, address):
        self.address = address
        self.seed = 0x12345678
        self.clients, self.people, self.unknown = {}, {}, []
        self.numbers = itertools.count(1000001)
        self.inbox = Inbox("Gadu-Gadu")
        self.expect, self.take = self.inbox.expect, self.inbox.take

    async def start(self):
        self._tasks = set()
        self._server = await asyncio.start_server(self._serve, self.address, PORT)
        return self

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        await Client(self, reader, writer).run()

    def account(self):
        return next(self.numbers)

    def person(self, **card):
        person = Person(self, self.account())
        person.card = card
        self.people[person.uin] = person
        return person

    def tell(self, kind, uin, text="", **more):
        self.inbox.put(Event(kind, str(uin), text, **more))

    async def stop(self):
        self._server.close()
        for client in list(self.clients.values()):
            client.writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
