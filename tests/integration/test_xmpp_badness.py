# SPDX-License-Identifier: GPL-2.0-or-later
"""The XMPP backend and a foreign server on a bad day: endless lists, storms, silence in the middle of a stanza, circles,
lies. Each is told to its user in words, and the user of another server in the same process notices nothing."""

import asyncio

import pytest
import pytest_asyncio

from ircbackend import got, said
from stanzas import matches, message
from test_xmpp_backend import AUTHENTICATION_FAILED, NAME_IN_USE, NETWORK, backends  # noqa: F401
from xmppbackend import User
from xmppd import Xmppd

OTHER = 16


@pytest_asyncio.fixture
async def servers():
    started = []

    async def start(kind=Xmppd, **options):
        one = kind(**options)
        started.append(one)
        return await one.start()

    yield start
    for one in started:
        await one.stop()


def user_of(backend, server, password="sesame"):
    return User(backend, server, account="al", password=password)


async def log_in(backends, server):
    backend = await backends(server, xmpp__require_tls=0)
    al = await user_of(backend, server).login()
    return al, server.streams[-1]


async def test_the_scripted_server_works(backends, servers):
    server = await servers(roster="<item jid='bob@b.test' subscription='both'/>")
    al, stream = await log_in(backends, server)
    await al.contact("bob@b.test")
    stream.send("<message from='bob@b.test/x' type='chat'><body>hello</body></message>")
    await al.expect(said("bob@b.test", "hello"))


async def test_without_tls_nobody_logs_in_unless_he_says_so(backends, servers):
    server = await servers()
    al = await user_of(await backends(server), server).login(connected=False)
    told = await al.disconnected()
    assert told["error"] == 4 and "TLS" in told["message"]
    assert not [stanza for stanza in server.seen if stanza.name == "auth"]


async def test_a_server_that_does_not_know_the_password_itself(backends, servers):
    server = await servers()
    backend = await backends(server, xmpp__require_tls=0)
    al = await user_of(backend, server, password="another").login(connected=False)
    told = await al.disconnected()
    assert told["error"] == AUTHENTICATION_FAILED and "prove" in told["message"]


async def test_too_many_rounds_are_refused(backends, servers):
    server = await servers(iterations=2_000_000_000)
    al = await user_of(await backends(server, xmpp__require_tls=0), server).login(connected=False)
    assert (await al.disconnected())["error"] == AUTHENTICATION_FAILED


async def test_an_endless_roster(backends, servers):
    class Endless(Xmppd):
        def roster_asked(self, stream, stanza):
            stream.send(f"<iq type='result' id='{stanza.id}'><query xmlns='jabber:iq:roster'>")
            asyncio.create_task(self.flood(stream))

        async def flood(self, stream):
            number = 0
            while not stream.writer.transport.is_closing():
                stream.send("".join(f"<item jid='c{number + n}@b.test'/>" for n in range(1000)))
                number += 1000
                await stream.writer.drain()

    server = await servers(Endless)
    al = await user_of(await backends(server, xmpp__require_tls=0), server).login(connected=False)
    told = await al.disconnected()
    assert "more in one piece" in told["message"] and not al.take(got("BUDDY_CHANGED"))


async def test_more_contacts_than_anybody_has(backends, servers):
    """One push after another."""
    server = await servers()
    al, stream = await log_in(backends, server)
    for start in range(0, 21000, 1000):
        stream.send("".join(f"<iq type='set' id='p{n}'><query xmlns='jabber:iq:roster'><item jid='c{n}@b.test'/></query>"
                            "</iq>" for n in range(start, start + 1000)))
        await stream.writer.drain()
    await stream.expect(matches("iq", id="p20999"), 60)
    await al.backend.sync()
    assert len(al.take(got("BUDDY_CHANGED"))) == 20000 and "more than 20000 contacts" in al.backend.log()
    stream.send("<message from='c5@b.test/x' type='chat'><body>still here</body></message>")
    await al.expect(said("c5@b.test", "still here"))


