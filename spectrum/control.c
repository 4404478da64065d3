/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "lib/wire/wire.h"
#include "spectrum/link/peer.h"

#define LOG_AREA "control"
#define CALLERS_MOST 32
#define INPUT_BYTES (128 << 10)
#define IDLE_MS 30000
#define REFUSALS_LOGGED 20 /* others can't fill the disk */

struct control {
	struct loop *loop;
	struct hub *hub;
	struct listener *port, *local;
	struct list callers;
	unsigned count, refused;
	uint64_t number; /* of the last caller */
};

/* One connection. */
struct caller {
	struct list node;
	struct control *control;
	struct conn *conn;
	struct timer *idle;
	struct str input;
	uint64_t number;
};

/* An answer that is owed; its caller may be gone when it comes. */
struct debt {
	struct control *control;
	uint64_t caller;
};

static void caller_free(struct caller *caller)
{
	list_remove(&caller->node);
	caller->control->count--;
	conn_finish(&caller->conn);
	timer_free(&caller->idle);
	if (caller->input.data)
		explicit_bzero(caller->input.data, caller->input.cap);
	str_fini(&caller->input);
	free(caller);
}

static struct caller *find(struct control *control, uint64_t number)
{
	LIST_EACH (&control->callers, node) {
		struct caller *caller = LIST_ITEM(node, struct caller, node);
		if (caller->number == number)
			return caller;
	}
	return NULL;
}

static void answered(void *arg, const char *text)
{
	struct debt *debt = arg;
	struct caller *caller = find(debt->control, debt->caller);
	free(debt);
	if (!caller)
		return;
	struct wire_frame frame = {.type = WIRE_QUERY, .config = text};
	if (!wire_write(conn_output(caller->conn), WIRE_TO_BACKEND, false, &frame)) {
		frame.config = "Error: The answer is too long.";
		wire_write(conn_output(caller->conn), WIRE_TO_BACKEND, false, &frame);
	}
}

/* Reads one frame off the input; false if there is none. */
static bool handle_frame(struct caller *caller)
{
	struct arena arena = {0};
	struct wire_frame frame;
	const char *error;
	size_t used = 0;
	enum wire_status status =
	    wire_read(&arena, str_text(&caller->input), caller->input.len, WIRE_TO_MAIN, &used, &frame, &error);
	bool more = status == WIRE_OK || status == WIRE_BAD_FRAME;
	if (status == WIRE_OK && frame.type == WIRE_QUERY) {
		struct debt *debt = mem_new(sizeof *debt);
		*debt = (struct debt){caller->control, caller->number};
		admin_run(caller->control->hub, frame.config, answered, debt);
	}
	if (more)
		str_consume(&caller->input, used);
	arena_fini(&arena);
	return more;
}

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct caller *caller = arg;
	timer_start(caller->idle, IDLE_MS, 0);
	str_add(&caller->input, bytes, len);
	while (handle_frame(caller))
		;
	if (caller->input.len > INPUT_BYTES)
		caller_free(caller);
}

static void on_closed(void *arg, const char *reason)
{
	caller_free(arg);
}

static void on_idle(void *arg)
{
	caller_free(arg);
}

static const struct conn_events caller_events = {.input = on_input, .closed = on_closed};

static void on_accepted(void *arg, int fd)
{
	struct control *control = arg;
	const char *why = "there are too many";
	if (control->count >= CALLERS_MOST || !peer_is_trusted(fd, &why)) {
		if (control->refused++ < REFUSALS_LOGGED)
			log_warn("a connection for administration was refused: %s", why);
		close(fd);
		return;
	}
	struct caller *caller = mem_new(sizeof *caller);
	caller->control = control;
	caller->number = ++control->number;
	control->count++;
	list_append(&control->callers, &caller->node);
	caller->idle = timer_new(control->loop, on_idle, caller);
	timer_start(caller->idle, IDLE_MS, 0);
	caller->conn = conn_adopt(control->loop, fd, &caller_events, caller);
}

/* service.portfile with .sock in the place of .port. */
static char *socket_path(const struct config *config)
{
	const char *portfile = config_text(config, "service.portfile");
	size_t len = strlen(portfile);
	if (len > 5 && !strcmp(portfile + len - 5, ".port"))
		len -= 5;
	return mem_printf("%.*s.sock", (int)len, portfile);
}

struct control *control_new(struct loop *loop, const struct config *config, char **error)
{
	struct control *control = mem_new(sizeof *control);
	const char *host = config_text(config, "service.backend_host");
	uint16_t port = (uint16_t)config_number(config, "service.backend_port");
	const char *why = NULL;
	char *address = listener_address(host, &why), *path = socket_path(config);
	control->loop = loop;
	list_init(&control->callers);
	control->port = address ? listener_new(loop, address, port, on_accepted, control) : NULL;
	if (!control->port)
		*error = mem_printf("service.backend_port: %u on %s can't be listened on: %s; choose another one, or 0",
		                    port, text_empty(host) ? "127.0.0.1" : host, why ? why : strerror(errno));
	if (control->port && !(control->local = listener_new_local(loop, path, 0600, on_accepted, control)))
		log_warn("no socket for administration at %s: %s; the port remains", path, strerror(errno));
	free(address);
	free(path);
	if (!control->port)
		control_free(&control);
	return control;
}

void control_serve(struct control *control, struct hub *hub)
{
	control->hub = hub;
}

uint16_t control_port(const struct control *control)
{
	return listener_port(control->port);
}

void control_stop(struct control *control)
{
	LIST_EACH (&control->callers, node)
		caller_free(LIST_ITEM(node, struct caller, node));
	listener_free(&control->port);
	listener_free(&control->local);
}

void control_free(struct control **at)
{
	if (!*at)
		return;
	control_stop(*at);
	free(*at);
	*at = NULL;
}
