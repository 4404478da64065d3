/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/rsm.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/ns.h"

const char *rsm_read(struct arena *arena, const struct element *element, unsigned most, struct rsm *out)
{
	const struct element *set = element_child(element, "set", NS_RSM);
	const char *max = element_child_text(arena, set, "max", NS_RSM),
	           *before = element_child_text(arena, set, "before", NS_RSM);
	*out = (struct rsm){.after = text_or_null(element_child_text(arena, set, "after", NS_RSM)),
	                    .before = text_or_null(before),
	                    .backwards = before,
	                    .most = most};
	if (!max)
		return NULL;
	if (!*max || strspn(max, "0123456789") != strlen(max))
		return "This is no number: max.";
	unsigned long wanted = strtoul(max, NULL, 10);
	out->most = wanted < most ? (unsigned)wanted : most;
	return NULL;
}

static void write_number(struct writer *writer, const char *name, int64_t number)
{
	xml_open(writer, name, NULL);
	xml_textf(writer, "%lld", (long long)number);
	xml_close(writer);
}

void rsm_write(struct writer *writer, const char *first, const char *last, int64_t count, int64_t index)
{
	xml_open(writer, "set", NS_RSM);
	if (first) {
		xml_open(writer, "first", NULL);
		if (index >= 0)
			xml_attrf(writer, "index", "%lld", (long long)index);
		xml_text(writer, first);
		xml_close(writer);
		xml_leaf(writer, "last", NULL, last);
	}
	if (count >= 0)
		write_number(writer, "count", count);
	xml_close(writer);
}
