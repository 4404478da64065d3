/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of the gateway, for its users (command.c) and its administrators (command_admin.c): who may give them,
 * what they ask, what they do. */
#ifndef SPECTRUM_FRONTEND_COMMAND_H
#define SPECTRUM_FRONTEND_COMMAND_H

#include "spectrum/frontend/dialogue.h"

#define COMMAND_STEPS 3

enum command_access {
	FOR_ANYONE,
	FOR_REGISTERED, /* or where the network needs no registration */
	FOR_LOGGED_IN,
	FOR_ADMINS, /* service.admin_jid */
};

struct command {
	const char *node;  /* XEP-0050 */
	const char *words; /* by which a chat knows it, the best first: "add|contact"; NULL: there it has another form */
	const char *title;
	const char *help; /* one line */
	enum command_access access;
	const char *needs;     /* config key that must be true (with ! before it: must not), or NULL */
	const char *form_type; /* XEP-0068 */
	/* What each step asks, in order: text and fields by dialogue_field. One that adds no field is passed over. */
	void (*steps[COMMAND_STEPS])(struct dialogue *);
	/* All was answered. Ends the dialogue or asks again, at once or later. */
	void (*finish)(struct dialogue *);
};

/* command_admin.c: those for administrators. NULL at the end. */
const struct command *command_admin_at(size_t at);
/* All of them, in the order in which they are shown; NULL at the end. */
const struct command *command_at(size_t at);
/* Those about rooms (command_room.c). */
const struct command *command_room_at(size_t at);
/* Those about one contact, which its own address takes, too (command_contact.c). */
const struct command *command_contact_at(size_t at);
bool command_is_of_contacts(const struct command *);
/* What somebody has called a person, as the network spells it: he may have given the address that it has here. */
const char *command_name(const struct dialogue *, struct arena *, const char *said);
/* NULL if there is none. */
const struct command *command_find(const char *node);
/* By a word of a chat, case aside. */
const struct command *command_of_word(const char *word, size_t len);
/* NULL if he may give it; else why not, for people. `info` NULL: nothing is known of his account. */
const char *command_refused(struct frontend *, const struct command *, const char *jid, const struct account_info *info,
                            enum s2_condition *);

#endif
