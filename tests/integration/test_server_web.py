# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: streams over WebSocket (RFC 7395) and what else is served by HTTP, with a client library for WebSockets that
knows nothing of XMPP."""

import asyncio
import base64
import json
import urllib.request
import xml.etree.ElementTree as ET

import pytest
import pytest_asyncio
import websockets

import gateway
from processes import LIMIT, free_port
from server import BIND, SASL, make_certificate, trusting
from stanzas import Stanza

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
PATH = "/xmpp-websocket"


class Socket:
    """A stream over a WebSocket."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, xml):
        await self.socket.send(xml)

    async def get(self, name=None):
        """The next message, one element; skips others if a name is given."""
        while True:
            got = Stanza(ET.fromstring(await asyncio.wait_for(self.socket.recv(), LIMIT)))
            if name in (None, got.name):
                return got

    async def open(self, to=DOMAIN):
        await self.send(f"<open xmlns='{FRAMING}' to='{to}' version='1.0'/>")
        return await self.get()

    async def log_in(self, name, resource="web"):
        assert (await self.open()).name == "open"
        features = await self.get("features")
        assert features.xml.find(f".//{{{SASL}}}mechanism") is not None
        assert features.xml.find(".//{urn:ietf:params:xml:ns:xmpp-tls}starttls") is None
        secret = base64.b64encode(f"\0{name}\0secret".encode()).decode()
        await self.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        assert (await self.get()).name == "success"
        assert (await self.open()).name == "open"
        await self.get("features")
        await self.send(f"<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{BIND}'><resource>{resource}</resource>"
                        "</bind></iq>")
        bound = await self.get("iq")
        assert bound.namespace == "jabber:client" and bound.type == "result", bound
        return self

    async def ends(self, condition):
        got = await self.get("error")
        assert got.xml[0].tag.endswith(condition), got
        assert (await self.get()).name == "close"
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(self.socket.recv(), LIMIT)


@pytest_asyncio.fixture
async def sockets():
    opened = []

    async def connect(port, path=PATH, protocols=("xmpp",), tls=None, **more):
        scheme = "wss" if tls else "ws"
        socket = await websockets.connect(f"{scheme}://{DOMAIN}:{port}{path}", host="127.0.0.1", port=port,
                                          subprotocols=protocols, ssl=tls, **more)
        opened.append(socket)
        return Socket(socket)

    yield connect
    for socket in opened:
        await socket.close()


async def test_a_stream_over_a_websocket(servers, sockets):
    port = free_port()
    server = await servers(service__websocket_port=port)
    web = await (await sockets(port)).log_in(server.account())
    assert web.socket.subprotocol == "xmpp"
    await web.send("<presence xmlns='jabber:client'/>")
    await web.send(f"<message xmlns='jabber:client' to='echo@{DOMAIN}' type='chat'><body>h\u00e9llo &amp; co</body></message>")
    got = await web.get("message")
    assert (got.namespace, got.body, got.bare) == ("jabber:client", "h\u00e9llo & co", f"echo@{DOMAIN}")
    await web.send(f"<close xmlns='{FRAMING}'/>")
    assert (await web.get("close")).namespace == FRAMING
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(web.socket.recv(), LIMIT)


async def test_tls_and_a_new_certificate(servers, sockets, directories):
    import signal
    directory = directories("cert")
    port = free_port()
    server = await servers(service__websocket_port=port, service__websocket_tls="on",
                           service__cert=make_certificate(directory))
    first = await (await sockets(port, tls=trusting())).log_in(server.account())
    tls = first.socket.transport.get_extra_info("ssl_object")
    old = tls.getpeercert(binary_form=True)
    assert ssl_name(old) == DOMAIN
    make_certificate(directory)
    server.child.send_signal(signal.SIGHUP)
    await server.logged("certificate was read again")
    second = await (await sockets(port, tls=trusting())).log_in(server.account())
    assert second.socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True) != old
    await first.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert (await first.get("iq")).id == "p"
    context = trusting()
    context.maximum_version = __import__("ssl").TLSVersion.TLSv1_1
    with pytest.raises(Exception):
        await sockets(port, tls=context)


def ssl_name(der):
    import subprocess
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der, capture_output=True, check=True)
    return done.stdout.decode().strip().rpartition("= ")[2].rpartition("=")[2]


