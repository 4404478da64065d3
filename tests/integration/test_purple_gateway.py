# SPDX-License-Identifier: GPL-2.0-or-later
"""The libpurple backend behind the whole gateway, as people on XMPP see what its plugins do: questions, files, crashes, and
accounts that two want. The plugin is the puppet of these tests."""

import pytest

from commands import execute, submit
from gateway import BUILD, PURPLE
from stanzas import available, message, unavailable

GW = "gw.localhost"
PUPPET = f"puppet@{GW}"
OOB = "jabber:x:oob"

pytestmark = pytest.mark.skipif(not PURPLE.exists(), reason="built without libpurple")


@pytest.fixture
def puppets(gateways, prosody):
    async def start(**settings):
        gateway = await gateways(prosody, PURPLE, service__protocol="prpl-puppet",
                                 purple__plugins_dir=BUILD / "tests/peers", **settings)
        await gateway.logged("ready")  # it tells whether a password is needed
        return gateway
    return start


async def log_in(user, password="x", name=None):
    answer = await user.register(GW, name or user.user, password)
    assert answer.type == "result", answer
    await user.online(GW, 20)
    await user.expect(available(PUPPET))
    return user


async def alive(user, text="still here"):
    user.send_message(PUPPET, f"say {text}")
    await user.expect(message(PUPPET, text))


async def test_a_code_is_asked_for_in_the_log_in(puppets, people):
    await puppets()
    user = await people("romeo")
    asked = await submit(user, await execute(user, GW, "register"), username="romeo", password="code")
    assert "A code was sent to you" in repr(asked) and asked.status == "executing"
    done = await submit(user, asked, action="complete", answer="1234")
    assert done.status == "completed" and done.note == "You are logged in to the network."
    await alive(user)


async def test_a_code_that_is_wrong(puppets, people):
    await puppets()
    user = await people("romeo")
    asked = await submit(user, await execute(user, GW, "register"), username="romeo", password="code")
    done = await submit(user, asked, action="complete", answer="99")
    assert done.status == "completed" and done.notes[0][0] == "error" and "This code is wrong" in done.note


async def test_a_form_in_the_middle_of_a_chat(puppets, people):
    await puppets()
    user = await log_in(await people("romeo"))
    user.send_message(PUPPET, "form")
    told = await user.expect(message(GW))
    assert "Fill it in" in told.body
    asked = await execute(user, GW, "answer")
    assert asked.fields["size"][0] == "list-single" and asked.options("size") == ["0", "1"]
    await submit(user, asked, action="complete", name="Al", age="8", sure="1", size="0", colours="0 2")
    await user.expect(message(PUPPET, "form Al 8 1 0 red blue"))


async def test_a_file_is_a_link_for_the_user(puppets, people, directories):
    web = directories("web")
    await puppets(service__web_directory=web, service__web_url="http://files.test/")
    user = await log_in(await people("romeo"))
    user.send_message(PUPPET, "file 5000 5000 photo.png")
    told = await user.expect(message(PUPPET, where=lambda s: s.child("x", OOB) is not None))
    url = told.child("x", OOB).findtext(f"{{{OOB}}}url")
    assert url.startswith("http://files.test/") and (web / url.rpartition("/")[2]).read_bytes() == b"x" * 5000


async def test_a_file_of_the_user_is_a_link_for_the_contact(puppets, people):
    await puppets()
    user = await log_in(await people("romeo"))
    url = "https://files.test/a.png"
    for body in (url, None):
        user.send_message(PUPPET, body, f"<x xmlns='{OOB}'><url>{url}</url></x>")
        await user.expect(message(PUPPET, "a link"))


async def test_a_crash_is_of_one_process_and_its_users_are_moved(puppets, people):
    gateway = await puppets(service__users_per_backend=2)
    one, two = await log_in(await people("one")), await log_in(await people("two"))
    three = await log_in(await people("three"))
    pids, seen = set(gateway.backends()), len(three.inbox.seen)
    assert len(pids) == 2
    gateway.ignore_reports = True  # the sanitizer sees it as well
    id = one.send_message(PUPPET, "crash")
    error = await one.expect(message(PUPPET, type="error", id=id))
    assert error.error[2]
    for user in (one, two):
        gone = await user.expect(unavailable(GW))
        assert "stopped working" in gone.status
        await user.expect(available(GW), 20)
        await user.expect(available(PUPPET), 20)
        await alive(user)
    await alive(three)
    assert not [s for s in three.inbox.seen[seen:] if s.name == "presence" and s.type in (None, "unavailable")]
    assert len(pids & set(gateway.backends())) == 1


async def test_234_two_users_with_one_account(puppets, people, monkeypatch):
    """The network needs no password, so the first one to use the account is who it belongs to."""
    monkeypatch.setenv("PUPPET_NO_PASSWORD", "1")
    await puppets(service__users_per_backend=1)
    owner, thief = await people("owner"), await people("thief")
    await log_in(owner, None, "shared")
    for name in ("shared", "SHARED"):
        assert (await thief.register(GW, name, None)).condition == "conflict"
    await alive(owner)
