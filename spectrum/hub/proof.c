/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log-in with the password of the network, for server mode: the user's clients bring it, and only the network can say
 * whether it is right. Attempts are independent: the first one is tried there, others for the same user wait for its
 * end; those with the same password share it, those with another one are refused if it was good and tried if not. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "proof"

struct proof {
	struct list node; /* of hub->proofs */
	struct hub *hub;
	uint64_t due; /* ms, loop_now */
	unsigned wait_ms;
	proof_answer *answer;
	void *arg;
	struct deferred start;
	char *jid, *name, *password;
};

static bool same_password(const char *a, const char *b)
{
	size_t a_len = a ? strlen(a) : 0, b_len = b ? strlen(b) : 0;
	return a && b && a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

void proof_free(struct proof **at)
{
	struct proof *proof = *at;
	if (!proof)
		return;
	*at = NULL;
	list_remove(&proof->node);
	loop_defer_cancel(&proof->start);
	struct user *user = hub_user(proof->hub, proof->jid);
	free(proof->jid);
	free(proof->name);
	mem_free_secret(proof->password);
	free(proof);
	if (user)
		user_settle(user);
}

static void proof_end(struct proof *proof, enum s2_condition condition, const char *text)
{
	list_remove(&proof->node);
	proof->answer(proof->arg, condition, text);
}

static void proof_begin(void *arg)
{
	struct proof *proof = arg;
	struct hub *hub = proof->hub;
	struct user *user = hub_user(hub, proof->jid);
	proof->due = loop_now(hub->loop) + proof->wait_ms;
	if (user && !user->proving) {
		if (same_password(user->password, proof->password))
			proof_end(proof, S2_DONE, NULL);
		else
			proof_end(proof, S2_NOT_AUTHORIZED, "You are logged in with another password at the moment.");
		return;
	}
	if (user)
		return; /* the end of that attempt decides */
	if (!account_name_allowed(hub, proof->name)) {
		proof_end(proof, S2_NOT_AUTHORIZED, "This server does not accept this name.");
		return;
	}
	user = user_start(hub, proof->jid, proof->name);
	if (!user) {
		proof_end(proof, S2_SERVICE_UNAVAILABLE, "The server is being shut down.");
		return;
	}
	user->proving = true;
	user->password = mem_strdup(proof->password);
	user_load(user);
}

struct proof *proof_new(struct hub *hub, const char *jid, const char *name, const char *password, unsigned wait_ms,
                        proof_answer *answer, void *arg)
{
	struct proof *proof = mem_new(sizeof *proof);
	proof->hub = hub;
	proof->jid = mem_strdup(jid);
	proof->name = mem_strdup(name);
	proof->password = mem_strdup(password);
	proof->wait_ms = wait_ms;
	proof->answer = answer;
	proof->arg = arg;
	list_append(&hub->proofs, &proof->node);
	hub_tick_start(hub);
	loop_defer(hub->loop, &proof->start, proof_begin, proof);
	return proof;
}

/* The next one of this user that waits; only those that have begun. */
static struct proof *next_of(struct hub *hub, const char *jid)
{
	LIST_EACH (&hub->proofs, node) {
		struct proof *proof = LIST_ITEM(node, struct proof, node);
		if (!strcmp(proof->jid, jid) && !proof->start.queued)
			return proof;
	}
	return NULL;
}

void proof_succeeded(struct user *user)
{
	struct proof *proof;
	if (!user->proving)
		return;
	user->proving = false;
	while ((proof = next_of(user->hub, user->jid)))
		proof_begin(proof);
}

void proof_failed(struct user *user, enum s2_condition condition, const char *text)
{
	struct hub *hub = user->hub;
	if (!user->proving)
		return;
	LIST_EACH (&hub->proofs, node) {
		struct proof *proof = LIST_ITEM(node, struct proof, node);
		if (strcmp(proof->jid, user->jid) != 0 || proof->start.queued)
			continue;
		if (same_password(proof->password, user->password))
			proof_end(proof, condition, text);
		else
			loop_defer(hub->loop, &proof->start, proof_begin, proof);
	}
}

static struct proof *due_of(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->proofs, node) {
		struct proof *proof = LIST_ITEM(node, struct proof, node);
		if (!proof->start.queued && proof->due <= now)
			return proof;
	}
	return NULL;
}

void proof_due(struct hub *hub, uint64_t now)
{
	struct proof *proof;
	while ((proof = due_of(hub, now)))
		proof_end(proof, S2_REMOTE_SERVER_TIMEOUT, "The network has not answered in time.");
}

uint64_t user_session(const struct user *user)
{
	return user->proving ? 0 : user->session;
}

/* ---- Holding ---- */

void user_hold(struct user *user)
{
	user->holds++;
}

void user_release(struct user *user)
{
	user->holds--;
	user_settle(user);
}

/* Whether somebody still waits for this log-in. While it is proved, only those with that password do: others want it to
 * end. */
static bool is_awaited(const struct user *user)
{
	LIST_EACH (&user->hub->proofs, node) {
		struct proof *proof = LIST_ITEM(node, struct proof, node);
		if (!strcmp(proof->jid, user->jid) &&
		    (!user->proving || same_password(proof->password, user->password)))
			return true;
	}
	return false;
}

void user_settle(struct user *user)
{
	if (!config_bool(user->hub->config, "service.server_mode") || user->hub->stopping || user->ending ||
	    user->holds || user->resources || is_awaited(user))
		return;
	if (user->proving || !user_stays_connected(user))
		user_logout(user, NULL);
}
