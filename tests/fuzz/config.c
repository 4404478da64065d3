/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files, what backends send in the same format, and log4j property files. Checks that nothing comes out
 * that the rest of the program may not be given: lines in order, one-line UTF-8 texts, bounded names. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"
#include "lib/config/config.h"
#include "lib/config/logging.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define OVERRIDES 64

/* The assignments, given again as if they came from the command line. */
struct seen {
	unsigned line;
	struct config_override overrides[OVERRIDES];
	size_t count;
};

static bool check_assignment(void *arg, const char *key, const char *value, unsigned line)
{
	struct seen *seen = arg;
	assert(line > seen->line);
	seen->line = line;
	assert(*key && strlen(key) < 512 && !strchr(key, '\n'));
	assert(strlen(value) <= CONFIG_LINE_BYTES && !strchr(value, '\n'));
	assert(utf8_xml_valid(key, strlen(key)) && utf8_xml_valid(value, strlen(value)));
	if (seen->count < OVERRIDES)
		seen->overrides[seen->count++] = (struct config_override){mem_strdup(key), mem_strdup(value)};
	return true;
}

/* What is wrong is told; the rest is what a look-up finds. NULL after an error. */
static struct config *fuzz_load(struct seen *seen)
{
	struct str errors = {0}, warnings = {0};
	struct config *config = config_load(NULL, "a.example", seen->overrides, seen->count, &errors, &warnings);
	assert(!config == (errors.len > 0));
	assert(utf8_xml_valid(str_text(&errors), errors.len) && utf8_xml_valid(str_text(&warnings), warnings.len));
	for (size_t i = 0; i < seen->count; i++) {
		assert(!config || config_text(config, seen->overrides[i].key));
		free((char *)seen->overrides[i].key);
		free((char *)seen->overrides[i].value);
	}
	str_fini(&errors);
	str_fini(&warnings);
	return config;
}

static void fuzz_sent(struct config *config, const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	memcpy(text, data, len);
	text[len] = '\0';
	config_offer(config, text);
	config_offer(config, text);
	free(text);
	assert(config_count(config, "features.muc") > 0);
	config_bool(config, "features.muc");
	config_number(config, "service.login_delay");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct str errors = {0};
	struct seen seen = {0};
	bool fine = config_parse("f", (const char *)data, len, &errors, check_assignment, &seen);
	assert(fine == !errors.len);
	assert(utf8_xml_valid(str_text(&errors), errors.len));
	str_fini(&errors);

	struct config *config = fuzz_load(&seen);
	if (config)
		fuzz_sent(config, data, len);
	config_free(&config);

	struct logging logging;
	logging_parse(&logging, "f", (const char *)data, len, "a.example", "1");
	assert(logging.level >= LOG_OFF_ && logging.level <= LOG_DEBUG_);
	logging_fini(&logging);
	return 0;
}
