#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A backend that does what it is told: the other end of tests/unit/link.c.

It knows the wire from its description alone: 4 bytes length (big-endian), then protobuf by hand. As an old backend it
connects to --host/--port; with --extended it uses the descriptor that SPECTRUM2_FD names and confirms each message.
What it does to the main process is chosen by options at the start (see main) and by message bodies (see BODIES).
"""
import json
import os
import random
import re
import signal
import socket
import struct
import sys
import time

from pictures import PICTURES, hash_of

CONNECTED, DISCONNECTED, LOGIN, LOGOUT, BUDDY_CHANGED, BUDDY_REMOVED, CONV_MESSAGE = 1, 2, 3, 4, 6, 7, 8
PING, PONG, JOIN_ROOM, LEAVE_ROOM, PARTICIPANT_CHANGED, ROOM_NICKNAME_CHANGED = 9, 10, 11, 12, 13, 14
ROOM_SUBJECT_CHANGED, VCARD, STATUS_CHANGED, TYPING, STOPPED_TYPING, TYPED = 15, 16, 17, 18, 19, 20
AUTH_REQUEST, ATTENTION, STATS, EXIT, BACKEND_CONFIG, QUERY, ROOM_LIST, ACK = 21, 22, 23, 29, 30, 31, 32, 33
BLOCK_RESULT = 150
RAW_XML, BUDDIES, API_VERSION, MESSAGE_RESULT, ROOM_ERROR, ANNOTATION = 34, 35, 36, 101, 102, 103
ROOM_ANSWER, ROOM_INFO, ROOM_INVITATION = 131, 132, 133


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def pack(fields):
    """A protobuf message of {number: int, str, bytes, another such message, or a list of them}; None is left out."""
    out = b""
    for number, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            if isinstance(item, dict):
                item = pack(item)
            if isinstance(item, int):
                out += varint(number << 3) + varint(item)
            else:
                data = item.encode() if isinstance(item, str) else item
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def unpack_all(data):
    """{number: [values]}; sub-messages stay bytes."""
    fields, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        fields.setdefault(key >> 3, []).append(value)
    return fields


def unpack(data):
    """{number: last value}; sub-messages stay bytes."""
    return {number: values[-1] for number, values in unpack_all(data).items()}


def shown(data):
    """A frame's fields as JSON, without the user: what a test looks at."""
    def plain(values):
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values]
        return texts[0] if len(texts) == 1 else texts
    return json.dumps({number: plain(values) for number, values in unpack_all(data).items() if number != 1})


def frame(kind, fields=None):
    payload = pack({1: kind, 2: None if fields is None else pack(fields)})
    return struct.pack(">I", len(payload)) + payload


