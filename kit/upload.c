/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kit/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "kit/http.h"
#include "kit/kit.h"
#include "kit/line.h"
#include "kit/state.h"
#include "kit/user.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#define LOG_AREA "upload"
#define SLOT_WAIT_MS 30000
#define PUT_WAIT_MS 300000
#define FILES_MOST 32 /* of one user at once */
#define ID_BYTES 16

struct upload {
	struct list node;
	struct s2_user *user;
	struct s2_file file; /* its texts and data are owned */
	char sha256[2 * 32 + 1];
	char id[ID_BYTES + 1];
	char *get; /* where it will be */
	struct timer *timer;
	struct http_call *call;
	void (*done)(struct s2_user *, void *arg, const struct s2_attachment *, const char *error);
	void *arg;
};

static struct list uploads = LIST_INIT(uploads);

static void upload_end(struct upload *upload, const char *error)
{
	struct s2_attachment attachment = {
	    .url = upload->get,
	    .mime_type = upload->file.mime_type,
	    .description = upload->file.description,
	    .name = upload->file.name,
	    .sha256 = upload->sha256,
	    .bytes = upload->file.bytes,
	    .width = upload->file.width,
	    .height = upload->file.height,
	};
	list_remove(&upload->node);
	upload->done(upload->user, upload->arg, error ? NULL : &attachment, error);
	http_cancel(&upload->call);
	timer_free(&upload->timer);
	free((char *)(uintptr_t)upload->file.name);
	free((char *)(uintptr_t)upload->file.mime_type);
	free((char *)(uintptr_t)upload->file.description);
	free((void *)(uintptr_t)upload->file.data);
	free(upload->get);
	free(upload);
}

/* ---- service.web_directory ---- */

/* By its type: whatever name a stranger gave it, it can't become a script or a page. */
static const char *extension(const char *mime_type)
{
	static const struct {
		const char *type, *extension;
	} known[] = {{"image/png", ".png"},   {"image/jpeg", ".jpg"},     {"image/gif", ".gif"},
	             {"image/webp", ".webp"}, {"audio/ogg", ".ogg"},      {"audio/mpeg", ".mp3"},
	             {"audio/mp4", ".m4a"},   {"video/mp4", ".mp4"},      {"video/webm", ".webm"},
	             {"text/plain", ".txt"},  {"application/pdf", ".pdf"}};
	for (size_t i = 0; mime_type && i < sizeof known / sizeof *known; i++) {
		if (!strcasecmp(mime_type, known[i].type))
			return known[i].extension;
	}
	return ".bin";
}

static bool write_all(const char *path, const void *data, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST; /* the same content: it is its hash */
	const char *at = data;
	while (bytes) {
		ssize_t written = write(fd, at, bytes);
		if (written <= 0)
			break;
		at += written;
		bytes -= (size_t)written;
	}
	bool good = !close(fd) && !bytes;
	if (!good)
		(void)unlink(path);
	return good;
}

/* `why` there is no slot. */
static void put_into_directory(struct upload *upload, const char *why)
{
	const char *directory = s2_config_or("service.web_directory", NULL),
	           *url = s2_config_or("service.web_url", NULL);
	if (!directory || !url) {
		upload_end(upload, why);
		return;
	}
	const char *slash = url[strlen(url) - 1] == '/' ? "" : "/", *end = extension(upload->file.mime_type);
	char *path = mem_printf("%s/%s%s", directory, upload->sha256, end);
	upload->get = mem_printf("%s%s%s%s", url, slash, upload->sha256, end);
	bool good = write_all(path, upload->file.data, upload->file.bytes);
	if (!good)
		log_warn("can't write file=%s: %s", path, strerror(errno));
	free(path);
	upload_end(upload, good ? NULL : "The gateway can't store the file.");
}

/* ---- The upload service ---- */

static void was_put(void *arg, const struct http_answer *answer)
{
	struct upload *upload = arg;
	char why[160];
	upload->call = NULL; /* it ends with this call */
	if (answer->status >= 200 && answer->status < 300) {
		upload_end(upload, NULL);
		return;
	}
	if (answer->status)
		snprintf(why, sizeof why, "The upload service of your server has refused the file (HTTP status %ld).",
		         answer->status);
	else
		snprintf(why, sizeof why, "The upload service of your server can't be reached: %s", answer->error);
	log_info("user=%s file of %zu bytes: %s", upload->user->jid, upload->file.bytes, why);
	put_into_directory(upload, why);
}

