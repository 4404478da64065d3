/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static struct {
	char *path;
	int fd; /* -1: stderr */
	enum log_level level;
	size_t written, max_bytes;
	unsigned backups;
} sink = {.fd = -1, .level = LOG_INFO_};

static const char *const level_names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};

static int open_file(const char *path, size_t *size)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	struct stat info;
	*size = fd >= 0 && !fstat(fd, &info) ? (size_t)info.st_size : 0;
	return fd;
}

bool log_open(const char *path, size_t max_bytes, unsigned backups)
{
	size_t size = 0;
	int fd = -1;
	if (path && (fd = open_file(path, &size)) < 0)
		return false;
	log_close();
	sink.fd = fd;
	sink.path = mem_strdup(path);
	sink.written = size;
	sink.max_bytes = max_bytes;
	sink.backups = backups;
	return true;
}

bool log_reopen(void)
{
	size_t size;
	if (!sink.path)
		return true;
	int fd = open_file(sink.path, &size);
	if (fd < 0)
		return false;
	close(sink.fd);
	sink.fd = fd;
	sink.written = size;
	return true;
}

void log_close(void)
{
	if (sink.fd >= 0)
		close(sink.fd);
	sink.fd = -1;
	free(sink.path);
	sink.path = NULL;
}

const char *log_path(void)
{
	return sink.path;
}

void log_set_level(enum log_level level)
{
	sink.level = level;
}

enum log_level log_level(void)
{
	return sink.level;
}

bool log_level_parse(const char *name, enum log_level *level)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {{"off", LOG_OFF_},    {"fatal", LOG_ERROR_}, {"error", LOG_ERROR_}, {"warn", LOG_WARN_},
	             {"warning", LOG_WARN_}, {"info", LOG_INFO_},   {"debug", LOG_DEBUG_}, {"trace", LOG_DEBUG_},
	             {"all", LOG_DEBUG_}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcasecmp(name, names[i].name)) {
			*level = names[i].level;
			return true;
		}
	}
	return false;
}

/* path.1 becomes path.2 and so on, the current file path.1. */
static void rotate(void)
{
	for (unsigned i = sink.backups; i > 0; i--) {
		char *to = mem_printf("%s.%u", sink.path, i);
		char *from = i > 1 ? mem_printf("%s.%u", sink.path, i - 1) : mem_strdup(sink.path);
		(void)rename(from, to);
		free(from);
		free(to);
	}
	if (!sink.backups && truncate(sink.path, 0))
		return;
	log_reopen();
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
	if (level > sink.level)
		return;
	int saved = errno;
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	char time_text[32];
	strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M:%S", &tm);

	struct str line = {0};
	str_addf(&line, "%s.%03ld %s [%s] ", time_text, now.tv_nsec / 1000000, level_names[level], area);
	va_list args;
	va_start(args, format);
	str_addv(&line, format, args);
	va_end(args);
	str_addc(&line, '\n');

	if (sink.fd >= 0 && sink.max_bytes && sink.written + line.len > sink.max_bytes)
		rotate();
	ssize_t done = write(sink.fd >= 0 ? sink.fd : STDERR_FILENO, line.data, line.len);
	if (done > 0)
		sink.written += (size_t)done;
	str_fini(&line);
	errno = saved;
}

const char *log_quote(const char *text)
{
	static char ring[8][220];
	static unsigned next;
	char *out = ring[next++ % 8], *at = out;
	if (!text)
		return "-";
	*at++ = '"';
	for (; *text && at < out + 200; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\') {
			*at++ = '\\';
			*at++ = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			at += sprintf(at, "\\x%02x", c);
		} else {
			*at++ = (char)c;
		}
	}
	if (*text)
		at += sprintf(at, "...");
	*at++ = '"';
	*at = '\0';
	return out;
}
