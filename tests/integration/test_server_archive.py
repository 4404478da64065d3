# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode: messages for who is away (XEP-0160) and the archive of a user (XEP-0313)."""

import asyncio

import pytest

import gateway
from person import RawUser
from processes import LIMIT
from stanzas import DELAY, available, matches, message, presence, unavailable

pytestmark = pytest.mark.asyncio
DOMAIN = "chat.localhost"
MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
SID = "urn:xmpp:sid:0"
CARBONS = "urn:xmpp:carbons:2"
ANN, BOB = f"ann%net@{DOMAIN}", f"bob%net@{DOMAIN}"


async def village(servers, **settings):
    return await servers(gateway.VILLAGE, service__jid_escaping=0, settings__stay_connected=1, service__more_resources=1,
                         **settings)


async def come(people, server, name, resource="test", **more):
    return await people(host=server, kind=RawUser, account=f"{name}%net", resource=resource, **more)


async def archive(user, form="", page="", **more):
    """(forwarded messages, <fin/>) of a query."""
    fields = f"<field var='FORM_TYPE' type='hidden'><value>{MAM}</value></field>{form}"
    query = f"<query xmlns='{MAM}' queryid='q'><x xmlns='jabber:x:data' type='submit'>{fields}</x>{page}</query>"
    user.inbox.take(message())
    answer = await user.iq(None, query, "set", **more)
    results = user.inbox.take(matches("message", where=lambda s: s.child("result", MAM) is not None))
    found = []
    for result in results:
        node = result.child("result", MAM)
        inner = node.find("{urn:xmpp:forward:0}forwarded/{jabber:client}message")
        stamp = node.find(f"{{urn:xmpp:forward:0}}forwarded/{{{DELAY}}}delay").get("stamp")
        found.append((node.get("id"), inner.get("from"), inner.findtext("{jabber:client}body"), stamp))
    return found, answer


def field(name, value):
    return f"<field var='{name}'><value>{value}</value></field>"


