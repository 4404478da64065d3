# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: log-in by SCRAM (RFC 5802, RFC 7677, RFC 9266) for users whose password the administrator has kept
(service.store_passwords)."""

import asyncio
import base64
import contextlib
import re
import sqlite3
import ssl
import subprocess
import xml.etree.ElementTree as ET

import pytest
import pytest_asyncio
import slixmpp
import websockets

import gateway
from gateway import MAIN
from person import RawUser
from processes import LIMIT, free_port
from scram import PLUS, SCRAM, BoundWire, Scram, encode
from server import SASL, make_certificate, trusting, wait_until
from stanzas import message

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
SASL2 = "urn:xmpp:sasl:2"
BIND2 = "urn:xmpp:bind:0"
FAST = "urn:xmpp:fast:0"
BINDING = "urn:xmpp:sasl-cb:0"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
ANN = "ann%net"
SECRET = "pass of Ann, which nobody must see"
FROM = f"{ANN}@{DOMAIN}"


@pytest.fixture
def kept(servers):
    """A server that keeps the passwords of Ann and of nobody else."""
    async def start(backend=gateway.VILLAGE, **settings):
        return await servers(backend, **{"service__store_passwords": "ann@.*", "service__more_resources": 1, **settings})
    return start


class Client:
    """Connections of one user; `sender` is what the header says."""

    def __init__(self, wires, server, name=ANN, password=SECRET, sender=FROM):
        self.wires, self.server, self.name, self.password, self.sender = wires, server, name, password, sender

    async def connect(self):
        """Returns the mechanisms that are offered."""
        self.wire = await self.wires(self.server)
        return await self.open()

    async def open(self):
        self.wire.open(more=f" from='{self.sender}'" if self.sender else "")
        self.features = await self.wire.features()
        offers = [[m.text for m in self.features.xml.find(f"{{{ns}}}{name}").findall(f"{{{ns}}}mechanism")]
                  for ns, name in ((SASL, "mechanisms"), (SASL2, "authentication"))]
        assert offers[0] == offers[1]
        return offers[0]

    async def plain(self, password=None):
        self.wire.plain(self.name, password or self.password)
        return await self.answer("success", "failure")

    async def answer(self, *names):
        return await self.wire.expect(lambda s: s.name in names, 2 * LIMIT)

    async def scram(self, password=None, mechanism=SCRAM, name=None, **more):
        """One exchange of the old form."""
        scram = Scram(name or self.name, password or self.password, **more)
        self.wire.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{encode(scram.first)}</auth>")
        got = await self.answer("challenge", "failure")
        if got.name == "failure":
            return got
        self.wire.send(f"<response xmlns='{SASL}'>{encode(scram.final(base64.b64decode(got.xml.text)))}</response>")
        got = await self.answer("success", "failure")
        if got.name == "success":
            assert base64.b64decode(got.xml.text).decode() == scram.server and scram.iterations >= 10000
        return got

    async def learn(self):
        """The log-in with which the server learns the password; returns when all of it is kept."""
        lines = len(self.server.log_lines("the password is kept"))
        assert await self.connect() == ["PLAIN"]
        assert (await self.plain()).name == "success"
        await self.server.logged(f"the password is kept user={self.sender} done=1", count=lines + 1)
        return await self.enter()

    async def enter(self):
        """What follows a log-in."""
        self.wire.restart()
        self.wire.open()
        await self.wire.features()
        await self.wire.bind()
        return self

    async def leave(self):
        """Ends the connection; of the last one the session on the network, too."""
        count = len(self.server.log_lines("unbound user="))
        await self.wire.close()
        await self.server.logged("unbound user=", count=count + 1)


def condition(failure):
    assert failure.name == "failure", failure
    return failure.xml[0].tag.rpartition("}")[2]


def text(failure):
    return next((child.text for child in failure.xml if child.tag.endswith("}text")), None)


def rows(server):
    with contextlib.closing(sqlite3.connect(server.settings["database.database"])) as db:
        return db.execute("SELECT node, content FROM s2_items WHERE kind = 'password'").fetchall()


async def tried(people, server):
    """The passwords that the network was asked about, in the village's own words."""
    bob = await people(host=server, kind=RawUser, account="bob%net")
    bob.send_message(f"control@{DOMAIN}", "TRIED ann@net")
    return (await bob.expect(message(f"control@{DOMAIN}"))).body


