# SPDX-License-Identifier: GPL-2.0-or-later
"""A person on the XMPP server behind slixmpp, a client library as people use it: it answers disco, pings and so on by
itself, and complains about what it does not understand."""

import asyncio
import ssl

import slixmpp

from person import Person
from processes import LIMIT
from stanzas import Stanza


async def end_tasks():
    """slixmpp leaves its filter task behind."""
    rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


class User(Person):
    """slixmpp behind Person's calls."""

    async def connect(self, initial_presence=True):
        client = self.client = slixmpp.ClientXMPP(self.full, self.password, sasl_mech="PLAIN")
        client.loop = asyncio.get_running_loop()
        tls = getattr(self.host, "tls", False)
        client["feature_mechanisms"].unencrypted_plain = not tls
        client.ssl_context.check_hostname = False
        client.ssl_context.verify_mode = ssl.CERT_NONE
        client.auto_authorize = client.auto_subscribe = None  # contact requests are the test's to answer
        for plugin in ("xep_0030", "xep_0115", "xep_0199"):
            client.register_plugin(plugin)
        client.add_filter("in", self._received)
        started = asyncio.Event()
        client.add_event_handler("session_start", lambda _: started.set())
        client.connect(("127.0.0.1", self.host.port), disable_starttls=not tls, force_starttls=tls)
        await asyncio.wait_for(started.wait(), LIMIT)
        self.full = client.boundjid.full
        if initial_presence:
            await self.arrive()
        return self

    def _received(self, stanza):
        if stanza.xml.tag in ("{jabber:client}message", "{jabber:client}presence", "{jabber:client}iq"):
            self.inbox.put(Stanza(stanza.xml))
        return stanza

    def send(self, xml):
        self.client.send_raw(xml)

    async def close(self):
        try:
            self.client.abort()
        except AttributeError:  # of slixmpp, whose server has ended before
            pass
