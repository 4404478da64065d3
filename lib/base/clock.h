/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time. Wall-clock times are milliseconds since 1970 UTC in an int64_t, 0 meaning "not given". */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_wall_ms(void);
uint64_t clock_monotonic_ms(void);

#define CLOCK_TEXT_BYTES 32
/* XEP-0082 DateTime in UTC, "2026-11-22T10:00:00Z" or with ".123" when the milliseconds are not zero. */
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_BYTES]);
/* Reads XEP-0082 DateTime, the old YYYYMMDDTHHMMSS (UTC, fraction and Z optional) and decimal seconds since 1970. False
 * on anything else. */
bool clock_read(const char *text, int64_t *wall_ms);
/* The same, for times at which something has happened: 0 for what is none, and for 1970 and before. */
int64_t clock_parse(const char *text);

#endif
