# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode in front of a person with a web client: Converse in Chromium, over a WebSocket with TLS. Whatever is asserted of it
is what stands on the page."""

import asyncio
import urllib.request

import pytest
import pytest_asyncio

import gateway
from browser import Converse
from foreign import Proxy
from person import RawUser
from profiles import GW, buddy, card, frames, icon
from pictures import png
from server import trusting
from stanzas import available, message, presence

pytestmark = [pytest.mark.asyncio, pytest.mark.node]
MESSAGE = 8  # the frame of it
CORRECT = "urn:xmpp:message-correct:0"


@pytest_asyncio.fixture
async def in_browser(request):
    """`in_browser(server, name)`: a person who has not even opened the page."""
    present = []

    def make(server, name, port=None):
        url = f"wss://{server.domain}:{port or server.ports['web']}/xmpp-websocket"
        present.append(Converse(server, name, service=url))
        return present[-1]

    yield make
    for one in present:
        if getattr(request.node, "failed", False):
            print(f"--- what {one.full} sees\n{await one.whole_text()}")
        await one.close()


@pytest_asyncio.fixture
async def balcony(secured, in_browser, people):
    """(the server, romeo in a browser, juliet): two people of one server, who don't know each other yet."""
    server = await secured(gateway.LOOPBACK, service__require_tls=0)
    juliet = await people(host=server, kind=RawUser, account="juliet")
    return server, await in_browser(server, "romeo").connect(), juliet


async def test_a_wrong_password_then_the_right_one(secured, in_browser):
    server = await secured(gateway.VILLAGE)
    romeo = await in_browser(server, "romeo").launch()
    await romeo.log_in("wrong")
    await romeo.see(".conn-feedback", "Your XMPP address and/or password is incorrect")
    await romeo.arrive()
    await romeo.see_contact(romeo.jid, "online")


async def test_one_who_asks_is_accepted(balcony):
    """Converse 14.0.0 means to ask back, too, and does not."""
    _, romeo, juliet = balcony
    juliet.send_presence(romeo.jid, "subscribe")
    await romeo.see(".roster-group", "Contact requests")
    await romeo.accept_contact(juliet.jid)
    await juliet.expect(presence(romeo.jid, type="subscribed"))
    await juliet.expect(available(romeo.jid))


async def test_one_is_asked_and_accepts(balcony):
    _, romeo, juliet = balcony
    await romeo.add_contact(juliet.jid)
    await juliet.expect(presence(romeo.jid, type="subscribe"))
    juliet.send_presence(romeo.jid, "subscribed")
    await romeo.see_contact(juliet.jid, "online")
    juliet.send_presence(content="<show>dnd</show>")
    await romeo.see_contact(juliet.jid, "dnd")


async def test_the_picture_of_a_contact_and_blocking_her(secured, in_browser, people):
    ann = f"ann@{GW}"
    server = await secured(f"{gateway.SCRIPTED} --features=blocking", GW, service__require_tls=0)
    romeo = await in_browser(server, "romeo").connect()
    strings = await people(host=server, kind=RawUser, account="romeo")  # tells the network what to do
    await card(strings, "ann", f4="Ann Arbor", f6="pic1")
    await frames(strings, buddy("ann", 1, f3="Ann Arbor", f7=icon("pic1")))
    await romeo.see_contact(ann, "away")
    await romeo.see_picture(ann)
    await romeo.open_chat(ann)
    await romeo.block()
    await romeo.gone(".list-item.both")  # Converse takes whom it blocks out of the roster
    await frames(strings, [MESSAGE, {2: "ann", 3: "Why do you not answer?", 8: "p1"}])
    await romeo.unblock(ann)
    await frames(strings, [MESSAGE, {2: "ann", 3: "There you are", 8: "p2"}])
    await romeo.open_chat(ann)
    await romeo.read("There you are")
    assert "Why do you not answer?" not in await romeo.texts(".chat-msg__text")


async def test_words_and_corrections_are_read_after_a_reload_and_elsewhere(balcony, in_browser):
    server, romeo, juliet = balcony
    juliet.send_message(romeo.jid, "O Romoe, Romeo!", id="j1")
    await romeo.open_chat(juliet.jid)
    await romeo.read("O Romoe, Romeo!")
    juliet.send_message(romeo.jid, "O Romeo, Romeo!", f"<replace xmlns='{CORRECT}' id='j1'/>")
    await romeo.read("O Romeo, Romeo!")
    await romeo.gone(".chat-msg__text", "O Romoe")
    await romeo.write("Shall I heer more?")
    first = await juliet.expect(message(romeo.jid, "Shall I heer more?"))
    await romeo.correct_the_last("Shall I hear more?")
    second = await juliet.expect(message(romeo.jid, "Shall I hear more?"))
    assert second.child("replace", CORRECT).get("id") == first.id
    said = ["O Romeo, Romeo!", "Shall I hear more?"]
    await romeo.act("reload")
    await romeo.arrive()
    for words in said:  # at times beside the first text of what was corrected: Converse keeps only the correction's id
        await romeo.read(words)
    await romeo.close()
    other = await in_browser(server, "romeo").connect()  # knows nothing of what was before
    juliet.send_message(romeo.jid, "It is morning")
    await other.open_chat(juliet.jid)
    await other.read_all(*said, "It is morning")


async def test_a_picture_goes_up_and_is_shown(balcony, tmp_path):
    """From a page of another origin (CORS)."""
    _, romeo, juliet = balcony
    (tmp_path / "rose.png").write_bytes(png(side=40))
    juliet.send_message(romeo.jid, "What's in a name?")
    await romeo.open_chat(juliet.jid)
    await romeo.attach(tmp_path / "rose.png")
    link = (await juliet.expect(message(romeo.jid, where=lambda s: (s.body or "").startswith("https://")))).body
    assert link.endswith("/rose.png") and await asyncio.to_thread(fetched, link) == png(side=40)
    await romeo.see(f"converse-chat-message-body img[src='{link}']")


def fetched(link):
    with urllib.request.urlopen(link, context=trusting()) as answer:
        return answer.read()


async def test_a_broken_connection_costs_nothing(secured, in_browser, people):
    server = await secured(gateway.LOOPBACK, service__require_tls=0)
    proxy = await Proxy(server.ports["web"]).start()
    romeo = await in_browser(server, "romeo", proxy.port).connect()
    juliet = await people(host=server, kind=RawUser, account="juliet")
    juliet.send_message(romeo.jid, "Art thou there?")
    await romeo.open_chat(juliet.jid)
    await proxy.close_port()
    proxy.cut()
    await server.logged("asleep user=romeo@")
    juliet.send_message(romeo.jid, "Art thou gone?")
    await proxy.open_port()
    await romeo.read("Art thou gone?")
    await romeo.write("I am here")
    await juliet.expect(message(romeo.jid, "I am here"))
    await romeo.read_all("Art thou there?", "Art thou gone?", "I am here")
    await proxy.stop()


async def test_a_room_on_irc(secured, in_browser, ngircd, irc_people):
    server = await secured(gateway.IRC)
    carol = await irc_people("carol", ngircd)
    await carol.join("#garden")
    romeo = await in_browser(server, "romeo").connect()
    await romeo.join_room(f"#garden%127.0.0.1:{ngircd.port}@localhost", "romeo")
    await romeo.see(".occupant-list", "carol")
    carol.say("#garden", "who is there?")
    await romeo.read("who is there?")
    await romeo.write("it is I")
    await carol.heard("#garden", "it is I", nick="romeo")
    await romeo.correct_the_last("it is me")
    await carol.heard("#garden", "(corrected) it is me", nick="romeo")
