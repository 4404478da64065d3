# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: components of others (XEP-0114, the server's side)."""

import shutil
import time

import pytest
import pytest_asyncio

import gateway
import guests
from control import query
from guests import Bare, Biboumi, Guest
from ircclient import line
from person import RawUser
from processes import LIMIT
from server import wait_until
from stanzas import DELAY, DISCO_INFO, DISCO_ITEMS, available, message, presence, unavailable

pytestmark = pytest.mark.asyncio
DOMAIN, BOT, OTHER = "chat.localhost", "bot.localhost", "other.localhost"
PING = "<ping xmlns='urn:xmpp:ping'/>"
VCARD = "<vCard xmlns='vcard-temp'/>"
PUBSUB = "http://jabber.org/protocol/pubsub"
INFO, ITEMS = f"<query xmlns='{DISCO_INFO}'/>", f"<query xmlns='{DISCO_ITEMS}'/>"


@pytest_asyncio.fixture
async def visiting():
    """Connects components: `await visiting(server, jid)`."""
    present = []

    async def connect(server, jid=BOT, kind=Guest):
        one = kind(server, jid)
        present.append(one)
        return await one.connect()

    yield connect
    await guests.close_all(present)


async def test_a_component_and_a_user_talk(servers, people, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server)
    user = await people(host=server)
    user.send_message(f"desk@{BOT}/1", "hello")
    got = await bot.expect(message(user.full, "hello"))
    assert (got.to, got.type, got.namespace) == (f"desk@{BOT}/1", "chat", guests.COMPONENT)
    bot.message(user.jid, "to whoever is there", sender=f"desk@{BOT}")
    got = await user.expect(message(f"desk@{BOT}", "to whoever is there"))
    assert got.namespace == "jabber:client"
    bot.message(user.full, "to this client", sender=f"desk@{BOT}/1")
    assert (await user.expect(message(f"desk@{BOT}/1", "to this client"))).to == user.full
    # Clients answer components, and these answer clients.
    assert (await bot.iq(user.full, INFO)).child("query", DISCO_INFO) is not None
    assert (await user.iq(BOT, INFO)).child("query", DISCO_INFO) is not None
    assert (await bot.iq(f"{user.jid}/gone", PING)).condition == "service-unavailable"


async def test_what_is_in_a_stanza_keeps_its_namespaces(servers, people, visiting):
    server = await guests.host(servers, BOT)
    bot, user = await visiting(server, kind=Bare), await people(host=server, kind=RawUser)
    forwarded = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>in</body></message></forwarded>"
    user.send_message(BOT, "out", forwarded)
    bot.message(user.full, "out", content=forwarded)
    for owner, namespace in ((bot, guests.COMPONENT), (user, "jabber:client")):
        got = await owner.expect(message(body="out"))
        inner = got.child("forwarded", "urn:xmpp:forward:0")[0]
        assert (got.namespace, inner.tag, inner[0].tag) == (namespace, "{jabber:client}message", "{jabber:client}body")


async def test_words_of_components_are_archived_and_copied(servers, people, visiting):
    server = await guests.host(servers, BOT, service__more_resources=1)
    bot = await visiting(server)
    phone = await people(host=server, kind=RawUser, account="ann%net", resource="phone")
    desk = await people(host=server, kind=RawUser, account="ann%net", resource="desk")
    for one in (phone, desk):
        await one.iq(None, "<enable xmlns='urn:xmpp:carbons:2'/>", "set")
    bot.message(phone.full, "one", content=f"<stanza-id xmlns='urn:xmpp:sid:0' by='{phone.jid}' id='forged'/>")
    got = await phone.expect(message(BOT, "one"))
    ids = [e.get("id") for e in got.xml.iterfind("{urn:xmpp:sid:0}stanza-id")]
    assert len(ids) == 1 and ids != ["forged"]
    await desk.expect(message(phone.jid, where=lambda s: s.child("received", "urn:xmpp:carbons:2") is not None))
    desk.send_message(BOT, "two")
    await bot.expect(message(desk.full, "two"))
    await phone.expect(message(phone.jid, where=lambda s: s.child("sent", "urn:xmpp:carbons:2") is not None))
    await phone.iq(None, f"<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
                         f"<value>urn:xmpp:mam:2</value></field><field var='with'><value>{BOT}</value></field></x></query>",
                   "set")
    found = phone.take(lambda s: s.child("result", "urn:xmpp:mam:2") is not None)
    assert [s.xml.findtext(".//{jabber:client}body") for s in found] == ["one", "two"]