async def change_password(people, server, password):
    bob = await people(host=server, kind=RawUser, account="bob%net")
    bob.send_message(f"control@{DOMAIN}", f"PASSWORD ann@net {password}")
    await bob.expect(message(f"control@{DOMAIN}", "changed"))


async def test_who_has_logged_in_once_may_prove_it_the_next_time(kept, wires, people):
    server = await kept()
    first = await Client(wires, server).learn()
    second = Client(wires, server)
    assert await second.connect() == [SCRAM, "PLAIN"]
    assert second.features.xml.find(f"{{{BINDING}}}sasl-channel-binding") is None  # nothing to bind to without TLS
    assert (await second.scram()).name == "success"
    await second.enter()
    # Alone, and by another spelling of the name: the network gets what is kept.
    await first.leave()
    await second.leave()
    third = Client(wires, server, name=f"ANN%net@{DOMAIN}")
    await third.connect()
    assert (await third.scram()).name == "success"
    assert await tried(people, server) == f"{SECRET} {SECRET}"
    assert len(server.log_lines(f"logged in .*mechanism={SCRAM} ")) == 2


async def test_only_who_has_keys_and_says_so_is_offered_it(kept, wires):
    server = await kept()
    await Client(wires, server).learn()
    for sender in (None, f"bob%net@{DOMAIN}", f"ann%other@{DOMAIN}", f"{ANN}@elsewhere", DOMAIN, "@", f"{ANN}@{DOMAIN}x"):
        assert await Client(wires, server, sender=sender).connect() == ["PLAIN"], sender
    for sender in (f"{FROM}/phone", f"ANN%Net@{DOMAIN.upper()}"):
        assert await Client(wires, server, sender=sender).connect() == [SCRAM, "PLAIN"], sender
    # It does not work without that either, nor for somebody else.
    silent = Client(wires, server, sender=None)
    await silent.connect()
    assert condition(await silent.scram()) == "invalid-mechanism"
    assert (await silent.plain()).name == "success"
    other = Client(wires, server)
    await other.connect()
    assert condition(await other.scram(name="bob%net")) == "not-authorized"
    assert condition(await other.scram(authorization=f"bob%net@{DOMAIN}")) == "invalid-authzid"
    assert condition(await other.scram(mechanism=PLUS, flag="p=tls-exporter", binding=b"x" * 32)) == "invalid-mechanism"
    assert condition(await other.scram(mechanism="SCRAM-SHA-1")) == "invalid-mechanism"
    assert (await other.scram(authorization=FROM)).name == "success"


async def test_nobody_is_kept_whom_the_administrator_does_not_name(servers, wires):
    server = await servers(gateway.VILLAGE)
    client = Client(wires, server)
    await client.connect()
    assert (await client.plain()).name == "success"
    assert await client.connect() == ["PLAIN"]
    server.stop()
    assert rows(server) == [] and SECRET.encode() not in everything(server)


def everything(server):
    """All that is in files of the server: database, its journal, logs."""
    return b"".join(path.read_bytes() for path in server.directory.rglob("*") if path.is_file())


async def test_the_name_has_to_match_as_a_whole(kept, wires):
    server = await kept(service__store_passwords="an+|bob@net")
    for name, keeps in ((ANN, False), ("bob%net", True)):
        client = Client(wires, server, name=name, sender=f"{name}@{DOMAIN}")
        await client.connect()
        assert (await client.plain()).name == "success"
        if keeps:
            await server.logged("the password is kept")
        assert (await client.connect() != ["PLAIN"]) == keeps


