/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/names.h"

#include <purple.h>
#include <stdlib.h>

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

static struct {
	struct loop *loop;
	GHashTable *lookups; /* by what libpurple knows them as */
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

void names_start(struct loop *loop)
{
	static PurpleDnsQueryUiOps ops = {.resolve_host = resolve, .destroy = cancel};
	here.loop = loop;
	here.lookups = g_hash_table_new(g_direct_hash, g_direct_equal);
	purple_dnsquery_set_ui_ops(&ops);
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
}
