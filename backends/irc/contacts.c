/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/contacts.h"

#include <stdlib.h>
#include <string.h>

#include "backends/irc/network.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define CONTACTS_MOST 2000 /* of one user */
#define LIST_BYTES 400     /* of nicknames in one line */
#define ISON_ANSWER_MS 30000
#define ISON_EVERY_MS 60000 /* unless service.irc_away_timeout says it */

struct contact {
	struct list node;
	struct irc_address address; /* of the server, unless there is only one */
	char *name;                 /* as the XMPP side spells it */
	char *away;                 /* NULL: he is not, or it is not known */
	bool online;
	bool monitored; /* by the server; all others are asked for */
	bool asked;     /* by an ISON that was not answered */
	bool fresh;     /* by the ISON of this round already */
	char nick[];    /* "": the server itself */
};

static void contact_free(struct user *user, struct contact *contact)
{
	list_remove(&contact->node);
	user->contact_count--;
	free(contact->name);
	free(contact->away);
	free(contact);
}

void contacts_free(struct user *user)
{
	LIST_EACH (&user->contacts, node)
		contact_free(user, LIST_ITEM(node, struct contact, node));
}

static struct contact *find_by_name(const struct user *user, const char *name)
{
	LIST_EACH (&user->contacts, node) {
		struct contact *contact = LIST_ITEM(node, struct contact, node);
		if (!strcmp(contact->name, name))
			return contact;
	}
	return NULL;
}

static bool is_of(const struct contact *contact, const struct network *network)
{
	return settings.one_server || irc_address_equal(&contact->address, &network->address);
}

