/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of a connection from this host. Old backends connect to a port that every local user
 * could dial as well; they get users and passwords only if the socket is held by the process that was started. */
#ifndef SPECTRUM_LINK_PEER_H
#define SPECTRUM_LINK_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* True if the other end of `fd`, a TCP or a Unix socket, belongs to our uid or to root. Otherwise *why. */
bool peer_is_trusted(int fd, const char **why);

/* True if the other end of `fd` belongs to our uid and is held by a process of session `session` (a backend leads a
 * session of its own). Otherwise *why says what was found (static text). Reads /proc. */
bool peer_is_in_session(int fd, pid_t session, const char **why);

#endif
