/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/config/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/config/directory.h"

#define LOG_AREA "config"
#define DEFAULT_BYTES (10u << 20) /* log4j's for a rolling file without MaxFileSize */
#define MOST_BACKUPS 100
#define MOST_PROPERTIES 1000

struct property {
	char *key, *value;
};

struct properties {
	struct map map; /* struct property by key, in lower case */
	const char *jid, *backend_id;
};

static void property_free(struct property *property)
{
	if (property) {
		free(property->key);
		free(property->value);
		free(property);
	}
}

/* ${jid}, ${pid}, ${id}; anything else in braces becomes nothing, as in log4j. */
static void expand(struct str *out, const struct properties *properties, const char *at)
{
	for (const char *open; (open = strstr(at, "${")) != NULL;) {
		const char *close = strchr(open, '}');
		if (!close)
			break;
		str_add(out, at, (size_t)(open - at));
		char *name = mem_strndup(open + 2, (size_t)(close - open - 2));
		if (!strcmp(name, "jid"))
			str_adds(out, properties->jid);
		else if (!strcmp(name, "id"))
			str_adds(out, properties->backend_id);
		else if (!strcmp(name, "pid"))
			str_addf(out, "%ld", (long)getpid());
		free(name);
		at = close + 1;
	}
	str_adds(out, at);
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)(*text >= 'A' && *text <= 'Z' ? *text + ('a' - 'A') : *text);
}

/* Without blanks around it. Owned by the caller. */
static char *trimmed(const char *at, size_t len)
{
	while (len && strchr(" \t\r\f", *at)) {
		at++;
		len--;
	}
	while (len && strchr(" \t\r\f", at[len - 1]))
		len--;
	return mem_strndup(at, len);
}

static void read_line(struct properties *properties, const char *at, size_t len)
{
	char *line = trimmed(at, len);
	size_t key_len = strcspn(line, "=:");
	if (*line && *line != '#' && *line != '!' && line[key_len] && properties->map.count < MOST_PROPERTIES) {
		struct property *property = mem_new(sizeof *property);
		property->key = trimmed(line, key_len);
		property->value = trimmed(line + key_len + 1, strlen(line + key_len + 1));
		lower(property->key);
		property_free(map_put(&properties->map, property->key, property));
	}
	free(line);
}

/* NULL if it is not set. The key is put together of three parts, "log4j.appender." NAME ".File". */
static const char *value_of(const struct properties *properties, const char *before, const char *name,
                            const char *after)
{
	char *key = mem_printf("%s%s%s", before, name, after);
	lower(key);
	const struct property *property = map_get(&properties->map, key);
	free(key);
	return property ? property->value : NULL;
}

static size_t parse_size(const char *text)
{
	static const struct {
		const char *suffix;
		unsigned shift;
	} units[] = {{"", 0}, {"B", 0}, {"K", 10}, {"KB", 10}, {"M", 20}, {"MB", 20}, {"G", 30}, {"GB", 30}};
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!strcasecmp(end, units[i].suffix) && end != text && *text != '-' && !errno && number < 1u << 31)
			return (size_t)number << units[i].shift;
	}
	return 0;
}

static void rotation_of(struct logging *logging, const struct properties *properties, const char *appender)
{
	const char *size = value_of(properties, "log4j.appender.", appender, ".maxfilesize");
	const char *backups = value_of(properties, "log4j.appender.", appender, ".maxbackupindex");
	int64_t number = 1;
	logging->max_bytes = DEFAULT_BYTES;
	if (size && !(logging->max_bytes = parse_size(size))) {
		str_addf(&logging->warnings, "MaxFileSize \"%.40s\" is no size; 10 MB it is\n", size);
		logging->max_bytes = DEFAULT_BYTES;
	}
	if (backups && (!config_parse_number(backups, &number) || number < 0 || number > MOST_BACKUPS)) {
		str_addf(&logging->warnings, "MaxBackupIndex \"%.40s\" is not from 0 to %d; 1 it is\n", backups,
		         MOST_BACKUPS);
		number = 1;
	}
	logging->backups = (unsigned)number;
}

