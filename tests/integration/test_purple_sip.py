# SPDX-License-Identifier: GPL-2.0-or-later
"""SIP through the libpurple backend: Kamailio, and people with plain user agents."""

import pytest
import pytest_asyncio

from ircbackend import LEFT, User, got, result, said
from processes import free_port
from purplebackend import Backend
from sipnetwork import SipNetwork, SipPerson, shown, told, writes

AUTHENTICATION = 2
SOON = 20  # the plugin asks for the presence of new contacts every ten seconds


@pytest.fixture(scope="session")
def sip(directories):
    server = SipNetwork(directories("sip"))
    yield server.start()
    server.stop()


@pytest_asyncio.fixture
async def phones(sip):
    present = []

    async def connect(name="bob"):
        one = await SipPerson(sip.account(name), sip).connect()
        present.append(one)
        return one

    yield connect
    for one in present:
        await one.close()


@pytest_asyncio.fixture(params=["udp", "tcp"])
async def backend(request, directories, sip):
    one = Backend(directories("purple"), "prpl-simple", {
        "purple.udp": int(request.param == "udp"), "purple.useproxy": 1, "purple.proxy": "127.0.0.1", "purple.port": sip.port})
    yield await one.start()
    if getattr(request.node, "failed", False):
        print(f"--- log, the last lines\n{one.log()[-6000:]}")
    await one.close()


async def sip_user(backend, sip, name="al", password=None, **more):
    account = sip.account(name)
    return await User(backend, None, f"{account}@sip.test", password or f"pass-{account}").login(**more)


async def test_log_in_and_out(backend, sip):
    user = await sip_user(backend, sip)
    user.logout()
    await user.login()


async def test_a_wrong_password_is_told(backend, sip):
    user = await sip_user(backend, sip, password="wrong", connected=False)
    assert (await user.expect(got("DISCONNECTED", error=AUTHENTICATION)))["message"]


async def test_messages_both_ways(backend, sip, phones):
    bob, user = await phones(), await sip_user(backend, sip)
    id = user.say(bob.jid, "Fish & <chips>? \u00e4\U0001f41f")
    await bob.expect(told(user.name, "Fish & <chips>? \u00e4\U0001f41f"))
    await user.expect(result(id))
    await bob.say(user.name, "1 < 2 && <b>no markup</b> &amp; &lt;")
    await user.expect(said(bob.jid, "1 < 2 && <b>no markup</b> &amp; &lt;", xhtml=None))


async def test_words_to_nobody_are_refused(backend, sip, phones):
    """What the server says of each message is its result, also when answers come in another order."""
    bob, user = await phones(), await sip_user(backend, sip)
    missing, good, busy = (user.say(name, "hello") for name in ("nobody@sip.test", bob.jid, "busy@sip.test"))
    assert "404" in (await user.expect(result(missing, "item-not-found")))["text"]
    assert "486" in (await user.expect(result(busy, "recipient-unavailable")))["text"]
    await user.expect(result(good))


async def test_a_server_that_is_gone_takes_no_message(directories, phones):
    server = SipNetwork(directories("sip")).start()
    backend = Backend(directories("purple"), "prpl-simple", {
        "purple.udp": 1, "purple.useproxy": 1, "purple.proxy": "127.0.0.1", "purple.port": server.port})
    try:
        await backend.start()
        user = await sip_user(backend, server)
        server.stop()
        id = user.say("bob@sip.test", "hello?")
        assert "again" in (await user.expect(result(id, "remote-server-timeout"), 20))["text"]
    finally:
        server.stop()
        await backend.close()


async def test_nobody_answers_at_log_in(directories, sip):
    backend = await Backend(directories("purple"), "prpl-simple", {
        "purple.useproxy": 1, "purple.proxy": "127.0.0.1", "purple.port": free_port()}).start()
    user = await sip_user(backend, sip, connected=False)
    assert (await user.expect(got("DISCONNECTED", error=None)))["message"]
    await backend.close()


async def test_somebody_types(backend, sip, phones):
    bob, user = await phones(), await sip_user(backend, sip)
    await bob.type(user.name, "active")
    await user.expect(got("BUDDY_TYPING", buddyName=bob.jid))
    await bob.type(user.name, "idle")
    await user.expect(got("BUDDY_STOPPED_TYPING", buddyName=bob.jid))
    user.backend.send("BUDDY_TYPING", userName=user.jid, buddyName=bob.jid)
    await bob.expect(writes(user.name, "active"))
    user.backend.send("BUDDY_STOPPED_TYPING", userName=user.jid, buddyName=bob.jid)
    await bob.expect(writes(user.name, "idle"))


async def test_presence_both_ways(backend, sip, phones):
    bob, user = await phones(), await sip_user(backend, sip)
    await bob.publish("open")
    await bob.watch(user.name)
    await bob.expect(shown(user.name, "open", "available"))
    add(user, bob.jid, "Bob", ["Work"])
    seen = await user.expect(got("BUDDY_CHANGED", buddyName=bob.jid, status=None), SOON)
    assert seen["alias"] == "Bob" and seen["group"] == ["Work"]
    await bob.publish("closed")
    await user.expect(got("BUDDY_CHANGED", buddyName=bob.jid, status=LEFT))
    user.logout()
    await bob.expect(shown(user.name, "closed"))


async def test_contacts_of_the_gateway_are_watched_from_the_log_in_on(backend, sip, phones):
    bob = await phones()
    await bob.publish("open")
    assert "send_buddies_on_login=1" in backend.config
    user = await sip_user(backend, sip, connected=False)
    backend.send("BUDDIES", buddy=[{"userName": user.jid, "buddyName": bob.jid, "alias": "Bob", "group": ["A"]}])
    await user.expect(got("CONNECTED"))
    seen = await user.expect(got("BUDDY_CHANGED", buddyName=bob.jid, status=None), SOON)
    assert seen["alias"] == "Bob" and seen["group"] == ["A"]


async def test_contacts_are_added_moved_and_removed_in_every_spelling(backend, sip, phones):
    bob, user = await phones(), await sip_user(backend, sip)
    for name in (bob.jid, bob.jid.upper(), f"sip:{bob.jid}", f"SIP:{bob.jid}"):
        add(user, name, "Bob", ["A", "B"])
        add(user, name, "Bobby", ["B", "C"])
        add(user, name, "Bobby", ["D"])
    for name in (bob.jid, bob.jid.upper(), f"SIP:{bob.jid}", bob.jid, "nobody@sip.test"):
        backend.send("BUDDY_REMOVED", userName=user.jid, buddyName=name, alias="", group=[])
    await backend.sync()
    id = user.say(bob.jid, "still here")
    await user.expect(result(id))


async def test_more_users_than_the_protocol_has_ports_of_its_own(backend, sip):
    users = [await sip_user(backend, sip) for _ in range(110)]
    id = users[-1].say(users[0].name, "so many!")
    await users[0].expect(said(users[-1].name, "so many!"))
    await users[-1].expect(result(id))


def add(user, name, alias, groups):
    user.backend.send("BUDDY_CHANGED", userName=user.jid, buddyName=name, alias=alias, group=groups)
