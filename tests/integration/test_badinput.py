# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong, hostile and oversized input from the server, from users, from the network and from the administrator: a clear
answer, one log line, nobody else disturbed."""

import subprocess

import pytest
import pytest_asyncio

import gateway as program
from gateway import check_configuration
from host import Host
from ircclient import line
from ledger import Ledger
from processes import LIMIT
from stanzas import available, matches, message, unavailable
from person import RawUser

GW = "gw.localhost"
ECHO = f"echo@{GW}"


@pytest_asyncio.fixture
async def host():
    one = await Host().start()
    yield one
    await one.stop()


BAD_STREAMS = {
    "unclosed tags": (b"<message><body></message>", "not-well-formed"),
    "no XML": (b"GET / HTTP/1.0\r\n\r\n<", "not-well-formed"),
    "invalid UTF-8": (b"<message><body>\xff\xfe\xc3(</body></message>", "not-well-formed"),
    "a NUL": (b"<message><body>\0</body></message>", "not-well-formed"),
    "10 MB of text": (b"<message><body>" + b"x" * (10 << 20) + b"</body></message>", "policy-violation"),
    "10 MB in one attribute": (b"<message id='" + b"x" * (10 << 20) + b"'/>", "policy-violation"),
    "depth 20,000": (b"<message>" + b"<a>" * 20000 + b"</a>" * 20000 + b"</message>", "policy-violation"),
    "20,000 attributes": (b"<message " + b" ".join(b"a%d='1'" % n for n in range(20000)) + b"/>", "policy-violation"),
    "100,000 children": (b"<message>" + b"<a/>" * 100000 + b"</message>", "policy-violation"),
    "an entity": (b"<message><body>&nothing;</body></message>", None),
    "a comment": (b"<!-- secret -->", "restricted-xml"),
    "an instruction": (b"<?do it?>", "restricted-xml"),
}


async def test_stanzas_for_another_component_are_told_to_the_administrator_once(gateways, host):
    """What ejabberd does to components that share a port."""
    gateway = await gateways(host)
    await host.login()
    for number in range(3):
        host.send(f"<message from='romeo@localhost/a' to='eve@irc.localhost' id='{number}'><body>hello</body></message>")
    romeo = host.user("romeo")
    await romeo.login()
    (line,) = gateway.log_lines("for another component")
    assert " WARN " in line and 'domain="irc.localhost"' in line and "port of its own" in line


@pytest.mark.parametrize("bad", BAD_STREAMS)
async def test_sec_27_bad_bytes_end_the_stream_and_nothing_else(gateways, host, bad):
    gateway = await gateways(host)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    await romeo.expect(available(ECHO))
    (backend,) = gateway.backends()
    loud = len(gateway.log_lines(r" (WARN|ERROR) "))
    data, condition = BAD_STREAMS[bad]
    host.send(data)
    error = await host.expect(matches("error"))
    if condition:
        assert error.child(condition, "urn:ietf:params:xml:ns:xmpp-streams") is not None, error
    await host.login()
    romeo.send("presence")
    ledger = Ledger(romeo, ECHO)
    await ledger.until_echoed(GW)
    assert gateway.backends() == [backend], "the users' sessions were given up"
    assert len(gateway.log_lines(r" (WARN|ERROR) ")) - loud == 1, gateway.log()
    assert not host.take(unavailable(ECHO)), "users were told for nothing"


async def test_a_document_type_at_the_stream_is_refused(gateways, host):
    """Entity bombs come in a DOCTYPE; it must not be read at all."""
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)) + "]>"
    gateway = await gateways(host)
    link = await host.login()
    link.write(bomb + "<message><body>&j;</body></message>")
    await host.expect(matches("error"))
    await host.login()
    assert gateway.running()


ODD_STANZAS = {
    "no sender": "<message to='echo@gw.localhost' type='chat'><body>x</body></message>",
    "no receiver": "<message from='romeo@localhost/home' type='chat'><body>x</body></message>",
    "broken sender": "<message from='@@//' to='echo@gw.localhost'><body>x</body></message>",
    "broken receiver": "<message from='romeo@localhost/home' to='@gw.localhost'><body>x</body></message>",
    "another domain": "<message from='romeo@localhost/home' to='echo@elsewhere.localhost'><body>x</body></message>",
    "a long name": f"<message from='romeo@localhost/home' to='{'x' * 5000}@gw.localhost'><body>x</body></message>",
    "a long resource": f"<presence from='romeo@localhost/{'x' * 5000}' to='gw.localhost'/>",
    "forbidden characters": "<message from='romeo@localhost/home' to='a b@gw.localhost'><body>x</body></message>",
    "an unknown stanza": "<strange from='romeo@localhost/home' to='gw.localhost'/>",
    "an unknown namespace": "<message xmlns='urn:example:x' from='romeo@localhost/home' to='gw.localhost'/>",
    "an unknown type": "<presence from='romeo@localhost/home' to='gw.localhost' type='dancing'/>",
    "an unknown message type": "<message from='romeo@localhost/home' to='echo@gw.localhost' type='x'/>",
    "a request without id": "<iq from='romeo@localhost/home' to='gw.localhost' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "a request without payload": "<iq from='romeo@localhost/home' to='gw.localhost' type='get' id='e'/>",
    "two payloads": "<iq from='romeo@localhost/home' to='gw.localhost' type='get' id='e'><a/><b/></iq>",
    "a request of no type": "<iq from='romeo@localhost/home' to='gw.localhost' id='e'><ping xmlns='urn:xmpp:ping'/></iq>",
    "a broken form": "<iq from='romeo@localhost/home' to='gw.localhost' type='set' id='e'><query xmlns='jabber:iq:register'>"
                     "<x xmlns='jabber:x:data' type='submit'><field/><field var='username'/></x></query></iq>",
    "a bad stamp": "<message from='romeo@localhost/home' to='echo@gw.localhost'><body>x</body>"
                   "<delay xmlns='urn:xmpp:delay' stamp='never'/></message>",
    "a bad priority": "<presence from='romeo@localhost/other' to='gw.localhost'><priority>99999999999</priority></presence>",
    "an error about nothing": "<message from='romeo@localhost/home' to='x@gw.localhost' type='error'/>",
    "white space": " " * 100000,
}


@pytest.mark.parametrize("odd", ODD_STANZAS)
async def test_odd_stanzas_leave_the_link_alone(gateways, host, odd):
    gateway = await gateways(host)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    for _ in range(3):
        host.send(ODD_STANZAS[odd])
    ledger = Ledger(romeo, ECHO)
    await ledger.until_echoed(GW)
    assert host.logins == 1 and gateway.running()
    answers = [s for s in host.inbox.seen if s.name == "iq" and s.id == "e"]
    assert all(s.type == "error" for s in answers)


@pytest.mark.slow
async def test_sec_26_names_from_strangers_do_not_pile_up(gateways, host):
    gateway = await gateways(host)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()

    async def wave(first, count=20000):
        for n in range(first, first + count):
            host.send(f"<message from='romeo@localhost/home' to='{GW}' type='headline'><n{n} a{n}='1' xmlns='u:{n}'/>"
                      "</message>")
            if n % 1000 == 0:
                await host.link.drain()
        await romeo.sync()
    await wave(0)
    before = gateway.rss_kb()
    await wave(20000)
    await wave(40000)
    assert gateway.rss_kb() - before < 16 * 1024


async def test_sec_26_a_flood_of_strangers_disturbs_nobody(gateways, host):
    gateway = await gateways(host)
    await host.login()
    romeo = host.user("romeo")
    await romeo.login()
    for n in range(3000):
        stranger = host.user(f"stranger{n}")
        stranger.send("presence")
        stranger.send_message(ECHO, "hello", id=f"s{n}")
    ledger = Ledger(romeo, ECHO)
    ledger.send(100)
    await ledger.settle(GW)
    assert len(ledger.echoed()) == 100
    refused = [s for s in host.inbox.seen if s.type == "error" and s.name == "message" and s.to.startswith("stranger")]
    assert len(refused) == 3000 and gateway.running()


# Users

async def test_words_to_a_room_of_a_network_without_rooms(gateways, prosody, people):
    await gateways(prosody, program.SCRIPTED)
    user = await people()
    await user.login(GW)
    id = user.send_message(f"room@{GW}", "hello", type="groupchat")
    got = await user.expect(message(f"room@{GW}", type="error"))
    assert got.id == id


async def test_a_large_message_of_a_user(echo, people):
    user = await people(kind=RawUser)
    await user.login(GW)
    ledger = Ledger(user, ECHO)
    ledger.send(3, " " + "y" * 200000)
    await ledger.settle(GW)
    ledger.send(10)
    await ledger.settle(GW)


# The network

async def test_bytes_that_are_no_utf8_from_irc(irc, people, irc_people, ngircd):
    bob = await irc_people("bytes", ngircd)
    await bob.join("#bytes")
    user = await people()
    room = f"#bytes%127.0.0.1\\3a{ngircd.port}@irc.localhost"
    await user.join(room, "albytes")
    bob.send_bytes(b"PRIVMSG #bytes :gr\xfc\xdfe")
    await user.expect(message(f"{room}/bytes", "gr\u00fc\u00dfe"))
    bob.send_bytes(b"PRIVMSG #bytes :bell\x07, \x02bold\x02 and \x0304,05colour\x03 end")
    await user.expect(message(f"{room}/bytes", "bell, *bold* and colour end"))
    bob.send_bytes(b"PRIVMSG #bytes :\x01UNKNOWN \xff\x01")
    bob.say("#bytes", "after")
    await user.expect(message(f"{room}/bytes", "after"))


async def test_sec_25_line_ends_in_a_text_are_no_commands(irc, people, irc_people, ngircd):
    bob = await irc_people("crlf", ngircd)
    await bob.join("#crlf")
    user = await people()
    room = f"#crlf%127.0.0.1\\3a{ngircd.port}@irc.localhost"
    await user.join(room, "alcrlf")
    user.send_message(room, "one\r\nQUIT :injected\r\nthree", type="groupchat")
    for text in ("one", "QUIT :injected", "three"):
        await bob.expect(line("PRIVMSG", "#crlf", text, nick="alcrlf"))
    user.send_message(room, content="<subject>new\nQUIT :injected</subject>", type="groupchat")
    user.leave(room, "alcrlf", "bye\r\nJOIN #injected")
    await user.expect(unavailable(f"{room}/alcrlf"))
    assert not [got for got in bob.inbox.seen if got.command in ("QUIT", "JOIN") and "injected" in got.text]


# The administrator

GOOD = """[service]
jid = gw.localhost
server = 127.0.0.1
port = 5347
password = secret
backend = {backend}
working_dir = {dir}/work
pidfile = {dir}/pid
portfile = {dir}/port
[database]
type = sqlite3
database = {dir}/database.sql
"""

# What is appended or replaced: (old, new, what the message must name, does it fail?)
MISTAKES = {
    "unknown key": ("type = sqlite3", "typ = sqlite3", ["typ", ":11"], False),
    "not a number": ("port = 5347", "port = many", ["service.port", ":4", "many"], True),
    "port out of range": ("port = 5347", "port = 99999", ["service.port", ":4"], True),
    "negative port": ("port = 5347", "port = -1", ["service.port", ":4"], True),
    "not a switch": ("port = 5347", "port = 5347\nvip_only = perhaps", ["service.vip_only", ":5"], True),
    "key twice": ("port = 5347", "port = 5347\nport = 5348", ["service.port", "4", "5"], True),
    "no assignment": ("port = 5347", "port = 5347\nnonsense", [":5"], True),
    "unknown database": ("type = sqlite3", "type = oracle", ["database.type", ":11", "sqlite3"], True),
    "no address": ("jid = gw.localhost", "", ["service.jid"], True),
    "no secret": ("password = secret", "", ["service.password"], True),
    "backend missing": ("backend = {backend}", "backend = /no/such/backend", ["service.backend", "/no/such/backend"], True),
    "unknown user": ("port = 5347", "port = 5347\nuser = nosuchuser", ["service.user", "nosuchuser"], True),
}


def configuration(directory, old="", new=""):
    path = directory / "test.cfg"
    text = GOOD.replace(old, new) if old else GOOD
    path.write_text(text.format(backend=program.ECHO, dir=directory))
    return path


def test_a_good_configuration_passes(directories):
    status, said = check_configuration(configuration(directories("config")))
    assert status == 0 and " error" not in said, said


@pytest.mark.parametrize("mistake", MISTAKES)
def test_c_3_cr_9_cr_10_mistakes_in_the_configuration_are_named(directories, mistake):
    old, new, named, fails = MISTAKES[mistake]
    path = configuration(directories("config"), old, new)
    status, said = check_configuration(path)
    assert (status != 0) == fails, said
    lines = [text for text in said.splitlines() if all(name in text for name in named)]
    assert lines, f"no line names {named}:\n{said}"
    if any(name.startswith(":") for name in named):
        assert str(path) in lines[0]


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if MISTAKES[m][3]])
def test_c_18_rb_10_a_start_with_mistakes_fails_with_the_same_words(directories, mistake):
    old, new, named, _ = MISTAKES[mistake]
    path = configuration(directories("config"), old, new)
    done = subprocess.run([program.MAIN, "-n", path], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode not in (0, 99) and done.returncode > 0
    assert any(all(name in text for name in named) for text in done.stderr.splitlines()), done.stderr


def test_a_missing_file_is_named(directories):
    path = directories("config") / "none.cfg"
    status, said = check_configuration(path)
    assert status != 0 and str(path) in said


def test_wrong_options_are_answered_with_the_usage():
    for options, status in (["--no-such-option"], 1), (["--version"], 0), (["--help"], 0), ([], 1):
        done = subprocess.run([program.MAIN, *options], capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == status, (options, done)
        assert done.stdout or done.stderr


def test_an_override_of_the_command_line_is_checked_too(directories):
    status, said = check_configuration(configuration(directories("config")), "--service.port=many")
    assert status != 0 and "service.port" in said and "command line" in said


async def test_a_database_that_cannot_be_opened_ends_the_start(gateways, prosody):
    gateway = await gateways(prosody, up=False, **{"database.database": "/proc/no/such/database.sql"})
    gateway.killed = True  # it ends by itself
    assert await gateway.ended() == 1
    assert "/proc/no/such" in gateway.log()


async def test_c_16_rb_11_only_one_may_run(gateways, prosody):
    first = await gateways(prosody)
    done = subprocess.run([program.MAIN, "-n", first.configuration], capture_output=True, text=True, timeout=LIMIT,
                          check=False)
    assert done.returncode == 1 and str(first.pid) in done.stderr, done
    assert first.running()
