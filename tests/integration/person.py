# SPDX-License-Identifier: GPL-2.0-or-later
"""People on the XMPP server. `Person` is what a test can make them do; `RawUser` is one on a bare socket, who sends and
shows exactly what a test says. See user.py for one with a real client library."""

import asyncio
import base64
import itertools
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from processes import LIMIT
from stanzas import (DATA, MUC, REGISTER, Inbox, Stanza, available, matches, message, presence, unavailable, xml_attributes,
                     xml_element)


class Person:
    """What both kinds can do. Subclasses offer connect(), send(xml), close()."""

    def __init__(self, host, name, resource="test"):
        self.host = host
        self.user = name
        self.password = f"pass-{name}"
        self.domain = getattr(host, "domain", "localhost")
        self.jid = f"{name}@{self.domain}"
        self.full = f"{self.jid}/{resource}"
        self.resource = resource
        self.inbox = Inbox(self.full)
        self.expect = self.inbox.expect
        self.take = self.inbox.take
        self._ids = itertools.count(1)

    def new_id(self):
        return f"{self.user}-{self.resource}-{next(self._ids)}"

    async def arrive(self):
        """What clients do at first: the roster (only who asked for it is told of changes), then presence."""
        await self.iq(None, "<query xmlns='jabber:iq:roster'/>")
        self.send_presence()
        if getattr(self.host, "shows_own_presence", True):
            await self.expect(presence(self.full))
        else:
            await self.sync(self.domain)

    # One stanza

    def send_presence(self, to=None, type=None, content=""):
        self.send(xml_element("presence", content, to=to, type=type))

    def send_message(self, to, body=None, content="", type="chat", id=None):
        """Returns the stanza's id."""
        id = id or self.new_id()
        text = "" if body is None else f"<body>{escape(body)}</body>"
        self.send(xml_element("message", text + content, to=to, type=type, id=id))
        return id

    async def iq(self, to, payload, type="get", limit=LIMIT):
        """Sends the request and returns its answer, a result or an error."""
        id = self.new_id()
        self.send(xml_element("iq", payload, to=to, type=type, id=id))
        return await self.expect(matches("iq", id=id, where=lambda s: s.type in ("result", "error")), limit)

    async def sync(self, to, limit=LIMIT):
        """Returns when `to` has answered: whatever it sent before has arrived by then."""
        await self.iq(to, "<ping xmlns='urn:xmpp:ping'/>", limit=limit)

    # Gateways

    async def reach(self, gateway):
        """Returns when there is a way to it: ejabberd accepts a component before it knows one."""
        end = time.monotonic() + LIMIT
        while (await self.iq(gateway, "<ping xmlns='urn:xmpp:ping'/>")).condition == "remote-server-not-found":
            assert time.monotonic() < end, f"no way to {gateway}"
            await asyncio.sleep(0.02)

    async def register(self, gateway, username="legacy", password="secret"):
        fields = "" if username is None else f"<username>{escape(username)}</username>"
        fields += "" if password is None else f"<password>{escape(password)}</password>"
        return await self.iq(gateway, f"<query xmlns='{REGISTER}'>{fields}</query>", "set")

    async def register_by_form(self, gateway, **fields):
        values = dict(FORM_TYPE=REGISTER, **fields)
        form = "".join(f"<field{xml_attributes(var=k)}><value>{escape(v)}</value></field>" for k, v in values.items())
        return await self.iq(gateway, f"<query xmlns='{REGISTER}'><x xmlns='{DATA}' type='submit'>{form}</x></query>",
                             "set")

    async def unregister(self, gateway):
        return await self.iq(gateway, f"<query xmlns='{REGISTER}'><remove/></query>", "set")

    async def login(self, gateway, username=None):
        """Registers and goes online there; returns the gateway's presence."""
        await self.reach(gateway)
        answer = await self.register(gateway, username or self.user)
        assert answer.type == "result", answer
        return await self.online(gateway)

    async def online(self, gateway, limit=LIMIT):
        self.send_presence(gateway)
        got = await self.expect(available(gateway), limit)
        self.take(unavailable(gateway))  # "connecting"
        return got

    # Rooms

    def enter(self, room, nick, password=None, content=""):
        """Asks to join and waits for nothing."""
        secret = "" if password is None else f"<password>{escape(password)}</password>"
        self.send_presence(f"{room}/{nick}", content=f"<x xmlns='{MUC}'>{secret}{content}</x>")

    async def join(self, room, nick, password=None, limit=LIMIT):
        """Joins and returns what came: the presences (own one last), then the subject."""
        self.enter(room, nick, password)
        others = []
        while True:
            got = await self.expect(presence(room), limit)
            others.append(got)
            assert got.type != "error", got
            if 110 in got.codes:
                break
        subject = await self.expect(message(room, type="groupchat", where=lambda s: s.child("subject") is not None))
        return others + [subject]

    def leave(self, room, nick, status=None):
        self.send_presence(f"{room}/{nick}", "unavailable", "" if status is None else f"<status>{status}</status>")


class RawUser(Person):
    """PLAIN, bind, then whatever the test writes. Nothing is answered or repaired."""

    async def connect(self, initial_presence=True):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.host.port, limit=1 << 24)
        self._feed = asyncio.create_task(self._read())
        self._open()
        await self.expect(matches("features"))
        secret = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        await self.expect(matches("success"))
        self._open()
        await self.expect(matches("features"))
        bind = "urn:ietf:params:xml:ns:xmpp-bind"
        bound = await self.iq(None, f"<bind xmlns='{bind}'><resource>{self.resource}</resource></bind>", "set")
        self.full = bound.xml.findtext(f".//{{{bind}}}jid")
        if initial_presence:
            await self.arrive()
        return self

    def _open(self):
        self._parser = ET.XMLPullParser(("start", "end"))
        self._depth = 0
        self.send("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                  f"to='{self.domain}' version='1.0'>")

    async def _read(self):
        while piece := await self.reader.read(65536):
            self._parser.feed(piece)
            parser = self._parser
            for event, element in parser.read_events():
                self._depth += 1 if event == "start" else -1
                if event == "end" and self._depth == 1:
                    self.inbox.put(Stanza(element))
                if parser is not self._parser:
                    break

    def send(self, xml):
        self.writer.write(xml.encode())

    async def close(self):
        self._feed.cancel()
        self.writer.close()
