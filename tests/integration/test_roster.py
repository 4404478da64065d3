# SPDX-License-Identifier: GPL-2.0-or-later
"""Contacts come into the user's roster: by roster sets where the server lets the gateway (XEP-0356), by one roster item
exchange (XEP-0144), or by questions, some at a time (XEP-0172); and stay there as the network and the user want it."""

import asyncio

from everywhere import everywhere
from gateway import SCRIPTED
from host import Host
from person import RawUser
from processes import LIMIT
from rosters import ROSTER, pushed, roster
from stanzas import DISCO_INFO, available, matches, message, presence, unavailable, xml_element

GW = "gw.localhost"
EVE = f"eve@{GW}"
EXCHANGE = "http://jabber.org/protocol/rosterx"
NICK = "http://jabber.org/protocol/nick"


def contact(number):
    return f"c{number}\\40net@{GW}"


def numbered(stanza):
    return stanza.bare.startswith("c")


def questions(user):
    return [s for s in user.inbox.seen if s.name == "presence" and s.type == "subscribe"]


def groups(item):
    return [group.text for group in item.iter(f"{{{ROSTER}}}group")]


async def contacts(user, first, count, alias="Contact", group="Friends"):
    user.send_message(EVE, f"CONTACTS {first} {count} {alias} {group}")
    await user.expect(message(EVE, "after"), 3 * LIMIT)


async def registered(people, host, **more):
    """Logged in by registering: the gateway is put into the roster, too."""
    user = await people(host=host, **more)
    assert (await user.register(GW, user.user)).type == "result"
    await pushed(user, GW, "both")
    await user.expect(available(GW))
    user.take(unavailable(GW))
    return user


async def arranged(user, wanted):
    for _ in range(100):
        user.send_message(EVE, "ARRANGED")
        got = (await user.expect(message(EVE))).body
        if got == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the network was told {got}, not {wanted}")


# With privileges

