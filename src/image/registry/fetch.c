/* SPDX-License-Identifier: MIT */
/* Fetching what a registry has.
 *
 * How it works: a fetch is ready, running, done or failed. Each exchange that ends is judged:
 *
 *	2xx                      done, when nothing is missing
 *	3xx                      ready, at another address, without credentials if it is another
 *host 401                      ready, once the endpoint has something new to say who we are 408,
 *429, 5xx, broken    ready after a while, from the byte that was not there yet anything else failed
 *
 * Every attempt begins at the registry: addresses that it redirects to expire. */

#include "image/registry/fetch.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/registry/response.h"
#include "image/registry/retry.h"

#include <string.h>
#include <strings.h>

#define REDIRECTS_MAX 5
/* A token that has expired meanwhile is one more than the first. */
#define CHALLENGES_MAX 2
/* So many bytes more and a connection has been worth its attempt. */
#define PROGRESS_BYTES ((uint64_t)1 << 20)

void fetch_finish(struct fetch *fetch)
{
	http_exchange_free(steal(fetch->exchange));
	free(steal(fetch->path));
	url_finish(&fetch->url);
	if (fetch->sink.finish)
		fetch->sink.finish(fetch->sink.userdata);
	fetch->sink = (struct fetch_sink){};
}

/* Returns the byte behind the last that this fetch is to bring. */
static uint64_t end_of(const struct fetch *fetch)
{
	return fetch->end > 0 ? fetch->end : fetch->size;
}

static bool fits(const struct fetch *fetch, const struct http_response *response)
{
	return response->has_range && response->range_from == fetch->have &&
	       (fetch->size == FETCH_SIZE_UNKNOWN ||
		(response->range_total == fetch->size && response->range_end == end_of(fetch)));
}

/* Where a response does not go on where we stopped, all begins anew. Returns 0, or 1 for an answer
 * that is not taken. */
static int check_part(struct fetch *fetch, const struct http_response *response,
		      struct lxcri_error *err)
{
	bool is_asked = fetch->have > 0 || fetch->end > 0;

	if (response->status == 206 && is_asked && fits(fetch, response))
		return 0;
	if (response->status == 206 && fetch->end > 0)
		return fetch->sink.refuse(fetch->sink.userdata, err) < 0 ? -1 : 1;
	if (response->status == 206)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED,
			    "the registry sends another part than was asked for");
	if (response->status != 200)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED, "the registry answers with status %ld",
			    response->status);
	if (!is_asked)
		return 0;
	fetch->have = 0;
	fetch->end = 0;
	return fetch->sink.restart(fetch->sink.userdata, err);
}

/* Returns 0, or 1 for an answer that is not taken. */
static int check_head(struct fetch *fetch, const struct http_response *response,
		      struct lxcri_error *err)
{
	const char *encoding = response->content_encoding;
	uint64_t left;
	int r;

	if (encoding && strcasecmp(encoding, "identity") != 0 && !fetch->is_plain)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the answer is encoded (%.40s), which was not asked for", encoding);
	r = check_part(fetch, response, err);
	if (r != 0)
		return r;
	fetch->resumed_at = fetch->have;
	left = end_of(fetch) - fetch->have;
	if (fetch->size != FETCH_SIZE_UNKNOWN && response->content_length >= 0 &&
	    (uint64_t)response->content_length != left)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the registry announces %lld bytes where %llu are missing",
			    (long long)response->content_length, (unsigned long long)left);
	return fetch->sink.head ? fetch->sink.head(fetch->sink.userdata, response, err) : 0;
}

static int begin(void *userdata, const struct http_response *response, struct lxcri_error *err)
{
	struct fetch *fetch = userdata;
	int r = check_head(fetch, response, err);

	if (r == 1) {
		fetch->is_void = true;
		return fail(err, LXCRI_E_DOWNLOAD_FAILED, "the answer is of no use");
	}
	return r;
}

