/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/hub/venue.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/utf8.h"
#include "spectrum/hub/instance.h"

#define ID_BYTES 16
#define HATS_BYTES 2048
#define SAID_LEAST 16
#define SAID_MOST 1024
#define SAID_FOR_MS 60000 /* so much later the same words are said anew */
#define HEARD_BITS 64

/* ---- Life ---- */

static void keyed(const unsigned char *key, const char *kind, const char *text, unsigned char out[EVP_MAX_MD_SIZE])
{
	struct str input = {0};
	unsigned len = 0;
	str_addf(&input, "%s%c%s", kind, 0, text);
	HMAC(EVP_sha256(), key, VENUE_KEY_BYTES, (const unsigned char *)input.data, input.len, out, &len);
	str_fini(&input);
}

struct venue *venue_enter(struct hub *hub, const char *name)
{
	struct venue *venue = map_get(&hub->venues, name);
	if (!venue) {
		unsigned char key[EVP_MAX_MD_SIZE];
		venue = mem_new(sizeof *venue);
		venue->hub = hub;
		venue->name = mem_strdup(name);
		keyed(hub->occupant_key, "room", name, key);
		memcpy(venue->key, key, sizeof venue->key);
		map_put(&hub->venues, venue->name, venue);
	}
	venue->views++;
	return venue;
}

void venue_leave(struct venue **at)
{
	struct venue *venue = *at;
	*at = NULL;
	if (--venue->views)
		return;
	map_remove(&venue->hub->venues, venue->name);
	map_fini(&venue->occupants);
	free(venue->said);
	free(venue->name);
	free(venue);
}

/* ---- Occupants ---- */

const char *occupant_text(const struct occupant *occupant, enum occupant_text which)
{
	size_t start = which ? occupant->end[which - 1] : 0;
	return start == occupant->end[which] ? "" : occupant->texts + start;
}

size_t occupant_bytes(const struct occupant *occupant)
{
	return sizeof *occupant + occupant->end[OCCUPANT_TEXTS - 1];
}

/* Where the network does not say who is behind a nickname, it is the one who is known by it already, or else the
 * nickname itself. */
static const char *find_id(struct venue *venue, const struct s2_participant *in, struct str *hex)
{
	const struct occupant *known = text_empty(in->person) ? map_get(&venue->occupants, in->nickname) : NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	if (known)
		return occupant_text(known, OCCUPANT_ID);
	if (text_empty(in->person))
		keyed(venue->key, "nickname", in->nickname, digest);
	else
		keyed(venue->key, "person", in->person, digest);
	hex_encode(hex, digest, ID_BYTES);
	return str_text(hex);
}

static void pack_hats(struct str *out, const struct s2_participant *in)
{
	for (size_t i = 0; i < in->hat_count && i < OCCUPANT_HATS_MOST; i++) {
		const char *title = in->hats[i].title ? in->hats[i].title : "";
		if (text_empty(in->hats[i].uri) || out->len + strlen(in->hats[i].uri) + strlen(title) > HATS_BYTES)
			continue;
		str_add(out, in->hats[i].uri, strlen(in->hats[i].uri) + 1);
		str_add(out, title, strlen(title) + 1);
	}
}

/* On the heap, in no table. */
static struct occupant *occupant_new(const struct s2_participant *in, const char *id)
{
	static const size_t most[OCCUPANT_TEXTS] = {1023, 1024, 1023, 1023, 64, 64, HATS_BYTES};
	struct str hats = {0};
	pack_hats(&hats, in);
	const char *const texts[OCCUPANT_TEXTS] = {
	    in->nickname, in->status_text, in->real_name, in->alias, in->icon_hash, id, hats.data};
	size_t len[OCCUPANT_TEXTS], total = 0;
	for (int i = 0; i < OCCUPANT_TEXTS; i++) {
		len[i] = i == OCCUPANT_HATS ? hats.len : texts[i] ? strlen(texts[i]) : 0;
		if (len[i] > most[i])
			len[i] = utf8_cut(texts[i], len[i], most[i]);
		total += len[i] ? len[i] + 1 : 0;
	}
	struct occupant *occupant = mem_new(sizeof *occupant + total);
	char *at = occupant->texts;
	for (int i = 0; i < OCCUPANT_TEXTS; i++) {
		if (len[i]) {
			memcpy(at, texts[i], len[i]);
			at += len[i] + 1;
		}
		occupant->end[i] = (uint16_t)(at - occupant->texts);
	}
	occupant->affiliation = (uint8_t)in->affiliation;
	occupant->role = (uint8_t)in->role;
	occupant->status = (uint8_t)in->status;
	occupant->moderator = in->flags & S2_PARTICIPANT_MODERATOR;
	str_fini(&hats);
	return occupant;
}

static bool is_the_same(const struct occupant *a, const struct occupant *b)
{
	return a->affiliation == b->affiliation && a->role == b->role && a->status == b->status &&
	       a->moderator == b->moderator && !memcmp(a->end, b->end, sizeof a->end) &&
	       !memcmp(a->texts, b->texts, a->end[OCCUPANT_TEXTS - 1]);
}

struct occupant *venue_occupant(struct venue *venue, const struct s2_participant *in, const char *id)
{
	struct str hex = {0};
	struct occupant *fresh = occupant_new(in, id ? id : find_id(venue, in, &hex));
	const char *nickname = occupant_text(fresh, OCCUPANT_NICKNAME);
	struct occupant *first = map_get(&venue->occupants, nickname), *one = first;
	str_fini(&hex);
	while (one && !is_the_same(one, fresh))
		one = one->variant;
	if (one) {
		free(fresh);
		one->views++;
		return one;
	}
	fresh->views = 1;
	if (first) {
		fresh->variant = first->variant;
		first->variant = fresh;
	} else {
		map_put(&venue->occupants, nickname, fresh);
	}
	return fresh;
}

