# SPDX-License-Identifier: GPL-2.0-or-later
"""People with clients that others wrote, in Node: the programs of tests/clients. They connect, log in, keep and resume
their session by themselves; a test says what they send, and sees what they get. `npm ci` there installs them."""

import asyncio
import json
import os
import shutil
import xml.etree.ElementTree as ET

from gateway import ROOT
from person import Person
from processes import LIMIT, end_with_parent
from stanzas import Inbox, Stanza

CLIENTS = ROOT / "tests/clients"


class Event:
    """What a client tells besides stanzas."""

    def __init__(self, fields):
        self.fields = fields
        self.name = fields["event"]

    def __repr__(self):
        return str(self.fields)


class NodeClient(Person):
    """`service`: a URL or what else the library takes. `certificate`: the one that it trusts."""

    program = None

    def __init__(self, host, name, resource="test", service=None, certificate=None, nameserver=None, password=None):
        super().__init__(host, name, resource)
        self.password = password or self.password
        self.service, self.certificate, self.nameserver = service, certificate, nameserver
        self.events = Inbox(f"{self.full} in Node")
        self._child = self._feed = None

    async def launch(self):
        """Starts to connect, and waits for nothing."""
        await self.begin()
        self._start()
        return self

    async def begin(self):
        """Starts the program."""
        node = shutil.which("node")
        assert node and (CLIENTS / "node_modules").exists(), f"Node's packages are missing: run npm ci in {CLIENTS}"
        more = {"NODE_EXTRA_CA_CERTS": str(self.certificate)} if self.certificate else {}
        self._child = await asyncio.create_subprocess_exec(
            node, CLIENTS / self.program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **more}, limit=1 << 24, preexec_fn=end_with_parent)
        self._feed = asyncio.create_task(self._read())

    def _start(self):
        self._order("start", service=self.service, domain=self.domain, username=self.user, password=self.password,
                    resource=self.resource, nameserver=self.nameserver)

    async def connect(self, initial_presence=True):
        await self.launch()
        await self.online_again()
        if initial_presence:
            await self.arrive()
        return self

    async def online_again(self, limit=2 * LIMIT):
        """Waits until the library says that it is online."""
        self.full = (await self.told("online", limit)).fields["jid"]

    async def told(self, name, limit=2 * LIMIT, **fields):
        return await self.events.expect(
            lambda e: e.name == name and all(e.fields.get(k) == v for k, v in fields.items()), limit)

    def _order(self, do, **more):
        self._child.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")

    async def _read(self):
        while line := await self._child.stdout.readline():
            fields = json.loads(line)
            if fields["event"] == "stanza":
                self.inbox.put(Stanza(ET.fromstring(fields["xml"])))
            else:
                self.events.put(Event(fields))

    def send(self, xml):
        # As a whole document has it: the libraries parse what they are given.
        element = ET.fromstring(f"<x xmlns='jabber:client'>{xml}</x>")[0]
        ET.register_namespace("", "jabber:client")
        self._order("send", xml=ET.tostring(element, "unicode"))

    async def log_out(self):
        self._order("stop")
        await self.told("stopped")

    async def close(self):
        if self._child is None:
            return
        self._child.stdin.close()
        try:
            await asyncio.wait_for(self._child.wait(), LIMIT)
        finally:
            if self._child.returncode is None:
                self._child.kill()
                await self._child.wait()
            self._feed.cancel()


class XmppJs(NodeClient):
    program = "xmpp.mjs"


class StropheJs(NodeClient):
    program = "strophe.mjs"
