/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/backend.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "spectrum/link/command.h"
#include "spectrum/link/peer.h"
#include "spectrum/link/receive.h"

#define LOG_AREA "link"

#define HEARTBEATS_TO_START 20
#define HEARTBEATS_TO_END 5 /* between EXIT and SIGKILL */
#define HEARTBEATS_TO_GO 2  /* between the end of its line, or of its process, and that of the other */
#define CONFIRM_EVERY_MS 50
#define REFUSALS_LOGGED 10 /* per start: others can't fill the disk */
#define EXIT_WITHOUT_DATABASE 254

static const char *const state_names[] = {"starting", "ready", "full", "dying", "dead"};

const char *backend_state_name(const struct backend *b)
{
	return state_names[b->state];
}

/* The only place that changes a state. */
static void become(struct backend *b, enum backend_state state)
{
	static const unsigned allowed[] = {
	    [BACKEND_STARTING] = 1u << BACKEND_READY | 1u << BACKEND_DYING | 1u << BACKEND_DEAD,
	    [BACKEND_READY] = 1u << BACKEND_FULL | 1u << BACKEND_DYING | 1u << BACKEND_DEAD,
	    [BACKEND_FULL] = 1u << BACKEND_READY | 1u << BACKEND_DYING | 1u << BACKEND_DEAD,
	    [BACKEND_DYING] = 1u << BACKEND_DEAD,
	    [BACKEND_DEAD] = 0,
	};
	if (b->state == state)
		return;
	assert(allowed[b->state] & 1u << state);
	log_debug("backend=%u pid=%d %s -> %s", b->id, (int)b->pid, state_names[b->state], state_names[state]);
	b->state = state;
	b->waited = 0;
}

static void settle_later(struct backend *);

/* ---- The line ---- */

bool backend_write(struct backend *b, const struct wire_frame *frame)
{
	if (!b->line)
		return true; /* it is dying: what waits for a confirmation is returned soon */
	if (!wire_write(conn_output(b->line), WIRE_TO_BACKEND, b->extended, frame)) {
		log_warn("backend=%u pid=%d a frame of type %d would be too long and was not sent", b->id, (int)b->pid,
		         (int)frame->type);
		return false;
	}
	b->link->frames_out++;
	return true;
}

void backend_ping(struct backend *b)
{
	if (!b->line)
		return;
	b->pings++;
	backend_write(b, &(struct wire_frame){.type = WIRE_PING});
}

static void choose(struct backend *b)
{
	b->chosen = true;
	b->waited = 0;
	settle_later(b); /* closes the port */
}

static void line_input(void *arg, const char *bytes, size_t len)
{
	struct backend *b = arg;
	if (!b->chosen)
		choose(b);
	receive_input(b, bytes, len);
}

static void line_closed(void *arg, const char *reason)
{
	struct backend *b = arg;
	conn_free(&b->line);
	if (!b->chosen)
		return; /* an old backend closes descriptors that it does not know */
	log_debug("backend=%u pid=%d line closed: %s", b->id, (int)b->pid, reason);
	if (b->state != BACKEND_DYING)
		become(b, BACKEND_DYING);
	settle_later(b);
}

static const struct conn_events line_events = {.input = line_input, .closed = line_closed};

static void line_accepted(void *arg, int fd)
{
	struct backend *b = arg;
	const char *why = "the backend has its line already, or is about to end";
	if (b->chosen || b->exited || b->state != BACKEND_STARTING || !peer_is_in_session(fd, b->pid, &why)) {
		if (b->refused++ < REFUSALS_LOGGED)
			log_warn("backend=%u pid=%d a connection to its port was refused: %s", b->id, (int)b->pid, why);
		close(fd);
		return;
	}
	if (b->line)
		conn_free(&b->line);
	b->line = conn_adopt(b->link->loop, fd, &line_events, b);
	b->pings = 0;
	choose(b);
	backend_ping(b);
}

/* ---- Start ---- */

static unsigned free_slot(struct link *link)
{
	for (unsigned id = 1;; id++) {
		bool used = false;
		LIST_EACH (&link->backends, node)
			used = used || LIST_ITEM(node, struct backend, node)->id == id;
		if (!used)
			return id;
	}
}

static void process_ended(void *arg, int status, int signal)
{
	struct backend *b = arg;
	b->exited = true;
	b->exit_status = status;
	b->exit_signal = signal;
	if (!b->chosen && b->line)
		conn_free(&b->line);
	if (b->state != BACKEND_DYING)
		become(b, BACKEND_DYING);
	b->waited = 0;
	settle_later(b);
}

