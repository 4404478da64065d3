/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of all known keys: what config.c checks values against, what docs/man/spectrum2.cfg.5 lists. Keys that
 * Spectrum 2's files use keep name, default and meaning; the sections "irc" and "xmpp", service.nameserver and
 * service.backend_timeout are ours. A section stays together, in the order in which the manual shows it. A name that
 * ends with ".*" stands for all keys of its section. */
#include "lib/config/config.h"

#include <string.h>

/* clang-format off */
#define TEXT(name, fallback, help) {(name), CONFIG_TEXT, (fallback), 0, 0, NULL, false, (help)}
#define CHOICE(name, fallback, choices, help) {(name), CONFIG_TEXT, (fallback), 0, 0, (choices), false, (help)}
#define NUMBER(name, fallback, least, most, help) {(name), CONFIG_NUMBER, (fallback), (least), (most), NULL, false, (help)}
#define SWITCH(name, fallback, help) {(name), CONFIG_BOOL, (fallback), 0, 0, NULL, false, (help)}
#define LIST(name, help) {(name), CONFIG_LIST, NULL, 0, 0, NULL, false, (help)}
/* Backends send these; what the file says counts only until they do. */
#define SENT_SWITCH(name, fallback, help) {(name), CONFIG_BOOL, (fallback), 0, 0, NULL, true, (help)}
#define SENT_TEXT(name, help) {(name), CONFIG_TEXT, "", 0, 0, NULL, true, (help)}
#define SENT_NUMBER(name, fallback, least, most, help) {(name), CONFIG_NUMBER, (fallback), (least), (most), NULL, true, (help)}
#define SENT_LIST(name, help) {(name), CONFIG_LIST, NULL, 0, 0, NULL, true, (help)}
/* clang-format on */

