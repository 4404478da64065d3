/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/xmpp/sasl_server against lib/xmpp/sasl, the client's side, and with messages that no good client sends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/xmpp/sasl.h"
#include "lib/xmpp/sasl_server.h"
#include "tests/unit/test.h"

#define NAME "user"
#define PASSWORD "pencil"
/* The example of RFC 7677. */
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static const unsigned char connection[32] = "this connection", other_connection[32] = "another one";
static struct sasl_keys keys;

static bool make(struct sasl_keys *out, const char *password)
{
	*out = (struct sasl_keys){.iterations = 4096, .salt = SALT};
	return sasl_keys_make(out, password);
}

static const struct sasl_keys *give(void *arg, const char *name)
{
	return strcmp(name, NAME) ? NULL : &keys;
}

static const struct sasl_asker asker = {give};

static void keys_are_those_of_the_rfc(void **state)
{
	assert_true(make(&keys, PASSWORD));
	assert_string_equal(keys.stored_key, STORED);
	assert_string_equal(keys.server_key, SERVER);
}

static void no_keys_of_what_clients_may_spell_in_two_ways(void **state)
{
	static const char *const odd[] = {"\xc2\xaa",
	                                  "soft\xc2\xadhyphen",
	                                  ("a\xd8\xa7"
	                                  "b"),
	                                  "\xf0\x9f\x94\x91",
	                                  "a\tb",
	                                  "\xff"};
	static const char *const fine[] = {"a b", " ", "\xc3\xa4", "x,y=z"};
	struct sasl_keys made;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_false(make(&made, odd[i]));
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		assert_true(make(&made, fine[i]));
}

/* The client's next message as base64. */
static char *say(struct sasl *client, const char *challenge, const char *password)
{
	struct str in = {0}, out = {0}, base64 = {0};
	base64_decode(&in, challenge, strlen(challenge));
	enum sasl_step step = sasl_step(client, str_text(&in), in.len, &out);
	if (step == SASL_DERIVE) {
		struct sasl_key key = *sasl_want(client);
		sasl_derive(&key, password);
		step = sasl_derived(client, &key, &out);
	}
	assert_int_equal(step, SASL_SEND);
	base64_encode(&base64, out.data, out.len);
	str_fini(&in);
	str_fini(&out);
	return str_take(&base64);
}

/* One exchange; how it ends, and whether the client takes the server's last word. */
static enum sasl_outcome exchange(enum sasl_mechanism mechanism, const unsigned char *binding, const char *name,
                                  const char *password, bool *believed)
{
	struct sasl_offer offer = {.secure = true, .exporter = true, .binding = connection};
	const char *spelled = sasl_server_mechanism_name(mechanism);
	struct sasl *client = sasl_new(spelled, &offer, name, password);
	struct sasl_server *server = sasl_server_new(mechanism, binding, &asker, NULL);
	struct str out = {0}, last = {0};
	char *message = say(client, "", password);
	enum sasl_outcome outcome = sasl_server_step(server, message, &out);
	free(message);
	*believed = false;
	if (outcome == SASL_MORE) {
		message = say(client, str_text(&out), password);
		str_clear(&out, 1000);
		outcome = sasl_server_step(server, message, &out);
		free(message);
	}
	if (outcome == SASL_PROVED) {
		base64_decode(&last, str_text(&out), out.len);
		*believed = sasl_finish(client, str_text(&last), last.len);
		assert_string_equal(sasl_server_name(server), name);
		assert_string_equal(sasl_server_authorization(server), "");
		assert_null(mechanism == SASL_PLAIN ? NULL : sasl_server_password(server));
	}
	str_fini(&out);
	str_fini(&last);
	sasl_free(&client);
	sasl_server_free(&server);
	return outcome;
}

static void exchanges(void **state)
{
	bool believed;
	assert_true(make(&keys, PASSWORD));
	assert_int_equal(exchange(SASL_SCRAM_SHA_256, NULL, NAME, PASSWORD, &believed), SASL_PROVED);
	assert_true(believed);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256, connection, NAME, PASSWORD, &believed), SASL_PROVED);
	assert_true(believed);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256_PLUS, connection, NAME, PASSWORD, &believed), SASL_PROVED);
	assert_true(believed);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256, NULL, NAME, "pencils", &believed), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256_PLUS, connection, NAME, "pencils", &believed), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256_PLUS, other_connection, NAME, PASSWORD, &believed), SASL_WRONG);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256, NULL, "nobody", PASSWORD, &believed), SASL_UNFIT);
	/* Keys that are not of this password, on the server's side alone: the client does not believe it. */
	strcpy(keys.server_key, STORED);
	assert_int_equal(exchange(SASL_SCRAM_SHA_256, NULL, NAME, PASSWORD, &believed), SASL_PROVED);
	assert_false(believed);
}

