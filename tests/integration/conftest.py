# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures. Servers live for the whole run, gateways and people for one test; every directory is fresh."""

import itertools
import pathlib
import shutil
import sys
import tempfile

import pytest
import pytest_asyncio

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "peers"))

import gateway as program
from foreign import ForeignEjabberd, ForeignProsody, Jabberd
from hosts import Ejabberd, Prosody, component_port
from ircclient import IrcClient
from ircds import Inspircd, Ngircd
from nameserver import Dnsmasq
from person import RawUser
from processes import free_port
from server import Server, Wire, make_certificate
from user import User, end_tasks


@pytest.fixture(scope="session")
def scratch():
    """The run's own directory; short, because Unix socket names may be at most 107 bytes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="s2-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def directories(scratch):
    """Gives fresh directories by a name for people."""
    numbers = itertools.count(1)

    def fresh(name):
        path = scratch / f"{name}{next(numbers)}"
        path.mkdir()
        return path
    return fresh


def serve(kind, *args, **options):
    server = kind(*args, **options)
    try:
        yield server.start()
    finally:
        server.stop()
        server.end_marked()


@pytest.fixture(scope="session")
def prosody(directories):
    yield from serve(Prosody, directories("prosody"))


@pytest.fixture(scope="session")
def privileged_prosody(directories):
    yield from serve(Prosody, directories("prosody"), privileged=True)


@pytest.fixture(scope="session")
def upload_prosody(directories):
    yield from serve(Prosody, directories("prosody"), upload=True)


@pytest.fixture(scope="session")
def ejabberd(directories):
    yield from serve(Ejabberd, directories("ejabberd"))


@pytest.fixture(scope="session")
def privileged_ejabberd(directories):
    yield from serve(Ejabberd, directories("ejabberd"), privileged=True)


@pytest.fixture(scope="session")
def upload_ejabberd(directories):
    yield from serve(Ejabberd, directories("ejabberd"), upload=True)


@pytest.fixture(params=["prosody", "ejabberd"])
def each_host(request):
    """The test is run on every server, without privileges."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["privileged_prosody", "privileged_ejabberd"])
def each_privileged_host(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def prosody_abroad(directories):
    """XMPP servers as a foreign network."""
    yield from serve(ForeignProsody, directories("abroad"))


@pytest.fixture(scope="session")
def ejabberd_abroad(directories):
    yield from serve(ForeignEjabberd, directories("abroad"))


@pytest.fixture(scope="session")
def jabberd_abroad(directories):
    yield from serve(Jabberd, directories("abroad"))


@pytest.fixture(params=["prosody", "ejabberd"])
def abroad(request):
    return request.getfixturevalue(f"{request.param}_abroad")


@pytest.fixture
def home(request):
    """The server that is meant where a test names none. See everywhere.py."""
    return request.getfixturevalue(getattr(request, "param", "prosody"))


@pytest.fixture
def own_prosody(directories):
    """One to stop and restart."""
    yield from serve(Prosody, directories("prosody"))


@pytest.fixture(scope="session")
def ngircd(directories):
    yield from serve(Ngircd, directories("ngircd"))


@pytest.fixture
def own_ngircd(directories):
    yield from serve(Ngircd, directories("ngircd"))


@pytest.fixture(scope="session")
def inspircd(directories):
    yield from serve(Inspircd, directories("inspircd"))


async def reach(host, jid):
    """ejabberd accepts a component before it knows the way to it."""
    probe = await RawUser(host, host.account("probe"), "probe").connect(False)
    await probe.reach(jid)
    await probe.close()


@pytest_asyncio.fixture
async def gateways(directories, request):
    """Starts a gateway: `await gateways(host, backend=ECHO, **{"service.key": value})`."""
    started = []

    async def start(host, backend=program.ECHO, jid="gw.localhost", up=True, **settings):
        settings = {key.replace("__", "."): value for key, value in settings.items()}
        one = program.Gateway(directories("gw"), jid, backend, component_port(host, jid), settings)
        started.append(one)
        if not up:
            return one.start()
        await one.up(host)
        if isinstance(host, Ejabberd):
            await reach(host, jid)
        return one

    yield start
    failed = getattr(request.node, "failed", False)
    for one in started:
        if failed:
            print(f"--- log of {one.jid}, the last lines\n{one.log()[-6000:]}\n{one.reports()}")
        await one.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest_asyncio.fixture
async def people(request):
    """Connects people: `await people("romeo")`; keywords: host, kind=RawUser, name (an account that is there)."""
    present = []

    async def connect(name="user", host=None, kind=User, account=None, resource="test", initial_presence=True):
        host = host or request.getfixturevalue("home")
        one = kind(host, account or host.account(name), resource)
        present.append(one)
        return await one.connect(initial_presence)

    yield connect
    for one in present:
        await one.close()
    await end_tasks()


@pytest_asyncio.fixture
async def servers(directories, request):
    """Starts spectrum2 in server mode: `await servers(backend=ECHO, **{"service.key": value})`."""
    started = []

    async def start(backend=program.ECHO, jid="chat.localhost", up=True, **settings):
        settings = {key.replace("__", "."): value for key, value in settings.items()}
        one = Server(directories("srv"), jid, backend, settings)
        started.append(one)
        return await one.up() if up else one.start()

    yield start
    failed = getattr(request.node, "failed", False)
    for one in started:
        if failed:
            print(f"--- log of {one.jid}, the last lines\n{one.log()[-6000:]}\n{one.reports()}")
        await one.close()


@pytest.fixture
def secured(servers, directories):
    """A server with a certificate on all ports, as it is meant to be run, with a name that Node and browsers find."""
    async def start(backend=program.ECHO, domain="localhost", **settings):
        ports = {"direct": free_port(), "web": free_port()}
        certificate = make_certificate(directories("cert"), domain)
        server = await servers(backend, domain, service__cert=certificate, service__direct_tls_port=ports["direct"],
                               service__websocket_port=ports["web"], service__websocket_tls="on",
                               service__more_resources=1, **settings)
        server.tls = True
        server.ports = {"port": server.port, **ports}
        return server
    return start


@pytest.fixture
def dns(directories):
    """`dns(*records)`: a name server that has these."""
    started = []

    def start(*records):
        one = Dnsmasq(directories("dns"), records)
        started.append(one)
        return one.start()

    yield start
    for one in started:
        one.end()


@pytest_asyncio.fixture
async def wires():
    """Opens bare connections: `await wires(server)`."""
    opened = []

    async def connect(server, port=None, context=None):
        one = Wire(server, port)
        opened.append(one)
        return await one.connect(context)

    yield connect
    for one in opened:
        await one.close()


@pytest_asyncio.fixture
async def irc_people():
    present = []

    async def connect(nick, server):
        one = await IrcClient(nick, server.port).connect()
        present.append(one)
        return one

    yield connect
    for one in present:
        await one.close()


@pytest_asyncio.fixture
async def echo(gateways, home):
    """A gateway with the echo backend."""
    return await gateways(home)


@pytest_asyncio.fixture
async def irc(gateways, home):
    """A gateway to IRC."""
    return await gateways(home, program.IRC, "irc.localhost")


@pytest_asyncio.fixture
async def raw_user(people):
    return await people("raw", kind=RawUser)
