/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying and freeing of jobs, see job.h. Called by the store's interface and by the storage thread. */
#include "spectrum/store/job.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"

#define MAX_TEXTS 8
#define AT(field) offsetof(struct job, field)

/* What a job does, and which of its fields are texts that it owns. */
static const struct {
	bool writes, prompt;
	size_t texts[MAX_TEXTS]; /* 0 ends */
} kinds[JOB_KINDS] = {
    [JOB_GET_USER] = {false, false, {AT(user.jid)}},
    [JOB_PUT_USER] = {true,
                      false,
                      {AT(user.jid), AT(user.name), AT(user.password), AT(user.language), AT(user.encoding)}},
    [JOB_REMOVE_USER] = {true, false, {AT(user.jid)}},
    [JOB_SET_ONLINE] = {true, true, {0}},
    [JOB_PUT_SETTING] = {true, false, {AT(setting.key), AT(setting.value)}},
    [JOB_PUT_BUDDY] = {true, false, {AT(buddy.name), AT(buddy.alias), AT(buddy.groups), AT(buddy.icon_hash)}},
    [JOB_REMOVE_BUDDY] = {true, false, {AT(buddy.name)}},
    [JOB_EACH_JID] = {false, false, {0}},
    [JOB_PUT_PENDING] = {true, true, {0}}, /* its stanza has a length of its own */
    [JOB_REMOVE_PENDING] = {true, true, {0}},
    [JOB_EACH_PENDING] = {false, false, {0}},
    [JOB_PUT_OCCUPANCY] = {true, true, {AT(occupancy.client), AT(occupancy.node), AT(occupancy.nickname)}},
    [JOB_REMOVE_OCCUPANCY] = {true, true, {AT(occupancy.client), AT(occupancy.node)}},
    [JOB_EACH_OCCUPANCY] = {false, false, {0}},
    [JOB_PUT_LINE] = {true,
                      false,
                      {AT(line.room), AT(line.id), AT(line.stanza_id), AT(line.nickname), AT(line.occupant_id),
                       AT(line.content)}},
    [JOB_PUT_STAY] = {true, false, {AT(stay.room), AT(stay.jid)}},
    [JOB_SEARCH_LINES] = {false,
                          false,
                          {AT(search.room), AT(search.jid), AT(search.nickname), AT(search.after_id),
                           AT(search.before_id), AT(search.after), AT(search.before), AT(search.ids)}},
    [JOB_PRUNE_LINES] = {true, false, {0}},
    [JOB_PUT_ITEM] = {true,
                      true,
                      {AT(item.owner), AT(item.kind), AT(item.node), AT(item.id), AT(item.content)}},
    [JOB_REMOVE_ITEMS] = {true, true, {AT(item.owner), AT(item.kind), AT(item.node), AT(item.id)}},
    [JOB_GET_ITEMS] = {false, false, {AT(item.owner), AT(item.kind), AT(item.node), AT(item.id)}},
    [JOB_NOTE] = {false, false, {0}},
};

static const char **text_field(struct job *job, size_t offset)
{
	return (const char **)(void *)((char *)job + offset);
}

static const char *text_of(const struct job *job, size_t offset)
{
	const char *text = *(const char *const *)(const void *)((const char *)job + offset);
	return text ? text : "";
}

struct job *job_new(const struct job *model)
{
	const size_t *texts = kinds[model->kind].texts;
	size_t lens[MAX_TEXTS], bytes = sizeof *model;
	for (size_t i = 0; i < MAX_TEXTS && texts[i]; i++) {
		lens[i] = strlen(text_of(model, texts[i])) + 1;
		bytes += lens[i];
	}
	if (model->kind == JOB_PUT_PENDING)
		bytes += model->stanza.len + 1;

	struct job *job = mem_new(bytes);
	*job = *model;
	job->bytes = bytes;
	list_init(&job->node);
	char *at = (char *)(job + 1);
	for (size_t i = 0; i < MAX_TEXTS && texts[i]; at += lens[i], i++)
		*text_field(job, texts[i]) = memcpy(at, text_of(model, texts[i]), lens[i]);
	if (model->kind == JOB_PUT_PENDING) {
		job->stanza.text = at;
		if (model->stanza.len)
			memcpy(at, model->stanza.text, model->stanza.len);
	}
	return job;
}

static void wipe(const char *text)
{
	if (text)
		explicit_bzero((char *)(uintptr_t)text, strlen(text));
}

static void results_free(struct job *job)
{
	if (job->found)
		wipe(job->found->password);
	for (size_t i = 0; job->kind == JOB_GET_ITEMS && job->item.sealed && i < job->item_count && job->items; i++)
		wipe(job->items[i].content);
	job->found = NULL;
	job->first_item = job->last_item = NULL;
	job->page = (struct store_page){0};
	job->items = NULL;
	job->item_count = 0;
	arena_fini(&job->results);
}

void job_free(struct job *job)
{
	if (job->kind == JOB_PUT_USER)
		wipe(job->user.password);
	if (job->kind == JOB_PUT_ITEM && job->item.sealed)
		wipe(job->item.content);
	results_free(job);
	free(job->error);
	free(job);
}

bool job_writes(const struct job *job)
{
	return kinds[job->kind].writes;
}

bool job_is_prompt(const struct job *job)
{
	return kinds[job->kind].prompt || (job->kind == JOB_PUT_LINE && job->line.prompt);
}

bool job_has_answer(const struct job *job)
{
	return job->answer.done != NULL;
}

bool job_is_mute(const struct job *job)
{
	return !job_has_answer(job) || job->kind == JOB_EACH_JID || job->kind == JOB_EACH_PENDING ||
	       job->kind == JOB_EACH_OCCUPANCY || job->kind == JOB_PRUNE_LINES;
}

void job_fail(struct job *job, const char *error)
{
	mem_replace(&job->error, error);
}

void job_rewind(struct job *job)
{
	job_fail(job, NULL);
	job->warning = NULL;
	results_free(job);
}

void job_add_item(struct job *job, uint64_t sequence, const char *text, size_t len)
{
	struct job_item *item = arena_alloc(&job->results, sizeof *item);
	item->sequence = sequence;
	item->text = arena_strndup(&job->results, text, len);
	item->len = len;
	if (job->last_item)
		job->last_item->next = item;
	else
		job->first_item = item;
	job->last_item = item;
}
