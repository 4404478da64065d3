/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text commands as IRC people type them: "/whois bob", "/mode +m", "/raw ..." in a room, to a person, or to the server
 * itself. What the server answers is told where the command was given. */
#ifndef BACKENDS_IRC_COMMAND_H
#define BACKENDS_IRC_COMMAND_H

#include <stdbool.h>

#include "spectrum2/backend.h"

struct network;
struct channel;
struct line;

/* Carries the message out if it is a command (then its result was told, or will be), else false. `channel` is the room
 * that it was written in, NULL elsewhere. "//x" is no command: see command_text. */
bool command_run(struct network *, struct channel *, const struct s2_message *);
/* Written to the server itself: a command, or a line that goes there as it is. */
void command_run_raw(struct network *, const struct s2_message *);
/* The body without the first of two slashes in front. */
const char *command_text(const char *body);
/* A numeric that nobody else wants: tells it if a command was given a moment ago. */
bool command_answer(struct network *, const struct line *);

#endif
