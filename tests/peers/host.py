# SPDX-License-Identifier: GPL-2.0-or-later
"""The XMPP server's side of XEP-0114, scripted: takes one component, keeps what it sends, and says whatever bytes a
test wants it to say, right or wrong. For exact stanzas, hostile input and cut links that a real server would not
produce."""

import asyncio
import hashlib
import itertools
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from listener import Listener
from processes import LIMIT, free_port
from stanzas import STANZAS, Inbox, Stanza, matches, xml_element

ACCEPT = "jabber:component:accept"
ROSTER = "jabber:iq:roster"
STREAMS = "http://etherx.jabber.org/streams"


class Link:
    """One connection of the component."""

    def __init__(self, host, reader, writer):
        self.host = host
        self.reader = reader
        self.writer = writer
        self.stream_id = f"stream{next(host.numbers)}"
        self.closed = asyncio.Event()
        self.close_tag = False  # </stream:stream> was seen
        self.ended = False

    async def serve(self):
        parser = ET.XMLPullParser(("start", "end"))
        depth = 0
        try:
            while piece := await self.reader.read(65536):
                parser.feed(piece)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if event == "start" and depth == 1:
                        self.write(f"<?xml version='1.0'?><stream:stream xmlns='{ACCEPT}' xmlns:stream='{STREAMS}' "
                                   f"from='{self.host.jid}' id='{self.stream_id}'>")
                    elif event == "end" and depth == 1:
                        self._stanza(element)
                    elif event == "end" and depth == 0:
                        self.close_tag = True
                        self.write("</stream:stream>")
                        self.writer.close()
        except (ConnectionError, ET.ParseError) as why:
            self.host.faults.append(why)
        self.closed.set()

    def _stanza(self, element):
        if element.tag == f"{{{ACCEPT}}}handshake":
            right = hashlib.sha1((self.stream_id + self.host.secret).encode()).hexdigest()
            if element.text == right:
                self.write("<handshake/>")
                self.host.connected(self)
            else:
                self.write("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
                           "</stream:stream>")
                self.writer.close()
            return
        stanza = Stanza(element)
        if stanza.to == self.host.jid:
            if not self.host.confirms:
                return
            self.write(ET.tostring(element, "unicode").replace(f'xmlns:ns0="{ACCEPT}"', "").replace("ns0:", ""))
        elif self.host.refuses_rosters and stanza.name == "iq" and stanza.child("query", ROSTER) is not None:
            self.write(xml_element("iq", f"<error type='auth'><forbidden xmlns='{STANZAS}'/></error>", from_=stanza.to,
                                   to=stanza.sender, id=stanza.id, type="error"))
        else:
            self.host.inbox.put(stanza)

    def write(self, data):
        if not self.closed.is_set() and not self.ended:
            self.writer.write(data if isinstance(data, bytes) else data.encode())

    async def drain(self):
        try:
            await self.writer.drain()
        except ConnectionError:
            pass

    def end(self):
        """We say nothing more, but still hear."""
        self.ended = True
        self.writer.write_eof()

    def cut(self):
        """Ends the connection without a word."""
        self.writer.transport.abort()


class Host:
    """Listens for the component `jid`. `link` is the connection that is logged in."""

    def __init__(self, jid="gw.localhost", secret="secret"):
        self.jid = jid
        self.secret = secret
        self.component_port = free_port()
        self.numbers = itertools.count(1)
        self.inbox = Inbox(f"host of {jid}")
        self.expect = self.inbox.expect
        self.take = self.inbox.take
        self.faults = []
        self.link = None
        self.logins = 0
        self.confirms = True  # sends back what the component writes to itself, as every server
        self.refuses_rosters = True  # of its users, when the component asks for them, as a server without XEP-0356
        self._login = asyncio.Event()
        self._listener = Listener(self._accept, self.component_port, 1 << 24)

    async def start(self):
        await self._listener.start()
        return self

    async def _accept(self, reader, writer):
        await Link(self, reader, writer).serve()

    def connected(self, link):
        self.link = link
        self.logins += 1
        self._login.set()

    def links(self, _jid):
        """How often the component has logged in; as Prosody.links."""
        return self.logins

    async def login(self, limit=2 * LIMIT):
        """Waits for the next login that was not waited for yet."""
        await asyncio.wait_for(self._login.wait(), limit)
        self._login.clear()
        return self.link

    def send(self, data):
        self.link.write(data)

    async def stop_listening(self):
        self._listener.close()

    async def stop(self):
        await self._listener.stop()

    def user(self, name="romeo", resource="home"):
        return HostUser(self, name, resource)


class HostUser:
    """A person of this host, of whom only the stanzas exist that a test writes."""

    def __init__(self, host, name, resource):
        self.host = host
        self.jid = f"{name}@localhost"
        self.full = f"{self.jid}/{resource}"

    def send(self, name, content="", to=None, **attributes):
        self.host.send(xml_element(name, content, from_=self.full, to=to or self.host.jid, **attributes))

    async def iq(self, payload, type="get", to=None, limit=LIMIT):
        id = f"iq{next(self.host.numbers)}"
        self.send("iq", payload, to, type=type, id=id)
        return await self.host.expect(matches("iq", id=id, to=self.full), limit)

    def send_message(self, to, body=None, content="", type="chat", id=None):
        """As Person.send_message."""
        id = id or f"message{next(self.host.numbers)}"
        text = "" if body is None else f"<body>{escape(body)}</body>"
        self.send("message", text + content, to, type=type, id=id)
        return id

    async def login(self, _gateway=None, username="legacy"):
        """Registers and goes online; the host grants no roster access."""
        answer = await self.iq("<query xmlns='jabber:iq:register'><username>%s</username><password>secret</password>"
                               "</query>" % username, "set")
        assert answer.type == "result", answer
        return await self.online()

    async def online(self, limit=LIMIT):
        self.send("presence")
        return await self.host.expect(matches("presence", self.host.jid, "available",
                                              where=lambda s: s.to in (self.jid, self.full)), limit)

    async def sync(self, to=None):
        await self.iq("<ping xmlns='urn:xmpp:ping'/>", to=to)

    def _mine(self, predicate):
        def mine(stanza):
            return stanza.to in (self.jid, self.full) and predicate(stanza)
        mine.__doc__ = f"to {self.jid}: {predicate.__doc__}"
        return mine

    def expect(self, predicate, limit=LIMIT):
        """Something to this person."""
        return self.host.expect(self._mine(predicate), limit)

    def take(self, predicate):
        return self.host.take(self._mine(predicate))
