# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: log-in, streams and what is refused on them (RFC 6120)."""

import asyncio
import ssl

import pytest

import gateway
from person import RawUser
from processes import LIMIT
from server import SASL, make_certificate, trusting, wait_until
from stanzas import available, matches, message, presence, unavailable
from user import User

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
ROSTER = "jabber:iq:roster"


def failure(stanza):
    """(condition, text) of a SASL failure."""
    names = [c.tag.rpartition("}")[2] for c in stanza.xml]
    return names[0], stanza.xml.findtext(f"{{{SASL}}}text")


async def refused(wire, limit=LIMIT):
    return failure(await wire.expect(lambda s: s.name == "failure", limit))


# ---- A client as people use it ----

async def test_a_client_library_logs_in_by_starttls_and_talks(servers, people, directories):
    server = await servers(service__cert=make_certificate(directories("cert")))
    server.tls = True
    user = await people(host=server, name="romeo")
    assert user.jid == "romeo1%net@chat.localhost"
    await user.expect(available(f"echo@{DOMAIN}"))
    roster = await user.iq(None, f"<query xmlns='{ROSTER}'/>")
    item = roster.xml.find(f".//{{{ROSTER}}}item")
    assert (item.get("jid"), item.get("name"), item.get("subscription")) == (f"echo@{DOMAIN}", "Echo", "both")
    user.send_message(f"echo@{DOMAIN}", "Hello & good-bye")
    got = await user.expect(message(f"echo@{DOMAIN}"))
    assert (got.body, got.type, got.to) == ("Hello & good-bye", "chat", user.full)
    await user.join(f"#room@{DOMAIN}", "me")
    user.send_message(f"#room@{DOMAIN}", "Hi all", type="groupchat")
    await user.expect(message(f"#room@{DOMAIN}", "Hi all", resource="me"))


async def test_direct_tls(servers, wires, directories):
    """XEP-0368, with ALPN and without; another protocol is refused."""
    from processes import free_port
    port = free_port()
    server = await servers(service__cert=make_certificate(directories("cert")), service__direct_tls_port=port)
    for protocols in (["xmpp-client"], ["xmpp-client", "h2"], None):
        context = trusting()
        if protocols:
            context.set_alpn_protocols(protocols)
        wire = await wires(server, port, context)
        assert wire.tls.selected_alpn_protocol() == (protocols and "xmpp-client")
        await wire.log_in(server.account())
    context = trusting()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError):
        await wires(server, port, context)


