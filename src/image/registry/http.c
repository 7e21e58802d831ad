/* SPDX-License-Identifier: MIT */
/* HTTP on libcurl's multi interface.
 *
 * How it works: each exchange is an easy handle of one multi handle. libcurl calls back for every
 * header and every piece of the body; a callback that refuses ends the exchange and leaves its
 * reason there. Two clocks of our own are looked at between: the time that an exchange may take
 * as a whole, and a window in which it must bring its share, so that a drip of bytes ends. */

#include "image/registry/http.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "image/registry/peer.h"
#include "image/registry/response.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Below this many bytes a second a peer is not slow but stuck, or means to keep us. */
#define SHARE_BYTES_PER_SECOND 1024
/* Of a body that only explains a failure. */
#define WORDS_BYTES_MAX ((size_t)8 << 10)
#define BUFFER_BYTES    ((long)256 << 10)

struct http {
	CURLM *multi;
	struct http_settings settings;
	struct http_exchange *first;
	int heard_fd;
};

struct http_exchange {
	struct http *http;
	struct http_exchange *next;
	CURL *easy;
	struct curl_slist *headers;
	struct http_reader reader;
	struct http_body body;
	uint64_t sent; /* of it */
	struct response_head head;
	struct text words;
	char message[CURL_ERROR_SIZE];
	int64_t deadline_ms; /* 0: none */
	int64_t window_end_ms;
	int64_t window_bytes;
	bool is_public_only;
	bool is_enough; /* of a body that nobody needs */
	bool is_ended;
	enum http_outcome outcome;
	struct lxcri_error error;
};

int64_t http_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int http_create(const struct http_settings *settings, struct http **ret_http,
		struct lxcri_error *err)
{
	autoptr(http) http = xnew(struct http);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail(err, LXCRI_E_SYSTEM, "libcurl cannot be used");
	http->settings = *settings;
	http->heard_fd = -1;
	http->multi = curl_multi_init();
	if (!http->multi)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libcurl");
	(void)curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
				(long)settings->connections);
	(void)curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
				(long)settings->per_host);
	(void)curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret_http = steal(http);
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (struct http_exchange *exchange = http->first; exchange; exchange = exchange->next) {
		if (exchange->easy)
			(void)curl_multi_remove_handle(http->multi, exchange->easy);
		exchange->http = NULL;
	}
	(void)curl_multi_cleanup(http->multi);
	free(http);
}

/* Ends @exchange with what *@error says. */
static void end(struct http_exchange *exchange, enum http_outcome outcome)
{
	if (exchange->is_ended)
		return;
	exchange->is_ended = true;
	exchange->outcome = outcome;
	if (exchange->http && exchange->easy)
		(void)curl_multi_remove_handle(exchange->http->multi, exchange->easy);
}

static size_t take_header(char *bytes, size_t one, size_t count, void *userdata)
{
	struct http_exchange *exchange = userdata;
	struct response_head *head = &exchange->head;
	size_t size = one * count;
	long status = 0;

	if (response_add_line(head, bytes, size, &exchange->error) < 0)
		return 0;
	if (!head->is_whole || head->is_told)
		return size;
	head->is_told = true;
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	head->response.status = status;
	if (status / 100 != 2)
		return size;
	if (exchange->reader.begin(exchange->reader.userdata, &head->response, &exchange->error) <
	    0)
		return 0;
	return size;
}

static size_t take_body(char *bytes, size_t one, size_t count, void *userdata)
{
	struct http_exchange *exchange = userdata;
	size_t size = one * count;
	size_t room = WORDS_BYTES_MAX - exchange->words.length;

	exchange->window_bytes += (int64_t)size;
	if (exchange->head.response.status / 100 == 2) {
		if (exchange->reader.take(exchange->reader.userdata, bytes, size,
					  &exchange->error) < 0)
			return 0;
		return size;
	}
	text_append(&exchange->words, bytes, size < room ? size : room);
	if (size < room)
		return size;
	exchange->is_enough = true;
	return 0;
}

static size_t give_body(char *bytes, size_t one, size_t count, void *userdata)
{
	struct http_exchange *exchange = userdata;
	const struct http_body *body = &exchange->body;
	uint64_t left = body->size - exchange->sent;
	size_t size = one * count < left ? one * count : (size_t)left;
	ssize_t got = size == 0 ? 0
				: body->fill(body->userdata, exchange->sent, bytes, size,
					     &exchange->error);

	if (got < 0)
		return CURL_READFUNC_ABORT;
	exchange->sent += (uint64_t)got;
	exchange->window_bytes += got;
	return (size_t)got;
}

