/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share.
 *
 *	channel   the bytes of one connection
 *	stream    one client on it: negotiation, log-in, errors
 *	session   one client of a user after it was bound to a resource; outlives its stream for a while
 *	account   one user with his sessions
 *	guest     a component of somebody else's */
#ifndef SPECTRUM_SERVER_INSIDE_H
#define SPECTRUM_SERVER_INSIDE_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/io/listener.h"
#include "lib/xmpp/acks.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/sasl_server.h"
#include "lib/xmpp/stanza.h"
#include "lib/xmpp/subscription.h"
#include "spectrum/server/attempts.h"
#include "spectrum/server/channel.h"
#include "spectrum/server/fast.h"
#include "spectrum/server/keyring.h"
#include "spectrum/server/server.h"

struct server {
	struct upstream upstream;
	struct loop *loop;
	const struct config *config;
	const struct upstream_events *events;
	void *arg;
	struct hub *hub;
	const char *jid; /* the domain, prepared */
	struct tls *tls;
	char *certificate; /* the file of it */
	bool tls_required;
	struct listener *listener, *direct_listener, *guest_listener;
	struct web *web;       /* NULL: not configured */
	struct map accounts;   /* by bare JID */
	struct list strangers; /* streams that are not bound yet */
	struct list bound;
	struct list sleeping; /* sessions whose connection is gone (sm.c) */
	struct map guests;    /* components that may connect, by domain */
	struct list guest_streams;
	unsigned guest_strangers; /* that have not proved a secret */
	size_t letter_bytes;      /* of components, to users of whom it is not known yet who they are */
	struct map circles;       /* contacts at components (circle.c), by bare JID of the user */
	struct list circles_unkept; /* those that the database could not take */
	struct map push_users;    /* whose push services are known (push.c), by bare JID */
	struct map push_ids;      /* notifications that are not answered */
	struct list push_due;     /* registrations that wait for their time */
	struct list asked;        /* sessions that owe an acknowledgement, the oldest question first */
	struct list unasked;      /* sessions that are soon asked for one, the first to be asked first */
	struct timer *asker;      /* runs while there are any */
	struct map resumable;     /* sessions by the id by which they are resumed */
	unsigned stranger_count;
	struct timer *tick; /* runs while there are strangers */
	struct attempts *attempts;
	struct fast *fast;
	struct keyring *keyring;
	bool started, stopping;
	void (*stopped)(void *arg);
	struct deferred stop_later;
	struct timer *stopping_timer;

	struct writer own_writer; /* what this folder writes */
	struct str own, framed;
	/* The stanza that the frontend is writing. */
	struct writer writer;
	struct str scratch;
	const char *out_name, *out_from, *out_to, *out_type;
	struct account *out_account; /* NULL: none of his clients is there */
	const char *out_owner;       /* his bare JID */
	const char *out_resource;    /* NULL: to the bare address */
	bool out_own;                /* the user has written it himself, elsewhere */
	bool open;
	struct parser *reader; /* makes a tree of it where one is needed */
	struct str returned;   /* stanzas that go back to the frontend */
	struct deferred returning;
	struct arena arena; /* for what is made on the way; reset at the end of a turn */
	struct deferred cleaning;
};

/* ---- stream.c: one stream ---- */
enum stream_state {
	STREAM_HEADER,   /* waits for a stream header */
	STREAM_OPEN,     /* features were sent, nobody is logged in */
	STREAM_SECURING, /* TLS handshake */
	STREAM_SASL,     /* an exchange is under way */
	STREAM_LOGIN,    /* the network is asked */
	STREAM_READY,    /* logged in; a resource is to be bound */
	STREAM_BOUND,
	STREAM_ENDED,
};

