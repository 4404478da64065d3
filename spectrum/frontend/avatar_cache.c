/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/avatar_cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/file.h"

#define LOG_AREA "avatar"
#define FILES_MOST 100000
#define NOTES_MOST 4096

/* The end of a file's name says what is in it. */
static const struct {
	const char *type, *end;
} kinds[] = {{"image/png", ".png"}, {"image/jpeg", ".jpg"}, {"image/gif", ".gif"}, {"image/webp", ".webp"}};
#define KINDS (sizeof kinds / sizeof *kinds)

struct entry {
	struct avatar avatar;
	struct list memory_node, file_node; /* the least recently used first */
	void *bytes;
	bool filed;
};

/* What is behind a network's name for the picture of a person: nobody can say what that of somebody else is. */
struct note {
	struct list node; /* the oldest first */
	char hash[IMAGE_HASH_BYTES];
	char key[]; /* person, \n, name */
};

struct avatar_cache {
	const struct config *config;
	char *directory; /* NULL: no files */
	struct file_jobs files;
	struct map entries, notes;
	struct list in_memory, in_files, noted;
	struct list loads; /* struct load */
	size_t memory_bytes, file_bytes;
};

struct load {
	struct list node;
	struct avatar_cache *cache;
	avatar_answer *answer;
	void *arg;
	char hash[IMAGE_HASH_BYTES];
};

static size_t limit(const struct avatar_cache *cache, const char *key)
{
	return (size_t)config_number(cache->config, key);
}

static bool is_hash(const char *text)
{
	return strlen(text) == IMAGE_HASH_BYTES - 1 && strspn(text, "0123456789abcdef") == IMAGE_HASH_BYTES - 1;
}

static char *path_of(const struct avatar_cache *cache, const struct avatar *avatar)
{
	size_t kind = 0;
	while (kind + 1 < KINDS && strcmp(kinds[kind].type, avatar->type) != 0)
		kind++;
	return mem_printf("%s/%s%s", cache->directory, avatar->hash, kinds[kind].end);
}

/* ---- Entries ---- */

static struct entry *entry_new(struct avatar_cache *cache, const char *hash, const char *type, size_t len)
{
	struct entry *entry = mem_new(sizeof *entry);
	memcpy(entry->avatar.hash, hash, IMAGE_HASH_BYTES - 1);
	entry->avatar.type = type;
	entry->avatar.len = len;
	list_init(&entry->memory_node);
	list_init(&entry->file_node);
	map_put(&cache->entries, entry->avatar.hash, entry);
	return entry;
}

static void drop_if_lost(struct avatar_cache *cache, struct entry *entry)
{
	if (entry->bytes || entry->filed)
		return;
	map_remove(&cache->entries, entry->avatar.hash);
	free(entry);
}

static void forget_bytes(struct avatar_cache *cache, struct entry *entry)
{
	list_remove(&entry->memory_node);
	cache->memory_bytes -= entry->avatar.len;
	free(entry->bytes);
	entry->avatar.bytes = entry->bytes = NULL;
}

/* Keeps at least the one that was used last. */
static void keep_bytes(struct avatar_cache *cache, struct entry *entry, const void *bytes)
{
	if (!entry->bytes) {
		entry->bytes = mem_new(entry->avatar.len);
		memcpy(entry->bytes, bytes, entry->avatar.len);
		entry->avatar.bytes = entry->bytes;
		cache->memory_bytes += entry->avatar.len;
	}
	list_remove(&entry->memory_node);
	list_append(&cache->in_memory, &entry->memory_node);
	while (cache->memory_bytes > limit(cache, "avatars.memory_bytes") &&
	       cache->in_memory.next != &entry->memory_node) {
		struct entry *old = LIST_ITEM(cache->in_memory.next, struct entry, memory_node);
		forget_bytes(cache, old);
		drop_if_lost(cache, old);
	}
}

static void forget_file(struct avatar_cache *cache, struct entry *entry)
{
	char *path = path_of(cache, &entry->avatar);
	file_remove(&cache->files, path);
	free(path);
	list_remove(&entry->file_node);
	cache->file_bytes -= entry->avatar.len;
	entry->filed = false;
}

