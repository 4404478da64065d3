# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies, reactions and the taking back of messages on IRC (IRCv3 message-tags, message-ids, client tags, REDACT): between
XMPP users through InspIRCd, with an IRC client that knows tags, and without where the server has none."""

import pytest

from gateway import IRC
from ircclient import IrcClient, line
from ircd import Ircd
from person import RawUser
from stanzas import matches, message

GW = "irc.localhost"
REACTIONS = "urn:xmpp:reactions:0"
REPLY = "urn:xmpp:reply:0"
FALLBACK = "urn:xmpp:fallback:0"
RETRACT = "urn:xmpp:message-retract:1"
HEART, THUMB = "\u2764\ufe0f", "\U0001f44d"


def address(channel, server):
    return f"{channel}%127.0.0.1\\3a{server.port}@{GW}"


def reactions(id, *emoji):
    return f"<reactions xmlns='{REACTIONS}' id='{id}'>" + "".join(f"<reaction>{e}</reaction>" for e in emoji) + "</reactions>"


def reaction(sender, id=None):
    def predicate(stanza):
        node = stanza.child("reactions", REACTIONS) if stanza.name == "message" else None
        return node is not None and stanza.sender == sender and id in (None, node.get("id"))
    predicate.__doc__ = f"reactions of {sender}"
    return predicate


def emoji(stanza):
    return sorted(e.text for e in stanza.xml.iter(f"{{{REACTIONS}}}reaction"))


@pytest.fixture
def join(gateways, prosody, people):
    """Users of one gateway, in one room."""
    async def begin(server, *nicks, channel="#tags"):
        await gateways(prosody, IRC, GW)
        room, users = address(channel, server), []
        for nick in nicks:
            user = await people(kind=RawUser)
            await user.join(room, nick)
            users.append(user)
        return room, *users
    return begin


@pytest.fixture
def tagger(inspircd):
    """Somebody on IRC whose client knows tags."""
    open_ones = []

    async def begin(nick, channel):
        one = await IrcClient(nick, inspircd.port).connect()
        one.send("CAP REQ :message-tags server-time")
        await one.expect(line("CAP", None, "ACK"))
        await one.join(channel)
        open_ones.append(one)
        return one
    yield begin
    for one in open_ones:
        one.writer.close()


async def test_reactions_between_two_users(join, inspircd):
    room, ann, ben = await join(inspircd, "ann1", "ben1", channel="#react")
    ann.send_message(room, "cake?", type="groupchat", id="own1")
    mine = await ann.expect(message(f"{room}/ann1", "cake?"))
    theirs = await ben.expect(message(f"{room}/ann1", "cake?"))
    assert mine.id == "own1"
    name = theirs.id
    for user, set in ((ben, [HEART]), (ben, [HEART, THUMB]), (ben, [THUMB]), (ann, [THUMB]), (ben, [])):
        who = "ben1" if user is ben else "ann1"
        user.send_message(room, None, reactions(name, *set), type="groupchat")
        for reader in (ann, ben):
            while emoji(await reader.expect(reaction(f"{room}/{who}", name))) != sorted(set):
                pass  # one at a time over IRC


async def test_a_reply_names_what_it_answers(join, inspircd, tagger):
    room, ann = await join(inspircd, "ann2", channel="#reply")
    irc = await tagger("tagger2", "#reply")
    irc.say("#reply", "what time is it?")
    asked = await ann.expect(message(f"{room}/tagger2", "what time is it?"))
    quote = "> what time is it?\n"
    ann.send_message(room, quote + "noon", f"<reply xmlns='{REPLY}' to='{room}/tagger2' id='{asked.id}'/><fallback xmlns="
                     f"'{FALLBACK}' for='{REPLY}'><body start='0' end='{len(quote)}'/></fallback>", type="groupchat")
    # The room shows what was sent: Converse cuts the quote that it has sent off what comes back.
    mine = await ann.expect(message(f"{room}/ann2", where=lambda s: s.child("reply", REPLY) is not None))
    assert mine.body == quote + "noon" and mine.child("reply", REPLY).get("to") == f"{room}/tagger2"
    assert mine.child("fallback", FALLBACK).get("for") == REPLY
    got = await irc.heard("#reply", "noon")
    assert f"+draft/reply={asked.id}" in got.tags.split(";")
    irc.send(f"@+draft/reply={asked.id} PRIVMSG #reply :later")
    got = await ann.expect(message(f"{room}/tagger2", "later"))
    reply = got.child("reply", REPLY)
    # IRC does not say whose message it was; Dino shows no reply without that.
    assert reply.get("id") == asked.id and reply.get("to") == f"{room}/tagger2"


async def test_a_client_that_knows_tags_reacts(join, inspircd, tagger):
    room, ann = await join(inspircd, "ann3", channel="#tagged")
    irc = await tagger("tagger3", "#tagged")
    ann.send_message(room, "hello", type="groupchat", id="h1")
    heard = await irc.heard("#tagged", "hello")
    name = dict(tag.partition("=")[::2] for tag in heard.tags.split(";"))["msgid"]
    irc.send(f"@+draft/react=a\\sb;+draft/reply={name} TAGMSG #tagged")
    assert emoji(await ann.expect(reaction(f"{room}/tagger3", name))) == ["a b"]
    ann.send_message(room, None, reactions(name, HEART), type="groupchat")
    got = await irc.expect(line("TAGMSG", "#tagged"))
    assert {f"+draft/react={HEART}", f"+draft/reply={name}"} <= set(got.tags.split(";"))


async def test_without_tags_a_reply_is_addressed_and_a_reaction_refused(join, ngircd, irc_people):
    room, ann = await join(ngircd, "ann4", channel="#plain")
    bob = await irc_people("bob4", ngircd)
    await bob.join("#plain")
    bob.say("#plain", "cake?")
    asked = await ann.expect(message(f"{room}/bob4", "cake?"))
    ann.send_message(room, "> cake?\nyes", f"<reply xmlns='{REPLY}' to='{room}/bob4' id='{asked.id}'/><fallback xmlns="
                     f"'{FALLBACK}' for='{REPLY}'><body start='0' end='8'/></fallback>", type="groupchat")
    await bob.heard("#plain", "bob4: yes")
    for content in (reactions(asked.id, HEART), f"<retract xmlns='{RETRACT}' id='{asked.id}'/>"):
        id = ann.send_message(room, None, content, type="groupchat")
        got = await ann.expect(matches("message", id=id, type="error"))
        assert got.condition == "feature-not-implemented" and "IRC" in got.error[2]


async def test_taking_back(join):
    """REDACT, which no server of Debian's has: from the draft's text."""
    server = Ircd(caps=["message-tags", "echo-message", "batch", "labeled-response", "draft/message-redaction"],
                  channels={"#room": ["bob"]})
    await server.start()
    try:
        room, ann = await join(server, "ann5", channel="#room")
        redacted = []
        server.on["REDACT"] = lambda link, args: redacted.append(args) or True
        ann.send_message(room, None, f"<retract xmlns='{RETRACT}' id='m1'/>", type="groupchat")
        got = await ann.expect(message(f"{room}/ann5", where=lambda s: s.child("retract", RETRACT) is not None))
        assert got.child("retract", RETRACT).get("id") == "m1" and redacted == [["#room", "m1"]]
        server.on["REDACT"] = lambda link, args: link.send(":irc.test FAIL REDACT REDACT_FORBIDDEN #room m2 :Too late") or True
        id = ann.send_message(room, None, f"<retract xmlns='{RETRACT}' id='m2'/>", type="groupchat")
        got = await ann.expect(matches("message", id=id, type="error"))
        assert got.condition == "not-allowed" and got.error[2] == "Too late"
        server.link.send(":bob!b@h REDACT #room m3 :a slip")
        got = await ann.expect(message(f"{room}/bob", where=lambda s: s.child("retract", RETRACT) is not None))
        assert got.child("retract", RETRACT).get("id") == "m3"
    finally:
        await server.stop()
