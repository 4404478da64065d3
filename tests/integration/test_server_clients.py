# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode as two client libraries see it that others wrote: @xmpp/client in Node, and strophe.js there and in a browser. A
whole web client is in test_server_browser.py; what terminal and graphical clients show is in docs/clients.md."""

import pytest
import pytest_asyncio

import gateway
from browser import StropheInPage
from foreign import Proxy
from nodeclient import StropheJs, XmppJs
from person import RawUser
from stanzas import CHATSTATES, available, matches, message

pytestmark = [pytest.mark.asyncio, pytest.mark.node]
DOMAIN = "localhost"  # of the servers that `secured` starts
ROSTER = "jabber:iq:roster"
CARBONS = "urn:xmpp:carbons:2"

# What connects, to which URL.
WAYS = {"@xmpp by STARTTLS": (XmppJs, "xmpp://localhost:{port}"), "@xmpp by TLS": (XmppJs, "xmpps://localhost:{direct}"),
        "@xmpp by WebSocket": (XmppJs, "wss://localhost:{web}/xmpp-websocket"),
        "strophe by WebSocket": (StropheJs, "wss://localhost:{web}/xmpp-websocket"),
        "strophe in Chromium": (StropheInPage, "wss://localhost:{web}/xmpp-websocket")}


@pytest_asyncio.fixture
async def clients():
    """`clients(server, way, name, ...)`: one that is not started yet."""
    present = []

    def make(server, way, name, service=None, **more):
        kind, url = WAYS[way]
        one = kind(server, name, service=service or url.format(**server.ports),
                   certificate=server.settings["service.cert"], **more)
        present.append(one)
        return one

    yield make
    for one in present:
        await one.close()


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


async def test_log_in_contacts_chat_and_a_room(secured, clients, way):
    server = await secured()
    user = await clients(server, way, server.account()).connect()
    assert user.full.startswith(f"{user.jid}/test")  # with more behind it, if it was bound by XEP-0386
    await user.expect(available(f"echo@{DOMAIN}"))
    roster = await user.iq(None, f"<query xmlns='{ROSTER}'/>")
    item = roster.xml.find(f".//{{{ROSTER}}}item")
    assert (item.get("jid"), item.get("name"), item.get("subscription")) == (f"echo@{DOMAIN}", "Echo", "both")
    user.send_message(f"echo@{DOMAIN}", "H\u00e9llo & <good-bye>", f"<active xmlns='{CHATSTATES}'/>")
    got = await user.expect(message(f"echo@{DOMAIN}", type="chat", where=lambda s: s.body))
    assert (got.body, got.to) == ("H\u00e9llo & <good-bye>", user.full)
    await user.join(f"#room@{DOMAIN}", "me")
    user.send_message(f"#room@{DOMAIN}", "Hi all", type="groupchat")
    await user.expect(message(f"#room@{DOMAIN}", "Hi all", resource="me"))
    await user.log_out()
    await server.logged("unbound user=")


async def test_a_wrong_password_is_told_in_the_networks_words(secured, clients, way):
    server = await secured(gateway.VILLAGE)
    user = clients(server, way, "romeo", password="wrong")
    await user.launch()
    told = await user.told("error")
    assert (told.fields["condition"], told.fields["text"]) == ("not-authorized", "The password is not right.")


async def test_where_passwords_are_kept_all_is_as_before(secured, clients, way):
    """They don't say for whom they come (strophe.js would take SCRAM, if it saw it), so PLAIN it is each time."""
    server = await secured(gateway.VILLAGE, service__store_passwords=".*")
    for _ in range(2):
        user = await clients(server, way, "romeo").connect()
        await server.logged("the password is kept user=romeo@localhost done=1")
        await user.log_out()
    assert len(server.log_lines("logged in .*user=romeo@localhost mechanism=PLAIN")) == 2


async def test_a_broken_connection_costs_nothing(secured, clients, people):
    """Stream management: the library comes back by itself and gets what it has missed."""
    server = await secured(gateway.VILLAGE, service__require_tls=0)
    proxy = await Proxy(server.port).start()
    romeo = await clients(server, "@xmpp by STARTTLS", "romeo", f"xmpp://localhost:{proxy.port}").connect()
    juliet = await people(host=server, kind=RawUser, account="juliet")
    await proxy.close_port()
    proxy.cut()
    await server.logged("asleep user=romeo@")
    juliet.send_message(f"romeo@{DOMAIN}", "Are you there?")
    await proxy.open_port()
    await romeo.told("resumed")
    await romeo.expect(message(f"juliet@{DOMAIN}", "Are you there?"))
    romeo.send_message(f"juliet@{DOMAIN}", "I am")
    await juliet.expect(message(f"romeo@{DOMAIN}", "I am"))
    await proxy.stop()


async def test_two_clients_of_one_user(secured, clients, people):
    """Carbons between the two libraries; typing."""
    server = await secured(gateway.VILLAGE, service__require_tls=0)
    desk = await clients(server, "@xmpp by STARTTLS", "romeo", resource="desk").connect()
    web = await clients(server, "strophe by WebSocket", "romeo", resource="web").connect()
    juliet = await people(host=server, kind=RawUser, account="juliet")
    for one in (desk, web):
        assert (await one.iq(None, f"<enable xmlns='{CARBONS}'/>", "set")).type == "result"
    await desk.iq(None, f"<query xmlns='{ROSTER}'><item jid='juliet@{DOMAIN}'/></query>", "set")
    for one in (desk, web):
        await one.expect(available(f"juliet@{DOMAIN}"))
    desk.send_message(f"juliet@{DOMAIN}", "from the desk", f"<active xmlns='{CHATSTATES}'/>")
    await juliet.expect(message(f"romeo@{DOMAIN}", "from the desk"))
    copied = matches("message", f"romeo@{DOMAIN}", where=lambda s: s.child("sent", CARBONS) is not None)
    assert "from the desk" in repr(await web.expect(copied))
    juliet.send_message(f"romeo@{DOMAIN}", None, f"<composing xmlns='{CHATSTATES}'/>")
    await desk.expect(message(f"juliet@{DOMAIN}", chat_state="composing"))
    juliet.send_message(f"romeo@{DOMAIN}", "an answer")
    for one in (desk, web):
        await one.expect(matches("message", where=lambda s: "an answer" in repr(s)))