async def test_x_41_x_42_the_resource_as_asked_and_a_session_at_once(servers, wires):
    server = await servers(service__more_resources=1)
    wire = await wires(server)
    name = server.account()
    await wire.log_in(name)
    assert await wire.bind("My Desk") == f"{name}@{DOMAIN}/My Desk"
    # Live at once; the old request is answered and means nothing.
    wire.send(f"<iq type='get' id='r'><query xmlns='{ROSTER}'/></iq>")
    await wire.expect(matches("iq", id="r", type="result"))
    wire.send("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
    await wire.expect(matches("iq", id="s", type="result"))
    other = await wires(server)
    await other.log_in(name)
    made = await other.bind()
    assert made.startswith(f"{name}@{DOMAIN}/") and len(made.rpartition("/")[2]) >= 8


async def test_any_order_of_bytes(servers, wires):
    """Byte by byte: each element is answered when its last byte is there."""
    server = await servers()
    wire = await wires(server)
    name = server.account()

    async def drip(xml):
        for byte in xml.encode():
            wire.send(bytes([byte]))
            await wire.writer.drain()

    send, wire.send = wire.send, lambda xml: sent.append(xml)
    sent = []
    wire.open()
    wire.send = send
    await drip(sent.pop())
    await wire.features()
    wire.send = lambda xml: sent.append(xml)
    wire.plain(name, "secret")
    wire.send = send
    await drip(sent.pop())
    await wire.expect(lambda s: s.name == "success")


# ---- Log-in ----

async def test_x_39_sec_9_tls_is_required(servers, wires, directories):
    server = await servers(service__cert=make_certificate(directories("cert")))
    wire = await wires(server)
    wire.open()
    features = await wire.features()
    assert features.xml.find(".//{urn:ietf:params:xml:ns:xmpp-tls}required") is not None
    assert not features.xml.findall(f".//{{{SASL}}}mechanism")
    wire.plain("romeo", "secret")
    condition, text = await refused(wire)
    assert condition == "encryption-required" and "TLS" in text
    await wire.start_tls()
    features = await wire.log_in(server.account())
    assert not features.xml.findall(".//{urn:ietf:params:xml:ns:xmpp-tls}starttls")


async def test_without_a_certificate_tls_is_offered_on_loopback(servers, wires):
    server = await servers()
    wire = await wires(server)
    wire.open()
    features = await wire.features()
    assert features.xml.find(".//{urn:ietf:params:xml:ns:xmpp-tls}required") is None
    await wire.start_tls()
    der = wire.tls.getpeercert(binary_form=True)
    again = await wires(server)
    again.open()
    await again.features()
    await again.start_tls()
    assert again.tls.getpeercert(binary_form=True) == der
    await again.log_in(server.account())


@pytest.mark.parametrize("password, condition, words", [
    ("wrong", "not-authorized", "The password is not right."),
    ("unknown", "not-authorized", "There is nobody of this name."),
    ("down", "temporary-auth-failure", "The network is down."),
    ("taken", "temporary-auth-failure", "You are logged in elsewhere."),
])
async def test_x_40_the_network_refuses(servers, wires, password, condition, words):
    server = await servers(gateway.VILLAGE)
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.plain("ann%net", password)
    assert await refused(wire) == (condition, words)
    # The stream stands, and the right password is taken.
    wire.plain("ann%net", "secret")
    await wire.expect(lambda s: s.name == "success")
    wire.restart()
    wire.open()
    await wire.features()
    await wire.bind("x")


async def test_a_silent_network_is_a_temporary_failure(servers, wires):
    server = await servers(gateway.VILLAGE, service__login_timeout=1)
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.plain("ann%net", "silent")
    condition, text = await refused(wire)
    assert condition == "temporary-auth-failure" and "time" in text
    wire.plain("ann%net", "secret")
    await wire.expect(lambda s: s.name == "success")


async def test_sec_5_nothing_counts_before_the_network_has_answered(servers, wires):
    server = await servers(gateway.VILLAGE, service__login_timeout=2)
    bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    session = "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
    for early in (bind, session, "<presence/>", "<message to='echo@chat.localhost'><body>x</body></message>",
                  f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>",
                  f"<response xmlns='{SASL}'/>", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"):
        wire = await wires(server)
        wire.open()
        await wire.features()
        wire.plain("ann%net", "silent")
        wire.send(early)
        assert (await wire.error())[0] == "not-authorized"
    for early in (bind, session, "<presence/>", f"<response xmlns='{SASL}'/>", f"<abort xmlns='{SASL}'/>"):
        wire = await wires(server)
        wire.open()
        await wire.features()
        wire.send(early)
        assert (await wire.error())[0] == "not-authorized"
    # XEP-0198 section 3 has an answer of its own, and the log-in goes on.
    wire = await wires(server)
    wire.open()
    await wire.features()
    for early in ("<enable xmlns='urn:xmpp:sm:3'/>", "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"):
        wire.send(early)
        assert (await wire.expect(lambda s: s.name == "failed")).xml[0].tag.endswith("}unexpected-request")
    wire.plain("carol%net", "secret")
    await wire.expect(lambda s: s.name == "success")
    # After the success and before a resource is bound, too.
    for early in (session, "<presence/>", f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>"):
        wire = await wires(server)
        await wire.log_in("bob%net")
        wire.send(early)
        assert (await wire.error())[0] == "not-authorized"


async def test_what_is_sent_ahead_of_a_restart_is_dropped(servers, wires, directories):
    """STARTTLS injection: plain text behind <starttls/> is never taken for encrypted input."""
    server = await servers(service__cert=make_certificate(directories("cert")))
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
              "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='chat.localhost'>")
    await wire.expect(lambda s: s.name == "proceed")
    wire.send(b"")
    wire._feed.cancel()
    await asyncio.gather(wire._feed, return_exceptions=True)
    transport = await asyncio.get_running_loop().start_tls(
        wire.writer.transport, wire.writer.transport.get_protocol(), trusting(), server_hostname=DOMAIN)
    wire.writer._transport = wire.reader._transport = transport
    wire._listen()
    wire.open()
    features = await wire.features()
    assert features.xml.findall(f".//{{{SASL}}}mechanism")


async def test_sec_6_the_stream_has_to_be_for_our_domain(servers, wires):
    server = await servers(service__admin_jid="admin@evil.example", service__admin_password="x")
    for to in ("evil.example", "", "xchat.localhost", "a@b/c", "x" * 2000):
        wire = await wires(server)
        wire.send("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                  f"version='1.0' to='{to}'>")
        assert (await wire.error())[0] == "host-unknown"
    wire = await wires(server)
    wire.open("CHAT.localhost")
    await wire.features()


async def test_sec_7_c_7_an_admin_needs_his_password(servers, wires):
    server = await servers(gateway.VILLAGE, service__admin_jid="admin@chat.localhost", service__admin_password="",
                           service__vip_only=1)
    wire = await wires(server)
    wire.open()
    await wire.features()
    for password in ("", "x"):
        wire.plain("admin", password)
        assert (await refused(wire))[0] in ("not-authorized", "malformed-request")

    server = await servers(gateway.VILLAGE, service__admin_jid="admin@chat.localhost", service__admin_password="sesame")
    wire = await wires(server)
    wire.open()
    await wire.features()
    for password in ("", "sesam", "sesame1"):
        wire.plain("admin", password)
        assert (await refused(wire))[0] in ("not-authorized", "malformed-request")
    other = await wires(server)
    await other.log_in("admin", "sesame")
    await other.bind("console")
    other.send(f"<iq type='get' id='r'><query xmlns='{ROSTER}'/></iq><presence/>")
    roster = await other.expect(matches("iq", id="r"))
    assert [i.attrib for i in roster.xml.iter(f"{{{ROSTER}}}item")] == [
        {"jid": DOMAIN, "name": "Admin", "subscription": "both"}]
    # The network has heard nothing of all this.
    watcher = await wires(server)
    await watcher.log_in("bob%net")
    await watcher.bind("x")
    watcher.send("<presence/><message to='control@chat.localhost' type='chat'><body>TRIED admin</body></message>")
    assert (await watcher.expect(message(f"control@{DOMAIN}"))).body == ""


async def test_sec_8_attempts_are_independent(servers, wires):
    """A wrong attempt neither ends nor changes one that is under way, or a session that stands."""
    server = await servers(gateway.VILLAGE, service__login_timeout=2, service__more_resources=1)
    first, second, third = [await wires(server) for _ in range(3)]
    for wire, password in ((first, "silent"), (second, "secret"), (third, "wrong")):
        wire.open()
        await wire.features()  # by then the one before has been read
        wire.plain("ann%net", password)
    assert (await refused(first))[0] == "temporary-auth-failure"
    await second.expect(lambda s: s.name == "success", 2 * LIMIT)
    assert (await refused(third, 2 * LIMIT))[0] == "not-authorized"
    second.restart()
    second.open()
    await second.features()
    await second.bind("home")
    third.plain("ann%net", "guess")
    assert (await refused(third))[0] == "not-authorized"
    second.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await second.expect(matches("iq", id="p", type="result"))
    # The same password needs no second log-in on the network.
    fourth = await wires(server)
    await fourth.log_in("ann%net", "secret")
    await fourth.bind("work")
    fourth.send("<presence/><message to='control@chat.localhost' type='chat'><body>TRIED ann@net</body></message>")
    tried = (await fourth.expect(message(f"control@{DOMAIN}"))).body
    assert tried in ("silent secret", "silent wrong secret")  # as the connections came


async def test_wrong_passwords_are_slowed_down(servers, wires):
    server = await servers(gateway.VILLAGE)
    tries = 0
    for _ in range(2):
        wire = await wires(server)
        wire.open()
        await wire.features()
        for _ in range(4):
            wire.plain("ann%net", "wrong")
            condition, text = await refused(wire)
            tries += condition == "not-authorized"
    assert condition == "temporary-auth-failure" and "seconds" in text
    assert tries == 5
    wire.plain("ann%net", "secret")  # not even the right one, or guessing would go on
    assert (await refused(wire))[0] == "temporary-auth-failure"
    # Somebody else is not concerned.
    other = await wires(server)
    await other.log_in("bob%net")
    watcher = other
    await watcher.bind("x")
    watcher.send("<presence/><message to='control@chat.localhost' type='chat'><body>TRIED ann@net</body></message>")
    assert (await watcher.expect(message(f"control@{DOMAIN}"))).body == "wrong wrong wrong wrong wrong"


@pytest.mark.parametrize("auth, condition", [
    (f"<auth xmlns='{SASL}' mechanism='DIGEST-MD5'/>", "invalid-mechanism"),
    (f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>", "invalid-mechanism"),
    (f"<auth xmlns='{SASL}'/>", "invalid-mechanism"),
    (f"<auth xmlns='{SASL}' mechanism='PLAIN'>not base64!</auth>", "incorrect-encoding"),
    (f"<auth xmlns='{SASL}' mechanism='PLAIN'>YQ==</auth>", "malformed-request"),
    (f"<auth xmlns='{SASL}' mechanism='PLAIN'>AAAAAA==</auth>", "malformed-request"),
    (f"<auth xmlns='{SASL}' mechanism='PLAIN'>YWRtaW5AY2hhdC5sb2NhbGhvc3QAYm9iAHNlY3JldA==</auth>", "invalid-authzid"),
    (f"<auth xmlns='{SASL}' mechanism='PLAIN'>{'QUFB' * 2400}</auth>", "malformed-request"),
    (f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGJvL2IAc2VjcmV0</auth>", "not-authorized"),
], ids=lambda value: value[-60:].replace("/", "|"))
async def test_sasl_abuses(servers, wires, auth, condition):
    server = await servers()
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.send(auth)
    assert (await refused(wire))[0] == condition
    wire.plain(server.account(), "secret")
    await wire.expect(lambda s: s.name == "success")


async def test_plain_in_two_steps_and_abort(servers, wires):
    server = await servers()
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'/>")
    await wire.expect(lambda s: s.name == "challenge")
    wire.send(f"<abort xmlns='{SASL}'/>")
    assert (await refused(wire))[0] == "aborted"
    wire.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'/>")
    await wire.expect(lambda s: s.name == "challenge")
    wire.send(f"<response xmlns='{SASL}'>AGJvYgBzZWNyZXQ=</response>")
    await wire.expect(lambda s: s.name == "success")


async def test_too_many_refusals_end_the_stream(servers, wires):
    server = await servers()
    wire = await wires(server)
    wire.open()
    await wire.features()
    for _ in range(5):
        wire.send(f"<auth xmlns='{SASL}' mechanism='X'/>")
    assert (await wire.error())[0] == "policy-violation"


async def test_allowed_names_and_vips(servers, wires):
    server = await servers(**{"registration.allowed_usernames": "[a-z]+@net"})
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.plain("bob%elsewhere", "secret")
    condition, text = await refused(wire)
    assert condition == "not-authorized" and "name" in text
    wire.plain("bob%net", "secret")
    await wire.expect(lambda s: s.name == "success")

    server = await servers(service__vip_only=1, service__vip_message="Friends only.")
    wire = await wires(server)
    wire.open()
    await wire.features()
    wire.plain("bob%net", "secret")
    assert await refused(wire) == ("not-authorized", "Friends only.")


async def test_no_database_is_needed(servers, people):
    server = await servers(**{"database.type": "none"})
    user = await people(host=server, kind=RawUser)
    user.send_message(f"echo@{DOMAIN}", "hello")
    await user.expect(message(f"echo@{DOMAIN}", "hello"))


# ---- Stream errors ----

@pytest.mark.parametrize("xml, condition", [
    ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='chat.localhost' "
     "version='1.0'>", "invalid-namespace"),
    ("<stream:stream xmlns='jabber:client' xmlns:stream='http://example.org/' to='chat.localhost' version='1.0'>",
     "invalid-namespace"),
    ("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='chat.localhost'>",
     "unsupported-version"),
    ("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='chat.localhost' "
     "version='0.9'>", "unsupported-version"),
    ("GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
    ("<?xml version='1.0' encoding='latin1'?><stream:stream>", "unsupported-encoding"),
    ("<!DOCTYPE x [<!ENTITY a 'b'>]><stream:stream>", "restricted-xml"),
    ("<?php ?><stream:stream>", "restricted-xml"),
    ("<!-- hello --><stream:stream>", "restricted-xml"),
    ("\0\0\0", "unsupported-encoding"),
    ("<stream:stream" + " " * 20000, "policy-violation"),
], ids=lambda value: value[:50].replace("/", "|"))
async def test_bad_headers(servers, wires, xml, condition):
    """Each is told in a stream of its own, whatever came before."""
    server = await servers()
    wire = await wires(server)
    wire.send(xml)
    assert (await wire.error())[0] == condition
    assert wire.header is not None and wire.header.get("from") == DOMAIN


@pytest.mark.parametrize("xml, condition", [
    ("<message from='somebody@else' to='echo@chat.localhost'/>", "invalid-from"),
    ("<message from='echo@chat.localhost' to='echo@chat.localhost'/>", "invalid-from"),
    ("<iq xmlns='jabber:server' type='get' id='x'/>", "unsupported-stanza-type"),
    ("<sing/>", "unsupported-stanza-type"),
    ("<message><body>x</message>", "not-well-formed"),
    ("<message>&nope;</message>", "restricted-xml"),
    ("<message><!-- x --></message>", "restricted-xml"),
    ("<message><?x y?></message>", "restricted-xml"),
    ("text", "not-well-formed"),
    ("<a:message/>", "not-well-formed"),
    ("<message><body>" + "x" * 300000, "policy-violation"),
    ("<message>" + "<a>" * 100, "policy-violation"),
    ("<message>" + "<a/>" * 5000, "policy-violation"),
], ids=lambda value: value[:50].replace("/", "|"))
async def test_bad_stanzas_end_their_stream_alone(servers, wires, people, xml, condition):
    server = await servers(service__more_resources=1)
    other = await people(host=server, kind=RawUser)
    wire = await wires(server)
    name = server.account()
    await wire.log_in(name)
    await wire.bind("x")
    wire.send("<presence/>")
    wire.send(xml)
    assert (await wire.error())[0] == condition
    other.send_message(f"echo@{DOMAIN}", "still here")
    await other.expect(message(f"echo@{DOMAIN}", "still here"))


async def test_limits_are_told_and_kept(servers, wires):
    """XEP-0478: each stream says how large a stanza may be on it."""
    server = await servers()
    wire = await wires(server)
    wire.open()
    limits = "{urn:xmpp:stream-limits:0}"

    def most(features):
        return int(features.xml.findtext(f"{limits}limits/{limits}max-bytes"))
    before = most(await wire.features())
    assert 10000 <= before
    after = most(await (await wires(server)).log_in(server.account()))
    assert after == 262144
    wire.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + "A" * before)
    assert (await wire.error())[0] == "policy-violation"


async def test_a_slow_log_in_ends(servers, wires):
    """Silent, or dribbling without ever getting there; half-open ones go the same way. Nobody else notices."""
    server = await servers(service__connect_timeout=1)
    silent, talker = await wires(server), await wires(server)
    talker.open()
    await talker.features()
    assert (await silent.error())[0] == "connection-timeout"
    assert (await talker.error())[0] == "connection-timeout"


async def test_stanza_errors(servers, wires):
    server = await servers()
    wire = await wires(server)
    name = server.account()
    await wire.log_in(name)
    await wire.bind("x")
    cases = [
        ("<iq type='get' id='1' to='@'><ping xmlns='urn:xmpp:ping'/></iq>", "jid-malformed"),
        ("<iq type='get' id='1' to='a@elsewhere.example'><ping xmlns='urn:xmpp:ping'/></iq>", "remote-server-not-found"),
        ("<message id='1' to='a@elsewhere.example'><body>x</body></message>", "remote-server-not-found"),
        ("<presence id='1' to='a@elsewhere.example' type='subscribe'/>", "remote-server-not-found"),
        ("<presence id='1' type='subscribe'/>", "bad-request"),
        ("<presence id='1'><priority>1000</priority></presence>", "bad-request"),
        ("<iq type='get' id='1'/>", "bad-request"),
        ("<iq type='fetch' id='1'><a xmlns='b'/></iq>", "bad-request"),
        ("<iq type='get'><a xmlns='b'/></iq>", "bad-request"),
        ("<iq type='get' id='1'><a xmlns='b'/><a xmlns='b'/></iq>", "bad-request"),
        ("<iq type='get' id='1'><a xmlns='b'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='chat.localhost'><a xmlns='b'/></iq>", "service-unavailable"),
        (f"<iq type='get' id='1' to='{name}@{DOMAIN}/other'><a xmlns='b'/></iq>", "service-unavailable"),
        (f"<iq type='set' id='1'><query xmlns='{ROSTER}'/></iq>", "bad-request"),
        (f"<iq type='set' id='1'><query xmlns='{ROSTER}'><item jid='a@b'/><item jid='a@c'/></query></iq>", "bad-request"),
        (f"<iq type='set' id='1'><query xmlns='{ROSTER}'><item jid='a@elsewhere.example'/></query></iq>", "not-allowed"),
    ]
    for xml, condition in cases:
        wire.send(xml)
        assert (await wire.expect(lambda s: s.type == "error")).condition == condition, xml
    # Answers are never answered.
    wire.send("<iq type='result' id='9'/><iq type='error' id='9'/>")
    wire.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await wire.expect(matches("iq", id="p", type="result"))
    assert not wire.inbox.waiting


async def test_a_client_that_never_reads_is_dropped(servers, wires, people):
    server = await servers(service__more_resources=1)
    other = await people(host=server, kind=RawUser)
    wire = await wires(server)
    await wire.log_in(server.account())
    await wire.bind("x")
    wire.send("<presence/>")
    await wire.expect(available(f"echo@{DOMAIN}"))
    wire._feed.cancel()
    wire.writer.transport.pause_reading()
    big = "y" * 60000
    for _ in range(600):
        try:
            wire.send(f"<message to='echo@{DOMAIN}' type='chat'><body>{big}</body></message>")
            await asyncio.wait_for(wire.writer.drain(), LIMIT)
        except (ConnectionError, asyncio.TimeoutError):
            break
    await wait_until(lambda: server.log_lines("unbound user"), 3 * LIMIT)
    other.send_message(f"echo@{DOMAIN}", "still here")
    await other.expect(message(f"echo@{DOMAIN}", "still here"))


# ---- Several clients, the network's end, shutdown ----

async def test_a_second_client_takes_over(servers, people):
    server = await servers()
    name = server.account()
    first = await people(host=server, kind=RawUser, account=name, resource="a")
    second = await people(host=server, kind=RawUser, account=name, resource="b")
    error = await first.expect(lambda s: s.name == "error")
    assert "another location" in error.xml[1].text and error.xml[0].tag.endswith("conflict")
    second.send_message(f"echo@{DOMAIN}", "hello")
    await second.expect(message(f"echo@{DOMAIN}", "hello"))


@pytest.mark.parametrize("days", [30, 0], ids=["archive", "no archive"])
async def test_several_clients(servers, people, days):
    server = await servers(gateway.VILLAGE, service__more_resources=1, archive__days=days)
    name = server.account()
    first = await people(host=server, kind=RawUser, account=name, resource="a")
    second = await people(host=server, kind=RawUser, account=name, resource="b")
    await first.expect(available(second.full))
    await second.expect(available(first.full))
    # The same resource is the same client, come back.
    third = await people(host=server, kind=RawUser, account=name, resource="a")
    error = await first.expect(lambda s: s.name == "error")
    assert error.xml[0].tag.endswith("conflict")
    await second.expect(unavailable(third.full))
    await second.expect(available(third.full))
    # Messages go to the highest priority.
    second.send_presence(content="<priority>5</priority>")
    await third.expect(available(second.full))
    sender = await people(host=server, kind=RawUser, name="sender")
    node = name.replace("%", "\\40")
    sender.send_message(f"{node}@{DOMAIN}", "one")
    await second.expect(message(body="one"))
    second.send_presence(content="<priority>-1</priority>")
    await third.expect(available(second.full))
    sender.send_message(f"{node}@{DOMAIN}", "two")
    await third.expect(message(body="two"))
    await second.sync(None)
    assert not second.take(message(body="two"))


async def test_the_network_ends_the_session(servers, people):
    server = await servers(gateway.VILLAGE)
    user = await people(host=server, kind=RawUser)
    user.send_message(f"control@{DOMAIN}", "DA")
    error = await user.expect(lambda s: s.name == "error" and s.namespace.endswith("streams"))
    assert error.xml[0].tag.endswith("not-authorized") and error.xml[1].text == "network gone"
    again = await people(host=server, kind=RawUser, account=user.user)
    await again.sync(None)


async def test_the_backend_crashes_and_nobody_is_logged_out(servers, people):
    server = await servers(gateway.VILLAGE)
    user = await people(host=server, kind=RawUser)
    user.send_message(f"control@{DOMAIN}", "KILL")
    await server.logged("online user=", 3 * LIMIT, count=2)
    user.send_message(f"control@{DOMAIN}", "Ehello")
    await user.expect(message(f"control@{DOMAIN}", "Ehello"))


async def test_shutdown_is_told(servers, people):
    server = await servers()
    user = await people(host=server, kind=RawUser)
    await user.join(f"#room@{DOMAIN}", "me")
    server.stop()
    error = await user.expect(lambda s: s.name == "error" and s.namespace.endswith("streams"))
    assert error.xml[0].tag.endswith("system-shutdown")


async def test_certificate_is_read_again(servers, wires, directories):
    import signal
    directory = directories("cert")
    path = make_certificate(directory)
    server = await servers(service__cert=path)
    before = await wires(server)
    before.open()
    await before.features()
    await before.start_tls()
    await before.log_in(server.account())
    await before.bind("x")
    old = before.tls.getpeercert(binary_form=True)
    make_certificate(directory)
    server.child.send_signal(signal.SIGHUP)
    await server.logged("certificate was read again")
    after = await wires(server)
    after.open()
    await after.features()
    await after.start_tls()
    assert after.tls.getpeercert(binary_form=True) != old
    before.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await before.expect(matches("iq", id="p", type="result"))
    path.write_text("nonsense")
    server.child.send_signal(signal.SIGHUP)
    await server.logged("old one stays")
    third = await wires(server)
    third.open()
    await third.features()
    await third.start_tls()


async def test_roster_of_two_neighbours(servers, people):
    """Adding, asking, presence, messages, removing: RFC 6121 between two users of this server, as the network has it."""
    server = await servers(gateway.VILLAGE, service__jid_escaping=0)
    ann, bob = [await people(host=server, kind=RawUser, account=name) for name in ("ann%net", "bob%net")]
    at = {"ann": f"ann%net@{DOMAIN}", "bob": f"bob%net@{DOMAIN}"}
    answer = await ann.iq(None, f"<query xmlns='{ROSTER}'><item jid='{at['bob']}' name='Bob'><group>Friends</group></item>"
                          "</query>", "set")
    assert answer.type == "result", answer
    pushed = await ann.expect(matches("iq", type="set"))
    item = pushed.xml.find(f".//{{{ROSTER}}}item")
    assert (item.get("jid"), item.get("name"), item[0].text) == (at["bob"], "Bob", "Friends")
    ann.send_presence(at["bob"], "subscribe")
    await ann.expect(presence(at["bob"], "subscribed"))
    question = await bob.expect(presence(at["ann"], "subscribe"))
    assert question.resource == ""
    bob.send_presence(at["ann"], "subscribed")
    await bob.expect(available(at["ann"]))
    pushed = await bob.expect(matches("iq", type="set"))
    assert pushed.xml.find(f".//{{{ROSTER}}}item").get("jid") == at["ann"]
    bob.send_presence(content="<show>away</show><status>Lunch</status>")
    await ann.expect(available(at["bob"], show="away", status="Lunch"))
    ann.send_message(at["bob"], "Hello")
    got = await bob.expect(message(at["ann"], "Hello"))
    bob.send_message(got.sender, "Hello yourself")
    await ann.expect(message(at["bob"], "Hello yourself"))
    answer = await ann.iq(None, f"<query xmlns='{ROSTER}'><item jid='{at['bob']}' subscription='remove'/></query>", "set")
    assert answer.type == "result"
    pushed = await ann.expect(matches("iq", type="set"))
    assert pushed.xml.find(f".//{{{ROSTER}}}item").get("subscription") == "remove"
    await bob.expect(unavailable(at["ann"]))
    await bob.close()


@pytest.mark.parametrize("item, condition", [
    ("<item jid='{jid}'><group>Friends</group><group>Work</group><group>Friends</group></item>", "bad-request"),
    ("<item jid='{jid}'/><item jid='other@chat.localhost'/>", "bad-request"),
    ("<item jid='{jid}'><group>Friends</group><group/></item>", "not-acceptable"),
    ("<item jid='{jid}'><group>two&#10;lines</group></item>", "not-acceptable"),
    (f"<item jid='{{jid}}'><group>{'g' * 1024}</group></item>", "not-acceptable"),
    (f"<item jid='{{jid}}' name='{'n' * 1024}'/>", "not-acceptable"),
    ("<item jid='{jid}'>" + "".join(f"<group>g{n}</group>" for n in range(33)) + "</item>", "not-acceptable"),
], ids=["group twice", "two items", "empty group", "two lines", "long group", "long name", "many groups"])
async def test_roster_sets_that_are_refused(servers, people, item, condition):
    """RFC 6121 section 2.3.3; nothing of such an item is taken over."""
    server = await servers()
    user = await people(host=server, kind=RawUser, account=server.account())
    jid = f"echo@{DOMAIN}"
    before = await user.iq(None, f"<query xmlns='{ROSTER}'/>")
    answer = await user.iq(None, f"<query xmlns='{ROSTER}'>{item.format(jid=jid)}</query>", "set")
    assert answer.condition == condition
    after = await user.iq(None, f"<query xmlns='{ROSTER}'/>")
    assert after.xml[0].get("ver") == before.xml[0].get("ver")
    most = "".join(f"<group>g{n}</group>" for n in range(32))
    answer = await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='{jid}' name='{'n' * 1023}'>{most}</item></query>", "set")
    assert answer.type == "result"
    pushed = await user.expect(matches("iq", type="set"))
    assert len(pushed.xml[0][0]) == 32 and len(pushed.xml[0][0].get("name")) == 1023


async def test_the_roster_of_somebody_else(servers, people):
    server = await servers()
    user = await people(host=server, kind=RawUser, account=server.account())
    change = f"<query xmlns='{ROSTER}'><item jid='mallory@{DOMAIN}'/></query>"
    assert (await user.iq(f"echo@{DOMAIN}", change, "set")).condition == "forbidden"
    # A client of his has no roster at all.
    assert (await user.iq(f"echo@{DOMAIN}/bot", change, "set")).condition == "service-unavailable"


async def test_roster_versions(servers, people):
    server = await servers(service__more_resources=1)
    name = server.account()
    user = await people(host=server, kind=RawUser, account=name, resource="a")
    first = await user.iq(None, f"<query xmlns='{ROSTER}' ver=''/>")
    version = first.xml[0].get("ver")
    assert version and len(first.xml[0]) == 1
    second = await user.iq(None, f"<query xmlns='{ROSTER}' ver='{version}'/>")
    assert len(second.xml) == 0
    other = await people(host=server, kind=RawUser, account=name, resource="b")
    await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='echo@{DOMAIN}' name='Mirror'/></query>", "set")
    for one in (user, other):
        pushed = await one.expect(matches("iq", type="set"))
        assert pushed.xml[0][0].get("name") == "Mirror"
        assert pushed.xml[0].get("ver") != version
    third = await user.iq(None, f"<query xmlns='{ROSTER}' ver='{pushed.xml[0].get('ver')}'/>")
    assert len(third.xml) == 0
