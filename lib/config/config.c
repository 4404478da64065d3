/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading and look-ups. After loading there is one entry for each known key (with its fallback if nobody gave it) and
 * for each unknown one that was given, so that a look-up is one step in a hash map; values that backends send are kept
 * apart. */
#include "lib/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#define SENT_BYTES (64 << 10) /* of one text that a backend sends */
#define SENT_KEYS 256
#define DOMAIN_BYTES 1023 /* RFC 7622 section 3.2 */
#define SHOWN_BYTES 80    /* of a wrong value in a message */
#define MOST_UNKNOWN 50   /* warnings about unknown keys */

enum origin { FALLBACK, COMMAND_LINE, FROM_FILE, SENT };

struct entry {
	char *key;
	const struct config_key *known; /* NULL: not in the table */
	enum origin origin;
	unsigned line; /* of the first value, 0 outside of files */
	char **values;
	size_t count;
	struct entry *next; /* among the replaced ones */
};

/* Switches are looked at for each message: an answer is kept at the place that the address of the key's text gives, which
 * for a literal is always the same. */
#define SWITCHES 64
struct known_switch {
	const char *key; /* of the entry; NULL: nothing is kept here */
	bool truth;
};

struct config {
	struct known_switch switches[SWITCHES];
	char *path;
	struct map given; /* struct entry by key */
	struct map sent;
	struct entry *old; /* replaced ones: somebody may still look at their texts */
};

/* What a load needs beside its result. */
struct load {
	struct config *config;
	const char *name; /* of the file, for messages */
	struct str *errors, *warnings;
	unsigned unknown_count;
	bool failed;
};

static struct entry *entry_new(struct map *map, const char *key, const struct config_key *known, enum origin origin)
{
	struct entry *entry = mem_new(sizeof *entry);
	entry->key = mem_strdup(key);
	entry->known = known;
	entry->origin = origin;
	map_put(map, entry->key, entry);
	return entry;
}

/* Any value may be a password, so all are wiped. */
static void entry_clear(struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		mem_free_secret(entry->values[i]);
	free(entry->values);
	entry->values = NULL;
	entry->count = 0;
}

static void entry_add(struct entry *entry, const char *value)
{
	entry->values = mem_resize(entry->values, (entry->count + 1) * sizeof *entry->values);
	entry->values[entry->count++] = mem_strdup(value);
}

static void entry_free(struct entry *entry)
{
	entry_clear(entry);
	free(entry->key);
	free(entry);
}

static void entries_free(struct map *map)
{
	MAP_EACH (map, struct entry, entry)
		entry_free(entry);
	map_fini(map);
}

/* Starts a message: where it is about and which key. Lines of the command line have no number. */
static struct str *tell(struct load *load, struct str *out, const char *key, unsigned line)
{
	load->failed |= out == load->errors;
	if (line)
		str_addf(out, "%s:%u: %s: ", load->name, line, key);
	else
		str_addf(out, "command line: %s: ", key);
	return out;
}

static size_t edit_distance(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b), row[64];
	if (a_len >= 64 || b_len >= 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

static const char *last_part(const char *key)
{
	const char *dot = strrchr(key, '.');
	return dot ? dot + 1 : key;
}

/* The known key that was probably meant: at most two letters wrong, or the right name in a wrong section. */
static const char *nearest_key(const char *key)
{
	const char *nearest = NULL;
	size_t least = 3;
	for (size_t i = 0; i < config_key_count; i++) {
		size_t distance = edit_distance(key, config_keys[i].name);
		if (distance < least) {
			least = distance;
			nearest = config_keys[i].name;
		}
	}
	for (size_t i = 0; !nearest && i < config_key_count; i++) {
		if (!strcasecmp(last_part(key), last_part(config_keys[i].name)))
			nearest = config_keys[i].name;
	}
	return nearest;
}

static void warn_unknown(struct load *load, const char *key, unsigned line)
{
	/* The libpurple backend passes these on to its protocol, which alone knows them. */
	if (!strncmp(key, "purple.", 7))
		return;
	if (++load->unknown_count > MOST_UNKNOWN)
		return;
	if (load->unknown_count == MOST_UNKNOWN) {
		str_addf(tell(load, load->warnings, key, line), "unknown key, and so may be others behind it\n");
		return;
	}
	struct str *out = tell(load, load->warnings, key, line);
	const char *nearest = nearest_key(key);
	const char *name = last_part(key);
	if (*key == ';' || *name == ';')
		str_adds(out, "unknown key; use '#' to start a comment\n");
	else if (nearest)
		str_addf(out, "unknown key; did you mean %s?\n", nearest);
	else
		str_adds(out, "unknown key; kept for backends that know it\n");
}

static bool is_choice(const char *value, const char *choices)
{
	size_t len = strlen(value);
	for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
		if (strcspn(at, "|") == len && !memcmp(at, value, len))
			return true;
	}
	return false;
}

