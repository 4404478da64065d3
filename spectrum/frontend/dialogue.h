/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands as dialogues: somebody begins a command, is asked step by step, and gets a result. A command knows nothing
 * of how it reaches him: behind it stand two fronts, ad-hoc commands (adhoc.c, XEP-0050) and chat with the gateway
 * (chat.c), which turn the same steps into forms or into one question after the other.
 *
 * A dialogue belongs to who began it, and ends by its result, by him, or when he has done nothing for a while
 * (service.command_timeout). */
#ifndef SPECTRUM_FRONTEND_DIALOGUE_H
#define SPECTRUM_FRONTEND_DIALOGUE_H

#include "spectrum/frontend/inside.h"

#define DIALOGUE_FIELDS 64
#define DIALOGUE_COLUMNS 6
#define DIALOGUE_ID_BYTES 48

struct command; /* command.h */
struct dialogue;
struct dialogue_table;

/* ---- Dialogues ---- */

enum dialogue_state {
	DIALOGUE_LOADING, /* the account is looked up */
	DIALOGUE_ASKING,
	DIALOGUE_WORKING,
};
enum dialogue_note { NOTE_INFO, NOTE_WARN, NOTE_ERROR };

/* What makes a dialogue reach its owner. Only `ask` may lead to its end. */
struct dialogue_front {
	/* Show the form, from its first field on, or go on if the answers are known; `note` says what was wrong with
	 * the last answer, or is NULL. */
	void (*ask)(struct dialogue *, const char *note);
	/* The result: text, what stands in the form, and rows under columns. */
	void (*done)(struct dialogue *, enum dialogue_note, const char *text);
	/* The command can't be begun. */
	void (*refuse)(struct dialogue *, enum s2_condition, const char *text);
	/* It took too long. */
	void (*expired)(struct dialogue *);
	/* Whether something can be said now. NULL: always. */
	bool (*reachable)(const struct dialogue *);
};

struct dialogue_value {
	struct dialogue_value *next;
	char *text; /* may be a secret */
	char name[];
};

struct dialogue_row {
	struct dialogue_row *next;
	const char *cells[DIALOGUE_COLUMNS];
};

struct dialogue {
	struct list node;
	struct frontend *frontend;
	const struct dialogue_front *front;
	const struct command *command;
	char id[DIALOGUE_ID_BYTES + 1];
	char *jid;    /* bare, of its owner */
	char *client; /* resource that he speaks with; NULL: unknown */
	char *contact; /* whom the command was given to, as the network spells it; NULL: the gateway */
	enum dialogue_state state;
	uint64_t due;       /* ms, loop_now */
	struct arena arena; /* holds the account */
	struct account_info account;

	int step;             /* -1 before the first */
	unsigned asked_steps; /* bits: those before it that had something to ask */
	struct arena form_arena;
	struct s2_request form; /* what is asked, or shown at the end */
	struct s2_field fields[DIALOGUE_FIELDS];
	struct dialogue_value *values;
	unsigned column_count;
	struct s2_field columns[DIALOGUE_COLUMNS];
	struct dialogue_row *rows, **rows_end;
	bool probing, asks; /* it is found out whether a step asks anything, without showing it */
	bool awaits_login; /* working: what the network says to the log-in is the result */
	char *question;    /* id of what the network asks and the form shows; NULL: a step of the command */
	char *answered;    /* id of the question that was answered last */
	char *result;      /* ad-hoc: for the next request, as none waits for an answer; NULL: there is none */
	enum dialogue_note result_note;

	struct reply *reply;  /* ad-hoc: the request that has no answer yet */
	unsigned asked_field; /* chat: of the form */
	char *argument;       /* chat: what stood behind the command, or NULL */
};

struct dialogue_table *dialogue_table_new(struct frontend *);
/* Nobody is told. */
void dialogue_table_free(struct dialogue_table **);

/* Begins a command in the name of who sent the request. `reply` (may be NULL) is handed over. NULL if there are too
 * many dialogues; else follow with dialogue_start, after which it may be gone. */
struct dialogue *dialogue_new(const struct request *, const struct dialogue_front *, const struct command *,
                              struct reply *reply);
void dialogue_start(struct dialogue *);
/* Of this client, by id; NULL if it is not there. *ended: there was one. */
struct dialogue *dialogue_find(struct dialogue_table *, const struct jid *owner, const char *id, bool *ended);
/* The one that he has open in a chat. */
struct dialogue *dialogue_of_chat(struct dialogue_table *, const char *jid, const struct dialogue_front *);
/* He did something: it lives on. */
void dialogue_touch(struct dialogue *);

/* Takes over what was filled into a field: NULL, or why it can't be (on the arena). */
const char *dialogue_fill(struct dialogue *, struct arena *, const struct s2_field *, const char *value);
/* All fields of the form are filled in. May end it. */
void dialogue_next(struct dialogue *);
bool dialogue_has_next(struct dialogue *);
bool dialogue_has_previous(const struct dialogue *);
void dialogue_previous(struct dialogue *);
/* He does not want to go on: ends it without a word to him; the network, if it asked something, is told. */
void dialogue_cancel(struct dialogue *);

/* ---- For commands ---- */

/* In a step, or for the result: adds a field; what was filled in before is its value. */
void dialogue_field(struct dialogue *, const struct s2_field *);
/* What the form says on top. */
void dialogue_text(struct dialogue *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was filled in; "" if nothing was. */
const char *dialogue_value(const struct dialogue *, const char *name);
bool dialogue_value_true(const struct dialogue *, const char *name);
/* A table in the result: the columns (type, name, label), then row by row as many texts (copied). */
void dialogue_column(struct dialogue *, enum s2_field_type, const char *name, const char *label);
void dialogue_row(struct dialogue *, const char *const *cells);
/* The end. The dialogue is freed. */
void dialogue_done(struct dialogue *, enum dialogue_note, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The last step once more, with the reason. */
void dialogue_again(struct dialogue *, const char *reason);
/* For answers that come later: the dialogue may be gone then (NULL). A handle is used up exactly once. */
struct dialogue_handle;
struct dialogue_handle *dialogue_hold(const struct dialogue *);
struct dialogue *dialogue_resume(struct dialogue_handle *);
/* What comes of his log-in will be the result, or the next question (dialogue_login_state, dialogue_question). */
void dialogue_await_login(struct dialogue *);
/* Shows what the network asks. */
void dialogue_ask_question(struct dialogue *, const struct s2_request *);
/* XEP-0068, of the form at hand. */
const char *dialogue_form_type(const struct dialogue *);

/* ---- Out of the hub ---- */

/* News of the user's log-in to the network. */
void dialogue_login_state(struct frontend *, const char *jid, enum account_state, const char *text);
/* The network asks something: true if one of his dialogues waits for that. */
bool dialogue_question(struct frontend *, const char *jid, const struct s2_request *);
/* A question is over: true if one of his dialogues knew that. */
bool dialogue_question_end(struct frontend *, const char *jid, const char *id, enum s2_condition, const char *text);

#endif