async def test_a_storm_of_stanzas(backends, servers):
    server = await servers()
    backend = await backends(server, xmpp__require_tls=0)
    al = await user_of(backend, server).login()
    stream = server.streams[-1]
    eve = await User(backend, server, account="eve", password="sesame").login()
    other = server.streams[-1]
    stop = asyncio.Event()

    async def storm():
        presences = "".join(f"<presence from='c{n}@b.test/x'><status>{'x' * 200}</status></presence>" for n in range(500))
        while not stop.is_set():
            stream.send(presences)
            await stream.writer.drain()
    task = asyncio.create_task(storm())
    for n in range(20):
        other.send(f"<message from='dan@b.test/x' type='chat'><body>calm {n}</body></message>")
        await eve.expect(said("dan@b.test", f"calm {n}"), 5)
    stop.set()
    await task
    al.say("dan@b.test", "after the storm")
    await stream.expect(message(body="after the storm"), 30)


async def test_silence_in_the_middle_of_a_stanza(backends, servers):
    """The server stops; whoever writes to it is told, and the session is taken up again elsewhere."""
    server = await servers()
    al, stream = await log_in(backends, server)
    stream.send("<message from='bob@b.test/x' type='chat'><bo")
    server.answers = False
    id = al.say("bob@b.test", "hello")
    await stream.expect(message(body="hello"))
    await al.backend.sync()
    assert not al.take(got("CONV_MESSAGE")) and not al.take(got("MESSAGE_RESULT"))
    # It is gone: the fate of the message is unknown, and he learns it.
    stream.writer.transport.abort()
    server.answers = True
    await server.stream(2)
    end = await al.expect(got("MESSAGE_RESULT", id=id), 30)
    assert end["condition"] == 16 and "may have arrived" in end["text"]


@pytest.mark.slow
async def test_a_server_that_sends_byte_by_byte_and_answers_nothing(backends, servers):
    server = await servers()
    al, stream = await log_in(backends, server)
    server.answers = False
    al.say("bob@b.test", "hello")
    stream.send("<message from='bob@b.test/x' type='chat'><body>")
    for _ in range(80):
        stream.send("x")
        await asyncio.sleep(1)
        await al.backend.sync()
        if len(server.streams) > 1:
            break
    assert "does not answer" in al.backend.log()


async def test_a_circle_of_redirections(backends, servers):
    class Circle(Xmppd):
        def opened(self, stream):
            stream.header()
            stream.send("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
                        f"127.0.0.1:{self.port}</see-other-host></stream:error></stream:stream>")

    server = await servers(Circle)
    al = await user_of(await backends(server, xmpp__require_tls=0), server).login(connected=False)
    told = await al.disconnected()
    assert told["error"] == OTHER and "without end" in told["message"] and len(server.streams) == 6


async def test_a_redirection_is_followed(backends, servers):
    there = await servers()

    class Elsewhere(Xmppd):
        def opened(self, stream):
            stream.header()
            stream.send("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
                        f"127.0.0.1:{there.port}</see-other-host></stream:error></stream:stream>")

    server = await servers(Elsewhere)
    await user_of(await backends(server, xmpp__require_tls=0), server).login()
    assert len(there.streams) == 1


@pytest.mark.parametrize("condition, error, word", [
    ("conflict", NAME_IN_USE, "same resource"), ("system-shutdown", None, None), ("policy-violation", None, None),
    ("not-authorized", AUTHENTICATION_FAILED, "ended the session")])
