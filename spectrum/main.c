/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spectrum2: one instance of the gateway. Reads what it is told, becomes a daemon, runs the XMPP side until it is asked
 * to end. */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/resolve.h"
#include "spectrum/control.h"
#include "spectrum/daemon.h"
#include "spectrum/frontend/frontend.h"
#include "spectrum/options.h"

#define LOG_AREA "main"
#define TRIM_MS 30000
#define TRIM_BYTES (16u << 20)

struct instance {
	struct options options;
	struct config *config;
	struct loop *loop;
	struct frontend *frontend;
	struct control *control;
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
	control_stop(instance->control);
	frontend_stop(instance->frontend);
}

/* As an administrator or a signal wants it. */
static void reload(void *arg, struct str *answer)
{
	struct instance *instance = arg;
	options_reload(&instance->options, instance->config, answer);
	daemon_reopen_log(instance->config);
	frontend_reload(instance->frontend);
}

static void on_hangup(void *arg, int signal)
{
	struct str answer = {0};
	reload(arg, &answer);
	for (char *at = answer.data; at && *at; at++)
		*at = *at == '\n' ? ';' : *at;
	log_info("reload signal=%d: %s", signal, str_text(&answer));
	str_fini(&answer);
}

/* What lies between things that stay is given back by nobody else: after ten thousand have come or gone at once it is
 * hundreds of megabytes. It stays free in the eyes of the heap, so only what has become free since counts. */
static void trim_heap(void *arg)
{
	static size_t given;
	size_t unused = mallinfo2().fordblks;
	if (unused > given + TRIM_BYTES) {
		malloc_trim(0);
		given = mallinfo2().fordblks;
	} else if (unused < given) {
		given = unused;
	}
}

static void run(struct instance *instance)
{
	char *error = NULL;
	resolver_use(text_or_null(config_text(instance->config, "service.nameserver")));
	instance->loop = loop_new();
	loop_on_signal(instance->loop, SIGTERM, on_end, instance);
	loop_on_signal(instance->loop, SIGINT, on_end, instance);
	loop_on_signal(instance->loop, SIGHUP, on_hangup, instance);
	instance->control = control_new(instance->loop, instance->config, &error);
	if (!instance->control)
		daemon_fail("%s", error);
	instance->frontend =
	    frontend_new(instance->loop, instance->config, instance->options.argc, instance->options.argv, &error);
	if (!instance->frontend)
		daemon_fail("%s", error);
	frontend_on_reload(instance->frontend, reload, instance);
	control_serve(instance->control, frontend_hub(instance->frontend));
	daemon_write_port(control_port(instance->control));
	log_info("starts version=" SPECTRUM2_VERSION " jid=%s", config_text(instance->config, "service.jid"));
	daemon_ready();
	struct timer *trim = timer_new(instance->loop, trim_heap, NULL);
	timer_start(trim, TRIM_MS, TRIM_MS);
	loop_run(instance->loop);
	timer_free(&trim);
	frontend_free(&instance->frontend);
	control_free(&instance->control);
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
