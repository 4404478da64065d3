/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libpurple and its protocols want to show in a window of its own (PurpleNotifyUiOps): told in words by the
 * contact that speaks for the network, or to whom the words are an answer. */
#ifndef BACKENDS_LIBPURPLE_NOTICES_H
#define BACKENDS_LIBPURPLE_NOTICES_H

/* Before purple_core_init. */
void notices_prepare(void);

#endif
