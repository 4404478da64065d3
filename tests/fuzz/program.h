/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole main process but for backends, in server mode, for the fuzz targets of what its ports take: without a database,
 * in a directory that goes away at the end. */
#ifndef TESTS_FUZZ_PROGRAM_H
#define TESTS_FUZZ_PROGRAM_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "spectrum/frontend/frontend.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/server/inside.h"

static struct {
	struct loop *loop;
	struct config *config;
	struct frontend *frontend;
	struct server *server;
	char directory[32];
} program;

static inline void demand(bool truth)
{
	if (!truth)
		abort();
}

static inline void program_stop_turn(void *arg)
{
	loop_stop(program.loop);
}

/* Whatever was put off is done. */
static inline void turn(void)
{
	struct deferred stopping = {0};
	loop_defer(program.loop, &stopping, program_stop_turn, NULL);
	loop_run(program.loop);
}

static inline void program_end(void)
{
	frontend_free(&program.frontend);
	loop_free(&program.loop);
	config_free(&program.config);
	char *command = mem_printf("rm -rf %s", program.directory);
	demand(system(command) == 0);
	free(command);
}

/* A listener takes one, though nobody connects. */
static inline unsigned program_free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	demand(bind(fd, (struct sockaddr *)&address, len) == 0 &&
	       getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* First: where its files can be put. */
static inline void program_directory(const char *name)
{
	log_set_level(LOG_OFF_);
	snprintf(program.directory, sizeof program.directory, "/tmp/fuzz_%s.XXXXXX", name);
	demand(mkdtemp(program.directory));
}

/* `service`: more lines of that section, and what follows it; %s stands for the directory, # for a free port. */
static inline void program_start(const char *service)
{
	static char *arguments[] = {"fuzz"};
	char *path = mem_printf("%s/cfg", program.directory), *error = NULL;
	struct str text = {0}, errors = {0};
	str_addf(&text,
	         "[service]\nserver_mode=1\njid=a.test\nserver=127.0.0.1\nport=#\nbackend=/bin/true\nworking_dir=%s\n"
	         "admin_jid=admin@a.test\nadmin_password=p\n",
	         program.directory);
	str_addf(&text, service, program.directory);
	str_addf(&text, "[database]\ntype=none\n[upload]\ndirectory=%s\n", program.directory);
	FILE *file = fopen(path, "w");
	for (const char *at = text.data; *at; at++) {
		if (*at == '#')
			fprintf(file, "%u", program_free_port());
		else
			fputc(*at, file);
	}
	fclose(file);
	program.config = config_load(path, NULL, NULL, 0, &errors, &errors);
	if (!program.config)
		fprintf(stderr, "%s", str_text(&errors));
	demand(program.config);
	program.loop = loop_new();
	program.frontend = frontend_new(program.loop, program.config, 1, arguments, &error);
	if (!program.frontend)
		fprintf(stderr, "%s\n", error);
	demand(program.frontend);
	program.server = LIST_ITEM(program.frontend->upstream, struct server, upstream);
	str_fini(&text);
	str_fini(&errors);
	free(path);
	atexit(program_end);
}

#endif
