# SPDX-License-Identifier: GPL-2.0-or-later
"""In-band registration (XEP-0077, 0004): both kinds of fields, change, removal, policy, and every wrong input."""

import pytest

from rosters import pushed, roster
from everywhere import everywhere
from stanzas import DATA, REGISTER, available, message, presence

GW = "gw.localhost"
GET = f"<query xmlns='{REGISTER}'/>"


def field(answer, name):
    node = answer.xml.find(f".//{{{REGISTER}}}{name}")
    return None if node is None else node.text or ""


def form(answer):
    """{var: (type, required, value)}"""
    found = {}
    for f in answer.xml.iterfind(f".//{{{DATA}}}field"):
        found[f.get("var")] = (f.get("type"), f.find(f"{{{DATA}}}required") is not None, f.findtext(f"{{{DATA}}}value"))
    return found


def refused(answer, *conditions):
    """An error of one of these conditions, with a text for people."""
    assert answer.type == "error" and answer.condition in conditions, answer
    assert answer.error[2], f"no text says why: {answer}"


@everywhere
async def test_the_form_asks_for_what_is_needed(echo, people):
    user = await people()
    answer = await user.iq(GW, GET)
    assert field(answer, "registered") is None
    assert field(answer, "instructions")
    assert field(answer, "username") == "" and field(answer, "password") == ""
    fields = form(answer)
    assert fields["FORM_TYPE"] == ("hidden", False, REGISTER)
    assert fields["username"][:2] == ("text-single", True)
    assert fields["password"][:2] == ("text-private", True)
    assert "unregister" not in fields


@pytest.mark.parametrize("by_form", [False, True])
@everywhere
async def test_register_change_and_remove(echo, people, by_form):
    user = await people()

    async def submit(name):
        if by_form:
            return await user.register_by_form(GW, username=name, password="pw")
        return await user.register(GW, name, "pw")
    for name in ("bob", "robert"):
        assert (await submit(name)).type == "result"
        answer = await user.iq(GW, GET)
        assert field(answer, "registered") is not None
        assert field(answer, "username") == name and form(answer)["username"][2] == name
        assert not field(answer, "password") and not form(answer)["password"][2], "a password was shown"
    await user.online(GW)
    removed = await (user.register_by_form(GW, unregister="1") if by_form else user.unregister(GW))
    assert removed.type == "result"
    await user.expect(presence(GW, "unavailable"))
    answer = await user.iq(GW, GET)
    assert field(answer, "registered") is None and field(answer, "username") == ""


async def test_form_values_win_over_plain_fields(echo, people):
    user = await people()
    await user.iq(GW, f"<query xmlns='{REGISTER}'><username>plain</username><password>p</password>"
                      f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{REGISTER}</value></field>"
                      "<field var='username'><value>formed</value></field></x></query>", "set")
    assert field(await user.iq(GW, GET), "username") == "formed"


@pytest.mark.parametrize("username, password", [
    (None, "pw"), ("", "pw"), (" ", "pw"), ("bob", None), ("bob", ""), (None, None),
    ("x" * 10240, "pw"), ("bob", "x" * 10240), ("b\u00f6b" * 3000, "pw")],
    ids=["no name", "empty name", "blank name", "no password", "empty password", "nothing", "10 KB name",
         "10 KB password", "20 KB of UTF-8"])
@everywhere
async def test_fields_that_cannot_be_are_refused_with_a_reason(echo, people, username, password):
    user = await people()
    refused(await user.register(GW, username, password), "not-acceptable")
    assert field(await user.iq(GW, GET), "registered") is None


async def test_own_address_as_name_is_refused(echo, people):
    user = await people()
    refused(await user.register(GW, user.jid), "not-acceptable")


async def test_removing_without_registration_is_an_error_or_nothing(echo, people):
    user = await people()
    answer = await user.unregister(GW)
    assert answer.type == "result" or answer.condition in ("registration-required", "item-not-found"), answer


@everywhere
async def test_names_must_match_the_pattern(gateways, home, people):
    await gateways(home, **{"registration.allowed_usernames": "[0-9]+@sms[.]example", "registration.username_mask":
                               "$username@sms.example"})
    user = await people()
    refused(await user.register(GW, "bob"), "not-acceptable")
    assert (await user.register(GW, "12345")).type == "result"
    assert field(await user.iq(GW, GET), "username") == "12345@sms.example"


@everywhere
async def test_x_6_only_allowed_domains_register_when_it_is_not_public(gateways, home, people):
    await gateways(home, **{"registration.enable_public_registration": 0, "service.allowed_servers": "example.org"})
    user = await people()
    refused(await user.register(GW, "bob"), "not-allowed", "forbidden")


@everywhere
async def test_an_allowed_domain_registers(gateways, home, people):
    await gateways(home, **{"registration.enable_public_registration": 0, "service.allowed_servers": "localhost"})
    assert (await (await people()).register(GW, "bob")).type == "result"


@everywhere
async def test_x_6_without_database_the_error_says_so(gateways, home, people):
    await gateways(home, **{"database.type": "none"})
    user = await people()
    refused(await user.iq(GW, GET), "service-unavailable")
    refused(await user.register(GW, "bob"), "service-unavailable")


async def test_administrators_are_told(gateways, prosody, people):
    admin = await people("admin")
    await gateways(prosody, **{"registration.notify_jid": admin.jid})
    user = await people()
    await user.register(GW, "bob")
    await admin.expect(message(GW, f"registered: {user.jid}"))
    await user.unregister(GW)
    await admin.expect(message(GW, f"unregistered: {user.jid}"))


@everywhere
async def test_registering_asks_to_be_a_contact(echo, people):
    user = await people()
    await user.register(GW, "bob")
    await user.expect(presence(GW, "subscribe"))


@everywhere
async def test_x_10_unregistering_leaves_no_contact_behind(echo, people):
    user = await people()
    await user.login(GW)
    contacts = {GW, f"echo@{GW}"}
    for jid in contacts:
        await user.expect(presence(jid, "subscribe"))
        user.send_presence(jid, "subscribed")
        user.send_presence(jid, "subscribe")
        await pushed(user, jid, "both")
    await user.unregister(GW)
    for jid in contacts:
        await pushed(user, jid, "none")
    await user.sync(GW)
    assert {item.get("subscription") for item in (await roster(user)).values()} == {"none"}


async def test_x_9_rb_12_changed_credentials_restart_the_session(echo, people):
    user = await people()
    await user.login(GW, "bob")
    await user.expect(available(f"echo@{GW}"))
    assert (await user.register(GW, "robert", "other")).type == "result"
    await user.expect(available(GW))
    user.send_message(f"echo@{GW}", "hello")
    await user.expect(message(f"echo@{GW}", "hello"))
