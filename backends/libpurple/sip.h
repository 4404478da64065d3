/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libpurple's plugin for SIMPLE prints about the SIP that it writes and reads. */
#ifndef BACKENDS_LIBPURPLE_SIP_H
#define BACKENDS_LIBPURPLE_SIP_H

#include <stdbool.h>
#include <stdint.h>

#include "spectrum2/types.h"

enum { SIP_REASON = 64 };

struct sip_print {
	bool sent;               /* by us; else received */
	unsigned status;         /* of an answer, 0 = a request */
	uint32_t number;         /* its place in the sequence of requests, which an answer repeats */
	bool message;            /* is or answers a MESSAGE */
	bool plain;              /* its content is plain text */
	char reason[SIP_REASON]; /* in words, of an answer: cut, and of clean text */
};

/* False if it is nothing of SIP. */
bool sip_read(const char *printed, struct sip_print *);
/* What an answer means that did not take a message. */
enum s2_condition sip_condition(unsigned status);

#endif
