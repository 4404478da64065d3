# SPDX-License-Identifier: GPL-2.0-or-later
"""What the XMPP backend reads from the archive of an account after a break (XEP-0313): on real servers whose connections are
cut at any byte, and on a scripted one at the moments that decide about gaps and doubles."""

import asyncio
import random

import pytest
import pytest_asyncio

from conftest import serve
from foreign import ForeignEjabberd, ForeignProsody, Proxy
from ircbackend import got, said
from stanzas import DELAY, matches, message
from test_xmpp_backend import backends, befriend, lost  # noqa: F401
from test_xmpp_badness import servers  # noqa: F401
from xmppbackend import User
from xmppd import Xmppd

MAM, RSM, STANZA_ID, FORM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm", "urn:xmpp:sid:0", "jabber:x:data"
STAMP = "2026-11-29T12:00:00Z"


class Archive(Xmppd):
    """`entries`: inner XML of each message, its name in the archive is its number."""

    def __init__(self, **options):
        super().__init__(**options)
        self.entries = []
        self.pages = []       # (after, since) of each question for more than one
        self.silent = 0       # so many questions are not answered
        self.most = 1000      # messages of a page, as the server wants it
        self.live = ""        # is sent before the list of contacts, once

    def add(self, who, text, id=None):
        """Returns the message as it goes out, with its name."""
        name = len(self.entries)
        inner = f"<message xmlns='jabber:client' from='{who}' to='al@b.test' type='chat' id='{id or f'x{name}'}'>" \
                f"<body>{text}</body>{{}}</message>"
        self.entries.append(inner.format(""))
        return inner.format(f"<stanza-id xmlns='{STANZA_ID}' by='al@b.test' id='{name}'/>")

    def roster_asked(self, stream, stanza):
        stream.send(self.live)
        self.live = ""
        super().roster_asked(stream, stanza)

    def asked(self, stream, stanza):
        query = stanza.child("query", MAM)
        if query is None:
            return False
        page = query.find(f"{{{RSM}}}set")
        most, after = int(page.findtext(f"{{{RSM}}}max")), page.findtext(f"{{{RSM}}}after")
        since = query.findtext(f".//{{{FORM}}}field[@var='start']/{{{FORM}}}value")
        begin = len(self.entries) - most if page.find(f"{{{RSM}}}before") is not None else int(after or -1) + 1
        if most > 1:
            self.pages.append((after, since))
        if self.silent:
            self.silent -= 1
            return True
        begin, most = max(begin, 0), min(most, self.most)
        end = min(begin + most, len(self.entries))
        for n in range(begin, end):
            stream.send(f"<message from='al@b.test' to='{stream.jid}'><result xmlns='{MAM}' queryid='{query.get('queryid')}' "
                        f"id='{n}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='{DELAY}' stamp='{STAMP}'/>"
                        f"{self.entries[n]}</forwarded></result></message>")
        self.shown(stream, end)
        bounds = f"<first>{begin}</first><last>{end - 1}</last>" if end > begin else ""
        stream.send(f"<iq type='result' id='{stanza.id}'><fin xmlns='{MAM}' complete='{str(end == len(self.entries)).lower()}'>"
                    f"<set xmlns='{RSM}'>{bounds}</set></fin></iq>")
        return True

    def shown(self, stream, end):
        """Before the end of a page."""


@pytest_asyncio.fixture
async def server(servers):
    return await servers(Archive)


@pytest_asyncio.fixture
async def al(backends, server):
    server.add("bob@b.test/x", "long ago")
    user = await User(await backends(server, xmpp__require_tls=0), server, account="al", password="sesame").login()
    await server.streams[0].expect(matches("iq", where=lambda s: s.child("query", MAM) is not None))
    return user


async def again(server):
    """The session breaks, and there is no way to resume it; the next one."""
    number = len(server.streams)
    server.streams[-1].writer.transport.abort()
    return await server.stream(number + 1)


async def heard(al, server, stream):
    """What has come up to a message of now."""
    stream.send(server.add("bob@b.test/x", "the end"))
    texts = []
    while not texts or texts[-1] != "the end":
        texts.append((await al.expect(got("CONV_MESSAGE"), 20))["message"])
    await al.backend.sync()
    return texts + [one["message"] for one in al.take(got("CONV_MESSAGE"))]


async def test_nothing_old_is_shown_at_the_first_log_in(al, server):
    assert await heard(al, server, server.streams[0]) == ["the end"] and not server.pages


async def test_the_break_begins_behind_the_last_message_whatever_the_clocks_say(al, server):
    """Nothing has come before the break."""
    server.add("bob@b.test/x", "missed")
    stream = await again(server)
    await al.expect(said("bob@b.test", "missed"), 20)
    assert server.pages == [("0", None)] and await heard(al, server, stream) == ["the end"]


async def test_what_comes_before_the_list_of_contacts_hides_nothing(al, server):
    stream = server.streams[0]
    stream.send(server.add("bob@b.test/x", "first"))
    await al.expect(said("bob@b.test", "first"))
    server.add("bob@b.test/x", "missed")
    server.live = server.add("bob@b.test/x", "early")
    stream = await again(server)
    texts = await heard(al, server, stream)
    assert sorted(texts) == ["early", "missed", "the end"] and server.pages[0] == ("1", None)


