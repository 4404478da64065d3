# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user sees of the people on the network: what their clients can do (XEP-0115), show and text, how long they are
idle (XEP-0319, XEP-0012); and what they see of him."""

import datetime

from gateway import SCRIPTED
from person import RawUser
from profiles import CAPS, EVE, GW, buddy, frames
from rosters import ROSTER, roster
from stanzas import ATTENTION, CHATSTATES, DISCO_INFO, RECEIPTS, available, message, unavailable

ANN = f"ann@{GW}"
IDLE = "urn:xmpp:idle:1"
LAST = "jabber:iq:last"
TYPING_BIT, ATTENTION_BIT = 1 << 16, 1 << 17


def caps(stanza):
    """node#ver of a presence; None if it has none."""
    elements = list(stanza.xml.iter(f"{{{CAPS}}}c"))
    assert len(elements) <= 1
    return f"{elements[0].get('node')}#{elements[0].get('ver')}" if elements else None


async def features(user, jid, node=None):
    node = f" node='{node}'" if node else ""
    answer = await user.iq(jid, f"<query xmlns='{DISCO_INFO}'{node}/>")
    assert answer.type == "result", answer
    return {feature.get("var") for feature in answer.xml.iter(f"{{{DISCO_INFO}}}feature")}


async def verified(user, jid, node):
    """Asks with slixmpp, and computes the hash with it."""
    info = await user.client["xep_0030"].get_info(jid=jid, node=node, timeout=10)
    made = user.client["xep_0115"].generate_verstring(info["disco_info"], "sha-1")
    return node.endswith("#" + made)


# Capabilities