#define CONTACTS_OF(network, contact)                                                           \
	LIST_EACH (&(network)->user->contacts, contact##_node)                                  \
		for (struct contact *contact = LIST_ITEM(contact##_node, struct contact, node), \
		                    *contact##_once = contact;                                  \
		     contact##_once; contact##_once = NULL)                                     \
			if (is_of(contact, (network)))

static void show(const struct user *user, const struct contact *contact)
{
	s2_buddy(user->s2, &(struct s2_buddy){
	                       .name = contact->name,
	                       .status = !contact->online ? S2_STATUS_NONE
	                                 : contact->away  ? S2_STATUS_AWAY
	                                                  : S2_STATUS_ONLINE,
	                       .status_text = contact->away,
	                   });
}

static void set_online(const struct user *user, struct contact *contact, bool online)
{
	if (contact->online == online)
		return;
	contact->online = online;
	mem_replace(&contact->away, NULL);
	show(user, contact);
}

/* ---- MONITOR ---- */

/* "MONITOR + a,b,c" in as many lines as it takes. */
static void monitor(struct network *network)
{
	struct str list = {0};
	unsigned count = 0;
	CONTACTS_OF(network, contact)
	{
		if (!*contact->nick || count++ >= network->isupport.monitor_most)
			continue;
		contact->monitored = true;
		if (list.len + strlen(contact->nick) > LIST_BYTES) {
			network_send(network, "MONITOR", "+", list.data, NULL);
			str_clear(&list, LIST_BYTES);
		}
		str_addf(&list, "%s%s", list.len ? "," : "", contact->nick);
	}
	if (list.len)
		network_send(network, "MONITOR", "+", list.data, NULL);
	str_fini(&list);
}

static void set_all(struct network *network, const char *list, bool online)
{
	char *copy = mem_strdup(list), *rest = copy, *target;
	while ((target = strsep(&rest, ",")) != NULL) {
		target[strcspn(target, "!")] = '\0';
		CONTACTS_OF(network, contact)
		{
			if (*contact->nick && network_same_name(network, contact->nick, target))
				set_online(network->user, contact, online);
		}
	}
	free(copy);
}

static void on_monitor_online(struct network *network, const struct line *line)
{
	set_all(network, line_last(line), true);
}

static void on_monitor_offline(struct network *network, const struct line *line)
{
	set_all(network, line_last(line), false);
}

/* ---- ISON ---- */

void contacts_note_ison(struct network *network, bool for_contacts)
{
	if (network->ison_count < 32)
		network->ison_kinds |= (uint32_t)for_contacts << network->ison_count++;
}

static bool take_kind(struct network *network)
{
	bool for_contacts = network->ison_count && network->ison_kinds & 1;
	if (network->ison_count)
		network->ison_count--;
	network->ison_kinds >>= 1;
	return for_contacts;
}

/* Asks for some of those that were not asked for in this round; true if there were any. */
static bool ask_some(struct network *network)
{
	struct str list = {0};
	CONTACTS_OF(network, contact)
	{
		if (!*contact->nick || contact->monitored || contact->fresh ||
		    list.len + strlen(contact->nick) > LIST_BYTES)
			continue;
		contact->fresh = contact->asked = true;
		str_addf(&list, "%s%s", list.len ? " " : "", contact->nick);
	}
	bool any = list.len;
	if (any && network_send(network, "ISON", list.data, NULL)) {
		contacts_note_ison(network, true);
		network->ison_ms = network_now(network) + ISON_ANSWER_MS;
		network_wake(network, network->ison_ms);
	}
	str_fini(&list);
	return any;
}

static void rest(struct network *network)
{
	network->ison_ms = network_now(network) + (settings.away_poll_ms ? settings.away_poll_ms : ISON_EVERY_MS);
	network_wake(network, network->ison_ms);
}

static void begin_round(struct network *network)
{
	bool any = false;
	CONTACTS_OF(network, contact)
	{
		contact->fresh = contact->asked = false;
		any = any || (*contact->nick && !contact->monitored);
	}
	network->ison_ms = 0;
	if (any && !ask_some(network))
		rest(network);
}

static bool is_listed(const struct network *network, const char *nicks, const char *nick)
{
	char *copy = mem_strdup(nicks), *rest = copy, *each;
	bool found = false;
	while (!found && (each = strsep(&rest, " ")) != NULL)
		found = *each && network_same_name(network, each, nick);
	free(copy);
	return found;
}

bool contacts_take_ison(struct network *network, const char *nicks)
{
	if (!take_kind(network))
		return true;
	CONTACTS_OF(network, contact)
	{
		if (!contact->asked)
			continue;
		contact->asked = false;
		set_online(network->user, contact, is_listed(network, nicks, contact->nick));
	}
	if (!ask_some(network))
		rest(network);
	return false;
}

void contacts_tick(struct network *network, uint64_t now)
{
	if (!network->ison_ms || network->stage != NETWORK_READY)
		return;
	if (network->ison_ms <= now)
		begin_round(network);
	else
		network_wake(network, network->ison_ms);
}

/* ---- The connection ---- */

void contacts_watch(struct network *network)
{
	network->ison_count = network->ison_kinds = 0;
	CONTACTS_OF(network, contact)
	{
		if (!*contact->nick)
			set_online(network->user, contact, true);
	}
	monitor(network);
	begin_round(network);
}

void contacts_lost(struct network *network)
{
	network->ison_ms = 0;
	network->ison_count = network->ison_kinds = 0;
	CONTACTS_OF(network, contact)
	{
		contact->asked = contact->fresh = contact->monitored = false;
		set_online(network->user, contact, false);
	}
}

void contacts_away(struct network *network, const char *nick, const char *text)
{
	CONTACTS_OF(network, contact)
	{
		if (!*contact->nick || !contact->online || text_equal(contact->away, text) ||
		    !network_same_name(network, contact->nick, nick))
			continue;
		mem_replace(&contact->away, text);
		show(network->user, contact);
	}
}

/* ---- From the main process ---- */

static unsigned monitored(const struct network *network)
{
	unsigned count = 0;
	CONTACTS_OF(network, contact)
	count += contact->monitored;
	return count;
}

static void watch_one(struct network *network, struct contact *contact)
{
	if (!network || network->stage != NETWORK_READY)
		return;
	if (!*contact->nick)
		set_online(network->user, contact, true);
	else if (monitored(network) < network->isupport.monitor_most)
		contact->monitored = network_send(network, "MONITOR", "+", contact->nick, NULL);
	else if (network_send(network, "ISON", contact->nick, NULL)) {
		contact->asked = contact->fresh = true;
		contacts_note_ison(network, true);
		if (!network->ison_ms)
			rest(network);
	}
}

/* What his name means: a person, or (nick "") a server. False if it is neither. */
static bool understand(const struct user *user, const char *name, struct destination *destination)
{
	if (user_resolve(user, name, destination))
		return line_is_middle(destination->name) && !strpbrk(destination->name, ", #&");
	free(destination->name);
	*destination = (struct destination){.name = mem_strdup("")};
	return !settings.one_server && irc_address_parse(name, &destination->address);
}

void contacts_add(struct s2_user *s2, const struct s2_buddy *buddy)
{
	struct user *user = s2_user_data(s2);
	struct contact *contact = user ? find_by_name(user, buddy->name) : NULL;
	struct destination destination = {0};
	if (!user)
		return;
	if (contact) {
		show(user, contact);
		return;
	}
	if (user->contact_count < CONTACTS_MOST && understand(user, buddy->name, &destination)) {
		contact = mem_new(sizeof *contact + strlen(destination.name) + 1);
		strcpy(contact->nick, destination.name);
		contact->address = destination.address;
		contact->name = mem_strdup(buddy->name);
		list_append(&user->contacts, &contact->node);
		user->contact_count++;
		watch_one(destination.network ? destination.network : user_network(user, &destination.address),
		          contact);
	}
	free(destination.name);
}

void contacts_remove(struct s2_user *s2, const struct s2_buddy *buddy)
{
	struct user *user = s2_user_data(s2);
	struct contact *contact = user ? find_by_name(user, buddy->name) : NULL;
	if (!contact)
		return;
	struct network *network = user_network(user, &contact->address);
	if (network && network->stage == NETWORK_READY && contact->monitored)
		network_send(network, "MONITOR", "-", contact->nick, NULL);
	contact_free(user, contact);
}

static const struct network_command table[] = {
    {"730", 2, true, on_monitor_online},
    {"731", 2, true, on_monitor_offline},
    {"732", 1, true, NULL},
    {"733", 1, true, NULL},
    {"734", 1, true, NULL},
};
const struct network_commands contact_commands = {table, sizeof table / sizeof *table};