static void put(struct upload *upload, const struct s2_slot *slot)
{
	struct s2_setting headers[16];
	size_t count = 0;
	for (; count < slot->header_count && count < sizeof headers / sizeof *headers - 1; count++)
		headers[count] = slot->headers[count];
	headers[count++] = (struct s2_setting){
	    "Content-Type", text_empty(upload->file.mime_type) ? "application/octet-stream" : upload->file.mime_type};
	mem_replace(&upload->get, slot->get);
	timer_stop(upload->timer);
	upload->call = http_start(&(struct http_request){.method = "PUT",
	                                                 .url = slot->put,
	                                                 .headers = headers,
	                                                 .header_count = count,
	                                                 .body = upload->file.data,
	                                                 .body_bytes = upload->file.bytes,
	                                                 .wait_ms = PUT_WAIT_MS},
	                          was_put, upload);
}

static void slot_arrived(struct s2_user *user, const struct s2_slot *slot)
{
	LIST_EACH (&uploads, node) {
		struct upload *upload = LIST_ITEM(node, struct upload, node);
		if (upload->user != user || strcmp(upload->id, slot->id) != 0 || upload->call)
			continue;
		if (slot->condition == S2_DONE && !text_empty(slot->put) && !text_empty(slot->get))
			put(upload, slot);
		else
			put_into_directory(upload, text_empty(slot->text) ? "Your server takes no files." : slot->text);
		return;
	}
}

static void no_slot(void *arg)
{
	put_into_directory(arg, "Your server has not answered in time.");
}

static void user_gone(struct s2_user *user)
{
	LIST_EACH (&uploads, node) {
		struct upload *upload = LIST_ITEM(node, struct upload, node);
		if (upload->user == user)
			upload_end(upload, "The session with the network has ended.");
	}
}

static unsigned count_of(const struct s2_user *user)
{
	unsigned count = 0;
	LIST_EACH (&uploads, node)
		count += LIST_ITEM(node, struct upload, node)->user == user;
	return count;
}

static void too_many(void *arg)
{
	upload_end(arg, "Too many files come at once.");
}

void s2_upload(struct s2_user *user, const struct s2_file *file,
               void (*done)(struct s2_user *, void *arg, const struct s2_attachment *, const char *error), void *arg)
{
	struct upload *upload = mem_new(sizeof *upload);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct str hex = {0};
	bool full = count_of(user) >= FILES_MOST;
	upload->user = user;
	upload->file = *file;
	upload->file.name = mem_strdup(file->name);
	upload->file.mime_type = mem_strdup(file->mime_type);
	upload->file.description = mem_strdup(file->description);
	void *data = mem_new(file->bytes + 1);
	if (file->bytes)
		memcpy(data, file->data, file->bytes);
	upload->file.data = data;
	upload->done = done;
	upload->arg = arg;
	EVP_Digest(data, file->bytes, digest, &len, EVP_sha256(), NULL);
	hex_encode(&hex, digest, len);
	memcpy(upload->sha256, hex.data, sizeof upload->sha256);
	str_fini(&hex);
	random_id(upload->id, ID_BYTES);
	list_append(&uploads, &upload->node);
	upload->timer = timer_new(kit_loop(), full ? too_many : no_slot, upload);
	timer_start(upload->timer, full || !kit.extended ? 0 : SLOT_WAIT_MS, 0);
	if (full || !kit.extended)
		return;
	kit_line_write(&(struct wire_frame){.type = WIRE_SLOT_REQUEST,
	                                    .user = user->jid,
	                                    .slot = {.id = upload->id,
	                                             .name = upload->file.name,
	                                             .mime_type = upload->file.mime_type,
	                                             .bytes = upload->file.bytes}});
}

void upload_start(void)
{
	kit.slot_arrived = slot_arrived;
	kit.user_gone = user_gone;
}

void upload_stop(void)
{
	http_stop();
}
