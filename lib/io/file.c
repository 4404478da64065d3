/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/io/work.h"

#define LOG_AREA "file"

struct job {
	struct list node;
	file_read_done *done; /* NULL: nobody is told */
	void *arg;
	size_t most, len;
	char *bytes; /* of the job */
	int error;   /* errno */
	char path[];
};

void file_jobs_init(struct file_jobs *jobs, struct loop *loop)
{
	jobs->loop = loop;
	list_init(&jobs->under_way);
}

void file_jobs_abandon(struct file_jobs *jobs)
{
	LIST_EACH (&jobs->under_way, node) {
		LIST_ITEM(node, struct job, node)->done = NULL;
		list_remove(node);
	}
}

/* ---- On a thread ---- */

static void read_here(void *arg)
{
	struct job *job = arg;
	struct stat status;
	int fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && (uintmax_t)status.st_size <= job->most) {
		size_t size = (size_t)status.st_size;
		char *bytes = mem_new(size + 1);
		ssize_t got = 0;
		while (job->len < size && (got = read(fd, bytes + job->len, size - job->len)) > 0)
			job->len += (size_t)got;
		job->bytes = bytes;
		if (job->len < size) {
			free(bytes);
			job->bytes = NULL;
		}
	}
	close(fd);
}

static void write_here(void *arg)
{
	struct job *job = arg;
	char *fresh = mem_printf("%s.new", job->path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t done = 0;
	ssize_t put = 0;
	while (fd >= 0 && done < job->len && (put = write(fd, job->bytes + done, job->len - done)) > 0)
		done += (size_t)put;
	if (fd < 0 || done < job->len || rename(fresh, job->path))
		job->error = errno ? errno : EIO;
	if (fd >= 0)
		close(fd);
	if (job->error)
		unlink(fresh);
	free(fresh);
}

static void remove_here(void *arg)
{
	struct job *job = arg;
	unlink(job->path);
}

/* ---- On the loop ---- */

static void ended(void *arg)
{
	struct job *job = arg;
	list_remove(&job->node);
	if (job->error)
		log_warn("can't write file=%s: %s", job->path, strerror(job->error));
	if (job->done)
		job->done(job->arg, job->bytes, job->len);
	free(job->bytes);
	free(job);
}

static struct job *job_new(struct file_jobs *jobs, const char *path)
{
	struct job *job = mem_new(sizeof *job + strlen(path) + 1);
	strcpy(job->path, path);
	list_append(&jobs->under_way, &job->node);
	return job;
}

/* Never cancelled: what is begun is done, whoever is still there. */
static void begin(struct file_jobs *jobs, struct job *job, void (*run)(void *arg))
{
	work_new(jobs->loop, run, ended, ended, job);
}

void file_read(struct file_jobs *jobs, const char *path, size_t most, file_read_done *done, void *arg)
{
	struct job *job = job_new(jobs, path);
	job->most = most;
	job->done = done;
	job->arg = arg;
	begin(jobs, job, read_here);
}

void file_write(struct file_jobs *jobs, const char *path, const void *bytes, size_t len)
{
	struct job *job = job_new(jobs, path);
	job->bytes = mem_new(len + 1);
	memcpy(job->bytes, bytes, len);
	job->len = len;
	begin(jobs, job, write_here);
}

void file_remove(struct file_jobs *jobs, const char *path)
{
	begin(jobs, job_new(jobs, path), remove_here);
}
