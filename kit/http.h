/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP requests of backends on the kit's loop (libcurl's multi_socket interface): connections are shared, nothing
 * blocks, size and time are bounded. */
#ifndef KIT_HTTP_H
#define KIT_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "spectrum2/types.h"

struct http_call;

/* Everything is copied but `body`, which must live until `done`. 0 and NULL: as said. */
struct http_request {
	const char *method; /* "GET" */
	const char *url;    /* http or https */
	const struct s2_setting *headers;
	size_t header_count;
	const void *body;
	size_t body_bytes;
	uint64_t wait_ms;  /* for all of it; 60 s */
	size_t most_bytes; /* of the answer; 1 MiB */
};

struct http_answer {
	long status;       /* HTTP's; 0: there was no answer, see `error` */
	const char *error; /* for people; NULL if there is an answer */
	const char *body;  /* NUL-terminated */
	size_t body_bytes;
	const char *content_type; /* NULL if it has none */
};

/* `done` is called once, later, from the loop; not after http_cancel. The call is gone when it returns. */
struct http_call *http_start(const struct http_request *, void (*done)(void *arg, const struct http_answer *),
                             void *arg);
void http_cancel(struct http_call **);
/* At the end of the process: cancels what is left. */
void http_stop(void);

#endif
