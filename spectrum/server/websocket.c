/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel over a WebSocket (RFC 7395): each message is one element. */
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "spectrum/server/inside.h"
#include "spectrum/server/web.h"

#define MESSAGE_BYTES (512u << 10) /* of a message in pieces; what is in it has limits of its own */
#define FINISH_SECONDS 3

struct websocket {
	struct channel channel;
	struct lws *wsi;
	struct websocket_room *room;
	struct web *web;
	struct str in;
	struct str out; /* messages: length, room for the library, bytes */
	size_t sent;    /* of it */
	bool finishing;
	char peer[80];
};

static struct websocket *websocket_of(const struct channel *channel)
{
	return LIST_ITEM(channel, struct websocket, channel);
}

static void websocket_send(struct channel *channel, const char *bytes, size_t len)
{
	struct websocket *websocket = websocket_of(channel);
	struct str *out = &websocket->out;
	str_add(out, &len, sizeof len);
	str_reserve(out, LWS_PRE);
	out->len += LWS_PRE;
	str_add(out, bytes, len);
	lws_callback_on_writable(websocket->wsi);
}

static size_t websocket_unsent(const struct channel *channel)
{
	const struct websocket *websocket = websocket_of(channel);
	return websocket->out.len - websocket->sent;
}

static void websocket_secure(struct channel *channel, struct tls *tls)
{
}

static bool websocket_is_secure(const struct channel *channel)
{
	return web_is_secure(websocket_of(channel)->web);
}

static bool websocket_binding(const struct channel *channel, unsigned char *out)
{
	return false;
}

static const char *websocket_peer(const struct channel *channel)
{
	return websocket_of(channel)->peer;
}

static void websocket_free(struct websocket *websocket)
{
	if (websocket->room)
		websocket->room->websocket = NULL;
	str_fini(&websocket->in);
	str_fini(&websocket->out);
	free(websocket);
}

/* One message at a time; false if the connection is to be closed. */
static bool write_out(struct websocket *websocket)
{
	struct str *out = &websocket->out;
	while (websocket->sent < out->len) {
		size_t len;
		memcpy(&len, out->data + websocket->sent, sizeof len);
		char *bytes = out->data + websocket->sent + sizeof len + LWS_PRE;
		if (lws_write(websocket->wsi, (unsigned char *)bytes, len, LWS_WRITE_TEXT) < (int)len)
			return false;
		websocket->sent += sizeof len + LWS_PRE + len;
		if (websocket->sent < out->len && lws_send_pipe_choked(websocket->wsi)) {
			lws_callback_on_writable(websocket->wsi);
			return true;
		}
	}
	str_clear(out, 4096);
	websocket->sent = 0;
	return !websocket->finishing;
}

static void websocket_flush(struct channel *channel)
{
	lws_callback_on_writable(websocket_of(channel)->wsi);
}

static void websocket_finish(struct channel *channel)
{
	struct websocket *websocket = websocket_of(channel);
	websocket->finishing = true;
	channel->events = NULL;
	lws_set_timeout(websocket->wsi, PENDING_FLUSH_STORED_SEND_BEFORE_CLOSE, FINISH_SECONDS);
	lws_callback_on_writable(websocket->wsi);
}

static void websocket_drop(struct channel *channel)
{
	struct websocket *websocket = websocket_of(channel);
	lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	websocket_free(websocket);
}

static const struct channel_verbs websocket_verbs = {
    .send = websocket_send,
    .unsent = websocket_unsent,
    .secure = websocket_secure,
    .is_secure = websocket_is_secure,
    .export = websocket_binding,
    .peer = websocket_peer,
    .flush = websocket_flush,
    .finish = websocket_finish,
    .free = websocket_drop,
};

/* ---- What the library tells ---- */

/* A reverse proxy on this machine says for whom it asks. */
static void find_peer(struct websocket *websocket)
{
	char text[64] = "", forwarded[64] = "";
	lws_get_peer_simple(websocket->wsi, text, sizeof text);
	const char *address = !strncmp(text, "::ffff:", 7) && strchr(text, '.') ? text + 7 : text;
	bool local = !strncmp(address, "127.", 4) || !strcmp(address, "::1");
	if (local && lws_hdr_copy(websocket->wsi, forwarded, sizeof forwarded, WSI_TOKEN_X_FORWARDED_FOR) > 0) {
		char *last = strrchr(forwarded, ',');
		last = last ? last + 1 + strspn(last + 1, " ") : forwarded;
		snprintf(websocket->peer, sizeof websocket->peer, strchr(last, ':') ? "[%s]:0" : "%s:0", last);
		return;
	}
	snprintf(websocket->peer, sizeof websocket->peer, strchr(address, ':') ? "[%s]:0" : "%s:0", address);
}

static void begin(struct web *web, struct lws *wsi, struct websocket_room *room)
{
	struct websocket *websocket = mem_new(sizeof *websocket);
	websocket->channel.verbs = &websocket_verbs;
	websocket->channel.framed = true;
	websocket->web = web;
	websocket->wsi = wsi;
	websocket->room = room;
	room->websocket = websocket;
	find_peer(websocket);
	stream_new(web_server(web), &websocket->channel);
}

static void take(struct websocket *websocket, const char *bytes, size_t len)
{
	struct channel *channel = &websocket->channel;
	str_add(&websocket->in, bytes, len);
	if (websocket->in.len > MESSAGE_BYTES) {
		channel->events->closed(channel->arg, "a message is too long");
		return;
	}
	if (!lws_is_final_fragment(websocket->wsi) || lws_remaining_packet_payload(websocket->wsi))
		return;
	struct str message = websocket->in;
	websocket->in = (struct str){0};
	channel->events->input(channel->arg, str_text(&message), message.len);
	str_fini(&message);
}

static int received(struct websocket *websocket, struct lws *wsi, const char *bytes, size_t len)
{
	if (websocket && websocket->channel.events && lws_frame_is_binary(wsi)) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, NULL, 0);
		websocket->channel.events->closed(websocket->channel.arg, "a message is binary");
		return -1;
	}
	if (websocket && websocket->channel.events)
		take(websocket, bytes, len);
	return 0;
}

static void ended(struct websocket *websocket)
{
	struct channel *channel = &websocket->channel;
	websocket->room = NULL;
	if (channel->events)
		channel->events->closed(channel->arg, "closed by the peer"); /* frees it */
	else
		websocket_free(websocket);
}

int websocket_event(struct web *web, struct lws *wsi, int reason, struct websocket_room *room, const char *bytes,
                    size_t len)
{
	struct websocket *websocket = room ? room->websocket : NULL;
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		begin(web, wsi, room);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return received(websocket, wsi, bytes, len);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return !websocket || write_out(websocket) ? 0 : -1;
	case LWS_CALLBACK_CLOSED:
		if (websocket) {
			room->websocket = NULL;
			ended(websocket);
		}
		return 0;
	default:
		return 0;
	}
}