async def test_directed_presence_is_taken_back(servers, people, visiting):
    """RFC 6121 section 4.6: rooms of components live on it."""
    server = await guests.host(servers, BOT)
    bot = await visiting(server)
    user = await people(host=server, kind=RawUser)
    assert not bot.take(presence())  # what is for contacts is not for it
    user.send_presence(f"room@{BOT}/me", content="<show>away</show>")
    user.send_presence(f"other@{BOT}/me")
    got = await bot.expect(available(user.full, to=f"room@{BOT}/me"))
    assert got.show == "away"
    await bot.expect(available(user.full, to=f"other@{BOT}/me"))
    bot.stanza("presence", user.full, sender=f"room@{BOT}/me")
    await user.expect(available(f"room@{BOT}/me"))
    user.send_presence(f"other@{BOT}/me", "unavailable")
    await bot.expect(unavailable(user.full, to=f"other@{BOT}/me"))
    user.send_presence(None, "unavailable", "<status>good night</status>")
    await bot.expect(unavailable(user.full, to=f"room@{BOT}/me", status="good night"))
    user.send_presence(f"room@{BOT}/me")
    await bot.expect(available(user.full))
    user.writer.transport.abort()
    await bot.expect(unavailable(user.full, to=f"room@{BOT}/me"))
    await bot.iq(DOMAIN, PING)
    assert not bot.take(presence())


async def test_strangers_learn_no_more_than_anybody(servers, people, visiting):
    """What an account answers does not depend on whether its user is there; contacts of the network do not exist."""
    server = await guests.host(servers, BOT)
    bot = await visiting(server)
    user = await people(host=server, kind=RawUser)
    for node, access in (("open", "open"), ("contacts", "presence"), ("own", "whitelist")):
        options = (f"<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{PUBSUB}"
                   f"#publish-options</value></field><field var='pubsub#access_model'><value>{access}</value></field></x>"
                   "</publish-options>")
        answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='1'><a xmlns='x'/></item>"
                                     f"</publish>{options}</pubsub>", "set")
        assert answer.type == "result", answer

    async def ask():
        answers = {}
        for name, payload in (("ping", PING), ("vcard", VCARD), ("info", INFO), ("items", ITEMS),
                              ("roster", "<query xmlns='jabber:iq:roster'/>"), ("last", "<query xmlns='jabber:iq:last'/>"),
                              *((n, f"<pubsub xmlns='{PUBSUB}'><items node='{n}'/></pubsub>")
                                for n in ("open", "contacts", "own", "none"))):
            got = await bot.iq(user.jid, payload)
            answers[name] = (got.type, got.condition, [e.attrib for content in got.xml for e in content])
        return answers

    bot.stanza("presence", user.jid, type="probe")
    await bot.expect(presence(user.jid, "unsubscribed"))
    online = await ask()
    assert {name: answer[:2] for name, answer in online.items()} == {
        "ping": ("result", None), "vcard": ("result", None), "info": ("result", None), "items": ("result", None),
        "roster": ("error", "service-unavailable"), "last": ("error", "service-unavailable"),
        "open": ("result", None), "contacts": ("error", "forbidden"), "own": ("error", "forbidden"),
        "none": ("error", "item-not-found")}
    assert [item["node"] for item in online["items"][2]] == ["open"]
    await user.close()
    await server.logged("unbound ")
    assert await ask() == online
    bot.stanza("presence", user.jid, type="probe")
    await bot.expect(presence(user.jid, "unsubscribed"))
    assert not bot.take(presence())
    for nobody in (f"nobody%net@{DOMAIN}", f"echo@{DOMAIN}"):  # the second one is a contact of everybody
        answers = [(await bot.iq(nobody, payload)).condition for payload in (PING, VCARD, INFO)]
        assert answers == ["service-unavailable"] * 3
        bot.message(nobody, "hello", id=f"to-{nobody}")
        got = await bot.expect(message(nobody, type="error", id=f"to-{nobody}"))
        assert got.condition == "service-unavailable"


