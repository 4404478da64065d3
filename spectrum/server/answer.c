/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers to IQs that a user's account is asked: by one of his clients, by the gateway (which then gets it as if it
 * had come from another server), or by a component. They may come later than the question. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/server/inside.h"

struct answer {
	struct server *server;
	char *to, *from, *id;
};

struct answer *answer_new(const struct ask *ask)
{
	struct answer *answer = mem_new(sizeof *answer);
	const char *to = element_get(ask->iq, "to");
	answer->server = ask->account->server;
	answer->to = mem_strdup(ask->session ? ask->session->full : element_get(ask->iq, "from"));
	answer->from = mem_strdup(to ? to : ask->account->jid);
	answer->id = mem_strdup(element_get(ask->iq, "id"));
	return answer;
}

static void answer_free(struct answer *answer)
{
	free(answer->to);
	free(answer->from);
	free(answer->id);
	free(answer);
}

struct server *answer_server(const struct answer *answer)
{
	return answer->server;
}

const char *answer_account(const struct answer *answer)
{
	return answer->from;
}

static struct writer *open_type(struct answer *answer, const char *type)
{
	struct writer *writer = server_write(answer->server, "iq", answer->from, answer->to, type);
	xml_attr(writer, "id", answer->id);
	return writer;
}

struct writer *answer_open(struct answer *answer)
{
	return open_type(answer, "result");
}

struct writer *answer_open_error(struct answer *answer)
{
	return open_type(answer, "error");
}

void answer_send(struct answer *answer)
{
	struct server *server = answer->server;
	struct session *session = server_session(server, answer->to);
	if (session)
		server_write_end(session);
	else if (!strcmp(answer->to, server->jid) || guest_find(server, answer->to))
		outbound_return(server, server_write_take(server));
	else
		server_write_take(server);
	answer_free(answer);
}

void answer_empty(struct answer *answer)
{
	answer_open(answer);
	answer_send(answer);
}

void answer_refuse(struct answer *answer, enum s2_condition condition, const char *text)
{
	xml_error(open_type(answer, "error"), condition, text);
	answer_send(answer);
}

void ask_result_empty(const struct ask *ask)
{
	answer_empty(answer_new(ask));
}

void ask_refuse(const struct ask *ask, enum s2_condition condition, const char *text)
{
	answer_refuse(answer_new(ask), condition, text);
}

void answer_kept(void *arg, enum keep_end end)
{
	if (end == KEEP_DONE)
		answer_empty(arg);
	else if (end == KEEP_FULL)
		answer_refuse(arg, S2_RESOURCE_CONSTRAINT, "There is no room for more.");
	else
		answer_refuse(arg, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
}