static bool spawn(struct backend *b, int child_end)
{
	struct link *link = b->link;
	const char *text = config_text(link->config, "service.backend"), *error = NULL;
	struct command command = {
	    .text = text,
	    .counter = link->started,
	    .host = link->host,
	    .port = listener_port(b->listener),
	    .id = b->id,
	    .jid = config_text(link->config, "service.jid"),
	    .argc = link->argc,
	    .argv = link->argv,
	};
	char **argv = command_build(&command, &error);
	if (!argv) {
		log_error("service.backend %s; it must name the backend's program", error);
		return false;
	}
	char *env[] = {"SPECTRUM2_FD=3", "SPECTRUM2_EXTENSIONS=1", NULL};
	b->process = process_spawn(link->loop, argv, env, child_end, process_ended, b);
	if (!b->process)
		log_error("service.backend: %s can't be started: %s%s", log_quote(argv[0]), strerror(errno),
		          errno == ENOENT ? "; check service.backend in the configuration" : "");
	command_free(argv);
	return b->process != NULL;
}

bool backend_start(struct link *link)
{
	int ends[2];
	if (!link->host || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		log_error("no backend can be started: %s",
		          link->host ? strerror(errno) : "service.backend_host is no address");
		return false;
	}
	struct backend *b = mem_new(sizeof *b);
	b->link = link;
	b->id = free_slot(link);
	list_init(&b->seats);
	inflight_init(&b->inflight);
	list_append(&link->backends, &b->node);
	b->line = conn_adopt(link->loop, ends[0], &line_events, b);
	b->listener = listener_new(link->loop, link->host, 0, line_accepted, b);
	if (!b->listener)
		log_error("service.backend_host: %s can't be listened on: %s", link->host, strerror(errno));
	bool started = b->listener && spawn(b, ends[1]);
	close(ends[1]);
	if (!started) {
		backend_free(b);
		return false;
	}
	link->started++;
	b->pid = process_pid(b->process);
	log_info("backend=%u pid=%d started", b->id, (int)b->pid);
	backend_ping(b);
	return true;
}

void backend_free(struct backend *b)
{
	loop_defer_cancel(&b->settle);
	list_remove(&b->node);
	if (b->line)
		conn_free(&b->line);
	if (b->listener)
		listener_free(&b->listener);
	if (b->process)
		process_free(&b->process);
	inflight_fini(&b->inflight);
	str_fini(&b->input);
	free(b);
}

/* ---- Users ---- */

/* Backends of one user, and of those that must not be used again, are at their end once they were full. */
static bool used_once(const struct link *link)
{
	return config_number(link->config, "service.users_per_backend") == 1 ||
	       !config_bool(link->config, "service.reuse_old_backends");
}

void backend_sit(struct backend *b, struct seat *seat)
{
	int64_t most = config_number(b->link->config, "service.users_per_backend");
	seat->backend = b;
	list_append(&b->seats, &seat->mates);
	void *other = map_put(&b->link->seats, seat->user, seat);
	assert(!other);
	(void)other;
	b->link->users++;
	b->idle = 0;
	if (++b->users >= most && b->state == BACKEND_READY)
		become(b, BACKEND_FULL);
}

void backend_stand_up(struct seat *seat)
{
	struct backend *b = seat->backend;
	map_remove(&b->link->seats, seat->user);
	list_remove(&seat->mates);
	seat->backend = NULL;
	b->users--;
	b->link->users--;
	if (b->state == BACKEND_FULL && !used_once(b->link)) {
		become(b, BACKEND_READY);
		link_backend_ready(b->link);
	}
}

/* ---- Confirmation ---- */

void backend_await(struct backend *b, bool by_result, const char *user, const char *id, struct ticket *ticket)
{
	if (by_result) {
		inflight_await_result(&b->inflight, user, id, ticket);
	} else {
		inflight_await_pong(&b->inflight, b->pings + 1, ticket);
		settle_later(b);
	}
}

void backend_refuse(struct backend *b, struct ticket *ticket)
{
	inflight_refuse(&b->inflight, ticket);
	settle_later(b);
}

void backend_ask_confirmation(struct backend *b)
{
	if (b->pings > b->pongs || inflight_last_ping(&b->inflight) <= b->pings)
		return;
	uint64_t now = loop_now(b->link->loop), due = b->confirm_asked_at + CONFIRM_EVERY_MS;
	if (b->confirm_asked_at && now < due) {
		if (!timer_running(b->link->confirm))
			timer_start(b->link->confirm, due - now, 0);
		return;
	}
	b->confirm_asked_at = now;
	backend_ping(b);
}

void backend_pong(struct backend *b)
{
	struct link *link = b->link;
	if (b->pongs == b->pings)
		return;
	b->pongs++;
	if (b->state == BACKEND_STARTING) {
		become(b, BACKEND_READY);
		b->ready_at = loop_now(link->loop);
		log_info("backend=%u pid=%d ready", b->id, (int)b->pid);
		if (link->paused)
			conn_pause(b->line);
		link_backend_ready(link);
	}
	for (struct ticket *ticket; (ticket = inflight_take_pong(&b->inflight, b->pongs)) != NULL;)
		link->events->result(link->arg, ticket, S2_DONE, NULL);
	if (inflight_last_ping(&b->inflight))
		settle_later(b);
}

/* ---- The end ---- */

