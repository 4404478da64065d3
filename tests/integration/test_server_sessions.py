# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: what the sessions of one user do together and over time: stream management (XEP-0198), client state
(XEP-0352), carbons (XEP-0280)."""

import asyncio

import pytest

import gateway
from person import RawUser
from processes import LIMIT
from server import wait_until
from stanzas import available, matches, message, presence, unavailable

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
SM = "urn:xmpp:sm:3"
CSI = "urn:xmpp:csi:0"
CARBONS = "urn:xmpp:carbons:2"
ANN, BOB = f"ann%net@{DOMAIN}", f"bob%net@{DOMAIN}"


async def session(wires, server, name="ann%net", resource="phone", resume="true", present=True, sm=True):
    """A bound client, with stream management."""
    wire = await wires(server)
    features = await wire.log_in(name, f"pass-{name}")
    assert features.xml.find(f"{{{SM}}}sm") is not None and features.xml.find(f"{{{CSI}}}csi") is not None
    wire.full = await wire.bind(resource)
    wire.handled = 0
    if sm:
        wire.send(f"<enable xmlns='{SM}' resume='{resume}'/>")
        enabled = await wire.expect(lambda s: s.name == "enabled")
        wire.token = enabled.xml.get("id")
    if present:
        wire.send("<presence/>")
        await wire.expect(presence(wire.full))
    return wire


async def resume(wires, server, old, handled):
    wire = await wires(server)
    name = old.full.split("@")[0]
    await wire.log_in(name, f"pass-{name}")
    wire.send(f"<resume xmlns='{SM}' previd='{old.token}' h='{handled}'/>")
    wire.full, wire.token = old.full, old.token
    return wire, await wire.expect(lambda s: s.name in ("resumed", "failed"))


def received(wire):
    """Stanzas that came since <enabled/>: all but what came before it."""
    seen = wire.inbox.seen
    at = next(i for i, s in enumerate(seen) if s.name in ("enabled", "resumed"))
    return sum(s.name in ("message", "presence", "iq") for s in seen[at:])


def cut(wire):
    """The connection is gone without a word."""
    wire._feed.cancel()
    wire.writer.transport.abort()


async def test_acknowledgements(servers, wires):
    server = await servers()
    wire = await session(wires, server)
    await wire.expect(lambda s: s.name == "r" and s.namespace == SM)
    wire.send(f"<a xmlns='{SM}' h='{received(wire)}'/>")
    wire.send(f"<message to='echo@{DOMAIN}' type='chat'><body>one</body></message><r xmlns='{SM}'/>")
    answer = await wire.expect(lambda s: s.name == "a")
    assert answer.xml.get("h") == "2"  # presence and message
    wire.send(f"<enable xmlns='{SM}'/>")
    await wire.expect(lambda s: s.name == "failed")
    wire.send(f"<a xmlns='{SM}' h='1000'/>")
    error = await wire.expect(lambda s: s.name == "error")
    assert error.xml[1].tag == f"{{{SM}}}handled-count-too-high"


async def test_before_a_resource_is_bound_there_is_nothing_to_enable(servers, wires):
    server = await servers()
    wire = await wires(server)
    await wire.log_in(server.account())
    wire.send(f"<enable xmlns='{SM}'/>")
    await wire.expect(lambda s: s.name == "failed")
    wire.send(f"<resume xmlns='{SM}' previd='nonsense' h='0'/>")
    failed = await wire.expect(lambda s: s.name == "failed")
    assert failed.xml[0].tag.endswith("item-not-found")
    await wire.bind("x")


@pytest.mark.parametrize("days", [30, 0], ids=["archive", "no archive"])
async def test_resumption_brings_what_was_missed(servers, wires, people, days):
    server = await servers(gateway.VILLAGE, archive__days=days)
    phone = await session(wires, server)
    bob = await people(host=server, kind=RawUser, account="bob%net")
    bob.send_message(ANN.replace("%", "\\40"), "before")
    await phone.expect(message(body="before"))
    handled = received(phone)
    cut(phone)
    await server.logged("asleep")
    for number in range(20):
        bob.send_message(ANN.replace("%", "\\40"), f"missed {number}")
    await bob.sync(DOMAIN)
    back, answer = await resume(wires, server, phone, handled)
    assert answer.name == "resumed" and answer.xml.get("previd") == phone.token
    for number in range(20):
        got = await back.expect(matches("message"))
        assert got.body == f"missed {number}"
    back.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await back.expect(matches("iq", id="p"))
    assert not back.inbox.take(matches("message"))
    # The network has not noticed anything.
    assert not bob.take(unavailable(ANN))


async def test_a_session_is_resumed_while_its_old_connection_still_stands(servers, wires):
    server = await servers()
    phone = await session(wires, server)
    back, answer = await resume(wires, server, phone, received(phone))
    assert answer.name == "resumed"
    assert (await phone.error())[0] == "conflict"
    back.send(f"<message to='echo@{DOMAIN}' type='chat'><body>here</body></message>")
    await back.expect(message(f"echo@{DOMAIN}", "here"))


async def test_only_the_same_user_resumes(servers, wires):
    server = await servers()
    phone = await session(wires, server)
    thief = await wires(server)
    await thief.log_in("mallory%net")
    thief.send(f"<resume xmlns='{SM}' previd='{phone.token}' h='0'/>")
    failed = await thief.expect(lambda s: s.name == "failed")
    assert failed.xml[0].tag.endswith("item-not-found")
    phone.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await phone.expect(matches("iq", id="p"))


async def test_a_session_that_does_not_come_back_ends(servers, wires, people):
    server = await servers(gateway.VILLAGE, service__resume_timeout=1, service__more_resources=1, service__jid_escaping=0)
    desk = await session(wires, server, resource="desk")
    phone = await session(wires, server)
    await desk.expect(available(phone.full))
    bob = await people(host=server, kind=RawUser, account="bob%net")
    phone.send("<presence><priority>5</priority></presence>")
    await phone.expect(presence(phone.full))
    cut(phone)
    await server.logged("asleep")
    bob.send_message(ANN, "to the phone")
    await desk.expect(unavailable(phone.full))
    # Nobody else had it, so now the desk gets it.
    await desk.expect(message(body="to the phone"))
    back, answer = await resume(wires, server, phone, 0)
    assert answer.name == "failed"


async def test_goodbye_is_for_good(servers, wires):
    server = await servers(service__more_resources=1)
    desk = await session(wires, server, resource="desk")
    phone = await session(wires, server)
    await desk.expect(available(phone.full))
    phone.send("</stream:stream>")
    await desk.expect(unavailable(phone.full))


async def test_who_never_acknowledges_is_sent_away(servers, wires):
    server = await servers()
    phone = await session(wires, server)
    big = "y" * 50000
    for _ in range(30):
        phone.send(f"<message to='echo@{DOMAIN}' type='chat'><body>{big}</body></message>")
    assert (await phone.error())[0] == "policy-violation"


@pytest.mark.parametrize("days", [30, 0], ids=["archive", "no archive"])
async def test_an_inactive_client_gets_messages_at_once_and_presence_later(servers, wires, people, days):
    server = await servers(gateway.VILLAGE, service__jid_escaping=0, archive__days=days)
    phone = await session(wires, server, sm=False)
    bob = await people(host=server, kind=RawUser, account="bob%net")
    phone.send(f"<iq type='set' id='a'><query xmlns='jabber:iq:roster'><item jid='{BOB}'/></query></iq>")
    await phone.expect(matches("iq", id="a", type="result"))
    await phone.expect(available(BOB))
    phone.send(f"<inactive xmlns='{CSI}'/><iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await phone.expect(matches("iq", id="p"))
    phone.inbox.take(lambda s: True)
    for status in ("one", "two", "three"):
        bob.send_presence(content=f"<status>{status}</status>")
    bob.send_message(ANN, None, "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    bob.send_message(ANN, "hello")
    got = await phone.expect(lambda s: s.name in ("message", "presence"))
    assert got.body == "hello"
    phone.send(f"<active xmlns='{CSI}'/>")
    got = await phone.expect(available(BOB))
    assert got.status == "three"
    assert not phone.inbox.take(available(BOB))


@pytest.mark.parametrize("days", [30, 0], ids=["archive", "no archive"])
async def test_carbons(servers, people, days):
    server = await servers(gateway.VILLAGE, service__more_resources=1, service__jid_escaping=0, archive__days=days)
    desk, phone, tablet = [await people(host=server, kind=RawUser, account="ann%net", resource=r)
                           for r in ("desk", "phone", "tablet")]
    bob = await people(host=server, kind=RawUser, account="bob%net")
    for one in (desk, phone):
        answer = await one.iq(None, f"<enable xmlns='{CARBONS}'/>", "set")
        assert answer.type == "result"
    for one in (desk, phone, tablet):
        one.send_presence(content="<priority>1</priority>")
        await one.expect(available(one.full))
    phone.send_presence(content="<priority>9</priority>")
    await desk.expect(available(phone.full, where=lambda s: s.text("priority") == "9"))

    def copy_of(direction, body):
        path = f"{{{CARBONS}}}{direction}/{{urn:xmpp:forward:0}}forwarded/{{jabber:client}}message"
        return matches("message", ANN, where=lambda s: s.xml.find(path) is not None
                       and s.xml.find(path).findtext("{jabber:client}body") == body)

    # What one of them writes, the others see.
    desk.send_message(BOB, "from the desk")
    await bob.expect(message(ANN, "from the desk"))
    got = await phone.expect(copy_of("sent", "from the desk"))
    assert (got.type, got.to) == ("chat", phone.full)
    # What comes for one of them, too.
    bob.send_message(ANN, "for the phone")
    await phone.expect(message(BOB, "for the phone"))
    await desk.expect(copy_of("received", "for the phone"))
    # Private ones stay where they are, and the tablet has not asked for any.
    desk.send_message(BOB, "secret", f"<private xmlns='{CARBONS}'/><no-copy xmlns='urn:xmpp:hints'/>")
    await bob.expect(message(ANN, "secret"))
    for one in (phone, tablet):
        await one.sync(None)
    assert not tablet.take(message())
    assert not phone.take(copy_of("sent", "secret"))
    await phone.iq(None, f"<disable xmlns='{CARBONS}'/>", "set")
    desk.send_message(BOB, "no copy")
    await bob.expect(message(ANN, "no copy"))
    await phone.sync(None)
    assert not phone.take(copy_of("sent", "no copy"))


async def test_own_words_from_the_networks_other_client(servers, people):
    server = await servers(gateway.VILLAGE, service__more_resources=1)
    desk, phone = [await people(host=server, kind=RawUser, account="ann%net", resource=r) for r in ("desk", "phone")]
    for one in (desk, phone):
        await one.iq(None, f"<enable xmlns='{CARBONS}'/>", "set")
    desk.send_message(f"control@{DOMAIN}", "OWN written elsewhere")
    path = f"{{{CARBONS}}}sent/{{urn:xmpp:forward:0}}forwarded/{{jabber:client}}message"
    for one in (desk, phone):
        got = await one.expect(matches("message", ANN, where=lambda s: s.xml.find(path) is not None and
                                       s.xml.find(path).findtext("{jabber:client}body") == "written elsewhere"))
        assert got.xml.find(path).get("from") == ANN