class Backend:
    def __init__(self, line, extended):
        self.line = line
        self.extended = extended
        self.users = []  # who has logged in
        self.asker = b""
        self.orders = []
        self.cards = {}  # by name: what is answered; None: nothing
        self.card_requests = []  # names
        self.own_card = {}
        self.out = b""

    def send(self, kind, fields=None):
        self.out += frame(kind, fields)

    def flush(self):
        data, self.out = self.out, b""
        self.line.sendall(data)

    def say(self, user, peer, text, **extra):
        self.send(CONV_MESSAGE, {1: user, 2: peer, 3: text, **extra})

    def run(self):
        pending = b""
        while True:
            data = self.line.recv(1 << 18)
            if not data:
                return
            pending += data
            while len(pending) >= 4:
                length = struct.unpack(">I", pending[:4])[0]
                if len(pending) < 4 + length:
                    break
                payload, pending = pending[4 : 4 + length], pending[4 + length :]
                wrapper = unpack(payload)
                self.raw = wrapper.get(2, b"")
                self.handle(wrapper[1], unpack(self.raw))
            self.flush()

    def handle(self, kind, fields):
        handler = getattr(self, f"on_{kind}", None)
        if handler:
            handler(fields)

    # ---- Frames ----

    def on_9(self, _):  # PING
        self.send(PONG)
        self.send(STATS, {1: 5000, 2: 4800, 3: 3000, 4: str(os.getpid())})

    def on_29(self, _):  # EXIT
        self.flush()
        if "--polite" in sys.argv:  # as our kit: ends its half, waits for the other
            self.line.shutdown(socket.SHUT_WR)
            while self.line.recv(1 << 16):
                pass
        sys.exit(0)

    def on_3(self, login):  # LOGIN
        user, password = login[1], login[3]
        self.users.append(user)
        if password == b"crash":
            os.abort()
        if password == b"wrong":
            self.send(DISCONNECTED, {1: user, 2: 2, 3: "Bad password"})
        elif password == b"strange":
            self.send(DISCONNECTED, {1: user, 2: -7, 3: "No such number"})
        else:
            self.send(CONNECTED, {1: user})

    def on_16(self, card):  # VCARD
        photo = PHOTOS.get(card.get(2, b""))
        if 6 not in card:
            self.card_requests.append(card.get(2, b"").decode())
        if 6 not in card and card.get(2) in self.cards:
            fields = self.cards[card[2]]
            if fields is not None:
                self.send(VCARD, {1: card[1], 2: card[2], 3: card[3], **fields})
        elif photo:
            self.send(VCARD, {1: card[1], 2: card[2], 3: card[3], 4: "Full Name", 6: photo})
        elif 6 in card:
            self.own_card = card
            self.say(card[1], "photo", f"{len(card[6])} bytes of {card.get(5, b'').decode()}")
        else:
            self.send(VCARD, {1: card[1], 2: card[2], 3: card[3], 4: "Full Name", 5: "nick", 6: b"\x89PNG"})

    def on_6(self, buddy):  # BUDDY_CHANGED
        self.arranged = buddy
        if 8 in buddy:
            self.say(buddy[1], buddy[2], f"blocked={buddy[8]}")
            if buddy[2] != b"silent":
                refused = {3: 10, 4: "Not the operator."} if buddy[2] == b"op" else {3: 0}
                self.send(BLOCK_RESULT, {1: buddy[1], 2: buddy[2], **refused})
        else:
            self.send(BUDDY_CHANGED, {1: buddy[1], 2: buddy[2], 3: buddy.get(3, ""), 4: [buddy.get(4, b"Friends")], 5: 1})

    def on_7(self, buddy):  # BUDDY_REMOVED
        self.send(BUDDY_REMOVED, {1: buddy[1], 2: buddy[2]})

    def on_35(self, buddies):  # BUDDIES
        last = unpack(buddies[1])
        self.say(last[1], last[2], "the last of the buddies")

    def on_17(self, status):  # STATUS_CHANGED
        self.say(status[1], "status", f"{status[3]} {status.get(4, b'').decode()}")

    def on_11(self, room):  # JOIN_ROOM
        user, nickname, name = room[1], room[2], room[3]
        if name.startswith(b"#quiet"):  # what happens there is told by FRAMES
            return
        if name == b"#locked":
            self.send(ROOM_ERROR, {1: user, 2: name, 3: nickname, 4: 8, 5: "Members only"})
            return
        self.send(PARTICIPANT_CHANGED, {1: user, 2: name, 3: nickname, 4: 16, 5: 0})
        self.send(ROOM_SUBJECT_CHANGED, {1: user, 2: name, 3: "Welcome", 4: "op"})
        self.send(ROOM_NICKNAME_CHANGED, {1: user, 2: nickname + b"_", 3: name})

    def on_130(self, order):  # ROOM_ORDER: refused for who is called as a condition; else done
        verb = order.get(3, 0)
        person = {k: v.decode() if isinstance(v, bytes) else v for k, v in unpack(order.get(5, b"")).items()}
        fields = [unpack(value) for value in unpack_all(self.raw).get(6, [])]
        values = {field[1].decode(): field.get(5, b"").decode() for field in fields}
        self.orders.append({"verb": verb, "room": order.get(4, b"").decode(), "person": person, "values": values})
        answer = {1: order[1], 2: order[2], 3: 0}
        name = person.get(1) or person.get(2) or ""
        if name.startswith("silent"):
            return
        if name.startswith("refuse"):
            answer.update({3: int(name[6:].partition("@")[0]), 4: "The network says no."})
        elif verb == 0 and person.get(3) == 5:
            answer[5] = [{1: "bad1@net", 5: "spam"}, {1: "bad2@net"}]
        elif verb == 0:
            answer[3] = 3  # feature-not-implemented
        elif verb == 5:
            answer[6] = [{1: "muc#roomconfig_roomname", 2: "Name", 3: 0, 5: "The room"},
                         {1: "muc#roomconfig_moderatedroom", 2: "Moderated", 3: 2, 5: "1"},
                         {1: "net#colour", 2: "Colour", 3: 3, 5: "red", 6: [{1: "red", 2: "Red"}, {1: "blue"}]}]
        elif verb == 10:  # a search: as many as its number says, of whom one has no name at all
            count = int(re.sub(r"\D", "", name) or 0)
            answer[5] = [{1: f"{name}.{n}@net", 2: f"Found {n}", 5: "of Verona"} for n in range(count)] + [{}]
        elif verb == 8:
            for start in range(0, 250, 100):
                rooms = [{1: f"room{n}", 2: f"Room {n}", 3: n} for n in range(start, min(start + 100, 250))]
                self.send(ROOM_ANSWER, {**answer, 7: rooms, 8: int(start < 200)})
            return
        self.send(ROOM_ANSWER, answer)

    def ordered(self, user, peer, text):
        """What was asked of rooms since the last time, as JSON."""
        self.say(user, peer, json.dumps(self.orders))
        self.orders = []

    def on_12(self, room):  # LEAVE_ROOM
        self.say(room[1], room[3], "left")

    def on_18(self, buddy):  # TYPING and its kin
        self.send(TYPING, {1: buddy[1], 2: buddy[2]})

    def on_19(self, buddy):
        self.send(STOPPED_TYPING, {1: buddy[1], 2: buddy[2]})

    def on_20(self, buddy):
        self.send(TYPED, {1: buddy[1], 2: buddy[2]})

    def on_22(self, message):  # ATTENTION
        self.send(ATTENTION, {1: message[1], 2: message[2], 3: message.get(3, b"")})
        self.result(message, 0, "")

    def on_15(self, message):  # ROOM_SUBJECT_CHANGED
        self.send(ROOM_SUBJECT_CHANGED, {1: message[1], 2: message[2], 3: message[3]})
        self.result(message, 0, "")

    def on_103(self, annotation):  # ANNOTATION: told as a message; refused if its target says so
        self.say(annotation[1], "control", "annotation " + shown(self.raw))
        bad = annotation[4].startswith(b"bad")
        self.send(MESSAGE_RESULT, {1: annotation[1], 2: annotation.get(5), 3: annotation[2], 4: 7 if bad else 0,
                                   5: "The network does not know this message." if bad else ""})

    def on_121(self, answer):  # RESPONSE to a question that FRAMES asked
        values = [unpack(answer[4])] if 4 in answer else []
        told = " ".join(f"{v[1].decode()}={v[2].decode()}" for v in values)
        self.say(answer[1], "control", f"RESPONSE {answer[2].decode()} {answer.get(3, 0)} {told}".strip())

    def on_31(self, query):  # QUERY: the answer to one of ours
        self.say(self.asker, "query", query.get(1, b""))

    def on_8(self, message):  # CONV_MESSAGE
        user, peer, text = message[1], message[2], message.get(3, b"").decode()
        verb = re.match(r"[A-Z]*", text).group()
        body = BODIES.get(verb) or BODIES.get(verb[:1])
        if body:
            body(self, user, peer, text)
        if verb == "ID":
            self.say(user, peer, b"id=" + message.get(8, b"none"))
        if verb == "ACK":
            self.send(ACK, {1: user, 2: peer, 3: "", 8: message.get(8)})
            self.send(ACK, {1: user, 2: peer, 3: ""})
        if verb == "SHOW":
            self.say(user, "control", "message " + shown(self.raw))
        if verb == "NET":  # the network calls it by another name
            self.send(MESSAGE_RESULT, {1: user, 2: message[8], 3: peer, 4: 0, 6: b"net-" + message[8]})
        elif verb == "R":
            self.result(message, int(text[1:]), "as you like")
        elif verb != "N":
            self.result(message, 0, "")

    def result(self, message, condition, text):
        if self.extended:
            self.send(MESSAGE_RESULT, {1: message[1], 2: message.get(8), 3: message[2], 4: condition, 5: text})

    # ---- What message bodies ask for ----

    def echo(self, user, peer, text):
        self.say(user, peer, text)

    def burst(self, user, peer, text):
        for number in range(int(text[1:])):
            self.say(user, peer, f"x{number}")

    def die(self, *_):
        self.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self, *_):
        while True:
            signal.pause()

    def close(self, *_):
        self.flush()
        self.line.close()
        while True:
            signal.pause()

    def leave(self, user, peer, text):
        """Ends properly with much unread output behind it."""
        for number in range(200):
            self.say(user, peer, f"x{number}")
        self.flush()
        sys.exit(int(text[4:] or 0))

    def dribble(self, user, peer, text):
        """A frame in pieces of one byte."""
        self.flush()
        for byte in frame(CONV_MESSAGE, {1: user, 2: peer, 3: text}):
            self.line.sendall(bytes([byte]))
            time.sleep(0.0005)

    def large(self, user, peer, text):
        self.say(user, peer, "y" * int(text[5:]))

    def disconnect(self, user, peer, text):
        self.send(DISCONNECTED, {1: user, 2: 2 if text == "DA" else 0, 3: "network gone"})

    def bad_length(self, *_):
        self.out += b"\xff\xff\xff\xff"

    def bad_huge(self, *_):
        self.out += b"\xff\xff\xff\xff" + b"A" * (64 << 20)

    def bad_bytes(self, user, peer, text):
        self.out += b"\0\0\0\x08" + b"\xff" * 8
        self.say(user, peer, "after")

    def bad_zero(self, user, peer, text):
        self.out += b"\0\0\0\0"
        self.say(user, peer, "after")

    def bad_type(self, user, peer, text):
        self.send(99, {1: "x"})
        self.send(5, {1: "x"})
        self.say(user, peer, "after")

    def old_types(self, user, peer, text):
        """Frames that no main process handles, then one that it does."""
        for kind in (24, 25, 26, 27, 28, LOGIN, LOGOUT, JOIN_ROOM, PING, EXIT, RAW_XML, BUDDIES, API_VERSION):
            self.send(kind, {1: user, 2: "x", 3: "y"})
        self.say(user, peer, "after")

    def lacking(self, user, peer, text):
        """Messages without fields that they need."""
        for kind in (CONNECTED, DISCONNECTED, BUDDY_CHANGED, CONV_MESSAGE, PARTICIPANT_CHANGED, VCARD, STATS):
            self.send(kind, {})
        self.say(user, peer, "after")

    def other_user(self, user, peer, text):
        """`FUSER NAME`: frames about somebody else, of each kind."""
        other = text[6:] or "nobody@nowhere"
        self.send(CONNECTED, {1: other})
        self.send(DISCONNECTED, {1: other, 2: 2, 3: "not yours"})
        self.say(other, peer, "hello")
        for kind in (BUDDY_CHANGED, BUDDY_REMOVED, AUTH_REQUEST, TYPING, TYPED, STOPPED_TYPING):
            self.send(kind, {1: other, 2: peer})
        for kind in (ROOM_SUBJECT_CHANGED, ATTENTION):
            self.send(kind, {1: other, 2: peer, 3: "hello"})
        self.send(ACK, {1: other, 2: peer, 3: "", 8: "m1"})
        self.send(VCARD, {1: other, 2: peer, 3: 1})
        self.send(PARTICIPANT_CHANGED, {1: other, 2: "#room", 3: "nick", 4: 0, 5: 0})
        self.send(ROOM_NICKNAME_CHANGED, {1: other, 2: "nick", 3: "#room"})
        self.send(ROOM_LIST, {1: ["#room"], 2: ["Room"], 3: other})
        self.send(ROOM_ERROR, {1: other, 2: "#room", 3: "nick", 4: 8, 5: "no"})
        self.send(MESSAGE_RESULT, {1: other, 2: "m1", 3: peer, 4: 8, 5: "no"})
        self.say(user, peer, "after")

    def bad_text(self, user, peer, text):
        self.say(user, peer, b"x\xff\xfe\x01\x02 ]]> &<\xc3")

    def pongs(self, user, peer, text):
        for _ in range(1000):
            self.send(PONG)
        self.say(user, peer, "after")

    def claim(self, user, peer, text):
        """Statistics that name somebody else's process."""
        for pid in ("-1", "0", "1", str(os.getppid()), "nonsense"):
            self.send(STATS, {1: -5, 2: 1 << 40, 3: 7, 4: pid})
        self.say(user, peer, "after")

    def list_all(self, user, peer, text):
        self.send(ROOM_LIST, {1: ["#a", "#b"], 2: ["A", "B"]})
        self.say(user, peer, "after")

    def frames(self, user, peer, text):
        """`FRAMES [[type, {"field": value}], ...]`: sends these, about this user if field 1 says nothing else."""
        def numbered(value):
            if isinstance(value, list):
                return [numbered(item) for item in value]
            return {int(k): numbered(v) for k, v in value.items()} if isinstance(value, dict) else value
        for kind, fields in json.loads(text[6:]):
            self.send(kind, {1: user, **numbered(fields)})

    def storm(self, user, peer, text):
        """`STORM COUNT SEED`: so many frames about anything."""
        count, seed = map(int, text.split()[1:])
        chance = random.Random(seed)
        for _ in range(count):
            self.send(*random_frame(chance, user, self.users))

    def query(self, user, peer, text):
        self.asker = user
        self.send(QUERY, {1: text[2:]})

    def contacts(self, user, peer, text):
        """`CONTACTS FIRST COUNT ALIAS GROUP`: says of so many that they are online."""
        first, count, alias, group = text.split()[1:]
        for number in range(int(first), int(first) + int(count)):
            self.send(BUDDY_CHANGED, {1: user, 2: f"c{number}@net", 3: f"{alias} {number}", 4: [group], 5: 0})
        self.say(user, peer, "after")

    def gone(self, user, peer, text):
        self.send(BUDDY_REMOVED, {1: user, 2: text.split()[1]})

    def arrangement(self, user, peer, text):
        """How the user arranged a contact last."""
        fields = getattr(self, "arranged", {})
        self.say(user, peer, "|".join(fields.get(n, b"").decode() for n in (2, 3, 4)))

    def request(self, user, peer, text):
        """Somebody wants to see the user's presence."""
        self.send(AUTH_REQUEST, {1: user, 2: text.split()[1]})

    def own(self, user, peer, text):
        """The user has written this in another client of the network."""
        self.send(CONV_MESSAGE, {1: user, 2: peer, 3: text.split(" ", 1)[1], 10: 1})

    def card(self, user, peer, text):
        """`CARD NAME {"field": value}` or null: what the profile of this contact says from now on; field 6 names a picture."""
        name, fields = text.split(" ", 2)[1:]
        fields = json.loads(fields)
        if fields is not None:
            fields = {int(number): value for number, value in fields.items()}
            if 6 in fields:
                fields[6] = PICTURES[fields[6]]
        self.cards[name.encode()] = fields

    def told_cards(self, user, peer, text):
        """Whose profiles were asked for."""
        self.say(user, peer, " ".join(["asked:"] + self.card_requests))

    def told_own_card(self, user, peer, text):
        """What the user's own profile was set to last: JSON, the picture by its hash."""
        own = {str(number): value.decode() for number, value in self.own_card.items()
               if number not in (1, 3, 6) and isinstance(value, bytes)}
        if 6 in self.own_card:
            own["6"] = hash_of(self.own_card[6]) if self.own_card[6] else ""
        self.say(user, peer, json.dumps(own))

    def configure(self, user, peer, text):
        self.send(BACKEND_CONFIG, {1: text[5:].replace("|", "\n")})
        self.say(user, peer, "after")


