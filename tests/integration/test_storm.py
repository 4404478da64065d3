# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything at once: many users send thousands of random stanzas, right and half right, while the network throws random
frames, backends are killed and the link is cut. Nothing may be reported, leak or break the stream; afterwards the gateway
serves a fresh user and ends at once. The seed is printed; SPECTRUM2_SEED repeats a run."""

import asyncio
import collections
import itertools
import os
import random
import signal
import time
from xml.sax.saxutils import escape

import pytest
import pytest_asyncio
from slixmpp.jid import JID

from gateway import SCRIPTED
from host import Host
from stanzas import CHATSTATES, DATA, DISCO_INFO, DISCO_ITEMS, MUC, RECEIPTS, REGISTER, message, xml_attributes

GW = "gw.localhost"
SECONDS = 12
USERS = 50
NODES = ["eve", "ann", "ben0", "Eve17", "control", "a%b", "x\\40y.example", "#quiet", "#quiet1", "#quiet2", "plain", "#other",
         "n" * 1000, "\u00e4\u4f60"]
RESOURCES = ["me", "ann", "bot", "Ann B.", "\u4f60", "r" * 1000]
BODIES = ["E hello", "B3", "N lost", "R7", "R99", "ID", "ACK", "LIST", "FLACK", "FOLD", "FUTF", "FBAD", "FUSER", "Q online_users",
          "CONF[features]|muc=1", "&<>\"'", "b" * 3000, "\U0001f600", "/me"]
RARE_BODIES = ["D", "DA", "KILL", "CLOSE", "EXIT 1", "FLEN"]
PAYLOADS = [
    "<ping xmlns='urn:xmpp:ping'/>", f"<query xmlns='{DISCO_INFO}'/>", f"<query xmlns='{DISCO_ITEMS}'/>",
    f"<query xmlns='{DISCO_INFO}' node='x'/>", "<vCard xmlns='vcard-temp'/>",
    "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>", "<query xmlns='jabber:iq:version'/>",
    "<query xmlns='jabber:iq:last'/>", "<time xmlns='urn:xmpp:time'/>", "<query xmlns='jabber:iq:gateway'/>",
    "<query xmlns='jabber:iq:gateway'><prompt>a b@c</prompt></query>", f"<query xmlns='{REGISTER}'/>",
    f"<query xmlns='{REGISTER}'><username>n</username><password>p</password></query>",
    f"<query xmlns='{REGISTER}'><username/></query>", f"<query xmlns='{REGISTER}'><remove/></query>",
    f"<query xmlns='{REGISTER}'><x xmlns='{DATA}' type='submit'><field var='username'><value>f</value></field></x></query>",
    "<query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator'/></query>", "<strange xmlns='urn:x'/>", "",
    "<a/><b/>"]
CHILDREN = [
    f"<composing xmlns='{CHATSTATES}'/>", f"<gone xmlns='{CHATSTATES}'/>", f"<request xmlns='{RECEIPTS}'/>",
    "<attention xmlns='urn:xmpp:attention:0'/>", "<subject>new</subject>", "<subject/>", "<thread>t</thread>",
    "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>hi</p></body></html>",
    "<delay xmlns='urn:xmpp:delay' stamp='never'/>", "<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>"]
SUBSCRIPTIONS = ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"]


class Storm:
    """Writes random stanzas. `asked` are the ids of requests; whatever starts with "quiet" is an error of ours."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.asked = []
        self.number = 0

    def sender(self):
        pick = self.chance
        return f"user{pick.randrange(USERS)}@localhost" + pick.choice(["/home", "/home", "/home", "/work", "/" + "w" * 1000, ""])

    def target(self):
        pick = self.chance
        if pick.random() < 0.25:
            return GW
        resource = pick.choice(["", "", "/" + pick.choice(RESOURCES)])
        return f"{pick.choice(NODES)}@{GW}{resource}"

    def stanza(self):
        pick = self.chance
        self.number += 1
        make = pick.choices([self.login, self.logout, self.room, self.subscription, self.message, self.request, self.error,
                             self.odd], [12, 3, 14, 12, 30, 20, 5, 4])[0]
        return make()

    def element(self, name, content="", **attributes):
        attributes = {"from_": self.sender(), "to": self.target(), **attributes}
        return f"<{name}{xml_attributes(**attributes)}>{content}</{name}>"

    def login(self):
        show = self.chance.choice(["", "<show>away</show><status>x</status>", f"<status>{'s' * 6000}</status>",
                                   "<priority>-5</priority>", "<priority>x</priority>"])
        return self.element("presence", show, to=GW)

    def logout(self):
        return self.element("presence", to=self.chance.choice([GW, self.target()]), type="unavailable")

    def room(self):
        pick = self.chance
        place = f"{pick.choice(['#quiet', '#quiet1', '#quiet2', 'plain', '#other', '#locked'])}@{GW}"
        kind = pick.random()
        if kind < 0.6:
            return self.element("presence", f"<x xmlns='{MUC}'><password>p</password></x>",
                                to=f"{place}/{pick.choice(RESOURCES)}")
        if kind < 0.75:
            return self.element("presence", to=f"{place}/me", type="unavailable")
        return self.element("message", "<body>E words</body>", to=place, type="groupchat", id=f"g{self.number}")

    def subscription(self):
        return self.element("presence", type=self.chance.choice(SUBSCRIPTIONS), id=f"quiet{self.number}")

    def message(self):
        pick = self.chance
        body = f"STORM {pick.randrange(30)} {pick.randrange(1 << 30)}"
        if pick.random() < 0.5:
            body = pick.choice(RARE_BODIES if pick.random() < 0.02 else BODIES)
        content = f"<body>{escape(body)}</body>" if pick.random() < 0.9 else ""
        content += "".join(pick.sample(CHILDREN, pick.choice([0, 0, 1, 2])))
        return self.element("message", content, id=pick.choice([f"m{self.number}", "i" * 10240, "", None]),
                            type=pick.choice(["chat", "chat", "groupchat", "normal", "headline", "strange", None]))

    def request(self):
        pick = self.chance
        self.number += 1
        id = f"q{self.number}"
        type = pick.choice(["get", "set", "set", "strange"])
        if pick.random() < 0.1:
            return self.element("iq", pick.choice(PAYLOADS), type=type)
        self.asked.append(id)
        return self.element("iq", pick.choice(PAYLOADS), type=type, id=id)

    def error(self):
        """Never answered, whatever it is."""
        content = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        return self.element(self.chance.choice(["message", "iq", "presence"]), content, type="error", id=f"quiet{self.number}")

    def odd(self):
        return self.chance.choice([
            "<message><body>nobody</body></message>", f"<presence from='@' to='{GW}'/>", "<presence from='a@b/c' to='@@'/>",
            f"<iq from='{'x' * 3000}@b/c' to='{GW}' type='get'/>", f"<message from='{GW}' to='{GW}'><body>self</body></message>",
            f"<presence from='eve@{GW}/bot' to='{GW}'/>", f"<unknown from='a@localhost/b' to='{GW}'/>", " \n ",
            f"<presence from='stranger{self.number}@localhost/x' to='{GW}'/>"])


