# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts for messages to a contact that echoes: each must come back once or be refused with an error, never both,
never twice, never neither."""

import time

from processes import LIMIT

DOUBTFUL = ["echo", "recipient-unavailable"], ["recipient-unavailable", "echo"]


class Ledger:
    def __init__(self, person, contact):
        self.person = person
        self.contact = contact
        self.outcomes = {}  # id: ["echo" | condition of an error, ...]
        self.unanswered = 0
        self.stanza_ids = set()

    def send(self, count=1, padding=""):
        """Sends so many messages; returns their ids."""
        ids = []
        for _ in range(count):
            id = f"{self.contact.partition('@')[0]}-{self.person.full.partition('@')[0]}-{len(self.outcomes)}"
            self.outcomes[id] = []
            self.unanswered += 1
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
            outcomes, what = self.outcomes[stanza.id], stanza.condition
        elif stanza.id in self.stanza_ids:
            return  # sent again after a lost link, under the same id
        else:
            self.stanza_ids.add(stanza.id)
            outcomes, what = self.outcomes[stanza.body.split()[1]], "echo"
        if not outcomes:
            self.unanswered -= 1
        outcomes.append(what)

    async def read(self, count=1, limit=LIMIT):
        """Waits for so many outcomes."""
        for _ in range(count):
            self._enter(await self.person.expect(self._mine, limit))

    async def settle(self, gateway, limit=LIMIT, doubt=False):
        """Waits until each message has an outcome, looks for surplus ones, and judges. `doubt`: a message may also be
        refused after it came back, by a gateway that could not know."""
        while self.unanswered:
            try:
                self._enter(await self.person.expect(self._mine, limit))
            except AssertionError as why:
                raise AssertionError(f"lost without a word: {self.open()} of {len(self.outcomes)}\n{why}") from None
        await self.person.sync(gateway)
        for stanza in self.person.take(self._mine):
            self._enter(stanza)
        surplus = {id: outcomes for id, outcomes in self.outcomes.items()
                   if len(outcomes) != 1 and not (doubt and outcomes in DOUBTFUL)}
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
