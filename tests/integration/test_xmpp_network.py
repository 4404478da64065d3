# SPDX-License-Identifier: GPL-2.0-or-later
"""XMPP as a network, the whole way: people on Prosody, a gateway there, their accounts on Prosody and ejabberd elsewhere,
and other people there."""

import asyncio
import os
import signal
import urllib.request

import pytest_asyncio

import gateway as program
from person import RawUser
from processes import LIMIT
from stanzas import DISCO_INFO, DISCO_ITEMS, available, matches, message, presence, unavailable

BOOKMARKS = "urn:xmpp:bookmarks:1"
PUBSUB = "http://jabber.org/protocol/pubsub"
COMMANDS = "http://jabber.org/protocol/commands"
UPLOAD = "urn:xmpp:http:upload:0"

GW = "gw.localhost"


def at_gateway(jid):
    """The address that somebody elsewhere has at the gateway."""
    return jid.replace("@", "\\40") + f"@{GW}"


@pytest_asyncio.fixture
async def network(gateways, prosody, abroad):
    return await gateways(prosody, program.XMPP, xmpp__server=f"127.0.0.1:{abroad.port}",
                          xmpp__tls_ca_file=abroad.certificate)


@pytest_asyncio.fixture
async def bob(people, abroad):
    return await people("bob", host=abroad)


@pytest_asyncio.fixture
async def romeo(network, people, abroad):
    """A user of the gateway; `address` is his account abroad."""
    user = await people("romeo")
    account = abroad.account("al")
    user.address = f"{account}@{abroad.domain}"
    answer = await user.register(GW, user.address, f"pass-{account}")
    assert answer.type == "result", answer
    await user.online(GW)
    return user


async def friends(romeo, bob):
    """Both have added each other."""
    theirs = at_gateway(bob.jid)
    romeo.send_presence(theirs, "subscribe")
    await bob.expect(presence(romeo.address, "subscribe"))
    bob.send_presence(romeo.address, "subscribed")
    bob.send_presence(romeo.address, "subscribe")
    asked = await romeo.expect(presence(theirs, "subscribe"))
    romeo.send_presence(asked.bare, "subscribed")
    await bob.expect(available(romeo.address))
    await romeo.expect(available(theirs))
    return theirs


