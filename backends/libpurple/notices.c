/* SPDX-License-Identifier: GPL-2.0-or-later */
/* None of it has a handle for libpurple, which would keep it until somebody closes a window. */
#include "backends/libpurple/notices.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/cards.h"
#include "backends/libpurple/markup.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/sent.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define LOG_AREA "libpurple"

enum { MOST_ROWS = 50 /* of search results */ };

/* `html` is a text of libpurple that may have markup. Titles often say the same again. */
static void add_news(struct str *out, const char *html)
{
	char *plain = html ? markup_plain(html) : NULL;
	if (!text_empty(plain) && !(out->len && strstr(out->data, plain)))
		str_addf(out, "%s%s", out->len ? "\n" : "", plain);
	free(plain);
}

static void tell(struct session *session, const char *text)
{
	if (session && session->state == SESSION_ONLINE && rooms_refused(session, text))
		return;
	struct sent *sent = session && session->state == SESSION_ONLINE ? sent_named_in(session, text) : NULL;
	if (sent)
		sent_end(session, sent, S2_RECIPIENT_UNAVAILABLE, text);
	else if (session && *text)
		questions_tell(session, text);
	else
		log_info("a notice for nobody: %s", log_quote(text));
}

static void *notify_message(PurpleNotifyMsgType type, const char *title, const char *primary, const char *secondary)
{
	struct str text = {0};
	add_news(&text, title);
	add_news(&text, primary);
	add_news(&text, secondary);
	tell(session_with_turn(), str_text(&text));
	str_fini(&text);
	return NULL;
}

static void *notify_formatted(const char *title, const char *primary, const char *secondary, const char *html)
{
	struct str text = {0};
	add_news(&text, title);
	add_news(&text, primary);
	add_news(&text, secondary);
	add_news(&text, html);
	tell(session_with_turn(), str_text(&text));
	str_fini(&text);
	return NULL;
}

static struct session *session_of_connection(PurpleConnection *gc)
{
	return gc ? session_of_account(purple_connection_get_account(gc)) : session_with_turn();
}

static void *notify_emails(PurpleConnection *gc, size_t count, gboolean detailed, const char **subjects,
                           const char **froms, const char **tos, const char **urls)
{
	struct str text = {0};
	if (!count)
		return NULL;
	str_addf(&text, "New mail: %zu", count);
	for (size_t i = 0; detailed && i < count; i++) {
		str_addf(&text, "\n%s: %s", froms && froms[i] ? froms[i] : "?",
		         subjects && subjects[i] ? subjects[i] : "");
		if (urls && urls[i])
			str_addf(&text, " %s", urls[i]);
	}
	tell(session_of_connection(gc), str_text(&text));
	str_fini(&text);
	return NULL;
}

static void *notify_email(PurpleConnection *gc, const char *subject, const char *from, const char *to, const char *url)
{
	return notify_emails(gc, 1, TRUE, &subject, &from, &to, &url);
}

static void add_row(struct str *out, GList *columns, GList *row)
{
	for (GList *cell = row; cell; cell = cell->next, columns = columns ? columns->next : NULL) {
		const char *title = columns ? ((PurpleNotifySearchColumn *)columns->data)->title : NULL;
		if (!text_empty(cell->data))
			str_addf(out, "%s%s%s%s", cell == row ? "\n" : "; ", title ? title : "", title ? ": " : "",
			         (const char *)cell->data);
	}
}

static void *notify_searchresults(PurpleConnection *gc, const char *title, const char *primary, const char *secondary,
                                  PurpleNotifySearchResults *results, gpointer data)
{
	struct str text = {0};
	unsigned count = 0;
	add_news(&text, title);
	add_news(&text, primary);
	add_news(&text, secondary);
	for (GList *row = results->rows; row && count < MOST_ROWS; row = row->next, count++)
		add_row(&text, results->columns, row->data);
	tell(session_of_connection(gc), str_text(&text));
	str_fini(&text);
	purple_notify_searchresults_free(results);
	return NULL;
}

static void *notify_userinfo(PurpleConnection *gc, const char *who, PurpleNotifyUserInfo *info)
{
	struct session *session = session_of_connection(gc);
	if (session)
		cards_arrived(session, who, info);
	return NULL;
}

static void *notify_uri(const char *uri)
{
	struct session *session = session_with_turn();
	if (session)
		questions_tell(session, uri);
	return NULL;
}

void notices_prepare(void)
{
	static PurpleNotifyUiOps ops = {.notify_message = notify_message,
	                                .notify_email = notify_email,
	                                .notify_emails = notify_emails,
	                                .notify_formatted = notify_formatted,
	                                .notify_searchresults = notify_searchresults,
	                                .notify_userinfo = notify_userinfo,
	                                .notify_uri = notify_uri};
	purple_notify_set_ui_ops(&ops);
}
