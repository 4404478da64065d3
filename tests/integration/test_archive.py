# SPDX-License-Identifier: GPL-2.0-or-later
"""What was said in rooms: the history of a join (XEP-0045) and the archive (XEP-0313). To the letter with a scripted host
and backend; then with real servers, clients and IRC."""

import asyncio
import itertools
import sqlite3
import time

import pytest

from gateway import IRC
from processes import LIMIT
from scripted import GW, ME, ROOM, SUBJECT, features, host, joined, logged_in, occupant, say, start
from stanzas import DATA, DELAY, DISCO_INFO, MUC, matches, message, unavailable
from test_rooms import EXTENDED, occupant_id, speak, stanza_id

MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
FORWARD = "urn:xmpp:forward:0"


def field(var, *values):
    return f"<field var='{var}'>" + "".join(f"<value>{v}</value>" for v in values) + "</field>"


def query(rsm="", flip=False, **fields):
    form = "".join(field(var.replace("_", "-"), *(v if isinstance(v, (list, tuple)) else [v])) for var, v in fields.items())
    if form:
        form = f"<x xmlns='{DATA}' type='submit'>{field('FORM_TYPE', MAM)}{form}</x>"
    rsm = f"<set xmlns='{RSM}'>{rsm}</set>" if rsm else ""
    return f"<query xmlns='{MAM}' queryid='q1'>{form}{rsm}{'<flip-page/>' if flip else ''}</query>"


class Page:
    """The answer to a query: what came before it, and what it says."""

    def __init__(self, answer, results):
        self.answer = answer
        self.condition = answer.condition
        self.ids = [r.get("id") for r in results]
        messages = [r.find(f"{{{FORWARD}}}forwarded/{{jabber:client}}message") for r in results]
        self.bodies = [m.findtext("{jabber:client}body") for m in messages]
        self.senders = [m.get("from") for m in messages]
        self.messages = messages
        self.results = results
        fin = answer.xml.find(f"{{{MAM}}}fin")
        if fin is not None:
            self.complete = fin.get("complete") == "true"
            self.count = fin.findtext(f".//{{{RSM}}}count")
            self.first = fin.findtext(f".//{{{RSM}}}first")
            self.last = fin.findtext(f".//{{{RSM}}}last")


async def ask(user, payload=None, to=ROOM):
    answer = await user.iq(payload or query(), "set", to=to)
    found = user.take(message(to, where=lambda s: s.child("result", MAM) is not None))
    return Page(answer, [s.child("result", MAM) for s in found])


def is_past(stanza):
    delay = stanza.child("delay", DELAY)
    return delay is not None and delay.get("from") == stanza.bare


def bodies(stanzas):
    return [s.body for s in stanzas if s.body]


async def fill(user, *texts, nick="ann"):
    say(user, *(speak(text, nick) for text in texts))
    await user.expect(message(f"{ROOM}/{nick}", texts[-1]))


async def come_in(user, history="", nick="me", room="#quiet", others=("ann",)):
    """Joins; what came, in order, up to the subject."""
    user.take(lambda s: s.bare == f"{room}@{GW}")
    user.send("presence", f"<x xmlns='{MUC}'>{history}</x>", to=f"{room}@{GW}/{nick}")
    say(user, *(occupant(room, other) for other in others), occupant(room, nick, ME), (SUBJECT, {2: room, 3: ""}))
    await user.expect(message(f"{room}@{GW}", type="groupchat", subject=""))
    return [s for s in user.take(lambda s: s.bare == f"{room}@{GW}")]


async def leave(user, nick="me"):
    user.send("presence", to=f"{ROOM}/{nick}", type="unavailable")
    await user.expect(unavailable(f"{ROOM}/{nick}"))


# The history of a join

