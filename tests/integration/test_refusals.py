# SPDX-License-Identifier: GPL-2.0-or-later
"""What users, their clients and their servers may not do, with the error that the specification has for it; on each server,
as far as a server lets it pass. What only a server could do is in the tests with a scripted one."""

import json

import pytest

from commands import COMMANDS, command, execute, form
from everywhere import everywhere
from gateway import SCRIPTED
from host import Host
from person import RawUser
from profiles import VCARD, own_card
from stanzas import DATA, DISCO_INFO, DISCO_ITEMS, REGISTER, available, matches, message, presence, xml_element

GW = "gw.localhost"
EVE = f"eve@{GW}"
ROOM = f"#quiet@{GW}"
CONTROL = f"control@{GW}"
CARBONS = "urn:xmpp:carbons:2"
CORRECT = "urn:xmpp:message-correct:0"
FORWARD = "urn:xmpp:forward:0"
PRIVILEGE = "urn:xmpp:privilege:2"
PUBSUB = "http://jabber.org/protocol/pubsub"
REACTIONS = "urn:xmpp:reactions:0"
ALL = "muc,corrections,retractions,reactions,replies,markers"
ABLE = f"{SCRIPTED} --extended --features={ALL} --orders=511"


@pytest.fixture
def start(gateways, home, people):
    async def begin(backend=ABLE, **settings):
        await gateways(home, backend, **settings)
        user = await people(kind=RawUser)
        await user.login(GW)
        return user
    return begin


async def nothing_reached_the_network(user):
    user.send_message(CONTROL, "E end")
    await user.expect(message(CONTROL, "E end"))
    assert not user.take(message(CONTROL))


def refused(answer, *conditions):
    assert answer.type == "error" and answer.condition in conditions and answer.error[2], answer


# Forms

@pytest.mark.parametrize("fields", [
    {"username": ["bob", "eve"], "password": "pw"}, {"username": "bob", "password": ["a", "b"]}, {"username": []}, {},
    {"username": "bob", "password": "pw", "unregister": "perhaps"}],
    ids=["two names", "two passwords", "no value", "no field", "no boolean"])
@everywhere
async def test_a_registration_with_values_of_the_wrong_kind(echo, people, fields):
    user = await people()
    answer = await user.iq(GW, f"<query xmlns='{REGISTER}'>{form(fields, REGISTER)}</query>", "set")
    if answer.type == "result":  # of several values the first one counts
        got = await user.iq(GW, f"<query xmlns='{REGISTER}'/>")
        assert got.xml.findtext(f".//{{{REGISTER}}}username") in fields["username"]
    else:
        refused(answer, "not-acceptable", "bad-request")


@pytest.mark.parametrize("kind", ["cancel", "result", "form", "nonsense"])
async def test_a_form_that_submits_nothing(echo, people, kind):
    user = await people()
    filled = form({"username": "bob", "password": "pw"}, REGISTER).replace("submit", kind)
    answer = await user.iq(GW, f"<query xmlns='{REGISTER}'>{filled}</query>", "set")
    got = await user.iq(GW, f"<query xmlns='{REGISTER}'/>")
    assert got.xml.find(f".//{{{REGISTER}}}registered") is None, f"a form of type {kind} has registered somebody: {answer}"
    # XEP-0077 section 4: a cancelled registration is done with; all else is no answer to the form.
    if kind == "cancel":
        assert answer.type == "result"
    else:
        refused(answer, "bad-request", "not-acceptable")


# Nodes

@everywhere
async def test_nodes_that_nobody_has(start):
    user = await start()
    user.enter(ROOM, "me")
    user.send_message(CONTROL, "FRAMES " + json.dumps([[13, {2: "#quiet", 3: "me", 4: 16, 5: 0}], [15, {2: "#quiet", 3: ""}]]))
    await user.expect(message(ROOM, type="groupchat"))
    for jid in (GW, EVE, ROOM, f"{ROOM}/me"):
        answer = await user.iq(jid, f"<query xmlns='{DISCO_INFO}' node='urn:example:nobody'/>")
        refused(answer, "item-not-found")
    for jid in (GW, EVE, ROOM):
        answer = await user.iq(jid, f"<query xmlns='{DISCO_ITEMS}' node='urn:example:nobody'/>")
        assert answer.type == "result" and not list(answer.xml.iter(f"{{{DISCO_ITEMS}}}item"))
    refused(await user.iq(EVE, f"<pubsub xmlns='{PUBSUB}'><items node='urn:example:nobody'/></pubsub>"), "item-not-found")
    for jid in (GW, EVE):
        assert (await execute(user, jid, "urn:example:nobody")).error[0] == "item-not-found"


# Commands

@everywhere
async def test_steps_out_of_order(echo, people):
    user, other = await people(), await people("other")
    for action in ("prev", "cancel"):
        assert (await command(user, GW, "register", action=action)).error[:2] == ("bad-request", "bad-action")
    for action in ("next", "complete"):  # begins it, whatever it is called
        assert (await command(user, GW, "register", action=action)).status == "executing"
    asked = await execute(user, GW, "register")
    assert (await command(user, GW, "status", session=asked.session)).error[1] == "bad-sessionid"
    assert (await command(user, GW, "register", "", asked.session, "prev")).error[1] == "bad-action"
    # And no other's, by whatever he knows.
    assert (await command(other, GW, "register", "", asked.session, "cancel")).error[1] == "bad-sessionid"
    assert (await command(user, GW, "register", "", asked.session, "cancel")).status == "canceled"
    assert (await command(user, GW, "register", "", asked.session, "next")).error[1] == "session-expired"


