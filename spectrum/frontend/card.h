/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles of people on the network, for whatever an IQ asks of them. */
#ifndef SPECTRUM_FRONTEND_CARD_H
#define SPECTRUM_FRONTEND_CARD_H

#include <stddef.h>

#include "spectrum2/types.h"

struct card_table;
struct frontend;
struct reply;
struct request;

/* Cards that the network has sent a short time ago. */
struct card_table *card_table_new(void);
void card_table_free(struct card_table **);

/* Answers with (a part of) a card, by one result or error. */
typedef void card_writer(struct reply *, const struct s2_card *);
/* Gets the profile of the contact or occupant that the request is for; refuses it if there can be none. */
void card_ask(struct request *, card_writer *);
/* Bytes of the largest picture that is passed on to clients. */
size_t card_photo_most(const struct frontend *);

#endif
