/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users ask of channels: to throw out, ban, promote, invite; the list of bans, the modes, the channels of a
 * server. Each order ends with exactly one answer. A PING goes behind its lines: what was not refused before its PONG
 * is done. */
#ifndef BACKENDS_IRC_ORDER_H
#define BACKENDS_IRC_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "spectrum2/backend.h"

struct network;
struct channel;
struct line;

/* About a channel that the user is in. */
void order_channel(struct channel *, const struct s2_room_order *, uint32_t request);
/* S2_ROOM_CATALOG. */
void order_catalog(struct network *, uint32_t request);
/* S2_ROOM_SEARCH: everybody whose nickname, user name or real name has `words` in it. */
void order_search(struct network *, const char *words, uint32_t request);
/* 352: one of them, perhaps. */
void order_who(struct network *, const struct line *);
/* PONG; false if the token is none of an order. */
bool order_pong(struct network *, const char *token);
/* True if the numeric refuses one. */
bool order_refuse(struct network *, const struct line *, unsigned numeric);
/* Ends all of them with this error. */
void orders_fail(struct network *, enum s2_condition, const char *text);

#endif
