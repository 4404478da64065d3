/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/hub/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

static const char *put(char **at, const char *text)
{
	if (!text)
		return NULL;
	char *copy = *at;
	*at = stpcpy(copy, text) + 1;
	return copy;
}

struct ticket *ticket_new(const char *from, const char *to, const char *id, const char *type)
{
	size_t bytes = strlen(from) + 1 + strlen(to) + 1 + (id ? strlen(id) + 1 : 0);
	struct ticket *ticket = mem_new(sizeof *ticket + bytes);
	char *at = (char *)(ticket + 1);
	ticket->from = put(&at, from);
	ticket->to = put(&at, to);
	ticket->id = put(&at, id);
	ticket->type = type;
	return ticket;
}

void ticket_free(struct ticket *ticket)
{
	free(ticket);
}