# What the cards of these contacts show: the first bytes tell what it is.
PHOTOS = {b"png": b"\x89PNG\r\n\x1a\n" + bytes(20), b"jpeg": b"\xff\xd8\xff\xe0" + bytes(20), b"gif": b"GIF89a" + bytes(20),
          b"webp": b"RIFF\0\0\0\0WEBP" + bytes(20), b"text": b"no picture at all, but words"}

# What random frames are made of.
NAMES = ["eve", "ann", "ben", "Eve", "control", "me", "a%b", "x@y.example", "", " ", "\ue000", "n" * 1100, "\u00e4\u4f60", "<&>"]
ROOMS = ["#quiet", "#quiet1", "#quiet2", "#QUIET", "plain", "eve", "", "#" + "r" * 1100]
TEXTS = ["", "hello", "two\nlines", "a & b < c", "t" * 5000, b"\xff\xfe\x01", "<b>bold", "<p>fine</p>", "]]>", "/me waves"]
TIMES = ["20200102T030405", "1577934245", "never", "", None]
KINDS = [CONNECTED, DISCONNECTED, BUDDY_CHANGED, BUDDY_REMOVED, CONV_MESSAGE, PARTICIPANT_CHANGED, ROOM_NICKNAME_CHANGED,
         ROOM_SUBJECT_CHANGED, VCARD, TYPING, STOPPED_TYPING, TYPED, AUTH_REQUEST, ATTENTION, STATS, QUERY, ROOM_LIST, ACK,
         MESSAGE_RESULT, ROOM_ERROR, RAW_XML, PONG, ANNOTATION,
         BLOCK_RESULT, ROOM_INFO, ROOM_INVITATION, 99]


