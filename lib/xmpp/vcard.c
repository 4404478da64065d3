/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/vcard.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/utf8.h"
#include "lib/base/str.h"
#include "lib/xmpp/image.h"
#include "lib/xmpp/ns.h"

#define TEXT_BYTES 4096
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Where a text stands: in an element, or in one inside of another. */
struct place {
	const char *parent, *name;
};

static const char *const namespaces[] = {[VCARD_TEMP] = NS_VCARD, [VCARD_4] = NS_VCARD4};
static const char *const elements[] = {[VCARD_TEMP] = "vCard", [VCARD_4] = "vcard"};

/* Rows with the same parent stand together. */
#define FIELD(name) offsetof(struct s2_card, name)
static const struct field {
	size_t at;
	struct place places[2]; /* by vcard_form */
} fields[] = {
    {FIELD(full_name), {{NULL, "FN"}, {"fn", "text"}}},
    {FIELD(family_name), {{"N", "FAMILY"}, {"n", "surname"}}},
    {FIELD(given_name), {{"N", "GIVEN"}, {"n", "given"}}},
    {FIELD(nickname), {{NULL, "NICKNAME"}, {"nickname", "text"}}},
    {FIELD(birthday), {{NULL, "BDAY"}, {"bday", "date"}}},
    {FIELD(street), {{"ADR", "STREET"}, {"adr", "street"}}},
    {FIELD(city), {{"ADR", "LOCALITY"}, {"adr", "locality"}}},
    {FIELD(region), {{"ADR", "REGION"}, {"adr", "region"}}},
    {FIELD(postcode), {{"ADR", "PCODE"}, {"adr", "code"}}},
    {FIELD(country), {{"ADR", "CTRY"}, {"adr", "country"}}},
    {FIELD(phone), {{"TEL", "NUMBER"}, {"tel", "text"}}},
    {FIELD(email), {{"EMAIL", "USERID"}, {"email", "text"}}},
    {FIELD(timezone), {{NULL, "TZ"}, {"tz", "text"}}},
    {FIELD(title), {{NULL, "TITLE"}, {"title", "text"}}},
    {FIELD(organisation), {{"ORG", "ORGNAME"}, {"org", "text"}}},
    {FIELD(url), {{NULL, "URL"}, {"url", "uri"}}},
    {FIELD(note), {{NULL, "DESC"}, {"note", "text"}}},
};

/* Other elements that say the same, where the usual one is missing. */
static const struct {
	size_t at;
	enum vcard_form form;
	struct place place;
	const char *prefix; /* to be cut off */
} others[] = {
    {FIELD(note), VCARD_TEMP, {NULL, "NOTE"}, NULL},
    {FIELD(phone), VCARD_4, {"tel", "uri"}, "tel:"},
    {FIELD(birthday), VCARD_4, {"bday", "text"}, NULL},
};

static const char **member(const struct s2_card *card, size_t at)
{
	return (const char **)(uintptr_t)((const char *)card + at);
}

struct s2_card *vcard_copy(const struct s2_card *card)
{
	static const size_t texts[] = {FIELD(client), FIELD(client_version)};
	size_t bytes = sizeof *card;
	for (size_t i = 0; i < COUNT(fields) + COUNT(texts); i++) {
		const char *text = *member(card, i < COUNT(fields) ? fields[i].at : texts[i - COUNT(fields)]);
		bytes += text ? strlen(text) + 1 : 0;
	}
	struct s2_card *copy = mem_new(bytes);
	char *at = (char *)(copy + 1);
	for (size_t i = 0; i < COUNT(fields) + COUNT(texts); i++) {
		size_t field = i < COUNT(fields) ? fields[i].at : texts[i - COUNT(fields)];
		const char *text = *member(card, field);
		if (!text)
			continue;
		*member(copy, field) = at;
		at = stpcpy(at, text) + 1;
	}
	return copy;
}

/* ---- Writing ---- */

static void write_texts(struct writer *writer, enum vcard_form form, const struct s2_card *card)
{
	const char *open = NULL;
	for (size_t i = 0; i < COUNT(fields); i++) {
		const char *text = *member(card, fields[i].at);
		const struct place *place = &fields[i].places[form];
		if (text_empty(text))
			continue;
		if (open && !text_equal(open, place->parent)) {
			xml_close(writer);
			open = NULL;
		}
		if (place->parent && !open)
			xml_open(writer, open = place->parent, NULL);
		xml_cut(writer, place->name, text, TEXT_BYTES);
	}
	if (open)
		xml_close(writer);
}