/* A value in a message, in quotes and not too long. */
static void add_value(struct str *out, const char *value)
{
	size_t len = strlen(value);
	size_t shown = len > SHOWN_BYTES ? utf8_cut(value, len, SHOWN_BYTES) : len;
	str_addf(out, "\"%.*s%s\" ", (int)shown, value, shown < len ? "..." : "");
}

/* The range of a number in words. */
static void add_range(struct str *out, const struct config_key *known)
{
	const char *noun = !strcmp(last_part(known->name), "port") ? "port" : "number";
	if (!known->least && !known->most)
		str_addf(out, "give a whole %s\n", noun);
	else if (known->most == INT32_MAX)
		str_addf(out, "give a %s from %lld on\n", noun, (long long)known->least);
	else
		str_addf(out, "give a %s from %lld to %lld\n", noun, (long long)known->least, (long long)known->most);
}

/* Checks a value against the table. Returns what is to be kept, or NULL after an error. */
static const char *checked(struct load *load, const struct config_key *known, const char *value, unsigned line)
{
	bool truth;
	int64_t number;
	switch (known->type) {
	case CONFIG_BOOL:
		if (config_parse_bool(value, &truth))
			return value;
		if (!*value) {
			str_adds(tell(load, load->warnings, known->name, line),
			         "no value, which means 1; write 1 or 0\n");
			return "1";
		}
		str_addf(tell(load, load->errors, known->name, line),
		         "\"%.80s\" is neither true nor false; write 1 or 0\n", value);
		return NULL;
	case CONFIG_NUMBER:
		if (!config_parse_number(value, &number)) {
			add_value(tell(load, load->errors, known->name, line), value);
			str_adds(load->errors, "is no number; ");
			add_range(load->errors, known);
			return NULL;
		}
		if ((known->least || known->most) && (number < known->least || number > known->most)) {
			str_addf(tell(load, load->errors, known->name, line), "%lld is out of range; ",
			         (long long)number);
			add_range(load->errors, known);
			return NULL;
		}
		return value;
	default:
		if (!known->choices || is_choice(value, known->choices))
			return value;
		add_value(tell(load, load->errors, known->name, line), value);
		str_addf(load->errors, "is not possible; choose one of %s\n", known->choices);
		return NULL;
	}
}

/* The row of the table that stands for all keys of a section. */
static const struct config_key *family_of(const char *key)
{
	size_t section = strcspn(key, ".") + 1;
	for (size_t i = 0; key[section - 1] && key[section] && i < config_key_count; i++) {
		if (!strncmp(config_keys[i].name, key, section) && !strcmp(config_keys[i].name + section, "*"))
			return &config_keys[i];
	}
	return NULL;
}

/* One assignment of a file (line > 0) or the command line. */
static void assign(struct load *load, const char *key, const char *value, unsigned line)
{
	struct entry *entry = map_get(&load->config->given, key);
	enum origin origin = line ? FROM_FILE : COMMAND_LINE;
	if (!entry) {
		const struct config_key *family = family_of(key);
		if (!family)
			warn_unknown(load, key, line);
		entry = entry_new(&load->config->given, key, family, origin);
	}
	if (entry->known && !(value = checked(load, entry->known, value, line)))
		return;
	if (strchr(value, '#') && line)
		str_adds(tell(load, load->warnings, key, line),
		         "the '#' is part of the value; put a blank before it to start a comment\n");
	if (entry->origin == COMMAND_LINE && line)
		return;
	bool first = entry->origin == FALLBACK || !entry->count;
	if (!first && entry->known && entry->known->type != CONFIG_LIST) {
		if (line)
			str_addf(tell(load, load->errors, key, line), "given before, in line %u; keep one of them\n",
			         entry->line);
		else
			str_adds(tell(load, load->errors, key, line), "given twice; keep one of them\n");
		return;
	}
	if (first) {
		entry_clear(entry);
		entry->origin = origin;
		entry->line = line;
	}
	entry_add(entry, value);
}