async def test_capabilities_are_what_discovery_says(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    gateway = await user.login(GW)
    assert await verified(user, gateway.sender, caps(gateway))
    await frames(user, buddy("ann"))
    ann = await user.expect(available(ANN))
    assert await verified(user, ann.sender, caps(ann))
    assert CHATSTATES in await features(user, ann.sender)


async def test_each_contact_announces_what_it_can_do(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await frames(user, buddy("ann"), buddy("ben", f102=TYPING_BIT), buddy("cat", f102=TYPING_BIT | ATTENTION_BIT), buddy("dan"))
    seen = {name: await user.expect(available(f"{name}@{GW}")) for name in ("ann", "ben", "cat", "dan")}
    assert len({caps(stanza) for stanza in seen.values()}) == 3
    assert caps(seen["ann"]) == caps(seen["dan"])
    for name, has in (("ann", {CHATSTATES, ATTENTION}), ("ben", {ATTENTION}), ("cat", set())):
        assert await verified(user, seen[name].sender, caps(seen[name]))
        assert await features(user, seen[name].sender, caps(seen[name])) & {CHATSTATES, ATTENTION} == has
        assert await features(user, seen[name].bare) & {CHATSTATES, ATTENTION} == has
    # A hash stands for one thing, whomever one asks; one that nobody has stands for nothing.
    assert CHATSTATES in await features(user, seen["cat"].sender, caps(seen["ann"]))
    for node in ("urn:spectrum2:contact#nonsense", "urn:spectrum2:gateway#x", "http://example.org/#x"):
        answer = await user.iq(seen["ann"].sender, f"<query xmlns='{DISCO_INFO}' node='{node}'/>")
        assert answer.condition == "item-not-found"


async def test_a_network_that_learns_something_is_announced_anew(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await frames(user, buddy("ann"))
    before = await user.expect(available(ANN))
    assert RECEIPTS not in await features(user, before.sender, caps(before))
    user.send_message(EVE, "CONF [features]|receipts=1|typing=0")
    await frames(user, buddy("ann", 1))
    after = await user.expect(available(ANN))
    assert await verified(user, after.sender, caps(after))
    assert await features(user, after.sender, caps(after)) & {RECEIPTS, CHATSTATES} == {RECEIPTS}


async def test_who_is_offline_has_no_capabilities(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    await frames(user, buddy("ann"), buddy("ann", 5, f6="bye"))
    assert caps(await user.expect(available(ANN)))
    gone = await user.expect(unavailable(ANN))
    assert not caps(gone) and gone.child("x", "vcard-temp:x:update") is None


# Presence

async def test_show_and_text_of_contacts(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    await user.login(GW)
    for status, show in enumerate((None, "away", "chat", "xa", "dnd")):
        await frames(user, buddy("ann", status, f6=f"text {status}"))
        ann = await user.expect(available(ANN))
        assert (ann.show, ann.status) == (show, f"text {status}")


async def test_show_and_text_of_the_user(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    await user.login(GW)
    told = f"status@{GW}"
    for content, wanted in (("<show>away</show><status>lunch</status>", "1 lunch"), ("<show>chat</show>", "2 "),
                            ("<show>xa</show><status>a &lt; b</status>", "3 a < b"), ("<show>dnd</show>", "4 "),
                            ("<invisible xmlns='urn:xmpp:invisible:0'/>", "6 "), ("", "0 ")):
        user.send_presence(GW, content=content)
        await user.expect(message(told, wanted))


async def test_idle_people_say_since_when(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host, kind=RawUser)
    await user.login(GW)
    since = int(datetime.datetime.now().timestamp()) - 600
    await frames(user, buddy("ann", 1, f101=since * 1000))
    ann = await user.expect(available(ANN))
    stamp = ann.child("idle", IDLE).get("since")
    assert datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() == since
    assert 600 <= await last(user, ANN) < 660
    await frames(user, buddy("ann"))
    ann = await user.expect(available(ANN))
    assert ann.child("idle", IDLE) is None
    assert await last(user, ANN) == 0


async def last(user, jid):
    answer = await user.iq(jid, f"<query xmlns='{LAST}'/>")
    assert answer.type == "result", answer
    return int(answer.child("query", LAST).get("seconds"))


async def test_when_somebody_was_seen_last(gateways, each_host, people):
    await gateways(each_host, SCRIPTED)
    user = await people(host=each_host)
    await user.login(GW)
    since = int(datetime.datetime.now().timestamp()) - 3600
    await frames(user, buddy("ann", 5, f6="gone home", f101=since * 1000), buddy("ben", 5))
    assert 3600 <= await last(user, ANN) < 3660
    answer = await user.iq(ANN, f"<query xmlns='{LAST}'/>")
    assert answer.child("query", LAST).text == "gone home"
    for name in ("ben", "nobody"):
        answer = await user.iq(f"{name}@{GW}", f"<query xmlns='{LAST}'/>")
        assert answer.condition == "item-not-found" and answer.error[2]


async def test_times_without_sense_are_left_out(gateways, prosody, people):
    await gateways(prosody, SCRIPTED)
    user = await people()
    await user.login(GW)
    for time in (-5, 1 << 62):
        await frames(user, buddy("ann", 1, f101=time))
        assert (await user.expect(available(ANN))).child("idle", IDLE) is None


# Presence by privilege

async def test_presence_of_local_users_is_enough(gateways, each_privileged_host, people):
    """Whoever is registered is logged in by his presence, without a subscription; all others are left alone, and what the host
    shows the gateway of its own contacts does no harm."""
    host = each_privileged_host
    await gateways(host, SCRIPTED)
    user, stranger = await people(host=host), await people(host=host)
    assert (await user.register(GW, user.user)).type == "result"
    user.send_presence()
    await user.expect(available(GW))
    user.send_presence(type="unavailable")
    # Nothing of the gateway in the roster, nothing said to it.
    for jid in await roster(user):
        await user.iq(None, f"<query xmlns='{ROSTER}'><item jid='{jid}' subscription='remove'/></query>", "set")
    user.inbox.waiting.clear()
    user.send_presence()
    await user.expect(message(f"status@{GW}", "0 "))
    await frames(user, buddy("ann"), buddy("ben"))
    user.send_presence(content="<show>away</show>")
    await user.expect(message(f"status@{GW}", "1 "))
    for show in ("xa", "dnd", ""):
        stranger.send_presence(content=f"<show>{show}</show>" if show else "")
    await stranger.sync(GW)
    assert not [s for s in stranger.inbox.seen if s.bare == GW and s.name != "iq"]


async def test_who_registers_late_is_no_stranger(gateways, privileged_prosody, people):
    await gateways(privileged_prosody, SCRIPTED)
    user = await people(host=privileged_prosody)
    for _ in range(3):  # seen, and found to be a stranger
        user.send_presence()
        await user.sync(GW)
    assert (await user.register(GW, user.user)).type == "result"
    user.send_presence()
    await user.expect(available(GW))
