/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/simple.h"

#include <stdlib.h>

#include "backends/libpurple/protocol.h"
#include "backends/libpurple/sent.h"
#include "backends/libpurple/sip.h"
#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { NUDGE_MS = 100 };

/* Of all that TCP brings at once the plugin takes one message, and the next one when more comes. So the server is asked
 * for more: it answers two empty lines with one. */
static void nudge(void *arg)
{
	struct session *session = arg;
	static const char lines[] = "\r\n\r\n";
	if (!session_is_online(session))
		return;
	uint64_t before = turn_take(session->number);
	protocol_info(session->account)->send_raw(session_connection(session), lines, sizeof lines - 1);
	turn_give_back(before);
}

static void nudge_soon(struct session *session)
{
	if (purple_account_get_bool(session->account, "udp", FALSE))
		return;
	if (!session->nudge)
		session->nudge = timer_new(kit_loop(), nudge, session);
	if (!timer_running(session->nudge))
		timer_start(session->nudge, NUDGE_MS, 0);
}

void simple_forget(struct session *session)
{
	timer_free(&session->nudge);
}

void simple_printed(const char *text)
{
	struct sip_print print;
	struct session *session = session_with_turn();
	if (!session_is_online(session) || !sip_read(text, &print))
		return;
	if (!print.sent)
		nudge_soon(session);
	if (!print.message)
		return;
	if (print.sent && !print.status && print.plain) {
		sent_await(session, print.number);
	} else if (!print.sent && print.status >= 200 && print.status < 300) {
		sent_answered(session, print.number, S2_DONE, NULL);
	} else if (!print.sent && print.status >= 300 && print.status != 401 && print.status != 407) {
		/* Those two ask for the password, which the plugin then sends. */
		char *words = mem_printf("The SIP server answered: %u %s.", print.status, print.reason);
		sent_answered(session, print.number, sip_condition(print.status), words);
		free(words);
	}
}
