/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vocabulary of spectrum2: what users of chat networks exchange, as plain values. A message has this one shape from
 * the XMPP stanza to the network and back.
 *
 * Everywhere: strings are UTF-8, NUL-terminated, without characters that XML forbids; NULL and "" both mean "not given";
 * pointers are borrowed until the function that received the struct returns. "Legacy name" is the name of an account,
 * contact or room as the network spells it, unescaped (`bob@gmail.com`, `#chan@irc.example.org`). */
#ifndef SPECTRUM2_TYPES_H
#define SPECTRUM2_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are the wire's StatusType. */
enum s2_status {
	S2_STATUS_ONLINE,
	S2_STATUS_AWAY,
	S2_STATUS_FFC, /* free for chat */
	S2_STATUS_XA,  /* extended away */
	S2_STATUS_DND,
	S2_STATUS_NONE, /* offline */
	S2_STATUS_INVISIBLE,
};

/* Why a login failed or a session ended. Numbers are the wire's ConnectionError. */
enum s2_connection_error {
	S2_ERROR_NETWORK,
	S2_ERROR_INVALID_USERNAME,
	S2_ERROR_AUTHENTICATION_FAILED,
	S2_ERROR_AUTHENTICATION_IMPOSSIBLE,
	S2_ERROR_NO_SSL_SUPPORT,
	S2_ERROR_ENCRYPTION,
	S2_ERROR_NAME_IN_USE,
	S2_ERROR_INVALID_SETTINGS,
	S2_ERROR_CERT_NOT_PROVIDED,
	S2_ERROR_CERT_UNTRUSTED,
	S2_ERROR_CERT_EXPIRED,
	S2_ERROR_CERT_NOT_ACTIVATED,
	S2_ERROR_CERT_HOSTNAME_MISMATCH,
	S2_ERROR_CERT_FINGERPRINT_MISMATCH,
	S2_ERROR_CERT_SELF_SIGNED,
	S2_ERROR_CERT_OTHER,
	S2_ERROR_OTHER,
};

/* How a request ended: the conditions of RFC 6120 section 8.3.3, by which every network error can be told to an XMPP
 * client. Numbers go over the wire (extension frames): append only. */
enum s2_condition {
	S2_DONE,
	S2_BAD_REQUEST,
	S2_CONFLICT,
	S2_FEATURE_NOT_IMPLEMENTED,
	S2_FORBIDDEN,
	S2_GONE,
	S2_INTERNAL_SERVER_ERROR,
	S2_ITEM_NOT_FOUND,
	S2_JID_MALFORMED,
	S2_NOT_ACCEPTABLE,
	S2_NOT_ALLOWED,
	S2_NOT_AUTHORIZED,
	S2_POLICY_VIOLATION,
	S2_RECIPIENT_UNAVAILABLE,
	S2_REGISTRATION_REQUIRED,
	S2_REMOTE_SERVER_NOT_FOUND,
	S2_REMOTE_SERVER_TIMEOUT,
	S2_RESOURCE_CONSTRAINT,
	S2_SERVICE_UNAVAILABLE,
	S2_SUBSCRIPTION_REQUIRED,
	S2_UNDEFINED_CONDITION,
	S2_CONDITIONS
};

struct s2_attachment {
	const char *url;
	const char *mime_type;
	const char *description;
	const char *name;   /* of the file */
	const char *sha256; /* of its content, in hexadecimal */
	uint64_t bytes;     /* 0 = unknown, as are width and height */
	uint32_t width, height; /* of a picture or film, in pixels */
};

/* XEP-0085 as far as networks know it. */
enum s2_typing { S2_TYPING_COMPOSING, S2_TYPING_PAUSED, S2_TYPING_ACTIVE };

struct s2_message {
	const char *peer;     /* contact or room */
	const char *nickname; /* in a room: who spoke; with `private_`: whom it is from or to */
	const char *body;
	const char *xhtml; /* inside of XHTML-IM's <body/> */
	const char *id;    /* towards the network: the stanza's, always given; from the network: what it calls the message */
	const char *own_id;       /* from the network: the id of the user's message that this is the room's copy of */
	const char *replaces;     /* id of the first version of what this is a new version of (XEP-0308) */
	const char *reply_to;     /* id of the message that this one answers (XEP-0461) */
	const char *reply_author; /* who wrote that: contact, or nickname in a room; maybe unknown */
	const char *reply_text;   /* what was said there; maybe unknown. Never part of `body` */
	int64_t time;      /* ms since 1970 UTC when it was sent, 0 = now */
	const struct s2_attachment *attachments;
	size_t attachment_count;
	bool private_;     /* between the user and one occupant of room `peer` */
	bool headline;     /* news rather than talk */
	bool carbon;       /* the user's own, written in another client of the network */
	bool want_receipt; /* XEP-0184 asked for */
	bool want_marker;  /* XEP-0333 asked for: tell when it was read */
};

