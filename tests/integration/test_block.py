# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocking by the network: as XEP-0191 to the gateway or a contact, as commands, and as it shows; and people who were
refused or are gone without a word."""

from gateway import SCRIPTED
from profiles import EVE, GW, buddy, frames, told
from rosters import pushed, roster
from stanzas import DISCO_INFO, DISCO_ITEMS, available, message, presence, unavailable

BLOCKING = "urn:xmpp:blocking"
COMMANDS = "http://jabber.org/protocol/commands"
ABLE = f"{SCRIPTED} --features=blocking"
ANN = f"ann@{GW}"


async def block(user, *jids, verb="block", to=GW):
    items = "".join(f"<item jid='{jid}'/>" for jid in jids)
    return await user.iq(to, f"<{verb} xmlns='{BLOCKING}'>{items}</{verb}>", "set", limit=40)


async def blocked(user):
    answer = await user.iq(GW, f"<blocklist xmlns='{BLOCKING}'/>")
    assert answer.type == "result", answer
    return {item.get("jid") for item in answer.xml.iter(f"{{{BLOCKING}}}item")}


async def features(user, jid):
    answer = await user.iq(jid, f"<query xmlns='{DISCO_INFO}'/>")
    return {feature.get("var") for feature in answer.xml.iter(f"{{{DISCO_INFO}}}feature")}


async def started(gateways, people, host, backend=ABLE):
    gateway = await gateways(host, backend)
    user = await people(host=host)
    await user.login(GW)
    return gateway, user


async def test_the_network_blocks_and_it_shows(gateways, each_host, people):
    gateway, user = await started(gateways, people, each_host)
    assert BLOCKING in await features(user, GW)
    await frames(user, buddy("ann"), buddy("ben"))
    await user.expect(available(ANN))
    assert (await block(user, ANN)).type == "result"
    await user.expect(message(ANN, "blocked=1"))
    gone = await user.expect(unavailable(ANN))
    assert "blocked" in gone.status
    assert await blocked(user) == {ANN}
    # Whatever the network says of her: she stays out of sight.
    await frames(user, [6, {2: "ann", 5: 1, 8: 1}])
    assert not user.take(available(ANN))
    # It is the network's, but is remembered here.
    gateway.stop()
    await gateway.up(each_host)
    await user.online(GW)
    assert await blocked(user) == {ANN}
    assert (await block(user, ANN, verb="unblock")).type == "result"
    await user.expect(message(ANN, "blocked=0"))
    await frames(user, buddy("ann"))
    await user.expect(available(ANN))
    assert await blocked(user) == set()


async def test_the_network_has_the_last_word(gateways, prosody, people):
    _, user = await started(gateways, people, prosody)
    await frames(user, buddy("op"), buddy("ann"))
    answer = await block(user, ANN, f"op@{GW}")
    assert answer.error[1:] == ("not-allowed", "Not the operator.")
    assert await blocked(user) == {ANN}
    answer = await block(user, f"silent@{GW}")
    assert answer.condition == "remote-server-timeout"


async def test_strangers_are_blocked_without_becoming_contacts(gateways, prosody, people):
    gateway, user = await started(gateways, people, prosody)
    stranger = f"stranger@{GW}"
    assert (await block(user, stranger)).type == "result"
    assert await blocked(user) == {stranger}
    gateway.stop()
    await gateway.up(prosody)
    await user.online(GW)
    await told(user, "E x")
    assert await blocked(user) == {stranger}
    assert not [s for s in user.inbox.seen if s.name == "presence" and s.bare == stranger]
    assert (await block(user, verb="unblock")).type == "result"  # all
    assert await blocked(user) == set()


async def test_a_contact_can_be_asked_itself(gateways, prosody, people):
    _, user = await started(gateways, people, prosody)
    await frames(user, buddy("ann"))
    assert (await block(user, to=ANN)).type == "result"
    assert await blocked(user) == {ANN}
    assert (await block(user, ANN, to=ANN, verb="unblock")).type == "result"
    assert await blocked(user) == set()


async def test_commands_of_a_contact(gateways, prosody, people):
    _, user = await started(gateways, people, prosody)
    await frames(user, buddy("ann"))
    answer = await user.iq(ANN, f"<query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'/>")
    items = {item.get("node"): item.get("jid") for item in answer.xml.iter(f"{{{DISCO_ITEMS}}}item")}
    assert items == {"block": ANN, "unblock": ANN, "remove-contact": ANN}
    assert COMMANDS in await features(user, ANN)
    answer = await user.iq(ANN, f"<query xmlns='{DISCO_INFO}' node='block'/>")
    assert answer.xml.find(f".//{{{DISCO_INFO}}}identity").get("type") == "command-node"

    async def run(node):
        answer = await user.iq(ANN, f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>", "set")
        assert answer.type == "result", answer
        return answer.child("command", COMMANDS).get("status"), answer.xml.findtext(f".//{{{COMMANDS}}}note")
    assert (await run("block"))[0] == "completed" and await blocked(user) == {ANN}
    assert (await run("unblock"))[0] == "completed" and await blocked(user) == set()
    assert (await run("remove-contact"))[0] == "completed"
    await user.expect(unavailable(ANN))
    assert (await user.iq(ANN, "<query xmlns='jabber:iq:last'/>")).condition == "item-not-found"
    answer = await user.iq(ANN, f"<command xmlns='{COMMANDS}' node='unregister' action='execute'/>", "set")
    assert answer.condition == "item-not-found"


async def test_block_by_chat(gateways, prosody, people):
    _, user = await started(gateways, people, prosody)
    await frames(user, buddy("ann"))
    user.send_message(GW, "block ann")
    await user.expect(message(GW, where=lambda s: s.body and "done" in s.body))
    assert await blocked(user) == {ANN}
    user.send_message(GW, f"unblock {ANN}")
    await user.expect(message(GW, where=lambda s: s.body and "done" in s.body))
    assert await blocked(user) == set()


async def test_bad_requests(gateways, prosody, people):
    _, user = await started(gateways, people, prosody)
    for jids, condition in (((), "bad-request"), (("romeo@localhost",), "not-acceptable"), (("@@",), "not-acceptable"),
                            ((GW,), "not-acceptable")):
        answer = await block(user, *jids)
        assert answer.condition == condition and answer.error[2], jids
    other = await people(host=prosody)
    for answer in (await block(other, ANN), await other.iq(GW, f"<blocklist xmlns='{BLOCKING}'/>")):
        assert answer.condition == "registration-required"


async def test_blocking_can_be_switched_off(gateways, prosody, people):
    await gateways(prosody, ABLE, **{"service.enable_privacy_lists": 0})
    user = await people(host=prosody)
    await user.login(GW)
    assert BLOCKING not in await features(user, GW)
    assert (await block(user, ANN)).condition == "feature-not-implemented"


async def test_a_network_that_can_not_block(gateways, prosody, people):
    _, user = await started(gateways, people, prosody, SCRIPTED)
    assert BLOCKING not in await features(user, GW)
    answer = await block(user, ANN)
    assert answer.condition == "feature-not-implemented" and "your own server" in answer.error[2]


# Requests, and who vanishes

async def test_x_16_a_refused_request_does_not_return(gateways, prosody, people):
    gateway, user = await started(gateways, people, prosody)
    shy = f"shy\\40net@{GW}"
    await told(user, "REQUEST shy@net")
    await user.expect(presence(shy, "subscribe"))
    user.send_presence(shy, "unsubscribed")
    await user.sync(GW)

    async def repeated():
        """The network says it again, as if it had forgotten."""
        await told(user, "REQUEST shy@net")
        await user.sync(GW)
        return user.take(presence(shy, "subscribe"))
    assert not await repeated()
    gateway.stop()
    await gateway.up(prosody)
    await user.online(GW)
    assert not await repeated()
    # Until the user himself adds him.
    user.send_presence(shy, "subscribe")
    await user.expect(presence(shy, "subscribed"))
    await user.expect(presence(shy, "subscribe"))
    for type in ("subscribed", "unsubscribed", "unsubscribe"):
        user.send_presence(shy, type)
        await user.sync(GW)
    assert await repeated()


async def test_an_accepted_request_stays_accepted(gateways, prosody, people):
    gateway, user = await started(gateways, people, prosody)
    shy = f"shy\\40net@{GW}"
    await told(user, "REQUEST shy@net")
    await user.expect(presence(shy, "subscribe"))
    user.send_presence(shy, "subscribed")
    await user.sync(GW)
    gateway.stop()
    await gateway.up(prosody)
    await user.online(GW)
    await frames(user, buddy("shy@net"))
    await user.expect(available(shy))
    assert not user.take(presence(shy, "subscribe"))


async def test_contacts_never_vanish_by_themselves(gateways, privileged_prosody, people):
    """Not by a crash of the backend, a lost network, a log-in that names only some, or a restart."""
    gateway = await gateways(privileged_prosody, SCRIPTED)
    user = await people(host=privileged_prosody)
    assert (await user.register(GW, user.user)).type == "result"
    await pushed(user, GW, "both")
    await user.expect(available(GW))
    names = [f"c{number}" for number in range(20)]
    await frames(user, *(buddy(name) for name in names))
    for name in names:
        await pushed(user, f"{name}@{GW}", "both")
    wanted = {f"{name}@{GW}" for name in names} | {GW}
    for harm in ("KILL", "D0", "restart"):
        user.take(available(GW))
        if harm == "restart":
            gateway.stop()
            await gateway.up(privileged_prosody)
            await user.online(GW)
        else:
            user.send_message(EVE, harm)
            await user.expect(available(GW), 20)
        await frames(user, buddy("c3"))
        await user.expect(available(f"c3@{GW}"))
        assert set(await roster(user)) == wanted
    assert not [s for s in user.inbox.seen if s.name == "presence" and s.type == "unsubscribed"]
    await told(user, "GONE c3")
    await pushed(user, f"c3@{GW}", "remove")
    assert set(await roster(user)) == wanted - {f"c3@{GW}"}
