# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: log-in, binding and resumption in one step (XEP-0388, XEP-0386), and tokens in place of the password
(XEP-0484)."""

import base64
import hashlib
import hmac
import uuid

import pytest

import gateway
from person import RawUser
from server import BIND, SASL, make_certificate, trusting
from stanzas import available, matches, message, presence

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
SASL2 = "urn:xmpp:sasl:2"
BIND2 = "urn:xmpp:bind:0"
SM = "urn:xmpp:sm:3"
CSI = "urn:xmpp:csi:0"
CARBONS = "urn:xmpp:carbons:2"
FAST = "urn:xmpp:fast:0"
NONE, EXPORTER = "HT-SHA-256-NONE", "HT-SHA-256-EXPR"
ANN = f"ann%net@{DOMAIN}"
TOKEN = f"<request-token xmlns='{FAST}' mechanism='{NONE}'/>"


def encode(data):
    return base64.b64encode(data).decode()


def ht(name, token, binding=b""):
    """The first message of SASL-HT."""
    return name.encode() + b"\0" + hmac.digest(token.encode(), b"Initiator" + binding, hashlib.sha256)


class Phone:
    """One client; each connection of it is another Wire."""

    def __init__(self, wires, server, name="ann%net", password="pass-ann%net"):
        self.wires, self.server, self.name, self.password = wires, server, name, password
        self.agent = str(uuid.uuid4())

    async def connect(self):
        self.wire = await self.wires(self.server)
        self.wire.open()
        self.offer = (await self.wire.features()).xml.find(f"{{{SASL2}}}authentication")
        return self.wire

    async def authenticate(self, mechanism, data, more="", agent=True):
        await self.connect()
        return await self.step(mechanism, data, more, agent)

    async def step(self, mechanism, data, more="", agent=True):
        agent = f"<user-agent id='{self.agent}'><software>Test</software></user-agent>" if agent else ""
        self.wire.send(f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'><initial-response>{encode(data)}"
                       f"</initial-response>{agent}{more}</authenticate>")
        got = await self.wire.expect(lambda s: s.name in ("success", "failure"))
        assert got.namespace == SASL2
        self.full = got.xml.findtext(f"{{{SASL2}}}authorization-identifier")
        return got

    async def log_in(self, more=""):
        return await self.authenticate("PLAIN", self.plain(), more)

    def plain(self):
        return f"\0{self.name}\0{self.password}".encode()

    async def by_token(self, token, more="", mechanism=NONE, name=None, fast=f"<fast xmlns='{FAST}'/>"):
        return await self.authenticate(mechanism, ht(name or self.name, token), fast + more)


def condition(failure):
    assert failure.name == "failure", failure
    return failure.xml[0].tag.removeprefix(f"{{{SASL}}}")


def token_of(success):
    assert success.name == "success", success
    return success.xml.find(f"{{{FAST}}}token")


def bind(*more, tag="Phone"):
    return f"<bind xmlns='{BIND2}'><tag>{tag}</tag>{''.join(more)}</bind>"


async def test_everything_in_one_step(servers, wires, people):
    server = await servers(gateway.VILLAGE, service__more_resources=1)
    phone = Phone(wires, server)
    got = await phone.log_in(bind(f"<enable xmlns='{SM}' resume='true'/>", f"<enable xmlns='{CARBONS}'/>",
                                  f"<inactive xmlns='{CSI}'/>"))
    offered = phone.offer
    assert [m.text for m in offered.findall(f"{{{SASL2}}}mechanism")] == ["PLAIN"]
    inline = offered.find(f"{{{SASL2}}}inline")
    assert {f.get("var") for f in inline.iter(f"{{{BIND2}}}feature")} == {SM, CSI, CARBONS}
    assert inline.find(f"{{{SM}}}sm") is not None
    bare, _, resource = phone.full.partition("/")
    assert bare == ANN and resource.startswith("Phone/") and phone.agent not in resource
    enabled = got.xml.find(f"{{{BIND2}}}bound/{{{SM}}}enabled")
    assert enabled.get("resume") == "true" and enabled.get("id")
    # The stream goes on without another header, and what is left to negotiate is told: not what has been switched on.
    after = await phone.wire.features()
    assert after.xml.find(f"{{{BIND}}}bind") is None and after.xml.find(f"{{{SM}}}sm") is None
    assert after.xml.find(f"{{{CSI}}}csi") is not None
    first = phone.wire
    # Nobody looks at it: presence waits, its own too.
    first.send(f"<presence/><iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    await first.expect(matches("iq", id="p"))
    assert not first.inbox.take(presence(phone.full))
    first.send(f"<active xmlns='{CSI}'/>")
    await first.expect(presence(phone.full))
    # Carbons are on.
    other = await people(host=server, kind=RawUser, account="ann%net", resource="other")
    bob = await people(host=server, kind=RawUser, account="bob%net")
    other.send_message(f"bob\\40net@{DOMAIN}", "hello")
    await bob.expect(message(body="hello"))
    carbon = await first.expect(lambda s: s.xml.find(f"{{{CARBONS}}}sent") is not None)
    assert carbon.to == phone.full
    # The same client has the same resource again, and its old stream makes way.
    old = phone.full
    await phone.log_in(bind())
    assert phone.full == old
    assert (await phone.wire.features()).xml.find(f"{{{SM}}}sm") is not None
    assert (await first.error())[0] == "conflict"


async def test_without_a_wish_a_resource_is_bound_later(servers, wires):
    server = await servers()
    phone = Phone(wires, server)
    got = await phone.log_in()
    assert phone.full == ANN and got.xml.find(f"{{{BIND2}}}bound") is None
    features = await phone.wire.features()
    assert features.xml.find(f"{{{BIND}}}bind") is not None
    assert await phone.wire.bind("desk") == f"{ANN}/desk"
    phone.wire.send(f"<presence/><message to='echo@{DOMAIN}' type='chat'><body>here</body></message>")
    await phone.wire.expect(message(f"echo@{DOMAIN}", "here"))


async def test_the_networks_words(servers, wires):
    server = await servers(gateway.VILLAGE)
    phone = Phone(wires, server, password="wrong")
    failure = await phone.log_in(bind())
    assert condition(failure) == "not-authorized"
    assert failure.xml.findtext(f"{{{SASL2}}}text") == "The password is not right."
    # On the same stream, another try; nothing of the first one has been done.
    success = await phone.step("PLAIN", b"\0ann%net\0right")
    assert success.xml.find(f"{{{BIND2}}}bound") is None and phone.full == ANN


async def test_plain_with_a_late_response_and_abort(servers, wires):
    server = await servers()
    phone = Phone(wires, server)
    wire = await phone.connect()
    wire.send(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'/>")
    await wire.expect(lambda s: s.name == "challenge" and s.namespace == SASL2)
    wire.send(f"<abort xmlns='{SASL2}'/>")
    assert condition(await wire.expect(lambda s: s.name == "failure")) == "aborted"
    wire.send(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'>{bind()}</authenticate>")
    await wire.expect(lambda s: s.name == "challenge")
    late = encode(b"\0ann%net\0pass")
    wire.send(f"<response xmlns='{SASL2}'>{late}</response>")
    got = await wire.expect(lambda s: s.name == "success")
    assert got.xml.find(f"{{{BIND2}}}bound") is not None


@pytest.mark.parametrize("element", [
    f"<response xmlns='{SASL}'>AGEAYg==</response>", f"<abort xmlns='{SASL}'/>",
    f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGEAYg==</auth>", "<presence/>",
], ids=lambda value: value[1:9])
async def test_the_two_forms_are_not_mixed(servers, wires, element):
    server = await servers()
    wire = await Phone(wires, server).connect()
    wire.send(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'/>")
    await wire.expect(lambda s: s.name == "challenge")
    wire.send(element)
    assert (await wire.error())[0] == "not-authorized"


async def test_ten_megabytes_before_the_log_in(servers, wires, people):
    server = await servers()
    wire = await Phone(wires, server).connect()
    wire.send(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>" + "A" * 10_000_000)
    assert (await wire.error())[0] == "policy-violation"
    other = Phone(wires, server)
    await other.log_in(bind())
    assert other.full.startswith(ANN)


async def test_half_of_a_log_in(servers, wires):
    """Whoever goes in the middle of it leaves nothing, and the next one finds all as it was."""
    server = await servers()
    secret = encode(b"\0ann%net\0pass-ann%net")
    whole = f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{secret}</initial-response>{bind()}</authenticate>"
    for length in range(1, len(whole), 29):
        wire = await Phone(wires, server).connect()
        wire.send(whole[:length])
        await wire.writer.drain()
        await wire.close()
    phone = Phone(wires, server)
    await phone.log_in(bind())
    assert phone.full.startswith(ANN)


async def test_resumption_within_the_log_in(servers, wires, people):
    server = await servers(gateway.VILLAGE)
    phone = Phone(wires, server)
    got = await phone.log_in(bind(f"<enable xmlns='{SM}' resume='true'/>"))
    token = got.xml.find(f"{{{BIND2}}}bound/{{{SM}}}enabled").get("id")
    await phone.wire.features()
    full, old = phone.full, phone.wire
    old.send("<presence/>")
    await old.expect(presence(full))
    bob = await people(host=server, kind=RawUser, account="bob%net")
    old._feed.cancel()
    old.writer.transport.abort()
    await server.logged("asleep")
    bob.send_message(f"ann\\40net@{DOMAIN}", "missed")
    await bob.sync(DOMAIN)
    resume = f"<resume xmlns='{SM}' previd='{token}' h='1'/>"
    got = await phone.log_in(resume + bind())
    resumed = got.xml.find(f"{{{SM}}}resumed")
    assert resumed.get("previd") == token and resumed.get("h") == "1"
    assert phone.full == full and got.xml.find(f"{{{BIND2}}}bound") is None
    # What was missed comes at once, and no features.
    await phone.wire.expect(message(body="missed"))
    assert sum(s.name == "features" for s in phone.wire.inbox.seen) == 1
    # A session that is gone is told, and there is a new one.
    got = await phone.log_in(resume.replace(token, "nonsense") + bind())
    assert got.xml.find(f"{{{SM}}}failed")[0].tag.endswith("item-not-found")
    assert got.xml.find(f"{{{BIND2}}}bound") is not None
    # More acknowledged than was ever sent.
    got = await phone.log_in(bind(f"<enable xmlns='{SM}' resume='true'/>"))
    token = got.xml.find(f"{{{BIND2}}}bound/{{{SM}}}enabled").get("id")
    wire = await phone.connect()
    wire.send(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{encode(phone.plain())}"
              f"</initial-response><resume xmlns='{SM}' previd='{token}' h='99'/></authenticate>")
    assert (await wire.error())[0] == "undefined-condition"


async def test_a_token_in_place_of_the_password(servers, wires, people):
    server = await servers(gateway.VILLAGE, service__more_resources=1)
    desk = await people(host=server, kind=RawUser, account="ann%net", resource="desk")
    phone = Phone(wires, server)
    token = token_of(await phone.log_in(bind() + TOKEN))
    assert token.get("expiry").endswith("Z")
    fast = phone.offer.find(f"{{{SASL2}}}inline/{{{FAST}}}fast")
    assert [m.text for m in fast] == [NONE]
    secret = token.get("token")
    got = await phone.by_token(secret, bind())
    assert token_of(got) is None
    # The server proves that it knows it, too.
    proof = base64.b64decode(got.xml.findtext(f"{{{SASL2}}}additional-data"))
    assert proof == hmac.digest(secret.encode(), b"Responder", hashlib.sha256)
    phone.wire.send("<presence/>")
    await desk.expect(available(ANN))
    # It can be used again, until another one was used; one that was never used is void with the next.
    second = token_of(await phone.by_token(secret, TOKEN)).get("token")
    await phone.by_token(secret)
    assert (await phone.by_token(second)).name == "success"
    assert condition(await phone.by_token(secret)) == "not-authorized"
    # It is this client's, in this mechanism, of this user, and has to be named as what it is.
    stranger = Phone(wires, server)
    assert condition(await stranger.by_token(second)) == "credentials-expired"
    assert condition(await phone.by_token(second, mechanism=EXPORTER)) == "invalid-mechanism"
    assert condition(await phone.by_token(second, name="bob%net")) == "credentials-expired"
    assert condition(await phone.by_token(second, fast="")) == "malformed-request"
    # Who logs out for good says so.
    assert token_of(await phone.by_token(second, fast=f"<fast xmlns='{FAST}' invalidate='true'/>")) is None
    assert condition(await phone.by_token(second)) == "credentials-expired"


async def test_a_token_ends_with_the_session_on_the_network(servers, wires):
    server = await servers(gateway.VILLAGE)
    phone = Phone(wires, server)
    secret = token_of(await phone.log_in(bind() + TOKEN)).get("token")
    phone.wire.send("</stream:stream>")
    await server.logged("unbound")
    assert condition(await phone.by_token(secret)) == "credentials-expired"
    await phone.log_in(bind())
    other = Phone(wires, server)
    other.agent = phone.agent
    assert condition(await other.by_token(secret)) == "credentials-expired"


async def test_wrong_tokens_are_slowed_down(servers, wires):
    server = await servers(gateway.VILLAGE, service__more_resources=1)
    phone = Phone(wires, server)
    secret = token_of(await phone.log_in(bind() + TOKEN)).get("token")
    for _ in range(6):
        last = await phone.by_token("guess")
    assert condition(last) in ("not-authorized", "temporary-auth-failure")
    last = await phone.by_token("guess")
    assert condition(last) == "temporary-auth-failure"
    assert "Too many failed log-ins" in last.xml.findtext(f"{{{SASL2}}}text")
    assert condition(await phone.by_token(secret)) == "temporary-auth-failure"


@pytest.mark.parametrize("data, expected", [
    ("", "malformed-request"), ("!", "incorrect-encoding"), (encode(b"ann%net"), "malformed-request"),
    (encode(b"\0"), "not-authorized"), (encode(b"ann%net\0"), "credentials-expired"), ("A" * 5000, "malformed-request"),
], ids=["empty", "no base64", "no NUL", "no name", "no session", "large"])
async def test_abuses_of_tokens(servers, wires, data, expected):
    server = await servers()
    phone = Phone(wires, server)
    wire = await phone.connect()
    wire.send(f"<authenticate xmlns='{SASL2}' mechanism='{NONE}'><initial-response>{data}</initial-response>"
              f"<user-agent id='{phone.agent}'/><fast xmlns='{FAST}'/></authenticate>")
    assert condition(await wire.expect(lambda s: s.name == "failure")) == expected


async def test_a_token_that_is_bound_to_the_connection(servers, wires, directories):
    """With TLS 1.3 a token can be such that it is of no use to who sits in the middle."""
    path = make_certificate(directories("cert"))
    server = await servers(service__cert=path)
    phone = Phone(wires, server)
    wire = await wires(server)
    wire.open()
    await wire.features()
    await wire.start_tls(trusting())
    phone.wire = wire
    wire.open()
    offer = (await wire.features()).xml.find(f"{{{SASL2}}}authentication")
    assert [m.text for m in offer.iter(f"{{{FAST}}}mechanism")] == [EXPORTER, NONE]
    got = await phone.step("PLAIN", b"\0ann%net\0pass", bind() + TOKEN.replace(NONE, EXPORTER))
    secret = token_of(got).get("token")
    wire = await wires(server)
    wire.open()
    await wire.features()
    await wire.start_tls(trusting())
    phone.wire = wire
    wire.open()
    await wire.features()
    fast = f"<fast xmlns='{FAST}'/>"
    assert condition(await phone.step(NONE, ht("ann%net", secret), fast)) == "not-authorized"
    assert condition(await phone.step(EXPORTER, ht("ann%net", secret), fast)) == "not-authorized"


async def test_an_admin_gets_no_token(servers, wires):
    server = await servers(service__admin_jid=f"boss@{DOMAIN}", service__admin_password="s3cret")
    phone = Phone(wires, server, "boss", "s3cret")
    assert token_of(await phone.log_in(bind() + TOKEN)) is None
