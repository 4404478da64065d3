/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: what an IRC server may send. The first byte chooses how the rest is cut into pieces; each line is taken
 * apart and goes through everything that reads foreign text. */
#include <stdlib.h>
#include <string.h>

#include "backends/irc/address.h"
#include "backends/irc/format.h"
#include "backends/irc/isupport.h"
#include "backends/irc/line.h"
#include "backends/irc/sasl.h"
#include "backends/irc/split.h"
#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct server {
	struct isupport isupport;
	struct str sasl_pieces;
};

static void demand(bool truth)
{
	if (!truth)
		abort();
}

static void read_text(const char *text)
{
	struct str decoded = {0}, out = {0};
	format_decode(&decoded, text);
	demand(utf8_valid(str_text(&decoded), decoded.len));
	format_plain(&out, str_text(&decoded));
	demand(utf8_xml_valid(str_text(&out), out.len));
	struct split split;
	split_init(&split, str_text(&out), 20);
	const char *piece;
	for (size_t len, whole = 0; split_next(&split, &piece, &len); whole += len)
		demand(len && len <= 20 && utf8_valid(piece, len) && whole <= out.len);
	str_clear(&out, 0);
	format_xhtml(&out, str_text(&decoded));
	format_codes(&out, str_text(&decoded));
	demand(utf8_xml_valid(str_text(&out), out.len));
	str_fini(&out);
	str_fini(&decoded);
}

static bool take(void *arg, char *text)
{
	struct server *server = arg;
	size_t len = strlen(text);
	demand(len && !strpbrk(text, "\r\n") && len <= LINE_TAG_BYTES + LINE_REST_BYTES);
	struct line line;
	if (!line_parse(&line, text))
		return true;
	demand(line.count <= LINE_PARAMS && line.tag_count <= LINE_TAGS);
	for (size_t i = 0; i < line.count; i++) {
		isupport_token(&server->isupport, line.params[i]);
		isupport_target(&server->isupport, line.params[i]);
		for (const char *mode = line.params[i]; *mode; mode++)
			isupport_mode_class(&server->isupport, *mode);
		struct irc_address address;
		const char *host;
		irc_address_split(line.params[i], &host);
		if (host)
			irc_address_parse(host, &address);
	}
	struct str challenge = {0}, out = {0};
	sasl_collect(&server->sasl_pieces, line_param(&line, 0), &challenge);
	read_text(line_last(&line));
	casemap_hash(server->isupport.casemap, line.nick);
	demand(casemap_equal(server->isupport.casemap, line.nick, line.nick));
	if (line_build(&out, "PRIVMSG", line_param(&line, 0), line_last(&line), NULL))
		demand(strcspn(out.data, "\r\n") == out.len - 2);
	str_fini(&out);
	str_fini(&challenge);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct server server = {0};
	isupport_init(&server.isupport);
	struct line_reader reader = {0};
	size_t piece = data[0] ? data[0] : size;
	for (size_t at = 1; at < size; at += piece) {
		line_reader_feed(&reader, (const char *)data + at, size - at < piece ? size - at : piece, take,
		                 &server);
		demand(reader.pending.len <= LINE_TAG_BYTES + LINE_REST_BYTES);
	}
	line_reader_fini(&reader);
	str_fini(&server.sasl_pieces);
	return 0;
}
