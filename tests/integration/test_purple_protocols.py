# SPDX-License-Identifier: GPL-2.0-or-later
"""Every protocol of Debian's libpurple and of its plugins: it loads, begins to connect, and tells in words why it can't. What
has a server of these tests is shown elsewhere."""

import os
import re
import subprocess

import pytest
import pytest_asyncio

from gateway import sanitizers
from ircbackend import User, got, several
from processes import free_port
from purplebackend import Backend

NETWORK, AUTHENTICATION = 0, 2
CLOSED = free_port()
# A directory with further plugins that are to be tried, see docs/networks.md.
MORE = os.environ.get("SPECTRUM2_PURPLE_PLUGINS")

# Protocol: name of a user, options by which nobody listens where it connects to, and what the user is told.
PROTOCOLS = {
    "prpl-bonjour": ("bob", {}, "mDNS"),
    "prpl-eionrobb-discord": ("bob@example.org", {}, "Bad username/password"),  # so it calls a refused connection
    "prpl-eionrobb-rocketchat": (f"bob|127.0.0.1:{CLOSED}", {}, "connect to 127.0.0.1"),
    "prpl-gg": ("1000000", {"gg_server": "127.0.0.1", "encryption": "none"}, "Connection failed"),
    "prpl-irc": ("bob@127.0.0.1", {"port": CLOSED}, "refused"),
    "prpl-jabber": ("bob@localhost", {"connect_server": "127.0.0.1", "port": CLOSED}, "connect"),
    "prpl-meanwhile": ("bob:127.0.0.1", {"port": CLOSED}, "refused"),
    "prpl-novell": ("bob", {"server": "127.0.0.1", "port": CLOSED}, "SSL"),
    "prpl-simple": ("bob@127.0.0.1", {"port": CLOSED}, "refused"),
    "prpl-zephyr": ("bob", {}, "zhm"),
}
# Of plugins that only a directory of further ones has.
if MORE:
    PROTOCOLS |= {
        "prpl-mm-sms": ("+15550100", {}, "D-Bus"),
        "prpl-nateon": ("bob@nate.com", {"server": "127.0.0.1", "port": CLOSED}, ""),
        "prpl-sipe": ("bob@example.org,bob", {"server": f"127.0.0.1:{CLOSED}", "transport": "tcp"}, "connect"),
    }


def settings(**more):
    # Nobody listens there either, so plugins that know one server only don't reach it.
    proxy = {"proxy.type": "http", "proxy.host": "127.0.0.1", "proxy.port": CLOSED}
    return {**proxy, **({"purple.plugins_dir": MORE} if MORE else {}), **more}


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")


@pytest.fixture(scope="session")
def known(directories):
    """Ids of all protocols that are installed, of which the backend tells who asks for another one."""
    directory = directories("known")
    path = directory / "one.cfg"
    path.write_text(f"[service]\nprotocol = prpl-nothing\nworking_dir = {directory}\n" + (f"[purple]\nplugins_dir = {MORE}\n" if MORE else ""))
    said = subprocess.run([Backend.program, path], cwd=directory, capture_output=True, text=True, check=False,
                          env={**os.environ, **sanitizers(directory)})
    return set(re.search(r"it has (.*)", said.stdout + said.stderr)[1].split())


@pytest_asyncio.fixture
async def backends(request, directories):
    async with several(request) as start:
        yield lambda protocol, **more: start(Backend(directories("purple"), protocol, settings(**more)))


def test_the_protocols_of_libpurple_itself_are_there(known):
    assert {"prpl-bonjour", "prpl-gg", "prpl-irc", "prpl-jabber", "prpl-meanwhile", "prpl-novell", "prpl-simple",
            "prpl-zephyr"} <= known


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_log_in_that_cannot_be(known, backends, protocol):
    assert protocol in known or MORE, f"no plugin for {protocol} is installed"
    name, options, words = PROTOCOLS[protocol]
    backend = await backends(protocol, **{f"purple.{key}": value for key, value in options.items()})
    user = await User(backend, None, name, "password").login(connected=False)
    told = await user.expect(got("DISCONNECTED"))
    assert told["error"] in (NETWORK, AUTHENTICATION) and told["message"] and words in told["message"]
    user.logout()
    await user.login(connected=False)  # nothing of the first try is left
    await user.expect(got("DISCONNECTED"))


async def test_all_protocols_in_one_process(known, backends):
    backend = await backends("any")
    for protocol, (name, options, words) in PROTOCOLS.items():
        if protocol in known or not MORE:
            user = User(backend, None, f"{protocol}.{name}", "password")
            await user.login(connected=False, settings={
                "value": [{"key": key, "value": str(value)} for key, value in options.items()]})
            assert words in (await user.expect(got("DISCONNECTED")))["message"]
