# SPDX-License-Identifier: GPL-2.0-or-later
"""A SIP server on 127.0.0.1, Kamailio as registrar and presence server of the domain sip.test, and people who use it: plain
user agents (RFC 3261, 3428, 3856, 3903) over UDP. Every name has an account there, with the password `pass-NAME`."""

import asyncio
import hashlib
import itertools
import pathlib
import re
import sqlite3

from processes import LIMIT, Process, answers, free_port, wait_for
from stanzas import Inbox

DOMAIN = "sip.test"
SCHEMAS = pathlib.Path("/usr/share/kamailio/db_sqlite")

# Everybody is let in whose password follows from the name. `busy` has a phone that takes no messages.
CONFIGURATION = """\
debug = 1
log_stderror = yes
children = 1
tcp_children = 1
auto_aliases = no
alias = "{domain}"
listen = udp:127.0.0.1:{port}
listen = tcp:127.0.0.1:{port}
mpath = "{modules}"
{loads}
modparam("usrloc", "db_mode", 0)
modparam("presence|presence_xml", "db_url", "sqlite://{dir}/presence.sqlite")
modparam("presence", "server_address", "sip:127.0.0.1:{port}")
modparam("presence", "publ_cache", 2)
modparam("presence", "subs_db_mode", 0)
modparam("presence_xml", "force_active", 1)

request_route {{
	if (is_method("ACK|CANCEL")) {{
		if (t_check_trans()) t_relay();
		exit;
	}}
	t_check_trans();
	if (is_method("REGISTER")) {{
		if (!pv_www_authenticate("{domain}", "pass-$au", "0")) www_challenge("{domain}", "0");
		else if (!save("location")) sl_reply_error();
		exit;
	}}
	if (!has_totag()) {{
		if (!pv_proxy_authenticate("{domain}", "pass-$au", "0")) {{
			proxy_challenge("{domain}", "0");
			exit;
		}}
		consume_credentials();
	}} else if (is_method("NOTIFY") && loose_route()) {{
		t_relay();
		exit;
	}}
	if (is_method("PUBLISH|SUBSCRIBE")) {{
		if (!t_newtran()) sl_reply_error();
		else if (is_method("PUBLISH")) handle_publish();
		else handle_subscribe();
		exit;
	}}
	if ($rU == "busy") sl_send_reply("486", "Busy Here");
	else if (!lookup("location")) sl_send_reply("404", "Not Found");
	else t_relay();
}}
"""
MODULES = "tm sl rr pv textops siputils usrloc registrar db_sqlite auth presence presence_xml"


def modules():
    found = [path.parent for path in pathlib.Path("/usr/lib").glob("*/kamailio/modules/tm.so")]
    return f"{found[0]}/"


class SipNetwork(Process):
    """Kamailio, by UDP and TCP at `port`."""

    def __init__(self, directory):
        super().__init__(directory, "kamailio")
        self.port = None
        self._numbers = itertools.count(1)

    def start(self):
        with sqlite3.connect(self.directory / "presence.sqlite") as base:
            for name in ("standard", "presence"):
                base.executescript((SCHEMAS / f"{name}-create.sql").read_text())
        base.close()
        self.port = free_port()
        path = self.directory / "kamailio.cfg"
        path.write_text(CONFIGURATION.format(
            domain=DOMAIN, port=self.port, dir=self.directory, modules=modules(),
            loads="\n".join(f'loadmodule "{name}.so"' for name in MODULES.split())))
        self.launch("/usr/sbin/kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-Y", self.directory, "-f", path)
        wait_for(lambda: answers(self.port) or not self.running(), "Kamailio accepts connections")
        assert self.running(), f"Kamailio ended at start:\n{self.log()}"
        return self

    def stop(self):
        return self.end()

    def account(self, name):
        return f"{name}{next(self._numbers)}"


class Sip:
    """One request or answer."""

    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        words = self.start.split(" ", 2)
        self.status = int(words[1]) if words[0] == "SIP/2.0" else None
        self.method = None if self.status else words[0]

    def __repr__(self):
        return f"{self.start} {self.body!r}"

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def sender(self):
        return re.search(r"sip:([^>;]+)", self.get("From"))[1]


def told(sender, body):
    def predicate(one):
        return one.method == "MESSAGE" and one.sender == sender and one.body == body
    predicate.__doc__ = f"MESSAGE {body!r} from {sender}"
    return predicate


