/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about one contact. Given to the contact itself they know whom they are about; given to the gateway they ask.
 */
#include <string.h>

#include "spectrum/frontend/command.h"

#define FORM(name) "urn:spectrum2:" name

static void ask_person(struct dialogue *dialogue)
{
	if (!dialogue->contact)
		dialogue_field(
		    dialogue,
		    &(struct s2_field){.name = "name", .label = "Name or address of the person", .required = true});
}

/* Whom it is about; on the arena. */
static const char *person(struct dialogue *dialogue, struct arena *arena)
{
	return dialogue->contact ? dialogue->contact : command_name(dialogue, arena, dialogue_value(dialogue, "name"));
}

static void blocked(void *arg, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (dialogue && condition == S2_DONE)
		dialogue_done(dialogue, NOTE_INFO, "The network has done it.");
	else if (dialogue)
		dialogue_done(dialogue, NOTE_ERROR, "%s", text ? text : "The network refused it.");
}

static void set_blocked(struct dialogue *dialogue, bool wanted)
{
	struct arena arena = {0};
	struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	if (user)
		block_set(user, person(dialogue, &arena), wanted, blocked, dialogue_hold(dialogue));
	else
		dialogue_done(dialogue, NOTE_ERROR, "You are not logged in to the network.");
	arena_fini(&arena);
}

static void finish_block(struct dialogue *dialogue)
{
	set_blocked(dialogue, true);
}

static void finish_unblock(struct dialogue *dialogue)
{
	set_blocked(dialogue, false);
}

static void finish_remove(struct dialogue *dialogue)
{
	struct arena arena = {0};
	struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	const char *name = person(dialogue, &arena);
	const struct buddy *buddy = user && user_is_online(user) ? contact_find(user, name) : NULL;
	if (!user || !user_is_online(user)) {
		dialogue_done(dialogue, NOTE_ERROR, "You are not logged in to the network.");
	} else if (!buddy) {
		dialogue_done(dialogue, NOTE_ERROR, "There is nobody of this name among your contacts.");
	} else {
		roster_buddy_removed(dialogue->frontend, user, buddy);
		contact_remove(user, name);
		dialogue_done(dialogue, NOTE_INFO, "The contact is removed, on the network, too.");
	}
	arena_fini(&arena);
}

static const struct command commands[] = {
    {"block",
     "block",
     "Block",
     "let the network block somebody",
     FOR_LOGGED_IN,
     "features.blocking",
     FORM("block"),
     {ask_person},
     finish_block},
    {"unblock",
     "unblock",
     "Unblock",
     "let the network unblock somebody",
     FOR_LOGGED_IN,
     "features.blocking",
     FORM("unblock"),
     {ask_person},
     finish_unblock},
    {"remove-contact",
     "remove",
     "Remove the contact",
     "remove a contact, on the network, too",
     FOR_LOGGED_IN,
     NULL,
     FORM("remove-contact"),
     {ask_person},
     finish_remove},
};

const struct command *command_contact_at(size_t at)
{
	return at < sizeof commands / sizeof *commands ? &commands[at] : NULL;
}

bool command_is_of_contacts(const struct command *command)
{
	return command >= commands && command < commands + sizeof commands / sizeof *commands;
}