async def test_keys_outlive_a_restart_and_nothing_can_be_read(kept, wires, people):
    server = await kept()
    await Client(wires, server).learn()
    (name, content), = rows(server)
    assert name == FROM and content.startswith("v1$")
    server.kill()
    assert SECRET.encode() not in everything(server)
    await server.up()
    client = Client(wires, server)
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert (await client.scram()).name == "success"
    server.stop()
    # Neither the password nor what could be used in its place.
    known = everything(server)
    for text in (SECRET.encode(), encode(SECRET.encode())[:16].encode(), b" 10000 "):
        assert text not in known
    await server.up()
    await client.connect()
    assert (await client.scram()).name == "success"
    assert await tried(people, server) == SECRET
    server.stop()
    # Moved to somebody else's row, or read with another key file, it is worth nothing.
    with contextlib.closing(sqlite3.connect(server.settings["database.database"])) as db:
        db.execute("UPDATE s2_items SET node = ? WHERE kind = 'password'", (f"ann%two@{DOMAIN}",))
        db.commit()
    await server.up()
    for sender in (FROM, f"ann%two@{DOMAIN}"):
        assert await Client(wires, server, sender=sender).connect() == ["PLAIN"]
    await server.logged("can't be read with this key file count=1")
    await Client(wires, server).learn()


async def test_those_who_come_in_the_first_moment(kept, wires):
    """Nobody is told that he has no keys only because they are not read yet."""
    server = await kept()
    await Client(wires, server).learn()
    server.stop()
    with contextlib.closing(sqlite3.connect(server.settings["database.database"])) as db:
        db.executemany("INSERT INTO s2_items (owner, kind, node, id, time, content) VALUES (?, 'password', ?, '', 0, ?)",
                       ((DOMAIN, f"ann%{i}@{DOMAIN}", "x" * 300) for i in range(20_000)))
        db.commit()

    async def come():
        client = Client(wires, server.start())
        end = asyncio.get_running_loop().time() + LIMIT
        while asyncio.get_running_loop().time() < end:
            with contextlib.suppress(ConnectionError):
                client.wire = await wires(server)
                return client
            await asyncio.sleep(0.001)

    client = await come()
    early = not server.log_lines("count=20000")
    assert await client.open() == [SCRAM, "PLAIN"] and early
    assert (await client.scram()).name == "success"
    server.stop()
    # It may also end in that moment.
    client = await come()
    client.wire.open(more=f" from='{FROM}'")
    server.stop()


async def test_without_a_database_they_last_as_long_as_the_process(kept, wires):
    server = await kept(database__type="none")
    client = await Client(wires, server).learn()
    await client.leave()
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert (await client.scram()).name == "success"
    server.stop()
    await server.up()
    assert await Client(wires, server).connect() == ["PLAIN"]


async def test_a_name_that_is_taken_out_is_forgotten(kept, wires):
    server = await kept()
    await Client(wires, server).learn()
    server.stop()
    server.settings["service.store_passwords"] = "bob@net"
    await server.up()
    assert await Client(wires, server).connect() == ["PLAIN"]
    await wait_until(lambda: not rows(server))
    server.stop()
    server.settings["service.store_passwords"] = "ann@net"
    await server.up()
    client = Client(wires, server)
    assert await client.connect() == ["PLAIN"]
    await client.learn()


async def test_a_wrong_password_and_then_the_right_one(kept, wires):
    server = await kept()
    await Client(wires, server).learn()
    client = Client(wires, server)
    assert await client.connect() == [SCRAM, "PLAIN"]
    failure = await client.scram("a guess")
    assert condition(failure) == "not-authorized" and "not right" in text(failure)
    # It might be a new one, so that the network decides about the next try.
    other = Client(wires, server)
    assert await other.connect() == ["PLAIN"]
    assert condition(await other.plain("wrong")) == "not-authorized"
    # Who has typed wrong may go on with what he was shown.
    assert (await client.scram()).name == "success"
    assert await other.connect() == [SCRAM, "PLAIN"]


async def test_guesses_are_slowed_down(kept, wires):
    server = await kept()
    await Client(wires, server).learn()
    client = Client(wires, server)
    await client.connect()
    for _ in range(4):
        assert condition(await client.scram("a guess")) == "not-authorized"
    # What is no guess does not count.
    stranger = Client(wires, server)
    await stranger.connect()
    for more in ({"flag": "p=tls-unique", "binding": b"x"}, {"name": "bob%net"}, {"flag": "p"}, {"flag": "x"}):
        assert condition(await stranger.scram(**more)) in ("not-authorized", "malformed-request")
    assert condition(await client.scram("a guess")) == "not-authorized"
    assert (await client.wire.error())[0] == "policy-violation"
    await stranger.connect()
    failure = await stranger.scram()
    assert condition(failure) == "temporary-auth-failure" and "Too many failed log-ins" in text(failure)