static void note_file(struct avatar_cache *cache, struct entry *entry)
{
	entry->filed = true;
	cache->file_bytes += entry->avatar.len;
	list_append(&cache->in_files, &entry->file_node);
}

static void limit_files(struct avatar_cache *cache)
{
	while (cache->file_bytes > limit(cache, "avatars.disk_bytes") && !list_empty(&cache->in_files)) {
		struct entry *old = LIST_ITEM(cache->in_files.next, struct entry, file_node);
		forget_file(cache, old);
		drop_if_lost(cache, old);
	}
}

static void keep_file(struct avatar_cache *cache, struct entry *entry)
{
	if (!cache->directory || entry->filed || entry->avatar.len > limit(cache, "avatars.disk_bytes"))
		return;
	char *path = path_of(cache, &entry->avatar);
	file_write(&cache->files, path, entry->bytes, entry->avatar.len);
	free(path);
	note_file(cache, entry);
	limit_files(cache);
}

/* ---- The directory at the start ---- */

struct found {
	time_t time;
	size_t len, kind;
	char hash[IMAGE_HASH_BYTES];
};

static int older_first(const void *a, const void *b)
{
	const struct found *left = a, *right = b;
	return left->time < right->time ? -1 : left->time > right->time;
}

static bool look_at(const struct avatar_cache *cache, const char *name, struct found *found)
{
	struct stat status;
	*found = (struct found){0};
	if (strlen(name) < IMAGE_HASH_BYTES - 1)
		return false;
	memcpy(found->hash, name, IMAGE_HASH_BYTES - 1);
	while (found->kind < KINDS && strcmp(kinds[found->kind].end, name + IMAGE_HASH_BYTES - 1) != 0)
		found->kind++;
	if (!is_hash(found->hash) || found->kind == KINDS)
		return false;
	char *path = mem_printf("%s/%s", cache->directory, name);
	bool good = !lstat(path, &status) && S_ISREG(status.st_mode) && status.st_size > 0 &&
	            (size_t)status.st_size <= limit(cache, "avatars.max_bytes");
	free(path);
	if (good) {
		found->time = status.st_mtime;
		found->len = (size_t)status.st_size;
	}
	return good;
}

static void look_around(struct avatar_cache *cache)
{
	DIR *directory = opendir(cache->directory);
	struct found *all = NULL;
	size_t count = 0, room = 0;
	for (struct dirent *each; directory && count < FILES_MOST && (each = readdir(directory));) {
		if (count == room)
			all = mem_resize(all, (room = room * 2 + 64) * sizeof *all);
		count += look_at(cache, each->d_name, &all[count]);
	}
	if (directory)
		closedir(directory);
	if (count)
		qsort(all, count, sizeof *all, older_first);
	for (size_t i = 0; i < count; i++) {
		if (!map_get(&cache->entries, all[i].hash))
			note_file(cache, entry_new(cache, all[i].hash, kinds[all[i].kind].type, all[i].len));
	}
	free(all);
	limit_files(cache);
}

struct avatar_cache *avatar_cache_new(struct loop *loop, const struct config *config)
{
	struct avatar_cache *cache = mem_new(sizeof *cache);
	cache->config = config;
	file_jobs_init(&cache->files, loop);
	list_init(&cache->in_memory);
	list_init(&cache->in_files);
	list_init(&cache->noted);
	list_init(&cache->loads);
	if (!limit(cache, "avatars.disk_bytes"))
		return cache;
	cache->directory = mem_printf("%s/avatars", config_text(config, "service.working_dir"));
	if (mkdir(cache->directory, 0700) && errno != EEXIST) {
		log_warn("can't make directory=%s: %s; pictures are kept in memory only", cache->directory,
		         strerror(errno));
		free(cache->directory);
		cache->directory = NULL;
	} else {
		look_around(cache);
	}
	return cache;
}

void avatar_cache_free(struct avatar_cache **at)
{
	struct avatar_cache *cache = *at;
	if (!cache)
		return;
	file_jobs_abandon(&cache->files);
	LIST_EACH (&cache->loads, node) {
		struct load *load = LIST_ITEM(node, struct load, node);
		load->answer(load->arg, NULL);
		free(load);
	}
	MAP_EACH (&cache->entries, struct entry, entry) {
		free(entry->bytes);
		free(entry);
	}
	MAP_EACH (&cache->notes, struct note, note)
		free(note);
	map_fini(&cache->entries);
	map_fini(&cache->notes);
	free(cache->directory);
	free(cache);
	*at = NULL;
}

