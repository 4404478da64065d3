/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spectrum/hub/journal.h"
#include "tests/unit/test.h"

#define HALF 4096

static char directory[] = "/tmp/journal-XXXXXX";
static char path[64];

struct heap {
	char text[4000];
	unsigned count;
};

static void collect(void *arg, struct ticket *ticket)
{
	struct heap *heap = arg;
	size_t len = strlen(heap->text);
	snprintf(heap->text + len, sizeof heap->text - len, "%s>%s:%s:%s ", ticket->from, ticket->to,
	         ticket->id ? ticket->id : "-", ticket->type);
	heap->count++;
	ticket_free(ticket);
}

static struct journal *open_journal(struct heap *heap)
{
	struct journal *journal = journal_open(path, HALF, collect, heap);
	assert_non_null(journal);
	return journal;
}

/* Runs the body in a process that is then killed. */
static void in_killed_process(void (*body)(struct journal *))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct heap heap = {0};
		body(open_journal(&heap));
		raise(SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void three_messages(struct journal *journal)
{
	struct ticket *a = ticket_new("a@b/c", "x@gw", "1", "chat"), *b = ticket_new("a@b/c", "y@gw", NULL, "normal"),
	              *c = ticket_new("d@e/f", "#r@gw", "3", "groupchat");
	journal_add(journal, a);
	journal_add(journal, b);
	journal_add(journal, c);
	journal_done(journal, a);
}

static void what_was_under_way_is_found_after_a_kill(void **state)
{
	struct heap heap = {0};
	in_killed_process(three_messages);
	struct journal *journal = open_journal(&heap);
	assert_string_equal(heap.text, "a@b/c>y@gw:-:normal d@e/f>#r@gw:3:groupchat ");
	journal_close(&journal);
	assert_int_equal(access(path, F_OK), -1); /* nothing is under way: no file */
	journal = open_journal(&heap);
	assert_int_equal(heap.count, 2); /* each is told once */
	journal_close(&journal);
}

/* Far more than fits, most of it done; every hundredth message stays. */
static void long_traffic(struct journal *journal)
{
	for (int i = 0; i < 2000; i++) {
		char id[8];
		snprintf(id, sizeof id, "%d", i);
		struct ticket *ticket = ticket_new("a@b/c", "x@gw", id, "chat");
		journal_add(journal, ticket);
		assert_int_not_equal(ticket->record, 0);
		if (i % 100)
			journal_done(journal, ticket);
	}
}

static void long_traffic_keeps_what_stays(void **state)
{
	struct heap heap = {0};
	in_killed_process(long_traffic);
	struct journal *journal = open_journal(&heap);
	assert_int_equal(heap.count, 20);
	assert_non_null(strstr(heap.text, ":1900:"));
	assert_non_null(strstr(heap.text, ":0:"));
	journal_close(&journal);
}

static void more_than_fits_is_left_out(void **state)
{
	struct heap heap = {0};
	struct journal *journal = open_journal(&heap);
	struct ticket *tickets[200];
	for (int i = 0; i < 200; i++)
		journal_add(journal, tickets[i] = ticket_new("somebody@example.org/phone", "x@gw", "id", "chat"));
	assert_int_not_equal(tickets[0]->record, 0);
	assert_int_equal(tickets[199]->record, 0);
	for (int i = 0; i < 200; i++) {
		journal_done(journal, tickets[i]);
		ticket_free(tickets[i]);
	}
	journal_close(&journal);
}

static void broken_files_do_no_harm(void **state)
{
	unsigned seed = 1;
	for (int round = 0; round < 300; round++) {
		in_killed_process(three_messages);
		FILE *file = fopen(path, "r+");
		assert_non_null(file);
		for (int i = 0; i < 8; i++) {
			fseek(file, rand_r(&seed) % (round % 2 ? 300 : HALF), SEEK_SET);
			fputc(rand_r(&seed), file);
		}
		fclose(file);
		struct heap heap = {0};
		struct journal *journal = open_journal(&heap);
		assert_true(heap.count <= 3);
		journal_close(&journal);
	}
}

static void the_file_is_private(void **state)
{
	struct heap heap = {0};
	struct stat info;
	struct journal *journal = open_journal(&heap);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	journal_close(&journal);
	assert_null(journal_open("/nowhere/at/all", HALF, collect, &heap));
}

static int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof path, "%s/journal", directory);
	return 0;
}

static int remove_directory(void **state)
{
	unlink(path);
	return rmdir(directory);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_was_under_way_is_found_after_a_kill),
    cmocka_unit_test(long_traffic_keeps_what_stays),
    cmocka_unit_test(more_than_fits_is_left_out),
    cmocka_unit_test(broken_files_do_no_harm),
    cmocka_unit_test(the_file_is_private),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
