# SPDX-License-Identifier: GPL-2.0-or-later
"""The XMPP backend and jabberd2, an old server: PLAIN within TLS, a session in the manner of RFC 3921, no stream management,
no copies, no archive."""

import pytest_asyncio

from ircbackend import ONLINE, got, result, said
from stanzas import available, message, presence, unavailable
from test_xmpp_backend import AUTHENTICATION_FAILED, AWAY, backends, befriend  # noqa: F401
from xmppbackend import User


@pytest_asyncio.fixture
async def al(backends, jabberd_abroad):
    return await User(await backends(jabberd_abroad), jabberd_abroad).login()


@pytest_asyncio.fixture
async def bob(people, jabberd_abroad):
    return await people("bob", host=jabberd_abroad)


async def test_a_wrong_password_is_told(backends, jabberd_abroad):
    user = await User(await backends(jabberd_abroad), jabberd_abroad, password="wrong").login(connected=False)
    told = await user.disconnected()
    assert told["error"] == AUTHENTICATION_FAILED and "password" in told["message"]


async def test_chat_is_confirmed_by_the_answer_to_a_ping(al, bob):
    ids = [al.say(bob.jid, f"number {n}") for n in range(20)]
    for n, id in enumerate(ids):
        await bob.expect(message(al.address, f"number {n}"))
        await al.expect(result(id))
    bob.send_message(al.address, "hi")
    await al.expect(said(bob.jid, "hi"))


async def test_contacts_and_presence(al, bob):
    await befriend(al, bob)
    bob.send("<presence><show>away</show><status>tea</status></presence>")
    await al.contact(bob.jid, status=AWAY, statusMessage="tea", alias="Bob")
    al.status(ONLINE, "here")
    await bob.expect(available(al.address, status="here"))
    al.backend.send("BUDDY_REMOVED", userName=al.jid, buddyName=bob.jid)
    await bob.expect(presence(al.address, "unsubscribed"))


async def test_cards(al, bob):
    await bob.iq(None, "<vCard xmlns='vcard-temp'><FN>Bob Bobson</FN></vCard>", "set")
    al.backend.send("VCARD", userName=al.jid, buddyName=bob.jid, id=1)
    assert (await al.expect(got("VCARD", id=1)))["fullname"] == "Bob Bobson"


async def test_old_bookmarks(backends, jabberd_abroad, people):
    account = jabberd_abroad.account("al")
    own = await people(host=jabberd_abroad, account=account, resource="other")
    await own.iq(None, "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference name='Tea' "
                       "jid='tea@rooms.d.test'/></storage></query>", "set")
    al = await User(await backends(jabberd_abroad), jabberd_abroad, account=account).login()
    assert (await al.expect(got("ROOM_LIST")))["room"] == ["tea@rooms.d.test"]


async def test_blocking(al, bob):
    await befriend(al, bob)
    al.take(got("BUDDY_CHANGED"))
    al.backend.send("BUDDY_CHANGED", userName=al.jid, buddyName=bob.jid, blocked=1)
    assert (await al.expect(got("BLOCK_RESULT", buddy=bob.jid)))["condition"] == 0
    bob.send_message(al.address, "can you hear me")
    await bob.sync(bob.domain)
    await al.backend.sync()
    assert not al.take(said(bob.jid, "can you hear me"))


async def test_what_it_lacks_is_told(al):
    al.enter("tea@rooms.d.test", "al")
    told = await al.expect(got("ROOM_ERROR"), 30)
    assert told["condition"]


async def test_messages_of_a_break_come_from_the_offline_store(al, bob):
    await befriend(al, bob)
    al.logout()
    await bob.expect(unavailable(al.address))
    bob.send_message(al.address, "while you were away")
    await bob.sync(bob.domain)
    again = await User(al.backend, al.host, account=al.account).login()
    there = await again.expect(said(bob.jid, "while you were away"))
    assert there["timeMs"]
