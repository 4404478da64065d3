/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instance: start, end, the clock for what waits, and the table that hands what backends say to its subject. */
#include "spectrum/hub/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/hub/room.h"

#define LOG_AREA "hub"
#define JOURNAL_HALF_BYTES (2u << 20)
/* Joins of one user: so many at once, as a client that starts joins all of its rooms; then one each so often. */
#define JOIN_BURST 600
#define JOIN_INTERVAL_MS 50
#define STOP_GRACE_MS 700 /* for backends to say goodbye to their networks */

void hub_end(struct hub *hub, struct ticket *ticket, enum s2_condition condition, const char *text)
{
	if (condition != S2_DONE || text_equal(ticket->type, TICKET_IQ))
		hub_tell(hub, bounce, ticket, condition, text);
	journal_done(hub->journal, ticket);
	ticket_free(ticket);
}

/* A process before this one was killed with this message under way. */
static void left_behind(void *arg, struct ticket *ticket)
{
	struct hub *hub = arg;
	log_info("message left by a process that was killed to=%s", log_quote(ticket->to));
	hub_end(hub, ticket, S2_RECIPIENT_UNAVAILABLE,
	        "The gateway was restarted before the network had confirmed this message. It may have been lost.");
}

static void open_journal(struct hub *hub)
{
	char *path = mem_printf("%s/messages-under-way", config_text(hub->config, "service.working_dir"));
	hub->journal = journal_open(path, JOURNAL_HALF_BYTES, left_behind, hub);
	if (!hub->journal)
		log_warn("can't use file=%s: %s; what is under way when this process is killed will be lost silently",
		         path, strerror(errno));
	free(path);
}

static void tick(void *arg)
{
	struct hub *hub = arg;
	uint64_t now = loop_now(hub->loop);
	user_retry_due(hub, now);
	contact_save_due(hub, now);
	room_subject_due(hub, now);
	absence_due(hub, now);
	order_due(hub, now);
	conversation_waiting_due(hub, now);
	profile_due(hub, now);
	block_due(hub, now);
	proof_due(hub, now);
	question_due(hub, now);
	pace_clean(&hub->joins, now);
	if (pace_empty(&hub->joins) && list_empty(&hub->orders) && list_empty(&hub->retrying) && list_empty(&hub->unsaved) &&
	    list_empty(&hub->waiting) && list_empty(&hub->joining) && list_empty(&hub->parting) && list_empty(&hub->profiles) &&
	    list_empty(&hub->blocks) && list_empty(&hub->proofs) && list_empty(&hub->questions))
		timer_stop(hub->tick);
}

void hub_tick_start(struct hub *hub)
{
	if (!timer_running(hub->tick))
		timer_start(hub->tick, HUB_TICK_MS, HUB_TICK_MS);
}

static void configured(void *arg)
{
	struct hub *hub = arg;
	hub->configured = true;
	hub->events->configured(hub->arg);
}

static const struct link_events link_table = {
    .seated = user_seated,
    .unseated = user_unseated,
    .delayed = user_delayed,
    .connected = user_connected,
    .disconnected = user_disconnected,
    .named = conversation_named,
    .annotation = conversation_annotated,
    .slot_request = conversation_slot_wanted,
    .result = conversation_result,
    .returned = conversation_returned,
    .message = conversation_arrived,
    .received = conversation_received,
    .typing = conversation_typed,
    .attention = conversation_attended,
    .card = profile_arrived,
    .question = question_asked,
    .question_end = question_ended,
    .buddy = contact_changed,
    .buddy_removed = contact_removed,
    .authorization = contact_authorization,
    .subscription = contact_said,
    .block_result = block_ended,
    .participant = room_participant,
    .room_nickname = room_renamed,
    .room_subject = room_subject_changed,
    .room_error = room_failed,
    .room_list = room_listed,
    .room_info = room_informed,
    .room_answer = order_answered,
    .room_invitation = room_invited,
    .configured = configured,
};

uint64_t hub_next_number(struct hub *hub)
{
	uint64_t now = (uint64_t)clock_wall_ms() * 1000;
	uint64_t next = hub->last_number + HUB_NUMBER_STEP;
	hub->last_number = now > next ? now : next;
	return hub->last_number;
}

static void kept(void *arg, uint64_t sequence, const char *stanza, size_t len)
{
	struct hub *hub = arg;
	if (!stanza)
		open_journal(hub); /* what it refuses goes behind what is kept */
	hub_tell(hub, kept, sequence, stanza, len);
}

struct hub *hub_new(struct loop *loop, struct config *config, int argc, char **argv, const struct hub_events *events,
                    void *arg, char **error)
{
	*error = NULL;
	struct hub *hub = mem_new(sizeof *hub);
	hub->loop = loop;
	hub->config = config;
	hub->events = events;
	hub->arg = arg;
	hub->stats.started = clock_wall_ms();
	list_init(&hub->retrying);
	list_init(&hub->unsaved);
	list_init(&hub->waiting);
	list_init(&hub->joining);
	list_init(&hub->parting);
	list_init(&hub->orders);
	list_init(&hub->profiles);
	list_init(&hub->questions);
	list_init(&hub->blocks);
	list_init(&hub->old_strangers);
	hub->joins = (struct pace){.burst = JOIN_BURST, .interval_ms = JOIN_INTERVAL_MS};
	list_init(&hub->proofs);
	hub->store = store_open(loop, config, error);
	if (*error) {
		free(hub);
		return NULL;
	}
	if (hub->store) {
		memcpy(hub->occupant_key, store_occupant_key(hub->store), sizeof hub->occupant_key);
		hub->last_number = store_last_line(hub->store);
	} else {
		random_bytes(hub->occupant_key, sizeof hub->occupant_key);
	}
	archive_start(hub);
	hub->tick = timer_new(loop, tick, hub);
	hub->link = link_new(loop, config, argc, argv, &link_table, hub);
	return hub;
}