static int take(void *userdata, const void *bytes, size_t size, struct lxcri_error *err)
{
	struct fetch *fetch = userdata;

	if (fetch->size != FETCH_SIZE_UNKNOWN && size > end_of(fetch) - fetch->have)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the registry sends more than the %llu bytes that were announced",
			    (unsigned long long)fetch->size);
	if (fetch->sink.take(fetch->sink.userdata, fetch->have, bytes, size, err) < 0)
		return -1;
	fetch->have += size;
	return 0;
}

static int start(struct http *http, struct fetch *fetch, struct lxcri_error *err)
{
	const struct endpoint *endpoint = fetch->endpoint;
	const struct http_reader reader = { begin, take, fetch };
	struct http_request request = { .accept = fetch->accept,
					.from = fetch->have,
					.end = fetch->end };

	if (!fetch->url.text && url_join(&endpoint->base, fetch->path, &fetch->url, err) < 0)
		return -1;
	if (fetch->size == FETCH_SIZE_UNKNOWN && !fetch->is_plain)
		request.total_ms = endpoint->settings->timeout_ms;
	endpoint_prepare(endpoint, &fetch->url, &request);
	fetch->resumed_at = fetch->have;
	fetch->renewals = endpoint->renewals;
	fetch->state = FETCH_RUNNING;
	return http_start(http, &request, &reader, &fetch->exchange, err);
}

static int failed(struct fetch *fetch)
{
	fetch->state = FETCH_FAILED;
	return -1;
}

/* Lets @fetch, whose error is filled, begin again later, unless it was tried often enough. */
static int try_later(struct fetch *fetch, int64_t asked_ms)
{
	const struct settings *settings = fetch->endpoint->settings;

	if (fetch->have >= fetch->resumed_at + PROGRESS_BYTES && !fetch->is_plain)
		fetch->attempts = 0;
	fetch->attempts++;
	fetch->redirects = 0;
	fetch->challenges = 0;
	url_finish(&fetch->url);
	if (fetch->attempts > settings->retries)
		return failed(fetch);
	if (asked_ms > settings->retry_wait_ms) {
		(void)fail_while(&fetch->error, "it asks us to wait %lld seconds",
				 (long long)(asked_ms / 1000));
		return failed(fetch);
	}

	if (fetch->is_plain && fetch->have > 0) {
		fetch->have = 0;
		if (fetch->sink.restart(fetch->sink.userdata, &fetch->error) < 0)
			return failed(fetch);
	}

	int64_t wait = asked_ms >= 0 ? asked_ms : retry_wait_ms(fetch->attempts);

	fetch->not_before_ms =
		http_now_ms() + (wait < settings->retry_wait_ms ? wait : settings->retry_wait_ms);
	fetch->state = FETCH_READY;
	return 0;
}

static int redirect(struct fetch *fetch, const struct http_response *response)
{
	struct lxcri_error *err = &fetch->error;
	struct url target = {};

	if (!response->location) {
		(void)fail(err, LXCRI_E_DOWNLOAD_FAILED, "a redirect that leads nowhere");
		return failed(fetch);
	}
	if (fetch->redirects++ == REDIRECTS_MAX) {
		(void)fail(err, LXCRI_E_DOWNLOAD_FAILED, "more than %d redirects", REDIRECTS_MAX);
		return failed(fetch);
	}
	if (url_join(&fetch->url, response->location, &target, err) < 0 ||
	    endpoint_check(fetch->endpoint, &target, err) < 0) {
		url_finish(&target);
		(void)fail_while(err, "follow a redirect");
		return failed(fetch);
	}
	url_finish(&fetch->url);
	fetch->url = target;
	fetch->state = FETCH_READY;
	return 0;
}