async def test_a_password_that_was_changed_on_the_network(kept, wires, people):
    """The old one is forgotten as soon as the network refuses it; nobody is kept out."""
    server = await kept()
    client = await Client(wires, server).learn()
    await client.leave()
    await change_password(people, server, "fresh")
    assert await client.connect() == [SCRAM, "PLAIN"]
    failure = await client.scram()
    assert (condition(failure), text(failure)) == ("not-authorized", "The password is not right.")
    await server.logged("the password is forgotten")
    await wait_until(lambda: not rows(server))
    client.password = "fresh"
    await client.learn()
    await client.leave()
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert (await client.scram()).name == "success"


async def test_a_network_that_is_down(kept, wires, people):
    """That says nothing about the password, which stays."""
    server = await kept()
    client = await Client(wires, server).learn()
    await client.leave()
    await change_password(people, server, "down")
    for _ in range(2):
        assert await client.connect() == [SCRAM, "PLAIN"]
        failure = await client.scram()
        assert (condition(failure), text(failure)) == ("temporary-auth-failure", "The network is down.")
    await change_password(people, server, SECRET.split()[0])
    assert condition(await client.scram()) == "not-authorized"


async def test_a_new_password_that_the_server_does_not_know_yet(kept, wires, people):
    """His client takes SCRAM, and fails, as the keys are the old one's; the next try is the network's."""
    server = await kept()
    client = await Client(wires, server).learn()
    await client.leave()
    await change_password(people, server, "fresh")
    await client.connect()
    assert condition(await client.scram("fresh")) == "not-authorized"
    client.password = "fresh"
    await client.learn()
    await client.connect()
    assert (await client.scram()).name == "success"
    assert len(rows(server)) == 1
    # The old one is worth nothing any more.
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert condition(await client.scram(SECRET)) == "not-authorized"


async def test_the_network_ends_the_session_as_the_password_is_wrong(kept, wires, people):
    server = await kept()
    client = await Client(wires, server).learn()
    client.wire.send(f"<presence/><message to='control@{DOMAIN}' type='chat'><body>DA</body></message>")
    assert await client.wire.error() == ("not-authorized", "network gone")
    assert await client.connect() == ["PLAIN"]
    await wait_until(lambda: not rows(server))


async def test_passwords_about_which_clients_do_not_agree(kept, wires):
    """Some prepare them (RFC 4013), some don't: no keys are made, so nobody is kept out."""
    server = await kept(gateway.ECHO)
    for password in ("\u00aa\u2168", "soft\u00adhyphen", "\U0001f511", "a\u0627b"):
        client = Client(wires, server, password=password)
        assert await client.connect() == ["PLAIN"]
        assert (await client.plain()).name == "success"
        await client.enter()
        await client.leave()
    client = Client(wires, server, password="  blanks, =2C and \u00fcml\u00e4ute ")
    await (await client.learn()).leave()
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert (await client.scram()).name == "success"
    await (await client.enter()).leave()
    # One of the others in its place: that is the network's, and the old keys go.
    client.password = "\u00aa\u2168"
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert (await client.plain()).name == "success"
    await server.logged("the password is forgotten")
    assert await client.connect() == ["PLAIN"]


async def test_in_one_step_with_binding_and_a_token(kept, wires):
    server = await kept()
    await Client(wires, server).learn()
    client = Client(wires, server)
    assert await client.connect() == [SCRAM, "PLAIN"]
    scram = Scram(ANN, SECRET)
    client.wire.send(f"<authenticate xmlns='{SASL2}' mechanism='{SCRAM}'><initial-response>{encode(scram.first)}"
                     "</initial-response><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
                     f"<bind xmlns='{BIND2}'><tag>phone</tag></bind>"
                     f"<request-token xmlns='{FAST}' mechanism='HT-SHA-256-NONE'/></authenticate>")
    got = await client.answer("challenge")
    assert got.namespace == SASL2
    client.wire.send(f"<response xmlns='{SASL2}'>{encode(scram.final(base64.b64decode(got.xml.text)))}</response>")
    got = await client.answer("success", "failure")
    assert got.name == "success" and got.namespace == SASL2
    assert base64.b64decode(got.xml.findtext(f"{{{SASL2}}}additional-data")).decode() == scram.server
    assert got.xml.findtext(f"{{{SASL2}}}authorization-identifier").startswith(f"{FROM}/phone/")
    assert got.xml.find(f"{{{FAST}}}token").get("token")


