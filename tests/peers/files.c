/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network of one contact that sends files: `FILE NAME TYPE BYTES` brings one, made of the letter x. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/upload.h"
#include "lib/base/mem.h"

static bool start(void)
{
	upload_start();
	return true;
}

static void login(struct s2_user *user, const struct s2_login *account)
{
	s2_connected(user);
	s2_buddy(user, &(struct s2_buddy){.name = "photos"});
}

static void uploaded(struct s2_user *user, void *arg, const struct s2_attachment *attachment, const char *error)
{
	char *body = error ? mem_printf("no file: %s", error) : NULL;
	s2_message(user,
	           &(struct s2_message){
	               .peer = arg, .body = body, .attachments = attachment, .attachment_count = attachment ? 1 : 0});
	free(body);
	free(arg);
}

static void message(struct s2_user *user, const struct s2_message *in)
{
	char name[64], type[64];
	unsigned bytes;
	if (sscanf(in->body, "FILE %63s %63s %u", name, type, &bytes) != 3)
		return;
	char *data = mem_new(bytes + 1);
	memset(data, 'x', bytes);
	s2_upload(user, &(struct s2_file){.name = name, .mime_type = type, .data = data, .bytes = bytes, .width = 3},
	          uploaded, mem_strdup(in->peer));
	free(data);
}

int main(int argc, char **argv)
{
	static const struct s2_backend backend = {
	    .name = "files_backend", .start = start, .stop = upload_stop, .login = login, .message = message};
	return s2_backend_run(argc, argv, &backend);
}
