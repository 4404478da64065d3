# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: push notifications (XEP-0357). The push service is a component."""

import asyncio

import pytest
import pytest_asyncio

import guests
from guests import Guest
from person import RawUser
from stanzas import DISCO_INFO, message

pytestmark = pytest.mark.asyncio
DOMAIN, SERVICE, BOT = "chat.localhost", "push.localhost", "bot.localhost"
PUSH, PUBSUB, DATA, SM = "urn:xmpp:push:0", "http://jabber.org/protocol/pubsub", "jabber:x:data", "urn:xmpp:sm:3"
OPTIONS = f"{PUBSUB}#publish-options"
ANN = f"ann%net@{DOMAIN}"


class Service(Guest):
    """A push service: keeps what is published, and answers as it is told."""

    answer = "result"

    def takes(self, stanza):
        if stanza.child("pubsub", PUBSUB) is None:
            return False
        content = self.answer if self.answer not in ("result", None) else ""
        if self.answer:
            self.stanza("iq", stanza.sender, content, id=stanza.id, type="error" if content else "result")
        return True

    async def notified(self):
        """(node, summary, secret) of the next one."""
        got = await self.expect(lambda s: s.child("pubsub", PUBSUB) is not None)
        assert (got.type, got.sender) == ("set", DOMAIN)
        publish = got.xml.find(f".//{{{PUBSUB}}}publish")
        form = got.xml.find(f".//{{{PUSH}}}notification/{{{DATA}}}x")
        options = got.xml.find(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}publish-options/{{{DATA}}}x")
        summary, given = ({} if form is None else {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in form}
                          for form in (form, options))
        assert summary.pop("FORM_TYPE") == "urn:xmpp:push:summary"
        assert options is None or given.pop("FORM_TYPE") == OPTIONS
        return publish.get("node"), int(summary["message-count"]), given.get("secret")

    def silent(self):
        return not self.take(lambda s: s.child("pubsub", PUBSUB) is not None)


def refusal(type, condition):
    return f"<error type='{type}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


@pytest_asyncio.fixture
async def place(servers):
    """A server with a push service and a component that talks."""
    present = []

    async def start(**more):
        server = await guests.host(servers, SERVICE, BOT, **more)
        both = [await kind(server, jid).connect() for kind, jid in ((Service, SERVICE), (Guest, BOT))]
        present.extend(both)
        return server, *both

    yield start
    await guests.close_all(present)


async def enable(user, node="n1", secret="s1", jid=SERVICE):
    form = (f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{OPTIONS}</value></field><field var='secret'>"
            f"<value>{secret}</value></field></x>" if secret else "")
    node = f" node='{node}'" if node else ""
    return await user.iq(None, f"<enable xmlns='{PUSH}' jid='{jid}'{node}>{form}</enable>", "set")


async def leave(server, user, count=1):
    await user.close()
    await server.logged("unbound ", count=count)


async def test_who_is_away_is_told(place, people):
    """With a library as the client: the feature, a notification with its secret, nothing while he is there."""
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", resource="phone")
    info = await user.iq(user.jid, f"<query xmlns='{DISCO_INFO}'/>")
    assert PUSH in [f.get("var") for f in info.xml.iter(f"{{{DISCO_INFO}}}feature")]
    assert (await enable(user)).type == "result"
    bot.message(user.jid, "you are there")
    await user.expect(message(BOT))
    await leave(server, user)
    bot.stanza("message", user.jid, "<active xmlns='http://jabber.org/protocol/chatstates'/>", type="chat")
    bot.message(user.jid, "you are away")
    assert await service.notified() == ("n1", 1, "s1")
    assert "s1" not in server.log() and "you are away" not in repr(service.inbox.seen)
    for _ in range(3):
        bot.message(user.jid, "still")
    assert await service.notified() == ("n1", 4, "s1")  # one for all that have come meanwhile
    user = await people(host=server, account="ann%net", resource="phone")
    for _ in range(4):
        await user.expect(message(BOT))
    bot.message(user.jid, "there again")
    await user.expect(message(BOT, "there again"))
    await leave(server, user, 2)
    assert service.silent()
    await asyncio.sleep(3)  # the gap after the last one
    bot.message(user.jid, "away again")
    assert await service.notified() == ("n1", 1, "s1")


