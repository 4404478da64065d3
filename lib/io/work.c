/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/io/work.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/mem.h"

struct work {
	uv_work_t request; /* first: freed through it */
	void (*run)(void *arg);
	void (*done)(void *arg);
	void (*dropped)(void *arg);
	void *arg;
	bool cancelled;
};

static void run_there(uv_work_t *request)
{
	struct work *work = (struct work *)request;
	work->run(work->arg);
}

static void back_here(uv_work_t *request, int status)
{
	struct work *work = (struct work *)request;
	void (*tell)(void *arg) = work->cancelled ? work->dropped : work->done;
	void *arg = work->arg;
	free(work);
	tell(arg);
}

struct work *work_new(struct loop *loop, void (*run)(void *arg), void (*done)(void *arg), void (*dropped)(void *arg),
                      void *arg)
{
	struct work *work = mem_new(sizeof *work);
	*work = (struct work){.run = run, .done = done, .dropped = dropped, .arg = arg};
	int failed = uv_queue_work(loop_uv(loop), &work->request, run_there, back_here);
	assert(!failed);
	return work;
}

void work_cancel(struct work **at)
{
	struct work *work = *at;
	*at = NULL;
	if (!work)
		return;
	work->cancelled = true;
	/* What is running already runs to its end. */
	uv_cancel((uv_req_t *)&work->request);
}
