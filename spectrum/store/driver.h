/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kind of database has to offer. The storage thread calls everything but open, and never two things at once; a
 * driver keeps no state of users and does not log (the log belongs to the loop's thread). */
#ifndef SPECTRUM_STORE_DRIVER_H
#define SPECTRUM_STORE_DRIVER_H

#include <stdbool.h>

#include "lib/config/config.h"
#include "spectrum/store/job.h"
#include "spectrum/store/secret.h"

/* An open database; a driver's own struct starts with it. */
struct database {
	const struct driver *driver;
	char error[512]; /* why the last transaction failed */
	uint64_t last_line; /* the greatest number of a line when it was opened; set by `open` */
	bool transient;  /* the same transaction may succeed later: locked, disk full, connection lost */
};

struct driver {
	const char *type; /* the value of database.type */
	/* Connects, creates, migrates; called before the thread starts. `secret` outlives the database. NULL with the
	 * reason in *error, owned by the caller. */
	struct database *(*open)(const struct config *, struct secret *secret, char **error);
	void (*close)(struct database *);
	/* Each false: see error and transient; nothing of the transaction was stored. A lost connection is opened anew
	 * by a later `begin`. */
	bool (*begin)(struct database *, bool writes);
	bool (*commit)(struct database *);
	void (*rollback)(struct database *);
	/* Runs one job in the transaction and puts its results into it. If only this job can't be done, it gets an
	 * error and leaves no trace; false: the transaction is lost. */
	bool (*run)(struct database *, struct job *);
};

extern const struct driver driver_sqlite;
extern const struct driver driver_memory; /* type "none": forgets all with the process */

#endif
