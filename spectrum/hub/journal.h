/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which messages are under way, in a file that is mapped into memory: when this process is killed, the next one finds
 * them there and tells their senders. XEP-0114 knows no acknowledgements, so nobody else could. Survives the process,
 * not the machine: nothing is synced, so a message costs two copies of its addresses and no system call. */
#ifndef SPECTRUM_HUB_JOURNAL_H
#define SPECTRUM_HUB_JOURNAL_H

#include <stddef.h>

#include "spectrum/hub/ticket.h"

struct journal;

/* Opens or makes the file, mode 0600, of twice `half_bytes`. What an earlier process left in it is handed to `left`, a
 * new ticket each, which `left` owns. NULL with errno if the file can't be used. */
struct journal *journal_open(const char *path, size_t half_bytes, void (*left)(void *arg, struct ticket *), void *arg);
/* Removes the file if nothing is under way. */
void journal_close(struct journal **);
/* Notes a ticket until journal_done. One that does not fit is left out. NULL journals are allowed. */
void journal_add(struct journal *, struct ticket *);
void journal_done(struct journal *, struct ticket *);

#endif
