/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One backend process: how it is started, the line to it, its heartbeat and its end. Also the set itself (struct link),
 * because the files of this folder share both; nobody outside sees them. */
#ifndef SPECTRUM_LINK_BACKEND_H
#define SPECTRUM_LINK_BACKEND_H

#include <sys/types.h>

#include "lib/base/map.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "lib/io/process.h"
#include "lib/wire/wire.h"
#include "spectrum/link/inflight.h"
#include "spectrum/link/link.h"

enum backend_state {
	BACKEND_STARTING, /* runs, has not answered the first PING yet */
	BACKEND_READY,    /* takes users */
	BACKEND_FULL,     /* takes none: at its limit, or reached it once and must not be used again */
	BACKEND_DYING,    /* told to end, hung, or half gone: takes none, its users are moved when it is dead */
	BACKEND_DEAD,
};

struct backend {
	struct list node; /* in link->backends, oldest first */
	struct link *link;
	enum backend_state state;
	unsigned id; /* slot number from 1, names its log file */
	pid_t pid;
	struct process *process;   /* NULL: reaped, or given up */
	struct conn *line;         /* the socketpair until something is chosen; NULL: gone */
	struct listener *listener; /* the single-use port, while it is open */
	bool chosen;               /* `line` is what the backend uses */
	bool extended;             /* announced features.extensions */
	bool expected;             /* was told to end: its end is no crash */
	bool exited;
	int exit_status, exit_signal; /* status -1: unknown */
	const char *fault;            /* why we ended it, static; NULL: it ended by itself */

	struct list seats;
	unsigned users;
	struct inflight inflight;
	uint64_t pings, pongs;     /* counted since the line was chosen; PONG number n answers PING number n */
	uint64_t confirm_asked_at; /* ms */
	struct str input;          /* the front of a frame whose rest is not there yet */
	struct deferred settle;

	uint64_t ready_at; /* ms; 0 = never */
	unsigned waited;   /* heartbeats in STARTING, or since it was to end */
	unsigned silent;   /* heartbeats since a PING that no frame has followed */
	bool asked;        /* such a PING is out */
	unsigned idle;     /* heartbeats without a user */
	uint64_t bad_frame_logged_at, bad_frames, strange_frames, refused;
	int64_t res_kb, init_res_kb, shared_kb;
};

struct link {
	struct loop *loop;
	struct config *config;
	int argc;
	char *const *argv;
	const struct link_events *events;
	void *arg;
	char *host; /* address literal; NULL: service.backend_host has none */

	struct list backends;
	struct list waiting; /* seats, first come first served */
	struct map seats;    /* user -> seat that has a backend */
	unsigned waiting_count, users;
	struct arena arena; /* of the frame in hand */
	bool paused;
	bool ending; /* link_free: nothing but messages and confirmations is of interest any more */

	struct timer *heartbeat, *restart, *login, *confirm;
	struct deferred settle;
	uint64_t login_at; /* ms; when the last seat was given */
	unsigned started, failures, crashed;
	pid_t crashes[LINK_CRASHES]; /* the last ones, number n at n modulo the size */
	uint64_t frames_in, frames_out;
};

/* Starts a process. False, logged, if that is not possible. */
bool backend_start(struct link *);
/* Tells `returned` for what it has not confirmed. */
void backend_return_tickets(struct backend *, const char *text);
/* Forgets it, without EXIT and without a word to anybody. */
void backend_free(struct backend *);

void backend_sit(struct backend *, struct seat *);
void backend_stand_up(struct seat *);

/* False if the frame is longer than allowed: nothing is sent. */
bool backend_write(struct backend *, const struct wire_frame *);
/* Keeps the ticket of what was written last until it is confirmed: by a result, or by the PONG of a PING behind it. */
void backend_await(struct backend *, bool by_result, const char *user, const char *id, struct ticket *);
/* The message could not be written: the ticket is ended later in this turn. */
void backend_refuse(struct backend *, struct ticket *);
void backend_pong(struct backend *);
void backend_ping(struct backend *);
/* EXIT: it is not needed any more. */
void backend_end(struct backend *);
/* Kills it; `fault` (static) says what it did. `mute`: what it has sent meanwhile is not read either. */
void backend_give_up(struct backend *, const char *fault, bool mute);
/* Once per second. */
void backend_heartbeat(struct backend *);
/* Writes the PING that confirms tickets if it is due. */
void backend_ask_confirmation(struct backend *);

/* "ready" and so on. */
const char *backend_state_name(const struct backend *);

/* link.c: what a backend tells the set. */
void link_backend_ready(struct link *);
/* `b` is on no list any more and has no users. */
void link_backend_gone(struct link *, const struct backend *b);

#endif
