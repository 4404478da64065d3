# SPDX-License-Identifier: GPL-2.0-or-later
"""Bonjour through the libpurple backend: Avahi finds the people, in a network of its own (network namespaces), so that
nobody outside is found and nobody finds us."""

import os
import pathlib

import pytest
import pytest_asyncio

from gateway import PURPLE
from ircbackend import AWAY, LEFT, User, got, result, said
from processes import Process, wait_for
from purplebackend import Backend

AVAHI = pathlib.Path("/usr/sbin/avahi-daemon")

pytestmark = pytest.mark.skipif(not AVAHI.exists() or os.geteuid() != 0 or not PURPLE.exists(),
                                reason="needs avahi-daemon, libpurple, and root for a network namespace")

NETWORK = """\
set -e
ip link set lo up
ip link add one type veth peer name two
ip address add 10.9.9.1/24 dev one
ip link set one up
ip link set two up
dbus-daemon --config-file={directory}/bus.conf --nofork &
while ! [ -S {directory}/bus ]; do :; done
exec {avahi} --no-chroot --no-rlimits -f {directory}/avahi.conf
"""

BUS = """\
<busconfig><type>system</type><listen>unix:path={directory}/bus</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>
"""


class LocalNetwork(Process):
    """Avahi on a bus and in a network of its own."""

    def __init__(self, directory):
        super().__init__(directory, "avahi")

    def start(self):
        os.chmod(self.directory, 0o755)
        os.chmod(self.directory.parent, 0o755)
        for name, text in (("network.sh", NETWORK), ("bus.conf", BUS), ("avahi.conf", "[server]\nuse-ipv6=no\n"
                                                                       "allow-interfaces=one\n")):
            (self.directory / name).write_text(text.format(directory=self.directory, avahi=AVAHI))
        self.launch("unshare", "--net", "--mount", "sh", "-c",
                    f"mount -t tmpfs none /run && sh {self.directory}/network.sh",
                    DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.directory}/bus")
        wait_for(lambda: "Server startup complete" in self.log() or not self.running(), "Avahi is up", 20)
        assert self.running(), self.log()
        self.inside = self.directory / "inside"
        self.inside.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{self.child.pid}/ns/net "{PURPLE}" "$@"\n')
        self.inside.chmod(0o755)
        return self

    def stop(self):
        self.end()
        self.end_marked()


@pytest.fixture(scope="session")
def local(directories):
    network = LocalNetwork(directories("bonjour"))
    try:
        yield network.start()
    finally:
        network.stop()


class BonjourBackend(Backend):
    def __init__(self, directory, network, port):
        super().__init__(directory, "prpl-bonjour", {"purple.port": port})
        self.program = network.inside
        self.network = network

    def environment(self):
        return {**super().environment(), "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.network.directory}/bus"}


@pytest_asyncio.fixture
async def two(request, directories, local):
    """Users of two gateways, as each is known to the other."""
    backends = [await BonjourBackend(directories("purple"), local, port).start() for port in (5300, 5400)]
    users = []
    for backend, name in zip(backends, ("al", "bob")):
        users.append(await User(backend, None, name).login())
    al, bob = users
    al.known = (await bob.expect(got("BUDDY_CHANGED", buddyName=lambda n: n.startswith("al@")), 20))["buddyName"]
    bob.known = (await al.expect(got("BUDDY_CHANGED", buddyName=lambda n: n.startswith("bob@")), 20))["buddyName"]
    yield al, bob
    if getattr(request.node, "failed", False):
        for one in backends:
            print(f"--- log, the last lines\n{one.log()[-3000:]}")
    for one in backends:
        await one.close()


async def test_people_find_each_other_talk_and_go(two):
    al, bob = two
    id = al.say(bob.known, "hello & <you>?")
    await bob.expect(said(al.known, "hello & <you>?"))
    await al.expect(result(id))
    bob.say(al.known, "hi")
    await al.expect(said(bob.known, "hi"))
    bob.status(AWAY, "at tea")
    seen = await al.expect(got("BUDDY_CHANGED", buddyName=bob.known, status=AWAY), 20)
    assert seen["statusMessage"] == "at tea" and seen["alias"] == "bob"
    bob.logout()
    await al.expect(lambda f: f.fields.get("buddyName") == bob.known and
                    (f.type == "BUDDY_REMOVED" or f.fields.get("status") == LEFT), 20)
