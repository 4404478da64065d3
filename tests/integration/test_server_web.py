# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: streams over WebSocket (RFC 7395) and what else is served by HTTP, with a client library for WebSockets that
knows nothing of XMPP."""

import asyncio
import base64
import json
import subprocess
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


async def test_where_a_password_may_go_without_tls(servers, sockets, directories):
    """Over a loopback address, behind a reverse proxy which has TLS; nowhere else, unless the administrator insists."""
    certificate = make_certificate(directories("cert"))
    port = free_port()
    server = await servers(service__websocket_port=port, service__cert=certificate)
    await (await sockets(port)).log_in(server.account())
    port = free_port()
    await servers(service__websocket_port=port, service__cert=certificate, service__websocket_address="0.0.0.0",
                  service__websocket_tls="off")
    web = await sockets(port)
    await web.open()
    assert (await web.get("features")).xml.find(f".//{{{SASL}}}mechanism") is None
    await web.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>AHgAeA==</auth>")
    assert (await web.get("failure")).xml[0].tag == f"{{{SASL}}}encryption-required"


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


async def test_a_proxy_has_another_url(servers):
    port = free_port()
    url = "wss://web.example.org/xmpp-websocket"
    await servers(service__websocket_port=port, service__websocket_url=url)

    def fetch(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/{path}", timeout=LIMIT) as answer:
            return answer.read()
    assert ET.fromstring(await asyncio.to_thread(fetch, "host-meta"))[0].get("href") == url
    assert json.loads(await asyncio.to_thread(fetch, "host-meta.json"))["links"][0]["href"] == url
    bad = await servers(up=False, jid="b.localhost", service__websocket_port=free_port(), service__websocket_url="wss://x/'>")
    bad.killed = True  # its status is looked at here
    assert await bad.ended() == 1 and "service.websocket_url" in bad.log()


async def test_a_port_in_use_is_told(servers):
    first = await servers(service__websocket_port=free_port())
    second = await servers(up=False, service__websocket_port=first.settings["service.websocket_port"])
    second.killed = True  # its status is looked at here
    status = await second.ended()
    assert status == 1 and "service.websocket_port" in second.log()


# ---- Uploads (XEP-0363) ----

UPLOAD = "urn:xmpp:http:upload:0"


def http(method, url, body=None, headers=None):
    """(status, headers, body)"""
    import http.client
    from urllib.parse import urlsplit
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=LIMIT)
    connection.request(method, parts.path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


async def slot(user, name="cat.png", size=10, type="image/png", to=DOMAIN):
    answer = await user.iq(to, f"<request xmlns='{UPLOAD}' filename='{name}' size='{size}' content-type='{type}'/>")
    node = answer.child("slot", UPLOAD)
    if node is None:
        return answer, None, None
    return answer, node.find(f"{{{UPLOAD}}}put").get("url"), node.find(f"{{{UPLOAD}}}get").get("url")


async def test_a_file_is_uploaded_and_fetched(servers, people):
    from person import RawUser
    port = free_port()
    server = await servers(service__websocket_port=port)
    user = await people(host=server, kind=RawUser)
    info = await user.iq(DOMAIN, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert UPLOAD in {f.get("var") for f in info.xml.iter("{http://jabber.org/protocol/disco#info}feature")}
    sizes = [f.findtext("{jabber:x:data}value") for f in info.xml.iter("{jabber:x:data}field") if f.get("var") == "max-file-size"]
    assert sizes == ["104857600"]
    picture = bytes(range(256)) * 4000
    _, put, get = await slot(user, "My cat &amp; dog.png", len(picture))
    assert put == get and put.startswith(f"http://{DOMAIN}:{port}/upload/") and put.endswith("/My%20cat%20%26%20dog.png")
    assert (await asyncio.to_thread(http, "GET", get))[0] == 404
    status, headers, _ = await asyncio.to_thread(http, "OPTIONS", put)
    assert status == 200 and "PUT" in headers["Access-Control-Allow-Methods"]
    assert (await asyncio.to_thread(http, "PUT", put, picture))[0] == 201
    status, headers, body = await asyncio.to_thread(http, "GET", get)
    assert status == 200 and body == picture and headers["Content-Type"] == "image/png"
    assert "sandbox" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"
    # The place is taken.
    assert (await asyncio.to_thread(http, "PUT", put, picture))[0] == 403
    # What a browser could run is not shown by it.
    page = b"<script>alert(1)</script>"
    _, put, get = await slot(user, "x.html", len(page), "text/html")
    assert (await asyncio.to_thread(http, "PUT", put, page))[0] == 201
    status, headers, body = await asyncio.to_thread(http, "GET", get)
    assert body == page and headers["Content-Disposition"] == "attachment"
    # Files outlive a restart, and count.
    server.stop()
    await server.up()
    assert (await asyncio.to_thread(http, "GET", get))[2] == page


async def test_files_by_https_have_a_length(servers, people, directories):
    """Gajim, whose library would rather speak HTTP/2, loads nothing without it."""
    from person import RawUser
    port = free_port()
    server = await servers(service__websocket_port=port, service__websocket_tls="on", service__require_tls=0,
                           service__cert=make_certificate(directories("cert")))
    user = await people(host=server, kind=RawUser)
    _, put, get = await slot(user, size=10)
    assert put.startswith("https://")

    def curl(*options):
        command = ["curl", "--silent", "--show-error", "--insecure", "--include", "--http2", "--max-time", str(LIMIT),
                   "--resolve", f"{DOMAIN}:{port}:127.0.0.1", *options]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.lower()
    assert " 201 " in await asyncio.to_thread(curl, "-X", "PUT", "--data-binary", "0123456789", put)
    for options in ((), ("--head",)):
        answer = await asyncio.to_thread(curl, *options, get)
        assert "200 ok" in answer and "content-length: 10" in answer
    assert "0123456789" in await asyncio.to_thread(curl, get)


async def test_limits_of_uploads(servers, people):
    from person import RawUser
    port = free_port()
    server = await servers(service__websocket_port=port, upload__max_bytes=1000, upload__quota=1500)
    user = await people(host=server, kind=RawUser)
    answer, _, _ = await slot(user, size=1001)
    assert answer.condition == "not-acceptable" and answer.xml.find(f".//{{{UPLOAD}}}max-file-size").text == "1000"
    for size in ("0", "x", "-1"):
        answer, _, _ = await slot(user, size=size)
        assert answer.condition == "bad-request"
    _, put, get = await slot(user, size=900)
    answer, _, _ = await slot(user, size=900)
    assert answer.condition == "resource-constraint"
    other = await people(host=server, kind=RawUser)
    assert (await slot(other, size=900))[1]
    # Another size than was promised, or nothing that was.
    assert (await asyncio.to_thread(http, "PUT", put, b"x" * 899))[0] == 400
    assert (await asyncio.to_thread(http, "PUT", put, b"x" * 901))[0] == 413
    assert (await asyncio.to_thread(http, "PUT", put.replace("/upload/", "/upload/a"), b"x" * 900))[0] == 403
    assert (await asyncio.to_thread(http, "PUT", f"http://{DOMAIN}:{port}/upload/../../etc/passwd", b"x"))[0] in (403, 404)
    assert (await asyncio.to_thread(http, "GET", f"http://{DOMAIN}:{port}/upload/{'a' * 32}/../../x"))[0] == 404
    assert (await asyncio.to_thread(http, "DELETE", put))[0] == 405
    assert (await asyncio.to_thread(http, "PUT", put, b"x" * 900))[0] == 201


async def test_an_upload_that_breaks_off_leaves_nothing(servers, people):
    from person import RawUser
    port = free_port()
    server = await servers(service__websocket_port=port)
    user = await people(host=server, kind=RawUser)
    _, put, get = await slot(user, size=100000)
    path = put.partition(str(port))[2]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 100000\r\n\r\n".encode() + b"x" * 5000)
    await writer.drain()
    directory = server.directory / "work/upload"
    from server import wait_until
    await wait_until(lambda: list(directory.glob("*.part")))
    writer.close()
    await wait_until(lambda: not list(directory.iterdir()))
    assert (await asyncio.to_thread(http, "GET", get))[0] == 404


async def test_files_of_the_network_are_put_here(servers, people):
    """A backend asks for a place, and puts a file there itself."""
    import json
    from person import RawUser
    from stanzas import message
    port = free_port()
    server = await servers(gateway.VILLAGE, service__websocket_port=port)
    user = await people(host=server, kind=RawUser)
    user.send_message(f"control@{DOMAIN}", "FRAMES " + json.dumps([[104, {"2": "f1", "3": "cat.png", "4": "image/png", "5": 10}]]))
    got = await user.expect(message(f"control@{DOMAIN}"))
    slot = json.loads(got.body.partition(" ")[2])
    assert slot["2"] == "f1" and slot["6"] == slot["7"]
    assert (await asyncio.to_thread(http, "PUT", slot["6"], b"x" * 10))[0] == 201
    assert (await asyncio.to_thread(http, "GET", slot["7"]))[2] == b"x" * 10
