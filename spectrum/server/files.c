/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/server/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#define LOG_AREA "files"
#define PREFIX "/upload/"
#define TOKEN_LEN 32
#define NAME_BYTES 255
#define TYPE_BYTES 127
#define PLACE_MS 300000 /* that a place is held for */
#define PLACES_MOST 20000
#define PLACES_OF_ONE 50
#define SWEEP_MS 600000
#define DAY_S 86400

struct place {
	struct list node; /* the oldest first */
	uint64_t until, size;
	char token[TOKEN_LEN + 1];
	const char *owner, *type; /* behind it */
	char texts[];
};

/* What somebody keeps. */
struct share {
	uint64_t bytes;
	unsigned places;
	char owner[];
};

struct files {
	struct loop *loop;
	char *directory;
	uint64_t most, quota;
	int64_t days;
	struct map places; /* by token */
	struct list in_time;
	struct map shares; /* by owner */
	struct timer *sweep;
};

struct arrival {
	struct files *files;
	struct place *place;
	uint64_t got;
	int fd;
	bool failed;
};

/* ---- Shares ---- */

static struct share *share_of(struct files *files, const char *owner)
{
	struct share *share = map_get(&files->shares, owner);
	if (share)
		return share;
	share = mem_new(sizeof *share + strlen(owner) + 1);
	strcpy(share->owner, owner);
	map_put(&files->shares, share->owner, share);
	return share;
}

static void share_settle(struct files *files, struct share *share)
{
	if (share->bytes || share->places)
		return;
	map_remove(&files->shares, share->owner);
	free(share);
}

/* A promise ends: kept or not. */
static void place_end(struct files *files, struct place *place, bool kept)
{
	struct share *share = share_of(files, place->owner);
	list_remove(&place->node);
	map_remove(&files->places, place->token);
	share->places--;
	if (!kept)
		share->bytes -= place->size;
	share_settle(files, share);
	free(place);
}

/* ---- The directory ---- */

static char *path_of(const struct files *files, const char *token, const char *ending)
{
	return mem_printf("%s/%s%s", files->directory, token, ending);
}

/* Two lines: type, owner. False if there is no such file. */
static bool read_meta(const struct files *files, const char *token, char type[TYPE_BYTES + 1], char *owner, size_t room)
{
	char *path = path_of(files, token, ".meta");
	FILE *meta = fopen(path, "re");
	free(path);
	if (!meta)
		return false;
	bool good = fgets(type, TYPE_BYTES + 1, meta) && fgets(owner, (int)room, meta);
	fclose(meta);
	type[strcspn(type, "\n")] = '\0';
	owner[strcspn(owner, "\n")] = '\0';
	return good;
}

static bool write_meta(const struct files *files, const struct place *place)
{
	char *path = path_of(files, place->token, ".meta");
	FILE *meta = fopen(path, "we");
	bool good = meta && fprintf(meta, "%s\n%s\n", place->type, place->owner) > 0;
	good = meta && fclose(meta) == 0 && good;
	free(path);
	return good;
}

static void remove_both(const struct files *files, const char *token)
{
	static const char *const endings[] = {"", ".meta", ".part"};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		char *path = path_of(files, token, endings[i]);
		(void)unlink(path);
		free(path);
	}
}

static bool is_token(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") == TOKEN_LEN;
}

/* One file of the directory: too old, or somebody's. */
static void look_at(struct files *files, const char *name, time_t now)
{
	char token[TOKEN_LEN + 1], type[TYPE_BYTES + 1], owner[4096];
	struct stat info;
	if (!is_token(name) || name[TOKEN_LEN])
		return;
	strcpy(token, name);
	char *path = path_of(files, token, "");
	if (stat(path, &info) == 0 && read_meta(files, token, type, owner, sizeof owner)) {
		if (files->days && now - info.st_mtime > files->days * DAY_S)
			remove_both(files, token);
		else
			share_of(files, owner)->bytes += (uint64_t)info.st_size;
	}
	free(path);
}