/* What to do with one appender of the root logger. True if it settles where lines go. */
static bool use_appender(struct logging *logging, const struct properties *properties, const char *appender)
{
	static const struct {
		const char *name;
		bool file, rolling;
	} kinds[] = {{"ConsoleAppender", false, false},
	             {"FileAppender", true, false},
	             {"RollingFileAppender", true, true},
	             {"DailyRollingFileAppender", true, false}};
	const char *class = value_of(properties, "log4j.appender.", appender, "");
	const char *file = value_of(properties, "log4j.appender.", appender, ".file");
	const char *threshold = value_of(properties, "log4j.appender.", appender, ".threshold");
	const char *dot = class ? strrchr(class, '.') : NULL;
	const char *kind = dot ? dot + 1 : class ? class : "";
	bool known = false, rolling = false;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strcmp(kind, kinds[i].name)) {
			known = true;
			rolling = kinds[i].rolling;
			if (!kinds[i].file)
				file = NULL;
		}
	}
	if (!known)
		str_addf(&logging->warnings, "appender %.40s: \"%.80s\" is not known; its lines go to %s\n", appender,
		         kind, file ? "its file" : "stderr");
	if (!strcmp(kind, "DailyRollingFileAppender"))
		str_addf(&logging->warnings, "appender %.40s: not rotated by date; use logrotate and SIGHUP\n",
		         appender);
	enum log_level level;
	if (threshold && log_level_parse(threshold, &level) && level < logging->level)
		logging->level = level;
	if (text_empty(file))
		return false;
	struct str path = {0};
	expand(&path, properties, file);
	logging->file = str_take(&path);
	if (rolling)
		rotation_of(logging, properties, appender);
	return true;
}

/* "debug, R, console": the level, then appenders; the first one with a file is used. */
static void read_root(struct logging *logging, const struct properties *properties, const char *root)
{
	char *copy = mem_strdup(root), *rest = copy, *word;
	bool first = true, used = false;
	while (!used && (word = strsep(&rest, ","))) {
		char *name = trimmed(word, strlen(word));
		if (!first && *name)
			used = use_appender(logging, properties, name);
		else if (first && *name && !log_level_parse(name, &logging->level))
			str_addf(&logging->warnings, "level \"%.40s\" is not known; info it is\n", name);
		first = false;
		free(name);
	}
	free(copy);
}

void logging_parse(struct logging *logging, const char *name, const char *text, size_t len, const char *jid,
                   const char *backend_id)
{
	struct properties properties = {.jid = jid, .backend_id = backend_id};
	*logging = (struct logging){.level = LOG_INFO_};
	for (const char *at = text, *end = text + len; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		read_line(&properties, at, (size_t)((newline ? newline : end) - at));
		at = newline ? newline + 1 : end;
	}
	const char *root = value_of(&properties, "log4j.", "rootlogger", "");
	if (!root)
		root = value_of(&properties, "log4j.", "rootcategory", "");
	if (root)
		read_root(logging, &properties, root);
	else
		str_addf(&logging->warnings, "%s: there is no log4j.rootLogger; level info, to stderr\n", name);
	MAP_EACH (&properties.map, struct property, property)
		property_free(property);
	map_fini(&properties.map);
}

bool logging_read(struct logging *logging, const struct config *config, const char *key, const char *fallback_file,
                  const char *jid, const char *backend_id, struct str *error)
{
	*logging = (struct logging){.level = LOG_INFO_};
	const char *path = text_or_null(config_text(config, key));
	if (!path) {
		logging->file = mem_strdup(fallback_file);
		return true;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = mem_new(CONFIG_FILE_BYTES);
	ssize_t len = fd < 0 ? -1 : read(fd, text, CONFIG_FILE_BYTES);
	if (len < 0)
		str_addf(error, "%s: %s cannot be read: %s; check path and permissions, or leave the key out\n", key,
		         path, strerror(errno));
	else
		logging_parse(logging, path, text, (size_t)len, jid, backend_id);
	if (fd >= 0)
		close(fd);
	free(text);
	return len >= 0;
}

void logging_fini(struct logging *logging)
{
	free(logging->file);
	logging->file = NULL;
	str_fini(&logging->warnings);
}

static bool open_log(const struct logging *logging, struct str *error)
{
	if (logging->file) {
		char *directory = directory_of(logging->file);
		bool made = directory_make(directory, 0750, (uid_t)-1, (gid_t)-1);
		free(directory);
		if (!made || !log_open(logging->file, logging->max_bytes, logging->backups)) {
			str_addf(error, "the log file %s cannot be opened: %s\n", logging->file, strerror(errno));
			return false;
		}
	} else {
		log_open(NULL, 0, 0);
	}
	log_set_level(logging->level);
	return true;
}

bool logging_setup(const struct config *config, const char *key, const char *fallback_file, const char *jid,
                   const char *backend_id, struct str *error)
{
	struct logging logging;
	bool done =
	    logging_read(&logging, config, key, fallback_file, jid, backend_id, error) && open_log(&logging, error);
	if (done) {
		char *rest = logging.warnings.data, *line;
		while ((line = strsep(&rest, "\n")) && *line)
			log_warn("%s: %s", key, line);
	}
	logging_fini(&logging);
	return done;
}
