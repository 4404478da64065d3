/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/libpurple/contacts.h"
#include "backends/libpurple/settings.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

#define LOG_AREA "libpurple"
#define NAME_LETTERS 26 /* of a file that shall not be guessed */

/* What may be published under its own type. All else becomes a file that browsers only save. */
static const struct kind {
	const char *extension, *mime_type;
	const char *magic; /* of pictures, that are known by their content */
	size_t magic_len, magic_at;
} kinds[] = {
    {"png", "image/png", "\x89PNG\r\n", 6, 0},
    {"jpg", "image/jpeg", "\xff\xd8\xff", 3, 0},
    {"gif", "image/gif", "GIF8", 4, 0},
    {"webp", "image/webp", "WEBP", 4, 8},
    {"jpeg", "image/jpeg", NULL, 0, 0},
    {"mp3", "audio/mpeg", NULL, 0, 0},
    {"ogg", "audio/ogg", NULL, 0, 0},
    {"oga", "audio/ogg", NULL, 0, 0},
    {"opus", "audio/ogg", NULL, 0, 0},
    {"m4a", "audio/mp4", NULL, 0, 0},
    {"wav", "audio/wav", NULL, 0, 0},
    {"mp4", "video/mp4", NULL, 0, 0},
    {"webm", "video/webm", NULL, 0, 0},
    {"mov", "video/quicktime", NULL, 0, 0},
    {"3gp", "video/3gpp", NULL, 0, 0},
    {"pdf", "application/pdf", NULL, 0, 0},
    {"txt", "text/plain", NULL, 0, 0},
    {"zip", "application/zip", NULL, 0, 0},
    {"bin", "application/octet-stream", NULL, 0, 0},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const struct kind *kind_of_name(const char *name)
{
	const char *dot = name ? strrchr(name, '.') : NULL;
	for (size_t i = 0; dot && i < KINDS; i++)
		if (!strcasecmp(kinds[i].extension, dot + 1))
			return &kinds[i];
	return &kinds[KINDS - 1];
}

const char *files_mime_type(const char *url)
{
	return kind_of_name(url)->mime_type;
}

static char *url_of(const char *name)
{
	bool slash = g_str_has_suffix(settings.web_url, "/");
	return mem_printf("%s%s%s", settings.web_url, slash ? "" : "/", name);
}

static char *path_of(const char *name)
{
	return mem_printf("%s/%s", settings.web_directory, name);
}

/* ---- Pictures ---- */

static const struct kind *kind_of_image(const void *bytes, size_t len)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].magic && len >= kinds[i].magic_at + kinds[i].magic_len &&
		    !memcmp((const char *)bytes + kinds[i].magic_at, kinds[i].magic, kinds[i].magic_len))
			return &kinds[i];
	return NULL;
}

char *files_publish_image(const void *bytes, size_t len)
{
	const struct kind *kind = bytes ? kind_of_image(bytes, len) : NULL;
	if (!settings.web_directory || !kind || len > settings.image_bytes)
		return NULL;
	GError *error = NULL;
	char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA1, bytes, len);
	char *name = mem_printf("%s.%s", sum, kind->extension), *path = path_of(name), *url = NULL;
	if (g_file_set_contents_full(path, bytes, (gssize)len, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error)) {
		url = url_of(name);
	} else {
		log_error("cannot write a picture: %s", error->message);
		g_error_free(error);
	}
	g_free(sum);
	free(name);
	free(path);
	return url;
}

/* ---- Transfers ---- */

/* One file that is coming; hangs on libpurple's transfer. */
struct transfer {
	char *name; /* ours */
	char *path;
	bool too_large;
	guint cancelling; /* timer */
};

static void tell(struct session *session, const PurpleXfer *xfer, const char *format, const char *why)
{
	const char *name = purple_xfer_get_filename(xfer);
	char *size = purple_str_size_to_units(purple_xfer_get_size(xfer));
	char *text = mem_printf(format, name ? name : "without a name", size, why);
	struct str clean = {0};
	utf8_clean(&clean, text, strlen(text));
	struct s2_message message = {.peer = contacts_name(session->account, xfer->who), .body = clean.data};
	s2_message(session->s2, &message);
	str_fini(&clean);
	free(text);
	g_free(size);
}