/* Forgets what is too old, and counts what is there. */
static void sweep(void *arg)
{
	struct files *files = arg;
	uint64_t now = loop_now(files->loop);
	while (!list_empty(&files->in_time) && LIST_ITEM(files->in_time.next, struct place, node)->until <= now)
		place_end(files, LIST_ITEM(files->in_time.next, struct place, node), false);
	MAP_EACH (&files->shares, struct share, share)
		share->bytes = 0;
	LIST_EACH (&files->in_time, node) {
		struct place *place = LIST_ITEM(node, struct place, node);
		share_of(files, place->owner)->bytes += place->size;
	}
	DIR *directory = opendir(files->directory);
	time_t wall = time(NULL);
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		look_at(files, entry->d_name, wall);
	if (directory)
		closedir(directory);
}

struct files *files_new(struct loop *loop, const struct config *config, char **error)
{
	uint64_t most = (uint64_t)config_number(config, "upload.max_bytes");
	const char *directory = config_text(config, "upload.directory");
	if (!most)
		return NULL;
	struct files *files = mem_new(sizeof *files);
	files->loop = loop;
	files->directory = text_empty(directory) ? mem_printf("%s/upload", config_text(config, "service.working_dir"))
	                                         : mem_strdup(directory);
	files->most = most;
	files->quota = (uint64_t)config_number(config, "upload.quota");
	files->days = config_number(config, "upload.days");
	list_init(&files->in_time);
	if (mkdir(files->directory, 0700) < 0 && errno != EEXIST) {
		*error = mem_printf("upload.directory %s can't be made: %s", files->directory, strerror(errno));
		files_free(&files);
		return NULL;
	}
	files->sweep = timer_new(loop, sweep, files);
	sweep(files);
	timer_start(files->sweep, SWEEP_MS, SWEEP_MS);
	return files;
}

void files_free(struct files **at)
{
	struct files *files = *at;
	if (!files)
		return;
	*at = NULL;
	LIST_EACH (&files->in_time, node)
		place_end(files, LIST_ITEM(node, struct place, node), false);
	MAP_EACH (&files->shares, struct share, share)
		free(share);
	map_fini(&files->shares);
	map_fini(&files->places);
	timer_free(&files->sweep);
	free(files->directory);
	free(files);
}

uint64_t files_most(const struct files *files)
{
	return files->most;
}

/* ---- Promising ---- */

/* As a part of a URL. */
static const char *url_name(struct arena *arena, const char *name)
{
	struct str out = {0};
	const char *slash = strrchr(name, '/');
	name = slash ? slash + 1 : name;
	for (const char *at = name; *at && out.len < 3 * NAME_BYTES; at++) {
		if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
		    strchr("-._~", *at))
			str_addc(&out, *at);
		else
			str_addf(&out, "%%%02X", (unsigned char)*at);
	}
	const char *text = arena_strdup(arena, out.len ? out.data : "file");
	str_fini(&out);
	return text;
}

/* A media type, or what says nothing. */
static const char *clean_type(const char *type)
{
	size_t len = type ? strlen(type) : 0;
	bool good = len && len <= TYPE_BYTES && strchr(type, '/') &&
	            strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.+-;= \"") == len;
	return good ? type : "application/octet-stream";
}

const char *files_promise(struct files *files, const char *owner, const char *name, uint64_t size, const char *type,
                          struct arena *arena, enum s2_condition *condition, const char **text)
{
	struct share *share = share_of(files, owner);
	*condition = S2_DONE;
	if (text_empty(name) || strlen(name) > NAME_BYTES || !size) {
		*condition = S2_BAD_REQUEST;
		*text = "Say how the file is called and how large it is.";
	} else if (size > files->most) {
		*condition = S2_NOT_ACCEPTABLE;
		*text = "This file is too large.";
	} else if (files->quota && share->bytes + size > files->quota) {
		*condition = S2_RESOURCE_CONSTRAINT;
		*text = "You have uploaded too much already; older files go after some days.";
	} else if (share->places >= PLACES_OF_ONE || files->places.count >= PLACES_MOST) {
		*condition = S2_RESOURCE_CONSTRAINT;
		*text = "Too many uploads are under way. Try again in some minutes.";
	}
	if (*condition != S2_DONE) {
		share_settle(files, share);
		return NULL;
	}
	type = clean_type(type);
	size_t owner_bytes = strlen(owner) + 1, type_bytes = strlen(type) + 1;
	struct place *place = mem_new(sizeof *place + owner_bytes + type_bytes);
	place->owner = memcpy(place->texts, owner, owner_bytes);
	place->type = memcpy(place->texts + owner_bytes, type, type_bytes);
	place->size = size;
	place->until = loop_now(files->loop) + PLACE_MS;
	random_id(place->token, TOKEN_LEN);
	map_put(&files->places, place->token, place);
	list_append(&files->in_time, &place->node);
	share->bytes += size;
	share->places++;
	return arena_printf(arena, PREFIX "%s/%s", place->token, url_name(arena, name));
}