struct stream {
	struct list node; /* of strangers or bound */
	struct server *server;
	struct channel *channel;
	struct parser *parser;
	struct session *session; /* once bound */
	struct account *account; /* once logged in */
	struct sasl_server *sasl;
	struct proof *proof;
	struct recall *recall; /* the password that is kept is on its way */
	char *last_word;       /* base64: what goes with the success once the network has let him in */
	struct wish *wish;     /* NULL: a log-in of the old form, or none */
	struct deferred ending;
	uint64_t due; /* ms: of a stranger */
	uint8_t state;
	uint8_t failures;  /* of log-ins */
	unsigned elements; /* of the message that is being read, where messages are framed */
	bool header_sent;
	bool farewell;     /* our end of the stream was sent */
	bool counted;      /* among the strangers */
	bool said_goodbye; /* the client has ended its stream: nobody comes back */
	bool admin;        /* tries to log in as one */
	bool headed;       /* a header has come; what follows waits for the keyring */
	char *claimed;     /* bare, of the header: an account with keys, NULL for any other */
	char *jid;         /* bare, that is tried or logged in */
};

void stream_new(struct server *, struct channel *);
/* Ends the stream: error (NULL: none), text (may be NULL), end tag; the connection closes when all is sent. */
void stream_end(struct stream *, const char *condition, const char *text);
/* The connection is dropped without a word, later in this turn; or all of them, now. */
void stream_drop(struct stream *);
void stream_drop_all(struct server *);
/* Sends what is buffered: before the process ends. */
void stream_flush(struct stream *);
/* The keyring is there now. */
void stream_go_on_all(struct server *);
/* A stream-level element (no stanza), to be closed with stream_close. */
struct writer *stream_open(struct stream *, const char *name, const char *ns);
void stream_close(struct stream *);
/* A stanza, serialized as a child of a jabber:client stream. */
void stream_send(struct stream *, const char *bytes, size_t len);
void stream_move(struct stream *, enum stream_state);
/* From now on the client has this time until it has to be logged in. */
void stream_set_due(struct stream *);
/* The account is known now: the next stream header. */
void stream_logged_in(struct stream *);
/* Or all that was asked for along with it is done, and the stream goes on as it is. */
struct bound;
void stream_logged_in_at_once(struct stream *, const struct bound *);
void stream_bound(struct stream *, struct session *);

/* ---- sasl.c: how a log-in is written ---- */
/* What the client wants along with it (XEP-0388). */
struct wish {
	struct arena arena;
	const struct element *element; /* <authenticate/> */
	bool token;                    /* it has come with a token of this mechanism */
	bool renew;                    /* that is due for another */
	enum fast_mechanism mechanism;
};
void wish_free(struct wish **);
void sasl_write_features(struct stream *, struct writer *);
/* What may come in the stream's state; false if it is none of it. */
bool sasl_received(struct stream *, struct arena *, const struct element *);
void sasl_challenge(struct stream *, const char *base64);
void sasl_fail(struct stream *, const char *condition, const char *text);
/* `base64` (may be NULL) is the mechanism's last word. May end the stream. */
void sasl_succeed(struct stream *, const char *base64);

/* ---- auth.c: who may log in ---- */
/* Who the stream's header says it is from; NULL: it does not say. */
void auth_claim(struct stream *, const char *from);
bool auth_is_offered(const struct stream *);
bool auth_mechanism_is_offered(struct stream *, enum sasl_mechanism);
bool auth_token_is_offered(const struct stream *, enum fast_mechanism);
/* `base64` is NULL without an initial response. */
void auth_begin(struct stream *, const char *mechanism, const char *base64);
void auth_step(struct stream *, const char *base64);
/* The token that goes with a success; its text is "" if none does. */
void auth_token(struct stream *, const struct wish *, struct fast_token *);
void auth_end(struct stream *);

/* ---- bind.c ---- */
struct bound {
	const struct element *wish; /* <bind/>; NULL: not asked for */
	struct session *session;    /* NULL: none yet */
	bool resumed;
	const char *failed; /* why it was not resumed */
};
/* <iq/> with a resource or <resume/>, after the log-in. */
void bind_received(struct stream *, struct arena *, const struct element *);
/* What <authenticate/> asks for; false if that has ended the stream. bind_write tells the client. */
bool bind_at_once(struct stream *, const struct element *authenticate, struct bound *);
void bind_write(const struct bound *, struct writer *);

