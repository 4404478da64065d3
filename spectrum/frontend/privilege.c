/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/privilege.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/xmpp/ns.h"

#define LOG_AREA "privilege"
#define HOSTS_MOST 256 /* anybody's server can send such a message */

struct privilege_table {
	struct map by_host;
};

struct privilege_table *privilege_table_new(void)
{
	return mem_new(sizeof(struct privilege_table));
}

void privilege_table_free(struct privilege_table **table)
{
	if (!*table)
		return;
	privilege_forget_all(*table);
	free(*table);
	*table = NULL;
}

void privilege_forget_all(struct privilege_table *table)
{
	MAP_EACH (&table->by_host, struct privilege, privilege)
		free(privilege);
	map_fini(&table->by_host);
	table->by_host = (struct map){0};
}

const struct privilege *privilege_find(const struct privilege_table *table, const char *host)
{
	return map_get(&table->by_host, host);
}

struct privilege *privilege_change(struct privilege_table *table, const char *host)
{
	return map_get(&table->by_host, host);
}

static void read_permission(struct privilege *privilege, const char *access, const char *type)
{
	static const struct {
		const char *access, *type;
		size_t at; /* of a bool */
	} known[] = {
	    {"roster", "get", offsetof(struct privilege, roster_get)},
	    {"roster", "set", offsetof(struct privilege, roster_set)},
	    {"roster", "both", offsetof(struct privilege, roster_get)},
	    {"roster", "both", offsetof(struct privilege, roster_set)},
	    {"message", "outgoing", offsetof(struct privilege, message)},
	    {"presence", "managed_entity", offsetof(struct privilege, presence_managed)},
	    {"presence", "roster", offsetof(struct privilege, presence_managed)},
	    {"presence", "roster", offsetof(struct privilege, presence_roster)},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (text_equal(access, known[i].access) && text_equal(type, known[i].type))
			*(bool *)((char *)privilege + known[i].at) = true;
	}
	/* The namespaces stand inside of it, each with a type of its own. */
	if (text_equal(access, "iq") && !text_equal(type, "none"))
		privilege->iq = true;
}

bool privilege_received(struct privilege_table *table, const char *host, const struct element *message)
{
	const char *ns = NS_PRIVILEGE_2;
	const struct element *advert = element_child(message, "privilege", ns);
	if (!advert)
		advert = element_child(message, "privilege", ns = NS_PRIVILEGE_1);
	if (!advert || text_equal(element_get(message, "type"), "error"))
		return false;
	struct privilege *privilege = map_get(&table->by_host, host);
	if (!privilege && table->by_host.count >= HOSTS_MOST)
		return true;
	if (!privilege) {
		privilege = mem_new(sizeof *privilege + strlen(host) + 1);
		strcpy(privilege->host, host);
		map_put(&table->by_host, privilege->host, privilege);
	}
	memset(privilege, 0, offsetof(struct privilege, host));
	privilege->ns = ns;
	for (const struct element *perm = element_child(advert, "perm", ns); perm;
	     perm = element_next(perm, "perm", ns))
		read_permission(privilege, element_get(perm, "access"), element_get(perm, "type"));
	log_info("privileges host=%s version=%s roster_get=%d roster_set=%d message=%d presence=%d iq=%d", host,
	         strrchr(ns, ':') + 1, privilege->roster_get, privilege->roster_set, privilege->message,
	         privilege->presence_roster ? 2 : privilege->presence_managed, privilege->iq);
	return true;
}
