/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What processes spend, out of /proc: for the load drivers. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <sys/types.h>

/* Seconds, monotonic. */
double measure_now(void);
/* CPU seconds of all threads of a process. */
double measure_cpu(pid_t);
/* Resident memory. */
long measure_rss_kb(pid_t);
/* Pids of its children; returns how many. */
size_t measure_children(pid_t, pid_t *pids, size_t max);
/* CPU seconds and memory of all of them. */
double measure_children_cpu(pid_t);
long measure_children_rss_kb(pid_t);

#endif