/* What can be said about an earlier message without words. Numbers go over the wire: append only. */
enum s2_annotation_kind {
	S2_REACTION,   /* XEP-0444: `reactions` are all of this person's from now on */
	S2_RETRACTION, /* XEP-0424, by its author; XEP-0425 if `actor` or `moderated` is given */
	S2_DISPLAYED,  /* XEP-0333: everything up to it was read */
	S2_ANNOTATIONS
};

struct s2_annotation {
	enum s2_annotation_kind kind;
	const char *peer;     /* contact or room */
	const char *nickname; /* in a room, from the network: who says it, the user himself if it is empty; with `private_`:
	                         whom it is from or to */
	const char *id;       /* of this annotation; towards the network always given */
	const char *target;   /* id of the message: towards the network as the network calls it, if that is known */
	const char *const *reactions;
	size_t reaction_count;
	const char *reason; /* of a retraction */
	const char *actor;  /* nickname of the moderator, from the network */
	int64_t time;       /* ms since 1970 UTC, 0 = now */
	bool moderated;     /* a moderator's, towards the network and from it */
	bool private_;
	bool carbon; /* the user's own, from another client of the network */
};

/* What the user and a contact may see of each other (RFC 6121 section 2.1.2.5). Two bits; NONE is said, UNKNOWN is not. */
enum s2_subscription {
	S2_SUBSCRIPTION_UNKNOWN, /* the network has no such thing, or does not tell: its contacts see each other */
	S2_SUBSCRIPTION_NONE = 4,
	S2_SUBSCRIPTION_TO = 4 | 1,   /* the user sees the contact */
	S2_SUBSCRIPTION_FROM = 4 | 2, /* the contact sees the user */
	S2_SUBSCRIPTION_BOTH = 4 | 1 | 2,
};

static inline bool s2_subscription_to(unsigned subscription)
{
	return subscription & 1;
}

static inline bool s2_subscription_from(unsigned subscription)
{
	return subscription & 2;
}

/* What one says to the other about it (RFC 6121 section 3). Numbers are the wire's. */
enum s2_subscription_verb { S2_SUBSCRIBE, S2_SUBSCRIBED, S2_UNSUBSCRIBE, S2_UNSUBSCRIBED, S2_SUBSCRIPTION_VERBS };

struct s2_buddy {
	const char *name;
	const char *alias;
	const char *const *groups;
	size_t group_count;
	enum s2_status status;
	const char *status_text;
	const char *icon_hash; /* SHA-1 of the avatar in hexadecimal */
	bool blocked;
	int64_t idle_since; /* ms since 1970 UTC: when the person did something last, if that is some time ago; of who is
	                       offline: when he was seen last. 0 = not told */
	unsigned lacks;     /* s2_feature: what the network can do, but not with this contact */
	enum s2_subscription subscription;
	bool pending; /* the user wants to see the contact and has no answer yet */
};

struct s2_room {
	const char *name;
	const char *nickname; /* the user's own */
	const char *password;
};

/* Numbers are the wire's ParticipantFlag bits. */
enum s2_participant_flag {
	S2_PARTICIPANT_MODERATOR = 1,
	S2_PARTICIPANT_CONFLICT = 2,
	S2_PARTICIPANT_BANNED = 4,
	S2_PARTICIPANT_NOT_AUTHORIZED = 8,
	S2_PARTICIPANT_ME = 16,
	S2_PARTICIPANT_KICKED = 32,
	S2_PARTICIPANT_ROOM_NOT_FOUND = 64,
	/* Why he is no longer in the room; only for peers that know our extensions. */
	S2_PARTICIPANT_NOT_MEMBER = 128,   /* he is no member any more, and only members may be there */
	S2_PARTICIPANT_MEMBERS_ONLY = 256, /* the room takes only members from now on */
	S2_PARTICIPANT_FAULT = 512,        /* a fault of the network */
	S2_PARTICIPANT_CREATED = 1024,     /* with ME: this join has made the room */
};
#define S2_PARTICIPANT_OLD_FLAGS 127u