async def test_over_a_websocket(kept, wires):
    port = free_port()
    server = await kept(service__websocket_port=port)
    await Client(wires, server).learn()
    async with websockets.connect(f"ws://{DOMAIN}:{port}/xmpp-websocket", host="127.0.0.1", port=port,
                                  subprotocols=("xmpp",)) as web:
        async def get(name):
            while True:
                element = ET.fromstring(await asyncio.wait_for(web.recv(), LIMIT))
                if element.tag.endswith("}" + name):
                    return element

        await web.send(f"<open xmlns='{FRAMING}' to='{DOMAIN}' from='{FROM}' version='1.0'/>")
        assert [m.text for m in (await get("features")).iter(f"{{{SASL}}}mechanism")] == [SCRAM, "PLAIN"]
        # It may be able to bind: that nothing was said of it is no lie, as there is nothing to bind to here.
        scram = Scram(ANN, SECRET, "y")
        await web.send(f"<auth xmlns='{SASL}' mechanism='{SCRAM}'>{encode(scram.first)}</auth>")
        final = scram.final(base64.b64decode((await get("challenge")).text))
        await web.send(f"<response xmlns='{SASL}'>{encode(final)}</response>")
        assert base64.b64decode((await get("success")).text).decode() == scram.server


async def test_who_gives_up_in_the_middle(kept, wires):
    server = await kept()
    client = await Client(wires, server).learn()
    await client.leave()
    for step in range(4):
        client = Client(wires, server)
        assert await client.connect() == [SCRAM, "PLAIN"]
        scram = Scram(ANN, SECRET)
        if step:
            client.wire.send(f"<auth xmlns='{SASL}' mechanism='{SCRAM}'>{encode(scram.first)}</auth>")
            got = await client.answer("challenge")
        if step > 1:
            response = encode(scram.final(base64.b64decode(got.xml.text)))
            client.wire.send(f"<response xmlns='{SASL}'>{response}</response>"
                             + ("<abort xmlns='" + SASL + "'/>" if step == 2 else ""))
        if step == 2:
            # While the network is asked, or already too late.
            got = await client.answer("failure", "success")
        await client.wire.close()
    client = Client(wires, server)
    assert await client.connect() == [SCRAM, "PLAIN"]
    assert (await client.scram()).name == "success"


@pytest.mark.parametrize("first, final, expected", [
    ("=", "!", "incorrect-encoding"), ("!", None, "incorrect-encoding"), (encode(b"n,,n=ann"), None, "malformed-request"),
    (encode(b"n,,n=ann%net,r=" + b"x" * 6100), None, "malformed-request"), (encode(b"n,,m=x,n=ann%net,r=x"), None,
                                                                      "malformed-request"),
    (encode(b"n,,n=,r=x"), None, ("malformed-request", "not-authorized")),
    (encode(b"n,,n=ann%net,r=x"), encode(b"c=biws,r=other,p=AAAA"), ("malformed-request", "not-authorized")),
    (encode(b"n,,n=ann%net,r=x"), "!", "incorrect-encoding"), (encode(b"n,,n=ann%net,r=x"), "=", "malformed-request"),
], ids=["empty", "no base64", "half", "large", "extension", "no name", "another nonce", "no base64 again", "empty again"])
async def test_abuses(kept, wires, first, final, expected):
    server = await kept()
    await Client(wires, server).learn()
    client = Client(wires, server)
    await client.connect()
    client.wire.send(f"<auth xmlns='{SASL}' mechanism='{SCRAM}'>{first}</auth>")
    got = await client.answer("challenge", "failure")
    if final is not None or got.name == "challenge":
        assert got.name == "challenge"
        client.wire.send(f"<response xmlns='{SASL}'>{final or ''}</response>")
        got = await client.answer("success", "failure")
    assert condition(got) in (expected if isinstance(expected, tuple) else (expected,))
    assert (await client.plain()).name == "success"


# Bound to the connection