/* ---- session.c ---- */
/* Stream management of a session (sm.c). */
struct sm {
	bool on;
	bool resumable;
	char id[25];        /* by which it is resumed; "" if it can't be */
	uint32_t handled;   /* stanzas of the client */
	unsigned wait;      /* s that it may be gone */
	uint64_t ask_at;    /* ms: when an acknowledgement is to be asked for */
	uint64_t asked;     /* ms: when it was asked for, 0 = none is due */
	uint32_t asked_for; /* stanzas that had been sent then */
	uint32_t before;    /* stanzas that were sent before it was switched on */
	uint64_t until;     /* ms: when it has been gone for too long */
	struct acks acks;   /* what the client has not acknowledged */
	struct deferred asking, expiring;
	struct list asked_node; /* of the server, while an answer is due, or a question */
	struct list sleeping;   /* of the server, while the client is gone */
};

struct session {
	struct list node; /* of the account */
	struct account *account;
	struct stream *stream; /* NULL: the connection is gone, the session may be resumed */
	char *full;            /* user@domain/resource */
	const char *resource;  /* within it */
	char *presence;        /* the last available one, serialized; NULL: unavailable */
	int8_t priority;
	bool interested;   /* has asked for the roster */
	bool directed;     /* has sent presence to somebody, perhaps a room */
	struct map visits; /* addresses at components to which it has; the texts are owned */
	bool carbons;      /* wants them */
	bool inactive;     /* nobody looks at the client (XEP-0352) */
	bool blocklist;    /* has asked for it */
	uint64_t caps;     /* of which it was asked what it wants to hear */
	char *wishes;      /* nodes that it wants to hear of, each with \n; NULL: none */
	bool reached;      /* by the message that is being delivered */
	struct sm sm;
	struct list held; /* presences that wait: csi.c */
	struct map held_by_from;
};

/* Binds; a session of the same resource has to go. */
struct session *session_new(struct account *, struct stream *, const char *resource);
/* The session is over: its presence becomes unavailable, and nothing can come back to it. */
void session_end(struct session *);
/* session_end, and its stream ends with this error. */
void session_expel(struct session *, const char *condition, const char *text);
/* Its connection is gone; it may come back, unless it has said goodbye. */
void session_lost(struct session *, bool for_good);
/* It has come back. */
void session_resumed(struct session *, struct stream *);
/* A stanza for this client, serialized. */
void session_send(struct session *, const char *bytes, size_t len);
/* Presence of `from`: only the last one matters to a client that nobody looks at. */
void session_send_presence(struct session *, const char *from, const char *bytes, size_t len);
enum {
	MESSAGE_SHARED = 1, /* other clients get it, too */
	MESSAGE_COPY = 2,   /* a carbon: somebody else has it for sure */
	MESSAGE_STATE = 4,  /* a chat state and nothing else */
};
void session_send_message(struct session *, const char *bytes, size_t len, unsigned flags);
/* A stanza from it. */
void session_received(struct session *, struct arena *, const struct element *);

/* ---- account.c ---- */
struct account {
	struct server *server;
	char *jid;
	struct list sessions; /* newest first */
	unsigned session_count;
	unsigned logins;    /* clients that are logged in and not bound */
	bool admin;         /* of the configuration, not of the network */
	bool held;          /* user_hold */
	char *photo;        /* hash of his picture, "": none; NULL: not known here */
	struct map blocked; /* addresses; the texts are owned */
	bool fetching;      /* messages that wait are on their way to a client */
	struct deferred expelling;
	const char *expel_condition;
	char *expel_text;
};

struct account *account_find(const struct server *, const char *jid);
/* Known from now on, for one client more. */
struct account *account_take(struct server *, const char *jid, bool admin);
/* One client less that is not bound. May free it. */
void account_leave(struct account *);
/* Frees it if nobody is left. */
void account_settle(struct account *);
struct session *account_session(const struct account *, const char *resource);
/* The network's side of the user; NULL for an admin. */
struct user *account_user(const struct account *);
/* Presence of `from`, or another stanza, to all sessions that have sent presence. */
void account_broadcast(struct account *, const char *from, const char *bytes, size_t len);
void account_tell(struct account *, const char *bytes, size_t len);

