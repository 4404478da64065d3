/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kit/http.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "kit/kit.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define LOG_AREA "http"
#define WAIT_MS 60000
#define CONNECT_MS 20000
#define MOST_BYTES (1u << 20)
#define REDIRECTS_MOST 5
#define CONNECTIONS_MOST 64

struct http_call {
	struct list node;
	CURL *easy;
	struct curl_slist *headers;
	struct str body;
	size_t most_bytes;
	void (*done)(void *arg, const struct http_answer *);
	void *arg;
	char error[CURL_ERROR_SIZE];
	bool too_long;
};

/* One per process: curl's multi handle, and what it waits for. */
static struct {
	CURLM *multi;
	struct timer *timer;
	struct list calls;
} http;

/* One socket of curl's. */
struct watch {
	uv_poll_t poll;
	curl_socket_t socket;
};

static void finish_calls(void)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(http.multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct http_call *call = NULL;
		struct http_answer answer = {0};
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &answer.status);
		char *type = NULL;
		curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
		answer.content_type = type;
		answer.body = str_text(&call->body);
		answer.body_bytes = call->body.len;
		if (code != CURLE_OK) {
			answer.status = 0;
			answer.error = call->too_long ? "the answer is too long"
			               : *call->error ? call->error
			                              : curl_easy_strerror(code);
		}
		void (*done)(void *arg, const struct http_answer *) = call->done;
		void *arg = call->arg;
		call->done = NULL;
		done(arg, &answer);
		http_cancel(&call);
	}
}

static void timed_out(void *arg)
{
	int running;
	curl_multi_socket_action(http.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_calls();
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	if (ms < 0)
		timer_stop(http.timer);
	else
		timer_start(http.timer, (uint64_t)ms, 0);
	return 0;
}

static void ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
	flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
	flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(http.multi, watch->socket, flags, &running);
	finish_calls();
}

static void watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int set_watch(CURL *easy, curl_socket_t socket, int what, void *arg, void *known)
{
	struct watch *watch = known;
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(http.multi, socket, NULL);
		if (watch)
			uv_close((uv_handle_t *)&watch->poll, watch_closed);
		return 0;
	}
	if (!watch) {
		watch = mem_new(sizeof *watch);
		watch->socket = socket;
		uv_poll_init_socket(loop_uv(kit_loop()), &watch->poll, socket);
		watch->poll.data = watch;
		curl_multi_assign(http.multi, socket, watch);
	}
	uv_poll_start(&watch->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
	              ready);
	return 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	if (call->body.len + size * count > call->most_bytes) {
		call->too_long = true;
		return 0;
	}
	str_add(&call->body, bytes, size * count);
	return size * count;
}

static void begin(void)
{
	if (http.multi)
		return;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	http.multi = curl_multi_init();
	http.timer = timer_new(kit_loop(), timed_out, NULL);
	list_init(&http.calls);
	curl_multi_setopt(http.multi, CURLMOPT_SOCKETFUNCTION, set_watch);
	curl_multi_setopt(http.multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(http.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MOST);
}

static void set_body(CURL *easy, const struct http_request *request)
{
	const char *method = request->method ? request->method : "GET";
	if (request->body || request->body_bytes) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

struct http_call *http_start(const struct http_request *request, void (*done)(void *arg, const struct http_answer *),
                             void *arg)
{
	struct http_call *call = mem_new(sizeof *call);
	begin();
	call->easy = curl_easy_init();
	call->done = done;
	call->arg = arg;
	call->most_bytes = request->most_bytes ? request->most_bytes : MOST_BYTES;
	for (size_t i = 0; i < request->header_count; i++) {
		char *line = mem_printf("%s: %s", request->headers[i].key, request->headers[i].value);
		call->headers = curl_slist_append(call->headers, line);
		free(line);
	}
	/* No waiting for a "100 Continue". */
	call->headers = curl_slist_append(call->headers, "Expect:");
	set_body(call->easy, request);
	curl_easy_setopt(call->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(call->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(call->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(call->easy, CURLOPT_USERAGENT, "spectrum2/" SPECTRUM2_VERSION);
	curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)(request->wait_ms ? request->wait_ms : WAIT_MS));
	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	list_append(&http.calls, &call->node);
	curl_multi_add_handle(http.multi, call->easy);
	return call;
}

void http_cancel(struct http_call **at)
{
	struct http_call *call = *at;
	if (!call)
		return;
	list_remove(&call->node);
	curl_multi_remove_handle(http.multi, call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	str_fini(&call->body);
	free(call);
	*at = NULL;
}

void http_stop(void)
{
	if (!http.multi)
		return;
	LIST_EACH (&http.calls, node) {
		struct http_call *call = LIST_ITEM(node, struct http_call, node);
		http_cancel(&call);
	}
	curl_multi_cleanup(http.multi);
	timer_free(&http.timer);
	http.multi = NULL;
	curl_global_cleanup();
}
