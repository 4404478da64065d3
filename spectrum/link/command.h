/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a backend, made of `service.backend` and main's own arguments. Each argument stays one argument:
 * nothing is pasted together and split again. */
#ifndef SPECTRUM_LINK_COMMAND_H
#define SPECTRUM_LINK_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

struct command {
	const char *text; /* service.backend: words split as a shell does it, with quotes and backslashes */
	unsigned counter; /* stands where the text says BACKEND_ID */
	const char *host; /* of the port that the backend may connect to */
	uint16_t port;
	unsigned id;     /* --service.backend_id */
	const char *jid; /* added as -j if main's arguments have none; NULL: not */
	int argc;        /* main's own arguments, [0] its name */
	char *const *argv;
};

/* NULL-terminated; NULL with *error (static) if the text has no words or a quote is not closed. Freed by
 * command_free. */
char **command_build(const struct command *, const char **error);
void command_free(char **argv);

#endif