async def test_500_contacts_come_without_a_question(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await contacts(user, 0, 500)
    for number in range(500):
        item = await pushed(user, contact(number), "both", 3 * LIMIT)
        assert item.get("name") == f"Contact {number}" and groups(item) == ["Friends"]
    assert len(await roster(user)) == 501
    await user.sync(GW)
    assert not questions(user)


async def test_what_the_network_changes_is_pushed_once(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await contacts(user, 0, 3)
    for number in range(3):
        await pushed(user, contact(number))
    await contacts(user, 0, 3)  # no news
    await contacts(user, 1, 1, "Renamed", "Work")
    item = await pushed(user)
    assert item.get("jid") == contact(1) and item.get("name") == "Renamed 1" and groups(item) == ["Work"]
    user.send_message(EVE, "GONE c2@net")
    await pushed(user, contact(2), "remove")
    await user.unregister(GW)
    for jid in (contact(0), contact(1), GW):
        await pushed(user, jid, "remove")
    assert not await roster(user)


async def test_contacts_of_before_are_not_pushed_again(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await contacts(user, 0, 2)
    for number in range(2):
        await pushed(user, contact(number))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    await contacts(user, 0, 3)
    assert (await pushed(user)).get("jid") == contact(2)


async def test_what_the_user_changes_reaches_the_network(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await contacts(user, 0, 2)
    for number in range(2):
        await pushed(user, contact(number))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='{contact(1)}' name='Dear'><group>Home</group></item></query>",
                  "set")
    await pushed(user, contact(1))
    await user.online(GW)
    await arranged(user, "c1@net|Dear|Home")
    await contacts(user, 0, 1)
    item = (await roster(user))[contact(1)]
    assert item.get("name") == "Dear" and groups(item) == ["Home"]


async def test_another_client_makes_the_gateway_look_at_the_roster(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await contacts(user, 0, 1)
    await pushed(user, contact(0))
    await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='{contact(0)}' name='Dear'><group>Home</group></item></query>",
                  "set")
    await pushed(user, contact(0))
    second = await people(host=privileged_prosody, account=user.user, resource="second")
    await second.online(GW)
    await arranged(user, "c0@net|Dear|Home")


async def test_a_name_given_while_adding_reaches_the_network(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='{contact(7)}' name='Seven'/></query>", "set")
    user.send_presence(contact(7), "subscribe")
    await user.expect(presence(contact(7), "subscribed"))
    await arranged(user, "c7@net|Seven|Friends")
    # Who has added somebody is not asked for the other direction.
    assert (await pushed(user, contact(7), "both")).get("name") == "Seven"
    assert not questions(user)


async def test_a_lost_roster_is_filled_again(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    await contacts(user, 0, 2)
    for number in range(2):
        await pushed(user, contact(number))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.sync(GW)
    await user.close()  # the server keeps the rosters of who is online in its memory
    (privileged_prosody.directory / "data/localhost/roster" / f"{user.user}.dat").unlink()
    again = await people(host=privileged_prosody, account=user.user)
    assert not await roster(again)
    await again.online(GW)
    for number in range(2):
        await pushed(again, contact(number), "both")


async def test_somebody_who_wants_to_see_the_user_asks(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await registered(people, privileged_prosody)
    user.send_message(EVE, "REQUEST shy@net")
    await user.expect(presence(f"shy\\40net@{GW}", "subscribe"))


# Without

@everywhere
async def test_questions_carry_names_and_come_one_by_one(gateways, home, people):
    await gateways(home, SCRIPTED)
    user = await people()
    await user.login(GW)
    await contacts(user, 0, 15)
    first = await user.expect(presence(contact(0), "subscribe"))
    assert first.child("nick", NICK).text == "Contact 0"
    await user.sync(GW)
    assert len(list(filter(numbered, questions(user)))) < 15, "all at once"
    for number in range(1, 15):
        await user.expect(presence(contact(number), "subscribe"))


async def test_who_was_accepted_does_not_ask_again(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await contacts(user, 0, 3)
    for number in range(3):
        await user.expect(presence(contact(number), "subscribe"))
    user.send_presence(contact(0), "subscribed")
    user.send_presence(contact(1), "unsubscribed")
    await user.sync(GW)
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    for number in (0, 1, 3):  # the server itself repeats what was not answered yet
        await contacts(user, number, 1)
    for number in (1, 3):
        await user.expect(presence(contact(number), "subscribe"))
    assert not user.take(presence(contact(0), "subscribe"))


def client_that_takes_exchanges(answer):
    """Answers disco#info, and an exchange with `answer`."""
    errors = {"result": "", "error": "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"}

    class Client(RawUser):
        def watch(self):
            put = self.inbox.put

            def watched(stanza):
                put(stanza)
                if stanza.name == "iq" and stanza.type == "get" and stanza.child("query", DISCO_INFO) is not None:
                    self.send(xml_element("iq", f"<query xmlns='{DISCO_INFO}'><feature var='{EXCHANGE}'/></query>",
                                          to=stanza.sender, type="result", id=stanza.id))
                if stanza.name == "iq" and stanza.type == "set" and stanza.child("x", EXCHANGE) is not None:
                    self.send(xml_element("iq", errors[answer], to=stanza.sender, type=answer, id=stanza.id))
            self.inbox.put = watched
    return Client


def exchange(stanza):
    return stanza.name == "iq" and stanza.child("x", EXCHANGE) is not None


@everywhere
async def test_one_exchange_brings_all_new_contacts(gateways, home, people):
    await gateways(home, SCRIPTED)
    user = await people(kind=client_that_takes_exchanges("result"))
    user.watch()
    await user.login(GW)
    await contacts(user, 0, 20)
    got = await user.expect(exchange)
    items = list(got.xml.iter(f"{{{EXCHANGE}}}item"))
    assert {item.get("jid") for item in items} == {contact(number) for number in range(20)}
    assert {item.get("action") for item in items} == {"add"} and items[0].get("name").startswith("Contact ")
    await contacts(user, 20, 1)
    more = await user.expect(exchange)
    assert [item.get("jid") for item in more.xml.iter(f"{{{EXCHANGE}}}item")] == [contact(20)]
    assert not list(filter(numbered, questions(user)))
    assert len([s for s in user.inbox.seen if s.name == "iq" and s.child("query", DISCO_INFO) is not None]) == 1


async def test_a_refused_exchange_becomes_questions(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people(kind=client_that_takes_exchanges("error"))
    user.watch()
    await user.login(GW)
    await contacts(user, 0, 3)
    await user.expect(exchange)
    for number in range(3):
        await user.expect(presence(contact(number), "subscribe"))


# Privileges that do not work

async def test_x_43_sets_that_fail_become_questions(gateways, privileged_ejabberd, people):
    """ejabberd 23.01 grants roster sets and then stumbles over them."""
    gateway = await gateways(privileged_ejabberd, SCRIPTED)
    user = await people(host=privileged_ejabberd)
    await user.login(GW)
    await contacts(user, 0, 5)
    for number in range(5):
        await user.expect(presence(contact(number), "subscribe"))
    assert len(gateway.log_lines("roster sets fail")) == 1


async def ask_for_roster(host, jid=None):
    """What the gateway wants of the roster of `jid`, or of anybody's."""
    return await host.expect(matches("iq", where=lambda s: jid in (None, s.to) and s.child("query", ROSTER) is not None), 2 * LIMIT)


def advert(host, version, **permissions):
    inner = "".join(f"<perm access='{access}' type='{type}'/>" for access, type in permissions.items())
    host.send(xml_element("message", f"<privilege xmlns='urn:xmpp:privilege:{version}'>{inner}</privilege>",
                          from_="localhost", to=GW))


async def test_x_14_each_version_is_understood_and_forgotten_with_the_link(gateways):
    host = await Host().start()
    host.refuses_rosters = False
    try:
        await gateways(host)
        for version in (1, 2):
            await host.login()
            advert(host, version, roster="none")
            advert(host, version, roster="both", message="outgoing")
            user = host.user(f"romeo{version}")
            await user.login()
            set = await ask_for_roster(host, user.jid)
            while set.type == "get":
                set = await ask_for_roster(host, user.jid)
            assert set.xml.find(f".//{{{ROSTER}}}item").get("subscription") == "both"
            host.link.cut()
        # Nothing is granted any more: rosters are asked for once, then people.
        await host.login()
        user = host.user("mercutio")
        await user.login()
        host.take(lambda s: s.name == "iq")
        asked = await ask_for_roster(host)
        assert asked.type == "get"
        host.send(xml_element("iq", "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
                              from_=asked.to, to=GW, id=asked.id, type="error"))
        await user.expect(presence(f"echo@{GW}", "subscribe"))
    finally:
        await host.stop()


async def test_a_server_that_takes_roster_sets_without_a_word(gateways):
    host = await Host().start()
    host.refuses_rosters = False
    try:
        await gateways(host)
        await host.login()
        user = host.user()
        await user.login()
        set = await ask_for_roster(host, user.jid)
        assert set.type == "get"
        while set.type == "get":
            host.send(xml_element("iq", f"<query xmlns='{ROSTER}'/>", from_=user.jid, to=GW, id=set.id, type="result"))
            set = await ask_for_roster(host, user.jid)
        assert set.xml.find(f".//{{{ROSTER}}}item").get("jid") == f"echo@{GW}"
        # The answer of somebody else does not count.
        forged = xml_element("iq", "", from_="mallory@localhost", to=GW, id=set.id, type="error")
        host.send(forged)
        host.send(xml_element("iq", "", from_=user.jid, to=GW, id=set.id, type="result"))
        await user.sync()
        assert not user.take(presence(f"echo@{GW}", "subscribe"))
    finally:
        await host.stop()
