/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/local_account.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/login.h"
#include "spectrum/frontend/inside.h"

#define AT_ONCE 50
#define FAILURES 5 /* of one user, before he has to wait */
#define WAIT_MS (10 * 60 * 1000)
#define FAILURES_MOST 1000

struct check {
	struct list node;
	struct frontend *frontend;
	struct login *login;
	char *jid; /* who asks */
	account_verdict *verdict;
	void *arg;
};

/* So that nobody finds out passwords of others here. */
struct failures {
	unsigned count;
	uint64_t until; /* ms, loop_now: forgotten then */
	char jid[];
};

static void failures_clean(struct frontend *frontend, uint64_t now)
{
	MAP_EACH (&frontend->local_failures, struct failures, failures) {
		if (failures->until > now)
			continue;
		map_remove(&frontend->local_failures, failures->jid);
		free(failures);
	}
}

static void failed(struct frontend *frontend, const char *jid)
{
	uint64_t now = loop_now(frontend->loop);
	struct failures *failures = map_get(&frontend->local_failures, jid);
	if (!failures) {
		failures_clean(frontend, now);
		failures = mem_new(sizeof *failures + strlen(jid) + 1);
		strcpy(failures->jid, jid);
		map_put(&frontend->local_failures, failures->jid, failures);
	}
	failures->count++;
	failures->until = now + WAIT_MS;
}

static bool may_try(struct frontend *frontend, const char *jid)
{
	failures_clean(frontend, loop_now(frontend->loop));
	const struct failures *failures = map_get(&frontend->local_failures, jid);
	return failures ? failures->count < FAILURES : frontend->local_failures.count < FAILURES_MOST;
}

static void check_end(struct check *check, enum s2_condition condition, const char *text)
{
	account_verdict *verdict = check->verdict;
	void *arg = check->arg;
	list_remove(&check->node);
	verdict(arg, condition, text);
	login_free(&check->login);
	free(check->jid);
	free(check);
}

static void done(void *arg, const struct client_failure *failure)
{
	struct check *check = arg;
	struct arena arena = {0};
	if (!failure) {
		check_end(check, S2_DONE, NULL);
	} else if (failure->error == S2_ERROR_AUTHENTICATION_FAILED || failure->error == S2_ERROR_INVALID_USERNAME) {
		failed(check->frontend, check->jid);
		check_end(check, S2_NOT_AUTHORIZED, "Name or password of the local account is wrong.");
	} else {
		enum s2_condition condition =
		    failure->error == S2_ERROR_NETWORK ? S2_REMOTE_SERVER_TIMEOUT : S2_SERVICE_UNAVAILABLE;
		check_end(check, condition,
		          arena_printf(&arena, "Your local account can't be checked at the moment. %s", failure->text));
	}
	arena_fini(&arena);
}

/* The address of the account: a name alone is one of that server, an address has to be. NULL if it is none. */
static const char *address_of(struct arena *arena, const char *name, const char *server)
{
	struct jid jid, host;
	const char *text = strchr(name, '@') ? name : arena_printf(arena, "%s@%s", name, server);
	return jid_parse(arena, server, &host) && jid_parse(arena, text, &jid) && *jid.node && !*jid.resource &&
	               !strcmp(jid.domain, host.domain)
	           ? jid.bare
	           : NULL;
}

static void begin(struct check *check, struct arena *arena, const char *address, const char *password)
{
	struct frontend *frontend = check->frontend;
	const struct config *config = frontend->config;
	char *host = arena_strdup(arena, text_or_null(config_text(config, "registration.local_account_host")));
	char *colon = host ? strrchr(host, ':') : NULL;
	/* One colon alone: not an address of IPv6. */
	bool has_port = colon && strchr(host, ':') == colon;
	if (has_port)
		*colon = '\0';
	check->login =
	    login_new(frontend->loop,
	              &(struct login_options){
	                  .jid = address,
	                  .password = password,
	                  .host = host,
	                  .port = has_port ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0,
	                  .ca_file = text_or_null(config_text(config, "registration.local_account_ca_file")),
	                  .insecure = !config_bool(config, "service.verify_certs"),
	                  .timeout_ms = (uint64_t)config_number(config, "registration.local_account_server_timeout"),
	              },
	              done, check);
}

void local_account_init(struct frontend *frontend)
{
	list_init(&frontend->local_checks);
}

static unsigned checks_under_way(const struct frontend *frontend)
{
	unsigned count = 0;
	LIST_EACH (&frontend->local_checks, node)
		count++;
	return count;
}

void local_account_verify(void *arg, const char *jid, const char *name, const char *password, account_verdict *verdict,
                          void *verdict_arg)
{
	struct frontend *frontend = arg;
	struct arena arena = {0};
	const char *server = config_text(frontend->config, "registration.local_account_server");
	const char *address = address_of(&arena, name, server);
	if (!address) {
		verdict(verdict_arg, S2_NOT_ACCEPTABLE,
		        arena_printf(&arena, "The local account has to be one of %s.", server));
	} else if (checks_under_way(frontend) >= AT_ONCE) {
		verdict(verdict_arg, S2_RESOURCE_CONSTRAINT,
		        "Too many local accounts are being checked. Try again in a minute.");
	} else if (!may_try(frontend, jid)) {
		verdict(verdict_arg, S2_POLICY_VIOLATION, "Too many wrong passwords. Try again in ten minutes.");
	} else {
		struct check *check = mem_new(sizeof *check);
		check->frontend = frontend;
		check->jid = mem_strdup(jid);
		check->verdict = verdict;
		check->arg = verdict_arg;
		list_append(&frontend->local_checks, &check->node);
		begin(check, &arena, address, password);
	}
	arena_fini(&arena);
}

void local_account_cancel_all(struct frontend *frontend)
{
	LIST_EACH (&frontend->local_checks, node)
		check_end(LIST_ITEM(node, struct check, node), S2_RECIPIENT_UNAVAILABLE,
		          "The gateway is being shut down.");
	failures_clean(frontend, UINT64_MAX);
	map_fini(&frontend->local_failures);
}
