/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/config/directory.h"
#include "lib/config/logging.h"
#include "lib/config/pidfile.h"
#include "spectrum/owner.h"

#define LOG_AREA "daemon"
#define STARTED '+' /* what the parent reads when the start was a success; anything else is why not */

static struct {
	bool detached;
	int parent; /* pipe to it; -1: nobody waits */
	int pid_lock;
	char *pidfile, *portfile; /* absolute */
	bool port_written;
	char *log_file; /* NULL: stderr */
	char *notify;   /* systemd's socket */
} self = {.parent = -1, .pid_lock = -1};

/* So that no file that we open becomes stdin, stdout or stderr by accident. */
static void occupy_standard_descriptors(void)
{
	int fd;
	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		;
	close(fd);
}

/* The parent: waits for the word of its child. */
static void wait_for_start(int pipe, pid_t child)
{
	struct str text = {0};
	ssize_t got;
	while ((got = read(pipe, str_reserve(&text, 512), 512)) > 0 || (got < 0 && errno == EINTR))
		text.len += got > 0 ? (size_t)got : 0;
	if (text.len && text.data[0] == STARTED)
		_exit(0);
	if (text.len) {
		fprintf(stderr, "spectrum2: %.*s\n", (int)text.len, text.data);
	} else {
		int status = 0;
		waitpid(child, &status, 0);
		if (WIFSIGNALED(status))
			fprintf(stderr, "spectrum2: killed by signal %d during the start\n", WTERMSIG(status));
		else
			fprintf(stderr, "spectrum2: ended during the start; see the log\n");
	}
	_exit(1);
}

void daemon_detach(bool foreground)
{
	int ends[2];
	occupy_standard_descriptors();
	if (foreground || getppid() == 1)
		return;
	if (pipe2(ends, O_CLOEXEC))
		daemon_fail("cannot make a pipe: %s", strerror(errno));
	pid_t child = fork();
	if (child < 0)
		daemon_fail("cannot start a process: %s", strerror(errno));
	if (child > 0) {
		close(ends[1]);
		wait_for_start(ends[0], child);
	}
	close(ends[0]);
	self.parent = ends[1];
	self.detached = true;
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	close(null);
}

/* Tells systemd, if it is there (sd_notify(3)). */
static void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void notify(const char *format, ...)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = self.notify ? strlen(self.notify) : 0;
	if (!len || len >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, self.notify, len);
	if (*self.notify == '@')
		address.sun_path[0] = '\0'; /* Linux's abstract names */
	struct str text = {0};
	va_list args;
	va_start(args, format);
	str_addv(&text, format, args);
	va_end(args);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (fd < 0 || sendto(fd, text.data, text.len, MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
		log_warn("systemd cannot be told %s: %s", text.data, strerror(errno));
	if (fd >= 0)
		close(fd);
	str_fini(&text);
}

static char *absolute(const char *path)
{
	char here[4096];
	return *path == '/' || !getcwd(here, sizeof here) ? mem_strdup(path) : mem_printf("%s/%s", here, path);
}

static void set_limits(void)
{
	struct rlimit files;
	umask(0007);
	signal(SIGPIPE, SIG_IGN);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Where the log goes if the configuration does not say. NULL: stderr, which in the foreground is somebody's or the
 * journal. Owned by the caller. */
static char *default_log(const struct config *config)
{
	if (!self.detached)
		return NULL;
	return mem_printf("/var/log/spectrum2/%s/spectrum2.log", config_text(config, "service.jid"));
}

/* What has to be done as root, for directories and files that the later user could not make. */
static void prepare_as_root(const struct owner *owner, const struct config *config)
{
	static const char *const keys[] = {"service.pidfile", "service.portfile", "database.database"};
	static const char *const logs[] = {"logging.config", "logging.backend_config"};
	const char *jid = config_text(config, "service.jid");
	char *fallback = default_log(config);
	struct str ignored = {0}; /* what is wrong here is wrong again when the user does it */
	owner_make_directory(owner, config_text(config, "service.working_dir"));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char *directory = directory_of(config_text(config, keys[i]));
		owner_make_directory(owner, directory);
		free(directory);
	}
	owner_make_file(owner, self.pidfile);
	owner_make_file(owner, self.portfile);
	for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
		struct logging logging;
		logging_read(&logging, config, logs[i], i == 0 ? fallback : NULL, jid, "", &ignored);
		char *directory = logging.file ? directory_of(logging.file) : NULL;
		if (directory) {
			owner_make_directory(owner, directory);
			owner_make_file(owner, logging.file);
		}
		free(directory);
		logging_fini(&logging);
	}
	str_fini(&ignored);
	free(fallback);
}

static void make_directory(const char *key, const char *path)
{
	if (!directory_make(path, 0770, (uid_t)-1, (gid_t)-1) || access(path, W_OK | X_OK))
		daemon_fail("%s: directory %s cannot be used: %s; make it writable or choose another one", key, path,
		            strerror(errno));
}

static void make_parent(const char *key, const char *path)
{
	char *directory = directory_of(path);
	if (!directory_make(directory, 0770, (uid_t)-1, (gid_t)-1))
		daemon_fail("%s: directory %s cannot be made: %s; make it or choose another one", key, directory,
		            strerror(errno));
	free(directory);
}