async def test_messages_wait_for_who_is_away(servers, people):
    server = await village(servers)
    ann = await come(people, server, "ann")
    bob = await come(people, server, "bob")
    await ann.close()
    await server.logged("unbound user=ann")
    for number in range(30):
        bob.send_message(ANN, f"while you were away {number}")
    bob.send_message(ANN, None, "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await bob.sync(DOMAIN)
    # Somebody who takes no messages does not get them; whoever does gets them once, in order, with their time.
    deaf = await come(people, server, "ann", "deaf", initial_presence=False)
    deaf.send_presence(content="<priority>-1</priority>")
    await deaf.expect(presence(deaf.full))
    ann = await come(people, server, "ann")
    for number in range(30):
        got = await ann.expect(matches("message", BOB))
        assert got.body == f"while you were away {number}"
        assert got.child("delay", DELAY).get("from") == DOMAIN
    again = await come(people, server, "ann", "again")
    for one in (ann, again, deaf):
        await one.sync(None)
        assert not one.take(message())


async def test_they_survive_a_kill(servers, people):
    server = await village(servers)
    ann = await come(people, server, "ann")
    bob = await come(people, server, "bob")
    await ann.close()
    await server.logged("unbound user=ann")
    bob.send_message(ANN, "before the kill")
    await server.logged("INFO", count=1)
    await asyncio.sleep(0)
    await bob.sync(DOMAIN)
    # What is stored promptly is there within a moment.
    end = asyncio.get_running_loop().time() + LIMIT
    import sqlite3
    while asyncio.get_running_loop().time() < end:
        with sqlite3.connect(server.settings["database.database"]) as db:
            if db.execute("SELECT count(*) FROM s2_items WHERE kind = 'offline'").fetchone()[0]:
                break
        await asyncio.sleep(0.02)
    server.kill()
    await server.up()
    # The network has not been asked about a password that only she knows.
    bob = await come(people, server, "bob")
    bob.send_message(f"control@{DOMAIN}", "TRIED ann@net")
    assert (await bob.expect(message(f"control@{DOMAIN}"))).body in (None, "")
    ann = await come(people, server, "ann")
    await ann.expect(message(BOB, "before the kill"))


async def test_who_has_left_hears_later_that_his_words_did_not_arrive(servers, people):
    """The backend hangs, and then the process itself is killed: each message is delivered or refused all the same."""
    server = await village(servers)
    ann = await come(people, server, "ann")
    ann.send_message(f"control@{DOMAIN}", "HANG")
    lost = ann.send_message(f"nobody@{DOMAIN}", "into the void")
    await ann.sync(DOMAIN)
    await ann.close()
    await server.logged("unbound user=ann")
    await server.logged("killed")
    ann = await come(people, server, "ann")
    got = await ann.expect(message(f"nobody@{DOMAIN}", type="error", id=lost))
    assert got.error[2] and got.child("delay", DELAY) is not None
    ann.send_message(f"control@{DOMAIN}", "HANG")
    lost = ann.send_message(f"nobody@{DOMAIN}", "into the void again")
    await ann.sync(DOMAIN)
    server.kill()
    await server.up()
    ann = await come(people, server, "ann", "other")
    got = await ann.expect(message(f"nobody@{DOMAIN}", type="error", id=lost))
    assert got.error[2]
    await ann.close()
    again = await come(people, server, "ann")
    await again.sync(None)
    assert not again.take(message(type="error"))


async def test_more_than_may_wait_is_refused(servers, people):
    server = await village(servers, service__offline_messages=3)
    ann = await come(people, server, "ann")
    bob = await come(people, server, "bob")
    await ann.close()
    await server.logged("unbound user=ann")
    for number in range(5):
        bob.send_message(ANN, f"{number}")
    await server.logged("was refused", count=2)
    ann = await come(people, server, "ann")
    for number in range(3):
        await ann.expect(message(BOB, str(number)))
    await ann.sync(None)
    assert not ann.take(message())


async def test_no_store_is_obeyed(servers, people):
    server = await village(servers)
    ann = await come(people, server, "ann")
    ann.send_message(BOB, "for the moment", "<no-store xmlns='urn:xmpp:hints'/>")
    ann.send_message(f"control@{DOMAIN}", "for good")
    await ann.sync(DOMAIN)
    found, _ = await archive(ann)
    assert [body for _, _, body, _ in found] == ["for good"]


async def test_the_archive_of_a_user(servers, people):
    server = await village(servers)
    ann = await come(people, server, "ann")
    bob = await come(people, server, "bob")
    await ann.iq(None, f"<enable xmlns='{CARBONS}'/>", "set")
    ids = []
    for number in range(10):
        bob.send_message(ANN, f"to ann {number}")
        got = await ann.expect(message(BOB, f"to ann {number}"))
        mark = got.child("stanza-id", SID)
        assert mark.get("by") == ANN
        ids.append(mark.get("id"))
        ann.send_message(BOB, f"to bob {number}")
        await bob.expect(message(ANN, f"to bob {number}"))
    ann.send_message(f"control@{DOMAIN}", "to somebody else")
    await ann.sync(DOMAIN)

    found, answer = await archive(ann)
    assert [body for _, _, body, _ in found] == [
        f"to {who} {n}" for n in range(10) for who in ("ann", "bob")] + ["to somebody else"]
    assert [id for id, _, _, _ in found][0:20:2] == ids
    assert found[0][1] == f"{BOB}/bot" and found[1][1] == ann.full
    fin = answer.child("fin", MAM)
    assert fin.get("complete") == "true" and fin.findtext(f"{{{RSM}}}set/{{{RSM}}}count") == "21"

    # With one person, in pages, from both ends.
    found, answer = await archive(ann, field("with", BOB), f"<set xmlns='{RSM}'><max>5</max></set>")
    assert [body for _, _, body, _ in found] == ["to ann 0", "to bob 0", "to ann 1", "to bob 1", "to ann 2"]
    assert answer.child("fin", MAM).get("complete") is None
    found, _ = await archive(ann, field("with", BOB), f"<set xmlns='{RSM}'><max>2</max><after>{found[-1][0]}</after></set>")
    assert [body for _, _, body, _ in found] == ["to bob 2", "to ann 3"]
    found, _ = await archive(ann, field("with", BOB), f"<set xmlns='{RSM}'><max>3</max><before/></set>")
    assert [body for _, _, body, _ in found] == ["to bob 8", "to ann 9", "to bob 9"]
    found, _ = await archive(ann, field("after-id", ids[8]) + field("with", BOB))
    assert [body for _, _, body, _ in found] == ["to bob 8", "to ann 9", "to bob 9"]
    found, _ = await archive(ann, field("ids", ids[3]))
    assert [body for _, _, body, _ in found] == ["to ann 3"]
    _, answer = await archive(ann, field("after-id", "nonsense"))
    assert answer.condition == "item-not-found"
    _, answer = await archive(ann, field("start", "yesterday"))
    assert answer.condition == "bad-request"

    answer = await ann.iq(None, f"<metadata xmlns='{MAM}'/>")
    assert answer.xml[0][0].get("id") == ids[0]
    form = await ann.iq(None, f"<query xmlns='{MAM}'/>")
    assert {f.get("var") for f in form.xml.iter("{jabber:x:data}field")} >= {"with", "start", "end", "before-id", "ids"}

    # It belongs to her alone, and survives a restart.
    found, _ = await archive(bob)
    assert len(found) == 20
    other = await come(people, server, "eve")
    found, _ = await archive(other)
    assert not found
    answer = await other.iq(ANN, f"<query xmlns='{MAM}'/>", "set")
    assert answer.type == "error"
    server.stop()
    await server.up()
    ann = await come(people, server, "ann")
    found, _ = await archive(ann, field("with", BOB))
    assert len(found) == 20 and found[0][0] == ids[0]


async def test_a_forged_id_is_taken_out(servers, people):
    server = await village(servers)
    ann = await come(people, server, "ann")
    ann.send_message(ANN, "note to myself", f"<stanza-id xmlns='{SID}' by='{ANN}' id='forged'/>")
    got = await ann.expect(message(ANN, "note to myself"))
    marks = [m.get("id") for m in got.xml.iter(f"{{{SID}}}stanza-id")]
    assert len(marks) == 1 and marks[0] != "forged"


async def test_without_a_database_it_lasts_as_long_as_the_process(servers, people):
    server = await village(servers, database__type="none")
    ann = await come(people, server, "ann")
    bob = await come(people, server, "bob")
    await ann.close()
    await server.logged("unbound user=ann")
    bob.send_message(ANN, "hello")
    await bob.sync(DOMAIN)
    ann = await come(people, server, "ann")
    await ann.expect(message(BOB, "hello"))
    found, _ = await archive(ann)
    assert [body for _, _, body, _ in found] == ["hello"]


async def test_what_is_not_acknowledged_is_not_lost(servers, people, wires):
    """The last client goes with messages that it has not acknowledged: they wait for the next one."""
    from test_server_sessions import cut, session
    server = await village(servers, service__resume_timeout=1)
    phone = await session(wires, server)
    bob = await come(people, server, "bob")
    cut(phone)
    await server.logged("asleep")
    bob.send_message(ANN, "to a dead phone")
    await server.logged("unbound user=ann")
    ann = await come(people, server, "ann")
    await ann.expect(message(BOB, "to a dead phone"))
    await ann.sync(None)
    assert not ann.take(message())
