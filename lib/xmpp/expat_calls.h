/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that came to expat by security updates, whatever its version number says: the library that runs may have them, and
 * the habits that they switch off, though the one of the build had not. So they are looked up at run time. */
#ifndef LIB_XMPP_EXPAT_CALLS_H
#define LIB_XMPP_EXPAT_CALLS_H

#include <expat.h>

/* Newer ones wait for more bytes before they look again at what may be the end of a token: the last stanza of a burst would
 * wait. */
void expat_be_prompt(XML_Parser);
/* It may take no more memory than it was fed with, from `bytes` on. */
void expat_bound_memory(XML_Parser, unsigned long long bytes);

#endif
