/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms as XEP-0045 shows them: joining and leaving, occupants with affiliation, role and status codes, groupchat,
 * subject, errors. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/xmpp/parser.h"
#include "spectrum/frontend/muc.h"
#include "spectrum/hub/address.h"

#define ROOM_REMOVED (ROOM_KICKED | ROOM_BANNED | ROOM_NOT_MEMBER | ROOM_MEMBERS_ONLY)

/* ---- In ---- */

/* A number that is not negative, else -1. */
static int read_number(const struct element *element, const char *attribute)
{
	const char *text = element ? element_get(element, attribute) : NULL;
	if (text_empty(text) || strspn(text, "0123456789") != strlen(text))
		return -1;
	long long number = strtoll(text, NULL, 10);
	return number > INT_MAX ? INT_MAX : (int)number;
}

static void read_history(struct request *request, const struct element *history, struct room_history *limits)
{
	const char *since = history ? element_get(history, "since") : NULL;
	int seconds = read_number(history, "seconds");
	int64_t now = clock_wall_ms(), ago = now - (int64_t)seconds * 1000;
	limits->stanzas = read_number(history, "maxstanzas");
	limits->chars = read_number(history, "maxchars");
	limits->since = since ? clock_parse(since) : 0;
	if (seconds >= 0 && limits->since < ago)
		limits->since = ago;
	if (seconds == 0)
		limits->stanzas = 0;
}

void muc_join(struct request *request, const struct element *x)
{
	const char *password = element_child_text(request->arena, x, "password", NULL);
	if (!*request->to.resource) {
		stanza_refuse(request, S2_JID_MALFORMED, "Join a room under a nickname: room@gateway/nickname.");
		return;
	}
	struct room_entry entry = {
	    .node = request->to.node, .nickname = request->to.resource, .password = text_or_null(password)};
	read_history(request, element_child(x, "history", NS_MUC), &entry.history);
	room_join(request->frontend->hub, request->from.bare, request->from.resource, &entry);
}

/* ---- Out ---- */

static void write_item(struct frontend *frontend, struct writer *writer, const struct s2_participant *value,
                       const char *real_jid, unsigned codes)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "affiliation", codes & ROOM_BANNED ? "outcast" : rank_affiliation(value));
	xml_attr(writer, "role", rank_role(value));
	xml_attr(writer, "jid", real_jid);
	if (codes & ROOM_RENAMED)
		xml_attr(writer, "nick", value->new_nickname);
	if (codes & ROOM_REMOVED) {
		if (!text_empty(value->actor)) {
			xml_open(writer, "actor", NULL);
			xml_attr(writer, "nick", value->actor);
			xml_close(writer);
		}
		xml_leaf(writer, "reason", NULL, text_or_null(value->status_text));
	}
	xml_close(writer);
}

static void write_codes(struct writer *writer, unsigned codes)
{
	static const struct {
		unsigned code;
		const char *number;
	} numbers[] = {
	    {ROOM_NONANONYMOUS, "100"},  {ROOM_CONFIGURED, "104"},   {ROOM_SELF, "110"},        {ROOM_LOGGED, "170"},
	    {ROOM_NOT_LOGGED, "171"},    {ROOM_BECAME_OPEN, "172"},  {ROOM_BECAME_SEMI, "173"}, {ROOM_CREATED, "201"},
	    {ROOM_NICK_ASSIGNED, "210"}, {ROOM_BANNED, "301"},       {ROOM_RENAMED, "303"},     {ROOM_KICKED, "307"},
	    {ROOM_NOT_MEMBER, "321"},    {ROOM_MEMBERS_ONLY, "322"}, {ROOM_SHUTDOWN, "332"},    {ROOM_LOST, "333"}};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (!(codes & numbers[i].code))
			continue;
		xml_open(writer, "status", NULL);
		xml_attr(writer, "code", numbers[i].number);
		xml_close(writer);
	}
}

void muc_write_occupant_id(struct writer *writer, const char *id)
{
	if (text_empty(id))
		return;
	xml_open(writer, "occupant-id", NS_OCCUPANT_ID);
	xml_attr(writer, "id", id);
	xml_close(writer);
}

static void write_hats(struct writer *writer, const struct s2_participant *value)
{
	if (!value->hat_count)
		return;
	xml_open(writer, "hats", NS_HATS);
	for (size_t i = 0; i < value->hat_count; i++) {
		xml_open(writer, "hat", NULL);
		xml_attr(writer, "uri", value->hats[i].uri);
		xml_attr(writer, "title", text_or_null(value->hats[i].title));
		xml_close(writer);
	}
	xml_close(writer);
}

