# SPDX-License-Identifier: GPL-2.0-or-later
"""The protocol between main process and backends, for tests that play one of the two: a few lines of protobuf and a
table of the messages. It shares nothing with the C code, so that both have to agree with the protocol's description."""

import collections
import socket
import struct
import time

TYPES = {
    "CONNECTED": 1, "DISCONNECTED": 2, "LOGIN": 3, "LOGOUT": 4, "BUDDY_CHANGED": 6, "BUDDY_REMOVED": 7,
    "CONV_MESSAGE": 8, "PING": 9, "PONG": 10, "JOIN_ROOM": 11, "LEAVE_ROOM": 12, "PARTICIPANT_CHANGED": 13,
    "ROOM_NICKNAME_CHANGED": 14, "ROOM_SUBJECT_CHANGED": 15, "VCARD": 16, "STATUS_CHANGED": 17, "BUDDY_TYPING": 18,
    "BUDDY_STOPPED_TYPING": 19, "BUDDY_TYPED": 20, "AUTH_REQUEST": 21, "ATTENTION": 22, "STATS": 23, "FT_START": 24,
    "EXIT": 29, "BACKEND_CONFIG": 30, "QUERY": 31, "ROOM_LIST": 32, "CONV_MESSAGE_ACK": 33, "RAW_XML": 34,
    "BUDDIES": 35, "API_VERSION": 36, "MESSAGE_RESULT": 101, "ROOM_ERROR": 102,
    "ANNOTATION": 103, "SLOT_REQUEST": 104, "SLOT": 105, "REQUEST": 120, "RESPONSE": 121, "REQUEST_END": 122,
    "ROOM_ORDER": 130, "ROOM_ANSWER": 131, "ROOM_INFO": 132, "ROOM_INVITATION": 133, "BLOCK_RESULT": 150,
    "SUBSCRIPTION": 151,
}
NAMES = {number: name for name, number in TYPES.items()}

# Message: {field number: (name, kind)}; kinds: str, bytes, int, or another message; a list of one kind is repeated.
BUDDY = {1: ("userName", str), 2: ("buddyName", str), 3: ("alias", str), 4: ("group", [str]), 5: ("status", int),
         6: ("statusMessage", str), 7: ("iconHash", str), 8: ("blocked", int),
         101: ("idleSince", int), 102: ("lacks", int), 103: ("subscription", int), 104: ("pending", int)}
ATTACHMENT = {1: ("url", str), 2: ("mimeType", str), 3: ("description", str), 101: ("name", str), 102: ("sha256", str),
              103: ("bytes", int), 104: ("width", int), 105: ("height", int)}
CONVERSATION = {1: ("userName", str), 2: ("buddyName", str), 3: ("message", str), 4: ("nickname", str),
                5: ("xhtml", str), 6: ("timestamp", str), 7: ("headline", int), 8: ("id", str), 9: ("pm", int),
                10: ("carbon", int), 11: ("attachment", [ATTACHMENT]), 101: ("wantReceipt", int),
                102: ("timeMs", int), 103: ("ownId", str), 104: ("replaces", str), 105: ("replyTo", str),
                106: ("replyAuthor", str), 107: ("replyText", str), 108: ("wantMarker", int)}
ROOM = {1: ("userName", str), 2: ("nickname", str), 3: ("room", str), 4: ("password", str)}
CONFIG = {1: ("config", str)}
SETTING = {1: ("key", str), 2: ("value", str)}
FIELD = {1: ("name", str), 2: ("label", str), 3: ("type", int), 4: ("required", int), 5: ("value", str),
         6: ("option", [{1: ("value", str), 2: ("label", str)}])}
CARD = ("givenName familyName birthday url note email phone organisation title street city region postcode country timezone "
        "client clientVersion").split()