/* libcurl sends again where a kept connection turns out to be dead. Only who knows what the other
 * side has of it by then may do so, once bytes went out. */
static int seek_body(void *userdata, curl_off_t offset, int origin)
{
	const struct http_exchange *exchange = userdata;

	return origin == SEEK_SET && offset == 0 && exchange->sent == 0 ? CURL_SEEKFUNC_OK
									: CURL_SEEKFUNC_FAIL;
}

/* Tells whether connections may be to a proxy, which decides itself where it goes on to. */
static bool has_proxy(void)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy",
					     "all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]))
			return true;
	return false;
}

/* Looks at the very address that is connected to: names can mean anything, at any time. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose,
				 struct curl_sockaddr *address)
{
	struct http_exchange *exchange = userdata;

	if (exchange->is_public_only && peer_is_local(&address->addr) && !has_proxy()) {
		(void)fail(&exchange->error, LXCRI_E_DOWNLOAD_FAILED,
			   "the registry sends us to an address that means this host or its link");
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void add_header(struct http_exchange *exchange, const char *name, const char *value)
{
	autofree char *line = value ? xformat("%s: %s", name, value) : NULL;

	if (line)
		exchange->headers = curl_slist_append(exchange->headers, line);
}

static void set_body(struct http_exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;

	exchange->body = *request->body;
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body->size);
	(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
	(void)curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
	(void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
	add_header(exchange, "Content-Type", request->content_type);
	add_header(exchange, "Content-Range", request->content_range);
	/* A name without a value takes the header away: few registries answer it. */
	exchange->headers = curl_slist_append(exchange->headers, "Expect:");
}

static void set_request(struct http_exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;

	if (request->body)
		set_body(exchange, request);
	if (request->method && strcmp(request->method, "HEAD") == 0)
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (request->method)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	add_header(exchange, "Accept", request->accept);
	add_header(exchange, "Authorization", request->authorization);
	if (request->from > 0 || request->end > 0) {
		autofree char *last =
			request->end > 0 ? xformat("%llu", (unsigned long long)request->end - 1)
					 : xstrdup("");
		autofree char *range =
			xformat("bytes=%llu-%s", (unsigned long long)request->from, last);

		add_header(exchange, "Range", range);
	}
	if (request->form)
		(void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->form);
	(void)curl_easy_setopt(easy, CURLOPT_URL, request->url->text);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (request->ca_file)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	if (request->is_unverified) {
		(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

/* Numbers that libcurl takes as they are. */
static void set_rules(const struct http *http, struct http_exchange *exchange)
{
	CURL *easy = exchange->easy;

	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "proxmox-lxcri/" LXCRI_VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->settings.connect_ms);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->message);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
}

int http_start(struct http *http, const struct http_request *request,
	       const struct http_reader *reader, struct http_exchange **ret_exchange,
	       struct lxcri_error *err)
{
	autoptr(http_exchange) exchange = xnew(struct http_exchange);
	int64_t now = http_now_ms();

	exchange->http = http;
	exchange->next = http->first;
	http->first = exchange;
	exchange->reader = *reader;
	exchange->is_public_only = request->is_public_only;
	exchange->deadline_ms = request->total_ms > 0 ? now + request->total_ms : 0;
	exchange->window_end_ms = now + http->settings.connect_ms + http->settings.stall_ms;
	exchange->easy = curl_easy_init();
	if (!exchange->easy)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libcurl");
	set_rules(http, exchange);
	set_request(exchange, request);
	if (curl_multi_add_handle(http->multi, exchange->easy) != CURLM_OK)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libcurl");
	*ret_exchange = steal(exchange);
	return 0;
}

/* What libcurl says it could not do would not go better the next time. */
static bool is_hopeless(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
	       code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
	       code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_SSL_CONNECT_ERROR ||
	       code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_OUT_OF_MEMORY;
}

static void judge(struct http_exchange *exchange, CURLcode code)
{
	const char *words = *exchange->message ? exchange->message : curl_easy_strerror(code);

	if (code == CURLE_OK || exchange->is_enough) {
		end(exchange, HTTP_ANSWERED);
		return;
	}
	if (exchange->error.code != LXCRI_E_NONE) {
		end(exchange, HTTP_REFUSED);
		return;
	}
	(void)fail(&exchange->error,
		   code == CURLE_OPERATION_TIMEDOUT ? LXCRI_E_TIMEOUT : LXCRI_E_DOWNLOAD_FAILED,
		   "%s", words);
	end(exchange, is_hopeless(code) ? HTTP_REFUSED : HTTP_BROKEN);
}

static void collect_ended(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		char *exchange = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;

		CURLcode code = message->data.result;

		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
		judge((struct http_exchange *)(void *)exchange, code);
	}
}

