/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TLS server of other people's make for the tests of lib/io and kit: the openssl program, which sends each line back
 * with its characters reversed; and certificates for it, all self-signed for chat.test, *.rooms.test and 127.0.0.1. */
#ifndef TESTS_UNIT_TLS_PEER_H
#define TESTS_UNIT_TLS_PEER_H

#include <stdint.h>

#include "lib/io/loop.h"

/* "good", "other", "old" (expired) and "young" (not valid yet), in a folder of their own. For cmocka's group. */
int tls_peer_make_certificates(void **state);
int tls_peer_remove_certificates(void **state);
/* The path of a certificate ("pem") or key ("key"). Valid until the fourth further call. */
const char *tls_peer_file(const char *certificate, const char *ending);

/* One server at a time; returns its port when it listens. `more` is for its command line. */
uint16_t tls_peer_start(struct loop *, const char *certificate, const char *more);
/* Runs the loop until the server has ended by itself. */
void tls_peer_wait(void);
void tls_peer_stop(void);

#endif