void hub_start(struct hub *hub)
{
	if (hub->store)
		store_each_pending(hub->store, kept, hub);
	else
		kept(hub, 0, NULL, 0);
}

void hub_stop(struct hub *hub)
{
	if (hub->stopping)
		return;
	hub->stopping = true;
	link_free(&hub->link, STOP_GRACE_MS);
	MAP_EACH (&hub->users, struct user, user)
		user_logout(user, "The gateway is being shut down.");
	profile_due(hub, UINT64_MAX);
	block_due(hub, UINT64_MAX);
}

void hub_free(struct hub **at)
{
	struct hub *hub = *at;
	if (!hub)
		return;
	hub_stop(hub);
	archive_stop(hub);
	if (hub->store)
		store_close(&hub->store);
	journal_close(&hub->journal);
	timer_free(&hub->tick);
	map_fini(&hub->users);
	map_fini(&hub->venues);
	pace_fini(&hub->joins);
	map_fini(&hub->profile_of);
	stranger_forget_all(hub);
	free(hub->rooms);
	free(hub);
	*at = NULL;
}

static void was_online(void *arg, const char *jid)
{
	struct hub *hub = arg;
	if (!jid || hub_user(hub, jid))
		return;
	hub_tell(hub, probe, jid);
	struct user *user = user_return(hub, jid);
	if (user)
		user_load(user);
}

/* Where we are the server, no client survives our end, and nobody's password is here without him. */
static void forget_occupancy(void *arg, const struct store_occupancy *was)
{
	struct hub *hub = arg;
	if (was)
		store_remove_occupancy(hub->store, was->client, was->node);
}

/* The client may be gone: its server says so by an error, and it leaves again. */
static void was_in_room(void *arg, const struct store_occupancy *was)
{
	struct hub *hub = arg;
	const char *slash = was ? strchr(was->client, '/') : NULL;
	if (!slash)
		return;
	char *jid = mem_strndup(was->client, (size_t)(slash - was->client));
	if (!slash[1])
		absence_return(hub, jid, was->node, was->nickname);
	else
		room_join(hub, jid, slash + 1, &(struct room_entry){was->node, was->nickname, NULL, {0, -1, 0}});
	free(jid);
}

void hub_frontend_up(struct hub *hub)
{
	MAP_EACH (&hub->users, struct user, user) {
		for (struct resource *resource = user->resources; resource; resource = resource->next)
			resource->uninformed = true;
		hub_tell(hub, probe, user->jid);
	}
	if (hub->store && !hub->probed && config_bool(hub->config, "service.server_mode")) {
		store_each_occupancy(hub->store, forget_occupancy, hub);
	} else if (hub->store && !hub->probed) {
		store_each_online(hub->store, config_bool(hub->config, "service.reconnect_all_users"), was_online, hub);
		store_each_occupancy(hub->store, was_in_room, hub);
	}
	hub->probed = true;
}

void hub_pause(struct hub *hub, bool pause)
{
	if (!hub->link)
		return;
	if (pause)
		link_pause(hub->link);
	else
		link_resume(hub->link);
}

void hub_keep(struct hub *hub, uint64_t sequence, const char *stanza, size_t len)
{
	if (hub->store)
		store_put_pending(hub->store, sequence, stanza, len, NULL, NULL);
}

void hub_forget(struct hub *hub, uint64_t sequence)
{
	if (hub->store)
		store_remove_pending(hub->store, sequence);
}

/* Resident and shared memory of this process. */
static void read_memory(int64_t *res_kb, int64_t *shared_kb)
{
	long resident = 0, shared = 0, page_kb = sysconf(_SC_PAGESIZE) / 1024;
	FILE *file = fopen("/proc/self/statm", "re");
	if (file && fscanf(file, "%*d %ld %ld", &resident, &shared) != 2)
		resident = shared = 0;
	if (file)
		fclose(file);
	*res_kb = (int64_t)resident * page_kb;
	*shared_kb = (int64_t)shared * page_kb;
}

void hub_stats(const struct hub *hub, struct hub_stats *stats)
{
	struct link_stats link = {0};
	if (hub->link)
		link_stats(hub->link, &link);
	*stats = hub->stats;
	stats->users = (unsigned)hub->users.count;
	stats->backends = link.backends;
	stats->crashed = link.crashed;
	read_memory(&stats->res_kb, &stats->shared_kb);
	stats->res_kb += link.res_kb;
	stats->shared_kb += link.shared_kb;
	stats->grown_kb = link.res_kb - link.init_res_kb;
}

void hub_count_contacts(const struct hub *hub, unsigned *total, unsigned *online)
{
	*total = *online = 0;
	MAP_EACH (&hub->users, const struct user, user) {
		*total += user->roster.count;
		for (unsigned i = 0; i < user->roster.count; i++)
			*online += user->roster.items[i]->status != S2_STATUS_NONE;
	}
}
