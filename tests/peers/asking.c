/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network whose log-in asks for more than a password; which password was given says for what. Its contact `desk` does
 * what it is told. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define SCANNED_MS 700

/* One black point. */
static const unsigned char picture[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01,
    0x48, 0xaf, 0xa4, 0x71, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

/* Somebody whose log-in is under way. */
struct applicant {
	struct s2_user *user;
	unsigned wrong;
	struct timer *scanned;
};

static const struct s2_field code_field = {.name = "code", .label = "Code", .type = S2_FIELD_PRIVATE, .required = true};
static const struct s2_option ways[] = {{"sms", "By message"}, {"app", "By the app"}};
static const struct s2_field way_field = {.name = "way",
                                          .label = "How shall the code come?",
                                          .type = S2_FIELD_LIST,
                                          .required = true,
                                          .value = "sms",
                                          .options = ways,
                                          .option_count = 2};
static const struct s2_field yes_field = {
    .name = "yes", .label = "Go on", .type = S2_FIELD_BOOLEAN, .required = true, .value = "0"};

static const struct s2_request requests[] = {
    {.id = "code",
     .title = "One more step",
     .text = "The code that was sent to your phone.",
     .fields = &code_field,
     .field_count = 1},
    {.id = "steps", .title = "How to prove it", .fields = &way_field, .field_count = 1},
    {.id = "page",
     .title = "Allow it",
     .text = "Open this page, and give the code that it shows.",
     .url = "https://network.example/allow?x=1",
     .fields = &code_field,
     .field_count = 1},
    {.id = "picture",
     .title = "Scan it",
     .text = "Scan this with the app of your phone.",
     .url = "network://login/42",
     .image = picture,
     .image_bytes = sizeof picture,
     .image_type = "image/png",
     .seconds = 60},
    {.id = "short", .title = "Quick", .fields = &code_field, .field_count = 1, .seconds = 1},
    {.id = "later", .title = "Still there?", .fields = &yes_field, .field_count = 1},
};

static const struct s2_request *request_of(const char *id)
{
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		if (!strcmp(requests[i].id, id))
			return &requests[i];
	}
	return NULL;
}

static void let_in(struct s2_user *user)
{
	s2_connected(user);
	s2_buddy(user, &(struct s2_buddy){.name = "desk"});
}

static void scanned(void *arg)
{
	let_in(((struct applicant *)arg)->user);
}

static void forget(struct s2_user *user)
{
	struct applicant *applicant = s2_user_data(user);
	timer_free(&applicant->scanned);
	free(applicant);
}

static void refuse(struct s2_user *user, enum s2_connection_error error, const char *text)
{
	forget(user);
	s2_disconnected(user, error, text);
}

static void login(struct s2_user *user, const struct s2_login *account)
{
	const struct s2_request *request = request_of(account->password);
	struct applicant *applicant = mem_new(sizeof *applicant);
	applicant->user = user;
	applicant->scanned = timer_new(kit_loop(), scanned, applicant);
	s2_user_set_data(user, applicant);
	if (!request)
		let_in(user);
	else if (!s2_ask(user, request))
		refuse(user, S2_ERROR_AUTHENTICATION_IMPOSSIBLE, "This gateway can't ask for a code.");
	else if (request->image)
		timer_start(applicant->scanned, SCANNED_MS, 0);
}

static void take_code(struct s2_user *user, const char *code)
{
	struct applicant *applicant = s2_user_data(user);
	struct s2_request again = *request_of("code");
	again.text = "This code is wrong.";
	if (!strcmp(code, "1234"))
		let_in(user);
	else if (++applicant->wrong < 3)
		s2_ask(user, &again);
	else
		refuse(user, S2_ERROR_AUTHENTICATION_FAILED, "Too many wrong codes.");
}

static void answered(struct s2_user *user, const char *id, const struct s2_setting *values, size_t count)
{
	const char *value = values && count ? values[0].value : NULL;
	if (!strcmp(id, "later")) {
		char *body = mem_printf("later: %s", value ? value : "no answer");
		s2_message(user, &(struct s2_message){.peer = "desk", .body = body});
		free(body);
		if (value)
			s2_ask_end(user, id, !strcmp(value, "1") ? S2_DONE : S2_NOT_ACCEPTABLE,
			           !strcmp(value, "1") ? "Very well." : "That is not enough.");
	} else if (!value) {
		refuse(user, S2_ERROR_AUTHENTICATION_FAILED, "No answer was given.");
	} else if (!strcmp(id, "steps")) {
		s2_ask(user, request_of(!strcmp(value, "sms") ? "code" : "page"));
	} else {
		take_code(user, value);
	}
}

static void message(struct s2_user *user, const struct s2_message *in)
{
	if (!strcmp(in->body, "KILL"))
		raise(SIGKILL);
	else if (!strcmp(in->body, "WITHDRAW"))
		s2_ask_end(user, "later", S2_GONE, "It is not needed any more.");
	else if (request_of(in->body))
		s2_ask(user, request_of(in->body));
	else
		s2_message(user, in);
}

int main(int argc, char **argv)
{
	static const struct s2_backend backend = {
	    .name = "asking_backend", .login = login, .logout = forget, .answered = answered, .message = message};
	return s2_backend_run(argc, argv, &backend);
}
