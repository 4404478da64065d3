/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host of a user lets the gateway do with rosters: what it has granted (XEP-0356), what it takes without a
 * word (XEP-0321), and whether it does what it has promised. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/frontend/privilege.h"
#include "spectrum/frontend/roster_inside.h"

#define LOG_AREA "roster"

static const char *host_of(const char *jid)
{
	const char *at = strrchr(jid, '@');
	return at ? at + 1 : jid;
}

struct host *roster_host_find(struct roster_work *work, const char *jid)
{
	const char *name = host_of(jid);
	struct host *host = map_get(&work->hosts, name);
	if (host || work->hosts.count >= ROSTER_HOSTS_MOST)
		return host;
	host = mem_new(sizeof *host + strlen(name) + 1);
	strcpy(host->name, name);
	map_put(&work->hosts, host->name, host);
	return host;
}

/* Whether it is known what this host grants: it has said so, or had the time to. */
bool roster_settled(const struct roster_work *work, const struct host *host)
{
	const struct frontend *frontend = work->frontend;
	return upstream_is_up(frontend->upstream) && (loop_now(frontend->loop) >= work->settled ||
	                                              (host && privilege_find(frontend->privileges, host->name)));
}

/* Whether rosters may be read, and written. */
bool roster_may_get(const struct roster_work *work, const struct host *host)
{
	const struct privilege *privilege = host ? privilege_find(work->frontend->privileges, host->name) : NULL;
	return privilege ? privilege->roster_get : host && host->remote == REMOTE_YES;
}

enum way roster_way(const struct roster_work *work, const struct host *host)
{
	if (!roster_settled(work, host))
		return WAY_LATER;
	if (!host || host->broken)
		return WAY_EXCHANGE;
	const struct privilege *privilege = privilege_find(work->frontend->privileges, host->name);
	if (privilege)
		return privilege->roster_set ? WAY_SET : WAY_EXCHANGE;
	static const enum way ways[] = {[REMOTE_UNTRIED] = WAY_LATER,
	                                [REMOTE_ASKED] = WAY_LATER,
	                                [REMOTE_YES] = WAY_SET,
	                                [REMOTE_NO] = WAY_EXCHANGE};
	return ways[host->remote];
}

/* A set has failed: is that the host's fault, or about this one contact? */
static bool is_about_item(enum s2_condition condition)
{
	return condition == S2_BAD_REQUEST || condition == S2_NOT_ACCEPTABLE || condition == S2_JID_MALFORMED ||
	       condition == S2_POLICY_VIOLATION || condition == S2_RESOURCE_CONSTRAINT;
}

bool roster_set_failed(const struct iq *iq, struct host *host)
{
	const char *text;
	enum s2_condition condition =
	    iq->end == IQ_ERROR ? stanza_error(iq->arena, iq->answer, &text) : S2_REMOTE_SERVER_TIMEOUT;
	if (host && !host->proved && !host->broken && !is_about_item(condition)) {
		host->broken = true;
		log_warn("roster sets fail: contacts are asked for in other ways until the link is made anew host=%s "
		         "error=%s",
		         host->name, condition_name(condition));
	}
	return !is_about_item(condition);
}