static void take_pidfile(void)
{
	pid_t holder = 0;
	make_parent("service.pidfile", self.pidfile);
	self.pid_lock = pidfile_take(self.pidfile, (uid_t)-1, (gid_t)-1, &holder);
	if (self.pid_lock >= 0)
		return;
	if (errno == EAGAIN)
		daemon_fail("service.pidfile: %s is locked by process %ld: this instance is running already",
		            self.pidfile, (long)holder);
	daemon_fail("service.pidfile: %s cannot be written: %s; make its directory writable or choose another one",
	            self.pidfile, strerror(errno));
}

/* False with a message; then the log stays where it was. */
static bool open_log(const struct config *config, struct str *error)
{
	struct logging logging;
	const char *jid = config_text(config, "service.jid");
	char *fallback = default_log(config);
	bool done = logging_setup(config, "logging.config", fallback, jid, NULL, error);
	if (done && logging_read(&logging, config, "logging.config", fallback, jid, NULL, error)) {
		mem_replace(&self.log_file, logging.file);
		logging_fini(&logging);
	}
	free(fallback);
	return done;
}

/* Backends could make the directory of their logs themselves, but all at once. */
static void make_backend_logs(const struct config *config)
{
	struct logging logging;
	struct str ignored = {0};
	logging_read(&logging, config, "logging.backend_config", NULL, config_text(config, "service.jid"), "",
	             &ignored);
	if (logging.file)
		make_parent("logging.backend_config", logging.file);
	logging_fini(&logging);
	str_fini(&ignored);
}

void daemon_prepare(const struct config *config)
{
	struct owner owner;
	struct str error = {0}, notice = {0};
	const char *working_dir = config_text(config, "service.working_dir");
	set_limits();
	self.notify = mem_strdup(getenv("NOTIFY_SOCKET"));
	unsetenv("NOTIFY_SOCKET"); /* not for backends */
	self.pidfile = absolute(config_text(config, "service.pidfile"));
	self.portfile = absolute(config_text(config, "service.portfile"));

	if (!owner_find(&owner, config, &error, &notice))
		daemon_fail("%.*s", (int)error.len - 1, error.data);
	prepare_as_root(&owner, config);
	if (!owner_become(&owner, &error))
		daemon_fail("%.*s", (int)error.len - 1, error.data);
	/* No core file with passwords, no other process that reads them out of memory. */
	prctl(PR_SET_DUMPABLE, 0);

	make_directory("service.working_dir", working_dir);
	take_pidfile();
	make_parent("service.portfile", self.portfile);
	if (self.detached && chdir(working_dir))
		daemon_fail("service.working_dir: %s cannot be entered: %s", working_dir, strerror(errno));
	if (!open_log(config, &error))
		daemon_fail("%.*s", (int)error.len - 1, error.data);
	make_backend_logs(config);
	if (text_equal(config_text(config, "database.type"), "sqlite3"))
		make_parent("database.database", config_text(config, "database.database"));
	if (notice.len)
		log_warn("%s", notice.data);
	str_fini(&notice);
}

void daemon_write_port(unsigned port)
{
	int fd = open(self.portfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	self.port_written = fd >= 0;
	if (fd < 0 || dprintf(fd, "%u\n", port) < 0)
		daemon_fail(
		    "service.portfile: %s cannot be written: %s; make its directory writable or choose another one",
		    self.portfile, strerror(errno));
	close(fd);
}

/* What backends and libraries say on stderr belongs into the log, once there is no terminal to read it. */
static void redirect_output(void)
{
	if (!self.detached || !self.log_file)
		return;
	int fd = open(self.log_file, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void daemon_ready(void)
{
	redirect_output();
	if (self.parent >= 0) {
		const char started = STARTED;
		if (write(self.parent, &started, 1) != 1)
			log_warn("the parent process is gone");
		close(self.parent);
		self.parent = -1;
	}
	notify("READY=1\nMAINPID=%ld", (long)getpid());
}

static void remove_files(void)
{
	if (self.port_written && unlink(self.portfile) && truncate(self.portfile, 0))
		log_warn("%s cannot be removed: %s", self.portfile, strerror(errno));
	self.port_written = false;
	if (self.pid_lock >= 0)
		pidfile_release(self.pidfile, self.pid_lock);
	self.pid_lock = -1;
}

void daemon_fail(const char *format, ...)
{
	struct str text = {0};
	va_list args;
	va_start(args, format);
	str_addv(&text, format, args);
	va_end(args);
	if (self.log_file)
		log_error("%s", str_text(&text));
	notify("STATUS=%s", str_text(&text));
	if (self.parent < 0 || write(self.parent, text.data, text.len) < 0)
		fprintf(stderr, "spectrum2: %s\n", str_text(&text));
	remove_files();
	_exit(1); /* other threads may be in the middle of something */
}

void daemon_reopen_log(const struct config *config)
{
	struct str error = {0};
	if (open_log(config, &error))
		redirect_output();
	else
		log_error("the log stays as it was: %.*s", (int)error.len - 1, error.data);
	str_fini(&error);
}

void daemon_stopping(void)
{
	notify("STOPPING=1");
}

void daemon_finish(void)
{
	remove_files();
	log_close();
	free(self.pidfile);
	free(self.portfile);
	free(self.log_file);
	free(self.notify);
	self.pidfile = self.portfile = self.log_file = self.notify = NULL;
}
