# SPDX-License-Identifier: GPL-2.0-or-later
"""A scripted XMPP server for what no real one would do: SCRAM-SHA-1, resource binding, a contact list, and then whatever
the test says. Without TLS, so the backend has to be told that it may do without (xmpp.require_tls)."""

import asyncio
import base64
import hashlib
import hmac
import xml.etree.ElementTree as ET

from listener import Listener
from processes import free_port
from stanzas import Inbox, Stanza

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
ROSTER = "jabber:iq:roster"


class Stream:
    """One connection of a client."""

    def __init__(self, server, reader, writer):
        self.server = server
        self.reader, self.writer = reader, writer
        self.inbox = Inbox("scripted server")
        self.expect = self.inbox.expect
        self.take = self.inbox.take
        self.authenticated = False
        self.account = self.jid = None
        self._scram = None

    def send(self, xml):
        self.writer.write(xml.encode())

    def _open(self):
        self._parser = ET.XMLPullParser(("start", "end"))
        self._depth = 0

    async def run(self):
        self._open()
        while piece := await self.reader.read(65536):
            self._parser.feed(piece)
            parser = self._parser
            for event, element in parser.read_events():
                self._depth += 1 if event == "start" else -1
                if event == "start" and self._depth == 1:
                    self.server.opened(self)
                if event == "end" and self._depth == 1:
                    self._handle(Stanza(element))
                if parser is not self._parser:
                    break

    def header(self):
        self.send("<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1' version='1.0' from='b.test' "
                  "xmlns:stream='http://etherx.jabber.org/streams'>")

    def features(self):
        inside = f"<bind xmlns='{BIND}'/>" + self.server.features if self.authenticated else \
            f"<mechanisms xmlns='{SASL}'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>"
        self.send(f"<stream:features>{inside}</stream:features>")

    def _handle(self, stanza):
        self.server.seen.append(stanza)
        name = stanza.name
        if name in ("auth", "response"):
            self._step(base64.b64decode(stanza.xml.text or "").decode())
        elif name == "iq" and stanza.xml.find(f"{{{BIND}}}bind") is not None:
            self.jid = f"{self.account}@b.test/desk"
            self.send(f"<iq type='result' id='{stanza.id}'><bind xmlns='{BIND}'><jid>{self.jid}</jid></bind></iq>")
        elif name == "iq" and stanza.type == "get" and stanza.xml.find(f"{{{ROSTER}}}query") is not None:
            self.server.roster_asked(self, stanza)
        elif name == "iq" and stanza.type in ("get", "set"):
            self.inbox.put(stanza)
            if self.server.answers and not self.server.asked(self, stanza):
                sender = f" from='{stanza.to}'" if stanza.to else ""
                self.send(f"<iq type='error' id='{stanza.id}'{sender}><error type='cancel'><service-unavailable "
                          "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
        else:
            self.inbox.put(stanza)

    def _step(self, text):
        """RFC 5802, the server's side."""
        if self._scram is None:
            bare = text.partition(",,")[2]
            said = dict(part.split("=", 1) for part in bare.split(","))
            self.account, nonce = said["n"], said["r"] + "server"
            first = f"r={nonce},s={base64.b64encode(b'saltsalt').decode()},i={self.server.iterations}"
            self._scram = bare, first
            self._say("challenge", first)
            return
        bare, first = self._scram
        without_proof = text.rpartition(",p=")[0]
        salted = hashlib.pbkdf2_hmac("sha1", b"sesame", b"saltsalt", self.server.iterations)
        key = hmac.digest(salted, b"Server Key", "sha1")
        proof = hmac.digest(key, f"{bare},{first},{without_proof}".encode(), "sha1")
        self.authenticated = True
        self._say("success", "v=" + base64.b64encode(proof).decode())
        self._open()

    def _say(self, name, text):
        self.send(f"<{name} xmlns='{SASL}'>{base64.b64encode(text.encode()).decode()}</{name}>")


class Xmppd:
    """`roster`: the items; `features`: besides bind."""

    certificate = ""
    domain = "b.test"

    def __init__(self, roster="", features="", iterations=64):
        self.roster, self.features, self.iterations = roster, features, iterations
        self.answers = True  # questions that the script does not know get an error
        self.port = free_port()
        self.streams = []
        self.seen = []
        self._arrived = asyncio.Event()
        self._listener = Listener(self._accept, self.port)

    async def start(self):
        await self._listener.start()
        return self

    async def _accept(self, reader, writer):
        stream = Stream(self, reader, writer)
        self.streams.append(stream)
        self._arrived.set()
        try:
            await stream.run()
        except (ConnectionError, ET.ParseError):
            pass

    async def stream(self, number=1, limit=20):
        """Waits for connection number `number`."""
        async def wait():
            while len(self.streams) < number:
                self._arrived.clear()
                await self._arrived.wait()
        await asyncio.wait_for(wait(), limit)
        return self.streams[number - 1]

    def opened(self, stream):
        stream.header()
        stream.features()

    def roster_asked(self, stream, stanza):
        stream.send(f"<iq type='result' id='{stanza.id}'><query xmlns='{ROSTER}'>{self.roster}</query></iq>")

    def asked(self, stream, stanza):
        """True: it has been answered."""
        return False

    async def stop(self):
        for stream in self.streams:
            stream.writer.transport.abort()
        await self._listener.stop()