async def test_words_wait_for_who_is_away(servers, people, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server)
    user = await people(host=server, kind=RawUser, account="ann%net")
    await user.close()
    await server.logged("unbound ")
    for number in range(5):
        bot.message(user.jid, f"word {number}", id=f"w{number}")
    await bot.iq(user.jid, PING)
    user = await people(host=server, kind=RawUser, account="ann%net")
    for number in range(5):
        got = await user.expect(message(BOT))
        assert got.body == f"word {number}" and got.child("delay", DELAY) is not None


async def test_blocked_components_are_not_heard(servers, people, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server)
    user = await people(host=server, kind=RawUser, account="ann%net")
    block = f"<block xmlns='urn:xmpp:blocking'><item jid='{BOT}'/></block>"
    assert (await user.iq(None, block, "set")).type == "result"
    for there in (True, False):
        bot.message(user.jid, "let me in", id=f"m{there}", sender=f"a@{BOT}/b")
        assert (await bot.expect(message(type="error", id=f"m{there}"))).condition == "service-unavailable"
        assert (await bot.iq(user.jid, PING)).condition == "service-unavailable"
        if there:
            assert (await bot.iq(user.full, PING)).condition == "service-unavailable"
            bot.stanza("presence", user.full)
            user.send_message(BOT, "no")
            got = await user.expect(message(BOT, type="error"))
            assert got.condition == "not-acceptable"
            await user.sync(DOMAIN)
            assert not user.take(presence(BOT, "available")) and not user.take(message(f"a@{BOT}/b"))
            await user.close()
            await server.logged("unbound ")
    user = await people(host=server, kind=RawUser, account="ann%net")
    await user.sync(DOMAIN)
    assert not user.take(message(f"a@{BOT}/b"))


async def test_what_the_domain_answers(servers, people, visiting):
    server = await guests.host(servers, BOT, OTHER)
    bot, user = await visiting(server), await people(host=server)
    info = await bot.iq(DOMAIN, INFO)
    assert ("server", "im") in [(i.get("category"), i.get("type")) for i in info.xml.iter(f"{{{DISCO_INFO}}}identity")]
    assert (await bot.iq(DOMAIN, PING)).type == "result"
    for type, payload in (("get", "<query xmlns='jabber:iq:register'/>"), ("set", "<query xmlns='jabber:iq:register'/>"),
                          ("get", "<query xmlns='http://jabber.org/protocol/stats'/>")):
        answer = await bot.iq(DOMAIN, payload, type)
        assert answer.error[1:] == ("service-unavailable", "This is not for services.")

    async def items():
        answer = await user.iq(DOMAIN, ITEMS)
        return {i.get("jid") for i in answer.xml.iter(f"{{{DISCO_ITEMS}}}item")}

    assert BOT in await items() and OTHER not in await items()  # only who is there
    await visiting(server, OTHER)
    assert {BOT, OTHER} <= await items()