static int authorize(struct fetch *fetch, const struct http_response *response)
{
	struct lxcri_error *err = &fetch->error;

	if (!url_is_same_origin(&fetch->url, &fetch->endpoint->base))
		(void)fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			   "%s, where the registry sends us, wants to know who we are",
			   fetch->url.host);
	else if (fetch->challenges++ == CHALLENGES_MAX)
		(void)fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			   "%s does not take what it asked for as an authorization",
			   fetch->endpoint->name);
	/* Another fetch may have got a new token while this one was asked for it. */
	else if (fetch->renewals != fetch->endpoint->renewals ||
		 endpoint_authorize(fetch->endpoint, &response->challenges, err) == 0) {
		fetch->state = FETCH_READY;
		return 0;
	} else if (err->code == LXCRI_E_TIMEOUT || err->code == LXCRI_E_DOWNLOAD_FAILED) {
		return try_later(fetch, -1);
	}
	return failed(fetch);
}

/* Fills the error with a status and the registry's own words. */
static void explain(struct fetch *fetch, enum lxcri_code code)
{
	const struct http_response *response = http_exchange_response(fetch->exchange);
	const struct url *url = &fetch->url;
	autofree char *words = response_words(http_exchange_words(fetch->exchange));

	(void)fail(&fetch->error, code, "%s://%s:%s answers with status %ld%s%s", url->scheme,
		   url->host, url->port, response->status, words ? ": " : "", words ? words : "");
}

static int complete(struct fetch *fetch)
{
	if (fetch->size != FETCH_SIZE_UNKNOWN && fetch->have != end_of(fetch)) {
		(void)fail(&fetch->error, LXCRI_E_INTEGRITY_CHECK_FAILED,
			   "the registry sends %llu bytes where %llu were announced",
			   (unsigned long long)fetch->have, (unsigned long long)end_of(fetch));
		return failed(fetch);
	}
	if (fetch->sink.end && fetch->sink.end(fetch->sink.userdata, &fetch->error) < 0)
		return failed(fetch);
	fetch->state = FETCH_DONE;
	return 0;
}

/* The registry has nothing from there on. */
static int leave_range(struct fetch *fetch)
{
	const struct fetch_sink *sink = &fetch->sink;

	if (fetch->end > 0 && sink->refuse(sink->userdata, &fetch->error) == 0) {
		fetch->state = FETCH_DONE;
		return 0;
	}
	if (fetch->end > 0 || fetch->have == 0)
		return failed(fetch);
	fetch->have = 0;
	return sink->restart(sink->userdata, &fetch->error) == 0 ? try_later(fetch, 0)
								 : failed(fetch);
}

static int judge_status(struct fetch *fetch, const struct http_response *response)
{
	long status = response->status;

	if (status / 100 == 2)
		return complete(fetch);
	if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
		return redirect(fetch, response);
	if (status == 401 && !fetch->is_plain)
		return authorize(fetch, response);
	if (status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505)) {
		explain(fetch, LXCRI_E_DOWNLOAD_FAILED);
		return try_later(fetch, retry_after_ms(response->retry_after));
	}
	explain(fetch, status == 401 || status == 403 ? LXCRI_E_AUTHENTICATION_FAILED
		       : status == 404                ? LXCRI_E_IMAGE_NOT_FOUND
						      : LXCRI_E_DOWNLOAD_FAILED);
	return status == 416 ? leave_range(fetch) : failed(fetch);
}

static int judge(struct fetch *fetch)
{
	enum http_outcome outcome = http_exchange_outcome(fetch->exchange, &fetch->error);
	int r;

	if (fetch->is_void) {
		fetch->state = FETCH_DONE;
		r = 0;
	} else if (outcome == HTTP_ANSWERED)
		r = judge_status(fetch, http_exchange_response(fetch->exchange));
	else if (outcome == HTTP_BROKEN)
		r = try_later(fetch, -1);
	else
		r = failed(fetch);
	http_exchange_free(steal(fetch->exchange));
	return r;
}

/* Starts what is ready, as many as may run. Stores the milliseconds until something more may be
 * started in *@ret_wait_ms (-1: nothing waits for its time). Returns how many are running, or -1.
 */
