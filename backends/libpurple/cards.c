/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/cards.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/libpurple/contacts.h"
#include "backends/libpurple/icons.h"
#include "backends/libpurple/markup.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/settings.h"
#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { ANSWER_MS = 12000, PHOTO_BYTES = 300 * 1024 };

/* One that the user's client waits for. */
struct wanted {
	struct list node;
	char *name;
	char *who; /* normalized */
	uint32_t request;
	uint64_t until_ms;
};

/* What protocols call the parts of a card. */
#define PART(label, part)                               \
	{                                               \
		(label), offsetof(struct s2_card, part) \
	}
static const struct {
	const char *label;
	size_t part;
} parts[] = {
    PART("Full Name", full_name),
    PART("Name", full_name),
    PART("Real Name", full_name),
    PART("Nickname", nickname),
    PART("Nick", nickname),
    PART("Given Name", given_name),
    PART("First Name", given_name),
    PART("Family Name", family_name),
    PART("Last Name", family_name),
    PART("Birthday", birthday),
    PART("URL", url),
    PART("Homepage", url),
    PART("Description", note),
    PART("Email", email),
    PART("E-Mail", email),
    PART("Telephone", phone),
    PART("Phone", phone),
    PART("Organization Name", organisation),
    PART("Job Title", title),
    PART("Street Address", street),
    PART("Locality", city),
    PART("City", city),
    PART("Region", region),
    PART("Postal Code", postcode),
    PART("Country", country),
};
#undef PART

static const char **part_of(struct s2_card *card, const char *label)
{
	for (size_t i = 0; label && i < sizeof parts / sizeof *parts; i++)
		if (!strcasecmp(parts[i].label, label))
			return (const char **)((char *)card + parts[i].part);
	return NULL;
}

static void note_image(void *arg, int id, struct str *plain)
{
	struct s2_card *card = arg;
	PurpleStoredImage *image = purple_imgstore_find_by_id(id);
	if (!image || card->photo || purple_imgstore_get_size(image) > PHOTO_BYTES)
		return;
	card->photo = purple_imgstore_get_data(image);
	card->photo_bytes = purple_imgstore_get_size(image);
}

/* Everything in `card` is borrowed from libpurple or owned by `arena`. */
static void read_info(struct s2_card *card, struct arena *arena, PurpleNotifyUserInfo *info)
{
	for (GList *each = purple_notify_user_info_get_entries(info); each; each = each->next) {
		PurpleNotifyUserInfoEntry *entry = each->data;
		const char *value = purple_notify_user_info_entry_get_value(entry);
		const char **part = part_of(card, purple_notify_user_info_entry_get_label(entry));
		struct str plain = {0};
		if (value)
			markup_read(value, &plain, NULL, note_image, card);
		if (part && !*part && plain.len)
			*part = arena_strdup(arena, plain.data);
		str_fini(&plain);
	}
}

static void answer(struct session *session, struct wanted *wanted, PurpleNotifyUserInfo *info)
{
	PurpleBuddy *buddy = purple_find_buddy(session->account, contacts_purple_name(session->account, wanted->name));
	struct s2_card card = {.name = wanted->name};
	struct arena arena = {0};
	struct icon icon;
	if (info)
		read_info(&card, &arena, info);
	/* Anybody's words, unless they are a date. */
	if (card.birthday && strspn(card.birthday, "0123456789-") != strlen(card.birthday))
		card.birthday = NULL;
	if (!card.nickname && buddy)
		card.nickname = purple_buddy_get_alias(buddy);
	if (icon_get(&icon, buddy, wanted->name)) {
		card.photo = icon.bytes;
		card.photo_bytes = icon.len;
	}
	s2_card(session->s2, wanted->request, &card);
	icon_fini(&icon);
	arena_fini(&arena);
}

static void wanted_free(struct wanted *wanted)
{
	list_remove(&wanted->node);
	free(wanted->name);
	free(wanted->who);
	free(wanted);
}

void cards_arrived(struct session *session, const char *who, PurpleNotifyUserInfo *info)
{
	char *normal = mem_strdup(purple_normalize(session->account, who));
	LIST_EACH (&session->cards, node) {
		struct wanted *wanted = LIST_ITEM(node, struct wanted, node);
		if (strcmp(wanted->who, normal))
			continue;
		answer(session, wanted, info);
		wanted_free(wanted);
	}
	free(normal);
}

/* Nobody is left waiting: what is known without the network is something. */
static void time_passed(void *arg)
{
	struct session *session = arg;
	uint64_t now = loop_now(kit_loop());
	while (!list_empty(&session->cards)) {
		struct wanted *first = LIST_ITEM(session->cards.next, struct wanted, node);
		if (first->until_ms > now) {
			timer_start(session->cards_timer, first->until_ms - now, 0);
			return;
		}
		answer(session, first, NULL);
		wanted_free(first);
	}
}

void cards_get(struct s2_user *s2, const char *name, uint32_t request)
{
	struct session *session = session_of(s2);
	if (!session_is_online(session) || text_empty(name)) {
		s2_card(s2, request, &(struct s2_card){.name = name});
		return;
	}
	struct wanted *wanted = mem_new(sizeof *wanted);
	wanted->name = mem_strdup(name);
	wanted->who = mem_strdup(purple_normalize(session->account, contacts_purple_name(session->account, name)));
	wanted->request = request;
	wanted->until_ms = loop_now(kit_loop()) + ANSWER_MS;
	list_append(&session->cards, &wanted->node);
	if (settings.no_cards || !protocol_info(session->account)->get_info) {
		answer(session, wanted, NULL);
		wanted_free(wanted);
		return;
	}
	if (!timer_running(session->cards_timer))
		timer_start(session->cards_timer, ANSWER_MS, 0);
	uint64_t before = turn_take(session->number);
	serv_get_info(session_connection(session), contacts_purple_name(session->account, name));
	turn_give_back(before);
}

/* The picture only: libpurple has no common way to set more. */
void cards_set(struct s2_user *s2, const struct s2_card *card)
{
	struct session *session = session_of(s2);
	if (!session_is_online(session) || !protocol_info(session->account)->icon_spec.format)
		return;
	size_t most = protocol_info(session->account)->icon_spec.max_filesize;
	if (most && card->photo_bytes > most)
		return;
	uint64_t before = turn_take(session->number);
	void *copy = card->photo_bytes ? g_memdup2(card->photo, card->photo_bytes) : NULL;
	purple_buddy_icons_set_account_icon(session->account, copy, card->photo_bytes);
	turn_give_back(before);
}

void cards_init(struct session *session)
{
	list_init(&session->cards);
	session->cards_timer = timer_new(kit_loop(), time_passed, session);
}

void cards_forget(struct session *session)
{
	while (!list_empty(&session->cards))
		wanted_free(LIST_ITEM(session->cards.next, struct wanted, node));
	timer_free(&session->cards_timer);
}
