/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: HTML as networks of libpurple send it. Whatever it is, what comes out is clean text, and XHTML that an
 * XML parser takes. */
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/markup.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool truth)
{
	if (!truth)
		abort();
}

static void replace_image(void *arg, int id, struct str *plain)
{
	str_addf(plain, "[%d]\n\x01", id);
}

static void demand_xml(const struct str *xhtml)
{
	XML_Parser parser = XML_ParserCreate("UTF-8");
	demand(XML_Parse(parser, "<body>", 6, 0) == XML_STATUS_OK);
	demand(XML_Parse(parser, str_text(xhtml), (int)xhtml->len, 0) == XML_STATUS_OK);
	demand(XML_Parse(parser, "</body>", 7, 1) == XML_STATUS_OK);
	XML_ParserFree(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	struct str plain = {0}, xhtml = {0};
	markup_read(text, &plain, &xhtml, replace_image, NULL);
	demand(utf8_xml_valid(str_text(&plain), plain.len));
	demand_xml(&xhtml);
	/* What was read can be written and read again. */
	char *html = markup_write(str_text(&plain), xhtml.data);
	str_clear(&xhtml, 0);
	str_clear(&plain, 0);
	markup_read(html, &plain, &xhtml, NULL, NULL);
	demand_xml(&xhtml);
	free(html);
	/* A body comes through unchanged but for ends of lines behind it. */
	html = markup_write(text, NULL);
	free(html);
	str_fini(&plain);
	str_fini(&xhtml);
	free(text);
	return 0;
}
