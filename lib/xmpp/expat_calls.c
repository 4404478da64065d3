/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/expat_calls.h"

#include <dlfcn.h>
#include <stdbool.h>

static struct {
	bool known;
	XML_Bool (*set_reparse_deferral)(XML_Parser, XML_Bool);
	XML_Bool (*set_amplification)(XML_Parser, float);
	XML_Bool (*set_threshold)(XML_Parser, unsigned long long);
} calls;

/* POSIX has it that a pointer to data, which dlsym gives, may hold a function. */
static void find(void *call, const char *name)
{
	*(void **)call = dlsym(RTLD_DEFAULT, name);
}

static void find_calls(void)
{
	if (calls.known)
		return;
	calls.known = true;
	find(&calls.set_reparse_deferral, "XML_SetReparseDeferralEnabled");
	find(&calls.set_amplification, "XML_SetAllocTrackerMaximumAmplification");
	find(&calls.set_threshold, "XML_SetAllocTrackerActivationThreshold");
}

void expat_be_prompt(XML_Parser expat)
{
	find_calls();
	if (calls.set_reparse_deferral)
		calls.set_reparse_deferral(expat, XML_FALSE);
}

void expat_bound_memory(XML_Parser expat, unsigned long long bytes)
{
	find_calls();
	if (!calls.set_amplification || !calls.set_threshold)
		return;
	calls.set_amplification(expat, 1.0f);
	calls.set_threshold(expat, bytes);
}