async def test_components_talk_with_each_other(servers, visiting):
    server = await guests.host(servers, BOT, OTHER)
    bot, other = await visiting(server, kind=Bare), await visiting(server, OTHER, Bare)
    bot.message(BOT, "to myself")  # which is how some learn whether the link works
    await bot.expect(message(BOT, "to myself"))
    bot.message(f"a@{OTHER}", "hello")
    assert (await other.expect(message(BOT, "hello"))).to == f"a@{OTHER}"
    await other.close()
    await server.logged(f"has gone domain={OTHER}")
    bot.message(f"a@{OTHER}", "hello?", id="x")
    assert (await bot.expect(message(f"a@{OTHER}", type="error"))).condition == "remote-server-timeout"
    bot.message("a@far.example", "hello?", id="y")
    assert (await bot.expect(message("a@far.example", type="error"))).condition == "remote-server-not-found"


async def test_who_is_not_connected(servers, people, visiting):
    """As Prosody has it: an error to wait, and nothing is kept."""
    server = await guests.host(servers, BOT)
    user = await people(host=server, kind=RawUser)

    async def nobody():
        user.send_message(BOT, "hello", id="m")
        got = await user.expect(message(BOT, type="error", id="m"))
        assert got.error == ("wait", "remote-server-timeout", "This service is not connected at the moment.")
        assert (await user.iq(BOT, PING)).condition == "remote-server-timeout"
        user.send_presence(f"room@{BOT}/me")
        assert (await user.expect(presence(f"room@{BOT}/me", "error"))).condition == "remote-server-timeout"

    await nobody()
    user.send_message("a@far.example", "hello")
    assert (await user.expect(message("a@far.example", type="error"))).condition == "remote-server-not-found"
    bot = await visiting(server, kind=Bare)
    user.send_presence(f"room@{BOT}/me")
    await bot.expect(available(user.full))
    await bot.close()
    await user.expect(unavailable(f"room@{BOT}/me"))  # so that the client knows that it is out
    await nobody()
    bot = await visiting(server, kind=Bare)
    await bot.iq(DOMAIN, PING)
    assert not bot.take(message())


# ---- Bad streams ----

async def test_bad_headers(servers):
    server = await guests.host(servers, BOT)
    for options, condition in (({"xmlns": "jabber:client"}, "invalid-namespace"),
                               ({"to": "unknown.localhost"}, "host-unknown"),
                               ({"to": DOMAIN}, "host-unknown"),
                               ({"to": ""}, "improper-addressing"),
                               ({"to": "a b"}, "improper-addressing"),
                               ({"streams": "wrong"}, "invalid-namespace")):
        one = await Bare(server, BOT).open(**options)
        got, text = await one.error()
        assert got == condition and (text or condition == "invalid-namespace"), (options, got, text)
        await one.close()


async def test_the_secret_is_proved(servers):
    server = await guests.host(servers, BOT)
    for proof in ("wrong", "", "0" * 40, "A" * 100):
        one = await Bare(server, BOT).open()
        await wait_until(lambda: one.wire.header is not None)
        assert one.wire.header.get("from") == BOT and len(one.wire.header.get("id")) >= 16
        one.send(f"<handshake>{proof}</handshake>")
        assert (await one.error())[0] == "not-authorized"
        await one.close()
    one = await Bare(server, BOT).open()
    one.message(f"ann%net@{DOMAIN}", "hello")
    assert (await one.error())[0] == "not-authorized"
    await one.close()
    assert guests.SECRET not in server.log()
    assert not server.log_lines("a component has come")


async def test_a_handshake_that_takes_too_long(servers):
    server = await guests.host(servers, BOT, service__connect_timeout=1)
    silent = await Bare(server, BOT).open()
    assert (await silent.error())[0] == "connection-timeout"
    await silent.close()


async def test_a_second_connection_is_refused(servers, visiting):
    server = await guests.host(servers, BOT)
    first = await visiting(server, kind=Bare)
    second = await Bare(server, BOT).open()
    await second.prove()
    assert await second.error() == ("conflict", "This component is connected already.")
    await second.close()
    assert (await first.iq(DOMAIN, PING)).type == "result"
    await first.close()
    await server.logged("has gone")
    await visiting(server, kind=Bare)


