/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t len = strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	int ms = (int)(wall_ms % 1000);
	if (ms > 0)
		snprintf(out + len, CLOCK_TEXT_BYTES - len, ".%03dZ", ms);
	else
		snprintf(out + len, CLOCK_TEXT_BYTES - len, "Z");
}

/* Exactly `digits` decimal digits at *at; -1 if there are fewer. */
static int number(const char **at, int digits)
{
	int value = 0;
	for (int i = 0; i < digits; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool skip(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static int64_t fraction_ms(const char **at)
{
	int64_t ms = 0;
	int scale = 100;
	if (!skip(at, '.'))
		return 0;
	for (; isdigit((unsigned char)**at); (*at)++, scale /= 10)
		ms += (**at - '0') * scale;
	return ms;
}

/* Minutes east of UTC; false if what follows is no time zone. */
static bool zone(const char **at, int *minutes)
{
	*minutes = 0;
	if (skip(at, 'Z') || !**at)
		return true;
	if (**at != '+' && **at != '-')
		return false;
	int sign = *(*at)++ == '-' ? -1 : 1;
	int hour = number(at, 2);
	skip(at, ':');
	int minute = number(at, 2);
	*minutes = sign * (hour * 60 + minute);
	return hour >= 0 && minute >= 0;
}

/* Milliseconds since 1970, which may lie before it. False: it is no time. */
static bool read_date(const char *at, bool dashed, int64_t *wall_ms)
{
	struct tm tm = {0};
	tm.tm_year = number(&at, 4) - 1900;
	if (dashed && !skip(&at, '-'))
		return false;
	tm.tm_mon = number(&at, 2) - 1;
	if (dashed && !skip(&at, '-'))
		return false;
	tm.tm_mday = number(&at, 2);
	if (!skip(&at, 'T'))
		return false;
	tm.tm_hour = number(&at, 2);
	skip(&at, ':');
	tm.tm_min = number(&at, 2);
	skip(&at, ':');
	tm.tm_sec = number(&at, 2);
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
	    tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	int64_t ms = fraction_ms(&at);
	int minutes;
	if (!zone(&at, &minutes) || *at)
		return false;
	*wall_ms = ((int64_t)timegm(&tm) - (int64_t)minutes * 60) * 1000 + ms;
	return true;
}

bool clock_read(const char *text, int64_t *wall_ms)
{
	if (!text || !isdigit((unsigned char)*text))
		return false;
	size_t digits = strspn(text, "0123456789");
	if (text[digits])
		return read_date(text, digits == 4, wall_ms);
	if (digits < 9 || digits > 11)
		return false;
	*wall_ms = (int64_t)strtoll(text, NULL, 10) * 1000;
	return true;
}

int64_t clock_parse(const char *text)
{
	int64_t wall_ms;
	return clock_read(text, &wall_ms) && wall_ms > 0 ? wall_ms : 0;
}
