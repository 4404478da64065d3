# SPDX-License-Identifier: GPL-2.0-or-later
"""Roster pushes, as the user's client sees them."""

from processes import LIMIT

ROSTER = "jabber:iq:roster"


async def pushed(user, jid=None, subscription=None, limit=LIMIT):
    """Waits for a roster push about `jid` (None: anybody); returns the item."""
    def item_of(stanza):
        for item in stanza.xml.iter(f"{{{ROSTER}}}item"):
            if jid in (None, item.get("jid")) and subscription in (None, item.get("subscription")):
                return item
        return None

    def predicate(stanza):
        return stanza.name == "iq" and stanza.type == "set" and item_of(stanza) is not None
    predicate.__doc__ = f"roster push of {jid or 'anybody'} {subscription or ''}"
    return item_of(await user.expect(predicate, limit))


async def roster(user):
    """The whole roster: {jid: item}. Pushes follow only after this was asked for."""
    answer = await user.iq(None, f"<query xmlns='{ROSTER}'/>")
    return {item.get("jid"): item for item in answer.xml.iter(f"{{{ROSTER}}}item")}