ROOM_PERSON = {1: ("name", str), 2: ("nickname", str), 3: ("affiliation", int), 4: ("role", int), 5: ("reason", str)}
LISTING = {1: ("name", str), 2: ("title", str), 3: ("occupants", int)}
MESSAGES = {
    "CONNECTED": {1: ("user", str)},
    "DISCONNECTED": {1: ("user", str), 2: ("error", int), 3: ("message", str)},
    "LOGIN": {1: ("user", str), 2: ("legacyName", str), 3: ("password", str), 4: ("extraFields", [str]),
              5: ("settings", {1: ("value", [SETTING])})},
    "LOGOUT": {1: ("user", str), 2: ("legacyName", str)},
    "PARTICIPANT_CHANGED": {1: ("userName", str), 2: ("room", str), 3: ("nickname", str), 4: ("flag", int),
                            5: ("status", int), 6: ("statusMessage", str), 7: ("newname", str), 8: ("iconHash", str),
                            9: ("alias", str), 101: ("affiliation", int), 102: ("role", int),
                            103: ("realName", str), 104: ("actor", str), 120: ("person", str)},
    "VCARD": {1: ("userName", str), 2: ("buddyName", str), 3: ("id", int), 4: ("fullname", str),
              5: ("nickname", str), 6: ("photo", bytes),
              **{number: (name, str) for number, name in enumerate(CARD, 101)}, 118: ("condition", int),
              119: ("text", str)},
    "STATUS_CHANGED": {1: ("userName", str), 3: ("status", int), 4: ("statusMessage", str)},
    "STATS": {1: ("res", int), 2: ("init_res", int), 3: ("shared", int), 4: ("id", str)},
    "ROOM_LIST": {1: ("room", [str]), 2: ("name", [str]), 3: ("user", str)},
    "BUDDIES": {1: ("buddy", [BUDDY])},
    "API_VERSION": {1: ("version", int)},
    "MESSAGE_RESULT": {1: ("user", str), 2: ("id", str), 3: ("peer", str), 4: ("condition", int), 5: ("text", str),
                       6: ("networkId", str)},
    "ANNOTATION": {1: ("user", str), 2: ("peer", str), 3: ("kind", int), 4: ("target", str), 5: ("id", str),
                   6: ("nickname", str), 7: ("reaction", [str]), 8: ("reason", str), 9: ("actor", str), 10: ("timeMs", int),
                   11: ("moderated", int), 12: ("private", int), 13: ("carbon", int)},
    **{name: {1: ("user", str), 2: ("id", str), 3: ("name", str), 4: ("mimeType", str), 5: ("bytes", int), 6: ("put", str),
              7: ("get", str), 8: ("header", [SETTING]), 9: ("condition", int), 10: ("text", str)}
       for name in ("SLOT_REQUEST", "SLOT")},
    "REQUEST": {1: ("user", str), 2: ("id", str), 3: ("title", str), 4: ("text", str), 5: ("url", str), 6: ("image", bytes),
                7: ("imageType", str), 8: ("field", [FIELD]), 9: ("seconds", int)},
    "RESPONSE": {1: ("user", str), 2: ("id", str), 3: ("answered", int), 4: ("value", [{1: ("name", str), 2: ("value", str)}])},
    "REQUEST_END": {1: ("user", str), 2: ("id", str), 3: ("condition", int), 4: ("text", str)},
    "ROOM_ORDER": {1: ("user", str), 2: ("request", int), 3: ("verb", int), 4: ("room", str), 5: ("person", ROOM_PERSON),
                   6: ("field", [FIELD]), 7: ("xml", str)},
    "ROOM_ANSWER": {1: ("user", str), 2: ("request", int), 3: ("condition", int), 4: ("text", str),
                    5: ("person", [ROOM_PERSON]), 6: ("field", [FIELD]), 7: ("room", [LISTING]), 8: ("more", int),
                    9: ("xml", str)},
    "ROOM_INFO": {1: ("user", str), 2: ("room", str), 3: ("title", str), 4: ("description", str), 5: ("language", str),
                  6: ("iconHash", str), 7: ("flags", int), 8: ("most", int)},
    "ROOM_INVITATION": {1: ("user", str), 2: ("room", str), 3: ("title", str), 4: ("password", str), 5: ("name", str),
                        6: ("nickname", str), 7: ("reason", str)},
    "SUBSCRIPTION": {1: ("user", str), 2: ("buddy", str), 3: ("verb", int), 4: ("text", str)},
    "BLOCK_RESULT": {1: ("user", str), 2: ("buddy", str), 3: ("condition", int), 4: ("text", str)},
    "ROOM_ERROR": {1: ("user", str), 2: ("room", str), 3: ("nickname", str), 4: ("condition", int),
                   5: ("text", str)},
    **{name: BUDDY for name in ("BUDDY_CHANGED", "BUDDY_REMOVED", "BUDDY_TYPING", "BUDDY_STOPPED_TYPING",
                                "BUDDY_TYPED", "AUTH_REQUEST")},
    **{name: CONVERSATION for name in ("CONV_MESSAGE", "CONV_MESSAGE_ACK", "ROOM_SUBJECT_CHANGED", "ATTENTION")},
    **{name: ROOM for name in ("JOIN_ROOM", "LEAVE_ROOM", "ROOM_NICKNAME_CHANGED")},
    **{name: CONFIG for name in ("BACKEND_CONFIG", "QUERY")},
}

