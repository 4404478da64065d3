/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#define CHILDREN_MOST 64

double measure_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double measure_cpu(pid_t pid)
{
	char path[300];
	double sum = 0;
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	for (struct dirent *task; tasks && (task = readdir(tasks));) {
		unsigned long long ns;
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
		FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (file && fscanf(file, "%llu", &ns) == 1)
			sum += (double)ns / 1e9;
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

long measure_rss_kb(pid_t pid)
{
	char path[64], text[128];
	long kb = 0;
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *file = fopen(path, "r");
	while (file && fgets(text, sizeof text, file))
		if (sscanf(text, "VmRSS: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

size_t measure_children(pid_t parent, pid_t *pids, size_t max)
{
	char path[64];
	size_t count = 0;
	int pid;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	FILE *file = fopen(path, "r");
	while (file && count < max && fscanf(file, "%d", &pid) == 1)
		pids[count++] = pid;
	if (file)
		fclose(file);
	return count;
}

double measure_children_cpu(pid_t parent)
{
	pid_t pids[CHILDREN_MOST];
	double sum = 0;
	for (size_t i = 0, count = measure_children(parent, pids, CHILDREN_MOST); i < count; i++)
		sum += measure_cpu(pids[i]);
	return sum;
}

long measure_children_rss_kb(pid_t parent)
{
	pid_t pids[CHILDREN_MOST];
	long sum = 0;
	for (size_t i = 0, count = measure_children(parent, pids, CHILDREN_MOST); i < count; i++)
		sum += measure_rss_kb(pids[i]);
	return sum;
}
