/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accepting, a bounded number per turn so that a flood of connections does not starve those that stand. */
#include "lib/io/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define LOG_AREA "io"

enum {
	ACCEPTS_PER_TURN = 64,
	BACKLOG = 1024,
	/* Out of descriptors: try again later instead of spinning on a socket that stays readable. */
	EXHAUSTED_MS = 200,
};

struct listener {
	uv_poll_t poll; /* first: freed through it */
	struct timer *again;
	void (*accepted)(void *arg, int fd);
	void *arg;
	int fd;
	uint16_t port;
	char *path; /* NULL: TCP */
	bool freed;
};

static void listener_ready(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = (struct listener *)poll;
	for (int i = 0; i < ACCEPTS_PER_TURN && !listener->freed; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			listener->accepted(listener->arg, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn("cannot accept connections: %s port=%u", strerror(errno), listener->port);
			uv_poll_stop(&listener->poll);
			timer_start(listener->again, EXHAUSTED_MS, 0);
		}
		/* Anything else concerns a connection that is gone already, or there is none. */
		return;
	}
}

static void listener_again(void *arg)
{
	struct listener *listener = arg;
	uv_poll_start(&listener->poll, UV_READABLE, listener_ready);
}

static int open_socket(const struct addrinfo *info, uint16_t *port)
{
	int one = 1;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	struct sockaddr_storage bound;
	socklen_t len = sizeof bound;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &len) < 0) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	*port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
	                                          : ((struct sockaddr_in *)&bound)->sin_port);
	return fd;
}

static struct listener *watch(struct loop *loop, int fd, void (*accepted)(void *arg, int fd), void *arg)
{
	struct listener *listener = mem_new(sizeof *listener);
	listener->fd = fd;
	listener->accepted = accepted;
	listener->arg = arg;
	listener->again = timer_new(loop, listener_again, listener);
	uv_poll_init(loop_uv(loop), &listener->poll, fd);
	uv_poll_start(&listener->poll, UV_READABLE, listener_ready);
	return listener;
}

struct listener *listener_new(struct loop *loop, const char *address, uint16_t port,
                              void (*accepted)(void *arg, int fd), void *arg)
{
	char service[8];
	snprintf(service, sizeof service, "%u", port);
	struct addrinfo *info,
	    hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	if (getaddrinfo(address, service, &hints, &info) != 0) {
		errno = EINVAL;
		return NULL;
	}
	uint16_t bound = 0;
	int fd = open_socket(info, &bound);
	int error = errno;
	freeaddrinfo(info);
	if (fd < 0) {
		errno = error;
		return NULL;
	}
	struct listener *listener = watch(loop, fd, accepted, arg);
	listener->port = bound;
	return listener;
}

/* Nobody may connect between bind and the change of the permissions, so they are there from the start. */
static int open_local(const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat info;
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!lstat(path, &info) && S_ISSOCK(info.st_mode))
		unlink(path);
	mode_t old = umask(~mode & 0777);
	bool failed = bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, BACKLOG);
	int error = errno;
	umask(old);
	if (!failed)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

struct listener *listener_new_local(struct loop *loop, const char *path, mode_t mode,
                                    void (*accepted)(void *arg, int fd), void *arg)
{
	int fd = open_local(path, mode);
	if (fd < 0)
		return NULL;
	struct listener *listener = watch(loop, fd, accepted, arg);
	listener->path = mem_strdup(path);
	return listener;
}

char *listener_address(const char *host, const char **error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
	char text[INET6_ADDRSTRLEN + 20];
	int failed = getaddrinfo(text_empty(host) ? "127.0.0.1" : host, NULL, &hints, &found);
	if (!failed)
		failed = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
	if (found)
		freeaddrinfo(found);
	*error = failed ? gai_strerror(failed) : NULL;
	return failed ? NULL : mem_strdup(text);
}

uint16_t listener_port(const struct listener *listener)
{
	return listener->port;
}

static void listener_closed(uv_handle_t *handle)
{
	free(handle);
}

void listener_free(struct listener **at)
{
	struct listener *listener = *at;
	if (!listener)
		return;
	*at = NULL;
	listener->freed = true;
	timer_free(&listener->again);
	if (listener->path)
		unlink(listener->path);
	free(listener->path);
	uv_close((uv_handle_t *)&listener->poll, listener_closed);
	close(listener->fd);
}