void muc_occupant(void *arg, struct user *user, const char *resource, const struct room *room,
                  const struct room_presence *presence)
{
	struct frontend *frontend = arg;
	const struct s2_participant *value = presence->value;
	unsigned codes = presence->codes;
	bool gone = value->status == S2_STATUS_NONE;
	const char *nickname = text_empty(value->alias) ? value->nickname : value->alias;
	const char *from = room_jid(frontend, room, nickname);
	const char *to = user_address(frontend, user, resource);
	const char *real_jid =
	    text_empty(value->real_name) ? NULL : contact_jid(frontend, user, value->real_name, NULL);
	struct writer *writer =
	    stanza_open(frontend, "presence", UPSTREAM_PASSING, from, to, gone ? "unavailable" : NULL);
	if (!gone)
		write_show(writer, value->status);
	if (!(codes & (ROOM_REMOVED | ROOM_RENAMED | ROOM_DESTROYED)))
		xml_leaf(writer, "status", NULL, text_or_null(value->status_text));
	if (!gone && !text_empty(value->icon_hash)) {
		xml_open(writer, "x", NS_VCARD_UPDATE);
		xml_leaf(writer, "photo", NULL, value->icon_hash);
		xml_close(writer);
	}
	xml_open(writer, "x", NS_MUC_USER);
	write_item(frontend, writer, value, real_jid, codes);
	if (codes & ROOM_DESTROYED) {
		xml_open(writer, "destroy", NULL);
		xml_leaf(writer, "reason", NULL, text_or_null(value->status_text));
		xml_close(writer);
	}
	write_codes(writer, codes);
	xml_close(writer);
	muc_write_occupant_id(writer, presence->occupant_id);
	if (!gone)
		write_hats(writer, value);
	if (!gone && strchr(from, '/') && strcmp(strchr(from, '/') + 1, nickname) != 0)
		xml_leaf(writer, "nick", NS_NICK, nickname);
	stanza_close(frontend);
}

void muc_changed(void *arg, struct user *user, const char *resource, const struct room *room, unsigned codes)
{
	struct frontend *frontend = arg;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_PASSING, room_jid(frontend, room, NULL),
	                                    user_address(frontend, user, resource), "groupchat");
	content_write_id(writer, NULL);
	xml_open(writer, "x", NS_MUC_USER);
	write_codes(writer, codes);
	xml_close(writer);
	stanza_close(frontend);
}

static struct writer *groupchat_open(struct frontend *frontend, const char *from, const char *to, const char *id)
{
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, from, to, "groupchat");
	content_write_id(writer, id);
	return writer;
}

static void write_stanza_id(struct writer *writer, const char *by, const char *id)
{
	xml_open(writer, "stanza-id", NS_STANZA_ID);
	xml_attr(writer, "by", by);
	xml_attr(writer, "id", id);
	xml_close(writer);
}

/* The id of a part of a line: the network's, or else its number. */
static const char *part_id(struct frontend *frontend, const struct room_line *line, const struct s2_message *piece,
                           unsigned part)
{
	if (!line->number || !text_empty(piece->id))
		return text_or_null(piece->id);
	return arena_printf(&frontend->arena, "%" PRIx64, line->number + part);
}

/* By this some clients know their own lines again; they give a message one id in both places. */
static void write_origin_id(struct writer *writer, const char *id)
{
	if (text_empty(id))
		return;
	xml_open(writer, "origin-id", NS_STANZA_ID);
	xml_attr(writer, "id", id);
	xml_close(writer);
}

static const char *stanza_id_of(const struct s2_message *piece, const char *id)
{
	return text_empty(piece->own_id) ? id : piece->own_id;
}

static void write_piece(struct frontend *frontend, struct writer *writer, const struct room *room,
                        const struct s2_message *piece)
{
	message_write(frontend, writer, piece,
	              text_empty(piece->reply_author) ? NULL : room_jid(frontend, room, piece->reply_author));
}