async def test_history_comes_between_oneself_and_the_subject(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    await fill(romeo, "one", "two")
    ids = [stanza_id(s) for s in romeo.host.inbox.seen if s.body in ("one", "two")]
    second = romeo.host.user("romeo", "second")
    second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    await romeo.host.expect(matches("message", ROOM, to=second.full, subject=""))
    got = [s for s in romeo.host.inbox.seen if s.to == second.full and s.bare == ROOM]
    kinds = [s.resource if s.name == "presence" else "subject" if s.subject is not None else s.body for s in got]
    assert kinds == ["ann", "me", "one", "two", "subject"]
    past = got[2:4]
    assert all(is_past(s) and s.type == "groupchat" and s.resource == "ann" for s in past)
    assert [stanza_id(s) for s in past] == ids and len({occupant_id(s) for s in past}) == 1


HISTORY = {
    "": 20,
    "<history/>": 20,
    "<history maxstanzas='0'/>": 0,
    "<history maxstanzas='3'/>": 3,
    "<history maxstanzas='1000'/>": 30,
    "<history maxchars='0'/>": 0,
    "<history maxchars='70'/>": 3,
    "<history seconds='0'/>": 0,
    "<history seconds='600'/>": 30,
    "<history seconds='600' maxstanzas='5'/>": 5,
    "<history since='1970-01-01T00:00:01Z'/>": 30,
    "<history since='2999-01-01T00:00:00Z'/>": 0,
    "<history maxstanzas='nonsense'/>": 20,
}


async def test_a_client_gets_as_much_history_as_it_wants(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    await fill(romeo, *(f"line {n}" for n in range(10, 40)))
    for number, (limits, count) in enumerate(HISTORY.items()):
        client = romeo.host.user("romeo", f"client{number}")
        client.send("presence", f"<x xmlns='{MUC}'>{limits}</x>", to=f"{ROOM}/me")
        await romeo.host.expect(matches("message", ROOM, to=client.full, subject=""))
        got = bodies(s for s in romeo.host.inbox.seen if s.to == client.full and s.bare == ROOM)
        assert got == [f"line {n}" for n in range(40 - count, 40)], limits


async def test_what_is_said_while_a_client_comes_in_follows_the_subject(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    await fill(romeo, *(f"old {n}" for n in range(20)))
    second = romeo.host.user("romeo", "second")
    for n in range(50):
        say(romeo, speak(f"new {n}"))
        if n == 10:
            second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    await romeo.host.expect(message(f"{ROOM}/ann", "new 49", to=second.full))
    got = [s for s in romeo.host.inbox.seen if s.to == second.full and s.bare == ROOM and s.name == "message"]
    texts = [s.body for s in got if s.body]
    assert texts == [t for t in [f"old {n}" for n in range(20)] + [f"new {n}" for n in range(50)]][-len(texts):]
    at = next(i for i, s in enumerate(got) if s.subject is not None)
    assert all(is_past(s) for s in got[:at]) and not any(is_past(s) for s in got[at + 1:])


async def test_the_join_waits_for_nobody_who_speaks_early(start):
    """A network may pass on words before the list of occupants is complete."""
    _, romeo = await start(EXTENDED)
    romeo.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    say(romeo, occupant("#quiet", "ann"), speak("early"), occupant("#quiet", "me", ME), speak("then"),
        (SUBJECT, {2: "#quiet", 3: "Talk"}), speak("late"))
    await romeo.expect(message(f"{ROOM}/ann", "late"))
    got = [s for s in romeo.host.inbox.seen if s.bare == ROOM]
    kinds = [s.resource if s.name == "presence" else s.body or s.subject for s in got]
    assert kinds == ["ann", "me", "Talk", "early", "then", "late"]


async def test_a_client_that_leaves_while_it_reads(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    await fill(romeo, "one", "two")
    second = romeo.host.user("romeo", "second")
    for _ in range(20):
        second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
        second.send("presence", to=f"{ROOM}/me", type="unavailable")
    await fill(romeo, "three")
    second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    await romeo.host.expect(matches("message", ROOM, to=second.full, subject=""))
    await leave(romeo)
    await second.sync()


# The archive

async def test_who_was_there_reads_it_later(start, host):
    gateway, romeo = await start(EXTENDED)
    juliet = await logged_in(host, "juliet", username="other")
    await joined(romeo, "ann")
    await fill(romeo, "for romeo", "alone")
    await joined(juliet, "ann", nick="j")
    say(romeo, speak("both"), speak("hear"))
    say(juliet, speak("both"), speak("hear"))
    for user in (romeo, juliet):
        await user.expect(message(f"{ROOM}/ann", "hear"))
    await leave(romeo)
    await fill(juliet, "romeo is gone")
    page = await ask(romeo)
    assert page.bodies == ["for romeo", "alone", "both", "hear"] and page.complete and page.count == "4"
    assert page.senders == [f"{ROOM}/ann"] * 4 and page.first == page.ids[0] and page.last == page.ids[-1]
    assert (await ask(juliet)).bodies == ["both", "hear", "romeo is gone"]
    assert (await ask(juliet)).ids[:2] == page.ids[2:]
    eve = await logged_in(host, "eve", username="third")
    assert (await ask(eve)).bodies == []
    # Each line is there once.
    gateway.stop()
    with sqlite3.connect(gateway.directory / "work/database.sql") as database:
        assert database.execute("SELECT count(*) FROM s2_lines").fetchone() == (5,)


async def stored(gateway, body):
    """Waits until the database has it: within a tenth of a second, as a rule."""
    end = time.monotonic() + LIMIT
    with sqlite3.connect(gateway.directory / "work/database.sql") as database:
        while not database.execute("SELECT 1 FROM s2_lines WHERE content LIKE ?", [f"%{body}%"]).fetchone():
            assert time.monotonic() < end
            await asyncio.sleep(0.02)


async def test_x_30_history_survives_restarts(start, host):
    gateway, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    await fill(romeo, "before", "the end")
    ids = (await ask(romeo)).ids
    await stored(gateway, "the end")
    for number, end in enumerate((gateway.stop, gateway.kill)):
        end()
        await gateway.up(host)
        await romeo.online()
        got = await come_in(romeo)
        assert bodies(got)[:2] == ["before", "the end"]
        page = await ask(romeo)
        assert page.ids[:2] == ids
        await fill(romeo, f"again {number}")
        await stored(gateway, f"again {number}")
    assert (await ask(romeo)).bodies == ["before", "the end", "again 0", "again 1"]


async def test_pages_and_filters(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann", "ben")
    for n in range(5):
        await fill(romeo, f"{n}a", nick="ann")
        await fill(romeo, f"{n}b", nick="ben")
    everything = await ask(romeo)
    ids = everything.ids
    assert len(ids) == 10

    async def bodies_of(rsm="", flip=False, **fields):
        page = await ask(romeo, query(rsm, flip, **fields))
        assert page.condition is None, page.answer
        return "".join(page.bodies), page.complete
    assert await bodies_of("<max>3</max>") == ("0a0b1a", False)
    assert await bodies_of(f"<max>3</max><after>{ids[2]}</after>") == ("1b2a2b", False)
    assert await bodies_of(f"<max>5</max><after>{ids[7]}</after>") == ("4a4b", True)
    assert await bodies_of("<max>3</max><before/>") == ("3b4a4b", False)
    assert await bodies_of(f"<max>3</max><before>{ids[2]}</before>") == ("0a0b", True)
    assert await bodies_of("<max>0</max>") == ("", False)
    assert await bodies_of("<max>2</max><before/>", flip=True) == ("4b4a", False)
    assert await bodies_of(after_id=ids[1], before_id=ids[4]) == ("1a1b", True)
    assert await bodies_of(ids=[ids[7], ids[0]]) == ("3b0a", True)
    assert await bodies_of(**{"with": f"{ROOM}/ben"}) == ("0b1b2b3b4b", True)
    assert await bodies_of(**{"with": "juliet@localhost"}) == ("", True)
    assert await bodies_of(start="2020-01-01T00:00:00Z", end="2999-01-01T00:00:00Z") == ("".join(everything.bodies), True)
    assert await bodies_of(end="2020-01-01T00:00:00Z") == ("", True)
    # That is how Dino asks for everything.
    assert await bodies_of("<max>3</max><before/>", start="1970-01-01T00:00:00Z") == ("3b4a4b", False)
    assert await bodies_of(end="1970-01-01T00:00:00Z") == ("", True)


async def test_the_metadata_names_both_ends(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    answer = await romeo.iq(f"<metadata xmlns='{MAM}'/>", to=ROOM)
    assert answer.type == "result" and not len(answer.xml.find(f"{{{MAM}}}metadata"))
    await fill(romeo, "one", "two", "three")
    ids = (await ask(romeo)).ids
    answer = await romeo.iq(f"<metadata xmlns='{MAM}'/>", to=ROOM)
    ends = {e.tag.rpartition("}")[2]: e.get("id") for e in answer.xml.find(f"{{{MAM}}}metadata")}
    assert ends == {"start": ids[0], "end": ids[2]}


async def test_the_form_of_a_query_and_the_features(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    answer = await romeo.iq(f"<query xmlns='{MAM}'/>", to=ROOM)
    fields = {f.get("var") for f in answer.xml.iter(f"{{{DATA}}}field")}
    assert fields >= {"FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids"}
    assert {MAM, f"{MAM}#extended"} <= features(await romeo.iq(f"<query xmlns='{DISCO_INFO}'/>", to=ROOM))


async def test_a_page_has_at_most_as_many_lines_as_configured(start):
    _, romeo = await start(EXTENDED, **{"archive.page": 7})
    await joined(romeo, "ann")
    await fill(romeo, *(f"line {n}" for n in range(20)))
    page = await ask(romeo, query("<max>100</max>"))
    assert len(page.ids) == 7 and not page.complete and page.count == "20"


WRONG = {
    "an unknown id behind": (query("<after>nothing</after>"), "item-not-found"),
    "an unknown id before": (query("<before>nothing</before>"), "item-not-found"),
    "an unknown bound": (query(after_id="nothing"), "item-not-found"),
    "unknown ids": (query(ids=["nothing"]), "item-not-found"),
    "too many ids": (query(ids=[str(n) for n in range(101)]), "bad-request"),
    "no time": (query(start="yesterday"), "bad-request"),
    "no end": (query(end="2026-13-45T99:00:00Z"), "bad-request"),
    "no address": (query(**{"with": "@"}), "bad-request"),
    "no number": (query("<max>many</max>"), "bad-request"),
    "a negative number": (query("<max>-1</max>"), "bad-request"),
    "another form": (f"<query xmlns='{MAM}'><x xmlns='{DATA}' type='submit'>{field('FORM_TYPE', 'urn:other')}</x></query>",
                     "bad-request"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_queries_get_their_error(start, case):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    await fill(romeo, "something")
    page = await ask(romeo, WRONG[case][0])
    assert page.condition == WRONG[case][1] and page.answer.error[2] and not page.ids


async def test_without_an_archive_nothing_is_kept(start):
    gateway, romeo = await start(EXTENDED, **{"archive.days": 0})
    await joined(romeo, "ann")
    await fill(romeo, "one")
    assert (await ask(romeo)).condition == "service-unavailable"
    assert MAM not in features(await romeo.iq(f"<query xmlns='{DISCO_INFO}'/>", to=ROOM))
    second = romeo.host.user("romeo", "second")
    second.send("presence", f"<x xmlns='{MUC}'/>", to=f"{ROOM}/me")
    await romeo.host.expect(matches("message", ROOM, to=second.full, subject=""))
    assert not bodies(s for s in romeo.host.inbox.seen if s.to == second.full)


async def test_who_does_not_want_to_be_recorded_is_not(start, host):
    _, romeo = await start(EXTENDED, **{"settings.record_history": 0})
    await joined(romeo, "ann")
    await fill(romeo, "unrecorded")
    assert (await ask(romeo)).bodies == []


async def test_private_words_are_in_no_archive(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    say(romeo, speak("between us", _9=1))
    await romeo.expect(message(f"{ROOM}/ann", "between us", type="chat"))
    await fill(romeo, "for all")
    assert (await ask(romeo)).bodies == ["for all"]


async def test_formatted_words_and_files_are_kept_whole(start):
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    say(romeo, speak("bold & <odd>", _5="<b>bold</b>"),
        speak("https://example.org/a", _11=[{"1": "https://example.org/a", "3": "a cat"}]))
    live = [await romeo.expect(message(f"{ROOM}/ann", text)) for text in ("bold & <odd>", "https://example.org/a")]
    page = await ask(romeo)
    assert page.bodies == [s.body for s in live]
    assert page.messages[0].findtext(".//{http://www.w3.org/1999/xhtml}body") is not None
    assert page.messages[1].findtext(".//{jabber:x:oob}url") == "https://example.org/a"
    assert [m.get("id") for m in page.messages] == [s.id for s in live]


async def test_a_line_that_comes_while_nobody_is_connected_is_read_at_the_next_join(start):
    """What the network tells of a time before (with its time) is shown with that time."""
    _, romeo = await start(EXTENDED)
    await joined(romeo, "ann")
    say(romeo, speak("long ago", _102=1577934245000))
    got = await romeo.expect(message(f"{ROOM}/ann", "long ago"))
    assert got.child("delay", DELAY).get("stamp") == "2020-01-02T03:04:05Z"
    page = await ask(romeo, query(end="2020-12-31T00:00:00Z"))
    assert page.bodies == ["long ago"]


# On real servers, with IRC

numbers = itertools.count(1)


@pytest.mark.parametrize("server, ircd", [("prosody", "ngircd"), ("ejabberd", "inspircd")])
async def test_two_users_of_a_channel_read_what_each_has_heard(request, gateways, people, irc_people, server, ircd):
    host, ircd = request.getfixturevalue(server), request.getfixturevalue(ircd)
    gateway = await gateways(host, IRC, "irc.localhost")
    channel = f"#archive{next(numbers)}"
    room = f"{channel}%127.0.0.1\\3a{ircd.port}@irc.localhost"
    bob = await irc_people(f"bobarch{next(numbers)}", ircd)
    await bob.join(channel)
    al, eve = await people(host=host), await people(host=host)
    await al.join(room, "alarch")
    bob.say(channel, "for al")
    await al.expect(message(f"{room}/{bob.nick}", "for al"))
    await eve.join(room, "evarch")
    for text in ("for both", "for both", "and more"):
        bob.say(channel, text)
    al.send_message(room, "al says", type="groupchat")
    for user in (al, eve):
        await user.expect(message(f"{room}/{bob.nick}", "and more"))
        await user.expect(message(f"{room}/alarch", "al says"))

    async def read(user):
        answer = await user.iq(room, query(), "set")
        assert answer.type == "result", answer
        found = user.take(message(room, where=lambda s: s.child("result", MAM) is not None))
        return Page(answer, [s.child("result", MAM) for s in found])
    mine, hers = await read(al), await read(eve)
    assert mine.bodies[0] == "for al" and sorted(mine.bodies[1:]) == sorted(["for both", "for both", "and more", "al says"])
    assert sorted(mine.ids[1:]) == sorted(hers.ids), "the same lines have the same ids"
    # A restart later, a new client gets it as history.
    gateway.stop()
    await gateway.up(host)
    await al.close()
    again = await people(host=host, account=al.user, resource="again")
    again.enter(room, "alarch2")
    await again.expect(message(room, type="groupchat", where=lambda s: s.subject is not None))
    past = [s for s in again.inbox.seen if s.bare == room and s.body and is_past(s)]
    assert [s.body for s in past] == mine.bodies
