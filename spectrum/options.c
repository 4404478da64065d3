/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "spectrum/check.h"

enum action { HELP, VERSION, FOREGROUND, NOTHING, JID, CONFIG_FILE, CHECK_CONFIG };

static const struct option {
	const char *letter, *name, *argument, *help;
	enum action action;
} table[] = {
    {"-h", "--help", NULL, "show this and end", HELP},
    {"-v", "--version", NULL, "show the version and end", VERSION},
    {"-n", "--no-daemonize", NULL, "stay in the foreground", FOREGROUND},
    {"-d", "--no-debug", NULL, "no effect; accepted as Spectrum 2 does", NOTHING},
    {"-j", "--jid", "JID", "run as JID instead of the file's service.jid", JID},
    {NULL, "--config", "FILE", "the configuration file, as CONFIG", CONFIG_FILE},
    {NULL, "--check-config", NULL, "say what is wrong with the configuration and end", CHECK_CONFIG},
};

static void print_help(void)
{
	puts("Usage: spectrum2 [OPTIONS] CONFIG\n"
	     "Runs one gateway between XMPP and another chat network, as CONFIG describes it.\n");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct option *option = &table[i];
		char left[40];
		snprintf(left, sizeof left, "%s%s%s%s%s", option->letter ? option->letter : "  ",
		         option->letter ? ", " : "  ", option->name, option->argument ? " " : "",
		         option->argument ? option->argument : "");
		printf("  %-24s %s\n", left, option->help);
	}
	printf("  %-24s %s\n", "    --SECTION.KEY=VALUE", "set this key, whatever CONFIG says");
	puts("\nThe keys are described in spectrum2.cfg(5), this program in spectrum2(8).");
}

static bool wrong(const char *format, const char *what)
{
	fputs("spectrum2: ", stderr);
	fprintf(stderr, format, what);
	fputs("; try spectrum2 --help\n", stderr);
	return false;
}

/* The command line on its way, and where it stands. */
struct words {
	int argc, at;
	char **argv;
	char *value; /* behind the '=' of the word at hand; NULL: no '=' */
};

/* The value of the option at hand: behind its '=', or the next word. NULL if there is none. */
static char *take_value(struct words *words)
{
	if (words->value)
		return words->value;
	return words->at + 1 < words->argc ? words->argv[++words->at] : NULL;
}

/* Adds to what the backends get; `word` is handed over. */
static void pass_on(struct options *options, char *word)
{
	options->argv = mem_resize(options->argv, ((size_t)options->argc + 2) * sizeof *options->argv);
	options->argv[options->argc++] = word;
	options->argv[options->argc] = NULL;
}

static bool set_file(struct options *options, const char *file)
{
	if (options->file)
		return wrong("more than one configuration file: %s", file);
	options->file = file;
	char *path = realpath(file, NULL);
	pass_on(options, mem_strdup(path ? path : file));
	options->path = options->argv[options->argc - 1];
	free(path);
	return true;
}

static const struct option *find_option(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *const names[] = {table[i].letter, table[i].name};
		for (size_t j = 0; j < 2; j++) {
			if (names[j] && strlen(names[j]) == len && !memcmp(names[j], word, len))
				return &table[i];
		}
	}
	return NULL;
}

/* False ends the program with *status. */
static bool apply(struct options *options, const struct option *option, struct words *words, int *status)
{
	char *value = option->argument ? take_value(words) : NULL;
	if (option->argument && text_empty(value))
		return wrong("%s needs a value", option->name);
	if (!option->argument && words->value)
		return wrong("%s takes no value", option->name);
	switch (option->action) {
	case HELP:
		print_help();
		*status = 0;
		return false;
	case VERSION:
		puts("spectrum2 " SPECTRUM2_VERSION);
		*status = 0;
		return false;
	case FOREGROUND:
		options->foreground = true;
		pass_on(options, mem_strdup(option->letter));
		return true;
	case CHECK_CONFIG:
		options->check_config = true;
		return true;
	case JID:
		options->jid = value;
		pass_on(options, mem_strdup(option->letter));
		pass_on(options, mem_strdup(value));
		return true;
	case CONFIG_FILE:
		return set_file(options, value);
	case NOTHING:
		return true;
	}
	return true;
}

