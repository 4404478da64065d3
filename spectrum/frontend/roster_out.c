/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contacts out of rosters, and the gateway's own item in and out. */
#include <string.h>

#include "spectrum/frontend/roster_inside.h"
#include "spectrum/server/server.h"

void roster_write_item(struct writer *writer, const char *jid, const char *name, const char *subscription)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", jid);
	xml_attr(writer, "name", name);
	xml_attr(writer, "subscription", subscription);
}

static void say(struct frontend *frontend, const char *from, const char *to, const char *type)
{
	stanza_open(frontend, "presence", UPSTREAM_KEPT, from, to, type);
	stanza_close(frontend);
}

/* ---- Taking out ---- */

static void take_back(struct frontend *frontend, const char *from, const char *to)
{
	say(frontend, from, to, "unsubscribe");
	say(frontend, from, to, "unsubscribed");
}

static void remove_answered(const struct iq *iq)
{
	const char *text;
	if (iq->end == IQ_RESULT ||
	    (iq->end == IQ_ERROR && stanza_error(iq->arena, iq->answer, &text) == S2_ITEM_NOT_FOUND))
		return;
	if (iq->end != IQ_LOST)
		roster_set_failed(iq, roster_host_find(iq->frontend->roster, iq->to));
	take_back(iq->frontend, iq->subject, iq->to);
}

static void take_out(struct frontend *frontend, const char *jid, const char *user)
{
	struct roster_work *work = frontend->roster;
	struct writer *writer = NULL;
	stanza_open(frontend, "presence", UPSTREAM_PASSING, jid, user, "unavailable");
	stanza_close(frontend);
	if (roster_way(work, roster_host_find(work, user)) == WAY_SET)
		writer = iq_open(frontend->iqs, "set", user, ROSTER_SET_WAIT_MS, remove_answered, jid);
	if (!writer) {
		take_back(frontend, jid, user);
		return;
	}
	xml_open(writer, "query", NS_ROSTER);
	roster_write_item(writer, jid, NULL, "remove");
	xml_close(writer);
	xml_close(writer);
	stanza_close(frontend);
}

void roster_buddy_removed(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	if (frontend->serves) {
		server_contact_removed(frontend->upstream, user, buddy);
		return;
	}
	const char *jid = contact_jid(frontend, user, buddy_text(buddy, BUDDY_NAME), NULL);
	if (jid)
		take_out(frontend, jid, user_jid(user));
}

/* ---- The gateway itself ---- */

/* Asks for the user's presence and shows him its own (XEP-0100 section 4.1.1). */
static void ask_for_gateway(struct frontend *frontend, const char *jid)
{
	say(frontend, frontend->jid, jid, "subscribe");
}

static void gateway_answered(const struct iq *iq)
{
	if (iq->end == IQ_RESULT) {
		struct host *host = roster_host_find(iq->frontend->roster, iq->to);
		if (host)
			host->proved = true;
		/* Whoever is there will be logged in. */
		presence_probe(iq->frontend, iq->to);
		return;
	}
	if (iq->end != IQ_LOST)
		roster_set_failed(iq, roster_host_find(iq->frontend->roster, iq->to));
	ask_for_gateway(iq->frontend, iq->to);
}

void roster_add_gateway(struct roster_work *work, const char *jid)
{
	struct frontend *frontend = work->frontend;
	struct writer *writer = NULL;
	if (frontend->serves)
		return;
	if (roster_way(work, roster_host_find(work, jid)) == WAY_SET)
		writer = iq_open(frontend->iqs, "set", jid, ROSTER_SET_WAIT_MS, gateway_answered, NULL);
	if (!writer) {
		ask_for_gateway(frontend, jid);
		return;
	}
	xml_open(writer, "query", NS_ROSTER);
	roster_write_item(writer, frontend->jid, text_or_null(config_text(frontend->config, "identity.name")), "both");
	xml_close(writer);
	xml_close(writer);
	stanza_close(frontend);
}

void roster_remove_gateway(struct roster_work *work, const char *jid)
{
	if (!work->frontend->serves)
		take_out(work->frontend, work->frontend->jid, jid);
}