/* XEP-0045 section 5; the first value means "derive it from the flags". Numbers go over the wire. */
enum s2_affiliation {
	S2_AFFILIATION_UNSET,
	S2_AFFILIATION_NONE,
	S2_AFFILIATION_MEMBER,
	S2_AFFILIATION_ADMIN,
	S2_AFFILIATION_OWNER,
	S2_AFFILIATION_OUTCAST,
};
enum s2_role { S2_ROLE_UNSET, S2_ROLE_NONE, S2_ROLE_VISITOR, S2_ROLE_PARTICIPANT, S2_ROLE_MODERATOR };

/* A rank that XEP-0045 has no word for (XEP-0317). */
struct s2_hat {
	const char *uri; /* the same for all who have it */
	const char *title;
};

struct s2_participant {
	const char *room;
	const char *nickname;
	unsigned flags;        /* s2_participant_flag */
	enum s2_status status; /* NONE = left the room */
	const char *status_text; /* also the reason of a part, kick or ban */
	const char *new_nickname; /* set = renamed from `nickname` */
	const char *icon_hash;
	const char *alias;     /* shown instead of the nickname */
	enum s2_affiliation affiliation;
	enum s2_role role;
	const char *real_name; /* legacy name of the person behind the nickname, where the network tells */
	const char *actor;     /* nickname of who kicked or banned */
	const char *person;    /* what the network knows him by, whatever he calls himself: an account, a number */
	const struct s2_hat *hats;
	size_t hat_count;
};

/* What is true of a room. Numbers go over the wire: append only. */
enum s2_room_flag {
	S2_ROOM_MEMBERS_ONLY = 1,
	S2_ROOM_PASSWORD = 2,
	S2_ROOM_MODERATED = 4, /* only who has a voice is heard */
	S2_ROOM_HIDDEN = 8,    /* it is in no list */
	S2_ROOM_PERSISTENT = 16,
	S2_ROOM_SEMIANONYMOUS = 32, /* only moderators see who is behind a nickname */
	S2_ROOM_LOGGED = 64,        /* what is said there can be read in public */
	S2_ROOM_SUBJECT = 128,      /* everybody may change the subject */
	S2_ROOM_MEMBER = 256,       /* the network counts the user among its members, whether he has joined or not */
};

struct s2_room_info {
	const char *name;
	const char *title; /* for people */
	const char *description;
	const char *language;
	const char *icon_hash; /* SHA-1 of the room's picture in hexadecimal */
	unsigned flags;        /* s2_room_flag */
	unsigned most;         /* how many it takes, 0 = any number */
};

struct s2_room_listing {
	const char *name;
	const char *title;
	unsigned occupants; /* 0 = unknown */
};

/* A person's profile. The user's own is given to the network as a whole: what is NULL in there he does not have. */
struct s2_card {
	const char *name;
	const char *full_name;
	const char *nickname;
	const void *photo; /* PNG, JPEG, GIF or WebP */
	size_t photo_bytes;
	const char *given_name, *family_name;
	const char *birthday; /* YYYY-MM-DD, or --MM-DD without the year */
	const char *url;
	const char *note; /* what people say about themselves */
	const char *email;
	const char *phone;
	const char *organisation;
	const char *title; /* what somebody is there */
	const char *street, *city, *region, *postcode, *country;
	const char *timezone;                /* "+02:00" */
	const char *client, *client_version; /* the program that the person uses */
	enum s2_condition condition;         /* from the network, if there is no card: why; with `text` for people */
	const char *text;
};

/* A file that is to be put where the user's clients can fetch it. */
struct s2_file {
	const char *name; /* for people; never used as a path */
	const char *mime_type;
	const char *description;
	const void *data;
	size_t bytes;
	uint32_t width, height;
};

struct s2_setting {
	const char *key;
	const char *value;
};

/* Numbers go over the wire: append only. A value is one text: of a boolean "1" or "0", of several lines or addresses
 * with \n between them. */