async def test_contacts_chat_and_receipts(romeo, bob):
    theirs = await friends(romeo, bob)
    id = romeo.send_message(theirs, "hello", "<request xmlns='urn:xmpp:receipts'/>")
    here = await bob.expect(message(romeo.address, "hello"))
    bob.send_message(here.sender, content=f"<received xmlns='urn:xmpp:receipts' id='{id}'/>")
    await romeo.expect(message(theirs, where=lambda s: s.child("received", "urn:xmpp:receipts") is not None))
    bob.send_message(romeo.address, "hi", "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await romeo.expect(message(theirs, "hi"))
    bob.send("<presence><show>away</show><status>tea</status></presence>")
    await romeo.expect(available(theirs, show="away", status="tea"))
    romeo.send_presence(GW, "unavailable")
    await bob.expect(unavailable(romeo.address))


async def test_a_message_that_is_refused_far_away(romeo, abroad):
    theirs = at_gateway(f"nobody@nowhere.{abroad.domain}")
    romeo.send_message(theirs, "anybody there")
    # As an error, or as words if the server had taken it already.
    got = await romeo.expect(message(theirs), 2 * LIMIT)
    assert got.type == "error" or "not delivered" in got.body


async def test_a_room(romeo, bob, abroad):
    name = f"tea@{abroad.rooms}"
    bob.enter(name, "bob")
    await bob.expect(presence(f"{name}/bob", where=lambda s: 110 in s.codes))
    await bob.iq(name, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                       "type='submit'/></query>", "set")
    room = at_gateway(name)
    stanzas = await romeo.join(room, "romeo")
    assert [s.resource for s in stanzas[:-1]] == ["bob", "romeo"]
    id = romeo.send_message(room, "hello", type="groupchat")
    await bob.expect(message(f"{name}/romeo", "hello"))
    back = await romeo.expect(message(f"{room}/romeo", "hello"))
    assert back.id == id and back.type == "groupchat"
    bob.send_message(name, "welcome", type="groupchat")
    await romeo.expect(message(f"{room}/bob", "welcome"))
    romeo.leave(room, "romeo")
    await bob.expect(unavailable(f"{name}/romeo"))


async def test_a_wrong_password_reaches_the_user(network, people, abroad):
    user = await people("juliet")
    assert (await user.register(GW, f"nobody@{abroad.domain}", "wrong")).type == "result"
    user.send_presence(GW)
    told = await user.expect(message(GW))
    assert "password" in told.body


async def test_a_configuration_for_the_old_backend(gateways, prosody, prosody_abroad, people, directories):
    """The name that Spectrum 2's configurations have, installed as a link."""
    link = directories("old") / "spectrum2_swiften_backend"
    link.symlink_to(program.XMPP)
    await gateways(prosody, link, xmpp__server=f"127.0.0.1:{prosody_abroad.port}",
                   xmpp__tls_ca_file=prosody_abroad.certificate, service__protocol="xmpp",
                   registration__username_label="Jabber ID")
    user = await people("romeo")
    account = prosody_abroad.account("al")
    await user.register(GW, f"{account}@{prosody_abroad.domain}", f"pass-{account}")
    await user.online(GW)


async def test_a_backend_that_is_killed_costs_nothing_but_a_moment(network, romeo, bob):
    theirs = await friends(romeo, bob)
    pids = network.backends()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await network.backend_started(other_than=pids)
    network.ignore_reports = True
    await romeo.expect(available(theirs), 3 * LIMIT)
    romeo.send_message(theirs, "and now")
    await bob.expect(message(romeo.address, "and now"), 2 * LIMIT)


# What the gateway itself does not know


def service(domain):
    return f"{domain}@{GW}"


def items_of(answer):
    return {item.get("jid"): item.get("node") for item in answer.child("query", DISCO_ITEMS)}


async def test_services_of_the_foreign_server_are_found_from_the_gateway(romeo, abroad):
    own = service(abroad.domain)
    assert own in items_of(await romeo.iq(GW, f"<query xmlns='{DISCO_ITEMS}'/>"))
    there = items_of(await romeo.iq(own, f"<query xmlns='{DISCO_ITEMS}'/>"))
    assert service(abroad.rooms) in there
    info = await romeo.iq(service(abroad.rooms), f"<query xmlns='{DISCO_INFO}'/>")
    assert "conference" in repr(info) and info.sender == service(abroad.rooms)
    nobody = await romeo.iq(service("nowhere." + abroad.domain), "<query xmlns='jabber:iq:search'/>")
    assert nobody.type == "error" and nobody.condition


async def test_commands_of_a_foreign_service(romeo, abroad):
    own = service(abroad.domain)
    there = items_of(await romeo.iq(own, f"<query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'/>"))
    node = there[own]
    done = await romeo.iq(own, f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>", "set")
    command = done.child("command", COMMANDS)
    assert done.type == "result" and command.get("status") == "completed" and command.get("node") == node
    wrong = await romeo.iq(own, f"<command xmlns='{COMMANDS}' node='no-such' action='execute'/>", "set")
    assert wrong.type == "error" and wrong.condition in ("item-not-found", "service-unavailable")


async def test_a_request_under_way_is_answered_when_the_backend_dies(network, romeo, people, abroad):
    bob = await people("bob", host=abroad, kind=RawUser)
    client = await friends(romeo, bob) + "/his-client"
    asking = asyncio.create_task(romeo.iq(client, f"<command xmlns='{COMMANDS}' node='lamp'/>", "set"))
    await bob.expect(matches("iq", romeo.address, "set"))
    network.ignore_reports = True
    for pid in network.backends():
        os.kill(pid, signal.SIGKILL)
    assert (await asking).condition == "recipient-unavailable"
    await romeo.expect(available(GW), 3 * LIMIT)


async def test_commands_of_a_contacts_client_in_steps(romeo, people, abroad):
    bob = await people("bob", host=abroad, kind=RawUser)
    theirs = await friends(romeo, bob)
    here = (await romeo.iq(theirs, f"<query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'/>")).sender
    client = here + "/his-client"
    asking = asyncio.create_task(romeo.iq(client, f"<query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'/>"))
    asked = await bob.expect(matches("iq", romeo.address, "get", where=lambda s: s.child("query", DISCO_ITEMS) is not None))
    bob.send(f"<iq type='result' id='{asked.id}' to='{asked.sender}'><query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'>"
             f"<item jid='{bob.full}' node='lamp' name='Lamp'/></query></iq>")
    listed = await asking
    lamp = next(item for item in listed.child("query", DISCO_ITEMS) if item.get("node") == "lamp")
    assert lamp.get("jid") == f"{theirs}/test" and len(listed.child("query", DISCO_ITEMS)) > 1
    asking = asyncio.create_task(romeo.iq(lamp.get("jid"), f"<command xmlns='{COMMANDS}' node='lamp'/>", "set"))
    asked = await bob.expect(matches("iq", romeo.address, "set"))
    bob.send(f"<iq type='result' id='{asked.id}' to='{asked.sender}'><command xmlns='{COMMANDS}' node='lamp' sessionid='7' "
             "status='executing'><x xmlns='jabber:x:data' type='form'><field var='bright'/></x></command></iq>")
    form = (await asking).child("command", COMMANDS)
    assert form.get("sessionid") == "7" and form.find("{jabber:x:data}x") is not None
    asking = asyncio.create_task(romeo.iq(lamp.get("jid"), f"<command xmlns='{COMMANDS}' node='lamp' sessionid='8'/>", "set"))
    asked = await bob.expect(matches("iq", romeo.address, "set"))
    assert asked.child("command", COMMANDS).get("sessionid") == "8"
    bob.send(f"<iq type='error' id='{asked.id}' to='{asked.sender}'><error type='modify'><bad-request "
             f"xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><bad-sessionid xmlns='{COMMANDS}'/></error></iq>")
    error = await asking
    assert error.condition == "bad-request" and "bad-sessionid" in repr(error)


async def test_what_a_contacts_client_says_of_itself(romeo, people, abroad):
    bob = await people("bob", host=abroad, kind=RawUser)
    theirs = await friends(romeo, bob)
    asking = asyncio.create_task(romeo.iq(f"{theirs}/x", "<query xmlns='jabber:iq:version'/>"))
    asked = await bob.expect(matches("iq", romeo.address, "get",
                                     where=lambda s: s.child("query", "jabber:iq:version") is not None))
    bob.send(f"<iq type='result' id='{asked.id}' to='{asked.sender}'><query xmlns='jabber:iq:version'><name>Chatterbox</name>"
             "</query></iq>")
    assert "Chatterbox" in repr(await asking)
    # Of a gateway's user nobody learns through it what only his own server may know.
    refused = await romeo.iq(theirs, "<query xmlns='jabber:iq:roster'/>")
    assert refused.condition == "service-unavailable"


async def test_a_file_through_the_foreign_server(romeo, bob, abroad):
    theirs = await friends(romeo, bob)
    upload = service(f"upload.{abroad.domain}")
    assert UPLOAD in repr(await romeo.iq(upload, f"<query xmlns='{DISCO_INFO}'/>"))
    answer = await romeo.iq(upload, f"<request xmlns='{UPLOAD}' filename='cat.png' size='10' content-type='image/png'/>")
    slot = answer.child("slot", UPLOAD)
    assert slot is not None, answer
    put, get = slot.find(f"{{{UPLOAD}}}put"), slot.find(f"{{{UPLOAD}}}get")
    headers = {one.get("name"): one.text for one in put.iterfind(f"{{{UPLOAD}}}header")}
    request = urllib.request.Request(put.get("url"), b"0123456789", {"Content-Type": "image/png", **headers}, method="PUT")
    assert (await asyncio.to_thread(urllib.request.urlopen, request)).status == 201
    url = get.get("url")
    romeo.send_message(theirs, url, f"<x xmlns='jabber:x:oob'><url>{url}</url></x>")
    here = await bob.expect(message(romeo.address, url))
    assert here.child("x", "jabber:x:oob") is not None
    assert (await asyncio.to_thread(urllib.request.urlopen, url)).read() == b"0123456789"


async def test_rooms_that_a_bookmark_abroad_opens_are_bookmarked_at_home(gateways, privileged_prosody, people, abroad, bob):
    """XEP-0402 on both sides: the user's clients at home join by themselves, and miss nothing."""
    await gateways(privileged_prosody, program.XMPP, xmpp__server=f"127.0.0.1:{abroad.port}",
                   xmpp__tls_ca_file=abroad.certificate)
    account = abroad.account("al")
    own = await people(host=abroad, account=account, resource="other")
    room = f"den-{account}@{abroad.rooms}"
    at_home = f"{room.replace('@', '%')}@{GW}"
    bob.enter(room, "bob")
    await bob.expect(available(f"{room}/bob"))
    await bob.iq(room, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>",
                 "set")
    options = "".join(f"<field var='pubsub#{var}'><value>{value}</value></field>"
                      for var, value in (("persist_items", "true"), ("access_model", "whitelist")))
    answer = await own.iq(None, f"<pubsub xmlns='{PUBSUB}'><publish node='{BOOKMARKS}'><item id='{room}'><conference "
                                f"xmlns='{BOOKMARKS}' name='The den' autojoin='true'><nick>ally</nick></conference></item>"
                                f"</publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
                                f"<value>{PUBSUB}#publish-options</value></field>{options}</x></publish-options></pubsub>",
                          "set")
    assert answer.type == "result", answer
    user = await people("romeo", host=privileged_prosody)
    assert (await user.register(GW, f"{account}@{abroad.domain}", f"pass-{account}")).type == "result"
    await user.online(GW)
    await bob.expect(available(f"{room}/ally"))
    end = asyncio.get_running_loop().time() + LIMIT
    kept = []
    while not kept:
        assert asyncio.get_running_loop().time() < end
        answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><items node='{BOOKMARKS}'/></pubsub>")
        kept = [(i.get("id"), i.find(f"{{{BOOKMARKS}}}conference").get("autojoin"))
                for i in answer.xml.iter(f"{{{PUBSUB}}}item")]
    assert kept == [(at_home, "true")]
    bob.send_message(room, "before you came", type="groupchat")
    await bob.expect(message(f"{room}/bob", "before you came"))
    *others, me, _ = await user.join(at_home, "romeo")
    assert [s.resource for s in others] == ["bob"] and me.resource == "ally" and me.codes >= {110, 210}
    await user.expect(message(f"{at_home}/bob", "before you came"))
    user.send_message(at_home, "here I am", type="groupchat")
    await bob.expect(message(f"{room}/ally", "here I am"))


async def test_where_the_gateway_is_the_server_itself(servers, people, abroad):
    """People log in with the password of their account abroad; nothing is registered."""
    class Lodger(RawUser):
        def __init__(self, *args):
            super().__init__(*args)
            self.password = f"pass-{self.user.partition('%')[0]}"

    server = await servers(program.XMPP, "chat.localhost", xmpp__server=f"127.0.0.1:{abroad.port}",
                           xmpp__tls_ca_file=abroad.certificate)
    account = abroad.account("al")
    bob = await people("bob", host=abroad)
    romeo = await people(host=server, account=f"{account}%{abroad.domain}", kind=Lodger)
    theirs = bob.jid.replace("@", "\\40") + "@chat.localhost"
    romeo.send_message(theirs, "hello")
    await bob.expect(message(f"{account}@{abroad.domain}", "hello"))
    bob.send_message(f"{account}@{abroad.domain}", "hi")
    await romeo.expect(message(theirs, "hi"))
    there = await romeo.iq("chat.localhost", f"<query xmlns='{DISCO_ITEMS}'/>")
    assert f"{abroad.domain}@chat.localhost" in items_of(there)