async def test_registrations_outlive_a_restart(place, people):
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", kind=RawUser)
    for node, secret in (("n1", "s1"), ("n2", None), (None, "s3")):
        assert (await enable(user, node, secret)).type == "result"
    assert (await enable(user, "n1", "newer")).type == "result"  # the last one counts
    await user.close()
    for one in (service, bot):
        await one.close()
    server.stop()
    await server.up()
    await service.connect()
    await bot.connect()
    bot.message(ANN, "hello")
    got = {await service.notified() for _ in range(3)}
    assert got == {(None, 1, "s3"), ("n1", 1, "newer"), ("n2", 1, None)}
    await bot.iq(DOMAIN, "<ping xmlns='urn:xmpp:ping'/>")
    assert service.silent()


async def test_disabling(place, people):
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", kind=RawUser)
    for node in ("n1", "n2", "n3"):
        await enable(user, node, None)
    other = await enable(user, "n4", None, f"second@{SERVICE}")
    assert other.type == "result"
    assert (await user.iq(None, f"<disable xmlns='{PUSH}' jid='{SERVICE}' node='n2'/>", "set")).type == "result"
    await leave(server, user)
    bot.message(ANN, "one")
    assert sorted([(await service.notified())[0] for _ in range(3)]) == ["n1", "n3", "n4"]
    user = await people(host=server, account="ann%net", kind=RawUser)
    assert (await user.iq(None, f"<disable xmlns='{PUSH}' jid='{SERVICE}'/>", "set")).type == "result"
    await leave(server, user, 2)
    await asyncio.sleep(3)
    bot.message(ANN, "two")
    assert (await service.notified())[0] == "n4"
    await bot.iq(ANN, "<ping xmlns='urn:xmpp:ping'/>")
    assert service.silent()


async def test_errors_end_a_registration(place, people):
    """Those that may pass do not."""
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", kind=RawUser)
    await enable(user)
    await leave(server, user)
    service.answer = refusal("wait", "resource-constraint")
    bot.message(ANN, "one")
    await service.notified()
    await asyncio.sleep(3)
    service.answer = refusal("cancel", "item-not-found")
    bot.message(ANN, "two")
    assert (await service.notified())[1] == 2
    await server.logged("wants no more notifications")
    await asyncio.sleep(3)
    service.answer = "result"
    for _restarted in (False, True):
        bot.message(ANN, "three")
        await bot.iq(ANN, "<ping xmlns='urn:xmpp:ping'/>")
        assert service.silent()
        if not _restarted:
            for one in (service, bot):
                await one.close()
            server.stop()
            await server.up()
            await service.connect()
            await bot.connect()


async def test_answers_of_others_count_nothing(place, people):
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", kind=RawUser)
    await enable(user)
    await leave(server, user)
    service.answer = None
    bot.message(ANN, "one")
    got = await service.expect(lambda s: s.child("pubsub", PUBSUB) is not None)
    error = refusal("cancel", "item-not-found")
    bot.stanza("iq", DOMAIN, error, id=got.id, type="error")
    service.stanza("iq", DOMAIN, error, f"else@{SERVICE}", id=got.id, type="error")
    service.stanza("iq", DOMAIN, error, id="unknown", type="error")
    await service.iq(DOMAIN, "<ping xmlns='urn:xmpp:ping'/>")
    assert not server.log_lines("wants no more")


