/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spectrum2: one instance of the gateway. Reads what it is told, becomes a daemon, runs the XMPP side until it is asked
 * to end. */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "spectrum/daemon.h"
#include "spectrum/frontend/frontend.h"
#include "spectrum/options.h"

#define LOG_AREA "main"

struct instance {
	struct options options;
	struct config *config;
	struct loop *loop;
	struct frontend *frontend;
	bool stopping;
};

static void on_end(void *arg, int signal)
{
	struct instance *instance = arg;
	if (instance->stopping)
		return;
	instance->stopping = true;
	log_info("ends signal=%d", signal);
	daemon_stopping();
	frontend_stop(instance->frontend);
}

static void on_hangup(void *arg, int signal)
{
	struct instance *instance = arg;
	daemon_reopen_log(instance->config);
	frontend_reload(instance->frontend);
}

static void run(struct instance *instance)
{
	char *error = NULL;
	instance->loop = loop_new();
	loop_on_signal(instance->loop, SIGTERM, on_end, instance);
	loop_on_signal(instance->loop, SIGINT, on_end, instance);
	loop_on_signal(instance->loop, SIGHUP, on_hangup, instance);
	instance->frontend =
	    frontend_new(instance->loop, instance->config, instance->options.argc, instance->options.argv, &error);
	if (!instance->frontend)
		daemon_fail("%s", error);
	log_info("starts version=" SPECTRUM2_VERSION " jid=%s", config_text(instance->config, "service.jid"));
	daemon_ready();
	loop_run(instance->loop);
	frontend_free(&instance->frontend);
	loop_free(&instance->loop);
}

/* Buffers of a burst go back to the system when it is over, instead of raising the bar for the next one. */
static void limit_heap(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

static int start(struct instance *instance)
{
	instance->config = options_load_config(&instance->options);
	if (!instance->config)
		return EXIT_FAILURE;
	daemon_detach(instance->options.foreground);
	daemon_prepare(instance->config);
	run(instance);
	daemon_finish();
	config_free(&instance->config);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct instance instance = {0};
	int status;
	limit_heap();
	if (!options_read(&instance.options, argc, argv, &status))
		return status;
	status = instance.options.check_config ? options_check_config(&instance.options) : start(&instance);
	options_fini(&instance.options);
	return status;
}