@pytest_asyncio.fixture
async def host():
    one = await Host().start()
    yield one
    await one.stop()


async def registered(host):
    for n in range(USERS):
        user = host.user(f"user{n}")
        await user.iq(f"<query xmlns='{REGISTER}'><username>name{n}</username><password>p</password></query>", "set")
        user.send("presence")


def answers(host, ids):
    counted = collections.Counter(s.id for s in host.inbox.seen if s.name == "iq" and s.type in ("result", "error"))
    return {id: counted[id] for id in ids}


def bad_addresses(host):
    """What no server would take from us."""
    def valid(text):
        try:
            return JID(text).domain
        except ValueError:
            return None
    return [s for s in host.inbox.seen if s.name != "error" and (valid(s.sender) != GW or not valid(s.to))]


@pytest.mark.parametrize("backend", ["old", "extended"])
async def test_storm(gateways, host, backend):
    seed = int(os.environ.get("SPECTRUM2_SEED", 20261122))
    print(f"seed {seed}")
    storm = Storm(seed)
    settings = {"service.users_per_backend": 20, "service.memory_collector_time": 0,
                "settings.stay_connected": int(backend == "extended")}
    gateway = await gateways(host, SCRIPTED + (" --extended" if backend == "extended" else ""), **settings)
    await host.login()
    await registered(host)
    faults = itertools.cycle([cut, kill_backend, None, kill_backend, stop_backend, cut])
    cuts, begin, due = 0, time.monotonic(), 1.0
    while time.monotonic() - begin < SECONDS:
        host.send("".join(storm.stanza() for _ in range(40)))
        await host.link.drain()
        await asyncio.sleep(0.02)
        assert gateway.running(), f"seed {seed}: {gateway.reports()}\n{gateway.log()[-3000:]}"
        if time.monotonic() - begin > due:
            due += 1.0
            fault = next(faults)
            if fault:
                cuts += await fault(gateway, host, storm.chance)
    await calm(gateway, host, storm)
    assert not host.faults, "the stream was broken"
    assert host.logins == 1 + cuts, "the link was given up"
    assert not [s for s in host.inbox.seen if s.type == "error" and (s.id or "").startswith("quiet") and s.name != "presence"]
    twice = {id for id, count in answers(host, storm.asked).items() if count > 1}
    assert not twice, [s for s in host.inbox.seen if s.id in twice][:3]
    assert not bad_addresses(host)[:3]
    begin = time.monotonic()
    gateway.send_signal(signal.SIGTERM)
    assert await gateway.ended() == 0, gateway.reports()
    assert time.monotonic() - begin < 6, "slow to end"
    print(f"{storm.number} stanzas, {len(host.inbox.seen)} came back")


async def cut(gateway, host, chance):
    host.link.cut()
    await host.login()
    return 1


async def kill_backend(gateway, host, chance):
    pids = gateway.backends()
    if pids:
        os.kill(chance.choice(pids), signal.SIGKILL)
    return 0


async def stop_backend(gateway, host, chance):
    """It hangs for a moment."""
    pids = gateway.backends()
    if pids:
        pid = chance.choice(pids)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0.3)
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    return 0


async def calm(gateway, host, storm):
    """Afterwards each request is answered once, and a fresh user is served."""
    await host.user("user0").iq("<ping xmlns='urn:xmpp:ping'/>", limit=60)
    begin = len(storm.asked)
    host.send("".join(storm.request() for _ in range(300)))
    fresh = host.user("fresh")
    answer = await fresh.iq(f"<query xmlns='{REGISTER}'><username>fresh</username><password>p</password></query>", "set")
    assert answer.type == "result", answer
    end = time.monotonic() + 40
    while True:  # what is still on its way may hit him, too
        fresh.send("presence")
        fresh.send_message(f"solo@{GW}", "E still there?")
        got = await fresh.expect(message(f"solo@{GW}", where=lambda s: s.type == "error" or s.body == "E still there?"), 40)
        if got.body:
            break
        assert time.monotonic() < end, got
        await asyncio.sleep(0.2)
    while True:
        silent = [id for id, count in answers(host, storm.asked[begin:]).items() if not count]
        if not silent:
            return
        assert time.monotonic() < end, f"without an answer: {silent}"
        await asyncio.sleep(0.1)
