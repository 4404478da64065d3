# SPDX-License-Identifier: GPL-2.0-or-later
"""How the XMPP backend finds the server of an account: by SRV records that dnsmasq serves, with STARTTLS or with TLS from
the first byte on (XEP-0368), and by the address of the domain itself; and how it logs in there."""

from conftest import serve
from foreign import ForeignProsody, Proxy
from ircbackend import result
from processes import free_port
from stanzas import message
from test_xmpp_backend import AUTHENTICATION_FAILED, NETWORK, backends  # noqa: F401
from xmppbackend import User


async def find(backends, host, server):
    """A log-in that has to look for the server; the backend's log."""
    backend = await backends(host, xmpp__server="", service__nameserver=f"127.0.0.1:{server.port}")
    await User(backend, host).login()
    return backend.log()


async def test_by_srv_records(backends, dns, abroad):
    server = dns(f"--srv-host=_xmpp-client._tcp.{abroad.domain},here.{abroad.domain},{abroad.port}",
                 f"--address=/here.{abroad.domain}/127.0.0.1")
    log = await find(backends, abroad, server)
    assert "auth to tls" in log and "TLSv1.3" in log


async def test_the_next_host_when_the_first_one_is_not_there(backends, dns, prosody_abroad):
    host = prosody_abroad
    server = dns(f"--srv-host=_xmpp-client._tcp.b.test,gone.b.test,{host.port},1",
                 f"--srv-host=_xmpp-client._tcp.b.test,closed.b.test,{free_port()},2",
                 f"--srv-host=_xmpp-client._tcp.b.test,here.b.test,{host.port},3",
                 "--address=/closed.b.test/127.0.0.1", "--address=/here.b.test/127.0.0.1")
    await find(backends, host, server)


async def test_tls_from_the_first_byte(backends, dns, prosody_abroad):
    host = prosody_abroad
    server = dns(f"--srv-host=_xmpps-client._tcp.b.test,here.b.test,{host.tls_port},1",
                 f"--srv-host=_xmpp-client._tcp.b.test,here.b.test,{free_port()},2", "--address=/here.b.test/127.0.0.1")
    log = await find(backends, host, server)
    assert "connecting to tls" in log and "auth to tls" not in log


async def test_a_domain_without_the_service(backends, dns, prosody_abroad):
    server = dns("--srv-host=_xmpp-client._tcp.b.test,.,0,0")
    backend = await backends(prosody_abroad, xmpp__server="", service__nameserver=f"127.0.0.1:{server.port}")
    user = await User(backend, prosody_abroad).login(connected=False)
    told = await user.disconnected()
    assert told["error"] == NETWORK and "b.test says that it has no such service" in told["message"]


async def test_a_domain_that_is_not_there(backends, dns, prosody_abroad):
    server = dns()
    backend = await backends(prosody_abroad, xmpp__server="", service__nameserver=f"127.0.0.1:{server.port}")
    user = await User(backend, prosody_abroad).login(connected=False)
    told = await user.disconnected()
    assert told["error"] == NETWORK and "cannot find b.test" in told["message"]


async def test_log_in_in_one_step(directories, backends, people):
    """XEP-0388 and XEP-0386. The modules of Debian that need TLS or know of stream management do not fit its Prosody."""
    modules = dict(modules=', "sasl2", "sasl2_bind2"', disabled=', "tls"')
    for host in serve(lambda directory: ForeignProsody(directory, **modules), directories("abroad")):
        proxy = await Proxy(host.port).start()
        al = await User(await backends(host, port=proxy.port, xmpp__require_tls=0), host).login()
        assert "spectrum2~" in al.backend.log()
        bob = await people("bob", host=host)
        proxy.cut()
        id = al.say(bob.jid, "hello again")
        await bob.expect(message(al.address, "hello again"), 20)
        await al.expect(result(id), 20)
        assert "resumed" in al.backend.log()
        # Another user of the same account, and one who wants a resource of his own.
        other = await User(al.backend, host, account=al.account).login()
        other.say(bob.jid, "me too")
        await bob.expect(message(al.address, "me too"))
        await User(al.backend, host, account=al.account, resource="desk").login()
        assert f"{al.address}/desk" in al.backend.log()
        wrong = await User(al.backend, host, password="wrong").login(connected=False)
        assert (await wrong.disconnected())["error"] == AUTHENTICATION_FAILED
        await proxy.stop()


async def test_passwords_are_not_shown_where_it_can_be_helped(backends, abroad):
    backend = await backends(abroad)
    await User(backend, abroad).login()
    assert "mechanism=SCRAM-SHA-" in backend.log()
