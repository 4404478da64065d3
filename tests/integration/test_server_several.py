# SPDX-License-Identifier: GPL-2.0-or-later
"""Server mode on several machines: two instances of one domain behind two targets of SRV records, which clients find by
DNS. What docs/server-mode.md tells administrators."""

import pytest

import gateway
from nodeclient import XmppJs
from person import RawUser
from processes import free_port
from server import make_certificate
from stanzas import available, message

pytestmark = pytest.mark.asyncio
DOMAIN = "localhost"
FAR = "far.test"


@pytest.fixture
def twins(servers, directories):
    """Two instances with the same domain and certificate, each with files of its own."""
    async def start(jid, backend=gateway.ECHO):
        certificate = make_certificate(directories("cert"), jid)
        return [await servers(backend, jid, service__cert=certificate, service__direct_tls_port=free_port())
                for _ in range(2)]
    return start


def targets(kind, domain, *ports):
    """SRV records in order of priority."""
    return [f"--srv-host=_{kind}._tcp.{domain},{domain if domain == DOMAIN else f'm{number}.{domain}'},{port},{number}"
            for number, port in enumerate(ports, 1)]


@pytest.mark.node
async def test_the_second_machine_takes_over(twins, dns):
    """A client that others wrote, with STARTTLS: it knows the domain and nothing else."""
    first, second = await twins(DOMAIN)
    records = dns(*targets("xmpp-client", DOMAIN, first.port, second.port))
    client = XmppJs(first, first.account(), service=DOMAIN, certificate=first.settings["service.cert"],
                    nameserver=f"127.0.0.1:{records.port}")
    try:
        await client.connect()
        await first.logged("bound user=")
        assert not second.log_lines("bound user=")
        first.stop()
        await client.online_again()
        await second.logged("bound user=")
        await client.arrive()
        await client.expect(available(f"echo@{DOMAIN}"))
        client.send_message(f"echo@{DOMAIN}", "hello, second one")
        await client.expect(message(f"echo@{DOMAIN}", "hello, second one"))
        # The first one is there again: whoever comes anew goes there.
        await first.up()
        second.stop()
        await client.online_again()
        await first.logged("bound user=")
    finally:
        await client.close()


async def test_tls_from_the_first_byte_and_the_next_target(servers, twins, dns, people):
    """XEP-0368, by our own client: the XMPP backend of a third instance. It checks the certificate."""
    first, second = await twins(FAR)
    records = dns(*targets("xmpps-client", FAR, first.settings["service.direct_tls_port"],
                           second.settings["service.direct_tls_port"]),
                  *(f"--address=/m{number}.{FAR}/127.0.0.1" for number in (1, 2)))
    near = await servers(gateway.XMPP, "near.localhost", service__nameserver=f"127.0.0.1:{records.port}",
                         xmpp__tls_ca_file=first.settings["service.cert"], service__more_resources=1)
    first.stop()
    alice = await people(host=near, kind=RawUser, account=f"alice%{FAR}")
    echo = f"echo\\40{FAR}@near.localhost"
    await alice.expect(available(echo))
    await second.logged("bound user=")
    alice.send_message(echo, "far away")
    await alice.expect(message(echo, "far away"))