/* ---- Pictures ---- */

const struct avatar *avatar_cache_find(struct avatar_cache *cache, const char *hash)
{
	struct entry *entry = map_get(&cache->entries, hash);
	return entry ? &entry->avatar : NULL;
}

const struct avatar *avatar_cache_put(struct avatar_cache *cache, const void *bytes, size_t len)
{
	const char *type = len && len <= limit(cache, "avatars.max_bytes") ? image_type(bytes, len) : NULL;
	char hash[IMAGE_HASH_BYTES];
	if (!type)
		return NULL;
	image_hash(bytes, len, hash);
	struct entry *entry = map_get(&cache->entries, hash);
	if (!entry)
		entry = entry_new(cache, hash, type, len);
	keep_bytes(cache, entry, bytes);
	keep_file(cache, entry);
	return &entry->avatar;
}

/* A file is believed only if it is what its name says. */
static void loaded(void *arg, const void *bytes, size_t len)
{
	struct load *load = arg;
	struct avatar_cache *cache = load->cache;
	struct entry *entry = map_get(&cache->entries, load->hash);
	char hash[IMAGE_HASH_BYTES] = "";
	if (bytes)
		image_hash(bytes, len, hash);
	bool good = entry && len == entry->avatar.len && !strcmp(hash, load->hash);
	if (good) {
		keep_bytes(cache, entry, bytes);
	} else if (entry && entry->filed && !entry->bytes) {
		log_warn("a picture's file has gone or changed hash=%s", load->hash);
		forget_file(cache, entry);
		drop_if_lost(cache, entry);
		entry = NULL;
	}
	list_remove(&load->node);
	load->answer(load->arg, entry && entry->bytes ? &entry->avatar : NULL);
	free(load);
}

void avatar_cache_load(struct avatar_cache *cache, const char *hash, avatar_answer *answer, void *arg)
{
	struct entry *entry = map_get(&cache->entries, hash);
	if (!entry || entry->bytes) {
		if (entry)
			keep_bytes(cache, entry, NULL);
		answer(arg, entry ? &entry->avatar : NULL);
		return;
	}
	struct load *load = mem_new(sizeof *load);
	char *path = path_of(cache, &entry->avatar);
	load->cache = cache;
	load->answer = answer;
	load->arg = arg;
	memcpy(load->hash, entry->avatar.hash, sizeof load->hash);
	list_append(&cache->loads, &load->node);
	list_remove(&entry->file_node);
	list_append(&cache->in_files, &entry->file_node);
	file_read(&cache->files, path, entry->avatar.len, loaded, load);
	free(path);
}

/* ---- Networks' names ---- */

static struct note *note_new(const char *person, const char *name)
{
	size_t len = strlen(person);
	struct note *note = mem_new(sizeof *note + len + strlen(name) + 2);
	memcpy(note->key, person, len);
	note->key[len] = '\n';
	strcpy(note->key + len + 1, name);
	return note;
}

static void note_drop(struct avatar_cache *cache, struct note *note)
{
	map_remove(&cache->notes, note->key);
	list_remove(&note->node);
	free(note);
}

void avatar_cache_note(struct avatar_cache *cache, const char *person, const char *name, const char *hash)
{
	struct note *note = note_new(person, name), *before = map_get(&cache->notes, note->key);
	if (before)
		note_drop(cache, before);
	if (!strcmp(name, hash)) {
		free(note);
		return;
	}
	if (cache->notes.count >= NOTES_MOST)
		note_drop(cache, LIST_ITEM(cache->noted.next, struct note, node));
	memcpy(note->hash, hash, strlen(hash) + 1);
	map_put(&cache->notes, note->key, note);
	list_append(&cache->noted, &note->node);
}

const char *avatar_cache_resolve(struct avatar_cache *cache, const char *person, const char *name)
{
	const struct note *note = NULL;
	if (cache->notes.count && *name) {
		struct note *key = note_new(person, name);
		note = map_get(&cache->notes, key->key);
		free(key);
	}
	if (note)
		return note->hash;
	return !*name || is_hash(name) ? name : NULL;
}
