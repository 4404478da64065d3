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

/* Nothing is granted any more. */
static void clear(struct privilege *privilege)
{
	for (unsigned i = 0; i < privilege->iq_count; i++)
		free(privilege->iqs[i].ns);
	memset(privilege, 0, offsetof(struct privilege, host));
}

void privilege_forget_all(struct privilege_table *table)
{
	MAP_EACH (&table->by_host, struct privilege, privilege) {
		clear(privilege);
		free(privilege);
	}
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
}

/* The namespaces of <perm access='iq'/>. Some servers put each one into the one before, so what is inside is read, too.
 */
static void read_namespaces(struct privilege *privilege, const struct element *parent, unsigned depth)
{
	const struct element *child = element_child(parent, "namespace", privilege->ns);
	for (; child && depth; child = element_next(child, "namespace", privilege->ns)) {
		const char *ns = element_get(child, "ns"), *type = element_get(child, "type");
		bool both = text_equal(type, "both");
		struct privilege_iq iq = {NULL, both || text_equal(type, "get"), both || text_equal(type, "set")};
		if (!text_empty(ns) && (iq.get || iq.set) && privilege->iq_count < PRIVILEGE_NAMESPACES) {
			iq.ns = mem_strdup(ns);
			privilege->iqs[privilege->iq_count++] = iq;
		}
		read_namespaces(privilege, child, depth - 1);
	}
}

bool privilege_has_iq(const struct privilege *privilege, const char *type, const char *ns)
{
	for (unsigned i = 0; privilege && i < privilege->iq_count; i++) {
		const struct privilege_iq *iq = &privilege->iqs[i];
		if (!strcmp(iq->ns, ns))
			return !strcmp(type, "set") ? iq->set : iq->get;
	}
	return false;
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
	clear(privilege);
	privilege->ns = ns;
	for (const struct element *perm = element_child(advert, "perm", ns); perm;
	     perm = element_next(perm, "perm", ns)) {
		read_permission(privilege, element_get(perm, "access"), element_get(perm, "type"));
		if (text_equal(element_get(perm, "access"), "iq"))
			read_namespaces(privilege, perm, PRIVILEGE_NAMESPACES);
	}
	log_info("privileges host=%s version=%s roster_get=%d roster_set=%d message=%d presence=%d iqs=%u", host,
	         strrchr(ns, ':') + 1, privilege->roster_get, privilege->roster_set, privilege->message,
	         privilege->presence_roster ? 2 : privilege->presence_managed, privilege->iq_count);
	return true;
}