/* ---- inbound.c: what clients send ---- */
/* A request to a user's account. */
struct ask {
	struct account *account;
	struct session *session; /* whose client asks; NULL: the gateway does, or a stranger */
	struct arena *arena;
	const struct element *iq, *payload;
	bool stranger; /* asks what anybody may */
};
typedef void ask_handler(struct ask *);
void inbound_ask(struct ask *);
void inbound_iq(struct session *, struct arena *, const struct element *);
void inbound_message(struct session *, struct arena *, const struct element *);
/* Gives a stanza to the frontend. May end the session. */
void inbound_forward(struct server *, struct arena *, const struct element *);
void inbound_refuse(struct session *, const struct element *stanza, enum s2_condition, const char *text);
/* NULL, or what is wrong with it (RFC 6120 section 8.2.3). */
const char *inbound_iq_fault(const struct element *iq);

/* ---- answer.c: answers to such requests, now or later ---- */
struct answer;
struct answer *answer_new(const struct ask *);
struct server *answer_server(const struct answer *);
/* The bare JID of who is asked. */
const char *answer_account(const struct answer *);
/* Type result, open for the payload; then answer_send. */
struct writer *answer_open(struct answer *);
struct writer *answer_open_error(struct answer *); /* the same of type error */
/* Each of these frees it. */
/* For keep_put and keep_remove. */
void answer_kept(void *answer, enum keep_end);
void answer_send(struct answer *);
void answer_empty(struct answer *);
void answer_refuse(struct answer *, enum s2_condition, const char *text);
void ask_result_empty(const struct ask *);
void ask_refuse(const struct ask *, enum s2_condition, const char *text);

/* ---- presence.c ---- */
void presence_from(struct session *, struct arena *, const struct element *);
/* What the presence of the user's clients says of his picture has changed. */
void presence_again(struct account *);
/* The session is gone. */
void presence_lost(struct session *);

/* ---- outbound.c: what the frontend writes ---- */
struct writer *outbound_open(struct upstream *, const char *name, enum upstream_care, const char *from, const char *to,
                             const char *type);
void outbound_close(struct upstream *);
/* A message that was delivered before, to whatever clients there are now. */
void outbound_again(struct account *, const char *bytes, size_t len);
/* A message to one of the user's clients, or (NULL) to all of them as the rules have it. */
void outbound_deliver(struct account *, const char *resource, struct arena *, const struct element *message);
/* The same by address: nobody of his may be there. */
void outbound_message(struct server *, const char *owner, const char *resource, struct arena *,
                      const struct element *message);
/* Gives a stanza to the frontend, or to a component, when the stack is unwound: error of `type` to a stanza that could
 * not be delivered. */
void outbound_bounce(struct server *, const struct element *stanza, enum s2_condition);
/* Gives a serialized stanza to it likewise. */
void outbound_return(struct server *, const struct str *);
/* Makes trees of stanzas of ours. */
void outbound_read(const char *bytes, size_t len, const struct parser_events *, void *arg);
void outbound_fini(struct server *);

/* ---- sm.c: stream management ---- */
/* What becomes of a stanza when its session ends: it goes to whatever clients there are, or only if no other one is
 * connected, or (NULL) nowhere. */
#define SM_ALONE ((void *)1)
#define SM_SHARED ((void *)2)
bool sm_is_on(const struct session *);
/* A stanza was sent, or would have been. May end the session, later in this turn. */
void sm_keep(struct session *, const char *bytes, size_t len, void *token);
/* <enable/>, <r/>, <a/> of a session's client. */
void sm_received(struct session *, const struct element *);
/* Switches it on; the attributes of <enabled/>. */
void sm_write_enabled(struct session *, struct writer *, const struct element *enable);
/* <resume/>: the session that goes on over this stream; follow with sm_write_resumed into an element, then
 * session_resumed. NULL with why not, or with NULL if the stream has ended. */
struct session *sm_resume(struct stream *, const struct element *resume, const char **condition);
/* <failed/>. */
void sm_fail(struct stream *, const char *condition);
void sm_write_failed(struct writer *, const char *condition);
void sm_write_resumed(struct session *, struct writer *);
void sm_send_again(struct session *);
/* The connection is gone: false if the session can't wait for another one. */
bool sm_sleep(struct session *);
/* Those who have been gone for too long, and those who have not answered for long. */
void sm_due(struct server *, uint64_t now);
/* Asks those who wait for it. */
void sm_ask_waiting(void *server);
void sm_end(struct session *);

