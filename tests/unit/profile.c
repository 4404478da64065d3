/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the XMPP side knows of people and clients: hashes of abilities, profiles in two forms, pictures by their names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "spectrum/frontend/avatar_cache.h"
#include "spectrum/frontend/info.h"
#include "lib/xmpp/vcard.h"
#include "tests/unit/test.h"

static void assert_hash(const struct info *info, const char *expected)
{
	struct str hash = {0};
	info_hash(info, &hash);
	assert_string_equal(hash.data, expected);
	str_fini(&hash);
}

/* The two examples of XEP-0115 section 5. */
static void hashes_are_those_of_the_specification(void **state)
{
	static const char query[] =
	    "<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#items'/>"
	    "<x xmlns='jabber:x:data' type='result'>"
	    "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
	    "<field var='ip_version'><value>ipv6</value><value>ipv4</value></field>"
	    "<field var='software_version'><value>0.11</value></field><field var='os'><value>Mac</value></field>"
	    "<field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field></x>"
	    "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
	    "<identity xml:lang='el' category='client' name='\xce\xa8 0.11' type='pc'/>"
	    "<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/caps'/>";
	struct arena arena = {0};
	struct info info = {0};
	info_add_identity(&info, "client", "pc", "Exodus 0.9.1");
	info_add_feature(&info, "http://jabber.org/protocol/muc");
	info_add_feature(&info, "http://jabber.org/protocol/disco#items");
	info_add_feature(&info, "http://jabber.org/protocol/caps");
	info_add_feature(&info, "http://jabber.org/protocol/disco#info");
	assert_hash(&info, "QgayPKawpkPSDYmwT/WM94uAlu0=");
	assert_true(info_read(&info, &arena, parser_fragment(&arena, query, NS_DISCO_INFO)));
	assert_hash(&info, "q07IKJEyjvHSyhy//CH0CxmKi8w=");
	assert_true(info_has_feature(&info, "http://jabber.org/protocol/caps"));
	assert_false(info_has_feature(&info, "http://jabber.org/protocol/cap"));
	arena_fini(&arena);
}

static void hashes_that_prove_nothing_are_told(void **state)
{
	struct arena arena = {0};
	struct str many = {0};
	struct info info;
	for (int i = 0; i < 200; i++)
		str_addf(&many, "<feature var='urn:%d'/>", i);
	assert_false(info_read(&info, &arena, parser_fragment(&arena, many.data, NS_DISCO_INFO)));
	assert_false(info_read(
	    &info, &arena,
	    parser_fragment(&arena, "<feature var='a'/><feature var='b'/><feature var='a'/>", NS_DISCO_INFO)));
	assert_false(
	    info_read(&info, &arena,
	              parser_fragment(&arena, "<identity category='a' type='b'/><identity category='a' type='b'/>",
	                              NS_DISCO_INFO)));
	assert_true(info_read(&info, &arena, NULL));
	str_fini(&many);
	arena_fini(&arena);
}

static void profiles_survive_both_forms(void **state)
{
	static const char picture[] = "\x89PNG\r\n\x1a\n\0and more";
	static const struct s2_card card = {.full_name = "Ann & Co",
	                                    .family_name = "Example",
	                                    .street = "1 Main",
	                                    .country = "X",
	                                    .note = "two\nlines",
	                                    .phone = "+1",
	                                    .photo = picture,
	                                    .photo_bytes = sizeof picture};
	static const char *const namespaces[] = {NS_VCARD, NS_VCARD4};
	struct arena arena = {0};
	for (int form = VCARD_TEMP; form <= VCARD_4; form++) {
		struct str out = {0};
		struct writer writer;
		struct s2_card back;
		writer_init(&writer, &out, NS_COMPONENT);
		vcard_write(&writer, (enum vcard_form)form, &card, sizeof picture);
		writer_end(&writer);
		const struct element *whole = parser_fragment(&arena, out.data, namespaces[form]);
		assert_true(vcard_read(&arena, (enum vcard_form)form, whole->children, &back));
		assert_string_equal(back.full_name, card.full_name);
		assert_string_equal(back.family_name, card.family_name);
		assert_string_equal(back.street, card.street);
		assert_string_equal(back.country, card.country);
		assert_string_equal(back.note, card.note);
		assert_string_equal(back.phone, card.phone);
		assert_null(back.city);
		assert_int_equal(back.photo_bytes, sizeof picture);
		assert_memory_equal(back.photo, picture, sizeof picture);
		str_clear(&out, 0);
		writer_init(&writer, &out, NS_COMPONENT);
		vcard_write(&writer, (enum vcard_form)form, &card, sizeof picture - 1);
		writer_end(&writer);
		assert_null(strstr(out.data, "base64"));
		assert_null(strstr(out.data, "PHOTO"));
		str_fini(&out);
	}
	arena_fini(&arena);
}

