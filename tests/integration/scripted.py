# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway between a scripted host and a scripted backend, so that each stanza and each frame is exactly what a test says.
`from scripted import *` brings the fixtures."""

import json

import pytest_asyncio

from gateway import SCRIPTED
from host import Host
from stanzas import DISCO_INFO, MUC, matches, message, presence

GW = "gw.localhost"
EVE = f"eve@{GW}"
ROOM = f"#quiet@{GW}"
CONNECTED, DISCONNECTED, BUDDY_CHANGED, CONV_MESSAGE, PARTICIPANT, ROOM_NICKNAME, SUBJECT, AUTH = 1, 2, 6, 8, 13, 14, 15, 21
ROOM_LIST, ROOM_ERROR = 32, 102
NONE = 5  # status: gone
ME, MODERATOR, BANNED, KICKED = 16, 1, 4, 32


@pytest_asyncio.fixture
async def host():
    one = await Host().start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def start(gateways, host):
    """Starts a gateway with the scripted backend and logs somebody in."""
    async def begin(backend=SCRIPTED, **settings):
        gateway = await gateways(host, backend, **settings)
        await host.login()
        return gateway, await logged_in(host)
    return begin


async def logged_in(host, name="romeo", **more):
    user = host.user(name)
    await user.login(**more)
    user.take(matches("presence"))
    return user


def say(user, *frames):
    """Makes the backend send these (type, {field: value})."""
    user.send_message(f"control@{GW}", "FRAMES " + json.dumps(frames))


async def settled(user):
    """What was asked of the backend has come back."""
    user.send_message(f"control@{GW}", "E settled")
    await user.expect(message(f"control@{GW}", "E settled"))


def occupant(room, nick, flags=0, status=0, **more):
    return PARTICIPANT, {2: room, 3: nick, 4: flags, 5: status, **{int(k[1:]): v for k, v in more.items()}}


async def joined(user, *others, nick="me", room="#quiet"):
    """In the room, which has no subject, with the others; everything that came by then is read."""
    user.send("presence", f"<x xmlns='{MUC}'/>", to=f"{room}@{GW}/{nick}")
    say(user, *(occupant(room, other) for other in others), occupant(room, nick, ME), (SUBJECT, {2: room, 3: ""}))
    await user.expect(message(f"{room}@{GW}", type="groupchat"))
    user.take(presence(f"{room}@{GW}"))


def features(answer):
    return {f.get("var") for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature")}


def identity(answer):
    node = answer.xml.find(f".//{{{DISCO_INFO}}}identity")
    return None if node is None else (node.get("category"), node.get("type"))
