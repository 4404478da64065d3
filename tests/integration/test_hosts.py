# SPDX-License-Identifier: GPL-2.0-or-later
"""What must be the same on each XMPP server, with privileges (XEP-0356) and without: log-in of the component, registration,
presence, chat."""

import pytest

from rosters import roster
from stanzas import DISCO_INFO, available, message, unavailable

GW = "gw.localhost"
ECHO = f"echo@{GW}"


@pytest.fixture(params=["prosody", "privileged_prosody", "ejabberd", "privileged_ejabberd"])
def server(request):
    return request.getfixturevalue(request.param)


async def test_a_day_with_the_gateway(gateways, server, people):
    """One test for all that: starting servers and gateways is what takes the time."""
    gateway = await gateways(server)
    user = await people(host=server)

    info = await user.iq(GW, f"<query xmlns='{DISCO_INFO}'/>")
    assert "jabber:iq:register" in [f.get("var") for f in info.xml.iter(f"{{{DISCO_INFO}}}feature")]
    assert (await user.iq(GW, "<query xmlns='urn:example:unknown'/>")).condition == "service-unavailable"

    assert (await user.register(GW, "bob")).type == "result"
    await user.online(GW)
    contact = await user.expect(available(ECHO))
    assert contact.resource == "bot"

    for text in ("hello", "a & b < c ]]>", "gr\u00fc\u00dfe \U0001f600\nand more"):
        user.send_message(ECHO, text)
        assert (await user.expect(message(ECHO, text))).type == "chat"
    assert (await user.iq(contact.sender, "<ping xmlns='urn:xmpp:ping'/>")).type == "result"
    stranger = await people(host=server)
    id = stranger.send_message(ECHO, "hello")
    assert (await stranger.expect(message(ECHO, type="error"))).id == id

    user.send_presence(GW, "unavailable")
    await user.expect(unavailable(ECHO))
    await user.expect(unavailable(GW))
    id = user.send_message(ECHO, "not logged in")
    assert (await user.expect(message(ECHO, type="error"))).id == id

    assert (await user.unregister(GW)).type == "result"
    await user.sync(GW)
    left = {jid: item.get("subscription") for jid, item in (await roster(user)).items()}
    assert set(left.values()) <= {"none"}, left
    assert gateway.running()