static const char *why_not(const PurpleXfer *xfer)
{
	if (!settings.web_directory)
		return "This gateway takes no files.";
	if (purple_xfer_get_size(xfer) > settings.file_bytes)
		return "It is too large for this gateway.";
	return NULL;
}

/* Somebody offers a file. */
static void offered(PurpleXfer *xfer, gpointer data)
{
	struct session *session = session_of_account(purple_xfer_get_account(xfer));
	const char *why = why_not(xfer);
	if (!session || why) {
		if (session)
			tell(session, xfer, "[A file was offered to you: %s (%s). %s]", why);
		xfer->status = PURPLE_XFER_STATUS_CANCEL_LOCAL; /* who asked looks at it */
		return;
	}
	struct transfer *transfer = mem_new(sizeof *transfer);
	char random[NAME_LETTERS + 1];
	random_id(random, NAME_LETTERS);
	transfer->name = mem_printf("%s.%s", random, kind_of_name(purple_xfer_get_filename(xfer))->extension);
	transfer->path = path_of(transfer->name);
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

static void publish(struct session *session, const PurpleXfer *xfer, const struct transfer *transfer)
{
	struct str clean = {0};
	const char *name = purple_xfer_get_filename(xfer);
	char *url = url_of(transfer->name);
	utf8_clean(&clean, name ? name : "", name ? strlen(name) : 0);
	chmod(transfer->path, 0644);
	struct s2_attachment file = {.url = url,
	                             .mime_type = files_mime_type(transfer->name),
	                             .description = text_or_null(str_text(&clean)),
	                             .name = text_or_null(str_text(&clean)),
	                             .bytes = purple_xfer_get_bytes_sent(xfer)};
	struct s2_message message = {
	    .peer = contacts_name(session->account, xfer->who), .attachments = &file, .attachment_count = 1};
	s2_message(session->s2, &message);
	str_fini(&clean);
	free(url);
}

/* The transfer is over, whatever became of it; its file is closed. */
static void destroyed(PurpleXfer *xfer)
{
	struct transfer *transfer = xfer->ui_data;
	struct session *session = session_of_account(purple_xfer_get_account(xfer));
	if (!transfer)
		return;
	if (purple_xfer_get_status(xfer) == PURPLE_XFER_STATUS_DONE && session) {
		publish(session, xfer, transfer);
	} else {
		unlink(transfer->path);
		if (session)
			tell(session, xfer, "[A file was offered to you: %s (%s). %s]",
			     transfer->too_large ? "It is too large for this gateway." : "The transfer failed.");
	}
	if (transfer->cancelling)
		purple_timeout_remove(transfer->cancelling);
	free(transfer->name);
	free(transfer->path);
	free(transfer);
	xfer->ui_data = NULL;
}

void files_forget(struct session *session)
{
	for (GList *each = purple_xfers_get_all(), *next; each; each = next) {
		PurpleXfer *xfer = each->data;
		next = each->next;
		PurpleXferStatusType status = purple_xfer_get_status(xfer);
		if (purple_xfer_get_account(xfer) != session->account)
			continue;
		if (status != PURPLE_XFER_STATUS_DONE && status != PURPLE_XFER_STATUS_CANCEL_LOCAL &&
		    status != PURPLE_XFER_STATUS_CANCEL_REMOTE)
			purple_xfer_cancel_local(xfer);
	}
}

void files_start(void)
{
	static int handle;
	static PurpleXferUiOps ops = {.destroy = destroyed, .update_progress = progressed};
	purple_xfers_set_ui_ops(&ops);
	purple_signal_connect(purple_xfers_get_handle(), "file-recv-request", &handle, PURPLE_CALLBACK(offered), NULL);
}
