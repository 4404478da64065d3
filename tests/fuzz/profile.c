/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: what clients say of themselves and of their users. The input is XML: the content of a vCard in either
 * form, and of a disco#info answer. What was read as a profile is written and read again: it must be the same. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "spectrum/frontend/info.h"
#include "lib/xmpp/vcard.h"

#define PHOTO_MOST 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool truth)
{
	if (!truth)
		abort();
}

static bool same(const char *a, const char *b)
{
	return text_equal(text_or_null(a), text_or_null(b));
}

static void read_profile(struct arena *arena, const char *xml, enum vcard_form form)
{
	static const char *const namespaces[] = {[VCARD_TEMP] = NS_VCARD, [VCARD_4] = NS_VCARD4};
	const struct element *vcard = parser_fragment(arena, xml, namespaces[form]);
	struct s2_card card, again;
	struct str out = {0};
	struct writer writer;
	if (!vcard || !vcard_read(arena, form, vcard, &card))
		return;
	struct s2_card *copy = vcard_copy(&card);
	demand(same(copy->full_name, card.full_name) && same(copy->note, card.note));
	free(copy);
	writer_init(&writer, &out, namespaces[form]);
	vcard_write(&writer, form, &card, PHOTO_MOST);
	writer_end(&writer);
	const struct element *whole = parser_fragment(arena, str_text(&out), namespaces[form]);
	demand(whole && whole->children && vcard_read(arena, form, whole->children, &again));
	demand(again.photo_bytes <= PHOTO_MOST);
	demand(!card.nickname || strlen(card.nickname) > 4096 || same(card.nickname, again.nickname));
	demand(!card.city || strlen(card.city) > 4096 || same(card.city, again.city));
	str_fini(&out);
}

static void read_info(struct arena *arena, const char *xml)
{
	const struct element *query = parser_fragment(arena, xml, NS_DISCO_INFO);
	struct info info;
	struct str hash = {0};
	if (!query)
		return;
	info_read(&info, arena, query);
	demand(info.identity_count <= INFO_IDENTITIES && info.feature_count <= INFO_FEATURES &&
	       info.value_count <= INFO_FIELDS);
	info_hash(&info, &hash);
	demand(hash.len == 28);
	str_fini(&hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	char *xml = mem_strndup((const char *)data, size);
	read_profile(&arena, xml, VCARD_TEMP);
	read_profile(&arena, xml, VCARD_4);
	read_info(&arena, xml);
	free(xml);
	arena_fini(&arena);
	return 0;
}
