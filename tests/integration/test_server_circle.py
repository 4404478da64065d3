# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: contacts of users at components (RFC 6121): roster, subscriptions, presence."""

import asyncio
import sqlite3

import pytest
import pytest_asyncio

import guests
from guests import Bare
from person import RawUser
from stanzas import available, matches, message, presence, unavailable

pytestmark = pytest.mark.asyncio
DOMAIN, BOT = "chat.localhost", "bot.localhost"
ROSTER, PING = "jabber:iq:roster", "<ping xmlns='urn:xmpp:ping'/>"
ANN, DESK = f"ann%net@{DOMAIN}", f"desk@{BOT}"


@pytest_asyncio.fixture
async def place(servers, people):
    """A server with a component, and a way to be Ann."""
    server = await guests.host(servers, BOT, service__more_resources=1)
    bot = await Bare(server, BOT).connect()

    async def ann(resource="phone", present=True):
        return await people(host=server, kind=RawUser, account="ann%net", resource=resource, initial_presence=present)

    yield server, bot, ann
    await guests.close_all([bot])


def item_of(stanza, jid=DESK):
    """(subscription, ask, name, groups) of one contact in a roster or a push."""
    for item in stanza.xml.iter(f"{{{ROSTER}}}item"):
        if item.get("jid") == jid:
            return item.get("subscription"), item.get("ask"), item.get("name"), [g.text for g in item]
    return None


async def pushed(user, jid=DESK):
    return item_of(await user.expect(matches("iq", type="set", where=lambda s: item_of(s, jid))), jid)


async def roster(user, ver=None):
    known = "" if ver is None else f" ver='{ver}'"
    return await user.iq(None, f"<query xmlns='{ROSTER}'{known}/>")


def say(bot, type, sender=DESK, content=""):
    bot.stanza("presence", ANN, content, sender, type=type)


async def befriend(user, bot):
    """Subscriptions both ways."""
    user.send_presence(DESK, "subscribe")
    await bot.expect(presence(ANN, "subscribe"))
    say(bot, "subscribed")
    await user.expect(presence(DESK, "subscribed"))
    say(bot, "subscribe")
    await user.expect(presence(DESK, "subscribe"))
    user.send_presence(DESK, "subscribed")
    await bot.expect(presence(ANN, "subscribed"))
    await bot.expect(available(user.full, to=DESK))
    await user.expect(matches("iq", type="set", where=lambda s: item_of(s) and item_of(s)[0] == "both"))


async def test_all_steps_of_a_subscription(place):
    _server, bot, ann = place
    user = await ann()
    assert not bot.take(presence())
    item = f"<query xmlns='{ROSTER}'><item jid='{DESK}' name='The desk'><group>Work</group></item></query>"
    assert (await user.iq(None, item, "set")).type == "result"
    assert await pushed(user) == ("none", None, "The desk", ["Work"])
    user.send_presence(DESK, "subscribe")
    got = await bot.expect(presence(ANN, "subscribe"))
    assert (got.sender, got.to) == (ANN, DESK)
    assert await pushed(user) == ("none", "subscribe", "The desk", ["Work"])
    say(bot, "subscribed")
    assert await pushed(user) == ("to", None, "The desk", ["Work"])
    await user.expect(presence(DESK, "subscribed"))
    say(bot, None, f"{DESK}/1")
    await user.expect(available(f"{DESK}/1"))
    say(bot, "subscribe")
    await user.expect(presence(DESK, "subscribe"))
    assert not bot.take(available())  # nothing is shown before he has agreed
    user.send_presence(DESK, "subscribed")
    await bot.expect(presence(ANN, "subscribed"))
    await bot.expect(available(user.full, to=DESK))
    assert (await pushed(user))[0] == "both"
    user.send_presence(content="<show>away</show>")
    await bot.expect(available(user.full, to=DESK, show="away"))
    say(bot, "subscribe")  # again: answered for him
    await bot.expect(presence(ANN, "subscribed"))
    say(bot, "unsubscribed")
    assert (await pushed(user))[0] == "from"
    say(bot, "unsubscribe")
    assert (await pushed(user))[0] == "none"
    await bot.expect(unavailable(user.full, to=DESK))
    user.send_presence(content="<show>dnd</show>")
    await user.sync(DOMAIN)
    await bot.iq(DOMAIN, PING)
    assert not bot.take(available(show="dnd"))


async def test_versions_cover_these_contacts(place):
    _server, bot, ann = place
    user = await ann()
    before = (await roster(user)).xml[0].get("ver")
    assert not len((await roster(user, before)).xml)
    await befriend(user, bot)
    got = await roster(user, before)
    assert item_of(got) == ("both", None, None, []) and got.xml[0].get("ver") != before
    assert not len((await roster(user, got.xml[0].get("ver"))).xml)


async def test_they_outlive_sessions_and_restarts(place):
    server, bot, ann = place
    user = await ann()
    await befriend(user, bot)
    await user.close()
    await bot.expect(unavailable(user.full, to=DESK))
    await server.logged("unbound ")
    say(bot, "probe")
    await bot.expect(unavailable(ANN))
    other = f"other@{BOT}"
    say(bot, "probe", other)
    await bot.expect(presence(ANN, "unsubscribed", to=other))
    say(bot, "subscribe", other)  # while he is away
    await bot.iq(ANN, PING)
    await bot.close()
    server.stop()
    await server.up()
    await bot.connect()
    user = await ann()
    await bot.expect(available(user.full, to=DESK))
    got = await bot.expect(presence(ANN, "probe"))
    assert got.to == DESK
    await user.expect(presence(other, "subscribe"))
    items = await roster(user)
    assert item_of(items) == ("both", None, None, []) and item_of(items, other) is None
    user.send_presence(other, "unsubscribed")
    await bot.expect(presence(ANN, "unsubscribed", to=other))
    say(bot, "probe")
    await bot.expect(available(user.full, to=DESK))