@pytest_asyncio.fixture
async def bound(kept, directories):
    """A server with TLS from the first byte on, and clients on it that export what can be bound to."""
    opened = []
    port = free_port()
    server = await kept(service__direct_tls_port=port, service__cert=make_certificate(directories("cert")))

    async def wires(server):
        opened.append(await BoundWire(server, port).connect())
        return opened[-1]

    yield server, wires
    for one in opened:
        await one.close()


async def test_plus_is_bound_to_the_connection(bound):
    server, wires = bound
    await Client(wires, server).learn()
    client = Client(wires, server)
    assert await client.connect() == [PLUS, SCRAM, "PLAIN"]
    types = client.features.xml.find(f"{{{BINDING}}}sasl-channel-binding")
    assert [t.get("type") for t in types] == ["tls-exporter"]
    assert (await client.scram(mechanism=PLUS, flag="p=tls-exporter", binding=client.wire.binding)).name == "success"
    await server.logged(f"logged in .*mechanism={PLUS} tls=1")
    # Whoever sits in the middle has another connection to us.
    victim = Client(wires, server)
    await victim.connect()
    assert condition(await victim.scram(mechanism=PLUS, flag="p=tls-exporter", binding=b"x" * 32)) == "not-authorized"
    assert await victim.connect() == ["PLAIN"]


@pytest.mark.parametrize("mechanism, flag", [
    (SCRAM, "y"), (SCRAM, "p=tls-exporter"), (PLUS, "n"), (PLUS, "y"), (PLUS, "p=tls-unique"),
    (PLUS, "p=tls-server-end-point"), (PLUS, "p=tls-exporter "),
])
async def test_binding_that_was_hidden_or_is_not_ours(bound, mechanism, flag):
    server, wires = bound
    await Client(wires, server).learn()
    client = Client(wires, server)
    await client.connect()
    binding = client.wire.binding if flag[0] == "p" else b""
    assert condition(await client.scram(mechanism=mechanism, flag=flag, binding=binding)) in ("not-authorized",
                                                                                           "malformed-request")
    # Another way is open at once, and it is shown the next time.
    assert (await client.scram(flag="n")).name == "success"
    assert await client.connect() == [PLUS, SCRAM, "PLAIN"]
    assert condition(await client.scram(mechanism=mechanism, flag=flag, binding=binding)) in ("not-authorized",
                                                                                           "malformed-request")
    assert await client.connect() == ["PLAIN"]
    assert (await client.plain()).name == "success"
    assert await client.connect() == [PLUS, SCRAM, "PLAIN"]


async def test_older_tls_can_not_be_bound_to(kept, wires, directories):
    server = await kept(service__cert=make_certificate(directories("cert")))
    context = trusting()
    context.maximum_version = context.minimum_version = 0x0303
    client = Client(wires, server)
    for expected in (["PLAIN"], [SCRAM, "PLAIN"]):
        client.wire = await wires(server)
        client.wire.open(more=f" from='{FROM}'")
        # Nothing is offered before TLS, whoever asks.
        assert (await client.wire.features()).xml.find(f"{{{SASL}}}mechanisms") is None
        await client.wire.start_tls(context)
        assert await client.open() == expected
        if expected == ["PLAIN"]:
            assert (await client.plain()).name == "success"
            await server.logged("the password is kept")
    assert (await client.scram()).name == "success"


# Clients that others wrote

@pytest.fixture
def library():
    """slixmpp: takes the best mechanism by itself, and the next one if that fails."""
    async def log_in(server, password=SECRET, sender=FROM, tls=False):
        client = slixmpp.ClientXMPP(f"{ANN}@{DOMAIN}/slix", password)
        client.loop = asyncio.get_running_loop()
        client["feature_mechanisms"].unencrypted_plain = client["feature_mechanisms"].unencrypted_scram = not tls
        client.ssl_context.check_hostname = False
        client.ssl_context.verify_mode = ssl.CERT_NONE
        if sender:
            client.stream_header = client.stream_header.replace(" to=", f" from='{sender}' to=")
        over = asyncio.get_running_loop().create_future()
        client.add_event_handler("session_start", lambda _: over.done() or over.set_result(True))
        client.add_event_handler("failed_all_auth", lambda _: over.done() or over.set_result(False))
        client.connect(("127.0.0.1", server.port), disable_starttls=not tls, force_starttls=tls)
        try:
            return await asyncio.wait_for(over, 2 * LIMIT)
        finally:
            client.abort()
            client._run_out_filters.cancel()  # or it would wait for ever
    return log_in


