/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/link.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "spectrum/link/backend.h"
#include "spectrum/link/receive.h"

#define LOG_AREA "link"

#define HEARTBEAT_MS 1000
#define IDLE_HEARTBEATS 60 /* an empty backend that is not the last one is ended after as many */
#define LIVED_MS 10000     /* a backend that dies sooner than this after it was ready failed */
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000
#define STEP_MAX_MS 10 /* while waiting for the end of backends */
#define KILLED_MS 300  /* for the kernel to end what was killed */

static void settle_later(struct link *);

/* ---- Starting, one at a time ---- */

static bool takes_users(const struct backend *b)
{
	return b->state == BACKEND_READY;
}

static bool is_warm(const struct backend *b)
{
	return b->state == BACKEND_STARTING || b->state == BACKEND_READY || (b->state == BACKEND_FULL && b->users);
}

static bool is_starting(const struct backend *b)
{
	return b->state == BACKEND_STARTING;
}

/* The first backend other than `except` for which this holds. */
static struct backend *find(const struct link *link, bool (*holds)(const struct backend *),
                            const struct backend *except)
{
	LIST_EACH (&link->backends, node) {
		struct backend *b = LIST_ITEM(node, struct backend, node);
		if (b != except && holds(b))
			return b;
	}
	return NULL;
}

static void tell_delayed(struct link *link)
{
	/* Whoever is called may leave the queue, or join it. */
	struct list told;
	list_move(&link->waiting, &told);
	while (!list_empty(&told)) {
		struct seat *seat = LIST_ITEM(told.next, struct seat, mates);
		list_remove(&seat->mates);
		list_append(&link->waiting, &seat->mates);
		link->events->delayed(link->arg, seat,
		                      "The connection to the network can't be started at the moment. Trying again.");
	}
}

static void restart_in(struct link *link, uint64_t ms)
{
	log_info("next start of a backend in %.1f s", (double)ms / 1000);
	timer_start(link->restart, ms, 0);
}

static void start(struct link *link)
{
	if (backend_start(link))
		return;
	restart_in(link, backoff_ms(link->failures++, BACKOFF_MS, BACKOFF_MAX_MS));
	tell_delayed(link);
}

void link_backend_ready(struct link *link)
{
	settle_later(link);
}

void link_backend_gone(struct link *link, const struct backend *b)
{
	settle_later(link);
	if (b->expected)
		return;
	link->crashes[link->crashed++ % LINK_CRASHES] = b->pid;
	bool failed = !b->ready_at || loop_now(link->loop) - b->ready_at < LIVED_MS;
	if (!failed)
		link->failures = 0;
	/* Several that die together count once; the first crash of one that worked costs no time. */
	unsigned free_tries = b->ready_at ? 1 : 0;
	if (!timer_running(link->restart)) {
		if (link->failures >= free_tries)
			restart_in(link, backoff_ms(link->failures - free_tries, BACKOFF_MS, BACKOFF_MAX_MS));
		link->failures++;
	}
	if (!b->ready_at)
		tell_delayed(link);
}

/* ---- Seats ---- */

/* Milliseconds until the next login is allowed (service.login_delay). */
static uint64_t login_wait(const struct link *link)
{
	int64_t delay_s = config_number(link->config, "service.login_delay");
	uint64_t now = loop_now(link->loop), due = link->login_at + (uint64_t)(delay_s > 0 ? delay_s : 0) * 1000;
	return link->login_at && due > now ? due - now : 0;
}

/* Gives places to those who wait, and sees to it that there are some. */
static void settle(void *arg)
{
	struct link *link = arg;
	struct backend *b;
	while (!list_empty(&link->waiting) && (b = find(link, takes_users, NULL)) != NULL) {
		uint64_t wait_ms = login_wait(link);
		if (wait_ms) {
			timer_start(link->login, wait_ms, 0);
			break;
		}
		struct seat *seat = LIST_ITEM(link->waiting.next, struct seat, mates);
		list_remove(&seat->mates);
		seat->waiting = false;
		link->waiting_count--;
		link->login_at = loop_now(link->loop);
		backend_sit(b, seat);
		link->events->seated(link->arg, seat);
	}
	bool wanted = !find(link, is_warm, NULL) || (!list_empty(&link->waiting) && !find(link, takes_users, NULL));
	if (wanted && !find(link, is_starting, NULL) && !timer_running(link->restart))
		start(link);
}

