/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user has changed among his contacts and the backend has not read yet. What it says of them meanwhile was
 * said before it knew, and would bring back an old name, or somebody who was removed. contact.c asks. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/jid.h"
#include "spectrum/hub/user.h"

#define ECHOES_MOST 256

struct echo {
	struct echo *next; /* older */
	uint64_t mark;
	bool removed;
	char name[]; /* folded */
};

/* The backend reads in order: what is behind one that it has read is read, too. */
static void forget_read(struct user *user)
{
	struct echo **at = &user->echoes;
	for (unsigned count = 0; *at && !link_has_read(&user->seat, (*at)->mark) && count < ECHOES_MOST; count++)
		at = &(*at)->next;
	while (*at) {
		struct echo *echo = *at;
		*at = echo->next;
		free(echo);
	}
}

void echo_forget_all(struct user *user)
{
	while (user->echoes) {
		struct echo *echo = user->echoes;
		user->echoes = echo->next;
		free(echo);
	}
}

void echo_expect(struct user *user, const char *name, bool removed)
{
	struct arena arena = {0};
	const char *folded = jid_fold(&arena, name);
	struct echo *echo = mem_new(sizeof *echo + strlen(folded) + 1);
	forget_read(user);
	echo->next = user->echoes;
	echo->mark = link_mark(&user->seat);
	echo->removed = removed;
	strcpy(echo->name, folded);
	user->echoes = echo;
	arena_fini(&arena);
}

enum echo_kind echo_is_due(struct user *user, const char *name)
{
	if (!user->echoes)
		return ECHO_NONE;
	struct arena arena = {0};
	const char *folded = jid_fold(&arena, name);
	forget_read(user);
	const struct echo *echo = user->echoes;
	while (echo && strcmp(echo->name, folded) != 0)
		echo = echo->next;
	arena_fini(&arena);
	return !echo ? ECHO_NONE : echo->removed ? ECHO_REMOVED : ECHO_CHANGED;
}