def writes(sender, state):
    """active or idle"""
    def predicate(one):
        return one.method == "MESSAGE" and one.sender == sender and f"<state>{state}</state>" in one.body
    predicate.__doc__ = f"{sender} is {state}"
    return predicate


def shown(who, basic, note=""):
    """open or closed"""
    def predicate(one):
        return one.method == "NOTIFY" and who in one.sender and f"<basic>{basic}</basic>" in one.body and note in one.body
    predicate.__doc__ = f"{who} is {basic} {note}"
    return predicate


def digest(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class SipPerson(asyncio.DatagramProtocol):
    """Takes everything that comes with "200 OK", and keeps it for the test."""

    def __init__(self, name, network):
        self.name, self.network = name, network
        self.jid = self.address = f"{name}@{DOMAIN}"
        self.inbox = Inbox(f"{name} on SIP")
        self.expect = self.inbox.expect
        self.take = self.inbox.take
        self.numbers = itertools.count(1)
        self.etag = None

    async def connect(self):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        await self.request("REGISTER", f"sip:{DOMAIN}", self.jid, "Expires: 600\r\n")
        return self

    def datagram_received(self, data, address):
        one = Sip(data.decode())
        if one.method:
            echoed = "".join(f"{key}: {value}\r\n" for key, value in one.headers
                             if key.lower() in ("via", "from", "to", "call-id", "cseq"))
            self._send(f"SIP/2.0 200 OK\r\n{echoed}Content-Length: 0\r\n\r\n")
        self.inbox.put(one)

    def _send(self, text):
        self.transport.sendto(text.encode(), ("127.0.0.1", self.network.port))

    def _write(self, method, uri, to, more, body, call, number, authorization=""):
        self._send(f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{self.name}{number}\r\n"
                   f"From: <sip:{self.jid}>;tag={call}\r\nTo: <sip:{to}>\r\nCall-ID: {call}@{self.name}\r\n"
                   f"CSeq: {number} {method}\r\nMax-Forwards: 70\r\n{authorization}"
                   f"Contact: <sip:{self.name}@127.0.0.1:{self.port}>\r\n{more}"
                   f"Content-Length: {len(body.encode())}\r\n\r\n{body}")

    async def request(self, method, uri, to, more="", body="", status=(200, 202)):
        call = next(self.numbers)
        number = next(self.numbers)

        def answered(one):
            return one.status and one.status >= 200 and one.get("CSeq") == f"{number} {method}"
        answered.__doc__ = f"answer to {method}"
        self._write(method, uri, to, more, body, call, number)
        got = await self.expect(answered)
        if got.status in (401, 407):
            nonce = re.search(r'nonce="([^"]+)"', got.get("WWW-Authenticate") + got.get("Proxy-Authenticate"))[1]
            response = digest(digest(self.name, DOMAIN, f"pass-{self.name}"), nonce, digest(method, uri))
            header = "Authorization" if got.status == 401 else "Proxy-Authorization"
            number = next(self.numbers)
            self._write(method, uri, to, more, body, call, number,
                        f'{header}: Digest username="{self.name}", realm="{DOMAIN}", nonce="{nonce}", uri="{uri}", '
                        f'response="{response}"\r\n')
            got = await self.expect(answered)
        assert got.status in status, got
        return got

    async def say(self, to, text, kind="text/plain", **more):
        return await self.request("MESSAGE", f"sip:{to}", to, f"Content-Type: {kind}\r\n", text, **more)

    async def type(self, to, state):
        await self.say(to, f"<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>{state}</state></isComposing>",
                       "application/im-iscomposing+xml")

    async def publish(self, basic):
        condition = f"SIP-If-Match: {self.etag}\r\n" if self.etag else ""
        got = await self.request(
            "PUBLISH", f"sip:{self.jid}", self.jid,
            f"Event: presence\r\nExpires: 600\r\nContent-Type: application/pidf+xml\r\n{condition}",
            f"<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:{self.jid}'><tuple id='t'><status>"
            f"<basic>{basic}</basic></status></tuple></presence>")
        self.etag = got.get("SIP-ETag")

    async def watch(self, who):
        await self.request("SUBSCRIBE", f"sip:{who}", who, "Event: presence\r\nExpires: 600\r\nAccept: application/pidf+xml\r\n")

    async def close(self):
        self.transport.close()
