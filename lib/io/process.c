/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children by uv_spawn, which reaps only what it started, resets signals in the child and reports a failed exec. */
#include "lib/io/process.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

extern char **environ;

struct process {
	uv_process_t uv; /* first: freed through it */
	void (*exited)(void *arg, int status, int signal);
	void *arg;
	bool reaped, forgotten;
};

static void process_closed(uv_handle_t *handle)
{
	free(handle);
}

static void process_ended(uv_process_t *uv, int64_t status, int signal)
{
	struct process *process = (struct process *)uv;
	process->reaped = true;
	if (process->forgotten)
		uv_close((uv_handle_t *)uv, process_closed);
	else if (process->exited)
		process->exited(process->arg, (int)status, signal);
}

/* Ours first: getenv finds the first of two equal names, so what is replaced is left out. Strings are borrowed. */
static char **merge_environment(char *const extra[])
{
	size_t own = 0, more = 0, count = 0;
	while (environ[own])
		own++;
	while (extra && extra[more])
		more++;
	char **merged = mem_new((own + more + 1) * sizeof *merged);
	for (size_t i = 0; i < more; i++)
		merged[count++] = extra[i];
	for (size_t i = 0; i < own; i++) {
		size_t name = strcspn(environ[i], "=") + 1;
		bool replaced = false;
		for (size_t k = 0; k < more; k++)
			replaced |= strncmp(environ[i], extra[k], name) == 0;
		if (!replaced)
			merged[count++] = environ[i];
	}
	return merged;
}

struct process *process_spawn(struct loop *loop, char *const argv[], char *const extra_env[], int inherited_fd,
                              void (*exited)(void *arg, int status, int signal), void *arg)
{
	/* A library may have opened something without O_CLOEXEC. The child's four are made by dup2, which clears the
	 * flag. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return NULL;
	struct process *process = mem_new(sizeof *process);
	process->exited = exited;
	process->arg = arg;
	uv_stdio_container_t stdio[4] = {
	    {.flags = UV_IGNORE},
	    {.flags = UV_INHERIT_FD, .data.fd = 1},
	    {.flags = UV_INHERIT_FD, .data.fd = 2},
	    {.flags = UV_INHERIT_FD, .data.fd = inherited_fd},
	};
	/* Only a name without a slash is searched in PATH. */
	char *file = strchr(argv[0], '/') ? mem_strdup(argv[0]) : mem_printf("./%s", argv[0]);
	char **env = merge_environment(extra_env);
	uv_process_options_t options = {
	    .exit_cb = process_ended,
	    .file = file,
	    .args = (char **)argv,
	    .env = env,
	    .flags = UV_PROCESS_DETACHED,
	    .stdio_count = inherited_fd >= 0 ? 4 : 3,
	    .stdio = stdio,
	};
	int failed = uv_spawn(loop_uv(loop), &process->uv, &options);
	free(file);
	free(env);
	if (!failed)
		return process;
	uv_close((uv_handle_t *)&process->uv, process_closed);
	errno = -failed;
	return NULL;
}

pid_t process_pid(const struct process *process)
{
	return process->uv.pid;
}

void process_kill(struct process *process, int signal)
{
	if (!process->reaped)
		uv_process_kill(&process->uv, signal);
}

void process_free(struct process **at)
{
	struct process *process = *at;
	if (!process)
		return;
	*at = NULL;
	process->forgotten = true;
	if (process->reaped)
		uv_close((uv_handle_t *)&process->uv, process_closed);
	else
		uv_unref((uv_handle_t *)&process->uv);
}
