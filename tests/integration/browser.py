# SPDX-License-Identifier: GPL-2.0-or-later
"""People in front of a web client: a page of tests/clients/pages in headless Chromium, driven by tests/clients/browser.mjs.
`Page` is any page; `StropheInPage` the program of strophe.js in it; `Converse` what a person does with Converse."""

import asyncio
import itertools
import json
import pathlib
import time

from nodeclient import NodeClient
from processes import LIMIT

CHROMIUM = pathlib.Path("/usr/bin/chromium")
PATIENCE = 2 * LIMIT


class Page(NodeClient):
    """One browser without a memory, with one page."""

    program = "browser.mjs"
    page = None

    def __init__(self, host, name, **more):
        assert CHROMIUM.exists(), "Debian's package chromium is missing"
        super().__init__(host, name, **more)
        self._numbers = itertools.count(1)

    async def open(self, **settings):
        await self.begin()
        await self.act("start", name=self.page, settings=settings)
        return self

    async def act(self, act, limit=PATIENCE, **more):
        number = next(self._numbers)
        self._order("act", act=act, number=number, limit=1000 * limit, **more)
        done = await self.events.expect(lambda e: e.fields.get("number") == number, limit + PATIENCE)
        assert done.name == "done", f"{act} {more}: {done.fields['why']}"
        return done.fields.get("value")

    async def see(self, where, text=None, **more):
        await self.act("see", where=where, text=text, **more)

    async def gone(self, where, text=None):
        await self.act("gone", where=where, text=text)

    async def click(self, where, text=None):
        await self.act("click", where=where, text=text)

    async def fill(self, where, value):
        await self.act("fill", where=where, value=value)

    async def press(self, where, key):
        await self.act("press", where=where, value=key)

    async def texts(self, where):
        return await self.act("texts", where=where)

    async def whole_text(self):
        """For who looks for a fault."""
        gone = self._child is None or self._child.returncode is not None
        return "nothing any more" if gone else await self.act("evaluate", value="document.body.innerText")

    async def picture(self, path):
        """For whoever wants to look at it."""
        await self.act("picture", value=str(path))


class StropheInPage(Page):
    """The same program as in Node, with the engine, the WebSocket and the XML of a browser."""

    page = "strophe"

    async def launch(self):
        await self.open()
        await self.told("ready")
        self._start()
        return self

    def _order(self, do, **more):
        if do == "act":
            super()._order(do, **more)
        else:
            super()._order("order", order={"do": do, **more})


class Converse(Page):
    """Every method is what a person does there, or what he sees."""

    page = "converse"

    async def launch(self):
        return await self.open(websocket_url=self.service)

    async def log_in(self, password=None):
        await self.fill("input[name=jid]", self.jid)
        await self.fill("input[name=password]", password or self.password)
        await self.click("#converse-login button", "Log in")

    async def arrive(self):
        await self.log_in()
        await self.see("#converse-roster")

    async def connect(self, initial_presence=True):
        await self.launch()
        await self.arrive()
        return self

    async def see_contact(self, jid, status=None):
        status = f"[data-status={status}]" if status else ""
        await self.see(f".list-item{status} a[data-jid='{jid}']")

    async def see_picture(self, jid):
        """Initials are no picture."""
        await self.see(f".list-item a[data-jid='{jid}'] converse-avatar image")

    async def block(self):
        """Who is talked to."""
        await self.click("converse-chat-heading .dropdown-toggle")
        await self.click("converse-chat-heading .block-user")
        await self.click(".modal.show button", "Confirm")

    async def unblock(self, jid):
        await self.click("#converse-roster .dropdown--contacts button")
        await self.click("#converse-roster .dropdown-item", "Show block list")
        await self.click(".modal.show label", jid)
        await self.click(".modal.show button", "Unblock selected users")
        await self.see(".modal.show", "No blocked XMPP addresses")
        await self.click(".modal.show button", "Close")
        await self.gone(".modal.show")

    async def add_contact(self, jid):
        await self.click("#converse-roster .dropdown--contacts button")
        await self.click("#converse-roster .add-contact")
        await self.fill("converse-add-contact-modal input[name=jid]", jid)
        await self.click("converse-add-contact-modal button[type=submit]")
        await self.gone("converse-add-contact-modal.show")

    async def accept_contact(self, jid):
        """What is behind the three bars next to one who asks."""
        entry = f".list-item:has(a[data-jid='{jid}'])"
        await self.act("hover", where=entry)
        await self.click(f"{entry} .dropdown-toggle")
        await self.click(".accept-xmpp-request")
        await self.click(".modal.show [type=submit]")

    async def open_chat(self, jid):
        await self.click(f"a.open-chat[data-jid='{jid}']")
        await self.see("textarea.chat-textarea")

    async def write(self, text):
        await self.fill("textarea.chat-textarea", text)
        await self.press("textarea.chat-textarea", "Enter")

    async def correct_the_last(self, text):
        await self.press("textarea.chat-textarea", "ArrowUp")
        await self.see("textarea.chat-textarea.correcting")
        await self.write(text)

    async def attach(self, path):
        await self.act("choose", where="input.fileupload", value=str(path))

    async def read(self, text):
        await self.see(".chat-msg__text", text)

    async def read_all(self, *texts):
        """These and nothing else, in this order, once all is drawn."""
        end = time.monotonic() + PATIENCE
        while (seen := await self.texts(".chat-msg__text")) != list(texts):
            assert time.monotonic() < end, f"{seen} instead of {texts}"
            await asyncio.sleep(0.1)

    async def join_room(self, room, nick):
        await self.click("#chatrooms .dropdown-toggle")
        await self.click("#chatrooms .show-add-muc-modal")
        await self.fill("converse-add-muc-modal input[name=chatroom]", room)
        await self.fill("converse-add-muc-modal input[name=nickname]", nick)
        await self.click("converse-add-muc-modal [type=submit]")
        await self.see("textarea.chat-textarea")
