/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/gadu.h"

#include <string.h>

#include "backends/libpurple/session.h"

void gadu_printed(const char *text)
{
	struct session *session = session_with_turn();
	if (session && session->state == SESSION_CONNECTING &&
	    (strstr(text, "login failed") || strstr(text, "incorrect password")))
		session->password_refused = true;
}