def random_frame(chance, user, users):
    """(type, fields): mostly possible, about this user or others. Users are rarely disconnected."""
    kind = chance.choice(KINDS)
    if kind in (CONNECTED, DISCONNECTED) and chance.random() < 0.9:
        kind = PARTICIPANT_CHANGED
    who = chance.choice([user] * 6 + users[-20:] + [b"nobody@nowhere", b""])
    name, room, text = chance.choice(NAMES), chance.choice(ROOMS), chance.choice(TEXTS)
    number = chance.choice([0, 0, 0, 1, 2, 3, 5, 6, 7, 16, -1, 1 << 30])
    if kind == PARTICIPANT_CHANGED:
        flags = chance.choice([0, 0, 0, 1, 16, 16, 32, 4, 2, 8, 64, 127])
        return kind, {1: who, 2: room, 3: name, 4: flags, 5: number, 6: text, 7: chance.choice([None] * 5 + NAMES),
                      101: chance.choice([None, number]), 103: chance.choice([None, "real"])}
    if kind in (CONV_MESSAGE, ROOM_SUBJECT_CHANGED, ATTENTION, ACK):
        return kind, {1: who, 2: chance.choice([name, room]), 3: text, 4: chance.choice([None, name]),
                      5: chance.choice([None, text]), 6: chance.choice(TIMES), 8: chance.choice([None, "id", "i" * 10240]),
                      9: chance.choice([None, 1]), 11: chance.choice([[], [{1: "https://example.org/", 3: text}]]),
                      103: chance.choice([None, "id"]), 104: chance.choice([None, "old"]), 105: chance.choice([None, "old"]),
                      106: chance.choice([None, name]), 107: chance.choice([None, text])}
    if kind == ANNOTATION:
        return kind, {1: who, 2: chance.choice([name, room]), 3: number, 4: chance.choice(["id", ""]), 6: name, 7: TEXTS[:4],
                      8: text, 9: chance.choice([None, name]), 13: chance.choice([None, 1])}
    if kind in (BUDDY_CHANGED, BUDDY_REMOVED, TYPING, STOPPED_TYPING, TYPED, AUTH_REQUEST):
        return kind, {1: who, 2: name + str(chance.randrange(300)) if name else name, 3: text, 4: [text], 5: number, 6: text,
                      7: chance.choice(["0" * 40, "picture", "x" * 300, "", None]), 8: chance.choice([None, 1]),
                      101: chance.choice([None, number, 1700000000000]), 102: chance.choice([None, number])}
    if kind == VCARD and chance.random() < 0.5:
        return kind, {1: who, 2: name, 3: number, 4: text, 6: chance.choice([None, *PICTURES.values(), text]), 105: text,
                      118: chance.choice([None, number]), 119: text}
    if kind == ROOM_INFO:
        return kind, {1: who, 2: room, 3: text, 4: text, 5: "en", 6: chance.choice(["0" * 40, "picture", "", None]),
                      7: chance.choice([0, 1, 64, 256, 256, 257, number]), 8: number}
    if kind == ROOM_INVITATION:
        return kind, {1: who, 2: room, 3: text, 4: chance.choice([None, text]), 5: name, 6: name, 7: text}
    if kind == BLOCK_RESULT:
        return kind, {1: who, 2: name, 3: number, 4: text}
    if kind == ROOM_LIST:
        return kind, {1: ROOMS, 2: ROOMS, 3: chance.choice([who, None])}
    if kind in (ROOM_ERROR, ROOM_NICKNAME_CHANGED):
        return kind, {1: who, 2: chance.choice([name, room]), 3: chance.choice([name, room]), 4: number, 5: text}
    return kind, {1: who, 2: number if kind in (DISCONNECTED, STATS) else name, 3: number if kind in (VCARD, STATS) else text,
                  4: number if kind == MESSAGE_RESULT else text, 5: text, 6: text}


