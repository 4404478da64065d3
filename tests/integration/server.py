# SPDX-License-Identifier: GPL-2.0-or-later
"""spectrum2 as an XMPP server (server mode), and people on it: the same kinds as on other hosts, and `Wire`, a bare
connection for streams that go wrong."""

import asyncio
import base64
import itertools
import ssl
import subprocess
import time
import xml.etree.ElementTree as ET

import gateway
from processes import LIMIT, free_port
from stanzas import Inbox, Stanza

STREAMS = "http://etherx.jabber.org/streams"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"


def trusting():
    """TLS settings that take any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def make_certificate(directory, name="chat.localhost", stem="cert"):
    """A self-signed certificate and its key in one PEM file."""
    path = directory / f"{stem}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout",
                    directory / f"{stem}.key", "-out", directory / f"{stem}.crt"], check=True, capture_output=True)
    path.write_text((directory / f"{stem}.key").read_text() + (directory / f"{stem}.crt").read_text())
    return path


class Server(gateway.Gateway):
    """Stands where a host stands for people: has a port, a domain and accounts for everybody."""

    tls = False

    def __init__(self, directory, jid="chat.localhost", backend=gateway.ECHO, settings=None):
        self.port = free_port()
        self.domain = jid
        self._numbers = itertools.count(1)
        super().__init__(directory, jid, backend, self.port,
                         {"service.server_mode": 1, "service.password": None, **(settings or {})})

    def account(self, name="user"):
        """Everybody may come; a new name each time."""
        number = next(self._numbers)
        return f"{name}{number}" if self.domain.startswith("irc.") else f"{name}{number}%net"

    def links(self, _jid):
        return len(self.log_lines(" serves jid="))

    async def up(self, host=None, limit=2 * LIMIT):
        return await super().up(self, limit)


class Wire:
    """One stream as the test writes it. Nothing is sent, answered or repaired by itself."""

    def __init__(self, server, port=None):
        self.server = server
        self.port = port or server.port
        self.inbox = Inbox("wire")
        self.expect = self.inbox.expect
        self.closed = asyncio.Event()
        self._feed = None

    async def connect(self, context=None):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24, ssl=context)
        self._listen()
        return self

    def _listen(self):
        self.header = None
        self._parser = ET.XMLPullParser(("start", "end"))
        self._depth = 0
        self._feed = asyncio.create_task(self._read(self._parser))

    async def _read(self, parser):
        try:
            while piece := await self.reader.read(65536):
                if not self._depth and b"<?xml" in piece and self.header is not None:
                    parser = self._parser = ET.XMLPullParser(("start", "end"))
                parser.feed(piece)
                for event, element in parser.read_events():
                    self._depth += 1 if event == "start" else -1
                    if event == "start" and self._depth == 1:
                        self.header = element
                    if event == "end" and self._depth == 1:
                        self.inbox.put(Stanza(element))
                    if event == "end" and self._depth == 0:
                        self.inbox.put(Stanza(ET.Element("{end}end")))
                if parser is not self._parser:
                    parser, self._depth = self._parser, 0
        except (ConnectionError, ssl.SSLError):
            pass
        self.closed.set()

    def restart(self):
        """The next bytes from the server begin a new stream."""
        self._parser = ET.XMLPullParser(("start", "end"))
        self._depth = 0
        self.header = None
        self._feed.cancel()
        self._feed = asyncio.create_task(self._read(self._parser))

    def send(self, xml):
        self.writer.write(xml if isinstance(xml, bytes) else xml.encode())

    def open(self, to=None, version="1.0", xmlns="jabber:client", streams=STREAMS, more=""):
        to = self.server.domain if to is None else to
        to = f" to='{to}'" if to else ""
        version = f" version='{version}'" if version else ""
        self.send(f"<stream:stream xmlns='{xmlns}' xmlns:stream='{streams}'{to}{version}{more}>")

    async def features(self, limit=LIMIT):
        return await self.expect(lambda s: s.name == "features", limit)

    async def start_tls(self, context=None):
        self.send(f"<starttls xmlns='{TLS}'/>")
        await self.expect(lambda s: s.name == "proceed")
        self._feed.cancel()
        await asyncio.gather(self._feed, return_exceptions=True)
        transport = await asyncio.get_running_loop().start_tls(
            self.writer.transport, self.writer.transport.get_protocol(), context or trusting(),
            server_hostname=self.server.domain)
        self.writer._transport = transport  # what StreamWriter.start_tls does from Python 3.11 on
        self.reader._transport = transport
        self._listen()

    @property
    def tls(self):
        return self.writer.get_extra_info("ssl_object")

    def plain(self, name, password, authorization=""):
        secret = base64.b64encode(f"{authorization}\0{name}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")

    async def log_in(self, name, password="secret", limit=LIMIT):
        """Opens, logs in; returns with the second features."""
        self.open()
        await self.features()
        self.plain(name, password)
        got = await self.expect(lambda s: s.name in ("success", "failure"), limit)
        assert got.name == "success", got
        self.restart()
        self.open()
        return await self.features()

    async def bind(self, resource=None):
        content = "" if resource is None else f"<resource>{resource}</resource>"
        self.send(f"<iq type='set' id='bind'><bind xmlns='{BIND}'>{content}</bind></iq>")
        got = await self.expect(lambda s: s.name == "iq" and s.id == "bind")
        return got.xml.findtext(f".//{{{BIND}}}jid")

    async def error(self, limit=LIMIT):
        """Waits for a stream error, the end tag and the end of the connection; returns (condition, text)."""
        got = await self.expect(lambda s: s.name == "error" and s.namespace == STREAMS, limit)
        names = [c.tag.rpartition("}")[2] for c in got.xml if c.tag.startswith(f"{{{STREAM_ERRORS}}}")]
        await self.expect(lambda s: s.name == "end", limit)
        await asyncio.wait_for(self.closed.wait(), limit)
        return names[0], got.xml.findtext(f"{{{STREAM_ERRORS}}}text")

    async def close(self):
        if self._feed:
            self._feed.cancel()
            self.writer.close()


def wait_until(condition, limit=LIMIT):
    end = time.monotonic() + limit

    async def wait():
        while not condition():
            assert time.monotonic() < end, f"not within {limit:g} s"
            await asyncio.sleep(0.01)
    return wait()