static int start_ready(struct http *http, struct fetch *fetches, size_t count, int64_t *ret_wait_ms,
		       struct lxcri_error *err)
{
	int64_t now = http_now_ms();
	unsigned int running = 0;

	*ret_wait_ms = -1;
	for (size_t i = 0; i < count; i++)
		running += fetches[i].state == FETCH_RUNNING;
	for (size_t i = 0; i < count; i++) {
		struct fetch *fetch = &fetches[i];
		int64_t left = fetch->not_before_ms - now;
		const struct settings *settings;

		if (fetch->state != FETCH_READY)
			continue;
		settings = fetch->endpoint->settings;
		if (running >= settings->per_host || running >= settings->connections)
			continue;
		if (left > 0) {
			if (*ret_wait_ms < 0 || left < *ret_wait_ms)
				*ret_wait_ms = left;
			continue;
		}
		if (start(http, fetch, err) < 0)
			return -1;
		running++;
	}
	return (int)running;
}

static struct fetch *find_owner(struct fetch *fetches, size_t count,
				const struct http_exchange *exchange)
{
	for (size_t i = 0; i < count; i++)
		if (fetches[i].exchange == exchange)
			return &fetches[i];
	return NULL;
}

/* Lets all go on until one ends, or something is to be heard. */
static int step(struct http *http, struct fetch *fetches, size_t count, int64_t wait_ms,
		struct lxcri_error *err)
{
	struct http_exchange *ended = NULL;
	struct fetch *fetch;

	if (http_next(http, wait_ms, &ended, err) < 0)
		return -1;
	fetch = ended ? find_owner(fetches, count, ended) : NULL;
	if (!fetch || judge(fetch) == 0)
		return 0;
	*err = fetch->error;
	return -1;
}

int fetch_all(struct http *http, struct fetch *fetches, size_t count, struct lxcri_error *err)
{
	for (;;) {
		int64_t wait_ms;
		int running = start_ready(http, fetches, count, &wait_ms, err);

		if (running <= 0 && wait_ms < 0)
			return running;
		if (step(http, fetches, count, wait_ms, err) < 0)
			return -1;
	}
}

/* Fills the fetches that are idle, or done, with what there is. Returns 0 or -1. */
static int refill(const struct fetch_queue *queue, struct fetch *fetches, struct lxcri_error *err)
{
	for (size_t i = 0; i < queue->at_once; i++) {
		struct fetch *fetch = &fetches[i];
		int r;

		if (fetch->state != FETCH_DONE && fetch->state != FETCH_IDLE)
			continue;
		fetch_finish(fetch);
		*fetch = (struct fetch){};
		r = queue->next(queue->userdata, fetch, err);
		if (r <= 0)
			fetch->state = FETCH_IDLE;
		if (r < 0)
			return -1;
	}
	return 0;
}

static int run_queue(struct http *http, const struct fetch_queue *queue, struct fetch *fetches,
		     struct lxcri_error *err)
{
	for (;;) {
		int64_t wait_ms;
		int running;

		if (refill(queue, fetches, err) < 0)
			return -1;
		running = start_ready(http, fetches, queue->at_once, &wait_ms, err);
		if (running <= 0 && wait_ms < 0)
			return running;
		if (step(http, fetches, queue->at_once, wait_ms, err) < 0 ||
		    (queue->fd >= 0 && queue->hear(queue->userdata, err) < 0))
			return -1;
	}
}

int fetch_queue(struct http *http, const struct fetch_queue *queue, struct lxcri_error *err)
{
	autofree struct fetch *fetches = xcalloc(queue->at_once, sizeof(fetches[0]));
	int r;

	for (size_t i = 0; i < queue->at_once; i++)
		fetches[i].state = FETCH_IDLE;
	http_listen(http, queue->fd);
	r = run_queue(http, queue, fetches, err);
	http_listen(http, -1);
	for (size_t i = 0; i < queue->at_once; i++)
		fetch_finish(&fetches[i]);
	return r;
}
