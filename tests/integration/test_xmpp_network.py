# SPDX-License-Identifier: GPL-2.0-or-later
"""XMPP as a network, the whole way: people on Prosody, a gateway there, their accounts on Prosody and ejabberd elsewhere,
and other people there."""

import os
import signal

import pytest_asyncio

import gateway as program
from processes import LIMIT
from stanzas import available, message, presence, unavailable

GW = "gw.localhost"


def at_gateway(jid):
    """The address that somebody elsewhere has at the gateway."""
    return jid.replace("@", "\\40") + f"@{GW}"


@pytest_asyncio.fixture
async def network(gateways, prosody, abroad):
    return await gateways(prosody, program.XMPP, xmpp__server=f"127.0.0.1:{abroad.port}",
                          xmpp__tls_ca_file=abroad.certificate)


@pytest_asyncio.fixture
async def bob(people, abroad):
    return await people("bob", host=abroad)


@pytest_asyncio.fixture
async def romeo(network, people, abroad):
    """A user of the gateway; `address` is his account abroad."""
    user = await people("romeo")
    account = abroad.account("al")
    user.address = f"{account}@{abroad.domain}"
    answer = await user.register(GW, user.address, f"pass-{account}")
    assert answer.type == "result", answer
    await user.online(GW)
    return user


async def friends(romeo, bob):
    """Both have added each other."""
    theirs = at_gateway(bob.jid)
    romeo.send_presence(theirs, "subscribe")
    await bob.expect(presence(romeo.address, "subscribe"))
    bob.send_presence(romeo.address, "subscribed")
    bob.send_presence(romeo.address, "subscribe")
    asked = await romeo.expect(presence(theirs, "subscribe"))
    romeo.send_presence(asked.bare, "subscribed")
    await bob.expect(available(romeo.address))
    await romeo.expect(available(theirs))
    return theirs


async def test_contacts_chat_and_receipts(romeo, bob):
    theirs = await friends(romeo, bob)
    id = romeo.send_message(theirs, "hello", "<request xmlns='urn:xmpp:receipts'/>")
    here = await bob.expect(message(romeo.address, "hello"))
    bob.send_message(here.sender, content=f"<received xmlns='urn:xmpp:receipts' id='{id}'/>")
    await romeo.expect(message(theirs, where=lambda s: s.child("received", "urn:xmpp:receipts") is not None))
    bob.send_message(romeo.address, "hi", "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await romeo.expect(message(theirs, "hi"))
    bob.send("<presence><show>away</show><status>tea</status></presence>")
    await romeo.expect(available(theirs, show="away", status="tea"))
    romeo.send_presence(GW, "unavailable")
    await bob.expect(unavailable(romeo.address))


async def test_a_message_that_is_refused_far_away(romeo, abroad):
    theirs = at_gateway(f"nobody@nowhere.{abroad.domain}")
    romeo.send_message(theirs, "anybody there")
    # As an error, or as words if the server had taken it already.
    got = await romeo.expect(message(theirs), 2 * LIMIT)
    assert got.type == "error" or "not delivered" in got.body


async def test_a_room(romeo, bob, abroad):
    name = f"tea@{abroad.rooms}"
    bob.enter(name, "bob")
    await bob.expect(presence(f"{name}/bob", where=lambda s: 110 in s.codes))
    await bob.iq(name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                       "type='submit'/></query>", "set")
    room = at_gateway(name)
    stanzas = await romeo.join(room, "romeo")
    assert [s.resource for s in stanzas[:-1]] == ["bob", "romeo"]
    id = romeo.send_message(room, "hello", type="groupchat")
    await bob.expect(message(f"{name}/romeo", "hello"))
    back = await romeo.expect(message(f"{room}/romeo", "hello"))
    assert back.id == id and back.type == "groupchat"
    bob.send_message(name, "welcome", type="groupchat")
    await romeo.expect(message(f"{room}/bob", "welcome"))
    romeo.leave(room, "romeo")
    await bob.expect(unavailable(f"{name}/romeo"))


async def test_a_wrong_password_reaches_the_user(network, people, abroad):
    user = await people("juliet")
    assert (await user.register(GW, f"nobody@{abroad.domain}", "wrong")).type == "result"
    user.send_presence(GW)
    told = await user.expect(message(GW))
    assert "password" in told.body


async def test_a_configuration_for_the_old_backend(gateways, prosody, prosody_abroad, people, directories):
    """The name that Spectrum 2's configurations have, installed as a link."""
    link = directories("old") / "spectrum2_swiften_backend"
    link.symlink_to(program.XMPP)
    await gateways(prosody, link, xmpp__server=f"127.0.0.1:{prosody_abroad.port}",
                   xmpp__tls_ca_file=prosody_abroad.certificate, service__protocol="xmpp",
                   registration__username_label="Jabber ID")
    user = await people("romeo")
    account = prosody_abroad.account("al")
    await user.register(GW, f"{account}@{prosody_abroad.domain}", f"pass-{account}")
    await user.online(GW)


async def test_a_backend_that_is_killed_costs_nothing_but_a_moment(network, romeo, bob):
    theirs = await friends(romeo, bob)
    pids = network.backends()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await network.backend_started(other_than=pids)
    network.ignore_reports = True
    await romeo.expect(available(theirs), 3 * LIMIT)
    romeo.send_message(theirs, "and now")
    await bob.expect(message(romeo.address, "and now"), 2 * LIMIT)