static void write_photo(struct writer *writer, enum vcard_form form, const struct s2_card *card, const char *type)
{
	struct str base64 = {0};
	if (form == VCARD_TEMP) {
		base64_encode(&base64, card->photo, card->photo_bytes);
		xml_open(writer, "PHOTO", NULL);
		xml_leaf(writer, "TYPE", NULL, type);
		xml_leaf(writer, "BINVAL", NULL, base64.data);
	} else {
		str_addf(&base64, "data:%s;base64,", type);
		base64_encode(&base64, card->photo, card->photo_bytes);
		xml_open(writer, "photo", NULL);
		xml_leaf(writer, "uri", NULL, base64.data);
	}
	xml_close(writer);
	str_fini(&base64);
}

/* An element of vcard-temp that a card of our vocabulary speaks about. */
static bool is_ours(const char *name)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		const struct place *place = &fields[i].places[VCARD_TEMP];
		if (!strcmp(place->parent ? place->parent : place->name, name))
			return true;
	}
	return !strcmp(name, "PHOTO") || !strcmp(name, "NOTE");
}

static void write_card(struct writer *writer, enum vcard_form form, const struct s2_card *card, size_t photo_most,
                       const struct element *old)
{
	const char *type =
	    card->photo && card->photo_bytes <= photo_most ? image_type(card->photo, card->photo_bytes) : NULL;
	xml_open(writer, elements[form], namespaces[form]);
	write_texts(writer, form, card);
	if (type)
		write_photo(writer, form, card, type);
	for (const struct element *one = old ? old->children : NULL; one; one = one->next)
		if (one->name && !is_ours(one->name))
			xml_element(writer, one);
	xml_close(writer);
}

void vcard_write(struct writer *writer, enum vcard_form form, const struct s2_card *card, size_t photo_most)
{
	write_card(writer, form, card, photo_most, NULL);
}

void vcard_write_over(struct writer *writer, const struct element *old, const struct s2_card *card, size_t photo_most)
{
	write_card(writer, VCARD_TEMP, card, photo_most, old);
}

/* ---- Reading ---- */

static const char *read_text(struct arena *arena, const struct element *vcard, const char *ns,
                             const struct place *place)
{
	const struct element *parent = place->parent ? element_child(vcard, place->parent, ns) : vcard;
	return text_or_null(element_child_text(arena, parent, place->name, ns));
}

/* The words of a user are cut as those of the network are: they go to its server, which has limits of its own. */
static const char *read_words(struct arena *arena, const struct element *vcard, const char *ns, const struct place *place)
{
	const char *text = read_text(arena, vcard, ns, place);
	size_t len = text ? strlen(text) : 0;
	return len > TEXT_BYTES ? arena_strndup(arena, text, utf8_cut(text, len, TEXT_BYTES)) : text;
}

/* The base64 of a picture; NULL if there is none. */
static const char *photo_text(struct arena *arena, enum vcard_form form, const struct element *vcard)
{
	if (form == VCARD_TEMP)
		return read_text(arena, vcard, NS_VCARD, &(struct place){"PHOTO", "BINVAL"});
	const char *uri = read_text(arena, vcard, NS_VCARD4, &(struct place){"photo", "uri"});
	const char *comma = uri && !strncmp(uri, "data:", 5) ? strstr(uri, ";base64,") : NULL;
	return comma ? text_or_null(comma + 8) : NULL;
}

static bool read_photo(struct arena *arena, const char *base64, struct s2_card *card)
{
	struct str bytes = {0};
	bool good = base64_decode(&bytes, base64, strlen(base64));
	if (good && bytes.len) {
		card->photo = arena_strndup(arena, bytes.data, bytes.len);
		card->photo_bytes = bytes.len;
	}
	str_fini(&bytes);
	return good;
}

bool vcard_read(struct arena *arena, enum vcard_form form, const struct element *vcard, struct s2_card *card)
{
	const char *ns = namespaces[form];
	*card = (struct s2_card){0};
	for (size_t i = 0; i < COUNT(fields); i++)
		*member(card, fields[i].at) = read_words(arena, vcard, ns, &fields[i].places[form]);
	for (size_t i = 0; i < COUNT(others); i++) {
		const char **text = member(card, others[i].at);
		size_t prefix = others[i].prefix ? strlen(others[i].prefix) : 0;
		if (others[i].form != form || *text)
			continue;
		*text = read_words(arena, vcard, ns, &others[i].place);
		if (prefix && *text && !strncmp(*text, others[i].prefix, prefix))
			*text = text_or_null(*text + prefix);
	}
	const char *base64 = photo_text(arena, form, vcard);
	return !base64 || read_photo(arena, base64, card);
}