void muc_message(void *arg, struct user *user, const char *resource, const struct room *room,
                 const struct room_line *line)
{
	struct frontend *frontend = arg;
	const char *bare = room_jid(frontend, room, NULL);
	struct s2_message piece;
	for (unsigned part = 0; message_part(frontend, line->message, part, &piece); part++) {
		const char *id = part_id(frontend, line, &piece, part);
		struct writer *writer =
		    groupchat_open(frontend, room_jid(frontend, room, piece.nickname),
		                   user_address(frontend, user, resource), stanza_id_of(&piece, id));
		write_piece(frontend, writer, room, &piece);
		muc_write_occupant_id(writer, line->occupant_id);
		if (line->number)
			write_stanza_id(writer, bare, id);
		write_origin_id(writer, piece.own_id);
		write_delay(frontend, writer, bare, piece.time);
		stanza_close(frontend);
	}
}

bool muc_content(void *arg, const struct room *room, const struct room_line *line, unsigned part,
                 struct room_record *record)
{
	struct frontend *frontend = arg;
	struct s2_message piece;
	struct writer writer;
	struct str out = {0};
	stanza_tidy(frontend);
	if (!message_part(frontend, line->message, part, &piece))
		return false;
	writer_init(&writer, &out, NS_CLIENT);
	write_piece(frontend, &writer, room, &piece);
	writer_end(&writer);
	record->id = text_or_null(piece.id);
	record->stanza_id = stanza_id_of(&piece, part_id(frontend, line, &piece, part));
	record->content = arena_strndup(&frontend->arena, str_text(&out), out.len);
	str_fini(&out);
	return true;
}

void muc_write_record(struct frontend *frontend, struct writer *writer, const char *ns, const char *bare,
                      const struct room_record *record)
{
	/* From the database, in which others may have written, too. */
	const struct element *content = parser_fragment(&frontend->arena, record->content, ns);
	const struct element *child = content ? element_child(content, NULL, NULL) : NULL;
	for (; child; child = element_next(child, NULL, NULL))
		xml_element(writer, child);
	muc_write_occupant_id(writer, record->occupant_id);
	write_stanza_id(writer, bare, record->id);
}

void muc_record(void *arg, struct user *user, const char *resource, const struct room *room,
                const struct room_record *record, bool history)
{
	struct frontend *frontend = arg;
	const char *bare = room_jid(frontend, room, NULL);
	struct writer *writer = groupchat_open(frontend, room_jid(frontend, room, record->nickname),
	                                       user_address(frontend, user, resource), record->stanza_id);
	muc_write_record(frontend, writer, writer->ns[0], bare, record);
	if (history)
		write_past(writer, bare, record->time);
	else
		write_delay(frontend, writer, bare, record->time);
	stanza_close(frontend);
}

void muc_subject(void *arg, struct user *user, const char *resource, const struct room *room)
{
	struct frontend *frontend = arg;
	struct room_subject subject;
	room_get_subject(room, &subject);
	struct writer *writer = groupchat_open(frontend, room_jid(frontend, room, subject.author),
	                                       user_address(frontend, user, resource), NULL);
	xml_leaf(writer, "subject", NULL, subject.text ? subject.text : "");
	write_delay(frontend, writer, room_jid(frontend, room, NULL), subject.time);
	stanza_close(frontend);
}

void muc_error(void *arg, struct user *user, const char *resource, const struct room *room, const char *nickname,
               enum s2_condition condition, const char *text)
{
	struct frontend *frontend = arg;
	struct writer *writer = stanza_open(frontend, "presence", UPSTREAM_PASSING, room_jid(frontend, room, nickname),
	                                    user_address(frontend, user, resource), "error");
	xml_empty(writer, "x", NS_MUC);
	xml_error(writer, condition, text);
	stanza_close(frontend);
}

void muc_invitation(void *arg, struct user *user, const char *name, const struct s2_message *message)
{
	struct frontend *frontend = arg;
	const char *node = address_of_room(&frontend->arena, name);
	const char *jid = node ? arena_printf(&frontend->arena, "%s@%s", node, frontend->jid) : frontend->jid;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, jid, user_jid(user), "normal");
	content_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL,
	         arena_printf(&frontend->arena, "%s%s%s: %s", message->nickname, node ? "" : " in the room ",
	                      node ? "" : name, message->body ? message->body : ""));
	if (node)
		invitation_write(writer, jid, NULL, NULL);
	write_delay(frontend, writer, jid, message->time);
	stanza_close(frontend);
}

void muc_invite(struct frontend *frontend, const char *to, const char *room)
{
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, room, to, "normal");
	content_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL, arena_printf(&frontend->arena, "Join this room: xmpp:%s?join", room));
	invitation_write(writer, room, NULL, NULL);
	stanza_close(frontend);
}
