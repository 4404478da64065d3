# SPDX-License-Identifier: GPL-2.0-or-later
"""Going online and offline through the gateway, contacts and their presence, subscriptions (XEP-0100, RFC 6121)."""

from everywhere import everywhere
from gateway import SCRIPTED, VILLAGE
from host import Host
from stanzas import DELAY, available, matches, message, presence, unavailable

GW = "gw.localhost"
ECHO = f"echo@{GW}"


@everywhere
async def test_login_brings_the_gateway_and_its_contacts(echo, people):
    user = await people()
    await user.login(GW)
    contact = await user.expect(available(ECHO))
    assert contact.resource == "bot"
    assert len(list(contact.xml.iter("{http://jabber.org/protocol/caps}c"))) == 1


async def test_a_presence_without_registration_starts_nothing(echo, people):
    user = await people()
    user.send_presence(GW)
    await user.sync(GW)
    assert not user.take(available(GW))


@everywhere
async def test_logout_takes_the_contacts_and_the_gateway_along(echo, people):
    user = await people()
    await user.login(GW)
    await user.expect(available(ECHO))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(ECHO))
    await user.expect(unavailable(GW))
    await user.sync(GW)
    assert not user.take(unavailable(GW)), "told twice"


@everywhere
async def test_a_lost_client_is_logged_out(echo, people):
    user = await people()
    await user.login(GW)
    await user.close()
    again = await people(account=user.user, resource="second")
    again.send_message(ECHO, "hello")
    assert (await again.expect(message(ECHO, type="error"))).error[2], "no text says what to do"


async def test_the_network_learns_of_the_users_status(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    user.send_presence(GW, content="<show>away</show><status>lunch</status>")
    await user.expect(message(f"status@{GW}", "1 lunch"))


@everywhere
async def test_a_second_client_gets_every_contact(echo, people):
    first = await people()
    await first.login(GW)
    await first.expect(available(ECHO))
    second = await people(account=first.user, resource="second")
    await second.online(GW)
    await second.expect(available(ECHO))
    first.send_presence(GW, "unavailable")
    await first.expect(unavailable(GW))
    second.send_message(ECHO, "still here")
    await second.expect(message(ECHO, "still here"))


@everywhere
async def test_new_contacts_ask_for_subscription_once(echo, people):
    user = await people()
    await user.register(GW, "bob")
    await user.expect(presence(GW, "subscribe"))
    await user.online(GW)
    await user.expect(presence(ECHO, "subscribe"))
    for jid in (GW, ECHO):
        user.send_presence(jid, "subscribed")
        user.send_presence(jid, "subscribe")
        await user.expect(presence(jid, "subscribed"))
    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(GW))
    await user.online(GW)
    await user.expect(available(ECHO))
    await user.sync(GW)
    assert not user.take(presence(ECHO, "subscribe")), "asked again"


async def test_people_who_never_registered_are_left_alone(gateways, privileged_prosody, people):
    """A server that lets the gateway see presence shows it everybody's."""
    await gateways(privileged_prosody)
    user = await people(host=privileged_prosody)
    await user.sync(GW)
    assert not [s for s in user.inbox.seen if s.bare == GW and s.name != "iq"]


async def test_subscribing_to_a_name_makes_a_contact(gateways):
    host = await Host().start()
    try:
        await gateways(host)
        await host.login()
        romeo = host.user()
        await romeo.login()
        friend = f"friend\\40example.org@{GW}"
        for asked, answered in (("subscribe", "subscribed"), ("unsubscribe", "unsubscribed")):
            romeo.send("presence", to=friend, type=asked)
            await romeo.expect(presence(friend, answered))
    finally:
        await host.stop()


@everywhere
async def test_subscription_to_the_gateway_is_granted(echo, people):
    user = await people()
    await user.register(GW, "bob")
    user.send_presence(GW, "subscribe")
    await user.expect(presence(GW, "subscribed"))


async def test_a_refused_login_is_told_with_its_reason(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.register(GW, "bob", "wrong")
    user.send_presence(GW)
    told = await user.expect(message(GW, where=lambda s: s.body and "Bad password" in s.body))
    assert told.type != "error"
    await user.sync(GW)
    assert not user.take(available(GW))


async def test_probes_are_answered_with_what_is_known(gateways):
    host = await Host().start()
    try:
        await gateways(host)
        await host.login()
        romeo, nobody = host.user("romeo"), host.user("nobody")
        await romeo.login()
        await romeo.expect(available(ECHO))
        for target in (GW, ECHO):
            romeo.send("presence", to=target, type="probe")
            await romeo.expect(available(target))
        romeo.send("presence", to=f"stranger@{GW}", type="probe")
        await romeo.expect(matches("presence", f"stranger@{GW}", where=lambda s: s.type))
        nobody.send("presence", to=GW, type="probe")
        await nobody.expect(unavailable(GW))
    finally:
        await host.stop()


@everywhere
async def test_who_stays_connected_is_seen_and_written_to_without_a_client(gateways, home, people):
    gateway = await gateways(home, VILLAGE, **{"settings.stay_connected": 1})
    romeo, juliet = await people("romeo"), await people("juliet")
    await romeo.login(GW, "romeo")
    await juliet.login(GW, "juliet")
    juliet.send_presence(f"romeo@{GW}", "subscribe")
    await juliet.expect(available(f"romeo@{GW}"))
    await romeo.close()
    await juliet.expect(available(f"romeo@{GW}", show="xa"))
    gateway.stop()
    await juliet.expect(unavailable(GW))
    await gateway.up(home)
    await gateway.logged(f"online user={romeo.jid}")
    await juliet.online(GW)
    juliet.send_message(f"romeo@{GW}", "Good night")
    await juliet.sync(GW)
    again = await people(account=romeo.user, resource="again")
    got = await again.expect(message(f"juliet@{GW}", "Good night"))
    assert got.child("delay", DELAY) is not None, "the server has kept it"
    await again.online(GW)
    again.send_message(f"juliet@{GW}", "Parting is such sweet sorrow")
    await juliet.expect(message(f"romeo@{GW}", "Parting is such sweet sorrow"))
