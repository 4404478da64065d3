# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts for messages to a contact that echoes: each must come back once or be refused with an error, never both, never
twice, never neither."""

import time

from processes import LIMIT


class Ledger:
    def __init__(self, person, contact):
        self.person = person
        self.contact = contact
        self.outcomes = {}  # id: ["echo" | condition of an error, ...]

    def send(self, count=1, padding=""):
        """Sends so many messages; returns their ids."""
        ids = []
        for _ in range(count):
            id = f"{self.contact.partition('@')[0]}-{self.person.full.partition('@')[0]}-{len(self.outcomes)}"
            self.outcomes[id] = []
            self.person.send_message(self.contact, f"E {id}{padding}", id=id)
            ids.append(id)
        return ids

    def open(self):
        return [id for id, outcomes in self.outcomes.items() if not outcomes]

    def echoed(self):
        return [id for id, outcomes in self.outcomes.items() if outcomes == ["echo"]]

    def refused(self):
        return [id for id, outcomes in self.outcomes.items() if outcomes and outcomes != ["echo"]]

    def _mine(self, stanza):
        """the outcome of a message that was sent"""
        if stanza.name != "message" or stanza.bare != self.contact:
            return False
        if stanza.type == "error":
            return stanza.id in self.outcomes
        return (stanza.body or "")[:2] == "E " and stanza.body.split()[1] in self.outcomes

    def _enter(self, stanza):
        if stanza.type == "error":
            self.outcomes[stanza.id].append(stanza.condition)
        else:
            self.outcomes[stanza.body.split()[1]].append("echo")

    async def read(self, count=1, limit=LIMIT):
        """Waits for so many outcomes."""
        for _ in range(count):
            self._enter(await self.person.expect(self._mine, limit))

    async def settle(self, gateway, limit=LIMIT):
        """Waits until each message has an outcome, looks for surplus ones, and judges."""
        while self.open():
            try:
                self._enter(await self.person.expect(self._mine, limit))
            except AssertionError as why:
                raise AssertionError(f"lost without a word: {self.open()} of {len(self.outcomes)}\n{why}") from None
        await self.person.sync(gateway)
        for stanza in self.person.take(self._mine):
            self._enter(stanza)
        surplus = {id: outcomes for id, outcomes in self.outcomes.items() if len(outcomes) != 1}
        assert not surplus, f"more than one outcome: {surplus}"

    async def until_echoed(self, gateway, limit=LIMIT):
        """Sends one at a time, refusals allowed, until one comes back: the contact works again."""
        end = time.monotonic() + limit
        while True:
            (id,) = self.send()
            await self.read(limit=limit)
            if self.outcomes[id] == ["echo"]:
                return
            assert time.monotonic() < end, f"still refused after {limit:g} s: {self.outcomes[id]}"
            await self.person.sync(gateway)
