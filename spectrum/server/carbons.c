/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Message carbons (XEP-0280): what one client of a user sends or gets, his others see, too, if they have asked for it.
 */
#include "spectrum/server/inside.h"

void carbons_enable(struct ask *ask)
{
	ask->session->carbons = true;
	ask_result_empty(ask);
}

void carbons_disable(struct ask *ask)
{
	ask->session->carbons = false;
	ask_result_empty(ask);
}

/* XEP-0280 section 6.1. */
static bool is_eligible(const struct element *message, bool sent)
{
	const char *type = element_get(message, "type");
	if (element_child(message, "private", NS_CARBONS) || element_child(message, "no-copy", NS_HINTS) ||
	    element_child(message, "received", NS_CARBONS) || element_child(message, "sent", NS_CARBONS))
		return false;
	const struct element *muc = element_child(message, "x", NS_MUC_USER);
	if (muc && !sent && !element_child(muc, "invite", NS_MUC_USER))
		return false;
	if (text_equal(type, "chat"))
		return true;
	if (type && !text_equal(type, "normal") && !text_equal(type, "error"))
		return false;
	return element_child(message, "body", NULL) || element_child(message, NULL, NS_RECEIPTS) ||
	       element_child(message, NULL, NS_MARKERS) || element_child(message, NULL, NS_CHATSTATES) || muc;
}

static void send_copy(struct session *to, const struct element *message, const char *direction)
{
	struct account *account = to->account;
	struct writer *writer =
	    server_write(account->server, "message", account->jid, to->full, element_get(message, "type"));
	xml_open(writer, direction, NS_CARBONS);
	xml_open(writer, "forwarded", NS_FORWARD);
	xml_element(writer, message);
	xml_close(writer);
	xml_close(writer);
	const struct str *bytes = server_write_take(account->server);
	session_send_message(to, bytes->data, bytes->len, MESSAGE_COPY);
}

void carbons_sent(struct account *account, const struct session *by, const struct element *message)
{
	if (!is_eligible(message, true))
		return;
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session != by && session->carbons)
			send_copy(session, message, "sent");
	}
}

unsigned carbons_received(struct account *account, const struct element *message, bool count_only)
{
	unsigned copies = 0;
	if (!is_eligible(message, false))
		return 0;
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->carbons || session->reached)
			continue;
		if (!count_only)
			send_copy(session, message, "received");
		copies++;
	}
	return copies;
}
