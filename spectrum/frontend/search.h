/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searching for people of the network (XEP-0055). */
#ifndef SPECTRUM_FRONTEND_SEARCH_H
#define SPECTRUM_FRONTEND_SEARCH_H

#include "spectrum/frontend/dialogue.h"

/* What can be asked, and an answer to it. */
void search_get(struct request *, const struct element *payload);
void search_set(struct request *, const struct element *payload);
/* The same as a command: its step and its end. */
void search_ask(struct dialogue *);
void search_finish(struct dialogue *);

#endif