async def test_a_client_that_sleeps_is_told_and_comes_back(place, wires):
    """Stream management: what was under way when the connection broke, what comes then, and resumption ends it."""
    server, service, bot = await place(service__more_resources=1)
    phone, desk = await wires(server), await wires(server)
    for wire, resource in ((phone, "phone"), (desk, "desk")):
        await wire.log_in("ann%net", "pass-ann%net")
        wire.full = await wire.bind(resource)
        wire.send("<presence/>")
        await wire.expect(lambda s: s.name == "presence" and s.sender == wire.full)
        wire.send("<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        await wire.expect(lambda s: s.id == "carbons")
    phone.send(f"<enable xmlns='{SM}' resume='true'/>")
    token = (await phone.expect(lambda s: s.name == "enabled")).xml.get("id")
    phone.send(f"<iq type='set' id='e'><enable xmlns='{PUSH}' jid='{SERVICE}' node='n1'/></iq>")
    await phone.expect(lambda s: s.id == "e")
    bot.message(phone.full, "on its way")
    await phone.expect(message(BOT, "on its way"))
    await desk.expect(lambda s: s.child("received", "urn:xmpp:carbons:2") is not None)
    assert service.silent()
    phone._feed.cancel()
    phone.writer.transport.abort()
    assert await service.notified() == ("n1", 1, None)
    bot.message(ANN, "while another client is there")
    assert await service.notified() == ("n1", 2, None)
    phone = await wires(server)
    await phone.log_in("ann%net", "pass-ann%net")
    phone.send(f"<resume xmlns='{SM}' previd='{token}' h='1'/>")
    await phone.expect(lambda s: s.name == "resumed")
    await phone.expect(message(BOT, "on its way"))
    bot.message(ANN, "back")
    await phone.expect(message(where=lambda s: "back" in repr(s)))
    await service.iq(DOMAIN, "<ping xmlns='urn:xmpp:ping'/>")
    assert service.silent()


async def test_an_inactive_client_is_told(place, people):
    """XEP-0352: it gets its messages, but a phone may not look at its connection."""
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", kind=RawUser)
    await enable(user)
    user.send("<inactive xmlns='urn:xmpp:csi:0'/>")
    await user.sync(DOMAIN)
    bot.message(ANN, "look")
    await user.expect(message(BOT, "look"))
    assert await service.notified() == ("n1", 1, "s1")
    user.send("<active xmlns='urn:xmpp:csi:0'/>")
    await user.sync(DOMAIN)
    await asyncio.sleep(3)
    bot.message(ANN, "no need")
    await user.expect(message(BOT, "no need"))
    await service.iq(DOMAIN, "<ping xmlns='urn:xmpp:ping'/>")
    assert service.silent()


async def test_what_is_refused(place, people):
    server, service, bot = await place()
    user = await people(host=server, account="ann%net", kind=RawUser)
    far = await enable(user, jid="push.example.org")
    assert far.condition == "remote-server-not-found" and "component" in far.error[2]
    assert (await enable(user, jid=DOMAIN)).condition == "remote-server-not-found"
    assert (await enable(user, jid="@")).condition == "bad-request"
    assert (await enable(user, "n" * 2000)).condition == "not-acceptable"
    assert (await enable(user, secret="s" * 5000)).condition == "not-acceptable"
    for payload in (f"<enable xmlns='{PUSH}'/>", f"<disable xmlns='{PUSH}'/>",
                    f"<enable xmlns='{PUSH}' jid='{SERVICE}'><x xmlns='{DATA}' type='submit'/></enable>"):
        assert (await user.iq(None, payload, "set")).condition == "bad-request"
    for payload in (f"<enable xmlns='{PUSH}' jid='{SERVICE}'/>", f"<disable xmlns='{PUSH}' jid='{SERVICE}'/>"):
        assert (await bot.iq(ANN, payload, "set")).condition == "service-unavailable"  # his clients alone
    for number in range(20):  # the oldest go
        assert (await enable(user, f"n{number}", None)).type == "result"
    await leave(server, user)
    bot.message(ANN, "hello")
    got = {(await service.notified())[0] for _ in range(16)}
    assert got == {f"n{number}" for number in range(4, 20)}


async def test_without_components_there_is_no_push(servers, people):
    server = await servers()
    user = await people(host=server, kind=RawUser)
    info = await user.iq(user.jid, f"<query xmlns='{DISCO_INFO}'/>")
    assert PUSH not in [f.get("var") for f in info.xml.iter(f"{{{DISCO_INFO}}}feature")]
    assert (await enable(user)).condition == "remote-server-not-found"
