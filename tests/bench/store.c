/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the store costs: registrations per second, and microseconds of CPU on the loop and on the storage thread per
 * job, for the jobs of a day: first login with new contacts, later logins, changes. Usage: store [USERS]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum/store/store.h"

#define CONTACTS 20

struct bench {
	struct loop *loop;
	struct store *store;
	size_t users, outstanding, errors;
	size_t per_turn;     /* users who come at once */
	useconds_t pause_us; /* until the next ones */
};

static double seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void user_answered(void *arg, const struct store_user *user, const char *error)
{
	struct bench *bench = arg;
	bench->errors += error || !user;
	if (--bench->outstanding == 0)
		loop_stop(bench->loop);
}

static void done(void *arg, const char *error)
{
	struct bench *bench = arg;
	bench->errors += error != NULL;
	if (--bench->outstanding == 0)
		loop_stop(bench->loop);
}

static const char *jid_of(size_t user)
{
	static char jid[64];
	snprintf(jid, sizeof jid, "user%zu@xmpp.example.org", user);
	return jid;
}

/* Ids are given from 1 on. */
static void register_user(struct bench *bench, size_t user)
{
	char name[32];
	snprintf(name, sizeof name, "4912345%zu", user);
	bench->outstanding++;
	store_put_user(bench->store,
	               &(struct store_user){.jid = jid_of(user), .name = name, .password = "correct horse"}, true,
	               user_answered, bench);
}

static void put_contacts(struct bench *bench, size_t user, const char *alias, const char *hash)
{
	char name[32];
	for (int i = 0; i < CONTACTS; i++) {
		snprintf(name, sizeof name, "contact%d.of%zu", i, user * 7919 % 1000);
		store_put_buddy(
		    bench->store, (int64_t)user + 1,
		    &(struct store_buddy){.name = name, .alias = alias, .groups = "Buddies", .icon_hash = hash});
	}
}

static void new_contacts(struct bench *bench, size_t user)
{
	put_contacts(bench, user, "Somebody With A Name", NULL);
}

static void add_avatars(struct bench *bench, size_t user)
{
	put_contacts(bench, user, "Somebody With A Name", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void new_contacts_with_avatars(struct bench *bench, size_t user)
{
	add_avatars(bench, user);
}

static void forget_user(struct bench *bench, size_t user)
{
	bench->outstanding++;
	store_remove_user(bench->store, jid_of(user), done, bench);
}

static void same_contacts(struct bench *bench, size_t user)
{
	put_contacts(bench, user, "Somebody With A Name", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* A user with ten times the usual number of contacts. */
static void read_large_user(struct bench *bench, size_t user)
{
	bench->outstanding++;
	store_get_user(bench->store, jid_of(0), user_answered, bench);
}

static void log_in(struct bench *bench, size_t user)
{
	bench->outstanding++;
	store_get_user(bench->store, jid_of(user), user_answered, bench);
	store_set_online(bench->store, (int64_t)user + 1, true);
}

static void keep_message(struct bench *bench, size_t user)
{
	static const char stanza[] =
	    "<message from='somebody@icq.example.org' to='user@xmpp.example.org' type='chat' id='x'>"
	    "<body>This one waits until its recipient is there.</body></message>";
	bench->outstanding++;
	store_put_pending(bench->store, user + 1, stanza, sizeof stanza - 1, done, bench);
}

/* Asks for all users and waits until nothing is left. */
static void measure(struct bench *bench, const char *what, void (*ask)(struct bench *, size_t user),
                    size_t jobs_per_user)
{
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	double loop_cpu = seconds(CLOCK_THREAD_CPUTIME_ID), calls = 0;
	size_t jobs = bench->users * jobs_per_user;
	for (size_t user = 0; user < bench->users;) {
		double before = seconds(CLOCK_THREAD_CPUTIME_ID);
		for (size_t end = user + bench->per_turn; user < end && user < bench->users; user++)
			ask(bench, user);
		calls += seconds(CLOCK_THREAD_CPUTIME_ID) - before;
		do
			uv_run(loop_uv(bench->loop), UV_RUN_NOWAIT);
		while (store_queue_length(bench->store) > 20000);
		usleep(bench->pause_us);
	}
	while (bench->outstanding || store_queue_length(bench->store))
		uv_run(loop_uv(bench->loop), bench->outstanding ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	loop_cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - loop_cpu;
	printf("%-26s %8.0f users/s %8.0f jobs/s   thread %6.2f us/job %7.1f us/user   call %5.2f us/job\n", what,
	       (double)bench->users / wall, (double)jobs / wall, (cpu - loop_cpu) * 1e6 / (double)jobs,
	       (cpu - loop_cpu) * 1e6 / (double)bench->users, calls * 1e6 / (double)jobs);
}

static struct store *open_store(struct loop *loop, const char *directory)
{
	char *path = mem_printf("%s/database.sql", directory), *key = mem_printf("%s/secret.key", directory),
	     *reason = NULL;
	struct config_override overrides[] = {
	    {"database.type", "sqlite3"}, {"database.database", path}, {"database.key_file", key}};
	struct str errors = {0}, warnings = {0};
	struct config *config = config_load(NULL, "icq.example.org", overrides, 3, &errors, &warnings);
	struct store *store = store_open(loop, config, &reason);
	if (!store) {
		fprintf(stderr, "%s\n", reason);
		exit(1);
	}
	config_free(&config);
	str_fini(&errors);
	str_fini(&warnings);
	free(path);
	free(key);
	return store;
}

int main(int argc, char **argv)
{
	struct bench bench = {.users = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000, .per_turn = 200};
	char directory[] = "/tmp/spectrum2-bench-XXXXXX", command[64];
	if (!mkdtemp(directory))
		return 1;
	log_set_level(LOG_WARN_);
	bench.loop = loop_new();
	bench.store = open_store(bench.loop, directory);
	measure(&bench, "registration", register_user, 1);
	measure(&bench, "login, no contacts yet", log_in, 2);
	measure(&bench, "20 new contacts", new_contacts, CONTACTS);
	measure(&bench, "20 contacts get an avatar", add_avatars, CONTACTS);
	measure(&bench, "20 contacts, no change", same_contacts, CONTACTS);
	measure(&bench, "login with 20 contacts", log_in, 2);
	for (int i = 0; i < 200; i++) {
		char name[16];
		snprintf(name, sizeof name, "%d", i);
		store_put_buddy(bench.store, 1, &(struct store_buddy){.name = name, .alias = "Somebody With A Name"});
	}
	measure(&bench, "login with 220 contacts", read_large_user, 1);
	measure(&bench, "waiting message", keep_message, 1);
	measure(&bench, "removal with 20 contacts", forget_user, 1);
	printf("one user each 10 ms\n");
	bench.per_turn = 1;
	bench.pause_us = 10000;
	bench.users = 300;
	measure(&bench, "registration", register_user, 1);
	measure(&bench, "20 new with avatars", new_contacts_with_avatars, CONTACTS);
	measure(&bench, "login with 20 contacts", log_in, 2);
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("most memory: %ld KiB\n", usage.ru_maxrss);
	store_close(&bench.store);
	loop_free(&bench.loop);
	snprintf(command, sizeof command, "rm -rf %s", directory);
	if (bench.errors)
		printf("%zu requests failed\n", bench.errors);
	return system(command) || bench.errors;
}
