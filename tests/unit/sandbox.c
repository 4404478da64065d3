/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left to a process in the sandbox: each test is a child that enters it, as there is no way out. */
#include "lib/io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

static char directory[] = "/tmp/sandbox-XXXXXX";

static char *path(const char *name)
{
	static char text[256];
	snprintf(text, sizeof text, "%s/%s", directory, name);
	return text;
}

static void make_file(const char *name)
{
	int fd = open(path(name), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int make_directory(void **state)
{
	if (!mkdtemp(directory) || mkdir(path("open"), 0700) || mkdir(path("seen"), 0700) ||
	    mkdir(path("closed"), 0700))
		return -1;
	make_file("open/a");
	make_file("seen/a");
	make_file("closed/a");
	make_file("one");
	return 0;
}

static int remove_directory(void **state)
{
	static const char *const names[] = {"open/a", "open/new", "seen/a", "closed/a", "one"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(path(names[i]));
	rmdir(path("open"));
	rmdir(path("seen"));
	rmdir(path("closed"));
	return rmdir(directory);
}

/* 0 = it worked, else errno. */
static int opens(const char *name, int flags)
{
	int fd = open(path(name), flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

#define CHECK(what)                                                        \
	do {                                                               \
		if (!(what)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
			_exit(1);                                          \
		}                                                          \
	} while (0)

static void enter(void)
{
	char open_[256], seen[256], one[256];
	strcpy(open_, path("open"));
	strcpy(seen, path("seen"));
	strcpy(one, path("one"));
	const struct sandbox_path paths[] = {
	    {open_, true}, {seen, false}, {one, true}, {"/nowhere/at/all", true}, {"/proc", false}};
	CHECK(sandbox_enter(paths, sizeof paths / sizeof *paths));
}

/* Runs `body` in a child, which fails by CHECK. */
static void in_child(void (*body)(void))
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void use_files(void)
{
	int before = open(path("closed/a"), O_RDONLY | O_CLOEXEC);
	char byte;
	enter();
	CHECK(!opens("open/a", O_RDWR) && !opens("open/new", O_WRONLY | O_CREAT) && !opens("one", O_RDWR));
	CHECK(!opens("seen/a", O_RDONLY) && opens("seen/a", O_RDWR) == EACCES);
	CHECK(opens("seen/new", O_WRONLY | O_CREAT) == EACCES && unlink(path("seen/a")) && errno == EACCES);
	CHECK(opens("closed/a", O_RDONLY) == EACCES && opens("closed", O_RDONLY | O_DIRECTORY) == EACCES);
	CHECK(opens("closed/new", O_WRONLY | O_CREAT) == EACCES);
	CHECK(read(before, &byte, 1) == 0); /* was open already */
	CHECK(symlink("../closed/a", path("open/link")) == 0 && opens("open/link", O_RDONLY) == EACCES);
	CHECK(!unlink(path("open/link")) && !unlink(path("open/new")));
}

static void use_processes(void)
{
	char word[8] = "";
	struct iovec local = {word, sizeof word}, remote = {word, sizeof word};
	char *argv[] = {(char *)"/bin/true", NULL};
	pid_t parent = getppid();
	enter();
	CHECK(execv(argv[0], argv) && errno == EPERM);
	CHECK(process_vm_readv(parent, &local, 1, &remote, 1, 0) < 0 && errno == EPERM);
	CHECK(unshare(CLONE_NEWNS) && errno == EPERM);
	CHECK(unshare(CLONE_NEWUSER) && errno == EPERM);
	CHECK(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child)
		_exit(opens("closed/a", O_RDONLY) == EACCES ? 0 : 1);
	int status;
	CHECK(waitpid(child, &status, 0) == child && !status);
}

static void use_network(void)
{
	enter();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(!listen(fd, 1));
	close(fd);
}

static void files_that_were_not_named_are_out_of_reach(void **state)
{
	in_child(use_files);
}

static void no_program_is_started_and_no_process_looked_into(void **state)
{
	in_child(use_processes);
}

static void the_network_is_left(void **state)
{
	in_child(use_network);
}

int main(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
		printf("1..0 # SKIP the kernel has no Landlock\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_that_were_not_named_are_out_of_reach),
	    cmocka_unit_test(no_program_is_started_and_no_process_looked_into),
	    cmocka_unit_test(the_network_is_left),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