void venue_release(struct venue *venue, struct occupant *occupant)
{
	if (--occupant->views)
		return;
	struct occupant *first = map_get(&venue->occupants, occupant_text(occupant, OCCUPANT_NICKNAME));
	if (first == occupant) {
		map_remove(&venue->occupants, occupant_text(occupant, OCCUPANT_NICKNAME));
		if (occupant->variant)
			map_put(&venue->occupants, occupant_text(occupant->variant, OCCUPANT_NICKNAME),
			        occupant->variant);
	} else {
		while (first->variant != occupant)
			first = first->variant;
		first->variant = occupant->variant;
	}
	free(occupant);
}

/* ---- What was said ---- */

static struct said *said_at(const struct venue *venue, uint64_t position)
{
	return &venue->said[position % venue->said_room];
}

static uint64_t said_begin(const struct venue *venue)
{
	return venue->said_end > venue->said_room ? venue->said_end - venue->said_room : 0;
}

void venue_listen(const struct venue *venue, struct hearing *hearing)
{
	hearing->base = venue->said_end;
	hearing->heard = 0;
	hearing->sure = venue->hub->last_number;
}

static void make_room(struct venue *venue)
{
	if (venue->said_room >= SAID_MOST || venue->said_end < venue->said_room)
		return;
	unsigned room = venue->said_room ? 2 * venue->said_room : SAID_LEAST;
	struct said *said = mem_new(room * sizeof *said);
	for (uint64_t at = said_begin(venue); at < venue->said_end; at++)
		said[at % room] = *said_at(venue, at);
	free(venue->said);
	venue->said = said;
	venue->said_room = room;
}

static bool has_heard(const struct hearing *hearing, uint64_t position)
{
	uint64_t bit = position - hearing->base;
	return bit < HEARD_BITS && hearing->heard >> bit & 1;
}

static void tell_missed(struct hearing *hearing, uint64_t behind, uint64_t before)
{
	if (hearing->missed)
		hearing->missed(hearing, behind, before);
}

/* To `base`, which is in the ring or its end; what was not heard until there is missed. */
static void advance(const struct venue *venue, struct hearing *hearing, uint64_t base)
{
	uint64_t begin = said_begin(venue);
	if (hearing->base < begin && base >= begin) {
		uint64_t before = begin < venue->said_end ? said_at(venue, begin)->number : UINT64_MAX;
		hearing->heard = begin - hearing->base < HEARD_BITS ? hearing->heard >> (begin - hearing->base) : 0;
		hearing->base = begin;
		tell_missed(hearing, hearing->sure, before);
	}
	for (; hearing->base < base; hearing->base++, hearing->heard >>= 1) {
		uint64_t number = said_at(venue, hearing->base)->number;
		if (hearing->heard & 1)
			hearing->sure = number;
		else
			tell_missed(hearing, number - 1, number + 1);
	}
}

/* The line of that mark that this view has not heard yet; the end if there is none. */
static uint64_t find_line(const struct venue *venue, const struct hearing *hearing, uint64_t mark, uint64_t now)
{
	uint64_t at = hearing->base;
	for (; at < venue->said_end; at++) {
		const struct said *said = said_at(venue, at);
		if (said->mark == mark && now - said->at <= SAID_FOR_MS && !has_heard(hearing, at))
			break;
	}
	return at;
}

static void note(const struct venue *venue, struct hearing *hearing, uint64_t position)
{
	if (position - hearing->base >= HEARD_BITS)
		advance(venue, hearing, position - HEARD_BITS + 1);
	hearing->heard |= (uint64_t)1 << (position - hearing->base);
	while (hearing->heard & 1)
		advance(venue, hearing, hearing->base + 1);
}

struct said *venue_hear(struct venue *venue, struct hearing *hearing, uint64_t mark, bool *fresh)
{
	uint64_t now = loop_now(venue->hub->loop);
	advance(venue, hearing, said_begin(venue));
	uint64_t position = find_line(venue, hearing, mark, now);
	*fresh = position == venue->said_end;
	if (*fresh) {
		make_room(venue);
		*said_at(venue, venue->said_end++) = (struct said){.mark = mark, .number = hub_next_number(venue->hub), .at = now};
		advance(venue, hearing, said_begin(venue));
	}
	note(venue, hearing, position);
	return said_at(venue, position);
}

uint32_t venue_nickname_mark(const char *nickname)
{
	return (uint32_t)hash_bytes(nickname, strlen(nickname));
}

const char *venue_author(const struct venue *venue, uint64_t mark)
{
	uint64_t at = venue->said_end;
	while (at > said_begin(venue) && said_at(venue, at - 1)->mark != mark)
		at--;
	if (at == said_begin(venue))
		return NULL;
	MAP_EACH (&venue->occupants, const struct occupant, one) {
		const char *nickname = occupant_text(one, OCCUPANT_NICKNAME);
		if (venue_nickname_mark(nickname) == said_at(venue, at - 1)->author)
			return nickname;
	}
	return NULL;
}

void venue_settle(const struct venue *venue, struct hearing *hearing, uint64_t time)
{
	uint64_t base = hearing->base > said_begin(venue) ? hearing->base : said_begin(venue);
	while (base < venue->said_end && (has_heard(hearing, base) || said_at(venue, base)->at <= time))
		base++;
	advance(venue, hearing, base);
}

uint64_t venue_heard(const struct venue *venue, const struct hearing *hearing)
{
	return hearing->base < venue->said_end ? said_at(venue, hearing->base)->number - 1 : UINT64_MAX;
}
