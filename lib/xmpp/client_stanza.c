/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stanzas of a client's session, out and in, and what both sides have got of them: counted by stream management
 * (XEP-0198), or shown by the answers to pings. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/client_state.h"
#include "lib/xmpp/ns.h"

#define PEN_BYTES (1u << 20) /* of a stanza whose memory is kept for the next one */
#define ASK_ID "s2-ask-"

/* The stanza that is being written: one in the process. */
static struct {
	struct client *client;
	struct writer writer;
	struct str bytes;
} pen;

/* ---- Who waits ---- */

static void token_dropped(void *arg, void *token)
{
	struct client *client = arg;
	if (client->events->dropped)
		client->events->dropped(client->arg, token);
}

static void token_acked(void *arg, void *token)
{
	struct client *client = arg;
	if (client->events->acked)
		client->events->acked(client->arg, token);
}

void client_drop_sent(struct client *client)
{
	acks_drop(&client->acks, token_dropped, client);
}

bool client_take_sent(struct client *client, uint32_t handled)
{
	return acks_take(&client->acks, handled, token_acked, client);
}

bool client_read_count(const struct element *element, uint32_t *count)
{
	const char *text = element_get(element, "h");
	char *end;
	if (text_empty(text) || strlen(text) > 10)
		return false;
	unsigned long long number = strtoull(text, &end, 10);
	*count = (uint32_t)number;
	return !*end && number <= UINT32_MAX;
}

/* ---- Coming ---- */

static void handled(struct client *client, uint32_t count)
{
	client->asking = false;
	if (!client_take_sent(client, count)) {
		mem_replace(&client->resume, NULL);
		client_fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "",
		                 "%s says that it got more than it was sent.");
	} else if (client->added != client->asked) {
		client_flush(client); /* for what was sent behind the question */
	}
}

void client_ack(struct client *client, struct arena *arena, const struct element *element)
{
	uint32_t count;
	if (client->sm && client_read_count(element, &count))
		handled(client, count);
}

void client_ack_request(struct client *client, struct arena *arena, const struct element *element)
{
	char text[64];
	if (!client->sm)
		return;
	snprintf(text, sizeof text, "<a xmlns='" NS_SM "' h='%u'/>", (unsigned)client->received);
	client_output(client, text);
}

/* The answer to a ping of ours, be it a result or an error: what was sent before it was handled before it. */
static bool ping_answered(struct client *client, const struct element *stanza)
{
	const char *id = element_get(stanza, "id"), *type = element_get(stanza, "type");
	if (!id || strncmp(id, ASK_ID, strlen(ASK_ID)) != 0 || !element_is(stanza, "iq", NULL) ||
	    (!text_equal(type, "result") && !text_equal(type, "error")))
		return false;
	if (client->asking && !client->sm && strtoul(id + strlen(ASK_ID), NULL, 10) == client->pings)
		handled(client, client->asked);
	return true;
}

void client_take_stanza(struct client *client, struct arena *arena, const struct element *stanza)
{
	client->received++;
	if (ping_answered(client, stanza))
		return;
	if (client->events->stanza)
		client->events->stanza(client->arg, arena, stanza);
}

/* ---- Going ---- */

struct writer *client_stanza(struct client *client, const char *name)
{
	assert(!pen.client);
	pen.client = client;
	writer_init(&pen.writer, &pen.bytes, NS_CLIENT);
	xml_open(&pen.writer, name, NULL);
	return &pen.writer;
}

bool client_send(struct client *client, void *token)
{
	assert(pen.client == client);
	xml_close(&pen.writer);
	writer_end(&pen.writer);
	pen.client = NULL;
	size_t limit = client->options.queue_bytes;
	bool sends = client->stage == STAGE_UP && acks_bytes(&client->acks) + pen.bytes.len <= limit;
	/* Without stream management nothing is sent again, so only who waits is noted. */
	if (sends && (client->sm || token)) {
		acks_add(&client->acks, pen.bytes.data, client->sm ? pen.bytes.len : 0, token);
		client->added++;
	}
	if (sends)
		client->events->output(client->arg, pen.bytes.data, pen.bytes.len);
	str_clear(&pen.bytes, PEN_BYTES);
	return sends;
}

void client_ask(struct client *client)
{
	char text[160];
	if (client->stage != STAGE_UP || client->asking)
		return;
	client->asking = true;
	client->asked = client->added;
	if (client->sm)
		snprintf(text, sizeof text, "<r xmlns='" NS_SM "'/>");
	else
		snprintf(text, sizeof text, "<iq type='get' id='" ASK_ID "%u'><ping xmlns='" NS_PING "'/></iq>",
		         (unsigned)++client->pings);
	client_output(client, text);
}

void client_flush(struct client *client)
{
	if (client->acks.count)
		client_ask(client);
}

bool client_is_asking(const struct client *client)
{
	return client->asking;
}