async def test_streams_that_end_with_an_error(backends, servers, condition, error, word):
    server = await servers()
    al, stream = await log_in(backends, server)
    stream.send(f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
    if error is None:  # another try, and nobody is told
        await server.stream(2)
        assert not al.take(got("DISCONNECTED"))
    else:
        told = await al.disconnected()
        assert told["error"] == error and word in told["message"]


@pytest.mark.parametrize("bytes", ["<message", "</stream:stream>", "<a/><b", "\x01", "<!DOCTYPE x>", "<message></iq>", "&bad;",
                                   "<message from='b@b.test'>" + "<a>" * 100])
async def test_what_is_no_stream(backends, servers, bytes):
    server = await servers()
    al, stream = await log_in(backends, server)
    stream.send(bytes)
    stream.writer.close()
    again = await server.stream(2)
    await again.expect(matches("presence"))
    again.send("<message from='bob@b.test/x' type='chat'><body>hello</body></message>")
    await al.expect(said("bob@b.test", "hello"))


@pytest.mark.parametrize("stanza", [
    "<message/>", "<message from='@@@' type='chat'><body>x</body></message>", "<iq/>", "<iq type='set' id='1'/>",
    "<iq type='result' id='s2-q1'/>", "<iq type='result' id='s2-q99999999999999999999'/>",
    "<presence from='bob@b.test/x' type='what'/>", "<presence/>",
    "<iq type='set' id='2' from='eve@b.test/x'><query xmlns='jabber:iq:roster'><item jid='evil@b.test'/></query></iq>",
    "<message from='al@b.test' type='chat'><sent xmlns='urn:xmpp:carbons:2'/></message>",
    "<message from='al@b.test'><result xmlns='urn:xmpp:mam:2' id='5' queryid='1'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='evil@b.test' type='chat'><body>forged</body></message></forwarded></result></message>",
    "<message from='bob@b.test/x'><event xmlns='http://jabber.org/protocol/pubsub#event'><items/></event></message>",
    "<presence from='room@rooms.b.test/x'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>"])
async def test_strange_stanzas_do_nothing(backends, servers, stanza):
    server = await servers()
    al, stream = await log_in(backends, server)
    await al.backend.sync()
    al.take(lambda one: True)
    stream.send(stanza)
    stream.send("<message from='bob@b.test/x' type='chat'><body>after</body></message>")
    await al.expect(said("bob@b.test", "after"))
    assert not al.take(lambda one: one.type not in ("PONG", "ROOM_LIST"))


async def test_answers_of_others_are_not_believed(backends, servers):
    server = await servers()
    server.answers = False
    al, stream = await log_in(backends, server)
    al.backend.send("VCARD", userName=al.jid, buddyName="bob@b.test", id=7)
    asked = await stream.expect(matches("iq", where=lambda s: s.child("vCard", "vcard-temp") is not None))
    card = "<vCard xmlns='vcard-temp'><FN>{}</FN></vCard></iq>"
    stream.send(f"<iq type='result' id='{asked.id}' from='eve@b.test/x'>" + card.format("Eve"))
    stream.send(f"<iq type='result' id='{asked.id}' from='bob@b.test'>" + card.format("Bob"))
    assert (await al.expect(got("VCARD", id=7)))["fullname"] == "Bob"


async def test_a_bombardment_of_acknowledgement_requests(backends, servers):
    server = await servers(features="<sm xmlns='urn:xmpp:sm:3'/>")
    backend = await backends(server, xmpp__require_tls=0)
    al = user_of(backend, server)
    await al.login(connected=False)
    stream = await server.stream()
    await stream.expect(matches("enable"))
    stream.send("<enabled xmlns='urn:xmpp:sm:3'/>")
    await al.expect(got("CONNECTED"))
    stream.send("<r xmlns='urn:xmpp:sm:3'/>" * 10000)
    for _ in range(10000):
        await stream.expect(matches("a"), 30)
    stream.send("<a xmlns='urn:xmpp:sm:3' h='77777'/>")
    await server.stream(2)
    assert "got more than it was sent" in backend.log()


async def test_many_who_are_refused_disturb_nobody(backends, servers):
    server = await servers()
    backend = await backends(server, xmpp__require_tls=0)
    al = await user_of(backend, server).login()
    others = []
    for n in range(20):
        other = User(backend, server, account=f"u{n}", password="wrong")
        others.append(await other.login(connected=False))
    for other in others:
        assert (await other.disconnected())["error"] == AUTHENTICATION_FAILED
    server.streams[0].send("<message from='bob@b.test/x' type='chat'><body>still here</body></message>")
    await al.expect(said("bob@b.test", "still here"))
