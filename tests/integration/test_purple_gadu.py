# SPDX-License-Identifier: GPL-2.0-or-later
"""Gadu-Gadu through the libpurple backend. The server is one of these tests, see gadu.py: no other can be had."""

import random

import pytest
import pytest_asyncio

from gadu import AVAILABLE, BLOCKED, BUSY, DO_NOT_DISTURB, INVISIBLE, OFFLINE, Gadu, did
from ircbackend import AWAY, LEFT, ONLINE, User, got, result, said
from purplebackend import Backend

AUTHENTICATION = 2
DND = 4


@pytest_asyncio.fixture
async def gadu():
    server = Gadu(f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}")
    yield await server.start()
    await server.stop()
    assert not server.unknown


@pytest_asyncio.fixture
async def backend(request, directories, gadu):
    one = Backend(directories("purple"), "prpl-gg", {"purple.gg_server": gadu.address, "purple.encryption": "none"})
    yield await one.start()
    if getattr(request.node, "failed", False):
        print(f"--- log, the last lines\n{one.log()[-6000:]}")
    await one.close()


async def gadu_user(backend, gadu, **more):
    account = gadu.account()
    user = await User(backend, None, str(account), f"pass-{account}").login(**more)
    await gadu.expect(did("login", user.name))
    return user


def add(user, person, **more):
    fields = {"alias": "", "group": ["Friends"], **more}
    user.backend.send("BUDDY_CHANGED", userName=user.jid, buddyName=person.name, **fields)


async def test_log_in_and_out(backend, gadu):
    assert "needPassword=1" in backend.config and "typing=1" in backend.config
    user = await gadu_user(backend, gadu)
    user.logout()
    await gadu.expect(did("gone", user.name))
    await user.login()


async def test_a_wrong_password_is_told(backend, gadu):
    user = await User(backend, None, str(gadu.account()), "wrong").login(connected=False)
    assert (await user.expect(got("DISCONNECTED", error=AUTHENTICATION)))["message"]


@pytest.mark.parametrize("name", ["bob", "12 34", "99999999999999999999"])
async def test_a_name_that_is_no_number(backend, name):
    user = await User(backend, None, name, "x").login(connected=False)
    assert (await user.expect(got("DISCONNECTED")))["message"]


async def test_another_log_in_with_the_same_number(backend, gadu):
    user = await gadu_user(backend, gadu)
    gadu.clients[int(user.name)].send(0x0B)
    gadu.clients[int(user.name)].writer.close()
    assert (await user.expect(got("DISCONNECTED")))["message"]


async def test_messages_both_ways(backend, gadu):
    bob, user = gadu.person(), await gadu_user(backend, gadu)
    id = user.say(bob.name, "Ryby & <frytki>? \u017c\U0001f41f\nwi\u0119cej")
    sent = await bob.expect(did("message", user.name))
    assert sent.text.replace("\r", "") == "Ryby & <frytki>? \u017c\U0001f41f\nwi\u0119cej"
    await user.expect(result(id))
    bob.say(user.name, "1 < 2 && <b>nic</b> \u0107ma")
    await user.expect(said(bob.name, "1 < 2 && <b>nic</b> \u0107ma"))


async def test_somebody_wrote_while_the_user_was_away(backend, gadu):
    bob, user = gadu.person(), await gadu_user(backend, gadu)
    bob.say(user.name, "wczoraj", when=1700000000)
    assert (await user.expect(said(bob.name, "wczoraj")))["timeMs"] == 1700000000000


async def test_somebody_types(backend, gadu):
    bob, user = gadu.person(), await gadu_user(backend, gadu)
    bob.type(user.name, 5)
    await user.expect(got("BUDDY_TYPING", buddyName=bob.name))
    bob.type(user.name, 0)
    await user.expect(got("BUDDY_STOPPED_TYPING", buddyName=bob.name))
    for frame, seen in (("BUDDY_TYPING", "typing"), ("BUDDY_STOPPED_TYPING", "stopped")):
        user.backend.send(frame, userName=user.jid, buddyName=bob.name)
        await bob.expect(did(seen, user.name))


async def test_presence_of_contacts(backend, gadu):
    bob, user = gadu.person(), await gadu_user(backend, gadu)
    bob.show(AVAILABLE)
    add(user, bob, alias="Bob", group=["Praca"])
    seen = await user.expect(got("BUDDY_CHANGED", buddyName=bob.name, status=None))
    assert seen["alias"] == "Bob" and seen["group"] == ["Praca"]
    for status, shown in ((BUSY, AWAY), (DO_NOT_DISTURB, DND)):
        bob.show(status, "zaraz wracam & <ju\u017c>")
        seen = await user.expect(got("BUDDY_CHANGED", buddyName=bob.name, status=shown))
        assert seen["statusMessage"] == "zaraz wracam & <ju\u017c>"
    bob.show(OFFLINE)
    await user.expect(got("BUDDY_CHANGED", buddyName=bob.name, status=LEFT))
    user.backend.send("BUDDY_REMOVED", userName=user.jid, buddyName=bob.name, alias="", group=[])
    await gadu.expect(did("forgot", user.name, bob.name))


async def test_own_presence(backend, gadu):
    user = await gadu_user(backend, gadu)
    for status, shown in ((AWAY, BUSY), (DND, DO_NOT_DISTURB), (ONLINE, AVAILABLE), (6, INVISIBLE)):
        user.status(status, "opis \u017c" if status == AWAY else "")
        told = await gadu.expect(did("status", user.name))
        while told.more["status"] != shown:
            told = await gadu.expect(did("status", user.name))
        assert told.text == ("opis \u017c" if status == AWAY else "")


async def test_contacts_of_the_gateway_are_watched_from_the_log_in_on(backend, gadu):
    """The plugin keeps a list on the server only by hand, so the gateway keeps it."""
    bob, carol = gadu.person(), gadu.person()
    bob.show(AVAILABLE)
    assert "send_buddies_on_login=1" in backend.config
    account = gadu.account()
    user = await User(backend, None, str(account), f"pass-{account}").login(connected=False)
    backend.send("BUDDIES", buddy=[{"userName": user.jid, "buddyName": one.name, "alias": "", "group": ["A"]}
                                   for one in (bob, carol)])
    await user.expect(got("CONNECTED"))
    await user.expect(got("BUDDY_CHANGED", buddyName=bob.name, status=None))


async def test_blocking(backend, gadu):
    bob, user = gadu.person(), await gadu_user(backend, gadu)
    add(user, bob)
    await gadu.expect(did("contacts", user.name, bob.name))
    for blocked, kind in ((1, BLOCKED), (0, 3)):
        backend.send("BUDDY_CHANGED", userName=user.jid, buddyName=bob.name, alias="", group=["Friends"], blocked=blocked)
        await gadu.expect(did("forgot", user.name, bob.name))
        await gadu.expect(did("contacts", user.name, bob.name))
        assert gadu.clients[int(user.name)].contacts[bob.uin] == kind


async def test_a_profile_is_what_the_directory_says(backend, gadu):
    bob = gadu.person(firstname="Bo\u017cydar", nickname="Bob", birthyear="1979", city="Wzd\u00f3w")
    user = await gadu_user(backend, gadu)
    backend.send("VCARD", userName=user.jid, buddyName=bob.name, id=7)
    card = await user.expect(got("VCARD", id=7))
    assert card["nickname"] == "Bob"


async def test_two_users_talk(backend, gadu):
    one, two = await gadu_user(backend, gadu), await gadu_user(backend, gadu)
    one.say(two.name, "cze\u015b\u0107")
    await two.expect(said(one.name, "cze\u015b\u0107"))
