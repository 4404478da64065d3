/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files, what backends send in the same format, and log4j property files. Checks that nothing comes out
 * that the rest of the program may not be given: lines in order, one-line UTF-8 texts, bounded names. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/config/config.h"
#include "lib/config/logging.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool check_assignment(void *arg, const char *key, const char *value, unsigned line)
{
	unsigned *last = arg;
	assert(line > *last);
	*last = line;
	assert(*key && strlen(key) < 512 && !strchr(key, '\n'));
	assert(strlen(value) <= CONFIG_LINE_BYTES && !strchr(value, '\n'));
	assert(utf8_xml_valid(key, strlen(key)) && utf8_xml_valid(value, strlen(value)));
	return true;
}

static void fuzz_sent(struct config *config, const char *text)
{
	config_offer(config, text);
	config_offer(config, text);
	assert(config_count(config, "features.muc") > 0);
	config_bool(config, "features.muc");
	config_number(config, "service.login_delay");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct str errors = {0}, warnings = {0};
	unsigned last = 0;
	bool fine = config_parse("f", (const char *)data, len, &errors, check_assignment, &last);
	assert(fine == !errors.len);
	assert(utf8_xml_valid(str_text(&errors), errors.len));

	char *text = malloc(len + 1);
	memcpy(text, data, len);
	text[len] = '\0';
	struct config *config = config_load(NULL, "a.example", NULL, 0, &errors, &warnings);
	fuzz_sent(config, text);
	config_free(&config);
	free(text);

	struct logging logging;
	logging_parse(&logging, "f", (const char *)data, len, "a.example", "1");
	assert(logging.level >= LOG_OFF_ && logging.level <= LOG_DEBUG_);
	logging_fini(&logging);
	str_fini(&errors);
	str_fini(&warnings);
	return 0;
}
