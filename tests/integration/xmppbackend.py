# SPDX-License-Identifier: GPL-2.0-or-later
"""The XMPP backend with the test as its main process, and its users."""

import itertools

import gateway
import ircbackend
from ircbackend import ME, got


class Backend(ircbackend.Backend):
    program = gateway.XMPP
    jid = "gw.test"


class User(ircbackend.User):
    """A user of the gateway with an account on a foreign server."""

    def __init__(self, backend, host, account=None, password=None, resource=None):
        self.account = account or host.account("al")
        self.host = host
        self.address = f"{self.account}@{host.domain}"
        super().__init__(backend, None, self.address + (f"/{resource}" if resource else ""),
                         f"pass-{self.account}" if password is None else password)

    async def disconnected(self, limit=30):
        return await self.expect(got("DISCONNECTED"), limit)

    async def contact(self, name, limit=10, **more):
        return await self.expect(got("BUDDY_CHANGED", buddyName=name, **more), limit)

    async def join_room(self, room, nick, limit=10):
        """Returns the participants, own one last, and the subject."""
        self.enter(room, nick)
        people = []
        while True:
            one = await self.expect(lambda f: f.fields.get("room") == room and
                                    f.type in ("PARTICIPANT_CHANGED", "ROOM_ERROR"), limit)
            assert "condition" not in one, one
            people.append(one)
            if one["flag"] & ME:
                break
        subject = await self.expect(got("ROOM_SUBJECT_CHANGED", buddyName=room), limit)
        return people, subject


numbers = itertools.count(1)


def fresh(name):
    return f"{name}{next(numbers)}"
