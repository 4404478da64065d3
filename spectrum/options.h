/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of the main process, the loading of its configuration, and --check-config. main.c calls these first,
 * in this order; all messages for people are printed in here. */
#ifndef SPECTRUM_OPTIONS_H
#define SPECTRUM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/config/config.h"

struct options {
	bool foreground;   /* -n */
	bool check_config; /* --check-config */
	const char *jid;   /* -j, or NULL; borrowed from argv, as the values of the overrides */
	const char *file;
	const char *path; /* of the file, absolute, for when the directory was changed; borrowed from argv below */
	struct config_override *overrides; /* --section.key=value; owned */
	size_t override_count;
	/* What the backends are to get: the same arguments, each override as one word, the path of the file absolute,
	 * as they may run in another directory. argv[0] is the program, argv[argc] NULL; owned. */
	int argc;
	char **argv;
};

/* False if the process has to end now with *status: after --help and --version (0), after a message about a wrong
 * command line (1). */
bool options_read(struct options *, int argc, char **argv, int *status);
void options_fini(struct options *);

/* Reads the file that the options name. Warnings go to stderr; on errors those, too, and the result is NULL. */
struct config *options_load_config(const struct options *);

/* Reads the file again and takes over what has changed. False if there was any error: then nothing changed. What came
 * of it is added to `answer`, for people. */
bool options_reload(const struct options *, struct config *, struct str *answer);

/* --check-config: prints everything that is wrong on stdout, "FILE:LINE: key: what is wrong; what to do", and does what
 * can be checked without starting. Returns the exit status: 0 if there was no error. */
int options_check_config(const struct options *);

#endif
