# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: who may see whom (RFC 6121 section 3 and appendix A), between two users of one server, on a network that knows
it: the loopback backend, and foreign XMPP servers (Prosody, ejabberd) on which both of them have accounts."""

import asyncio
import itertools
import os
import signal

import pytest
import pytest_asyncio

import gateway
from person import RawUser
from processes import marked
from stanzas import available, matches, message, presence, unavailable

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
ROSTER = "jabber:iq:roster"


class Neighbour(RawUser):
    """One who asks what is in his roster, and is told of changes."""

    def __init__(self, host, name, resource="test"):
        super().__init__(host, name, resource)
        self.password = f"pass-{name.partition('%')[0]}"  # the network's

    async def told(self, whom):
        """The next change of this contact: (subscription, ask)."""
        got = await self.expect(matches("iq", type="set", where=lambda s: self._item(s, whom) is not None))
        item = self._item(got, whom)
        return item.get("subscription"), item.get("ask")

    async def becomes(self, whom, subscription, ask=None):
        """Some servers tell what has not changed, too."""
        while (got := await self.told(whom)) != (subscription, ask):
            pass
        return got

    def _item(self, stanza, whom):
        return next((i for i in stanza.xml.iterfind(f"{{{ROSTER}}}query/{{{ROSTER}}}item") if i.get("jid") == whom), None)

    async def listed(self, whom):
        """(subscription, ask) as the roster has it now; None: not in it."""
        item = self._item(await self.iq(None, f"<query xmlns='{ROSTER}'/>"), whom)
        return None if item is None else (item.get("subscription"), item.get("ask"))

    async def put(self, whom, content="", **more):
        attributes = "".join(f" {key}='{value}'" for key, value in more.items())
        answer = await self.iq(None, f"<query xmlns='{ROSTER}'><item jid='{whom}'{attributes}>{content}</item></query>", "set")
        assert answer.type == "result", answer

    async def hears_nothing(self):
        """Whatever was on its way has arrived: what was said to the other is done, and his own words are, too."""
        await self.sync(None)


class World:
    def __init__(self, server, people, names):
        self.server, self.people = server, people
        self.names = dict(zip(("ann", "bob"), names))

    def at(self, name):
        return f"{self.names[name]}@{DOMAIN}"

    async def comes(self, name, resource="test", **more):
        one = await self.people(host=self.server, kind=Neighbour, account=self.names[name], resource=resource, **more)
        return one


numbers = itertools.count(1)


@pytest_asyncio.fixture(params=["loopback", "prosody", "ejabberd"])
async def world(request, servers, people):
    if request.param == "loopback":
        server = await servers(gateway.LOOPBACK, service__jid_escaping=0, service__more_resources=1)
        number = next(numbers)
        return World(server, people, (f"ann{number}", f"bob{number}"))
    abroad = request.getfixturevalue(f"{request.param}_abroad")
    server = await servers(gateway.XMPP, service__jid_escaping=0, service__more_resources=1,
                           xmpp__server=f"127.0.0.1:{abroad.port}", xmpp__tls_ca_file=abroad.certificate)
    return World(server, people, [f"{abroad.account(name)}%{abroad.domain}" for name in ("ann", "bob")])


async def meet(world, both=False):
    """Ann sees Bob; or each sees the other."""
    ann, bob = await world.comes("ann"), await world.comes("bob")
    ann.send_presence(world.at("bob"), "subscribe")
    await bob.expect(presence(world.at("ann"), "subscribe"))
    bob.send_presence(world.at("ann"), "subscribed")
    await ann.becomes(world.at("bob"), "to")
    await ann.expect(presence(world.at("bob"), "subscribed"))
    await ann.expect(available(world.at("bob")))
    await bob.becomes(world.at("ann"), "from")
    if both:
        bob.send_presence(world.at("ann"), "subscribe")
        await ann.expect(presence(world.at("bob"), "subscribe"))
        ann.send_presence(world.at("bob"), "subscribed")
        await ann.becomes(world.at("bob"), "both")
        await bob.becomes(world.at("ann"), "both")
        await bob.expect(presence(world.at("ann"), "subscribed"))
        await bob.expect(available(world.at("ann")))
    return ann, bob


async def test_asking_and_accepting_in_both_directions(world):
    ann, bob = await world.comes("ann"), await world.comes("bob")
    ann.send_presence(world.at("bob"), "subscribe", "<status>We met at the fair.</status>")
    assert await ann.told(world.at("bob")) == ("none", "subscribe")
    question = await bob.expect(presence(world.at("ann"), "subscribe"))
    assert (question.resource, question.status) == ("", "We met at the fair.")
    assert await bob.listed(world.at("ann")) is None
    bob.send_presence(world.at("ann"), "subscribed")
    assert await bob.told(world.at("ann")) == ("from", None)
    await ann.expect(presence(world.at("bob"), "subscribed"))
    await ann.becomes(world.at("bob"), "to")
    await ann.expect(available(world.at("bob")))
    assert not bob.take(available(world.at("ann")))
    bob.send_presence(world.at("ann"), "subscribe")
    assert await bob.told(world.at("ann")) == ("from", "subscribe")
    await ann.expect(presence(world.at("bob"), "subscribe"))
    ann.send_presence(world.at("bob"), "subscribed")
    await ann.becomes(world.at("bob"), "both")
    await bob.becomes(world.at("ann"), "both")
    await bob.expect(presence(world.at("ann"), "subscribed"))
    await bob.expect(available(world.at("ann")))
    assert await ann.listed(world.at("bob")) == await bob.listed(world.at("ann")) == ("both", None)


async def test_refusing(world):
    ann, bob = await world.comes("ann"), await world.comes("bob")
    ann.send_presence(world.at("bob"), "subscribe")
    await ann.becomes(world.at("bob"), "none", "subscribe")
    await bob.expect(presence(world.at("ann"), "subscribe"))
    bob.send_presence(world.at("ann"), "unsubscribed")
    await ann.expect(presence(world.at("bob"), "unsubscribed"))
    await ann.becomes(world.at("bob"), "none")
    assert await bob.listed(world.at("ann")) is None
    # She may ask again, and he may think better of it.
    ann.send_presence(world.at("bob"), "subscribe")
    await bob.expect(presence(world.at("ann"), "subscribe"))
    bob.send_presence(world.at("ann"), "subscribed")
    await ann.becomes(world.at("bob"), "to")


async def test_taking_back_what_was_given(world):
    ann, bob = await meet(world, both=True)
    bob.send_presence(world.at("ann"), "unsubscribed")
    await bob.becomes(world.at("ann"), "to")
    await ann.expect(presence(world.at("bob"), "unsubscribed"))
    await ann.becomes(world.at("bob"), "from")
    await ann.expect(unavailable(world.at("bob")))
    await bob.hears_nothing()
    assert not bob.take(available(world.at("ann")))  # of her, nothing has changed
    bob.send_presence(content="<show>away</show>")
    ann.send_presence(content="<show>dnd</show>")
    await bob.expect(available(world.at("ann"), show="dnd"))
    assert not ann.take(available(world.at("bob"), show="away"))


async def test_giving_up_to_see(world):
    ann, bob = await meet(world, both=True)
    ann.send_presence(world.at("bob"), "unsubscribe")
    await ann.becomes(world.at("bob"), "from")
    await ann.expect(unavailable(world.at("bob")))
    await bob.expect(presence(world.at("ann"), "unsubscribe"))
    await bob.becomes(world.at("ann"), "to")
    ann.send_presence(content="<show>dnd</show>")
    await bob.expect(available(world.at("ann"), show="dnd"))


async def test_a_contact_that_is_removed_is_removed_in_both_directions(world):
    ann, bob = await meet(world, both=True)
    await ann.put(world.at("bob"), subscription="remove")
    assert (await ann.told(world.at("bob")))[0] == "remove"
    await bob.becomes(world.at("ann"), "none")
    await bob.expect(presence(world.at("ann"), "unsubscribe"))
    await bob.expect(presence(world.at("ann"), "unsubscribed"))
    await bob.expect(unavailable(world.at("ann")))
    assert await ann.listed(world.at("bob")) is None
    assert await bob.listed(world.at("ann")) == ("none", None)


async def test_to_list_somebody_asks_him_nothing(world):
    ann, bob = await world.comes("ann"), await world.comes("bob")
    await ann.put(world.at("bob"), "<group>Neighbours</group>", name="Bobby")
    await ann.becomes(world.at("bob"), "none")
    ann.send_message(world.at("bob"), "I have you in my list")
    await bob.expect(message(world.at("ann"), "I have you in my list"))
    assert not bob.take(presence(world.at("ann")))
    assert await bob.listed(world.at("ann")) is None
    ann.send_presence(world.at("bob"), "subscribe")
    await ann.becomes(world.at("bob"), "none", "subscribe")
    answer = await ann.iq(None, f"<query xmlns='{ROSTER}'/>")
    item = ann._item(answer, world.at("bob"))
    assert (item.get("name"), item[0].text) == ("Bobby", "Neighbours")


async def test_a_question_waits_for_who_is_away_until_it_is_answered(world):
    ann = await world.comes("ann")
    bob = await world.comes("bob")
    await bob.close()
    ann.send_presence(world.at("bob"), "subscribe", "<status>It is me</status>")
    await ann.becomes(world.at("bob"), "none", "subscribe")
    bob = await world.comes("bob")
    assert (await bob.expect(presence(world.at("ann"), "subscribe"))).status == "It is me"
    other = await world.comes("bob", "second")
    assert (await other.expect(presence(world.at("ann"), "subscribe"))).status == "It is me"
    await other.close()
    await bob.close()
    bob = await world.comes("bob")
    await bob.expect(presence(world.at("ann"), "subscribe"))
    bob.send_presence(world.at("ann"), "subscribed")
    await ann.becomes(world.at("bob"), "to")
    await bob.becomes(world.at("ann"), "from")
    third = await world.comes("bob", "third")
    await third.hears_nothing()
    assert not third.take(presence(world.at("ann"), "subscribe"))


@pytest.mark.parametrize("world", ["loopback", "prosody"], indirect=True)  # ejabberd says nothing to who was asked
async def test_a_question_is_taken_back(world):
    ann, bob = await world.comes("ann"), await world.comes("bob")
    ann.send_presence(world.at("bob"), "subscribe")
    await bob.expect(presence(world.at("ann"), "subscribe"))
    ann.send_presence(world.at("bob"), "unsubscribe")
    await ann.becomes(world.at("bob"), "none", "subscribe")
    await ann.becomes(world.at("bob"), "none")
    await bob.expect(presence(world.at("ann"), "unsubscribe"))
    late = await world.comes("bob", "late")
    await late.hears_nothing()
    assert not late.take(presence(world.at("ann"), "subscribe"))
    # An answer comes too late.
    bob.send_presence(world.at("ann"), "subscribed")
    bob.send_message(world.at("ann"), "too late")
    await ann.expect(message(world.at("bob"), "too late"))
    assert not ann.take(presence(world.at("bob"), "subscribed"))
    assert await ann.listed(world.at("bob")) == ("none", None)


async def test_who_was_not_asked_can_give_nothing(world):
    ann, bob = await world.comes("ann"), await world.comes("bob")
    bob.send_presence(world.at("ann"), "subscribed")
    bob.send_presence(world.at("ann"), "unsubscribed")
    bob.send_message(world.at("ann"), "Hello")
    await ann.expect(message(world.at("bob"), "Hello"))
    assert not ann.take(presence(world.at("bob")))
    assert await ann.listed(world.at("bob")) is None


async def test_who_sees_already_is_not_asked_about_again(world):
    ann, bob = await meet(world)
    ann.send_presence(world.at("bob"), "subscribe")
    ann.send_message(world.at("bob"), "once more")
    await bob.expect(message(world.at("ann"), "once more"))
    assert not bob.take(presence(world.at("ann"), "subscribe"))
    assert await ann.listed(world.at("bob")) == ("to", None)


async def test_every_client_is_told_and_versions_hold(world):
    ann = await world.comes("ann")
    second = await world.comes("ann", "second")
    bob = await world.comes("bob")
    ann.send_presence(world.at("bob"), "subscribe")
    for one in (ann, second):
        assert await one.told(world.at("bob")) == ("none", "subscribe")
    await bob.expect(presence(world.at("ann"), "subscribe"))
    bob.send_presence(world.at("ann"), "subscribed")
    version = None
    for one in (ann, second):
        await one.expect(presence(world.at("bob"), "subscribed"))
        while True:
            pushed = await one.expect(matches("iq", type="set"))
            item = one._item(pushed, world.at("bob"))
            if item is not None and item.get("subscription") == "to":
                version = pushed.xml[0].get("ver")
                break
        await one.expect(available(world.at("bob")))
    third = await world.comes("ann", "third", initial_presence=False)
    answer = await third.iq(None, f"<query xmlns='{ROSTER}' ver='{version}'/>")
    assert len(answer.xml) == 0
    # What a client shows reaches whoever sees the user.
    bob.send_presence(content="<show>xa</show><status>Gone fishing</status>")
    for one in (ann, second):
        await one.expect(available(world.at("bob"), show="xa", status="Gone fishing"))


async def test_states_survive_who_is_away(world):
    ann, bob = await meet(world)
    await ann.close()
    bob.send_presence(world.at("ann"), "unsubscribed")
    await bob.becomes(world.at("ann"), "none")
    ann = await world.comes("ann")
    await ann.hears_nothing()
    assert await ann.listed(world.at("bob")) == ("none", None)
    assert not ann.take(available(world.at("bob")))


async def test_unavailable_when_the_last_client_goes(world):
    ann, bob = await meet(world, both=True)
    second = await world.comes("bob", "second")
    await second.close()
    await bob.close()
    await ann.expect(unavailable(world.at("bob")))


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
async def test_nobody_of_this_name(world):
    ann = await world.comes("ann")
    ann.send_presence(f"nobody@{DOMAIN}", "subscribe")
    await ann.becomes(f"nobody@{DOMAIN}", "none", "subscribe")
    await ann.expect(presence(f"nobody@{DOMAIN}", "unsubscribed"))
    await ann.becomes(f"nobody@{DOMAIN}", "none")
    ann.send_message(f"nobody@{DOMAIN}", "Hello?")
    got = await ann.expect(message(f"nobody@{DOMAIN}", type="error"))
    assert got.condition == "item-not-found"


def change(jid, **attributes):
    attributes = "".join(f" {key}='{value}'" for key, value in attributes.items())
    return f"<iq type='set' id='{next(numbers)}'><query xmlns='{ROSTER}'><item jid='{jid}'{attributes}/></query></iq>"


async def pushes(one):
    """(name, subscription) of what was pushed until all that he has said is done, by the network, too."""
    one.send_message(f"nobody@{DOMAIN}", "Are you there?")
    await one.expect(message(f"nobody@{DOMAIN}", type="error"))
    return [(item.get("name"), item.get("subscription")) for push in one.take(matches("iq", type="set"))
            for item in push.xml.iter(f"{{{ROSTER}}}item")]


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
async def test_what_the_network_says_too_late_undoes_nothing(world):
    """The answer to the first change is on its way when the second one is made."""
    ann = await world.comes("ann")
    carol = f"carol@{DOMAIN}"
    ann.send(change(carol, name="Carol") + change(carol, name="Caroline"))
    assert await pushes(ann) == [("Carol", "none"), ("Caroline", "none")]
    ann.send(change(carol, name="Carola") + change(carol, subscription="remove"))
    assert await pushes(ann) == [("Carola", "none"), (None, "remove")]
    assert await ann.listed(carol) is None
    ann.send(change(carol, name="C") + change(carol, subscription="remove") + change(carol, name="D"))
    assert await pushes(ann) == [("C", "none"), (None, "remove"), ("D", "none")]
    assert await ann.listed(carol) == ("none", None)


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
async def test_words_wait_for_who_is_away(world):
    ann, bob = await meet(world)
    await bob.close()
    await ann.expect(unavailable(world.at("bob")))
    ann.send_message(world.at("bob"), "while you were out")
    await ann.hears_nothing()
    bob = await world.comes("bob")
    got = await bob.expect(message(world.at("ann"), "while you were out"))
    assert got.child("delay", "urn:xmpp:delay") is not None


async def test_who_cannot_be_asked_now(servers, people, directories):
    """The backend has died, and the next one is slow."""
    script = directories("slow") / "backend"
    script.write_text(f"#!/bin/sh\n[ -e {script}.again ] && sleep 2\ntouch {script}.again\nexec {gateway.LOOPBACK} \"$@\"\n")
    script.chmod(0o755)
    server = await servers(script, service__jid_escaping=0)
    ann = await people(host=server, kind=Neighbour, account="ann")
    bob = await people(host=server, kind=Neighbour, account="bob")
    [pid] = marked(server.directory).keys() - {server.child.pid}
    os.kill(pid, signal.SIGKILL)
    await server.logged(f"pid={pid} .*users=2")
    ann.send_presence(f"bob@{DOMAIN}", "subscribe")
    got = await ann.expect(presence(f"bob@{DOMAIN}", "error"))
    assert got.condition == "recipient-unavailable" and got.error[2]
    while await bob.listed(f"ann@{DOMAIN}") is None and not bob.take(presence(f"ann@{DOMAIN}", "subscribe")):
        ann.send_presence(f"bob@{DOMAIN}", "subscribe")  # some time later
        await asyncio.sleep(0.1)