static bool assign_from_file(void *arg, const char *key, const char *value, unsigned line)
{
	assign(arg, key, value, line);
	return true;
}

/* Reads at most one byte more than the largest file, so that config_parse can tell. NULL with errno. */
static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	char *text = mem_new(CONFIG_FILE_BYTES + 1);
	ssize_t got;
	*len = 0;
	while ((got = read(fd, text + *len, CONFIG_FILE_BYTES + 1 - *len)) > 0 || (got < 0 && errno == EINTR))
		*len += got > 0 ? (size_t)got : 0;
	int saved = errno;
	close(fd);
	errno = saved;
	if (got == 0)
		return text;
	free(text);
	return NULL;
}

static void load_file(struct load *load, const char *path)
{
	size_t len;
	char *text = read_file(path, &len);
	if (!text) {
		str_addf(load->errors, "%s: cannot be read: %s; check path and permissions\n", path, strerror(errno));
		load->failed = true;
		return;
	}
	if (!config_parse(path, text, len, load->errors, assign_from_file, load))
		load->failed = true;
	explicit_bzero(text, len);
	free(text);
}

static void replace_all(char **value, const char *what, const char *with)
{
	struct str out = {0};
	const char *at = *value, *hit;
	for (; (hit = strstr(at, what)); at = hit + strlen(what)) {
		str_add(&out, at, (size_t)(hit - at));
		str_adds(&out, with);
	}
	if (at == *value)
		return;
	str_adds(&out, at);
	mem_free_secret(*value);
	*value = str_take(&out);
}

/* -j wins over service.jid; then $jid can be filled in everywhere. */
static void settle_jid(struct load *load, const char *jid)
{
	struct config *config = load->config;
	struct entry *entry = map_get(&config->given, "service.jid");
	if (jid) {
		entry_clear(entry);
		entry_add(entry, jid);
		entry->origin = COMMAND_LINE;
	}
	if (strlen(entry->values[0]) > DOMAIN_BYTES) {
		str_adds(tell(load, load->errors, "service.jid", entry->line),
		         "longer than 1023 bytes; give the domain of this instance\n");
		return;
	}
	char *name = mem_strdup(entry->values[0]);
	MAP_EACH (&config->given, struct entry, other) {
		for (size_t i = 0; other != entry && i < other->count; i++)
			replace_all(&other->values[i], "$jid", name);
	}
	free(name);
}

struct config *config_load(const char *path, const char *jid, const struct config_override *overrides,
                           size_t override_count, struct str *errors, struct str *warnings)
{
	struct config *config = mem_new(sizeof *config);
	struct load load = {.config = config, .name = path, .errors = errors, .warnings = warnings};
	config->path = mem_strdup(path);
	for (size_t i = 0; i < config_key_count; i++) {
		struct entry *entry = entry_new(&config->given, config_keys[i].name, &config_keys[i], FALLBACK);
		if (config_keys[i].fallback)
			entry_add(entry, config_keys[i].fallback);
	}
	for (size_t i = 0; i < override_count; i++)
		assign(&load, overrides[i].key, overrides[i].value, 0);
	if (path)
		load_file(&load, path);
	settle_jid(&load, jid);
	if (load.failed)
		config_free(&config);
	return config;
}

void config_free(struct config **config)
{
	if (!*config)
		return;
	entries_free(&(*config)->given);
	entries_free(&(*config)->sent);
	for (struct entry *old = (*config)->old, *next; old; old = next) {
		next = old->next;
		entry_free(old);
	}
	free((*config)->path);
	free(*config);
	*config = NULL;
}

static bool same_values(const struct entry *a, const struct entry *b)
{
	size_t a_count = a ? a->count : 0, b_count = b ? b->count : 0;
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		if (strcmp(a->values[i], b->values[i]))
			return false;
	}
	return true;
}

static void retire(struct config *config, struct entry *entry)
{
	map_remove(&config->given, entry->key);
	entry->next = config->old;
	config->old = entry;
}

static void add_name(struct str *names, const char *name)
{
	str_addf(names, "%s%s", names->len ? ", " : "", name);
}