static void settle_later(struct link *link)
{
	loop_defer(link->loop, &link->settle, settle, link);
}

static void due(void *arg)
{
	settle_later(arg);
}

void link_seat(struct link *link, struct seat *seat)
{
	if (seat->backend || seat->waiting)
		return;
	seat->waiting = true;
	list_append(&link->waiting, &seat->mates);
	link->waiting_count++;
	settle_later(link);
}

void link_unseat(struct link *link, struct seat *seat)
{
	if (seat->waiting) {
		seat->waiting = false;
		list_remove(&seat->mates);
		link->waiting_count--;
	} else if (seat->backend) {
		backend_stand_up(seat);
	}
}

/* ---- Time ---- */

static void end_idle(struct link *link, struct backend *b)
{
	unsigned patience = b->state == BACKEND_READY ? IDLE_HEARTBEATS : 1;
	if ((b->state == BACKEND_READY || b->state == BACKEND_FULL) && !b->users && b->idle >= patience &&
	    find(link, takes_users, b))
		backend_end(b);
}

static void heartbeat(void *arg)
{
	struct link *link = arg;
	LIST_EACH (&link->backends, node) {
		struct backend *b = LIST_ITEM(node, struct backend, node);
		backend_heartbeat(b);
		end_idle(link, b);
	}
	settle_later(link);
}

static void confirm(void *arg)
{
	struct link *link = arg;
	LIST_EACH (&link->backends, node)
		backend_ask_confirmation(LIST_ITEM(node, struct backend, node));
}

/* ---- Life ---- */

/* service.backend_host as an address literal. */
static char *resolve(const char *host)
{
	const char *error;
	char *address = listener_address(host, &error);
	if (!address)
		log_error("service.backend_host: %s is no address of this host: %s", log_quote(host), error);
	return address;
}

