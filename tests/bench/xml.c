/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time to read and to write a message of 223 bytes, the most common thing on a stream. `xml read 100000` does it so
 * often; for the number of instructions run it under callgrind with two counts and take the difference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/writer.h"

#define HEADER "<stream:stream xmlns:stream='" NS_STREAMS "' xmlns='" NS_COMPONENT "' id='1'>"

static const char message[] =
    "<message to='bob%40example.com@irc.example.org/bot' from='alice@example.org/laptop' type='chat' id='a1b2c3d4'>"
    "<body>See you at the station at seven, then?</body>"
    "<active xmlns='http://jabber.org/protocol/chatstates'/></message>";

static struct str out;
static unsigned long seen;

static void on_read(void *arg, struct arena *arena, const struct element *stanza)
{
	seen += element_get(stanza, "to") != NULL;
}

static void on_copy(void *arg, struct arena *arena, const struct element *stanza)
{
	struct writer writer;
	str_clear(&out, 1 << 20);
	writer_init(&writer, &out, NS_COMPONENT);
	xml_element(&writer, stanza);
	writer_end(&writer);
	seen++;
}

static void write_message(void)
{
	struct writer writer;
	str_clear(&out, 1 << 20);
	writer_init(&writer, &out, NS_COMPONENT);
	xml_open(&writer, "message", NS_COMPONENT);
	xml_attr(&writer, "to", "bob%40example.com@irc.example.org/bot");
	xml_attr(&writer, "from", "alice@example.org/laptop");
	xml_attr(&writer, "type", "chat");
	xml_attr(&writer, "id", "a1b2c3d4");
	xml_leaf(&writer, "body", NULL, "See you at the station at seven, then?");
	xml_empty(&writer, "active", NS_CHATSTATES);
	xml_close(&writer);
	writer_end(&writer);
}

/* Stanzas come as a socket gives them: 16 KiB at a time. */
static void read_messages(unsigned long count, void (*on_stanza)(void *, struct arena *, const struct element *))
{
	struct parser_events events = {.stanza = on_stanza};
	struct parser *parser = parser_new(NULL, &events, NULL);
	struct str chunk = {0};
	parser_feed(parser, HEADER, strlen(HEADER));
	for (unsigned long i = 0; i < count; i++) {
		str_adds(&chunk, message);
		if (chunk.len >= 16384 || i + 1 == count) {
			parser_feed(parser, chunk.data, chunk.len);
			str_clear(&chunk, 32768);
		}
	}
	if (seen != count)
		abort();
	parser_free(&parser);
	str_fini(&chunk);
}

static void run(const char *what, unsigned long count)
{
	struct timespec from, to;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	seen = 0;
	if (!strcmp(what, "read"))
		read_messages(count, on_read);
	else if (!strcmp(what, "copy"))
		read_messages(count, on_copy);
	else
		for (unsigned long i = 0; i < count; i++)
			write_message();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
	printf("%-5s %7.3f us a stanza of %zu bytes\n", what, ns / 1000 / (double)count, strlen(message));
}

int main(int argc, char **argv)
{
	static const char *const all[] = {"read", "write", "copy"};
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 500000;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (argc < 2 || !strcmp(argv[1], all[i]))
			run(all[i], count);
	str_fini(&out);
	return 0;
}
