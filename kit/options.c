/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kit/options.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

enum option { OPTION_HOST, OPTION_PORT, OPTION_JID, OPTION_CONFIG, OPTION_HELP, OPTION_IGNORED };

/* -h is the host here, not help. */
static const struct {
	const char *name;
	char letter;
	bool takes_value;
	enum option option;
} known[] = {
    {"host", 'h', true, OPTION_HOST},
    {"port", 'p', true, OPTION_PORT},
    {"jid", 'j', true, OPTION_JID},
    {"config", 0, true, OPTION_CONFIG},
    {"no-daemonize", 'n', false, OPTION_IGNORED},
    {"no-debug", 'd', false, OPTION_IGNORED},
    {"help", 0, false, OPTION_HELP},
};

static bool read_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	if (end == text || *end || number == 0 || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

static bool apply(struct options *options, enum option option, const char *value, const char **error)
{
	switch (option) {
	case OPTION_HOST:
		options->host = value;
		break;
	case OPTION_PORT:
		if (!read_port(value, &options->port)) {
			*error = "--port needs a number from 1 to 65535";
			return false;
		}
		break;
	case OPTION_JID:
		options->jid = value;
		break;
	case OPTION_CONFIG:
		options->config = value;
		break;
	case OPTION_HELP:
		options->help = true;
		break;
	case OPTION_IGNORED:
		break;
	}
	return true;
}

/* --section.key=value */
static void add_override(struct options *options, char *text)
{
	char *equals = strchr(text, '=');
	if (!equals || !memchr(text, '.', (size_t)(equals - text)))
		return;
	*equals = '\0';
	options->overrides[options->override_count].key = text;
	options->overrides[options->override_count].value = equals + 1;
	options->override_count++;
}

/* Which entry of `known` this argument is, -1 if none; *value is what is attached to it. */
static int find(const char *argument, const char **value)
{
	*value = NULL;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t len = strlen(known[i].name);
		if (argument[1] != '-') {
			if (!known[i].letter || argument[1] != known[i].letter)
				continue;
			if (argument[2])
				*value = argument + 2;
			return (int)i;
		}
		if (!strncmp(argument + 2, known[i].name, len) && (!argument[2 + len] || argument[2 + len] == '=')) {
			if (argument[2 + len])
				*value = argument + 2 + len + 1;
			return (int)i;
		}
	}
	return -1;
}

bool options_parse(struct options *options, int argc, char **argv, const char **error)
{
	*options = (struct options){.host = "127.0.0.1", .port = 10000};
	options->overrides = mem_new((size_t)argc * sizeof *options->overrides);
	for (int i = 1; i < argc; i++) {
		const char *value;
		if (argv[i][0] != '-' || !argv[i][1]) {
			options->config = argv[i];
			continue;
		}
		int at = find(argv[i], &value);
		if (at < 0) {
			if (argv[i][1] == '-')
				add_override(options, argv[i] + 2);
			continue;
		}
		if (known[at].takes_value && !value) {
			if (++i == argc) {
				*error = "the last option needs a value";
				return false;
			}
			value = argv[i];
		}
		if (!apply(options, known[at].option, value, error))
			return false;
	}
	return true;
}

void options_fini(struct options *options)
{
	free(options->overrides);
	options->overrides = NULL;
}
