/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often a password was wrong, by the address that tried and by the account that was tried: who fails too often has
 * to wait, longer each time, and the network is not asked meanwhile. */
#ifndef SPECTRUM_SERVER_ATTEMPTS_H
#define SPECTRUM_SERVER_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

struct attempts;

struct attempts *attempts_new(void);
void attempts_free(struct attempts **);
/* Milliseconds until this address, or this account, may try again; 0 = now. `now` is loop_now. */
uint64_t attempts_wait(struct attempts *, const char *address, const char *account, uint64_t now);
/* Somebody at this address has not managed to log in to this account lately. */
bool attempts_has_failed(struct attempts *, const char *address, const char *account, uint64_t now);
/* That is so, but he has guessed nothing. */
void attempts_note(struct attempts *, const char *address, const char *account, uint64_t now);
/* A password was wrong. */
void attempts_failed(struct attempts *, const char *address, const char *account, uint64_t now);
/* A password was right: the account's count begins anew, not the address's, which may try many accounts. From now on
 * what others try at the account does not keep this address away from it, until it is wrong itself. */
void attempts_succeeded(struct attempts *, const char *address, const char *account, uint64_t now);

#endif
