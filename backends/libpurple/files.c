/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/files.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/libpurple/contacts.h"
#include "backends/libpurple/settings.h"
#include "backends/libpurple/turn.h"
#include "kit/upload.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

#define LOG_AREA "libpurple"
#define NAME_LETTERS 26

/* What clients may take for more than bytes: never something that a browser would run. */
static const struct {
	const char *extension, *mime_type;
} kinds[] = {
    {"png", "image/png"},   {"jpg", "image/jpeg"},      {"jpeg", "image/jpeg"}, {"gif", "image/gif"},
    {"webp", "image/webp"}, {"mp3", "audio/mpeg"},      {"ogg", "audio/ogg"},   {"oga", "audio/ogg"},
    {"opus", "audio/ogg"},  {"m4a", "audio/mp4"},       {"mp4", "video/mp4"},   {"webm", "video/webm"},
    {"txt", "text/plain"},  {"pdf", "application/pdf"},
};

static const char *type_of_name(const char *name)
{
	const char *dot = name ? strrchr(name, '.') : NULL;
	for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++)
		if (!strcasecmp(kinds[i].extension, dot + 1))
			return kinds[i].mime_type;
	return "application/octet-stream";
}

/* NULL if it is no picture. */
static const char *type_of_picture(const void *bytes, size_t len)
{
	static const struct {
		const char *magic, *mime_type;
		size_t len, at;
	} magics[] = {{"\x89PNG\r\n", "image/png", 6, 0},
	              {"\xff\xd8\xff", "image/jpeg", 3, 0},
	              {"GIF8", "image/gif", 4, 0},
	              {"WEBP", "image/webp", 4, 8}};
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (len >= magics[i].at + magics[i].len &&
		    !memcmp((const char *)bytes + magics[i].at, magics[i].magic, magics[i].len))
			return magics[i].mime_type;
	return NULL;
}

/* ---- Upload ---- */

/* What is told when a file is where it shall be; on an arena of its own. */
struct parcel {
	struct arena arena;
	struct s2_message message;
	const char *what; /* for people, if it can't be put there */
};

static struct parcel *parcel_new(const struct s2_message *message, const char *what)
{
	struct arena arena = {0};
	struct parcel *parcel = arena_alloc(&arena, sizeof *parcel);
	parcel->message = (struct s2_message){.peer = arena_strdup(&arena, message->peer),
	                                      .nickname = arena_strdup(&arena, message->nickname),
	                                      .time = message->time,
	                                      .private_ = message->private_,
	                                      .carbon = message->carbon};
	parcel->what = arena_strdup(&arena, what);
	parcel->arena = arena;
	return parcel;
}

static void uploaded(struct s2_user *s2, void *arg, const struct s2_attachment *attachment, const char *error)
{
	struct parcel *parcel = arg;
	struct session *session = session_of(s2);
	if (session && attachment) {
		parcel->message.attachments = attachment;
		parcel->message.attachment_count = 1;
		s2_message(s2, &parcel->message);
	} else if (session) {
		parcel->message.body = arena_printf(&parcel->arena, "[%s. %s]", parcel->what, error ? error : "");
		s2_message(s2, &parcel->message);
	}
	struct arena arena = parcel->arena;
	arena_fini(&arena);
}

void files_send_picture(struct session *session, const struct s2_message *message, const void *bytes, size_t len)
{
	const char *type = type_of_picture(bytes, len);
	struct parcel *parcel = parcel_new(message, "The user has sent you an image");
	struct s2_file file = {.mime_type = type, .data = bytes, .bytes = len};
	if (type && len <= settings.image_bytes)
		s2_upload(session->s2, &file, uploaded, parcel);
	else
		uploaded(session->s2, parcel, NULL,
		         type ? "It is too large for this gateway." : "It is of an unknown kind.");
}

/* ---- Transfers ---- */

/* One file that is coming; hangs on libpurple's transfer. */
struct transfer {
	char *path;
	bool too_large;
	guint cancelling; /* timer */
};

static char *directory(void)
{
	return mem_printf("%s/files", settings.home);
}

static char *describe(const PurpleXfer *xfer)
{
	const char *name = purple_xfer_get_filename(xfer);
	char *size = purple_str_size_to_units(purple_xfer_get_size(xfer));
	struct str text = {0}, clean = {0};
	str_addf(&text, "A file was sent to you: %s", name ? name : "without a name");
	if (purple_xfer_get_size(xfer))
		str_addf(&text, " (%s)", size);
	utf8_clean(&clean, text.data, text.len);
	str_fini(&text);
	g_free(size);
	return str_take(&clean);
}

static void tell_refusal(struct session *session, const PurpleXfer *xfer, const char *why)
{
	char *what = describe(xfer), *text = mem_printf("[%s. %s]", what, why);
	s2_message(session->s2, &(struct s2_message){.peer = contacts_name(session->account, xfer->who), .body = text});
	free(what);
	free(text);
}