const struct config_key config_keys[] = {
    TEXT("service.jid", "", "Domain of this instance: of the component in gateway mode, of the server in server mode."),
    SWITCH("service.server_mode", "0",
           "1: be the XMPP server that clients log in to; 0: be a component of another server."),
    TEXT("service.server", "127.0.0.1",
         "Gateway mode: host of the XMPP server. Server mode: address to listen on; 0.0.0.0 is any."),
    NUMBER("service.port", "0", 1, 65535,
           "Gateway mode: component port of the XMPP server. Server mode: port to listen on, usually 5222."),
    TEXT("service.password", "", "Secret that is shared with the XMPP server (XEP-0114)."),
    TEXT("service.user", "", "User to become when started as root."),
    TEXT("service.group", "", "Group to become when started as root; empty: the user's own."),
    TEXT("service.backend", "libpurple_backend",
         "Program of the backends with its fixed arguments; BACKEND_ID becomes a counter."),
    TEXT("service.protocol", "", "Protocol for the libpurple backend, such as prpl-icq, or any."),
    NUMBER("service.users_per_backend", "100", 1, 1000000, "Users that one backend process takes."),
    SWITCH("service.reuse_old_backends", "1", "0: a backend that was full once takes no new users any more."),
    TEXT("service.backend_host", "127.0.0.1", "Address on which backends and the manager reach this process."),
    NUMBER("service.backend_port", "0", 0, 65535, "Port for the same; 0: a free one."),
    NUMBER("service.backend_timeout", "4", 1, 600,
           "Seconds that a backend may leave a question unanswered before it is replaced."),
    TEXT("service.nameserver", "",
         "DNS servers to ask instead of the system's: address or address:port, separated by commas."),
    NUMBER("service.idle_reconnect_time", "0", 0, INT32_MAX,
           "Seconds without activity until a user is moved to a backend for idle users; 0: never."),
    NUMBER("service.memory_collector_time", "0", 0, INT32_MAX,
           "Seconds between two replacements of the largest backend; 0: never."),
    NUMBER("service.command_timeout", "900", 1, 86400,
           "Seconds after which a command ends that its user does not go on with."),
    NUMBER("service.login_delay", "0", 0, INT32_MAX, "Least seconds between two logins to the network."),
    TEXT("service.working_dir", "/var/lib/spectrum2/$jid",
         "Directory in which the processes run and keep their files."),
    TEXT("service.pidfile", "/var/run/spectrum2/$jid.pid", "File for the process id; locked while the process runs."),
    TEXT("service.portfile", "/var/run/spectrum2/$jid.port", "File for the number of the backend port."),
    LIST("service.allowed_servers", "Domains whose users may register while public registration is off."),
    LIST("service.admin_jid", "Bare JIDs that may give admin commands."),
    TEXT("service.admin_password", "",
         "Server mode: password with which service.admin_jid logs in; empty: no such login."),
    TEXT("service.store_passwords", "",
         "Server mode: extended regular expression; users whose whole name on the network matches it have their "
         "password kept, sealed, so that their clients can log in by SCRAM; empty: nobody."),
    TEXT("service.cert", "",
         "Server mode: file with certificate, chain and key for TLS, PEM or PKCS#12; empty: one that is made."),
    TEXT("service.cert_password", "", "Password of that file."),
    SWITCH("service.require_tls", "1",
           "Server mode: 0 allows log-in without TLS, so that anybody on the way can read passwords; without "
           "service.cert it is allowed on a loopback address in any case."),
    NUMBER("service.direct_tls_port", "0", 0, 65535,
           "Server mode: port where TLS begins at once (XEP-0368), usually 5223; 0: none."),
    NUMBER("service.websocket_port", "0", 0, 65535,
           "Server mode: port for clients that connect by WebSocket (RFC 7395), usually 5443; 0: none."),
    TEXT("service.websocket_address", "", "Address to listen on for them; empty: as service.server."),
    CHOICE("service.websocket_tls", "auto", "auto|on|off",
           "TLS on that port; auto: unless the address is a loopback one, for a reverse proxy with the certificate."),
    TEXT("service.websocket_url", "",
         "URL that clients are told of (XEP-0156), for a reverse proxy; empty: made of the domain and that port."),
    NUMBER("service.connect_timeout", "30", 1, 600,
           "Server mode: seconds that a client has until its log-in, the network's time not counted."),
    NUMBER("service.resume_timeout", "300", 0, 86400,
           "Server mode: seconds that a client whose connection is gone may take to come back (XEP-0198)."),
    NUMBER("service.offline_messages", "1000", 0, 1000000,
           "Server mode: most messages that wait for a user who is away; more are refused with an error."),
    NUMBER("service.login_timeout", "60", 1, 600, "Server mode: seconds that the network has to accept a log-in."),
    NUMBER("service.component_port", "0", 0, 65535,
           "Server mode: port for the components of section components (XEP-0114), usually 5347; 0: none."),
    TEXT("service.component_address", "127.0.0.1",
         "Address to listen on for them; there is no TLS on that port, so that it is for this machine or a private "
         "network."),
    SWITCH("service.verify_certs", "1", "0: accept any certificate from network servers. Dangerous."),
    SWITCH("service.more_resources", "0", "Server mode: let a user be logged in with several clients at once."),
    SWITCH("service.enable_privacy_lists", "1", "Blocking of contacts."),
    SWITCH("service.enable_xhtml", "1", "Forward formatted text (XHTML-IM) to XMPP clients."),
    SWITCH("service.styling", "1",
           "Formatting is shown to XMPP clients, and read of them, as *strong*, _emphasis_, ~strike~ and `code` (XEP-0393)."),
    SWITCH("service.enable_remove_buddy", "0", "Taking back a subscription removes the contact on the network, too."),
    SWITCH("service.oob_replace_body", "1", "A message with media gets the first media URL as its body."),
    CHOICE("service.carbon_form", "auto", "auto|message|carbon",
           "How the user's server is asked to show what he wrote in another client: as a message of his, as a "
           "finished carbon, or by what is known of that server."),
    SWITCH("service.oob_split", "0",
           "Each medium and the text come as messages of their own; wins over oob_replace_body."),
    NUMBER("service.max_room_list_size", "100", 0, INT32_MAX, "Most rooms in a list of rooms."),
    SWITCH("service.jid_escaping", "1", "1: names in addresses are escaped as in XEP-0106; 0: their last @ becomes %."),
    SWITCH("service.vip_only", "0", "Only users who are marked as VIP in the database may log in."),
    TEXT("service.vip_message", "", "What all others are told."),
    SWITCH("service.reconnect_all_users", "0",
           "After a start, look for all registered users, not only for those who were online."),
    CHOICE("service.frontend", "xmpp", "xmpp", "What users speak."),
    TEXT("service.web_directory", "", "Directory for received files that a web server publishes."),
    TEXT("service.web_url", "", "URL of that directory."),
    NUMBER("service.web_maximgsize", "1000000", 0, INT32_MAX, "Bytes of the largest image that is put there."),
    NUMBER("service.web_maxfilesize", "20000000", 0, INT32_MAX,
           "Bytes of the largest other file that is taken from a network."),
    TEXT("service.backend_id", NULL, "Number of a backend; set by the main process only."),
    TEXT("service.eventloop", "", "Event loop of the libpurple backend; libev or empty."),
    LIST("service.irc_server", "IRC: the one network to use, host or host:port; more lines are tried when one fails."),
    TEXT("service.irc_identify", "NickServ identify $password",
         "IRC: recipient and text by which a password is told; $password and $name are replaced."),
    SWITCH("service.irc_send_pass", "0", "IRC: send the password with PASS instead."),
    NUMBER("service.irc_away_timeout", "60", 0, INT32_MAX,
           "IRC: seconds between two looks at who is away, where the server does not tell by itself."),
    TEXT("service.client_id", "", "Slack: OAuth client id."),
    TEXT("service.client_secret", "", "Slack: OAuth client secret."),
    TEXT("service.join_room_room_label", "3rd-party room name", "Slack: label of the room field."),
    TEXT("service.join_room_room_example", "3rd-party room name", "Slack: example for it."),
    TEXT("service.join_room_nickname_label", "Nickname in 3rd-party room", "Slack: label of the nickname field."),
    TEXT("service.join_room_nickname_example", "BotNickname", "Slack: example for it."),
    TEXT("service.join_room_server_label", "3rd-party server", "Slack: label of the server field."),
    TEXT("service.join_room_server_example", "3rd.party.server.org", "Slack: example for it."),

    NUMBER("upload.max_bytes", "104857600", 0, INT64_MAX,
           "Server mode with service.websocket_port: largest file that users may upload (XEP-0363); 0: none."),
    NUMBER("upload.quota", "1073741824", 0, INT64_MAX, "Bytes that one user may keep; 0: any number."),
    NUMBER("upload.days", "30", 0, 36500, "Days until a file is removed; 0: never."),
    TEXT("upload.directory", "", "Where the files are; empty: upload in service.working_dir."),
    TEXT("upload.url", "",
         "What their addresses begin with, for a reverse proxy; empty: the domain and service.websocket_port."),

    TEXT("components.*", NULL,
         "Server mode: a component that may connect to service.component_port: its domain, and as value its secret."),

    LIST("vhosts.vhost", "Further JIDs; the manager runs one more instance of this file for each."),

    TEXT("identity.name", "Spectrum 2 Transport", "Name that service discovery shows."),
    TEXT("identity.category", "gateway", "Category in service discovery."),
    TEXT("identity.type", "", "Type in service discovery, such as irc or icq."),

    LIST("contact.admin",
         "Addresses of the administrators that service discovery shows, such as xmpp:a@b or mailto:a@b."),
    LIST("contact.abuse", "The same for reports of abuse."),
    LIST("contact.feedback", "The same for opinions."),
    LIST("contact.security", "The same for security."),
    LIST("contact.support", "The same for help."),
    LIST("contact.status", "Pages that tell how the service is."),

    SWITCH("registration.enable_public_registration", "1", "Everybody may register; 0: only service.allowed_servers."),
    TEXT("registration.language", "en", "Language of the texts in the registration form."),
    TEXT("registration.encoding", "utf8", "Character set of the network for users who did not choose one."),
    TEXT("registration.instructions", "Enter your legacy network username and password.",
         "What the registration form says on top."),
    TEXT("registration.username_label", "3rd-party network username", "Label of its user name field."),
    TEXT("registration.password_label", "3rd-party network password", "Label of its password field."),
    TEXT("registration.username_mask", "",
         "How a name on the network is made of what was typed in; $username is replaced."),
    TEXT("registration.allowed_usernames", "",
         "Extended regular expression that the whole name must match; empty: any name."),
    SWITCH("registration.auto_register", "0", "Gateway mode: a first presence registers."),
    SWITCH("registration.require_local_account", "0", "The form also asks for a local account, which is verified."),
    TEXT("registration.local_username_label", "Local username:", "Label of that field."),
    TEXT("registration.local_account_server", "localhost", "Server of the local account."),
    TEXT("registration.local_account_host", "", "Where it is, host or host:port; empty: as DNS says."),
    TEXT("registration.local_account_ca_file", "",
         "PEM file of authorities that are trusted for its certificate; empty: the system's."),
    NUMBER("registration.local_account_server_timeout", "10000", 1, INT32_MAX, "Milliseconds to wait for that server."),
    LIST("registration.notify_jid", "JIDs that are told about each registration and its end."),
    SENT_SWITCH("registration.needPassword", "1", "Sent by backends: the registration form asks for a password."),
    SENT_SWITCH("registration.needRegistration", "1", "Sent by backends: only registered users are served."),
    SENT_LIST("registration.extraField", "Sent by backends: further fields; kept, not used."),

    SENT_SWITCH("features.muc", "0", "Sent by backends: the network has rooms."),
    SENT_NUMBER("features.room_orders", "0", 0, INT32_MAX,
                "Sent by backends: what users may ask of rooms, as a sum of powers of two."),
    SENT_SWITCH("features.receipts", "0", "Sent by backends: the network confirms delivery."),
    SENT_SWITCH("features.typing", "1", "Sent by backends: the network tells who is writing."),
    SENT_SWITCH("features.attention", "1", "Sent by backends: the network has nudges (XEP-0224)."),
    SENT_SWITCH("features.own_card", "1", "Sent by backends: the network takes the user's own picture."),
    SENT_SWITCH("features.blocking", "0", "Sent by backends: the network blocks people for its users."),
    SENT_SWITCH("features.subscriptions", "0", "Sent by backends: the network knows who may see whom (RFC 6121)."),
    SENT_SWITCH("features.rawxml", "0", "Sent by backends: they send and take XML stanzas."),
    SENT_SWITCH("features.disable_jid_escaping", "0", "Sent by backends: as service.jid_escaping=0."),
    SENT_SWITCH("features.send_buddies_on_login", "0",
                "Sent by backends: they want the stored contacts at each login."),
    SENT_SWITCH("features.corrections", "0", "Sent by backends: the network changes messages (XEP-0308)."),
    SENT_SWITCH("features.retractions", "0", "Sent by backends: the network takes messages back (XEP-0424)."),
    SENT_SWITCH("features.moderation", "0", "Sent by backends: moderators take messages of others back (XEP-0425)."),
    SENT_SWITCH("features.reactions", "0", "Sent by backends: the network has reactions (XEP-0444)."),
    SENT_TEXT("features.reactions_allowed", "Sent by backends: the only reactions, separated by blanks; empty: any."),
    SENT_NUMBER("features.reactions_most", "0", 0, 1000,
                "Sent by backends: reactions of one person on one message; 0: any number."),
    SENT_SWITCH("features.replies", "0", "Sent by backends: the network has replies (XEP-0461)."),
    SENT_SWITCH("features.markers", "0", "Sent by backends: the network tells what was read (XEP-0333)."),
    SENT_SWITCH("features.attachments", "0", "Sent by backends: they take files that users send as links."),
    SENT_SWITCH("features.formatting", "0", "Sent by backends: the network shows formatted text."),

    TEXT("gateway_responder.prompt", "Contact ID", "XEP-0100 search by name: the prompt."),
    TEXT("gateway_responder.label", "Enter legacy network contact ID.", "XEP-0100 search by name: the description."),

    CHOICE("database.type", "none", "sqlite3|mysql|pqxx|none", "Where users are kept."),
    TEXT("database.database", "/var/lib/spectrum2/$jid/database.sql",
         "sqlite3: the file; else the name of the database."),
    TEXT("database.server", "localhost", "Host of the database server."),
    NUMBER("database.port", "0", 0, 65535, "Port of the database server; 0: its usual one."),
    TEXT("database.user", "", "User on the database server."),
    TEXT("database.password", "", "Password on the database server."),
    TEXT("database.prefix", "", "What the names of the tables start with."),
    TEXT("database.encryption_key", "", "Key by which passwords that are already in the database were encoded."),
    TEXT("database.key_file", "",
         "32 random bytes that seal stored passwords; empty: secret.key in service.working_dir."),
    TEXT("database.vip_statement", "", "SQL query that finds a row if $barejid is a VIP."),
    TEXT("database.connectionstring", "", "pqxx: complete connection string, instead of server, port, user and so on."),

    NUMBER("archive.days", "30", 0, 36500,
           "Days for which what is said in rooms is kept, so that users can read it later; 0: not at all."),
    NUMBER("archive.lines", "10000", 1, INT32_MAX, "Most lines that are kept of one room."),
    NUMBER("archive.page", "100", 1, 1000, "Most lines in one answer."),
    NUMBER("archive.history", "20", 0, 1000,
           "Lines that a client gets when it joins and does not say how many it wants."),

    TEXT("logging.config", "", "Log settings of the main process, a log4j property file."),
    TEXT("logging.backend_config", "", "Log settings of the backends, a log4j property file."),

    TEXT("backend.default_avatar", "", "Picture that users without one of their own have on the network."),
    TEXT("backend.avatars_directory", "",
         "Directory with such a picture per user, in a file named like the user on the network."),
    SWITCH("backend.sandbox", "1",
           "libpurple: plugins see only the files that they need, and can start no program; 0: they may do all that "
           "service.user may."),
    LIST("backend.sandbox_path", "libpurple: files and directories that plugins may use all the same, to read and write."),
    SWITCH("backend.no_vcard_fetch", "0", "Do not fetch contact cards from the network."),
    TEXT("backend.incoming_dir", "/var/spool/sms/incoming/", "SMS: directory of received messages."),

    NUMBER("avatars.max_bytes", "150000", 0, 1400000,
           "Bytes of the largest picture of a contact that is passed on; with base64 it has to fit into a stanza."),
    NUMBER("avatars.memory_bytes", "4000000", 0, INT32_MAX, "Bytes of contacts' pictures that are kept in memory."),
    NUMBER("avatars.disk_bytes", "100000000", 0, INT32_MAX,
           "Bytes of contacts' pictures that are kept in service.working_dir; 0: none."),

    SWITCH("settings.send_headlines", "0", "Whether new users get headlines as such."),
    SWITCH("settings.record_history", "1", "Whether new users can read later what was said in their rooms."),
    SWITCH("settings.stay_connected", "0", "Whether new users stay logged in to the network when they are offline."),

    CHOICE("proxy.type", "socks5", "http|socks4|socks5", "Kind of the proxy on the way to the network."),
    TEXT("proxy.host", "", "Its host; empty: no proxy."),
    TEXT("proxy.server", "localhost", "Its host, if proxy.host is not given."),
    NUMBER("proxy.port", "0", 0, 65535, "Its port; 0: no proxy."),
    TEXT("proxy.username", "", "User name for it."),
    TEXT("proxy.user", "", "User name for it, if proxy.username is not given."),
    TEXT("proxy.password", "", "Password for it."),

    TEXT("purple.plugins_dir", "./plugins", "libpurple: directory of plugins."),
    TEXT("purple.cacerts_dir", "./ca-certs", "libpurple: directory of certificates that are trusted."),
    TEXT("purple.libpurple_dll_path", "", "libpurple: path of the library on Windows; no effect."),

    CHOICE("irc.member_affiliation", "none", "none|member", "Affiliation of an ordinary occupant of a channel."),
    CHOICE("irc.nick_conflict", "error", "error|rename",
           "Nickname taken at a join: refuse the join, or join with another one."),
    SWITCH("irc.verify_cert", "1", "0: accept any certificate from IRC servers. Dangerous."),
    TEXT("irc.tls_ca_file", "", "PEM file of authorities that are trusted for IRC servers; empty: the system's."),
    NUMBER("irc.throttle_burst", "10", 1, 1000, "Lines that may be sent to an IRC server at once."),
    NUMBER("irc.throttle_interval_ms", "1000", 0, 60000, "Milliseconds between two lines after that."),
    SWITCH("irc.reconnect", "1", "Connect again when an IRC server drops the connection."),

    TEXT("xmpp.server", "",
         "XMPP: the server of all accounts, host or host:port; empty: the one that DNS names for an account's domain."),
    SWITCH("xmpp.verify_cert", "1", "0: accept any certificate from XMPP servers. Dangerous."),
    TEXT("xmpp.tls_ca_file", "", "PEM file of authorities that are trusted for XMPP servers; empty: the system's."),
    SWITCH("xmpp.require_tls", "1",
           "0: log in even where the server has no TLS; a password is not sent in the clear even then."),
    SWITCH("xmpp.archive", "1", "After a break, fetch what was missed from the archive of the account."),
    SWITCH("xmpp.bookmarks", "1", "Join the rooms that the account's bookmarks say are to be joined."),
};
const size_t config_key_count = sizeof config_keys / sizeof *config_keys;

/* Whole names, and beginnings that end with a dot. */
static const char *const fixed[] = {
    "service.jid",      "service.server_mode",  "service.user",           "service.group",
    "service.frontend", "service.backend_host", "service.backend_port",   "service.working_dir",
    "service.pidfile",  "service.portfile",     "service.component_port", "service.component_address",
    "vhosts.vhost",     "database.",
};

bool config_key_is_fixed(const char *name)
{
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
		size_t len = strlen(fixed[i]);
		if (!strncmp(name, fixed[i], len) && (fixed[i][len - 1] == '.' || !name[len]))
			return true;
	}
	return false;
}
