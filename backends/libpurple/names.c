/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/names.h"

#include <purple.h>
#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/turn.h"
#include "lib/base/mem.h"
#include "lib/io/resolve.h"

/* One name that is being resolved. */
struct lookup {
	PurpleDnsQueryData *purple;
	PurpleDnsQueryResolvedCallback resolved;
	PurpleDnsQueryFailedCallback failed;
	struct query *query;
	uint64_t owner;
};

/* One service that is being looked for. */
struct service {
	PurpleSrvTxtQueryData *purple;
	PurpleSrvTxtQueryResolvedCallback resolved;
	PurpleSrvTxtQueryFailedCallback failed;
	struct srv_query *query;
	guint timer; /* of an answer that is known at once */
	uint64_t owner;
};

static struct {
	struct loop *loop;
	GHashTable *lookups, *services; /* by what libpurple knows them as */
} here;

static void lookup_free(struct lookup *lookup)
{
	g_hash_table_remove(here.lookups, lookup->purple);
	query_free(&lookup->query);
	free(lookup);
}

/* libpurple's list holds the size of an address and the address in turn, and is freed by who asked. */
static GSList *to_list(const union address *addresses, size_t count)
{
	GSList *list = NULL;
	for (size_t i = count; i-- > 0;) {
		size_t bytes = addresses[i].any.sa_family == AF_INET6 ? sizeof addresses[i].v6 : sizeof addresses[i].v4;
		list = g_slist_prepend(list, g_memdup2(&addresses[i], bytes));
		list = g_slist_prepend(list, GSIZE_TO_POINTER(bytes));
	}
	return list;
}

static void answered(void *arg, const union address *addresses, size_t count, const char *reason)
{
	struct lookup done = *(struct lookup *)arg;
	GSList *list = to_list(addresses, count);
	char *why = mem_strdup(reason ? reason : "there is no such host");
	lookup_free(arg);
	uint64_t before = turn_take(done.owner);
	if (list)
		done.resolved(done.purple, list);
	else
		done.failed(done.purple, why);
	turn_give_back(before);
	free(why);
}

static gboolean resolve(PurpleDnsQueryData *purple, PurpleDnsQueryResolvedCallback resolved,
                        PurpleDnsQueryFailedCallback failed)
{
	struct lookup *lookup = mem_new(sizeof *lookup);
	*lookup = (struct lookup){.purple = purple, .resolved = resolved, .failed = failed, .owner = turn_owner()};
	g_hash_table_insert(here.lookups, purple, lookup);
	lookup->query =
	    query_new(here.loop, purple_dnsquery_get_host(purple), purple_dnsquery_get_port(purple), answered, lookup);
	return TRUE;
}

static void cancel(PurpleDnsQueryData *purple)
{
	struct lookup *lookup = g_hash_table_lookup(here.lookups, purple);
	if (lookup)
		lookup_free(lookup);
}

/* ---- Services ---- */

static void service_free(struct service *service)
{
	g_hash_table_remove(here.services, service->purple);
	srv_query_free(&service->query);
	if (service->timer)
		purple_timeout_remove(service->timer);
	free(service);
}

static void tell_services(struct service *service, GList *records)
{
	struct service done = *service;
	service_free(service);
	uint64_t before = turn_take(done.owner);
	if (records)
		done.resolved(done.purple, records);
	else
		done.failed(done.purple, "there is no such record");
	turn_give_back(before);
}

/* libpurple sorts by priority: our order is kept. */
static void services_found(void *arg, const struct srv_target *targets, size_t count, bool refused)
{
	GList *records = NULL;
	for (size_t i = count; i-- > 0;) {
		PurpleSrvResponse *record = g_new0(PurpleSrvResponse, 1);
		g_strlcpy(record->hostname, targets[i].host, sizeof record->hostname);
		record->port = targets[i].port;
		record->pref = (int)i;
		records = g_list_prepend(records, record);
	}
	tell_services(arg, records);
}

static gboolean nothing_found(gpointer arg)
{
	struct service *service = arg;
	service->timer = 0;
	tell_services(service, NULL);
	return FALSE;
}

/* "_sip._udp.example.org". Text records, which have only one use (XMPP over HTTP), and records of an address are none.
 */
static gboolean find_services(PurpleSrvTxtQueryData *purple, PurpleSrvTxtQueryResolvedCallback resolved,
                              PurpleSrvTxtQueryFailedCallback failed)
{
	const char *name = purple_srv_txt_query_get_query(purple), *dot = strchr(name, '.');
	union address address;
	struct service *service = mem_new(sizeof *service);
	*service = (struct service){.purple = purple, .resolved = resolved, .failed = failed, .owner = turn_owner()};
	g_hash_table_insert(here.services, purple, service);
	dot = dot ? strchr(dot + 1, '.') : NULL;
	if (purple_srv_txt_query_get_type(purple) != PurpleDnsTypeSrv || !dot || address_parse(&address, dot + 1, 0)) {
		service->timer = purple_timeout_add(0, nothing_found, service);
		return TRUE;
	}
	char *kind = mem_strndup(name, (size_t)(dot - name));
	service->query = srv_query_new(here.loop, dot + 1, kind, NULL, services_found, service);
	free(kind);
	return TRUE;
}

static void cancel_services(PurpleSrvTxtQueryData *purple)
{
	struct service *service = g_hash_table_lookup(here.services, purple);
	if (service)
		service_free(service);
}

/* ---- Beginning and end ---- */

void names_start(struct loop *loop)
{
	static PurpleSrvTxtQueryUiOps services = {.resolve = find_services, .destroy = cancel_services};
	static PurpleDnsQueryUiOps ops = {.resolve_host = resolve, .destroy = cancel};
	here.loop = loop;
	here.lookups = g_hash_table_new(g_direct_hash, g_direct_equal);
	here.services = g_hash_table_new(g_direct_hash, g_direct_equal);
	purple_dnsquery_set_ui_ops(&ops);
	purple_srv_txt_query_set_ui_ops(&services);
}

void names_stop(void)
{
	GHashTableIter each;
	gpointer value;
	g_hash_table_iter_init(&each, here.lookups);
	while (g_hash_table_iter_next(&each, NULL, &value)) {
		struct lookup *lookup = value;
		query_free(&lookup->query);
		free(lookup);
	}
	g_hash_table_destroy(here.lookups);
	g_hash_table_iter_init(&each, here.services);
	while (g_hash_table_iter_next(&each, NULL, &value)) {
		struct service *service = value;
		srv_query_free(&service->query);
		free(service); /* its timer goes with the loop */
	}
	g_hash_table_destroy(here.services);
}
