# SPDX-License-Identifier: GPL-2.0-or-later
"""Searching for people of the network (XEP-0055): by forms, by plain fields, by command and by chat."""

import pytest

from commands import execute, form, listed, run, submit
from everywhere import everywhere
from gateway import IRC, SCRIPTED
from stanzas import DATA, DISCO_INFO, available, message

GW = "gw.localhost"
SEARCH = "jabber:iq:search"
ABLE = f"{SCRIPTED} --extended --orders={1 << 10}"


@pytest.fixture
def start(gateways, home, people):
    async def begin(backend=ABLE):
        await gateways(home, backend)
        user = await people()
        await user.login(GW)
        return user
    return begin


async def ask(user, content, to=GW):
    return await user.iq(to, f"<query xmlns='{SEARCH}'>{content}</query>", "set")


def rows(answer):
    return [{f.get("var"): f.findtext(f"{{{DATA}}}value") for f in item} for item in answer.xml.iter(f"{{{DATA}}}item")]


def plain(answer):
    return [(item.get("jid"), item.findtext(f"{{{SEARCH}}}nick")) for item in answer.xml.iter(f"{{{SEARCH}}}item")]


async def features(user):
    answer = await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")
    return {f.get("var") for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature")}


@everywhere
async def test_by_form_and_by_plain_fields(start):
    user = await start()
    assert SEARCH in await features(user)
    asked = await user.iq(GW, f"<query xmlns='{SEARCH}'/>")
    assert asked.xml.find(f".//{{{SEARCH}}}nick") is not None and asked.xml.findtext(f".//{{{SEARCH}}}instructions")
    fields = {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in asked.xml.iter(f"{{{DATA}}}field")}
    assert fields["FORM_TYPE"] == SEARCH and "nick" in fields
    found = await ask(user, form({"nick": "ann2"}, SEARCH))
    assert rows(found) == [{"jid": f"ann2.{n}\\40net@{GW}", "nick": f"Found {n}", "about": "of Verona"} for n in range(2)]
    columns = [f.get("var") for f in found.xml.find(f".//{{{DATA}}}reported")]
    assert columns == ["jid", "nick", "about"]
    assert plain(await ask(user, "<last>ann1</last>")) == [(f"ann1.0\\40net@{GW}", "Found 0")]
    assert plain(await ask(user, "<nick>ann</nick>")) == []
    assert len(rows(await ask(user, form({"nick": "ann150"}, SEARCH)))) == 100


@everywhere
async def test_by_command_and_by_chat(start):
    user = await start()
    assert "search" in await listed(user, GW)
    got = await run(user, GW, "search", nick="bob2")
    assert got.rows[1] == {"jid": f"bob2.1\\40net@{GW}", "nick": "Found 1", "about": "of Verona"}
    assert got.note == "2 people were found."
    user.send_message(GW, "search bob1")
    assert (await user.expect(message(GW))).body == f"1 person was found.\nbob1.0\\40net@{GW} | Found 0 | of Verona"
    refused = await submit(user, await execute(user, GW, "search"), nick="")
    assert refused.error[:2] == ("bad-request", "bad-payload")


async def test_wrong_searches(start, people):
    user, stranger = await start(), await people("stranger")
    for content in ("", "<nick/>", form({}, SEARCH), "<nick>" + "x" * 300 + "</nick>"):
        answer = await ask(user, content)
        assert answer.condition == "not-acceptable" and answer.error[2]
    assert (await ask(stranger, "<nick>ann1</nick>")).condition == "registration-required"
    answer = await ask(user, "<nick>refuse7</nick>")
    assert answer.condition == "item-not-found" and answer.error[2] == "The network says no."
    assert (await ask(user, "<nick>ann1</nick>", to=f"ann@{GW}")).condition == "service-unavailable"


async def test_a_network_that_can_not_be_searched(start):
    user = await start(f"{SCRIPTED} --extended --orders=1")
    assert SEARCH not in await features(user) and "search" not in await listed(user, GW)
    assert (await user.iq(GW, f"<query xmlns='{SEARCH}'/>")).condition == "feature-not-implemented"
    assert (await ask(user, "<nick>ann1</nick>")).condition == "feature-not-implemented"


@pytest.mark.parametrize("server", ["ngircd", "inspircd"])
async def test_people_on_irc(gateways, prosody, people, irc_people, request, server):
    ircd = request.getfixturevalue(server)
    await gateways(prosody, IRC, "irc.localhost")
    user = await people()
    bob = await irc_people("searchbob", ircd)
    await irc_people("nobodyelse", ircd)
    place = f"127.0.0.1\\3a{ircd.port}"
    answer = await ask(user, "<nick>searchb</nick>", "irc.localhost")
    assert answer.condition in ("registration-required", "item-not-found") and answer.error[2]
    await user.join(f"#search%{place}@irc.localhost", "searchme")
    got = rows(await ask(user, form({"nick": "SEARCHB"}, SEARCH), "irc.localhost"))
    assert [(row["jid"], row["nick"]) for row in got] == [(f"{bob.nick}%{place}@irc.localhost", bob.nick)]
    got = rows(await ask(user, form({"nick": f"search%127.0.0.1:{ircd.port}"}, SEARCH), "irc.localhost"))
    assert {row["nick"] for row in got} == {"searchbob", "searchme"}
    assert rows(await ask(user, form({"nick": "nosuchname"}, SEARCH), "irc.localhost")) == []
    assert (await ask(user, "<nick>two words</nick>", "irc.localhost")).condition == "not-acceptable"