async def test_a_removed_contact_is_gone_both_ways(place):
    _server, bot, ann = place
    user = await ann()
    desk = await ann("desk")
    await befriend(user, bot)
    remove = f"<query xmlns='{ROSTER}'><item jid='{DESK}' subscription='remove'/></query>"
    assert (await user.iq(None, remove, "set")).type == "result"
    for type in ("unsubscribe", "unsubscribed"):
        await bot.expect(presence(ANN, type))
    for full in (user.full, desk.full):
        await bot.expect(unavailable(full, to=DESK))
    assert (await desk.expect(matches("iq", type="set", where=lambda s: item_of(s) and item_of(s)[0] == "remove")))
    assert item_of(await roster(user)) is None
    assert (await user.iq(None, remove, "set")).condition == "item-not-found"


async def test_a_component_that_comes_back(place):
    _server, bot, ann = place
    user = await ann()
    await befriend(user, bot)
    await bot.close()
    await user.expect(unavailable(DESK))
    await bot.connect()
    await bot.expect(presence(ANN, "probe", to=DESK))
    await bot.expect(available(user.full, to=DESK))


async def test_who_is_blocked_sees_nothing(place):
    _server, bot, ann = place
    user = await ann()
    await befriend(user, bot)
    for action, seen in (("block", unavailable), ("unblock", available)):
        await user.iq(None, f"<{action} xmlns='urn:xmpp:blocking'><item jid='{DESK}'/></{action}>", "set")
        await bot.expect(seen(user.full, to=DESK))
        user.send_presence(content=f"<status>{action}</status>")
        await user.sync(DOMAIN)
        await bot.iq(DOMAIN, PING)
        assert [s.status for s in bot.take(available(to=DESK))] == ([] if action == "block" else [action])


async def test_nobody_becomes_a_contact_of_nobody(place):
    _server, bot, _ann = place
    for type in ("subscribe", "subscribed", "probe"):
        bot.stanza("presence", f"nobody%net@{DOMAIN}", type=type)
    await bot.iq(f"nobody%net@{DOMAIN}", PING)
    got = bot.take(presence())
    assert [(s.type, s.condition) for s in got] == [("error", "service-unavailable")]


async def test_our_own_gateway_in_the_roster(servers, people, gateways):
    """With subscriptions kept, presence alone logs in at a gateway, and its contacts are in the roster."""
    from test_server_components import Home
    jid = "gw.localhost"
    server = await guests.host(servers, jid)
    await gateways(Home(server), jid=jid, service__password=guests.SECRET)
    user = await people(host=server, account="ann%net", kind=RawUser)
    assert (await user.register(jid, "legacy")).type == "result"
    await user.expect(presence(jid, "subscribe"))
    user.send_presence(jid, "subscribed")
    user.send_presence(jid, "subscribe")
    await user.expect(presence(jid, "subscribed"))
    await user.expect(available(jid))
    got = await user.expect(presence(f"echo@{jid}", "subscribe"))
    user.send_presence(got.sender, "subscribed")
    user.send_presence(got.sender, "subscribe")
    await user.expect(available(f"echo@{jid}"))
    await user.close()
    await server.logged("unbound ")
    user = await people(host=server, account="ann%net", kind=RawUser)
    await user.expect(available(jid))
    await user.expect(available(f"echo@{jid}"))
    assert item_of(await roster(user), f"echo@{jid}")[0] == "both"
    user.send_message(f"echo@{jid}", "hello")
    await user.expect(message(f"echo@{jid}", "hello"))


async def test_a_roster_set_as_soon_as_there_is_a_resource(place, wires):
    """What is kept may not have been read by then."""
    server, _bot, _ann = place
    wire = await wires(server)
    await wire.log_in("ann%net")
    wire.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
              f"<iq type='set' id='item'><query xmlns='{ROSTER}'><item jid='{DESK}' name='The desk'/></query></iq>")
    assert (await wire.expect(matches("iq", id="item"))).type == "result"
    wire.send(f"<iq type='get' id='all'><query xmlns='{ROSTER}'/></iq>")
    assert item_of(await wire.expect(matches("iq", id="all"))) == ("none", None, "The desk", [])


async def test_a_database_that_is_gone_for_a_while_costs_no_contact(place):
    server, bot, ann = place
    user = await ann()
    await befriend(user, bot)
    other = f"other@{BOT}"
    database = sqlite3.connect(server.settings["database.database"], isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    item = f"<query xmlns='{ROSTER}'><item jid='{other}' name='Other'/></query>"
    assert (await user.iq(None, item, "set")).type == "result"
    assert (await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='{DESK}' subscription='remove'/></query>", "set")).type == "result"
    await user.close()
    await server.logged("not kept: ", count=2)
    database.execute("COMMIT")
    while database.execute("SELECT id FROM s2_items WHERE kind = 'contact'").fetchall() != [(other,)]:
        await asyncio.sleep(0.05)
    database.close()
    server.stop()
    await server.up()
    await bot.connect()
    items = await roster(await ann())
    assert item_of(items, other) == ("none", None, "Other", []) and item_of(items) is None
