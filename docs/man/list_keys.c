/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the manual page whose source it is given, with the line @KEYS@ replaced by all known keys in mdoc(7): a
 * subsection for each section, an entry for each key. Run while building. */
#include <stdio.h>
#include <string.h>

#include "lib/config/config.h"

static const char *const type_names[] = {
    [CONFIG_TEXT] = "text", [CONFIG_NUMBER] = "number", [CONFIG_BOOL] = "0 or 1", [CONFIG_LIST] = "list"};

/* A help text, one sentence a line, as mdoc wants it. */
static void print_sentences(const char *text)
{
	for (const char *end; (end = strstr(text, ". ")) != NULL; text = end + 2)
		printf("\\&%.*s\n", (int)(end + 1 - text), text);
	printf("\\&%s\n", text);
}

static void print_key(const struct config_key *key, size_t section_len)
{
	printf(".It Cm %s Pq %s\n", key->name + section_len + 1, type_names[key->type]);
	print_sentences(key->help);
	if (key->choices) {
		printf("One of");
		for (const char *at = key->choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
			printf("\n.Ql \\&%.*s%s", (int)strcspn(at, "|"), at, strchr(at, '|') ? " ," : " .");
		putchar('\n');
	}
	if (key->most == INT32_MAX)
		printf("At least %lld.\n", (long long)key->least);
	else if (key->most)
		printf("From %lld to %lld.\n", (long long)key->least, (long long)key->most);
	int64_t number;
	bool given = key->fallback && *key->fallback;
	if (given && key->type == CONFIG_NUMBER && config_parse_number(key->fallback, &number))
		given = number >= key->least; /* else it stands for "not given" */
	if (given)
		printf("Default:\n.Ql \\&%s\\& .\n", key->fallback);
}

static void print_keys(void)
{
	const char *section = "";
	size_t section_len = 0;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (strncmp(key->name, section, section_len + 1)) {
			printf("%s", *section ? ".El\n" : "");
			section = key->name;
			section_len = strcspn(section, ".");
			printf(".Ss Section %.*s\n.Bl -tag -width Ds\n", (int)section_len, section);
		}
		print_key(key, section_len);
	}
	puts(".El");
}

int main(int argc, char **argv)
{
	char line[1000];
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	if (!in) {
		fprintf(stderr, "usage: list_keys PAGE\n");
		return 1;
	}
	while (fgets(line, sizeof line, in)) {
		if (strcmp(line, "@KEYS@\n"))
			fputs(line, stdout);
		else
			print_keys();
	}
	return fclose(in) || fflush(stdout) || ferror(stdout);
}