/* ---- csi.c: client state ---- */
void csi_received(struct session *, const struct element *);
void csi_hold(struct session *, const char *from, const char *bytes, size_t len);
void csi_flush(struct session *);
void csi_end(struct session *);

/* ---- carbons.c ---- */
ask_handler carbons_enable, carbons_disable;
/* A message of the user's: `by` is the client that sent it, NULL if that was none of this server's. */
void carbons_sent(struct account *, const struct session *by, const struct element *message);
/* Of a message to the user, to the clients that are not `reached`. Returns how many copies there were; with
 * `count_only` nothing is sent. */
unsigned carbons_received(struct account *, const struct element *message, bool count_only);

/* ---- message.c ---- */
/* Nothing but a chat state (XEP-0085). */
bool message_is_state(const struct element *);
/* In an archive, or for somebody who is away. */
bool message_is_worth_keeping(const struct element *);
/* Without the ids that only we may give in his name (XEP-0359). */
struct element *message_without_ids(struct arena *, const struct element *message, const char *owner);

/* ---- mam.c: the user's archive ---- */
ask_handler mam_get, mam_set, mam_metadata;
/* Puts it into the owner's archive if it belongs there. Returns the message as his clients are to get it. `prompt`:
 * nobody else has it yet. */
const struct element *mam_keep(struct server *, const char *owner, struct arena *, const struct element *message,
                               bool sent, bool prompt);

/* ---- offline.c ---- */
/* For when a client comes; its sender gets an error if that can't be. */
void offline_keep(struct server *, const char *owner, const struct element *message);
/* What waits goes to this session, or to whichever can take it. */
void offline_deliver(struct session *);
void offline_deliver_to_best(struct account *);

/* ---- blocklist.c ---- */
ask_handler blocklist_get, blocklist_block, blocklist_unblock;
void blocklist_load(struct account *);
void blocklist_free(struct account *);
/* The user does not want to hear of this address. */
bool blocklist_has(const struct account *, const char *jid);
/* The same of somebody who may be away; later. */
void blocklist_ask(struct server *, const char *owner, const char *jid, void (*answer)(void *arg, bool blocked),
                   void *arg);
/* The error to a client that writes to somebody whom it has blocked. */
void blocklist_refuse(struct session *, const struct element *stanza);

/* ---- private.c ---- */
ask_handler private_get, private_set;

/* ---- bookmarks.c: the older forms of bookmarks, as private data or as an item ---- */
bool bookmarks_are_old(const char *node);
void bookmarks_get(struct ask *, bool item);
void bookmarks_set(struct ask *, const struct element *storage, bool item);
/* Clients that know the older form hear of it. */
void bookmarks_changed(struct account *);

/* ---- pubsub.c, notify.c: personal events ---- */
ask_handler pubsub_get, pubsub_set, pubsub_owner;
/* Available presence: finds out what the client wants to hear. */
void notify_present(struct session *, const struct element *presence);
/* A result or error of a client; false if it is not about that. */
bool notify_answered(struct session *, struct arena *, const struct element *iq);
/* To the user's clients; `public`: to the gateway, too. */
void notify_published(struct account *, const char *node, const char *id, const struct element *payload, bool public);
void notify_retracted(struct account *, const char *node, const char *id);
/* All items are gone, or the node itself. */
void notify_emptied(struct account *, const char *node, bool removed);

/* ---- photo.c: card and picture ---- */
ask_handler photo_card_get, photo_card_set;
void photo_load(struct account *);
void photo_published(struct account *, const char *node, const char *id, const struct element *payload);
/* Presence with the picture's hash. */
const struct element *photo_mark(const struct account *, struct arena *, const struct element *presence);

/* ---- disco.c ---- */
ask_handler disco_account_info, disco_account_items;

/* ---- slot.c: places for files ---- */
ask_handler slot_request;

/* ---- roster.c ---- */
ask_handler roster_get, roster_change;
/* A stanza about the subscription to the contact of this node, for the frontend; what becomes of it is pushed. */
void roster_subscription(struct session *, struct arena *, const struct element *presence, const char *node);
/* Questions of contacts that are not answered yet, to a client that has come. */
void roster_remind(struct session *);
#define ROSTER_VERSION_BYTES 33
void roster_version(const struct account *, char out[ROSTER_VERSION_BYTES]);
/* The groups of an item, with \n between them. */
const char *roster_join_groups(struct arena *, const struct element *item);