@everywhere
async def test_a_language_that_is_not_spoken(echo, people):
    """XEP-0050 section 3.7: what comes says in which language it is; it is no error to ask for another."""
    user = await people()
    payload = f"<command xmlns='{COMMANDS}' node='register' action='execute' xml:lang='tlh'/>"
    answer = await user.iq(GW, payload, "set")
    got = answer.child("command", COMMANDS)
    assert got.get("status") == "executing"
    assert got.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


# Others' words

@everywhere
async def test_words_of_another(start, people):
    """Forwarded ones of somebody else, and the signs of servers and gateways, mean nothing from a client."""
    user = await start()
    mallory = await people("mallory", kind=RawUser)
    await mallory.login(GW)
    inner = xml_element("message", "<body>E of another</body>", xmlns="jabber:client", from_=user.full, to=EVE, type="chat")
    for wrapped in (f"<sent xmlns='{CARBONS}'><forwarded xmlns='{FORWARD}'>{inner}</forwarded></sent>",
                    f"<privilege xmlns='{PRIVILEGE}'><forwarded xmlns='{FORWARD}'>{inner}</forwarded></privilege>",
                    f"<forwarded xmlns='{FORWARD}'>{inner}</forwarded>"):
        for to in (GW, EVE):
            mallory.send_message(to, None, wrapped)
    advert = f"<privilege xmlns='{PRIVILEGE}'><perm access='roster' type='both'/></privilege>"
    mallory.send_message(GW, None, advert)
    await mallory.sync(GW)
    await nothing_reached_the_network(user)
    await nothing_reached_the_network(mallory)


async def test_a_privileged_answer_for_another_servers_user(gateways):
    """Only his own server may speak for a user, about rosters as about messages."""
    host = await Host().start()
    try:
        await gateways(host, ABLE)
        await host.login()
        romeo = host.user("romeo")
        await romeo.login()
        romeo.take(presence())
        advert = f"<privilege xmlns='{PRIVILEGE}'><perm access='roster' type='both'/><perm access='message' type='outgoing'/></privilege>"
        host.send(xml_element("message", advert, from_="elsewhere", to=GW))
        inner = xml_element("message", "<body>E forged</body>", xmlns="jabber:client", from_=romeo.full, to=EVE, type="chat")
        for sender in ("elsewhere", "mallory@elsewhere", "mallory@localhost", "localhost/resource"):
            host.send(xml_element("message", f"<privilege xmlns='{PRIVILEGE}'><forwarded xmlns='{FORWARD}'>{inner}</forwarded>"
                                             "</privilege>", from_=sender, to=GW))
        romeo.send_message(CONTROL, "FRAMES " + json.dumps([[6, {2: "ann", 3: "Ann", 4: ["Friends"], 5: 0}]]))
        romeo.send_message(CONTROL, "E end")
        await romeo.expect(message(CONTROL, "E end"))
        assert not romeo.take(message(EVE))
        # The advert of another server gives no right to this one's rosters.
        assert not [s for s in host.inbox.seen if s.name == "iq" and "jabber:iq:roster" in repr(s) and s.type == "set"]
    finally:
        await host.stop()


# About earlier messages

@everywhere
async def test_what_is_said_about_messages_that_are_not_there(start):
    user = await start()
    reaction = f"<reactions xmlns='{REACTIONS}' id='bad-unknown'><reaction>\u2764</reaction></reactions>"
    retraction = "<retract xmlns='urn:xmpp:message-retract:1' id='bad-unknown'/>"
    for content in (reaction, retraction):
        id = user.send_message(EVE, None, content)
        refused(await user.expect(matches("message", id=id, type="error")), "item-not-found")
    for content in (reaction.replace(" id='bad-unknown'", ""), f"<reactions xmlns='{REACTIONS}'/>"):
        user.send_message(EVE, None, content)
    user.take(message(CONTROL))
    await nothing_reached_the_network(user)


@everywhere
async def test_a_correction_of_somebody_elses_message(start):
    """The network knows whose it is; its refusal is the sender's error."""
    user = await start()
    user.send_message(CONTROL, "FRAMES " + json.dumps([[8, {2: "eve", 3: "mine", 8: "n1"}]]))
    await user.expect(message(EVE, "mine"))
    id = user.send_message(EVE, "R10", f"<replace xmlns='{CORRECT}' id='n1'/>")
    got = await user.expect(matches("message", id=id, type="error"))
    refused(got, "not-allowed")
    assert got.error[2] == "as you like"


# What is too large

@everywhere
async def test_a_profile_that_is_too_large(start):
    """Long words are cut as the network's are; a picture over the limit is left out, and the rest counts."""
    user = await start()
    card = f"<vCard xmlns='{VCARD}'><FN>{'x' * 30000}</FN><NICKNAME>Al</NICKNAME></vCard>"
    assert (await user.iq(GW, card, "set")).type == "result"
    got = await own_card(user)
    assert got["5"] == "Al" and len(got["4"]) < 30000
