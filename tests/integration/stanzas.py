# SPDX-License-Identifier: GPL-2.0-or-later
"""A received stanza with short names for what tests ask about, predicates to pick stanzas by, and the inbox in which a
test waits for them."""

import asyncio
import re
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

from processes import LIMIT

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
MUC = "http://jabber.org/protocol/muc"
MUC_USER = MUC + "#user"
RECEIPTS = "urn:xmpp:receipts"
CHATSTATES = "http://jabber.org/protocol/chatstates"
REGISTER = "jabber:iq:register"
DATA = "jabber:x:data"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
DELAY = "urn:xmpp:delay"
ATTENTION = "urn:xmpp:attention:0"


class Stanza:
    def __init__(self, xml):
        self.xml = xml
        self.name = xml.tag.rpartition("}")[2]
        self.namespace = xml.tag[1:].partition("}")[0] if xml.tag[0] == "{" else ""
        self.type = xml.get("type")
        self.sender = xml.get("from", "")
        self.to = xml.get("to", "")
        self.id = xml.get("id")
        self.bare, _, self.resource = self.sender.partition("/")

    def child(self, name, namespace=None):
        """The first direct child of that name, in the stanza's own namespace unless another is given."""
        return self.xml.find(f"{{{namespace or self.namespace}}}{name}")

    def text(self, name):
        child = self.child(name)
        return None if child is None else child.text or ""

    body = property(lambda self: self.text("body"))
    subject = property(lambda self: self.text("subject"))
    show = property(lambda self: self.text("show"))
    status = property(lambda self: self.text("status"))
    thread = property(lambda self: self.text("thread"))

    @property
    def chat_state(self):
        for child in self.xml:
            if child.tag.startswith(f"{{{CHATSTATES}}}"):
                return child.tag.rpartition("}")[2]
        return None

    @property
    def error(self):
        """(type, condition, text) of an error stanza, else None."""
        node = self.child("error")
        if node is None:
            return None
        text = node.find(f"{{{STANZAS}}}text")
        names = [c.tag.rpartition("}")[2] for c in node if c.tag.startswith(f"{{{STANZAS}}}") and c is not text]
        return node.get("type"), names[0] if names else None, "" if text is None else text.text or ""

    @property
    def condition(self):
        return self.error[1] if self.error else None

    @property
    def codes(self):
        """MUC status codes."""
        x = self.child("x", MUC_USER)
        return set() if x is None else {int(s.get("code")) for s in x.iterfind(f"{{{MUC_USER}}}status")}

    @property
    def item(self):
        """MUC item: {affiliation, role, nick, jid, reason, actor}."""
        node = self.xml.find(f"{{{MUC_USER}}}x/{{{MUC_USER}}}item")
        if node is None:
            return None
        found = dict(node.attrib)
        reason, actor = node.find(f"{{{MUC_USER}}}reason"), node.find(f"{{{MUC_USER}}}actor")
        if reason is not None:
            found["reason"] = reason.text
        if actor is not None:
            found["actor"] = actor.get("nick") or actor.get("jid")
        return found

    def __repr__(self):
        return re.sub(r' xmlns:ns\d+="[^"]*"|ns\d+:', "", ET.tostring(self.xml, "unicode"))


def matches(name, sender=None, type=None, where=None, **fields):
    """A predicate. `sender` is a bare or full JID; `type` None means any; further fields are compared with the stanza's
    properties (callables are called); `where` is a last condition on the stanza."""
    def predicate(stanza):
        if stanza.name != name or (sender is not None and sender not in (stanza.bare, stanza.sender)):
            return False
        if type is not None and (stanza.type or "normal" if name == "message" else stanza.type or "available") != type:
            return False
        for field, value in fields.items():
            got = getattr(stanza, field)
            if not (value(got) if callable(value) else got == value):
                return False
        return where is None or bool(where(stanza))
    predicate.__doc__ = " ".join([name] + [f"{k}={v!r}" for k, v in dict(sender=sender, type=type, **fields).items()
                                           if v is not None])
    return predicate


def message(sender=None, body=None, **more):
    if body is not None:
        more["body"] = body
    return matches("message", sender, **more)


def presence(sender=None, type=None, **more):
    return matches("presence", sender, type, **more)


def available(sender=None, **more):
    return matches("presence", sender, "available", **more)


def unavailable(sender=None, **more):
    return matches("presence", sender, "unavailable", **more)


class Inbox:
    """What came in, in order. Each `expect` takes out one stanza and leaves the others."""

    def __init__(self, owner):
        self.owner = owner
        self.waiting = []
        self.seen = []
        self._arrived = asyncio.Event()

    def put(self, thing):
        self.waiting.append(thing)
        self.seen.append(thing)
        self._arrived.set()

    def take(self, predicate):
        """All that are there already and match."""
        taken = [s for s in self.waiting if predicate(s)]
        self.waiting = [s for s in self.waiting if not any(s is t for t in taken)]
        return taken

    async def expect(self, predicate, limit=LIMIT):
        end = time.monotonic() + limit
        while True:
            for index, thing in enumerate(self.waiting):
                if predicate(thing):
                    return self.waiting.pop(index)
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), max(0, end - time.monotonic()))
            except asyncio.TimeoutError:
                rest = "\n  ".join(repr(thing)[:400] for thing in self.waiting[-30:]) or "nothing"
                raise AssertionError(f"{self.owner}: not within {limit:g} s: {predicate.__doc__}\n"
                                     f"what waits instead:\n  {rest}") from None


def xml_attributes(**attributes):
    return "".join(f" {k.rstrip('_').replace('__', ':')}={quoteattr(str(v))}" for k, v in attributes.items()
                   if v is not None)


def xml_element(name, content="", **attributes):
    """`content` is XML already."""
    return f"<{name}{xml_attributes(**attributes)}>{content}</{name}>"

