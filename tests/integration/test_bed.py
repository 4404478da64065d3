# SPDX-License-Identifier: GPL-2.0-or-later
"""The test bed itself, without spectrum2: when one of these fails, look here first."""

import asyncio
import ssl

import pytest
from slixmpp.componentxmpp import ComponentXMPP

from hosts import SECRET
from ircds import transcript
from ircclient import line
from processes import LIMIT
from stanzas import message
from person import RawUser
from user import User


@pytest.mark.parametrize("kind", [User, RawUser])
async def test_two_users_and_a_component_talk_through_prosody(prosody, people, kind):
    component = ComponentXMPP("gw.localhost", SECRET, "127.0.0.1", prosody.component_port)
    component.loop = asyncio.get_running_loop()
    up = asyncio.Event()
    component.add_event_handler("session_start", lambda _: up.set())
    component.add_event_handler("message", lambda m: m.reply("echo: " + m["body"]).send())
    before = prosody.links("gw.localhost")
    component.connect()
    await asyncio.wait_for(up.wait(), LIMIT)
    assert prosody.links("gw.localhost") == before + 1
    romeo = await people("romeo", kind=kind)
    juliet = await people("juliet")
    romeo.send_message("somebody@gw.localhost", "hi & <bye>")
    await romeo.expect(message("somebody@gw.localhost", "echo: hi & <bye>"))
    id = romeo.send_message(juliet.jid, "hello")
    assert (await juliet.expect(message(romeo.full, "hello"))).id == id
    component.abort()


async def test_a_component_that_is_away_is_an_error(prosody, people):
    romeo = await people("romeo")
    romeo.send_message("somebody@irc.localhost", "hi")
    got = await romeo.expect(message("somebody@irc.localhost", type="error"))
    assert got.condition == "remote-server-timeout"


async def test_ngircd_carries_a_channel(ngircd, irc_people):
    alice, bob = await irc_people("alice", ngircd), await irc_people("bob", ngircd)
    await alice.join("#bed")
    await bob.join("#bed")
    await alice.expect(line("JOIN", "#bed", nick="bob"))
    bob.say("#bed", "hello there")
    await alice.heard("#bed", "hello there", nick="bob")


async def test_inspircd_has_tls_accounts_and_sasl(inspircd, irc_people):
    alice = await irc_people("alice", inspircd)
    await alice.join("#bed")
    inspircd.account("carol", "carolpass")
    assert b"sasl=PLAIN" in transcript(inspircd.port, (["CAP LS 302"], b"\r\n"))
    trusted = ssl.create_default_context(cafile=inspircd.directory / "ircd.crt")
    _, writer = await asyncio.open_connection("127.0.0.1", inspircd.tls_port, ssl=trusted, server_hostname="localhost")
    writer.close()
