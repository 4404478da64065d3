/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: one line per event, "time level [area] text key=value ...". Secrets never come here: no password, no stanza
 * and no message body is ever passed to a log call. */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_, LOG_OFF_ = -1 };

/* Where lines go: a file (appended, mode 0640; rotated to path.1 ... when it grows past max_bytes, 0 = never), or stderr
 * while path is NULL. False with errno if it cannot be opened; the old place stays in use. */
bool log_open(const char *path, size_t max_bytes, unsigned backups);
/* Opens the file anew by its name: after logrotate, on SIGHUP. */
bool log_reopen(void);
void log_close(void);
/* NULL: stderr. Borrowed until it is opened elsewhere. */
const char *log_path(void);
void log_set_level(enum log_level);
enum log_level log_level(void);
/* "error", "warn", "info", "debug", "off" and log4j's names in any case; false if it is none of them. */
bool log_level_parse(const char *name, enum log_level *);

void log_line(enum log_level, const char *area, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Untrusted text for a key=value field: quoted, control characters escaped, cut at 200 bytes. Valid until the eighth
 * further call. */
const char *log_quote(const char *text);

/* The area is the folder that speaks: #define LOG_AREA "link" before the first use. */
#define log_error(...) log_line(LOG_ERROR_, LOG_AREA, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN_, LOG_AREA, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO_, LOG_AREA, __VA_ARGS__)
#define log_debug(...) \
	do { \
		if (log_level() >= LOG_DEBUG_) \
			log_line(LOG_DEBUG_, LOG_AREA, __VA_ARGS__); \
	} while (0)

#endif