def used(server):
    """The mechanisms of the log-ins until now."""
    return [re.search(r"mechanism=(\S+)", line)[1] for line in server.log_lines("logged in ")]


async def test_slixmpp(kept, library):
    server = await kept()
    for expected in ("PLAIN", SCRAM):
        assert await library(server)
        assert used(server)[-1] == expected
        await server.logged("the password is kept")
    # It does not say by itself for whom it comes.
    assert await library(server, sender=None)
    assert used(server) == ["PLAIN", SCRAM, "PLAIN"]
    assert not await library(server, "wrong")
    assert await library(server)


async def test_slixmpp_that_can_bind_by_tls_unique_only(kept, library, directories):
    """It does not look at which binding is offered, so what it tries first fails; it is not kept out."""
    server = await kept(service__cert=make_certificate(directories("cert")))
    for _ in range(8):
        assert await library(server, tls=True)
        await server.logged("the password is kept")
    assert set(used(server)) == {"PLAIN"}


async def test_libstrophe(kept, directories):
    """What Profanity logs in with: says for whom it comes as soon as there is TLS, and takes SCRAM-SHA-256."""
    server = await kept(service__cert=make_certificate(directories("cert")))
    for password, expected in ((SECRET, "PLAIN"), (SECRET, SCRAM), ("wrong", None), (SECRET, "PLAIN"), (SECRET, SCRAM)):
        before = len(used(server))
        child = await asyncio.create_subprocess_exec(
            "/usr/bin/python3", gateway.ROOT / "tests/clients/libstrophe.py", FROM, str(server.port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        told, _ = await asyncio.wait_for(child.communicate(password.encode()), 2 * LIMIT)
        assert told.decode().strip() == ("in" if expected else "out")
        assert used(server)[before:] == ([expected] if expected else [])
        await server.logged("the password is kept")


async def test_our_own_client_binds(kept, servers, wires, directories):
    """Two instances, one of which is the network of the other: what the XMPP backend does at a server that can bind."""
    certificate = make_certificate(directories("cert"))
    network = await kept(service__store_passwords="romeo", service__cert=certificate)
    server = await servers(gateway.XMPP, "front.localhost", xmpp__server=f"127.0.0.1:{network.port}",
                           xmpp__tls_ca_file=certificate)
    romeo = Client(wires, server, name=f"romeo%{DOMAIN}", sender=None)
    for password, mechanism in ((SECRET, "PLAIN"), (SECRET, PLUS), ("wrong", None), (SECRET, "PLAIN"), (SECRET, PLUS)):
        before = len(used(network))
        await romeo.connect()
        got = await romeo.plain(password)
        assert got.name == ("success" if mechanism else "failure")
        assert used(network)[before:] == ([mechanism] if mechanism else [])
        if mechanism:
            await network.logged("the password is kept")
            gone = len(network.log_lines("unbound user="))
            await (await romeo.enter()).leave()
            await network.logged("unbound user=", count=gone + 1)


# The configuration

@pytest.mark.parametrize("settings, told", [
    ("store_passwords = (", "error: service.store_passwords|no extended regular expression"),
    ("store_passwords = .*", "service.store_passwords|server mode"),
    ("store_passwords = .*\n[database]\ntype = none", "service.store_passwords|end of the process"),
])
async def test_the_key_is_checked(directories, settings, told):
    path = directories("check") / "spectrum2.cfg"
    mode = int(told.split("|")[1] != "server mode")
    path.write_text(f"[service]\njid = a.localhost\nserver_mode = {mode}\nport = 5222\npassword = x\nbackend = /bin/true\n"
                    f"working_dir = {path.parent}\npidfile = {path.parent}/a/pid\nportfile = {path.parent}/a/port\n{settings}\n")
    done = subprocess.run([MAIN, "--check-config", path], capture_output=True, text=True)
    line = next(line for line in (done.stdout + done.stderr).splitlines() if "store_passwords" in line)
    assert told.split("|")[1] in line, line
    assert (done.returncode != 0) == told.startswith("error")
