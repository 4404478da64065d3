/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main process as a citizen of its system: background, directories, pid and port file, log, user and group, limits,
 * and word to the service manager. One per process; main.c calls these in this order:
 *
 *	options_read(), options_load_config()
 *	daemon_detach(foreground)   before any descriptor, loop or thread exists
 *	daemon_prepare(config)      before anything that needs the log, the working directory or the final user
 *	...                         store, link, front end: daemon_fail() where one of them cannot start
 *	daemon_write_port(port)     once the port for backends and the manager is known
 *	daemon_ready()              now the start counts as a success
 *	loop_run()
 *	daemon_finish() */
#ifndef SPECTRUM_DAEMON_H
#define SPECTRUM_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config/config.h"

/* Goes to the background unless `foreground`, or started by pid 1 (as in containers). The waiting parent ends when
 * daemon_ready (0) or daemon_fail (1, after printing the text) was called, or when the process died before. */
void daemon_detach(bool foreground);

/* Makes the directories (working_dir; parents of pid file, port file, logs and database file), becomes service.user and
 * service.group, takes the pid file, enters working_dir (in the background only), opens the log (without
 * logging.config: /var/log/spectrum2/$jid/spectrum2.log, in the foreground stderr). umask is 0007 from here on. Calls
 * daemon_fail if any of this does not succeed. */
void daemon_prepare(const struct config *);

/* Writes service.portfile. */
void daemon_write_port(unsigned port);

/* The start succeeded: the parent ends with 0, stderr leaves the terminal, systemd gets READY=1. */
void daemon_ready(void);

/* The start did not succeed: `text` goes to the log and to whoever started us; pid and port file are removed; exit
 * status 1. */
void daemon_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* On SIGHUP: takes over the log settings of `config` and opens the log anew by its name. */
void daemon_reopen_log(const struct config *config);

/* The end was asked for: systemd gets STOPPING=1. */
void daemon_stopping(void);
/* Removes pid and port file, closes the log. */
void daemon_finish(void);

#endif