@pytest.mark.parametrize("message, condition", [
    ("<open xmlns='urn:x' to='chat.localhost' version='1.0'/>", "bad-format"),
    ("<presence xmlns='jabber:client'/>", "bad-format"),
    (f"<open xmlns='{FRAMING}' to='elsewhere.example' version='1.0'/>", "host-unknown"),
    (f"<open xmlns='{FRAMING}' to='chat.localhost'/>", "unsupported-version"),
    (f"<open xmlns='{FRAMING}' to='chat.localhost' version='1.0'/><open/>", "not-well-formed"),
    (f"<open xmlns='{FRAMING}' to='chat.localhost' version='1.0'>", "not-well-formed"),
    ("</stream:stream>", "not-well-formed"),
    ("hello", "not-well-formed"),
    ("<!DOCTYPE a><a/>", "not-well-formed"),
    ("<!-- hello --><a/>", "restricted-xml"),
    ("<a>" + "x" * 20000 + "</a>", "policy-violation"),
], ids=lambda value: value[:40].replace("/", "|"))
async def test_bad_beginnings(servers, sockets, message, condition):
    port = free_port()
    await servers(service__websocket_port=port)
    web = await sockets(port)
    await web.send(message)
    assert (await web.get()).name == "open"
    if condition == "not-well-formed" and message.startswith("<open xmlns='urn:ietf") and "><open/>" in message:
        assert (await web.get()).name == "features"
    await web.ends(condition)


async def test_who_does_not_speak_xmpp_is_refused(servers, sockets):
    port = free_port()
    await servers(service__websocket_port=port)
    for path, protocols in ((PATH, None), (PATH, ("chat",)), ("/elsewhere", ("xmpp",))):
        with pytest.raises(websockets.InvalidHandshake):
            await sockets(port, path, protocols)
    web = await sockets(port)
    await web.socket.send(b"\0\1\2")
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(web.socket.recv(), LIMIT)


async def test_a_session_is_resumed_from_another_websocket(servers, sockets):
    port = free_port()
    server = await servers(service__websocket_port=port)
    name = server.account()
    web = await (await sockets(port)).log_in(name)
    await web.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    token = (await web.get("enabled")).xml.get("id")
    await web.send("<presence xmlns='jabber:client'/>")
    await web.get("presence")
    web.socket.transport.abort()
    await server.logged("asleep")
    back = await sockets(port)
    await back.open()
    secret = base64.b64encode(f"\0{name}\0secret".encode()).decode()
    await back.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
    await back.get("success")
    await back.open()
    await back.send(f"<resume xmlns='urn:xmpp:sm:3' previd='{token}' h='0'/>")
    assert (await back.get("resumed")).xml.get("h") == "1"
    assert (await back.get("presence")).namespace == "jabber:client"


async def test_many_large_messages(servers, sockets):
    port = free_port()
    server = await servers(service__websocket_port=port)
    web = await (await sockets(port)).log_in(server.account())
    await web.send("<presence xmlns='jabber:client'/>")
    body = "y" * 40000
    for number in range(40):
        await web.send(f"<message xmlns='jabber:client' to='echo@{DOMAIN}' type='chat' id='m{number}'>"
                       f"<body>{number} {body}</body></message>")
    for number in range(40):
        assert (await web.get("message")).body == f"{number} {body}"


async def test_silent_ones_are_sent_away(servers, sockets):
    port = free_port()
    await servers(service__websocket_port=port, service__connect_timeout=1)
    web = await sockets(port)
    assert (await web.get()).name == "open"
    await web.ends("connection-timeout")


async def test_where_to_connect_is_told(servers):
    """XEP-0156."""
    port = free_port()
    await servers(service__websocket_port=port)

    def fetch(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT) as answer:
            return answer.headers, answer.read()
    headers, body = await asyncio.to_thread(fetch, "/.well-known/host-meta")
    link = ET.fromstring(body)[0]
    assert link.get("rel") == "urn:xmpp:alt-connections:websocket"
    assert link.get("href") == f"ws://{DOMAIN}:{port}{PATH}"
    headers, body = await asyncio.to_thread(fetch, "/.well-known/host-meta.json")
    assert json.loads(body)["links"][0]["href"] == f"ws://{DOMAIN}:{port}{PATH}"
    assert headers["Access-Control-Allow-Origin"] == "*"
    with pytest.raises(urllib.error.HTTPError) as why:
        await asyncio.to_thread(fetch, "/nothing")
    assert why.value.code == 404


async def test_a_port_in_use_is_told(servers):
    first = await servers(service__websocket_port=free_port())
    second = await servers(up=False, service__websocket_port=first.settings["service.websocket_port"])
    second.killed = True  # its status is looked at here
    status = await second.ended()
    assert status == 1 and "service.websocket_port" in second.log()