/* The token in a path of ours; false if it has none. */
static bool token_of(const char *path, char token[TOKEN_LEN + 1])
{
	size_t prefix = strlen(PREFIX);
	if (strncmp(path, PREFIX, prefix) != 0 || !is_token(path + prefix) || path[prefix + TOKEN_LEN] != '/')
		return false;
	memcpy(token, path + prefix, TOKEN_LEN);
	token[TOKEN_LEN] = '\0';
	return true;
}

/* ---- Taking ---- */

struct arrival *arrival_begin(struct files *files, const char *path, uint64_t size, unsigned *status)
{
	char token[TOKEN_LEN + 1];
	struct place *place = token_of(path, token) ? map_get(&files->places, token) : NULL;
	if (!place || place->until <= loop_now(files->loop)) {
		*status = 403;
		return NULL;
	}
	if (size != place->size) {
		*status = size > place->size ? 413 : 400;
		return NULL;
	}
	char *part = path_of(files, token, ".part");
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	free(part);
	if (fd < 0) {
		*status = errno == EEXIST ? 409 : 507;
		return NULL;
	}
	struct arrival *arrival = mem_new(sizeof *arrival);
	*arrival = (struct arrival){.files = files, .place = place, .fd = fd};
	/* Nobody else gets it, and it does not end meanwhile. */
	place->until = UINT64_MAX;
	return arrival;
}

bool arrival_write(struct arrival *arrival, const void *bytes, size_t len)
{
	if (arrival->failed || arrival->got + len > arrival->place->size ||
	    write(arrival->fd, bytes, len) != (ssize_t)len)
		arrival->failed = true;
	else
		arrival->got += len;
	return !arrival->failed;
}

static void arrival_free(struct arrival *arrival, bool kept)
{
	if (!kept)
		remove_both(arrival->files, arrival->place->token);
	place_end(arrival->files, arrival->place, kept);
	if (arrival->fd >= 0)
		close(arrival->fd);
	free(arrival);
}

unsigned arrival_end(struct arrival *arrival)
{
	struct files *files = arrival->files;
	const char *token = arrival->place->token;
	bool whole = !arrival->failed && arrival->got == arrival->place->size && write_meta(files, arrival->place);
	char *part = path_of(files, token, ".part"), *final = path_of(files, token, "");
	bool good = whole && rename(part, final) == 0;
	free(part);
	free(final);
	if (good)
		log_info("uploaded user=%s bytes=%llu", arrival->place->owner, (unsigned long long)arrival->got);
	arrival_free(arrival, good);
	return good ? 201 : whole ? 507 : 400;
}

void arrival_abort(struct arrival **at)
{
	if (*at)
		arrival_free(*at, false);
	*at = NULL;
}

/* ---- Giving ---- */

bool files_find(struct files *files, const char *path, struct file_found *found)
{
	static const char *const shown[] = {"image/png",  "image/jpeg", "image/gif", "image/webp",
	                                    "text/plain", "audio/",     "video/"};
	char token[TOKEN_LEN + 1], owner[4096];
	if (!token_of(path, token) || !read_meta(files, token, found->type, owner, sizeof owner))
		return false;
	found->path = path_of(files, token, "");
	found->shown = false;
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		found->shown |= !strncmp(found->type, shown[i], strlen(shown[i]));
	return true;
}
