/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A main process without a gateway in it: only what spectrum/options and spectrum/daemon do. test_daemon.py runs it;
 * the environment variable STUMBLE makes its start fail in one of the ways in which a start can fail. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "spectrum/daemon.h"
#include "spectrum/options.h"

#define LOG_AREA "test"

int main(int argc, char **argv)
{
	struct options options;
	int status, caught = SIGHUP;
	sigset_t signals;
	if (!options_read(&options, argc, argv, &status))
		return status;
	if (options.check_config) {
		status = options_check_config(&options);
		options_fini(&options);
		return status;
	}
	struct config *config = options_load_config(&options);
	if (!config) {
		options_fini(&options);
		return 1;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	daemon_detach(options.foreground);
	daemon_prepare(config);
	if (text_equal(getenv("STUMBLE"), "fail"))
		daemon_fail("port %d is taken", 5222);
	if (text_equal(getenv("STUMBLE"), "die"))
		raise(SIGKILL);
	daemon_write_port(12345);
	for (int i = 1; i < options.argc; i++)
		log_info("argument %s", options.argv[i]);
	daemon_ready();
	while (!sigwait(&signals, &caught) && caught == SIGHUP) {
		log_info("before");
		daemon_reopen_log(config);
		log_info("after");
	}
	daemon_stopping();
	daemon_finish();
	config_free(&config);
	options_fini(&options);
	return 0;
}