static void check_clocks(struct http_exchange *exchange, int64_t stall_ms, int64_t now)
{
	if (exchange->deadline_ms > 0 && now >= exchange->deadline_ms) {
		(void)fail(&exchange->error, LXCRI_E_TIMEOUT,
			   "the registry did not answer in the time allowed");
		end(exchange, HTTP_BROKEN);
	} else if (now >= exchange->window_end_ms) {
		if (exchange->window_bytes * 1000 < stall_ms * SHARE_BYTES_PER_SECOND) {
			(void)fail(&exchange->error, LXCRI_E_TIMEOUT,
				   "the registry %s less than %d bytes a second",
				   exchange->body.size > exchange->sent ? "took" : "sent",
				   SHARE_BYTES_PER_SECOND);
			end(exchange, HTTP_BROKEN);
		}
		exchange->window_bytes = 0;
		exchange->window_end_ms = now + stall_ms;
	}
}

/* Returns the time until the next clock strikes, at most @wait_ms. */
static int64_t until_next(const struct http *http, int64_t now, int64_t wait_ms)
{
	int64_t least = wait_ms < 0 ? INT32_MAX : wait_ms;

	for (const struct http_exchange *each = http->first; each; each = each->next) {
		int64_t next = each->window_end_ms;

		if (each->deadline_ms > 0 && each->deadline_ms < next)
			next = each->deadline_ms;
		if (!each->is_ended && next - now < least)
			least = next - now;
	}
	return least < 0 ? 0 : least;
}

/* Finds one that ended and was not told of, and takes it out of the list. */
static struct http_exchange *find_ended(struct http *http)
{
	for (struct http_exchange **slot = &http->first; *slot; slot = &(*slot)->next) {
		struct http_exchange *exchange = *slot;

		if (!exchange->is_ended)
			continue;
		*slot = exchange->next;
		exchange->next = NULL;
		exchange->http = NULL;
		return exchange;
	}
	return NULL;
}

void http_listen(struct http *http, int fd)
{
	http->heard_fd = fd;
}

/* Waits for @wait_ms or until something happens. Returns 1 when there is something to be heard, 0,
 * or -1. */
static int wait(struct http *http, int64_t wait_ms, struct lxcri_error *err)
{
	struct curl_waitfd heard = { .fd = http->heard_fd, .events = CURL_WAIT_POLLIN };
	CURLMcode code = curl_multi_poll(http->multi, &heard, http->heard_fd >= 0 ? 1 : 0,
					 (int)wait_ms, NULL);

	if (code != CURLM_OK)
		return fail(err, LXCRI_E_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	return heard.revents != 0;
}

int http_next(struct http *http, int64_t wait_ms, struct http_exchange **ret_exchange,
	      struct lxcri_error *err)
{
	int64_t end_ms = http_now_ms() + wait_ms;

	for (;;) {
		int running = 0;
		CURLMcode code = curl_multi_perform(http->multi, &running);
		int64_t now = http_now_ms();

		if (code != CURLM_OK)
			return fail(err, LXCRI_E_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
		collect_ended(http);
		for (struct http_exchange *each = http->first; each; each = each->next)
			if (!each->is_ended)
				check_clocks(each, http->settings.stall_ms, now);
		*ret_exchange = find_ended(http);
		if (*ret_exchange || (wait_ms >= 0 && now >= end_ms))
			return 0;

		int r = wait(http, until_next(http, now, wait_ms < 0 ? -1 : end_ms - now), err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
}

enum http_outcome http_exchange_outcome(const struct http_exchange *exchange,
					struct lxcri_error *err)
{
	if (exchange->outcome != HTTP_ANSWERED)
		*err = exchange->error;
	return exchange->outcome;
}

const struct http_response *http_exchange_response(const struct http_exchange *exchange)
{
	return &exchange->head.response;
}

const char *http_exchange_words(const struct http_exchange *exchange)
{
	return exchange->words.data ? exchange->words.data : "";
}

void http_exchange_free(struct http_exchange *exchange)
{
	if (!exchange)
		return;
	if (exchange->http) {
		struct http_exchange **slot = &exchange->http->first;

		while (*slot && *slot != exchange)
			slot = &(*slot)->next;
		if (*slot)
			*slot = exchange->next;
		if (exchange->easy && !exchange->is_ended)
			(void)curl_multi_remove_handle(exchange->http->multi, exchange->easy);
	}
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	response_finish(&exchange->head);
	text_finish(&exchange->words);
	free(exchange);
}