static gboolean give_back(gpointer xfer)
{
	purple_xfer_unref(xfer);
	return FALSE;
}

/* Somebody offers a file. */
static void offered(PurpleXfer *xfer, gpointer data)
{
	/* libpurple has made a reference for whoever is asked, who has to give it back when this call is over. */
	purple_timeout_add(0, give_back, xfer);
	struct session *session = session_of_account(purple_xfer_get_account(xfer));
	if (!session || purple_xfer_get_size(xfer) > settings.file_bytes) {
		if (session)
			tell_refusal(session, xfer, "It is too large for this gateway.");
		xfer->status = PURPLE_XFER_STATUS_CANCEL_LOCAL; /* who asked looks at it */
		return;
	}
	struct transfer *transfer = mem_new(sizeof *transfer);
	char random[NAME_LETTERS + 1], *below = directory();
	random_id(random, NAME_LETTERS);
	transfer->path = mem_printf("%s/%s", below, random);
	free(below);
	xfer->ui_data = transfer;
	purple_xfer_request_accepted(xfer, transfer->path);
}

static gboolean cancel(gpointer data)
{
	PurpleXfer *xfer = data;
	struct transfer *transfer = xfer->ui_data;
	transfer->cancelling = 0;
	purple_xfer_cancel_local(xfer);
	return FALSE;
}

/* A sender may say that it is small, or not say anything. */
static void progressed(PurpleXfer *xfer, double part)
{
	struct transfer *transfer = xfer->ui_data;
	if (!transfer || transfer->too_large || purple_xfer_get_bytes_sent(xfer) <= settings.file_bytes)
		return;
	transfer->too_large = true;
	transfer->cancelling = purple_timeout_add(0, cancel, xfer);
}

static void publish(struct session *session, const PurpleXfer *xfer, const char *path)
{
	char *data = NULL, *what = describe(xfer);
	gsize len = 0;
	struct str name = {0};
	const char *given = purple_xfer_get_filename(xfer);
	utf8_clean(&name, given ? given : "", given ? strlen(given) : 0);
	if (g_file_get_contents(path, &data, &len, NULL)) {
		struct s2_message message = {.peer = contacts_name(session->account, xfer->who)};
		struct s2_file file = {.name = text_or_null(str_text(&name)),
		                       .mime_type = type_of_name(given),
		                       .description = text_or_null(str_text(&name)),
		                       .data = data,
		                       .bytes = len};
		s2_upload(session->s2, &file, uploaded, parcel_new(&message, what));
	} else {
		tell_refusal(session, xfer, "The gateway could not read it.");
	}
	g_free(data);
	free(what);
	str_fini(&name);
}

/* The transfer is over, whatever became of it; its file is closed. */
static void destroyed(PurpleXfer *xfer)
{
	struct transfer *transfer = xfer->ui_data;
	if (!transfer)
		return;
	struct session *session = session_of_account(purple_xfer_get_account(xfer));
	if (session && purple_xfer_get_status(xfer) == PURPLE_XFER_STATUS_DONE)
		publish(session, xfer, transfer->path);
	else if (session)
		tell_refusal(session, xfer,
		             transfer->too_large ? "It is too large for this gateway." : "The transfer failed.");
	(void)unlink(transfer->path);
	if (transfer->cancelling)
		purple_timeout_remove(transfer->cancelling);
	free(transfer->path);
	free(transfer);
	xfer->ui_data = NULL;
}

static bool is_over(const PurpleXfer *xfer)
{
	PurpleXferStatusType status = purple_xfer_get_status(xfer);
	return status == PURPLE_XFER_STATUS_DONE || status == PURPLE_XFER_STATUS_CANCEL_LOCAL ||
	       status == PURPLE_XFER_STATUS_CANCEL_REMOTE;
}

void files_forget(struct session *session)
{
	for (GList *each = purple_xfers_get_all(), *next; each; each = next) {
		PurpleXfer *xfer = each->data;
		next = each->next;
		if (purple_xfer_get_account(xfer) == session->account && !is_over(xfer))
			purple_xfer_cancel_local(xfer);
	}
}

/* ---- Beginning and end ---- */

void files_start(void)
{
	static int handle;
	static PurpleXferUiOps ops = {.destroy = destroyed, .update_progress = progressed};
	char *path = directory();
	if (mkdir(path, 0700) && errno != EEXIST)
		log_warn("cannot make %s, so no files can come: %s", log_quote(path), strerror(errno));
	free(path);
	purple_xfers_set_ui_ops(&ops);
	purple_signal_connect(purple_xfers_get_handle(), "file-recv-request", &handle, PURPLE_CALLBACK(offered), NULL);
	upload_start();
}

void files_stop(void)
{
	upload_stop();
}