BODIES = {
    "CONTACTS": Backend.contacts, "GONE": Backend.gone, "ARRANGED": Backend.arrangement, "REQUEST": Backend.request,
    "CARD": Backend.card, "CARDS": Backend.told_cards, "MYCARD": Backend.told_own_card,
    "OWN": Backend.own, "SHOW": lambda *_: None, "NET": lambda *_: None,
    "ORDERED": Backend.ordered, "E": Backend.echo, "B": Backend.burst, "KILL": Backend.die, "HANG": Backend.hang, "CLOSE": Backend.close,
    "EXIT": Backend.leave, "DRIP": Backend.dribble, "LARGE": Backend.large, "D": Backend.disconnect,
    "DA": Backend.disconnect, "FLEN": Backend.bad_length, "FHUGE": Backend.bad_huge, "FBAD": Backend.bad_bytes,
    "FZERO": Backend.bad_zero, "FTYPE": Backend.bad_type, "FOLD": Backend.old_types, "FLACK": Backend.lacking,
    "FUSER": Backend.other_user, "FUTF": Backend.bad_text, "FPONG": Backend.pongs, "FSTATS": Backend.claim,
    "LIST": Backend.list_all, "Q": Backend.query, "FRAMES": Backend.frames, "STORM": Backend.storm, "CONF": Backend.configure,
}