async def test_what_comes_while_many_pages_are_read_is_shown_once(al, server):
    for n in range(700):
        server.add("bob@b.test/x", f"missed {n}")

    def shown(stream, end):
        if end < 100:  # at the first page
            stream.send(server.add("bob@b.test/x", "meanwhile"))
    server.shown = shown
    stream = await again(server)
    await al.expect(said("bob@b.test", "missed 699"), 30)
    assert sorted(await heard(al, server, stream)) == sorted(["meanwhile", "the end"] + [f"missed {n}" for n in range(699)])
    # The next break begins behind all of them.
    server.pages.clear()
    stream = await again(server)
    assert await heard(al, server, stream) == ["the end"] and server.pages[0] == ("702", None)


async def test_who_has_missed_too_much_is_told(al, server):
    """So many pages are read, and no more."""
    for n in range(250):
        server.add("bob@b.test/x", f"missed {n}")
    server.most = 1
    stream = await again(server)
    told = await al.expect(got("CONV_MESSAGE", buddyName="b.test"), 30)
    assert "missed more messages" in told["message"] and "archive of your server" in told["message"]
    texts = await heard(al, server, stream)
    assert texts == [f"missed {n}" for n in range(200)] + ["the end"]


async def test_own_words_of_another_client_without_a_name(al, server):
    """Servers don't have to tell what the archive calls a copy."""
    stream = server.streams[0]
    server.add("al@b.test/phone", "mine", "m1")
    inner = server.entries[-1].replace("to='al@b.test'", "to='bob@b.test'")
    server.entries[-1] = inner
    stream.send("<message from='al@b.test'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
                f"{inner}</forwarded></sent></message>")
    await al.expect(said("bob@b.test", "mine"))
    server.entries.append(inner.replace("m1", "m2"))  # the same words once more
    stream = await again(server)
    assert await heard(al, server, stream) == ["mine", "the end"]


async def test_the_offline_store_shows_what_the_archive_has_shown(al, server):
    server.add("bob@b.test/x", "missed", "b1")
    stored = server.entries[-1].replace("</message>", f"<delay xmlns='{DELAY}' stamp='{STAMP}'/></message>")
    server.shown = lambda stream, end: stream.send(stored if end == 2 else "")
    stream = await again(server)
    assert await heard(al, server, stream) == ["missed", "the end"]


async def test_a_break_while_pages_are_read(al, server):
    for n in range(120):
        server.add("bob@b.test/x", f"missed {n}")

    def shown(stream, end):
        if end > 60 and stream is server.streams[1]:
            stream.writer.transport.abort()
    server.shown = shown
    await again(server)
    stream = await server.stream(3)
    await al.expect(said("bob@b.test", "missed 119"), 30)
    texts = await heard(al, server, stream)
    assert sorted(texts) == sorted(["the end"] + [f"missed {n}" for n in range(119)])


# Real servers


WITHOUT_RESUMPTION = {"prosody": lambda directory: ForeignProsody(directory, disabled=', "smacks"'),
                      "ejabberd": lambda directory: ForeignEjabberd(directory, resumes=False)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WITHOUT_RESUMPTION)
async def test_cuts_at_any_moment_lose_and_double_nothing(directories, backends, people, kind):
    """Each cut is the end of a session, at any byte of what the server sends: in the log-in, the list of contacts, a page of
    the archive or a message. What comes in between is in the archive, and in the offline store as well."""
    chance = random.Random(kind)
    for host in serve(WITHOUT_RESUMPTION[kind], directories("abroad")):
        bob = await people("bob", host=host)
        proxy = await Proxy(host.port).start()
        backend = await backends(host, port=proxy.port)
        users = [await User(backend, host).login() for _ in range(10)]
        for al in users:
            await befriend(al, bob)
        budgets = [chance.randrange(300, 9000) for _ in range(30)]
        proxy.limit = lambda: budgets.pop() if budgets else None
        proxy.cut()
        number = 0
        async with asyncio.timeout(150):
            while budgets:
                for al in users:
                    bob.send_message(al.address, f"number {number}")
                number += 1
                await bob.sync(bob.domain)
                await backend.sync()
        for al in users:
            bob.send_message(al.address, "the end")
        for al in users:
            heard = [await al.expect(got("CONV_MESSAGE", buddyName=bob.jid), 60) for _ in range(number + 1)]
            assert sorted(one["message"] for one in heard) == sorted([f"number {n}" for n in range(number)] + ["the end"])
        await backend.sync()
        for al in users:
            assert not al.take(got("CONV_MESSAGE")) and not al.take(got("DISCONNECTED"))
        await proxy.stop()


async def test_own_words_of_another_client_are_shown_once(directories, backends, people):
    """As a copy, and not from the archive once more."""
    for host in serve(WITHOUT_RESUMPTION["ejabberd"], directories("abroad")):
        bob = await people("bob", host=host)
        proxy = await Proxy(host.port).start()
        al = await User(await backends(host, port=proxy.port), host).login()
        phone = await people(host=host, account=al.account, resource="phone")
        await befriend(al, bob)
        phone.send_message(bob.jid, "copied")
        assert (await al.expect(said(bob.jid, "copied")))["carbon"]
        await proxy.close_port()
        proxy.cut()
        await lost(al)
        phone.send_message(bob.jid, "missed")
        await bob.expect(message(body="missed"))
        await proxy.open_port()
        assert (await al.expect(said(bob.jid, "missed"), 30))["carbon"]
        bob.send_message(al.address, "the end")
        await al.expect(said(bob.jid, "the end"), 30)
        assert not al.take(got("CONV_MESSAGE"))
        await proxy.stop()
