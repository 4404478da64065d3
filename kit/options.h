/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a backend, as the main process writes it: --host, --port, --service.backend_id, then all that the
 * main process was called with itself. What is unknown is passed over, as it may be meant for the main process. */
#ifndef KIT_OPTIONS_H
#define KIT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config/config.h"

struct options {
	const char *host; /* "127.0.0.1" */
	uint16_t port;    /* 10000 */
	const char *jid;  /* NULL: the file's */
	const char *config;
	struct config_override *overrides;
	size_t override_count;
	bool help;
};

/* Everything points into argv, of which --section.key=value is cut at the equals sign; the overrides are owned. False
 * with a text for people in *error. */
bool options_parse(struct options *, int argc, char **argv, const char **error);
void options_fini(struct options *);

#endif