enum s2_field_type {
	S2_FIELD_TEXT,
	S2_FIELD_PRIVATE, /* a password or code: shown to nobody, kept nowhere */
	S2_FIELD_BOOLEAN,
	S2_FIELD_LIST, /* one of `options` */
	S2_FIELD_LINES,
	S2_FIELD_JID,
	S2_FIELD_JIDS,
	S2_FIELD_TYPES
};

struct s2_option {
	const char *value;
	const char *label;
};

struct s2_field {
	const char *name;
	const char *label;
	enum s2_field_type type;
	bool required;
	const char *value; /* before he changes it */
	const struct s2_option *options;
	size_t option_count;
};

/* What a user is asked: one step of a log-in, or of a command. However it reaches him (form or chat), it is this. */
struct s2_request {
	const char *id; /* of the asker's choice; the answer names it */
	const char *title;
	const char *text;
	const char *url;   /* a page to open, or what a picture of a code says */
	const void *image; /* such a picture */
	size_t image_bytes;
	const char *image_type; /* "image/png" */
	const struct s2_field *fields; /* none: it is only shown, what comes next comes by itself */
	size_t field_count;
	unsigned seconds; /* how long an answer is of use; 0: the main process decides */
};

/* XEP-0363: where one file may be put. Asked for with id, name, mime_type and bytes; answered with id and the rest. */
struct s2_slot {
	const char *id;
	const char *name, *mime_type;
	uint64_t bytes;
	const char *put, *get;              /* URLs */
	const struct s2_setting *headers; /* of the PUT request */
	size_t header_count;
	enum s2_condition condition; /* not S2_DONE: there is none, and `text` says why */
	const char *text;
};

/* Somebody in the lists of a room. */
struct s2_room_person {
	const char *name;     /* legacy name */
	const char *nickname; /* in the room */
	enum s2_affiliation affiliation;
	enum s2_role role; /* of these two, towards the network, the one that is given shall be so */
	const char *reason; /* of somebody found by a search: what else is told of him */
};

/* What a user can ask of the network about a room. Numbers go over the wire: append only. */
enum s2_room_verb {
	S2_ROOM_PEOPLE,    /* all whose affiliation is that of `person`, in the room or not */
	S2_ROOM_CHANGE,    /* `person`, by name or nickname, gets an affiliation (outcast: is banned) or role (none: is thrown
	                      out) */
	S2_ROOM_INVITE,    /* `person` is asked to come */
	S2_ROOM_DECLINE,   /* the user does not come to where `person` has invited him */
	S2_ROOM_VOICE,     /* the user wants to be heard */
	S2_ROOM_FORM,      /* its settings: fields, named as in XEP-0045 section 15.5.3 where there is such a name */
	S2_ROOM_CONFIGURE, /* new values for some of them */
	S2_ROOM_DESTROY,   /* with the reason of `person` */
	S2_ROOM_CATALOG,   /* the rooms of a server of the network, named by `room`; NULL: of the network */
	S2_ROOM_IQ,        /* only where the network itself speaks XMPP: the IQ request `xml`, to whatever is called `room`
	                      there, or to the client or occupant of it that is called `person.nickname` */
	S2_ROOM_SEARCH,    /* people of the network, in rooms or not, who are called about as `person.name` */
	S2_ROOM_VERBS
};

struct s2_room_order {
	enum s2_room_verb verb;
	const char *room;
	struct s2_room_person person;
	const struct s2_field *fields; /* name and value count */
	size_t field_count;
	const char *xml; /* S2_ROOM_IQ: <iq xmlns='jabber:client' type='get'>...</iq>, without addresses */
};

/* What has become of an order: S2_DONE, with what was asked for. */
struct s2_room_answer {
	enum s2_condition condition;
	const char *text; /* for people: why not */
	const struct s2_room_person *people;
	size_t people_count;
	const struct s2_field *fields;
	size_t field_count;
	const struct s2_room_listing *rooms;
	size_t room_count;
	bool more;       /* of a catalog: others follow */
	const char *xml; /* of an IQ request: the answer, in the same form, with S2_DONE also if it is an error */
};

/* Somebody wants the user to come into a room. */
struct s2_room_invitation {
	const char *room;
	const char *title;
	const char *password;
	const char *name;     /* legacy name of who invites, or */
	const char *nickname; /* his nickname in the room */
	const char *reason;
};

struct s2_login {
	const char *name; /* legacy name */
	const char *password;
	const struct s2_setting *settings;
	size_t setting_count;
};

#endif
