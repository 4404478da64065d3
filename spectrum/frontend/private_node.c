/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/private_node.h"

#include "lib/xmpp/form.h"

#define WAIT_MS 10000
#define RETRACT "retract"

/* One item of a node within `what`; the item stays open. */
static struct writer *open_item(struct frontend *frontend, const struct user *user, const char *type, const char *what,
                                const char *node, const char *id, iq_answer *answer, const char *subject)
{
	struct writer *writer =
	    privileged_iq_open(frontend->iqs, type, user_jid(user), NS_PUBSUB, NULL, WAIT_MS, answer, subject);
	if (!writer)
		return NULL;
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, what, NULL);
	xml_attr(writer, "node", node);
	if (text_equal(what, RETRACT))
		xml_attr(writer, "notify", "true"); /* to the user's clients */
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", id);
	return writer;
}

static bool close_item(struct frontend *frontend, struct writer *writer)
{
	for (int i = 0; writer && i < 3; i++)
		xml_close(writer);
	if (writer)
		privileged_iq_close(frontend->iqs, writer);
	return writer;
}

struct writer *private_node_publish(struct frontend *frontend, const struct user *user, const char *node,
                                    const char *id, iq_answer *answer, const char *subject)
{
	return open_item(frontend, user, "set", "publish", node, id, answer, subject);
}

void private_node_published(struct frontend *frontend, struct writer *writer)
{
	static const struct {
		const char *var, *value;
	} options[] = {{"pubsub#persist_items", "true"},
	               {"pubsub#max_items", "max"},
	               {"pubsub#send_last_published_item", "never"},
	               {"pubsub#access_model", "whitelist"}};
	xml_close(writer);
	xml_close(writer);
	xml_open(writer, "publish-options", NULL);
	form_open(writer, "submit", NS_PUBSUB "#publish-options", NULL, NULL);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		form_field(writer, options[i].var, NULL, NULL, options[i].value, false);
	form_close(writer);
	xml_close(writer);
	xml_close(writer);
	privileged_iq_close(frontend->iqs, writer);
}

bool private_node_get(struct frontend *frontend, const struct user *user, const char *node, const char *id,
                      iq_answer *answer, const char *subject)
{
	return close_item(frontend, open_item(frontend, user, "get", "items", node, id, answer, subject));
}

bool private_node_retract(struct frontend *frontend, const struct user *user, const char *node, const char *id,
                          iq_answer *answer, const char *subject)
{
	return close_item(frontend, open_item(frontend, user, "set", RETRACT, node, id, answer, subject));
}