static enum sasl_outcome first(enum sasl_mechanism mechanism, const unsigned char *binding, const char *message,
                               size_t len)
{
	struct sasl_server *server = sasl_server_new(mechanism, binding, &asker, NULL);
	struct str base64 = {0}, out = {0};
	base64_encode(&base64, message, len);
	enum sasl_outcome outcome = sasl_server_step(server, str_text(&base64), &out);
	str_fini(&base64);
	str_fini(&out);
	sasl_server_free(&server);
	return outcome;
}

static void first_messages(void **state)
{
	static const struct {
		enum sasl_mechanism mechanism;
		const unsigned char *binding;
		const char *message;
		enum sasl_outcome outcome;
	} cases[] = {
	    {SASL_SCRAM_SHA_256, NULL, "n,,n=user,r=x", SASL_MORE},
	    /* It can bind, and was not told that we can: nothing wrong where we can't. */
	    {SASL_SCRAM_SHA_256, NULL, "y,,n=user,r=x", SASL_MORE},
	    {SASL_SCRAM_SHA_256, connection, "y,,n=user,r=x", SASL_UNFIT},
	    {SASL_SCRAM_SHA_256, connection, "p=tls-exporter,,n=user,r=x", SASL_UNFIT},
	    {SASL_SCRAM_SHA_256_PLUS, connection, "p=tls-exporter,,n=user,r=x", SASL_MORE},
	    {SASL_SCRAM_SHA_256_PLUS, connection, "p=tls-unique,,n=user,r=x", SASL_UNFIT},
	    {SASL_SCRAM_SHA_256_PLUS, connection, "n,,n=user,r=x", SASL_UNFIT},
	    {SASL_SCRAM_SHA_256_PLUS, connection, "y,,n=user,r=x", SASL_UNFIT},
	    {SASL_SCRAM_SHA_256, NULL, "x", SASL_MALFORMED},
	};
	assert_true(make(&keys, PASSWORD));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum sasl_outcome outcome =
		    first(cases[i].mechanism, cases[i].binding, cases[i].message, strlen(cases[i].message));
		if (outcome != cases[i].outcome)
			fail_msg("%s with %s: %d", cases[i].message, sasl_server_mechanism_name(cases[i].mechanism),
			         outcome);
	}
}

#define PLAIN(text) (text), sizeof(text) - 1

static void a_password_is_taken_as_it_comes(void **state)
{
	static const char *const passwords[] = {"x", "\xf0\x9f\x94\x91",
	                                        ("a\xd8\xa7"
	                                        "b"),
	                                        "\xc2\xaa", " "};
	for (size_t i = 0; i < sizeof passwords / sizeof *passwords; i++) {
		struct sasl_server *server = sasl_server_new(SASL_PLAIN, NULL, NULL, NULL);
		struct str message = {0}, base64 = {0}, out = {0};
		str_add(&message, "as\0user", 8);
		str_adds(&message, passwords[i]);
		base64_encode(&base64, message.data, message.len);
		assert_int_equal(sasl_server_step(server, str_text(&base64), &out), SASL_PROVED);
		assert_string_equal(sasl_server_password(server), passwords[i]);
		assert_string_equal(sasl_server_name(server), "user");
		assert_string_equal(sasl_server_authorization(server), "as");
		str_fini(&message);
		str_fini(&base64);
		str_fini(&out);
		sasl_server_free(&server);
	}
	static const struct {
		const char *message;
		size_t len;
	} malformed[] = {{PLAIN("")},
	                 {PLAIN("user")},
	                 {PLAIN("\0user")},
	                 {PLAIN("\0\0x")},
	                 {PLAIN("\0user\0x\0")},
	                 {PLAIN("\0user\0x\r\nQUIT")},
	                 {PLAIN("\0us\xff"
	                        "er\0x")},
	                 {PLAIN("\0user\0\xc3")},
	                 {PLAIN("\0user\0\x7f")},
	                 {PLAIN("\xed\xa0\x80\0user\0x")}};
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
		assert_int_equal(first(SASL_PLAIN, NULL, malformed[i].message, malformed[i].len), SASL_MALFORMED);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(keys_are_those_of_the_rfc),
    cmocka_unit_test(no_keys_of_what_clients_may_spell_in_two_ways),
    cmocka_unit_test(exchanges),
    cmocka_unit_test(first_messages),
    cmocka_unit_test(a_password_is_taken_as_it_comes),
};
RUN_TESTS(tests)
