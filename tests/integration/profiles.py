# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests about people share: what the scripted network says of them, and how clients ask."""

import base64
import hashlib
import json

from person import RawUser
from pictures import PICTURES, hash_of
from stanzas import DISCO_INFO, message, xml_element

GW = "gw.localhost"
EVE = f"eve@{GW}"
BUDDY_CHANGED = 6
CAPS = "http://jabber.org/protocol/caps"
PUBSUB = "http://jabber.org/protocol/pubsub"
VCARD = "vcard-temp"
UPDATE = "vcard-temp:x:update"
METADATA, DATA = "urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data"


async def told(user, words, wanted="E done"):
    """Has the network do something, and waits until it is done."""
    user.send_message(EVE, words)
    user.send_message(EVE, "E done")
    return await user.expect(message(EVE, wanted))


async def frames(user, *which):
    """Lets the network send these; returns when they have passed."""
    await told(user, "FRAMES " + json.dumps(which))


def buddy(name, status=0, **fields):
    """The frame by which the network tells of a contact; f7=... is field 7."""
    return [BUDDY_CHANGED, {2: name, 5: status, **{key.lstrip("f"): value for key, value in fields.items()}}]


def icon(picture):
    return hash_of(PICTURES[picture])


async def card(user, name, **fields):
    """What the network knows of this person; f4=... is field 4. Without fields it never answers."""
    fields = {key.lstrip("f"): value for key, value in fields.items()} or None
    await told(user, f"CARD {name} {json.dumps(fields)}")


async def asked(user):
    """The names whose cards the network was asked for, in order."""
    user.send_message(EVE, "CARDS")
    return (await user.expect(message(EVE, where=lambda s: (s.body or "").startswith("asked:")))).body.split()[1:]


async def own_card(user):
    """What the network knows of the user himself."""
    user.send_message(EVE, "MYCARD")
    return json.loads((await user.expect(message(EVE, where=lambda s: (s.body or "").startswith("{")))).body)


def photo_hash(stanza):
    """Of a presence: the hash in it, "" for none, None if it does not say."""
    update = stanza.child("x", UPDATE)
    photo = None if update is None else update.find(f"{{{UPDATE}}}photo")
    return None if photo is None else photo.text or ""


def vcard_photo(answer):
    """(media type, bytes) of a vcard-temp answer; None if there is none."""
    photo = answer.xml.find(f"{{{VCARD}}}vCard/{{{VCARD}}}PHOTO")
    return None if photo is None else (photo.findtext(f"{{{VCARD}}}TYPE"),
                                       base64.b64decode(photo.findtext(f"{{{VCARD}}}BINVAL")))


async def vcard(user, jid):
    answer = await user.iq(jid, f"<vCard xmlns='{VCARD}'/>", limit=40)
    assert answer.type == "result", answer
    return answer


async def item(user, jid, node, id=None):
    """The answer to a request for the items of a node."""
    inner = f"<item id='{id}'/>" if id else ""
    return await user.iq(jid, f"<pubsub xmlns='{PUBSUB}'><items node='{node}'>{inner}</items></pubsub>", limit=40)


def client_with(*features, truth=None):
    """A client that announces these in its presence, and these (or the truth) when it is asked."""
    features = sorted([DISCO_INFO, *features])
    text = "client/pc//test<" + "".join(f"{feature}<" for feature in features)
    hash = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
    query = (f"<query xmlns='{DISCO_INFO}' node='http://client.example#{hash}'><identity category='client' type='pc' name='test'/>"
             + "".join(f"<feature var='{feature}'/>" for feature in truth or features) + "</query>")

    class Client(RawUser):
        questions = 0

        async def connect(self, initial_presence=True):
            put = self.inbox.put

            def answer(stanza):
                put(stanza)
                if stanza.name == "iq" and stanza.type == "get" and stanza.child("query", DISCO_INFO) is not None:
                    self.questions += stanza.sender == GW
                    self.send(xml_element("iq", query, to=stanza.sender, type="result", id=stanza.id))
            self.inbox.put = answer
            return await super().connect(initial_presence)

        def send_presence(self, to=None, type=None, content=""):
            caps = "" if type else f"<c xmlns='{CAPS}' hash='sha-1' node='http://client.example' ver='{hash}'/>"
            super().send_presence(to, type, content + caps)
    return Client
