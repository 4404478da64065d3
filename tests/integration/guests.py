# SPDX-License-Identifier: GPL-2.0-or-later
"""Components of others on spectrum2 as a server (XEP-0114): `Guest` is one that a library speaks for, `Bare` one on a bare
connection, `Biboumi` a gateway to IRC as Debian has it."""

import asyncio
import hashlib
import itertools

import slixmpp

from processes import LIMIT, Process, free_port
from server import Wire, wait_until
from stanzas import DATA, Inbox, Stanza, matches, xml_element
from user import end_tasks

COMPONENT = "jabber:component:accept"
SECRET = "a shared secret"


def welcoming(*domains, **more):
    """Settings of a server that these may connect to; its `component_port` is the value of the first."""
    return {"service.component_port": free_port(), **{f"components.{domain}": SECRET for domain in domains}, **more}


async def host(servers, *domains, **more):
    settings = welcoming(*domains, **more)
    server = await servers(**settings)
    server.component_port = settings["service.component_port"]
    return server


async def close_all(components):
    for one in components:
        await one.close()
    await end_tasks()


class Component:
    """What both kinds can do. Subclasses offer connect(), send(xml), close()."""

    def __init__(self, server, jid, secret=SECRET):
        self.server, self.jid, self.secret = server, jid, secret
        self.inbox = Inbox(jid)
        self.expect, self.take = self.inbox.expect, self.inbox.take
        self._ids = itertools.count(1)

    def stanza(self, name, to, content="", sender=None, **attributes):
        self.send(xml_element(name, content, **{"from": sender or self.jid}, to=to, **attributes))

    def message(self, to, body, type="chat", sender=None, content="", **more):
        self.stanza("message", to, f"<body>{body}</body>{content}", sender, type=type, **more)

    async def iq(self, to, payload, type="get", sender=None, limit=LIMIT):
        id = f"guest-{next(self._ids)}"
        self.stanza("iq", to, payload, sender, type=type, id=id)
        return await self.expect(matches("iq", id=id, where=lambda s: s.type in ("result", "error")), limit)


class Guest(Component):
    """slixmpp's component."""

    takes = staticmethod(lambda stanza: False)  # what the test answers, not the library

    async def connect(self):
        client = self.client = slixmpp.ComponentXMPP(self.jid, self.secret, "127.0.0.1", self.server.component_port)
        client.loop = asyncio.get_running_loop()
        client.auto_authorize = client.auto_subscribe = None
        for plugin in ("xep_0030", "xep_0199"):
            client.register_plugin(plugin)
        client.add_filter("in", self._received)
        started = asyncio.Event()
        client.add_event_handler("session_start", lambda _: started.set())
        client.connect()
        await asyncio.wait_for(started.wait(), LIMIT)
        return self

    def _received(self, stanza):
        if stanza.xml.tag.startswith(f"{{{COMPONENT}}}"):
            self.inbox.put(Stanza(stanza.xml))
            if self.takes(self.inbox.seen[-1]):
                return None
        return stanza

    def send(self, xml):
        self.client.send_raw(xml)

    async def close(self):
        try:
            self.client.abort()
        except AttributeError:
            pass


class Bare(Component):
    """Nothing is sent, answered or repaired by itself."""

    async def open(self, to=None, xmlns=COMPONENT, **more):
        self.wire = await Wire(self.server, self.server.component_port).connect()
        self.wire.inbox = self.inbox
        self.wire.expect = self.expect
        self.closed = self.wire.closed
        self.error = self.wire.error
        self.wire.open(self.jid if to is None else to, None, xmlns, **more)
        return self

    async def prove(self, secret=None):
        await wait_until(lambda: self.wire.header is not None)
        proof = hashlib.sha1((self.wire.header.get("id") + (secret or self.secret)).encode()).hexdigest()
        self.send(f"<handshake>{proof}</handshake>")

    async def connect(self):
        await self.open()
        await self.prove()
        await self.expect(matches("handshake"))
        return self

    def send(self, xml):
        self.wire.send(xml)

    async def close(self):
        await self.wire.close()


class Biboumi(Process):
    def __init__(self, directory, server, jid):
        super().__init__(directory, "biboumi")
        self.server, self.jid = server, jid

    async def start(self):
        path = self.directory / "biboumi.cfg"
        path.write_text(f"hostname={self.jid}\npassword={SECRET}\nxmpp_server_ip=127.0.0.1\n"
                        f"port={self.server.component_port}\ndb_name={self.directory}/biboumi.sqlite\n"
                        f"policy_directory={self.directory}\nlog_level=1\n")
        self.launch("/usr/bin/biboumi", path)
        await self.server.logged(f"a component has come domain={self.jid}")
        return self

    async def configure(self, user, irc, **fields):
        """What a user says of an IRC server, by its form."""
        to, command = f"{irc}@{self.jid}", "<command xmlns='http://jabber.org/protocol/commands' node='configure'"
        form = await user.iq(to, f"{command} action='execute'/>", "set")
        session = form.xml[0].get("sessionid")
        assert session, form
        content = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields.items())
        done = await user.iq(to, f"{command} sessionid='{session}' action='complete'><x xmlns='{DATA}' type='submit'>"
                                 f"{content}</x></command>", "set")
        assert done.xml[0].get("status") == "completed", done

    async def close(self):
        self.end()