struct link *link_new(struct loop *loop, struct config *config, int argc, char **argv, const struct link_events *events,
                      void *arg)
{
	struct link *link = mem_new(sizeof *link);
	link->loop = loop;
	link->config = config;
	link->argc = argc;
	link->argv = argv;
	link->events = events;
	link->arg = arg;
	link->host = resolve(config_text(config, "service.backend_host"));
	list_init(&link->backends);
	list_init(&link->waiting);
	link->heartbeat = timer_new(loop, heartbeat, link);
	link->restart = timer_new(loop, due, link);
	link->login = timer_new(loop, due, link);
	link->confirm = timer_new(loop, confirm, link);
	timer_start(link->heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
	start(link);
	return link;
}

/* The child stays a zombie until lib/io reaps it or we end, so its pid can't be another's. */
static bool has_ended(const struct backend *b)
{
	siginfo_t info = {0};
	return b->exited || !b->process || waitid(P_PID, (id_t)b->pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

/* Reads the messages and confirmations that are there, so that nobody who still writes waits for us, and writes what is
 * left. */
static void exchange(struct backend *b)
{
	char bytes[16384];
	ssize_t len = 1;
	while (b->line && len > 0) {
		conn_flush(b->line);
		len = recv(conn_fd(b->line), bytes, sizeof bytes, MSG_DONTWAIT);
		if (len > 0 && b->chosen)
			receive_input(b, bytes, (size_t)len);
		else if (len == 0)
			conn_free(&b->line); /* it said all; some wait for us to hang up, too */
	}
}

/* Until all have ended or the time is over. */
static void wait_for_end(struct link *link, uint64_t limit_ms)
{
	uint64_t until = clock_monotonic_ms() + limit_ms;
	for (unsigned step = 1;; step = step * 2 < STEP_MAX_MS ? step * 2 : STEP_MAX_MS) {
		bool all = true;
		LIST_EACH (&link->backends, node) {
			struct backend *b = LIST_ITEM(node, struct backend, node);
			/* In this order: what it wrote before its end is there when the end is. */
			all = has_ended(b) && all;
			exchange(b);
		}
		if (all || clock_monotonic_ms() >= until)
			return;
		nanosleep(&(struct timespec){.tv_nsec = (long)step * 1000000}, NULL);
	}
}

static void tell_end(struct backend *b)
{
	if (b->chosen) {
		backend_ping(b); /* its PONG confirms what is on the way */
		backend_write(b, &(struct wire_frame){.type = WIRE_EXIT});
	} else if (b->process && !b->exited) {
		process_kill(b->process, SIGTERM); /* it has no line yet that it listens to */
	}
}

static bool kill_rest(struct link *link)
{
	bool killed = false;
	LIST_EACH (&link->backends, node) {
		struct backend *b = LIST_ITEM(node, struct backend, node);
		if (has_ended(b))
			continue;
		log_warn("backend=%u pid=%d did not end in time and is killed", b->id, (int)b->pid);
		process_kill(b->process, SIGKILL);
		killed = true;
	}
	return killed;
}

void link_free(struct link **at, uint64_t grace_ms)
{
	struct link *link = *at;
	if (!link)
		return;
	link->ending = true;
	LIST_EACH (&link->backends, node)
		tell_end(LIST_ITEM(node, struct backend, node));
	wait_for_end(link, grace_ms);
	if (kill_rest(link))
		wait_for_end(link, KILLED_MS);
	while (!list_empty(&link->backends)) {
		struct backend *b = LIST_ITEM(link->backends.next, struct backend, node);
		backend_return_tickets(b, "The gateway is being shut down.");
		LIST_EACH (&b->seats, mate)
			LIST_ITEM(mate, struct seat, mates)->backend = NULL;
		backend_free(b);
	}
	LIST_EACH (&link->waiting, mate)
		LIST_ITEM(mate, struct seat, mates)->waiting = false;
	loop_defer_cancel(&link->settle);
	timer_free(&link->heartbeat);
	timer_free(&link->restart);
	timer_free(&link->login);
	timer_free(&link->confirm);
	map_fini(&link->seats);
	arena_fini(&link->arena);
	free(link->host);
	free(link);
	*at = NULL;
}

void link_pause(struct link *link)
{
	link->paused = true;
	LIST_EACH (&link->backends, node) {
		struct backend *b = LIST_ITEM(node, struct backend, node);
		if (b->line)
			conn_pause(b->line);
	}
}

void link_resume(struct link *link)
{
	link->paused = false;
	LIST_EACH (&link->backends, node) {
		struct backend *b = LIST_ITEM(node, struct backend, node);
		if (b->line)
			conn_resume(b->line);
	}
}

void link_stats(const struct link *link, struct link_stats *stats)
{
	*stats = (struct link_stats){
	    .users = link->users,
	    .waiting = link->waiting_count,
	    .crashed = link->crashed,
	    .frames_in = link->frames_in,
	    .frames_out = link->frames_out,
	};
	LIST_EACH (&link->backends, node) {
		const struct backend *b = LIST_ITEM(node, struct backend, node);
		if (b->state == BACKEND_READY || b->state == BACKEND_FULL)
			stats->backends++;
		stats->res_kb += b->res_kb;
		stats->init_res_kb += b->init_res_kb;
		stats->shared_kb += b->shared_kb;
	}
}

size_t link_crashes(const struct link *link, pid_t out[LINK_CRASHES])
{
	size_t count = link->crashed < LINK_CRASHES ? link->crashed : LINK_CRASHES;
	for (size_t i = 0; i < count; i++)
		out[i] = link->crashes[(link->crashed - count + i) % LINK_CRASHES];
	return count;
}

void link_describe(const struct link *link, struct str *out)
{
	LIST_EACH (&link->backends, node) {
		const struct backend *b = LIST_ITEM(node, struct backend, node);
		str_addf(out, "backend %u: process %d, %s, %u users, %lld KB\n", b->id, (int)b->pid,
		         backend_state_name(b), b->users, (long long)b->res_kb);
	}
}

pid_t link_process(const struct seat *seat)
{
	return seat->backend ? seat->backend->pid : 0;
}