/* --section.key=value */
static bool add_override(struct options *options, const char *word, size_t len, struct words *words)
{
	const char *value = take_value(words);
	if (!value)
		return wrong("%s needs a value", word);
	options->overrides = mem_resize(options->overrides, (options->override_count + 1) * sizeof *options->overrides);
	options->overrides[options->override_count++] = (struct config_override){mem_strndup(word + 2, len - 2), value};
	pass_on(options, mem_printf("%.*s=%s", (int)len, word, value));
	return true;
}

static bool read_word(struct options *options, struct words *words, int *status)
{
	char *word = words->argv[words->at], *equals = strchr(word, '=');
	size_t len = equals && word[1] == '-' ? (size_t)(equals - word) : strlen(word);
	words->value = word[len] ? &word[len + 1] : NULL;
	if (*word != '-' || !word[1])
		return set_file(options, word);
	const struct option *option = find_option(word, len);
	if (option)
		return apply(options, option, words, status);
	if (!strncmp(word, "--", 2) && memchr(word, '.', len))
		return add_override(options, word, len, words);
	return wrong("unknown option %s", word);
}

bool options_read(struct options *options, int argc, char **argv, int *status)
{
	struct words words = {.argc = argc, .argv = argv};
	*options = (struct options){0};
	*status = 1;
	pass_on(options, mem_strdup(argc > 0 ? argv[0] : "spectrum2"));
	for (words.at = 1; words.at < argc; words.at++) {
		if (!read_word(options, &words, status)) {
			options_fini(options);
			return false;
		}
	}
	if (!options->file) {
		wrong("no configuration file%s", "");
		options_fini(options);
		return false;
	}
	return true;
}

void options_fini(struct options *options)
{
	for (size_t i = 0; i < options->override_count; i++)
		free((char *)options->overrides[i].key);
	free(options->overrides);
	for (int i = 0; i < options->argc; i++)
		free(options->argv[i]);
	free(options->argv);
	*options = (struct options){0};
}

/* Each line of `text` with `before` in front. */
static size_t print_lines(FILE *out, const char *before, const struct str *text)
{
	size_t count = 0;
	for (const char *at = str_text(text), *end; (end = strchr(at, '\n')); at = end + 1, count++)
		fprintf(out, "%s%.*s\n", before, (int)(end - at), at);
	return count;
}

/* NULL if the file can't be read; else see whether there are errors. */
static struct config *load(const struct options *options, const char *file, struct str *errors, struct str *warnings)
{
	struct config *config =
	    config_load(file, options->jid, options->overrides, options->override_count, errors, warnings);
	if (config)
		check_config(config, errors, warnings);
	return config;
}

struct config *options_load_config(const struct options *options)
{
	struct str errors = {0}, warnings = {0};
	struct config *config = load(options, options->file, &errors, &warnings);
	print_lines(stderr, "spectrum2: warning: ", &warnings);
	if (print_lines(stderr, "spectrum2: ", &errors))
		config_free(&config);
	str_fini(&errors);
	str_fini(&warnings);
	return config;
}

bool options_reload(const struct options *options, struct config *config, struct str *answer)
{
	struct str errors = {0}, warnings = {0}, later = {0};
	struct config *fresh = load(options, options->path, &errors, &warnings);
	bool done = fresh && !errors.len;
	if (done) {
		config_replace(config, &fresh, &later);
		str_adds(answer, "Config reloaded");
		if (later.len)
			str_addf(answer, "\nThese take effect at the next start: %s", later.data);
	} else {
		str_addf(answer, "Error: Error during config reload\nNothing was changed.\n%s", str_text(&errors));
	}
	if (done && warnings.len)
		str_addf(answer, "\n%s", warnings.data);
	while (answer->len && answer->data[answer->len - 1] == '\n')
		answer->data[--answer->len] = '\0';
	config_free(&fresh);
	str_fini(&errors);
	str_fini(&warnings);
	str_fini(&later);
	return done;
}

int options_check_config(const struct options *options)
{
	struct str errors = {0}, warnings = {0};
	struct config *config = load(options, options->file, &errors, &warnings);
	config_free(&config);
	size_t error_count = print_lines(stdout, "", &errors);
	size_t warning_count = print_lines(stdout, "warning: ", &warnings);
	if (!error_count && !warning_count)
		printf("%s: no problems\n", options->file);
	else
		printf("%s: errors: %zu, warnings: %zu\n", options->file, error_count, warning_count);
	str_fini(&errors);
	str_fini(&warnings);
	return error_count ? 1 : 0;
}