# The conditions that a MESSAGE_RESULT or ROOM_ERROR carries, by number.
CONDITIONS = ["done", "bad-request", "conflict", "feature-not-implemented", "forbidden", "gone",
              "internal-server-error", "item-not-found", "jid-malformed", "not-acceptable", "not-allowed",
              "not-authorized", "policy-violation", "recipient-unavailable", "registration-required",
              "remote-server-not-found", "remote-server-timeout", "resource-constraint", "service-unavailable",
              "subscription-required", "undefined-condition"]

Frame = collections.namedtuple("Frame", "type fields")


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at


def encode_field(number, kind, value):
    if kind is int:
        return varint(number << 3) + varint(int(value))
    if isinstance(kind, dict):
        value = encode(kind, value)
    elif isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def encode(message, values):
    numbers = {name: number for number, (name, _) in message.items()}
    assert values.keys() <= numbers.keys(), f"no such fields: {values.keys() - numbers.keys()}"
    out = b""
    for name, value in sorted(values.items(), key=lambda item: numbers[item[0]]):
        kind = message[numbers[name]][1]
        if isinstance(kind, list):
            out += b"".join(encode_field(numbers[name], kind[0], one) for one in value)
        else:
            out += encode_field(numbers[name], kind, value)
    return out


def decode(message, data):
    values = {}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            value, at = read_varint(data, at)
            value -= value >> 63 << 64
        elif tag & 7 == 2:
            length, at = read_varint(data, at)
            value, at = data[at:at + length], at + length
            assert len(value) == length, "field ends behind its message"
        else:
            raise AssertionError(f"wire type {tag & 7}")
        name, kind = message[tag >> 3]
        one = kind[0] if isinstance(kind, list) else kind
        if one is str:
            value = value.decode()  # strictly: whoever sends anything but UTF-8 fails the test
        elif isinstance(one, dict):
            value = decode(one, value)
        if isinstance(kind, list):
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    return values


def frame(name, raw=None, **fields):
    """The bytes of one frame; `raw` instead of fields for RAW_XML, or to be wrong on purpose."""
    payload = varint(1 << 3) + varint(TYPES[name])
    inner = raw if raw is not None else encode(MESSAGES[name], fields) if name in MESSAGES else None
    if inner is not None:
        payload += varint(2 << 3 | 2) + varint(len(inner)) + inner
    return struct.pack(">I", len(payload)) + payload


def parse(payload):
    wrapper = decode({1: ("type", int), 2: ("payload", bytes)}, payload)
    name = NAMES[wrapper["type"]]
    inner = wrapper.get("payload", b"")
    return Frame(name, decode(MESSAGES[name], inner) if name in MESSAGES else inner)


class Line:
    """One end of the line, blocking."""

    def __init__(self, sock, limit=10.0):
        self.sock = sock
        self.limit = limit
        self.data = b""

    def send(self, name, **fields):
        self.sock.sendall(frame(name, **fields))

    def send_bytes(self, data):
        self.sock.sendall(data)

    def receive(self, limit=None):
        """The next frame; None if the peer closed."""
        end = time.monotonic() + (self.limit if limit is None else limit)
        while True:
            if len(self.data) >= 4:
                size, = struct.unpack(">I", self.data[:4])
                if len(self.data) >= 4 + size:
                    payload, self.data = self.data[4:4 + size], self.data[4 + size:]
                    return parse(payload)
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                more = self.sock.recv(65536)
            except socket.timeout:
                raise AssertionError("no frame came") from None
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.data += more

    def expect(self, name, **fields):
        """The next frame has this type and at least these fields."""
        got = self.receive()
        assert got is not None, f"the peer closed instead of sending {name}"
        assert got.type == name, f"{got} instead of {name}"
        shown = {key: got.fields.get(key) for key in fields}
        assert shown == fields, f"{got} instead of {fields}"
        return got.fields

    def close(self):
        self.sock.close()
