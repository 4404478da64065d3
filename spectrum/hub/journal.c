/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/hub/journal.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#define MAGIC 0x31326a73u /* "sj21" */

/* The file: this head, then two halves, one of them in use. Records are appended; when the half is full, those that are
 * still under way move to the other one. Whoever is killed in between leaves one whole half behind. */
struct head {
	uint32_t magic, half_bytes;
	_Alignas(8) _Atomic uint32_t active; /* 0 or 1; behind it the records, aligned */
};

enum record_state { RECORD_DONE, RECORD_UNDER_WAY };

struct record {
	_Atomic uint32_t bytes; /* of the record, written last; 0 = no further one */
	uint8_t state, type;
	uint16_t texts[3];     /* bytes of from, to, id with their NULs; 0 = none */
	struct ticket *ticket; /* of this process; means nothing to another */
	char text[];
};

struct journal {
	char *path;
	struct head *head;
	size_t map_bytes, used;
	unsigned under_way;
};

static const char *const types[] = {"chat", "groupchat", "normal", "headline"};

static char *half(const struct journal *journal, unsigned which)
{
	return (char *)(journal->head + 1) + (size_t)which * journal->head->half_bytes;
}

static struct record *record_at(const struct journal *journal, size_t offset)
{
	return (struct record *)(void *)(half(journal, journal->head->active) + offset);
}

/* ---- What another process left ---- */

static const char *take_text(const char **at, size_t *left, uint16_t bytes)
{
	const char *text = *at;
	if (!bytes || bytes > *left || text[bytes - 1] || !utf8_xml_valid(text, bytes - 1u))
		return NULL;
	*at += bytes;
	*left -= bytes;
	return text;
}

static struct ticket *ticket_of(const struct record *record, size_t bytes)
{
	const char *at = record->text;
	size_t left = bytes - sizeof *record;
	const char *from = take_text(&at, &left, record->texts[0]);
	const char *to = from ? take_text(&at, &left, record->texts[1]) : NULL;
	const char *id = to ? take_text(&at, &left, record->texts[2]) : NULL;
	return to && record->type < sizeof types / sizeof *types ? ticket_new(from, to, id, types[record->type]) : NULL;
}

static void read_left(struct journal *journal, void (*left)(void *arg, struct ticket *), void *arg)
{
	size_t room = journal->head->half_bytes;
	for (size_t offset = 0; room - offset > sizeof(struct record);) {
		const struct record *record = record_at(journal, offset);
		size_t bytes = record->bytes;
		if (bytes <= sizeof *record || bytes > room - offset || bytes % _Alignof(struct record))
			return;
		struct ticket *ticket = record->state == RECORD_UNDER_WAY ? ticket_of(record, bytes) : NULL;
		if (ticket)
			left(arg, ticket);
		offset += bytes;
	}
}

/* ---- Opening ---- */

struct journal *journal_open(const char *path, size_t half_bytes, void (*left)(void *arg, struct ticket *), void *arg)
{
	size_t map_bytes = sizeof(struct head) + 2 * half_bytes;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat info;
	if (fd < 0)
		return NULL;
	void *map = MAP_FAILED;
	bool ours = !fstat(fd, &info) && (size_t)info.st_size == map_bytes;
	/* The space is taken now: a full disk must not be found by writing into the map. */
	if ((ours || !ftruncate(fd, 0)) && !posix_fallocate(fd, 0, (off_t)map_bytes))
		map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return NULL;
	struct journal *journal = mem_new(sizeof *journal);
	journal->path = mem_strdup(path);
	journal->head = map;
	journal->map_bytes = map_bytes;
	if (ours && journal->head->magic == MAGIC && journal->head->half_bytes == half_bytes &&
	    journal->head->active < 2)
		read_left(journal, left, arg);
	journal->head->magic = MAGIC;
	journal->head->half_bytes = (uint32_t)half_bytes;
	journal->head->active = 0;
	record_at(journal, 0)->bytes = 0;
	return journal;
}

void journal_close(struct journal **at)
{
	struct journal *journal = *at;
	if (!journal)
		return;
	if (!journal->under_way)
		unlink(journal->path);
	munmap(journal->head, journal->map_bytes);
	free(journal->path);
	free(journal);
	*at = NULL;
}

/* ---- Writing ---- */

static size_t record_bytes(const struct record *record)
{
	size_t bytes = sizeof *record + record->texts[0] + record->texts[1] + record->texts[2];
	return (bytes + _Alignof(struct record) - 1) & ~(_Alignof(struct record) - 1);
}

/* Marks the end of what is written, then makes the record before it valid. */
static void commit(struct journal *journal, struct record *record, size_t bytes)
{
	journal->used += bytes;
	if (journal->head->half_bytes - journal->used > sizeof *record)
		record_at(journal, journal->used)->bytes = 0;
	record->bytes = (uint32_t)bytes;
}

static void compact(struct journal *journal)
{
	unsigned other = !journal->head->active;
	char *to = half(journal, other);
	size_t kept = 0;
	for (size_t offset = 0; offset < journal->used;) {
		struct record *record = record_at(journal, offset);
		size_t bytes = record->bytes;
		if (record->state == RECORD_UNDER_WAY) {
			memcpy(to + kept, record, bytes);
			record->ticket->record = (uint32_t)(kept + 1);
			kept += bytes;
		}
		offset += bytes;
	}
	if (journal->head->half_bytes - kept > sizeof(struct record))
		((struct record *)(void *)(to + kept))->bytes = 0;
	journal->head->active = other;
	journal->used = kept;
}

static uint16_t text_bytes(const char *text)
{
	return (uint16_t)(text ? strlen(text) + 1 : 0);
}

static uint8_t type_number(const char *type)
{
	uint8_t number = 0;
	while (number < sizeof types / sizeof *types - 1 && strcmp(types[number], type) != 0)
		number++;
	return number;
}

void journal_add(struct journal *journal, struct ticket *ticket)
{
	if (!journal || ticket->record)
		return;
	struct record head = {.state = RECORD_UNDER_WAY,
	                      .type = type_number(ticket->type),
	                      .texts = {text_bytes(ticket->from), text_bytes(ticket->to), text_bytes(ticket->id)},
	                      .ticket = ticket};
	size_t bytes = record_bytes(&head);
	if (journal->head->half_bytes - journal->used < bytes)
		compact(journal);
	if (journal->head->half_bytes - journal->used < bytes)
		return;
	struct record *record = record_at(journal, journal->used);
	memcpy(record, &head, sizeof head);
	char *at = record->text;
	at = mempcpy(at, ticket->from, head.texts[0]);
	at = mempcpy(at, ticket->to, head.texts[1]);
	if (ticket->id)
		memcpy(at, ticket->id, head.texts[2]);
	ticket->record = (uint32_t)(journal->used + 1);
	journal->under_way++;
	commit(journal, record, bytes);
}

void journal_done(struct journal *journal, struct ticket *ticket)
{
	if (!journal || !ticket->record)
		return;
	record_at(journal, ticket->record - 1)->state = RECORD_DONE;
	ticket->record = 0;
	if (--journal->under_way == 0) {
		record_at(journal, 0)->bytes = 0;
		journal->used = 0;
	}
}