void backend_end(struct backend *b)
{
	log_info("backend=%u pid=%d is not needed any more", b->id, (int)b->pid);
	b->expected = true;
	backend_write(b, &(struct wire_frame){.type = WIRE_EXIT});
	become(b, BACKEND_DYING);
}

void backend_give_up(struct backend *b, const char *fault, bool mute)
{
	if (!b->fault)
		log_error("backend=%u pid=%d %s and is killed", b->id, (int)b->pid, fault);
	b->fault = fault;
	if (b->state != BACKEND_DYING)
		become(b, BACKEND_DYING);
	if (b->process && !b->exited)
		process_kill(b->process, SIGKILL);
	if (mute && b->line)
		conn_free(&b->line);
	settle_later(b);
}

static void log_end(const struct backend *b)
{
	char how[96] = "went away";
	if (b->exit_signal)
		snprintf(how, sizeof how, "was ended by signal %d (%s)", b->exit_signal, strsignal(b->exit_signal));
	else if (b->exit_status >= 0)
		snprintf(how, sizeof how, "ended with status %d", b->exit_status);
	if (b->expected) {
		log_info("backend=%u pid=%d %s", b->id, (int)b->pid, how);
		return;
	}
	log_error("backend=%u pid=%d %s%s%s users=%u", b->id, (int)b->pid, how, b->fault ? ": " : "",
	          b->fault ? b->fault : "", b->users);
	const char *program = log_quote(config_text(b->link->config, "service.backend"));
	if (b->ready_at || b->exit_signal)
		return;
	if (b->exit_status == ENOENT)
		log_error("service.backend: is %s the right program? It or something that it needs was not found",
		          program);
	else if (b->exit_status == EXIT_WITHOUT_DATABASE)
		log_error("the backend %s needs a database, but none is configured: set database.type", program);
}

void backend_return_tickets(struct backend *b, const char *text)
{
	struct inflight all;
	inflight_move(&b->inflight, &all);
	for (struct ticket *ticket; (ticket = inflight_take(&all)) != NULL;)
		b->link->events->returned(b->link->arg, ticket, text);
	inflight_fini(&all);
}

/* Tells all who depend on it, frees it. */
static void bury(struct backend *b)
{
	static const char text[] = "A part of the gateway stopped working. It is being restarted.";
	struct link *link = b->link;
	become(b, BACKEND_DEAD);
	list_remove(&b->node);
	log_end(b);
	backend_return_tickets(b, text);
	while (!list_empty(&b->seats)) {
		struct seat *seat = LIST_ITEM(b->seats.next, struct seat, mates);
		backend_stand_up(seat);
		link->events->unseated(link->arg, seat, text);
	}
	backend_return_tickets(b, text); /* of what was sent while the others were returned */
	link_backend_gone(link, b);
	backend_free(b);
}

/* Does what must not be done inside of a callback of the line, the port or the process. */
static void settle(void *arg)
{
	struct backend *b = arg;
	if (b->listener && (b->chosen || b->exited))
		listener_free(&b->listener);
	if (b->exited && b->process)
		process_free(&b->process);
	if (b->exited && !b->line) {
		bury(b);
		return;
	}
	for (struct ticket *ticket; (ticket = inflight_take_refused(&b->inflight)) != NULL;)
		b->link->events->result(b->link->arg, ticket, S2_NOT_ACCEPTABLE, "The message is too long.");
	backend_ask_confirmation(b);
}

static void settle_later(struct backend *b)
{
	loop_defer(b->link->loop, &b->settle, settle, b);
}

/* A process that even SIGKILL does not end, or a line that a grandchild keeps open: go on without it. */
static void go_on_without(struct backend *b)
{
	if (!b->exited)
		b->exit_status = -1;
	b->exited = true;
	if (b->line)
		conn_free(&b->line);
	settle_later(b);
}

static void hurry(struct backend *b)
{
	if (b->exited && b->link->paused)
		return; /* what it has said is read first */
	b->waited++;
	if (b->waited >= (b->exited ? HEARTBEATS_TO_GO : 4 * HEARTBEATS_TO_END))
		go_on_without(b);
	else if (!b->exited && b->process && b->waited >= (b->line ? HEARTBEATS_TO_END : HEARTBEATS_TO_GO))
		process_kill(b->process, SIGKILL);
}

void backend_heartbeat(struct backend *b)
{
	if (b->state == BACKEND_DYING) {
		hurry(b);
		return;
	}
	if (b->state == BACKEND_STARTING && ++b->waited > HEARTBEATS_TO_START) {
		backend_give_up(b, b->chosen ? "did not answer" : "did not connect", false);
		return;
	}
	if (!b->chosen)
		return;
	b->idle = b->users ? 0 : b->idle + 1;
	int64_t patience = config_number(b->link->config, "service.backend_timeout");
	if (b->asked && !b->link->paused && b->state != BACKEND_STARTING &&
	    ++b->silent >= (patience > 0 ? patience : 4)) {
		backend_give_up(b, "does not answer any more", false);
		return;
	}
	if (!b->asked) {
		b->asked = true;
		b->silent = 0;
	}
	backend_ping(b);
}
