/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands between the frontend and its users: their own XMPP server at the other end of a component link
 * (component.c), or the server that this process itself is (spectrum/server). The frontend writes stanzas to it and
 * gets the users' stanzas from it, and need not know which of the two it is.
 *
 * Whoever implements it puts a struct upstream first into its own struct. */
#ifndef SPECTRUM_UPSTREAM_UPSTREAM_H
#define SPECTRUM_UPSTREAM_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

struct upstream_events {
	/* Stanzas go out and come in from now on; or they don't any more. */
	void (*up)(void *arg);
	void (*down)(void *arg);
	void (*stanza)(void *arg, struct arena *arena, const struct element *);
	/* So much is kept that no more may come, or it may again. */
	void (*full)(void *arg, bool full);
	/* Keep these bytes over a restart under this number; and forget all numbers up to this one. */
	void (*keep)(void *arg, uint64_t sequence, const char *bytes, size_t len);
	void (*forget)(void *arg, uint64_t sequence);
	/* What the domain can do (XEP-0115), into the features of a stream; asked by a server only. */
	void (*caps)(void *arg, struct writer *);
};

enum upstream_care {
	UPSTREAM_PASSING, /* worth nothing while it is down: presence, answers */
	UPSTREAM_KEPT,    /* messages */
	UPSTREAM_OWN, /* a message that the user (`from`) has written with another client of the network; to a server
	                 only */
};

struct upstream;

struct upstream_verbs {
	void (*start)(struct upstream *);
	void (*stop)(struct upstream *, void (*stopped)(void *arg));
	void (*end)(struct upstream *); /* may be NULL */
	void (*free)(struct upstream *);
	bool (*is_up)(const struct upstream *);
	void (*restore)(struct upstream *, uint64_t sequence, const char *bytes, size_t len);
	struct writer *(*open)(struct upstream *, const char *name, enum upstream_care, const char *from,
	                       const char *to, const char *type);
	void (*close)(struct upstream *);
};

struct upstream {
	const struct upstream_verbs *verbs;
};

/* Begins, and stays up. */
static inline void upstream_start(struct upstream *upstream)
{
	upstream->verbs->start(upstream);
}

/* Before the end: `stopped` is called when all that was written has arrived and all that had been sent by then was
 * handled, or after a moment; what is in doubt then was given to events.keep. */
static inline void upstream_stop(struct upstream *upstream, void (*stopped)(void *arg))
{
	upstream->verbs->stop(upstream, stopped);
}

/* Lets go of the hub's users, and of everybody else: what is asked of it after that finds nobody. Before the hub is
 * freed, which may still give answers that it owes. */
static inline void upstream_end(struct upstream *upstream)
{
	if (upstream && upstream->verbs->end)
		upstream->verbs->end(upstream);
}

/* Ends the streams, sends what is buffered, closes. */
static inline void upstream_free(struct upstream **upstream)
{
	if (*upstream)
		(*upstream)->verbs->free(*upstream);
	*upstream = NULL;
}

static inline bool upstream_is_up(const struct upstream *upstream)
{
	return upstream->verbs->is_up(upstream);
}

/* What was kept over a restart: goes out first. */
static inline void upstream_restore(struct upstream *upstream, uint64_t sequence, const char *bytes, size_t len)
{
	upstream->verbs->restore(upstream, sequence, bytes, len);
}

/* Opens one stanza of that name with from, to, type (may be NULL); write further attributes and children, then close
 * it. Nothing else of the upstream may be called in between. The texts are borrowed until then. */
static inline struct writer *upstream_open(struct upstream *upstream, const char *name, enum upstream_care care,
                                           const char *from, const char *to, const char *type)
{
	return upstream->verbs->open(upstream, name, care, from, to, type);
}

static inline void upstream_close(struct upstream *upstream)
{
	upstream->verbs->close(upstream);
}

#endif
