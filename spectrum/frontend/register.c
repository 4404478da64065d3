/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In-band registration with the gateway (XEP-0077): plain fields and a data form, change, removal. */
#include <string.h>

#include "lib/xmpp/form.h"
#include "spectrum/frontend/inside.h"

static const char *setting(const struct frontend *frontend, const char *key)
{
	const char *text = config_text(frontend->config, key);
	return text ? text : "";
}

static void write_form(struct frontend *frontend, struct writer *writer, const struct account_info *info)
{
	const char *instructions = setting(frontend, "registration.instructions");
	form_open(writer, "form", NS_REGISTER, "Registration", instructions);
	form_field(writer, "username", "text-single", setting(frontend, "registration.username_label"), info->name,
	           true);
	if (account_needs_password(frontend->hub))
		form_field(writer, "password", "text-private", setting(frontend, "registration.password_label"), NULL,
		           true);
	if (!info->registered && account_needs_local(frontend->hub)) {
		form_field(writer, "local_username", "text-single",
		           setting(frontend, "registration.local_username_label"), NULL, true);
		form_field(writer, "local_password", "text-private", "Local password:", NULL, true);
	}
	if (info->registered)
		form_field(writer, "unregister", "boolean", "Remove your registration", "0", false);
	form_close(writer);
}

/* Without the resource. */
static const char *bare(const struct reply *reply)
{
	const char *slash = strchr(reply->to, '/');
	size_t len = slash ? (size_t)(slash - reply->to) : strlen(reply->to);
	return arena_strndup(&reply->frontend->arena, reply->to, len);
}

static void got(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct reply *reply = arg;
	struct frontend *frontend = reply->frontend;
	const char *forbidden = info && !info->registered ? account_forbidden(frontend->hub, bare(reply)) : NULL;
	if (forbidden) {
		reply_refuse(reply, S2_NOT_ALLOWED, forbidden);
	} else if (info) {
		struct writer *writer = reply_open(reply);
		xml_open(writer, "query", NS_REGISTER);
		if (info->registered)
			xml_empty(writer, "registered", NULL);
		xml_leaf(writer, "instructions", NULL, setting(frontend, "registration.instructions"));
		xml_leaf(writer, "username", NULL, info->name ? info->name : "");
		if (account_needs_password(frontend->hub))
			xml_empty(writer, "password", NULL);
		write_form(frontend, writer, info);
		xml_close(writer);
		stanza_close(frontend);
	} else {
		reply_refuse(reply, condition, text);
	}
	reply_free(reply);
}

void register_get(struct request *request, const struct element *payload)
{
	account_get(request->frontend->hub, request->from.bare, got, reply_new(request));
}

static void changed(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct reply *reply = arg;
	if (info) {
		reply_open(reply);
		stanza_close(reply->frontend);
		if (info->registered)
			roster_add_gateway(reply->frontend->roster, bare(reply));
	} else {
		reply_refuse(reply, condition, text);
	}
	reply_free(reply);
}

void register_set(struct request *request, const struct element *payload)
{
	struct hub *hub = request->frontend->hub;
	struct arena *arena = request->arena;
	const struct element *form = element_child(payload, "x", NS_DATA);
	if (form && text_equal(element_get(form, "type"), "cancel")) {
		iq_result_empty(request);
		return;
	}
	if (form && !text_equal(element_get(form, "type"), "submit")) { /* XEP-0004 section 3.2 */
		stanza_refuse(request, S2_BAD_REQUEST, "Fill in the form and submit it.");
		return;
	}
	const char *name = form_value(arena, form, "username"), *password = form_value(arena, form, "password");
	if (!name)
		name = element_child_text(arena, payload, "username", NULL);
	if (!password)
		password = element_child_text(arena, payload, "password", NULL);
	if (element_child(payload, "remove", NULL) || form_true(form_value(arena, form, "unregister")))
		account_unregister(hub, request->from.bare, changed, reply_new(request));
	else
		account_register(hub,
		                 &(struct account_order){.jid = request->from.bare,
		                                         .name = text_or_null(name),
		                                         .password = text_or_null(password),
		                                         .local_name = form_value(arena, form, "local_username"),
		                                         .local_password = form_value(arena, form, "local_password")},
		                 changed, reply_new(request));
}

void register_changed(void *arg, const char *jid, bool registered)
{
	struct frontend *frontend = arg;
	for (size_t i = 0; i < config_count(frontend->config, "registration.notify_jid"); i++) {
		struct writer *writer =
		    stanza_open(frontend, "message", UPSTREAM_KEPT, frontend->jid,
		                config_item(frontend->config, "registration.notify_jid", i), "chat");
		xml_open(writer, "body", NULL);
		xml_textf(writer, "%s: %s", registered ? "registered" : "unregistered", jid);
		xml_close(writer);
		stanza_close(frontend);
	}
	if (!registered)
		roster_remove_gateway(frontend->roster, jid);
}