BAD = [
    (f"<message to='ann%net@{DOMAIN}' from='a@{OTHER}'><body>x</body></message>", "invalid-from"),
    (f"<message to='ann%net@{DOMAIN}' from='{DOMAIN}'><body>x</body></message>", "invalid-from"),
    (f"<message to='ann%net@{DOMAIN}' from='a@@{BOT}'><body>x</body></message>", "invalid-from"),
    (f"<message to='ann%net@{DOMAIN}'><body>x</body></message>", "improper-addressing"),
    ("<other/>", "unsupported-stanza-type"),
    ("<iq xmlns='jabber:client'/>", "unsupported-stanza-type"),
    ("<handshake/>", "unsupported-stanza-type"),
    ("<message", "not-well-formed"),
    ("<!-- x -->", "restricted-xml"),
    (f"<message from='{BOT}'>" + "<a>" * 100, "policy-violation"),
    (f"<message from='{BOT}'><body>" + "x" * 300000, "policy-violation"),
]


@pytest.mark.parametrize("stanza, condition", BAD, ids=[f"{number}-{bad[1]}" for number, bad in enumerate(BAD)])
async def test_stanzas_that_end_the_stream(servers, visiting, stanza, condition):
    server = await guests.host(servers, BOT)
    bot = await visiting(server, kind=Bare)
    bot.send(stanza + (">" if stanza == "<message" else ""))
    if stanza == "<message":
        bot.send("</other>")
    assert (await bot.error())[0] == condition


async def test_stanzas_that_are_refused(servers, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server, kind=Bare)
    for attributes, condition in (({"to": None}, "bad-request"), ({"to": "@"}, "jid-malformed"),
                                  ({"to": "a@b@c"}, "jid-malformed")):
        bot.stanza("message", attributes["to"], "<body>x</body>", id="x")
        assert (await bot.expect(message(type="error"))).condition == condition
    for attributes in ({"type": "get"}, {"type": "odd", "id": "1"}, {"id": "2"}):
        bot.stanza("iq", DOMAIN, "" if "type" in attributes else PING, **attributes)
    for type in ("result", "error"):  # answers nobody has asked for
        bot.stanza("iq", f"ann%net@{DOMAIN}", type=type, id="z")
        bot.stanza("iq", DOMAIN, type=type, id="z")
    assert (await bot.iq(DOMAIN, PING)).type == "result"


async def test_one_that_does_not_read_is_dropped(servers, people, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server, kind=Bare)
    user = await people(host=server, kind=RawUser)
    bot.wire._feed.cancel()
    bot.wire.writer.transport.pause_reading()
    for number in range(400):
        user.send_message(BOT, "x" * 100000)
        if not number % 20:
            await user.sync(DOMAIN)
            if server.log_lines("does not read"):
                break
    await server.logged(f"does not read, and is dropped domain={BOT}")
    assert (await user.iq(BOT, PING)).condition == "remote-server-timeout"
    bot.wire.writer.transport.abort()


async def test_components_come_and_go_with_the_configuration(servers, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server, kind=Bare)
    del server.settings[f"components.{BOT}"]
    server.settings[f"components.{OTHER}"] = guests.SECRET
    server.write_configuration()
    server.send_signal(1)
    assert (await bot.error())[0] == "host-gone"
    other = await visiting(server, OTHER, Bare)
    server.settings[f"components.{OTHER}"] = "another one"
    server.write_configuration()
    server.send_signal(1)
    assert (await other.error())[0] == "reset"
    again = await Bare(server, OTHER, "another one").connect()
    assert (await again.iq(DOMAIN, PING)).type == "result"
    await again.close()


async def test_the_end_of_the_server_is_told(servers, visiting):
    server = await guests.host(servers, BOT)
    bot = await visiting(server, kind=Bare)
    server.send_signal(15)
    assert (await bot.error())[0] == "system-shutdown"
    assert await server.ended() == 0


