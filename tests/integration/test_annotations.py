# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said about earlier messages: corrections (XEP-0308), retractions (XEP-0424, 0425), reactions (XEP-0444), replies
(XEP-0461), read markers (XEP-0333); and files (XEP-0066, XEP-0447), as they cross the gateway in both directions."""

import asyncio
import base64
import hashlib
import json

import pytest

from gateway import ECHO, SCRIPTED
from person import RawUser
from stanzas import DATA, DISCO_INFO, matches, message, presence

GW = "gw.localhost"
EVE = f"eve@{GW}"
CONTROL = f"control@{GW}"
ROOM = f"#quiet@{GW}"
MESSAGE, PARTICIPANT, SUBJECT, ANNOTATION = 8, 13, 15, 103
REACTION, RETRACTION, DISPLAYED = 0, 1, 2

CORRECT = "urn:xmpp:message-correct:0"
RETRACT = "urn:xmpp:message-retract:1"
MODERATE = "urn:xmpp:message-moderate:1"
REACTIONS = "urn:xmpp:reactions:0"
REPLY = "urn:xmpp:reply:0"
FALLBACK = "urn:xmpp:fallback:0"
MARKERS = "urn:xmpp:chat-markers:0"
FASTEN = "urn:xmpp:fasten:0"
OOB = "jabber:x:oob"
PUBSUB = "http://jabber.org/protocol/pubsub"
SFS = "urn:xmpp:sfs:0"
FILE = "urn:xmpp:file:metadata:0"
HASHES = "urn:xmpp:hashes:2"

ALL = "muc,corrections,retractions,moderation,reactions,replies,markers,attachments"
ABLE = f"{SCRIPTED} --extended --features={ALL}"
PLAIN = f"{SCRIPTED} --extended --features=muc"


@pytest.fixture(params=["prosody", "ejabberd"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def start(gateways, server, people):
    """A gateway, and somebody who is logged in."""
    async def begin(backend=ABLE, host=None, **more):
        host = host or server
        await gateways(host, backend)
        user = await people(host=host, kind=RawUser, **more)
        await user.login(GW)
        return user
    return begin


def from_network(user, *frames):
    user.send_message(CONTROL, "FRAMES " + json.dumps(frames))


async def told(user, what="annotation"):
    """What the network was told last, as {field: value}."""
    got = await user.expect(message(CONTROL, where=lambda s: (s.body or "").startswith(what + " {")))
    return json.loads(got.body[len(what):])


async def sent(user, text, id):
    """A message that the network has, and calls net-ID."""
    user.send_message(EVE, f"NET {text}", id=id)
    user.send_message(EVE, "E so")
    await user.expect(message(EVE, "E so"))


async def joined(user):
    user.enter(ROOM, "me")
    from_network(user, (PARTICIPANT, {2: "#quiet", 3: "ann", 4: 1, 5: 0}), (PARTICIPANT, {2: "#quiet", 3: "me", 4: 16, 5: 0}),
                 (SUBJECT, {2: "#quiet", 3: ""}))
    await user.expect(message(ROOM, type="groupchat"))


def texts(parent, name, ns):
    return [child.text for child in parent.iter(f"{{{ns}}}{name}")]


# Corrections

async def test_a_correction_reaches_the_network_by_its_name_for_the_message(start):
    user = await start()
    await sent(user, "helo", "first")
    user.send_message(EVE, "SHOW hello", f"<replace xmlns='{CORRECT}' id='first'/>")
    got = await told(user, "message")
    assert got["3"] == "SHOW hello" and got["104"] == "net-first"


async def test_a_correction_to_a_network_without_them_is_said_in_words(start):
    user = await start(PLAIN)
    user.send_message(EVE, "helo", id="first")
    user.send_message(EVE, "hello", f"<replace xmlns='{CORRECT}' id='first'/>")
    user.send_message(EVE, "E end")
    await user.expect(message(EVE, "E end"))
    user.send_message(EVE, "SHOW")
    assert "104" not in await told(user, "message")


async def test_corrections_of_contacts_and_of_the_users_own(start):
    user = await start()
    from_network(user, (MESSAGE, {2: "eve", 3: "helo", 8: "n1"}), (MESSAGE, {2: "eve", 3: "hello", 8: "n2", 104: "n1"}))
    assert (await user.expect(message(EVE, "helo"))).id == "n1"
    got = await user.expect(message(EVE, "hello"))
    assert got.id == "n2" and got.child("replace", CORRECT).get("id") == "n1"


# Replies

async def test_a_reply_loses_its_quote_where_the_network_has_replies(start):
    user = await start()
    await sent(user, "question", "q")
    body = "> \u00e9v\u00e9\n> what?\nSHOW me"
    quote = len("> \u00e9v\u00e9\n> what?\n")  # in code points
    user.send_message(EVE, body, f"<reply xmlns='{REPLY}' to='{EVE}' id='q'/><fallback xmlns='{FALLBACK}' for='{REPLY}'>"
                                 f"<body start='0' end='{quote}'/></fallback>")
    got = await told(user, "message")
    assert (got["3"], got["105"], got["106"], got["107"]) == ("SHOW me", "net-q", "eve", "\u00e9v\u00e9\nwhat?")


async def test_a_reply_keeps_its_quote_where_the_network_has_none(start):
    user = await start(PLAIN)
    user.send_message(EVE, "E > what?\nthis", f"<reply xmlns='{REPLY}' to='{EVE}' id='q'/><fallback xmlns='{FALLBACK}' "
                                             f"for='{REPLY}'><body start='0' end='9'/></fallback>")
    await user.expect(message(EVE, "E > what?\nthis"))


async def test_a_reply_from_the_network_has_a_quote_for_old_clients(start):
    user = await start()
    await sent(user, "question", "q")
    from_network(user, (MESSAGE, {2: "eve", 3: "answer", 8: "n1", 105: "net-q", 106: user.user, 107: "\u00fcber\nall"}))
    got = await user.expect(message(EVE, where=lambda s: s.child("reply", REPLY) is not None))
    assert got.body == "> \u00fcber\n> all\nanswer"
    reply = got.child("reply", REPLY)
    assert reply.get("id") == "q" and reply.get("to") == user.jid
    fallback = got.child("fallback", FALLBACK)
    assert fallback.get("for") == REPLY
    ranges = fallback.find(f"{{{FALLBACK}}}body")
    assert got.body[int(ranges.get("start")):int(ranges.get("end"))] == "> \u00fcber\n> all\n"


async def test_whose_message_was_answered_is_known_without_the_network(start):
    user = await start()
    await sent(user, "question", "q")
    for target, id, author in (("net-q", "q", user.jid), ("n1", "n1", EVE)):
        from_network(user, (MESSAGE, {2: "eve", 3: "answer", 8: "n1", 105: target}))
        reply = (await user.expect(message(EVE, "answer"))).child("reply", REPLY)
        assert (reply.get("id"), reply.get("to")) == (id, author)


# Reactions

def reactions(id, *emoji):
    inner = "".join(f"<reaction>{one}</reaction>" for one in emoji)
    return f"<reactions xmlns='{REACTIONS}' id='{id}'>{inner}</reactions><store xmlns='urn:xmpp:hints'/>"


async def test_reactions_go_both_ways(start):
    user = await start()
    await sent(user, "hello", "mine")
    user.send_message(EVE, None, reactions("mine", "\U0001f44d", "\u2764"), id="r1")
    got = await told(user)
    assert (got["2"], got["3"], got["4"], got["5"]) == ("eve", REACTION, "net-mine", "r1")
    assert got["7"] == ["\U0001f44d", "\u2764"]
    from_network(user, (ANNOTATION, {2: "eve", 3: REACTION, 4: "net-mine", 7: ["\U0001f389"]}))
    got = await user.expect(message(EVE, where=lambda s: s.child("reactions", REACTIONS) is not None))
    node = got.child("reactions", REACTIONS)
    assert node.get("id") == "mine" and texts(node, "reaction", REACTIONS) == ["\U0001f389"]
    assert got.child("store", "urn:xmpp:hints") is not None and got.id


async def test_the_end_of_all_reactions_is_an_empty_set(start):
    user = await start()
    user.send_message(EVE, None, reactions("theirs"))
    got = await told(user)
    assert got["4"] == "theirs" and "7" not in got
    from_network(user, (ANNOTATION, {2: "eve", 3: REACTION, 4: "x"}))
    got = await user.expect(message(EVE, where=lambda s: s.child("reactions", REACTIONS) is not None))
    assert not texts(got.xml, "reaction", REACTIONS)


async def test_a_reaction_that_the_network_refuses_is_an_error(start):
    user = await start()
    id = user.send_message(EVE, None, reactions("bad-one", "\U0001f44d"))
    got = await user.expect(matches("message", id=id, type="error"))
    assert got.condition == "item-not-found" and "does not know" in got.error[2]


async def test_reactions_are_bounded_by_what_the_network_has(start):
    user = await start()
    user.send_message(CONTROL, f"CONF [features]|extensions=1|reactions=1|reactions_allowed=\u2764 \U0001f44d|reactions_most=1|")
    await user.expect(message(CONTROL, "after"))
    for emoji in (["\U0001f4a9"], ["\u2764", "\U0001f44d"]):
        id = user.send_message(EVE, None, reactions("x", *emoji))
        got = await user.expect(matches("message", id=id, type="error"))
        assert got.condition == "not-acceptable" and got.error[2]
    user.send_message(EVE, None, reactions("x", "\u2764"))
    assert (await told(user))["7"] == "\u2764"
    answer = await user.iq(EVE, f"<query xmlns='{DISCO_INFO}'/>")
    fields = {field.get("var"): [value.text for value in field] for field in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields["FORM_TYPE"] == [REACTIONS + ":restrictions"]
    assert fields["allowlist"] == ["\u2764", "\U0001f44d"] and fields["max_reactions_per_user"] == ["1"]


async def test_too_many_reactions_at_once(start):
    user = await start()
    id = user.send_message(EVE, None, reactions("x", *(chr(0x1f600 + n) for n in range(30))))
    assert (await user.expect(matches("message", id=id, type="error"))).condition == "not-acceptable"


async def test_what_the_network_has_not_is_refused_and_not_announced(start):
    user = await start(PLAIN)
    for content in (reactions("x", "\u2764"), f"<retract xmlns='{RETRACT}' id='x'/>"):
        id = user.send_message(EVE, None, content)
        got = await user.expect(matches("message", id=id, type="error"))
        assert got.condition == "feature-not-implemented" and got.error[2]
    user.send_message(EVE, None, f"<displayed xmlns='{MARKERS}' id='x'/>", id="marker")
    await user.sync(GW)
    assert not user.take(matches("message", id="marker", type="error"))
    answer = await user.iq(EVE, f"<query xmlns='{DISCO_INFO}'/>")
    features = {f.get("var") for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature")}
    assert not features & {REACTIONS, RETRACT, CORRECT, REPLY, MARKERS}


async def test_abilities_are_announced_and_hashed(start):
    """XEP-0115: the hash is of what disco#info says."""
    user = await start()
    from_network(user, (6, {2: "eve", 5: 0}))
    got = await user.expect(presence(EVE, where=lambda s: s.child("c", "http://jabber.org/protocol/caps") is not None))
    caps = got.child("c", "http://jabber.org/protocol/caps")
    node = f"{caps.get('node')}#{caps.get('ver')}"
    answer = await user.iq(EVE, f"<query xmlns='{DISCO_INFO}' node='{node}'/>")
    identities = sorted(f"{i.get('category')}/{i.get('type')}//{i.get('name')}<" for i in answer.xml.iter(f"{{{DISCO_INFO}}}identity"))
    features = sorted(f.get("var") + "<" for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature"))
    assert {REACTIONS + "<", RETRACT + "<", CORRECT + "<", REPLY + "<", MARKERS + "<"} <= set(features)
    text = "".join(identities + features)
    assert base64.b64encode(hashlib.sha1(text.encode()).digest()).decode() == caps.get("ver")


# Retractions

async def test_retractions_go_both_ways(start):
    user = await start()
    await sent(user, "hello", "mine")
    for content in (f"<retract xmlns='{RETRACT}' id='mine'/><body>old clients read this</body>",
                    f"<apply-to xmlns='{FASTEN}' id='mine'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"):
        user.send_message(EVE, None, content)
        got = await told(user)
        assert (got["3"], got["4"]) == (RETRACTION, "net-mine")
    from_network(user, (ANNOTATION, {2: "eve", 3: RETRACTION, 4: "n1"}))
    got = await user.expect(message(EVE, where=lambda s: s.child("retract", RETRACT) is not None))
    assert got.child("retract", RETRACT).get("id") == "n1" and got.body
    assert got.child("fallback", FALLBACK).get("for") == RETRACT


async def test_a_moderator_takes_back_what_others_said(start):
    user = await start()
    await joined(user)
    ask = f"<moderate xmlns='{MODERATE}' id='s1'><retract xmlns='{RETRACT}'/><reason>spam</reason></moderate>"
    answer = await user.iq(ROOM, ask, "set")
    assert answer.type == "result"
    got = await told(user)
    assert (got["2"], got["3"], got["4"], got["8"], got["11"]) == ("#quiet", RETRACTION, "s1", "spam", 1)
    old = (f"<apply-to xmlns='{FASTEN}' id='bad-s2'><moderate xmlns='urn:xmpp:message-moderate:0'>"
           "<retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to>")
    answer = await user.iq(ROOM, old, "set")
    assert answer.condition == "item-not-found" and answer.error[2]
    from_network(user, (ANNOTATION, {2: "#quiet", 3: RETRACTION, 4: "s1", 6: "ann", 8: "spam", 9: "ann", 11: 1}))
    got = await user.expect(message(ROOM, type="groupchat", where=lambda s: s.child("retract", RETRACT) is not None))
    retract = got.child("retract", RETRACT)
    assert got.sender == ROOM and retract.get("id") == "s1"
    assert retract.find(f"{{{MODERATE}}}moderated").get("by") == f"{ROOM}/ann"
    assert texts(retract, "reason", RETRACT) == ["spam"]


async def test_moderation_needs_the_room(start):
    user = await start()
    ask = f"<moderate xmlns='{MODERATE}' id='s1'><retract xmlns='{RETRACT}'/></moderate>"
    answer = await user.iq(ROOM, ask, "set")
    assert answer.condition == "not-acceptable" and answer.error[2]


# Rooms

async def test_rooms_have_them_all(start):
    user = await start()
    await joined(user)
    user.send_message(ROOM, None, reactions("s1", "\u2764"), type="groupchat")
    got = await told(user)
    assert (got["2"], got["3"], got["4"], got["7"]) == ("#quiet", REACTION, "s1", "\u2764")
    from_network(user, (ANNOTATION, {2: "#quiet", 3: REACTION, 4: "s1", 6: "ann", 7: ["\U0001f44d"]}),
                 (ANNOTATION, {2: "#quiet", 3: RETRACTION, 4: "s1", 6: "ann"}),
                 (MESSAGE, {2: "#quiet", 3: "hello", 4: "ann", 8: "n2", 104: "n1"}))
    got = await user.expect(message(f"{ROOM}/ann", type="groupchat", where=lambda s: s.child("reactions", REACTIONS) is not None))
    assert got.child("reactions", REACTIONS).get("id") == "s1"
    got = await user.expect(message(f"{ROOM}/ann", type="groupchat", where=lambda s: s.child("retract", RETRACT) is not None))
    assert got.child("retract", RETRACT).find(f"{{{MODERATE}}}moderated") is None
    got = await user.expect(message(f"{ROOM}/ann", "hello"))
    assert got.child("replace", CORRECT).get("id") == "n1"


async def test_the_rooms_copy_of_the_users_own_message_keeps_its_id(start):
    """What the network calls it is found again in a later correction."""
    user = await start()
    await joined(user)
    from_network(user, (MESSAGE, {2: "#quiet", 3: "mine", 4: "me", 8: "net-7", 103: "own-7"}),
                 (MESSAGE, {2: "#quiet", 3: "mine, changed elsewhere", 4: "me", 8: "net-8", 104: "net-7"}))
    assert (await user.expect(message(f"{ROOM}/me", "mine"))).id == "own-7"
    got = await user.expect(message(f"{ROOM}/me", "mine, changed elsewhere"))
    assert got.child("replace", CORRECT).get("id") == "own-7"
    user.send_message(ROOM, "SHOW again", f"<replace xmlns='{CORRECT}' id='own-7'/>", type="groupchat")
    assert (await told(user, "message"))["104"] == "net-7"


async def test_annotations_of_a_room_that_one_is_not_in(start):
    user = await start()
    id = user.send_message(ROOM, None, reactions("s1", "\u2764"), type="groupchat")
    assert (await user.expect(matches("message", id=id, type="error"))).condition == "not-acceptable"
    from_network(user, (ANNOTATION, {2: "#quiet", 3: REACTION, 4: "s1", 6: "ann", 7: ["\U0001f44d"]}))
    user.send_message(CONTROL, "E end")
    await user.expect(message(CONTROL, "E end"))
    assert not user.take(message(ROOM))


# Read markers

async def test_read_markers_go_both_ways(start):
    user = await start()
    await sent(user, "hello", "mine")
    user.send_message(EVE, None, f"<displayed xmlns='{MARKERS}' id='n1'/>")
    got = await told(user)
    assert (got["3"], got["4"]) == (DISPLAYED, "n1")
    from_network(user, (MESSAGE, {2: "eve", 3: "read me", 8: "n2", 108: 1}),
                 (ANNOTATION, {2: "eve", 3: DISPLAYED, 4: "net-mine"}))
    assert (await user.expect(message(EVE, "read me"))).child("markable", MARKERS) is not None
    got = await user.expect(message(EVE, where=lambda s: s.child("displayed", MARKERS) is not None))
    assert got.child("displayed", MARKERS).get("id") == "mine" and not got.body


# What the user does in another client of the network

async def test_own_annotations_are_shown_as_the_users(gateways, people, each_privileged_host):
    await gateways(each_privileged_host, ABLE)
    user = await people(host=each_privileged_host, kind=RawUser)
    await user.login(GW)
    user.send("<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
    await user.expect(matches("iq", id="carbons"))
    from_network(user, (ANNOTATION, {2: "eve", 3: REACTION, 4: "n1", 7: ["\u2764"], 13: 1}),
                 (ANNOTATION, {2: "eve", 3: DISPLAYED, 4: "n1", 13: 1}), (MESSAGE, {2: "eve", 3: "mine", 8: "n3", 10: 1}))
    forwarded = []
    for _ in range(3):
        got = await user.expect(matches("message", where=lambda s: s.child("sent", "urn:xmpp:carbons:2") is not None))
        forwarded.append(got.xml.find(".//{urn:xmpp:forward:0}forwarded/{jabber:client}message"))
    for one in forwarded:
        assert one.get("from").split("/")[0] == user.jid and one.get("to") == EVE
    assert forwarded[0].find(f"{{{REACTIONS}}}reactions").get("id") == "n1"
    assert forwarded[1].find(f"{{{MARKERS}}}displayed").get("id") == "n1"
    assert forwarded[2].findtext("{jabber:client}body") == "mine" and forwarded[2].get("id") == "n3"
    # The server gives the gateway copies of what it sent itself: they are not for the network.
    user.send_message(CONTROL, "E end")
    await user.expect(message(CONTROL, "E end"))
    assert not user.take(message(CONTROL)) and not user.take(matches("message", type="error"))


async def test_what_was_read_in_a_room_elsewhere_is_on_the_users_account(start, privileged_prosody):
    user = await start(host=privileged_prosody)
    await joined(user)
    for id in ("s1", "s2"):
        from_network(user, (ANNOTATION, {2: "#quiet", 3: DISPLAYED, 4: id, 6: "me", 13: 1}))
        for _ in range(100):
            answer = await user.iq(None, f"<pubsub xmlns='{PUBSUB}'><items node='urn:xmpp:mds:displayed:0'/></pubsub>")
            found = [(item.get("id"), mark.get("by"), mark.get("id")) for item in answer.xml.iter(f"{{{PUBSUB}}}item")
                     for mark in item.iter("{urn:xmpp:sid:0}stanza-id")]
            if found == [(ROOM, ROOM, id)]:
                break
            await asyncio.sleep(0.05)
        assert found == [(ROOM, ROOM, id)]
    assert not user.take(message(f"{ROOM}/me", type="groupchat", where=lambda s: s.child("displayed", MARKERS) is not None))


# Files

async def test_a_file_from_the_network_is_a_message_of_its_own(start):
    user = await start()
    digest = hashlib.sha256(b"cat").hexdigest()
    from_network(user, (MESSAGE, {2: "eve", 3: "look", 8: "n1", 11: [
        {1: "https://example.org/cat.png", 2: "image/png", 3: "a cat", 101: "cat.png", 102: digest, 103: 4711, 104: 640, 105: 480},
        {1: "https://example.org/dog.png"}]}))
    got = await user.expect(message(EVE, "look"))
    assert got.id == "n1" and got.child("x", OOB) is None
    got = await user.expect(message(EVE, "https://example.org/cat.png"))
    assert texts(got.child("x", OOB), "url", OOB) == ["https://example.org/cat.png"]
    file = got.child("file-sharing", SFS).find(f"{{{FILE}}}file")
    assert [file.findtext(f"{{{FILE}}}{name}") for name in ("media-type", "name", "size", "width", "height", "desc")] == [
        "image/png", "cat.png", "4711", "640", "480", "a cat"]
    assert base64.b64decode(file.findtext(f"{{{HASHES}}}hash")).hex() == digest
    got = await user.expect(message(EVE, "https://example.org/dog.png"))
    assert texts(got.child("x", OOB), "url", OOB) == ["https://example.org/dog.png"] and got.id not in (None, "n1")


async def test_a_file_of_the_user_reaches_the_network_as_one(start):
    user = await start()
    url = "https://example.org/cat.png"
    digest = base64.b64encode(hashlib.sha256(b"cat").digest()).decode()
    user.send_message(EVE, url, f"<x xmlns='{OOB}'><url>{url}</url></x><file-sharing xmlns='{SFS}'><file xmlns='{FILE}'>"
                                f"<media-type>image/png</media-type><name>cat.png</name><size>3</size>"
                                f"<hash xmlns='{HASHES}' algo='sha-256'>{digest}</hash></file><sources>"
                                f"<url-data xmlns='http://jabber.org/protocol/url-data' target='{url}'/></sources></file-sharing>",
                      id="f1")
    user.send_message(EVE, "SHOW")
    await told(user, "message")
    user.send_message(EVE, "SHOW look", f"<x xmlns='{OOB}'><url>{url}</url></x>")
    got = await told(user, "message")
    assert got["3"] == "SHOW look" and url in got["11"]


async def test_a_network_without_files_gets_the_link(start):
    user = await start(PLAIN)
    url = "E https://example.org/cat.png"
    user.send_message(EVE, None, f"<x xmlns='{OOB}'><url>{url}</url></x>")
    await user.expect(message(EVE, url))


async def test_the_echo_backend_sends_them_all_back(start):
    """The model for authors of backends."""
    echo, room = f"echo@{GW}", f"#den@{GW}"
    user = await start(ECHO)
    user.send_message(echo, "one", "<request xmlns='urn:xmpp:receipts'/>", id="m1")
    await user.expect(message(echo, where=lambda s: s.child("received", "urn:xmpp:receipts") is not None))
    await user.expect(message(echo, "one"))
    user.send_message(echo, "two", f"<replace xmlns='{CORRECT}' id='m1'/><reply xmlns='{REPLY}' to='{echo}' id='m0'/>")
    got = await user.expect(message(echo, "two"))
    assert got.child("replace", CORRECT).get("id") == "m1" and got.child("reply", REPLY).get("id") == "m0"
    for content, child in ((reactions("m1", "\u2764"), ("reactions", REACTIONS)),
                           (f"<retract xmlns='{RETRACT}' id='m1'/>", ("retract", RETRACT)),
                           (f"<displayed xmlns='{MARKERS}' id='m1'/>", ("displayed", MARKERS))):
        user.send_message(echo, None, content)
        got = await user.expect(message(echo, where=lambda s: s.child(*child) is not None))
        assert got.child(*child).get("id") == "m1"
    await user.join(room, "me")
    user.send_message(room, None, reactions("s1", "\u2764"), type="groupchat")
    await user.expect(message(f"{room}/me", where=lambda s: s.child("reactions", REACTIONS) is not None))
    user.send_message(echo, None, "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await user.expect(message(echo, where=lambda s: s.chat_state == "composing"))
