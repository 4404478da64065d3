/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run of a backend process: command line, configuration, limits, loop, end. Called by each backend's main(). */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "kit/kit.h"
#include "kit/line.h"
#include "kit/options.h"
#include "kit/state.h"
#include "kit/user.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/config/logging.h"
#include "lib/io/resolve.h"

#define LOG_AREA "kit"

struct kit kit;

static struct deferred end;
static int end_status;

/* ---- Configuration for the backend ---- */

const char *s2_config(const char *key)
{
	return config_text(kit.config, key);
}

const char *s2_config_or(const char *key, const char *fallback)
{
	const char *text = config_text(kit.config, key);
	return text_empty(text) ? fallback : text;
}

int64_t s2_config_number(const char *key, int64_t fallback)
{
	return text_empty(config_text(kit.config, key)) ? fallback : config_number(kit.config, key);
}

bool s2_config_bool(const char *key, bool fallback)
{
	return text_empty(config_text(kit.config, key)) ? fallback : config_bool(kit.config, key);
}

const char *s2_config_item(const char *key, size_t index)
{
	return config_item(kit.config, key, index);
}

struct loop *kit_loop(void)
{
	return kit.loop;
}

/* ---- Beginning ---- */

static void say_lines(FILE *file, const struct str *lines)
{
	fputs(str_text(lines), file);
}

static bool load_config(const struct options *options)
{
	struct str errors = {0}, warnings = {0};
	kit.config =
	    config_load(options->config, options->jid, options->overrides, options->override_count, &errors, &warnings);
	/* The main process reads the same file and has told its warnings already. */
	say_lines(stderr, &errors);
	str_fini(&errors);
	str_fini(&warnings);
	return kit.config != NULL;
}

static bool open_log(void)
{
	struct str error = {0};
	bool open = logging_setup(kit.config, "logging.backend_config", NULL, s2_config_or("service.jid", ""),
	                          s2_config_or("service.backend_id", "1"), &error);
	say_lines(stderr, &error);
	str_fini(&error);
	return open;
}

/* Thousands of sessions need thousands of descriptors. No program that this process starts gains rights, and passwords
 * in its memory end up in no core file and before no debugger. */
static void set_limits(void)
{
	struct rlimit limit;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* The socket that the main process made for this child, -1 if there is none. Grandchildren shall not learn of it. */
static int inherited_line(void)
{
	const char *text = getenv("SPECTRUM2_FD"), *extensions = getenv("SPECTRUM2_EXTENSIONS");
	int fd = text ? atoi(text) : -1, kind;
	socklen_t bytes = sizeof kind;
	kit.extended = extensions && !strcmp(extensions, "1");
	unsetenv("SPECTRUM2_FD");
	unsetenv("SPECTRUM2_EXTENSIONS");
	if (fd <= STDERR_FILENO || getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &bytes) || kind != SOCK_STREAM)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static void terminated(void *arg, int number)
{
	kit_end(0);
}

static void hung_up(void *arg, int number)
{
	log_reopen();
}

static void run(const struct options *options)
{
	int fd = inherited_line();
	resolver_use(text_or_null(s2_config("service.nameserver")));
	kit.loop = loop_new();
	signal(SIGINT, SIG_IGN); /* Ctrl-C in a terminal is for the main process, which ends this one */
	loop_on_signal(kit.loop, SIGTERM, terminated, NULL);
	loop_on_signal(kit.loop, SIGHUP, hung_up, NULL);
	if (!kit.backend->start || kit.backend->start()) {
		kit_line_open(fd, options->host, options->port);
		loop_run(kit.loop);
	} else {
		end_status = 1;
	}
	loop_free(&kit.loop);
	map_fini(&kit.users);
}

/* ---- End ---- */

static void end_now(void *arg)
{
	kit_users_logout();
	if (kit.backend->stop)
		kit.backend->stop();
	kit_line_close();
	loop_stop(kit.loop);
}

void kit_end(int status)
{
	if (kit.ending)
		return;
	kit.ending = true;
	end_status = status;
	loop_defer(kit.loop, &end, end_now, NULL);
}

int s2_backend_run(int argc, char **argv, const struct s2_backend *backend)
{
	struct options options;
	const char *error = NULL;
	assert(backend->name && backend->login);
	kit.backend = backend;
	if (!options_parse(&options, argc, argv, &error)) {
		fprintf(stderr, "%s: %s\n", backend->name, error);
		end_status = 1;
	} else if (options.help) {
		printf("Usage: %s --host HOST --port PORT [--service.backend_id=N] [-j JID] [--section.key=value ...] "
		       "CONFIG\n"
		       "The main process spectrum2 starts this program; there is no other use for it.\n",
		       backend->name);
	} else if (!load_config(&options) || !open_log()) {
		end_status = 1;
	} else {
		set_limits();
		run(&options);
	}
	config_free(&kit.config);
	log_close();
	options_fini(&options);
	return end_status;
}