static void pictures_are_what_their_first_bytes_say(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *type;
	} cases[] = {{"\x89PNG\r\n\x1a\n", 8, "image/png"}, {"\x89PNG\r\n\x1a", 7, NULL},
	             {"\xff\xd8\xff\xe0", 4, "image/jpeg"}, {"GIF89a", 6, "image/gif"},
	             {"RIFF....WEBP", 12, "image/webp"},    {"RIFF....WAVE", 12, NULL},
	             {"<svg xmlns='x'/>", 16, NULL},        {"", 0, NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *type = image_type(cases[i].bytes, cases[i].len);
		if (cases[i].type)
			assert_string_equal(type, cases[i].type);
		else
			assert_null(type);
	}
	char hash[IMAGE_HASH_BYTES];
	image_hash("abc", 3, hash);
	assert_string_equal(hash, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static struct config *configuration(const char *memory)
{
	struct str errors = {0}, warnings = {0};
	const struct config_override overrides[] = {{"avatars.disk_bytes", "0"}, {"avatars.memory_bytes", memory}};
	struct config *config = config_load(NULL, NULL, overrides, 2, &errors, &warnings);
	assert_non_null(config);
	str_fini(&errors);
	str_fini(&warnings);
	return config;
}

static void names_of_pictures_are_each_persons_own(void **state)
{
	struct loop *loop = loop_new();
	struct config *config = configuration("1000");
	struct avatar_cache *cache = avatar_cache_new(loop, config);
	static const char hash[] = "a9993e364706816aba3e25717850c26c9cd0d89d";
	assert_string_equal(avatar_cache_resolve(cache, "ann", ""), "");
	assert_string_equal(avatar_cache_resolve(cache, "ann", hash), hash);
	assert_null(avatar_cache_resolve(cache, "ann", "picture-17"));
	avatar_cache_note(cache, "ann", "picture-17", hash);
	assert_string_equal(avatar_cache_resolve(cache, "ann", "picture-17"), hash);
	assert_null(avatar_cache_resolve(cache, "ben", "picture-17"));
	avatar_cache_note(cache, "ann", "picture-17", "");
	assert_string_equal(avatar_cache_resolve(cache, "ann", "picture-17"), "");
	char name[32];
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "picture-%d", i);
		avatar_cache_note(cache, "cat", name, hash);
	}
	assert_null(avatar_cache_resolve(cache, "cat", "picture-0"));
	assert_string_equal(avatar_cache_resolve(cache, "cat", "picture-4999"), hash);
	avatar_cache_free(&cache);
	config_free(&config);
	loop_free(&loop);
}

static void memory_has_a_limit(void **state)
{
	struct loop *loop = loop_new();
	struct config *config = configuration("1000");
	struct avatar_cache *cache = avatar_cache_new(loop, config);
	char bytes[300] = "GIF89a", first[IMAGE_HASH_BYTES], last[IMAGE_HASH_BYTES];
	for (int i = 0; i < 10; i++) {
		bytes[20] = (char)i;
		const struct avatar *avatar = avatar_cache_put(cache, bytes, sizeof bytes);
		assert_int_equal(avatar->len, sizeof bytes);
		memcpy(i ? last : first, avatar->hash, IMAGE_HASH_BYTES);
	}
	assert_null(avatar_cache_find(cache, first));
	assert_memory_equal(avatar_cache_find(cache, last)->bytes, bytes, sizeof bytes);
	assert_null(avatar_cache_put(cache, "no picture", 10));
	assert_null(avatar_cache_put(cache, NULL, 0));
	avatar_cache_free(&cache);
	config_free(&config);
	loop_free(&loop);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(hashes_are_those_of_the_specification),
    cmocka_unit_test(hashes_that_prove_nothing_are_told),
    cmocka_unit_test(profiles_survive_both_forms),
    cmocka_unit_test(pictures_are_what_their_first_bytes_say),
    cmocka_unit_test(names_of_pictures_are_each_persons_own),
    cmocka_unit_test(memory_has_a_limit),
};
RUN_TESTS(tests)
