/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes libFuzzer's place where it is not built: gives the files of a directory, one by one, to a fuzz target. So every
 * target is compiled by every build of the tests, and what was once found stays found.
 *
 *	replay_NAME DIRECTORY */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	long size = -1;
	if (file && !fseek(file, 0, SEEK_END))
		size = ftell(file);
	if (size < 0 || fseek(file, 0, SEEK_SET)) {
		perror(path);
		return 1;
	}
	uint8_t *data = malloc((size_t)size + 1);
	int failed = fread(data, 1, (size_t)size, file) != (size_t)size;
	fclose(file);
	if (!failed)
		LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return failed;
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int count = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1, failed = 0, done = 0;
	if (count < 0) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 0; i < count; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			failed |= replay(path);
			done++;
		}
		free(entries[i]);
	}
	free(entries);
	printf("%d files\n", done);
	return failed || !done;
}