async def test_wrong_configurations_are_told(servers):
    server = await servers(up=False, **guests.welcoming(BOT))
    server.end()
    server.killed = True
    for changes, text in (({f"components.{DOMAIN}": "x"}, "our own domain"), ({"components.a b": "x"}, "no domain"),
                          ({f"components.{OTHER}": ""}, "has no secret"),
                          ({"service.component_port": None}, "set service.component_port"),
                          ({"service.component_address": "0.0.0.0"}, "no TLS for components")):
        before = dict(server.settings)
        server.settings.update(changes)
        server.write_configuration()
        server.settings = before
        _status, output = gateway.check_configuration(server.configuration)
        assert text in output and guests.SECRET not in output, output


# ---- Components as people use them ----

class Home:
    """The server, as a gateway sees it that is its component."""

    def __init__(self, server):
        self.server, self.component_port = server, server.component_port

    def links(self, jid):
        return len(self.server.log_lines(f"a component has come domain={jid}"))


async def test_our_own_gateway_is_a_component_of_our_own_server(servers, people, gateways):
    jid = "gw.localhost"
    server = await guests.host(servers, jid, service__more_resources=1)
    gw = await gateways(Home(server), jid=jid, service__password=guests.SECRET)
    user = await people(host=server)
    assert (await user.register(jid, "legacy")).type == "result"
    await user.online(jid)
    user.send_message(f"echo@{jid}", "hello")
    assert (await user.expect(message(f"echo@{jid}"))).body == "hello"
    await user.join(f"#room@{jid}", "me")
    user.send_message(f"#room@{jid}", "hi all", type="groupchat")
    await user.expect(message(f"#room@{jid}", "hi all", resource="me"))
    # Over a restart of the gateway the client learns that it is gone, and can come back.
    gw.stop()
    await user.expect(unavailable(f"#room@{jid}/me"))
    await gw.up(Home(server))
    await user.online(jid)
    user.send_message(f"echo@{jid}", "again")
    await user.expect(message(f"echo@{jid}", "again"))
    # And who goes away here is away there.
    await user.close()
    end = time.monotonic() + LIMIT
    while await query(gw, "online_users_count") != "0":
        assert time.monotonic() < end


@pytest.mark.skipif(not shutil.which("biboumi"), reason="biboumi is not installed")
async def test_biboumi_as_a_component(servers, people, directories, irc_people, inspircd):
    """Rooms of somebody else's gateway: a join by directed presence, words both ways, the end of the client."""
    jid, irc = "irc.localhost", "127.0.0.1"
    server = await guests.host(servers, jid)
    other = await Biboumi(directories("biboumi"), server, jid).start()
    try:
        user = await people(host=server)
        assert jid in {i.get("jid") for i in (await user.iq(DOMAIN, ITEMS)).xml.iter(f"{{{DISCO_ITEMS}}}item")}
        await other.configure(user, irc, ports=inspircd.port, tls_ports="")
        neighbour = await irc_people("neighbour", inspircd)
        neighbour.send("JOIN #visits")
        await neighbour.expect(line("366"))
        room = f"#visits%{irc}@{jid}"
        await user.join(room, "romeo", limit=3 * LIMIT)
        await neighbour.expect(line("JOIN", nick="romeo"))
        user.send_message(room, "hello to IRC", type="groupchat")
        await neighbour.expect(line("PRIVMSG", "#visits", "hello to IRC", nick="romeo"))
        neighbour.send("PRIVMSG #visits :hello to XMPP")
        await user.expect(message(room, "hello to XMPP", resource="neighbour", type="groupchat"))
        neighbour.send("PRIVMSG romeo :just you")
        got = await user.expect(message(body="just you"))
        user.send_message(got.sender, "and you")
        await neighbour.expect(line("PRIVMSG", "neighbour", "and you"))
        await user.close()
        await neighbour.expect(line("PART", nick="romeo"))
    finally:
        await other.close()
