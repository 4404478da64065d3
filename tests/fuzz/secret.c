/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stored passwords as they may stand in a database that others can write to: whatever is no sealed text is taken as it
 * is, nothing is opened that was not sealed with this key, and what is sealed can be opened again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "spectrum/store/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct secret *open_key(void)
{
	char directory[] = "/tmp/spectrum2-fuzz-XXXXXX", *error = NULL;
	bool created;
	assert(mkdtemp(directory));
	char *path = mem_printf("%s/key", directory);
	struct secret *secret = secret_open(path, &created, &error);
	assert(secret && created);
	unlink(path);
	rmdir(directory);
	free(path);
	return secret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct secret *secret;
	if (!secret)
		secret = open_key();
	char *text = mem_strndup((const char *)data, len);
	struct str plain = {0}, sealed = {0}, again = {0};
	enum secret_form form = secret_unseal(secret, "a@b", "password", text, &plain);
	assert(form == SECRET_PLAIN ? !strcmp(str_text(&plain), text) : form == SECRET_LOST && !plain.len);
	secret_seal(secret, "a@b", "password", text, &sealed);
	form = secret_unseal(secret, "a@b", "password", str_text(&sealed), &again);
	assert(form == (*text ? SECRET_SEALED : SECRET_PLAIN) && !strcmp(str_text(&again), text));
	/* One bit of it changed: no longer a sealed text, or lost, but never opened. */
	if (sealed.len && len > 1) {
		sealed.data[data[0] % sealed.len] ^= (char)(1 << data[1] % 7);
		str_clear(&again, SIZE_MAX);
		form = secret_unseal(secret, "a@b", "password", str_text(&sealed), &again);
		assert(form != SECRET_SEALED || !strcmp(str_text(&again), text));
	}
	str_fini(&plain);
	str_fini(&sealed);
	str_fini(&again);
	free(text);
	return 0;
}