/* ---- guest.c: components of others (XEP-0114) ---- */
struct guest_stream;
struct guest {
	struct server *server;
	char *domain, *secret;
	struct guest_stream *stream; /* NULL: not connected */
	bool named;                  /* in the configuration as it was read last */
};
/* The port, if one is configured; false with *error. */
bool guests_open(struct server *, char **error);
/* Those that the configuration names; who is not among them any more is let go. */
void guests_load(struct server *);
void guest_stream_new(struct server *, struct channel *);
void guests_due(struct server *, uint64_t now);
/* Ends their streams; drops them; and forgets all. */
void guests_stop(struct server *);
void guests_drop(struct server *);
void guests_free(struct server *);
/* The component that an address belongs to, NULL: none. */
struct guest *guest_find(const struct server *, const char *address);
bool guest_is_connected(const struct guest *);
/* A stanza of ours (jabber:client), or one that is written for it; lost if it is not connected. */
void guest_send(struct guest *, struct arena *, const struct element *stanza);
void guest_send_bytes(struct guest *, const struct str *);

/* ---- guest_stanza.c: what goes to and fro between components and all others ---- */
/* From a component: `from` is one of its addresses. */
void guest_received(struct guest *, struct arena *, struct element *stanza);
/* To it, or an error to the sender. */
void guest_deliver(struct guest *, struct arena *, const struct element *stanza);
/* A client's presence to an address there. */
void guest_presence_from(struct session *, struct guest *, struct arena *, const struct element *presence);
/* The client is unavailable for all that it had sent presence to; `presence`: with what words, may be NULL. */
void guest_leave_all(struct session *, const struct element *presence);
/* The component's connection has ended. */
void guest_gone(struct guest *);

/* ---- circle.c: contacts at components ---- */
/* Reads them, for a user who has come; forgets them when he has gone. */
void circle_open(struct account *);
void circle_leave(struct server *, const char *owner);
void circle_free_all(struct server *);
/* Each second. */
void circles_due(struct server *);
/* Presence about a subscription, or a probe, from the user or to him. */
void circle_stanza(struct server *, const char *owner, struct arena *, const struct element *presence);
/* A client has said that it is there, or something else about that; it is not any more. */
void circle_present(struct session *, bool fresh);
void circle_absent(struct session *, const struct element *presence);
void circle_guest(struct guest *, bool there);
void circle_blocked(struct account *, const char *jid, bool blocked);
/* Their items in the roster; a change of one. */
void circle_write(const struct account *, struct writer *);
void circle_change(struct ask *, const struct element *item, const char *jid);

/* ---- push.c: push notifications ---- */
ask_handler push_enable, push_disable;
/* A new message to the user, to one client of his or (NULL) any. */
void push_message(struct server *, const char *owner, const char *resource, const struct element *message);
/* Its connection is gone, and something may be on the way to it; it is there again. */
void push_asleep(struct session *);
void push_awake(struct session *);
/* A result or error of a component to our domain; false if it is not about that. */
bool push_answered(struct server *, struct arena *, const struct element *iq);
void push_due(struct server *, uint64_t now);
/* His last client has gone. */
void push_leave(struct server *, const char *owner);
void push_free_all(struct server *);

/* ---- server.c ---- */
/* A stanza to one session, open for attributes and children. */
struct writer *server_write(struct server *, const char *name, const char *from, const char *to, const char *type);
/* The same with a whole stanza. */
void server_write_copy(struct server *, const struct element *);
/* Sends it there. */
void server_write_end(struct session *);
/* Or keeps it: borrowed until the next stanza is written. */
const struct str *server_write_take(struct server *);
struct arena *server_arena(struct server *);
/* The session of a full JID; NULL if there is none. */
struct session *server_session(const struct server *, const char *full);
/* What goes there does not leave this machine. */
bool server_is_loopback(const char *address);
/* Something waits for its time. */
void server_tick_start(struct server *);

#endif