static void forget_switches(struct config *config)
{
	memset(config->switches, 0, sizeof config->switches);
}

void config_replace(struct config *config, struct config **at, struct str *later)
{
	struct config *fresh = *at;
	forget_switches(config);
	MAP_EACH (&config->given, struct entry, entry) {
		if (!map_get(&fresh->given, entry->key))
			retire(config, entry);
	}
	MAP_EACH (&fresh->given, struct entry, entry) {
		struct entry *old = map_get(&config->given, entry->key);
		bool same = old && same_values(old, entry);
		if (!same && config_key_is_fixed(entry->key)) {
			add_name(later, entry->key);
			continue;
		}
		if (same) {
			old->origin = entry->origin;
			old->line = entry->line;
			continue;
		}
		if (old)
			retire(config, old);
		map_remove(&fresh->given, entry->key);
		map_put(&config->given, entry->key, entry);
	}
	config_free(at);
}

/* Who answers for this key; NULL or an entry without values if nobody does. */
static const struct entry *find(const struct config *config, const char *key)
{
	const struct entry *given = map_get(&config->given, key);
	if (given && given->origin != FALLBACK && given->known && !given->known->sent)
		return given;
	const struct entry *sent = map_get(&config->sent, key);
	return sent ? sent : given;
}

const char *config_item(const struct config *config, const char *key, size_t index)
{
	const struct entry *entry = find(config, key);
	return entry && index < entry->count ? entry->values[index] : NULL;
}

const char *config_text(const struct config *config, const char *key)
{
	return config_item(config, key, 0);
}

int64_t config_number(const struct config *config, const char *key)
{
	const char *text = config_text(config, key);
	int64_t number;
	return text && config_parse_number(text, &number) ? number : 0;
}

bool config_bool(const struct config *config, const char *key)
{
	struct known_switch *known = (struct known_switch *)&config->switches[((uintptr_t)key >> 3) % SWITCHES];
	if (known->key && !strcmp(known->key, key))
		return known->truth;
	const struct entry *entry = find(config, key);
	bool truth, given = entry && entry->count && config_parse_bool(entry->values[0], &truth) && truth;
	if (entry)
		*known = (struct known_switch){entry->key, given};
	return given;
}

size_t config_count(const struct config *config, const char *key)
{
	const struct entry *entry = find(config, key);
	return entry ? entry->count : 0;
}

void config_each(const struct config *config, const char *section, void (*call)(void *arg, const char *key), void *arg)
{
	size_t len = strlen(section);
	MAP_EACH (&config->given, struct entry, entry) {
		if (entry->count && !strncmp(entry->key, section, len) && entry->key[len] == '.')
			call(arg, entry->key);
	}
}

bool config_is_set(const struct config *config, const char *key)
{
	const struct entry *given = map_get(&config->given, key);
	return given && given->origin != FALLBACK;
}

unsigned config_line(const struct config *config, const char *key)
{
	const struct entry *given = map_get(&config->given, key);
	return given && given->origin == FROM_FILE ? given->line : 0;
}

const char *config_path(const struct config *config)
{
	return config->path;
}

/* Fresh assignments of one text; they replace what was sent before only once all are there, as a key may be repeated.
 */
static bool assign_sent(void *arg, const char *key, const char *value, unsigned line)
{
	struct map *fresh = arg;
	struct entry *entry = map_get(fresh, key);
	if (!entry) {
		if (fresh->count >= SENT_KEYS)
			return true;
		entry = entry_new(fresh, key, NULL, SENT);
	}
	entry_add(entry, value);
	return true;
}

void config_offer(struct config *config, const char *text)
{
	struct str ignored = {0};
	struct map fresh = {0};
	size_t len = strlen(text);
	if (len > SENT_BYTES)
		return;
	forget_switches(config);
	config_parse("backend", text, len, &ignored, assign_sent, &fresh);
	MAP_EACH (&fresh, struct entry, entry) {
		struct entry *old = map_get(&config->sent, entry->key);
		if (!old && config->sent.count >= SENT_KEYS) {
			entry_clear(entry);
			free(entry->key);
			free(entry);
			continue;
		}
		map_put(&config->sent, entry->key, entry);
		if (old) {
			entry_clear(old);
			free(old->key);
			free(old);
		}
	}
	map_fini(&fresh);
	str_fini(&ignored);
}