def dial(host, port):
    line = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        line.connect((host, port))
    except ConnectionRefusedError:
        sys.exit(1)
    return line


def intrude(host, port):
    """A process that is no child of the main process's children any more dials the port and lies. True if it was
    thrown out without a word."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    os.setsid()
    line = dial(host, port)
    silent = True
    try:
        line.sendall(frame(PONG) + frame(BACKEND_CONFIG, {1: "[features]\nreceipts=1\n"}))
        silent = not line.recv(1)
    except ConnectionError:
        pass
    os._exit(0 if silent else 1)


def option(name, default=None):
    """The value of --name, as --name=value or as the next word."""
    for at, word in enumerate(sys.argv):
        if word == f"--{name}":
            return sys.argv[at + 1]
        if word.startswith(f"--{name}="):
            return word.split("=", 1)[1]
    return default


def main():
    host, port = option("host"), int(option("port"))
    if option("report"):
        with open(option("report"), "a", encoding="utf-8") as report:
            report.write(json.dumps(sys.argv[1:]) + "\n")
    if option("exit"):
        sys.exit(int(option("exit")))
    if "--never" in sys.argv:
        Backend.hang(None)
    if "--deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    thrown_out = "--intruder" in sys.argv and intrude(host, port)
    time.sleep(float(option("slow", 0)))
    extended = "--extended" in sys.argv
    if extended:
        line = socket.socket(fileno=int(os.environ["SPECTRUM2_FD"]))
    elif option("background") and os.fork():
        time.sleep(float(option("background")))
        os._exit(0)  # the rest goes on in the background
    elif "--helper" in sys.argv and os.fork():
        os.wait()  # the line belongs to a child of the child, as behind a wrapper script
        return
    else:
        time.sleep(float(option("late", 0)))
        line = dial(host, port)
    backend = Backend(line, extended)
    features = "".join(f"{name} = 1\n" for name in option("features", "").split(",") if name)
    if extended:
        features += f"extensions=1\nroom_orders={option('orders', 0)}\n"
    if thrown_out:
        features += "muc=1\n"
    if features:
        backend.send(BACKEND_CONFIG, {1: "[features]\n" + features})
    backend.flush()
    backend.run()


if __name__ == "__main__":
    main()
