/* SPDX-License-Identifier: MIT */
/* Giving a registry what it lacks.
 *
 * How it works: an upload goes from step to step, and each answer says which is the next.
 *
 *	ASK       HEAD of the blob            200 done, else BEGIN
 *	BEGIN     POST, with a mount          201 done; 202 names a place: WHOLE or SEND
 *	WHOLE     PUT of a small blob         201 done
 *	SEND      PATCH of a part             202: the next part, or END
 *	END       PUT without a body          201 done
 *	RESUME    GET of the place            204: SEND from there; 404: BEGIN
 *	DOCUMENT  PUT of a manifest           201 done
 *
 * What breaks, and 408, 429 and 5xx, begin again after a while: a part of a large blob by RESUME,
 * all else by ASK, because who was interrupted cannot know what the other side has. */

#include "image/registry/push/upload.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/registry/push/reply.h"
#include "image/registry/retry.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES    ((uint64_t)8 << 20)
#define CHECK_BYTES    ((size_t)1 << 20)
#define REDIRECTS_MAX  5
#define CHALLENGES_MAX 2
/* So many bytes more and a connection has been worth its attempt. */
#define PROGRESS_BYTES ((uint64_t)1 << 20)

static const char octets[] = "application/octet-stream";

void upload_finish(struct upload *upload)
{
	http_exchange_free(steal(upload->exchange));
	hash_free(steal(upload->hash));
	closep(&upload->fd);
	url_finish(&upload->place);
	url_finish(&upload->url);
}

static void tell(struct upload *upload, enum progress_state state, uint64_t bytes)
{
	if (upload->progress)
		progress_tell(upload->progress, state, bytes);
}

static int failed(struct upload *upload)
{
	upload->state = UPLOAD_FAILED;
	return -1;
}

static int done(struct upload *upload, enum progress_state state)
{
	upload->state = UPLOAD_DONE;
	closep(&upload->fd);
	tell(upload, state, upload->size);
	return 0;
}

static int next(struct upload *upload, enum upload_step step)
{
	upload->step = step;
	upload->state = UPLOAD_READY;
	upload->redirects = 0;
	upload->challenges = 0;
	url_finish(&upload->url);
	return 0;
}

/* Forgets what was begun. */
static void forget_place(struct upload *upload)
{
	url_finish(&upload->place);
	upload->have = upload->reached = 0;
}

/* The step with which it begins again after an interruption. */
static enum upload_step again(const struct upload *upload)
{
	if (upload->bytes)
		return UPLOAD_DOCUMENT;
	if (upload->place.text && (upload->step == UPLOAD_SEND || upload->step == UPLOAD_RESUME))
		return UPLOAD_RESUME;
	return UPLOAD_ASK;
}

/* Lets @upload, whose error is filled, begin again later, unless it was tried often enough. */
static int try_later(struct upload *upload, enum upload_step step, int64_t asked_ms)
{
	const struct settings *settings = upload->endpoint->settings;

	if (++upload->attempts > settings->retries)
		return failed(upload);
	if (asked_ms > settings->retry_wait_ms) {
		(void)fail_while(&upload->error, "it asks us to wait %lld seconds",
				 (long long)(asked_ms / 1000));
		return failed(upload);
	}

	int64_t wait = asked_ms >= 0 ? asked_ms : retry_wait_ms(upload->attempts);

	upload->not_before_ms =
		http_now_ms() + (wait < settings->retry_wait_ms ? wait : settings->retry_wait_ms);
	if (step != UPLOAD_RESUME && !(step == UPLOAD_ASK && upload->step == UPLOAD_END))
		forget_place(upload);
	return next(upload, step);
}

/* Takes notice that the registry has @bytes of it. */
static void get_on(struct upload *upload, uint64_t bytes)
{
	upload->have = bytes;
	if (bytes >= upload->best + PROGRESS_BYTES) {
		upload->best = bytes;
		upload->attempts = 0;
	}
	tell(upload, PROGRESS_FETCHING, bytes);
}

/* Reads what is sent. */
static ssize_t read_part(void *userdata, uint64_t at, void *bytes, size_t size,
			 struct lxcri_error *err)
{
	struct upload *upload = userdata;
	ssize_t got;

	if (upload->bytes) {
		memcpy(bytes, upload->bytes + at, size);
		return (ssize_t)size;
	}
	do
		got = pread(upload->fd, bytes, size, (off_t)(upload->have + at));
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		tell(upload, PROGRESS_FETCHING, upload->have + at + (uint64_t)got);
		return got;
	}
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, got < 0 ? errno : ENODATA,
			       "read the blob %s", upload->digest.text);
}

/* Compares the blob with its digest, a piece at a time, so that others go on between. Returns 1
 * when it is through. */
static int check_piece(struct upload *upload, struct lxcri_error *err)
{
	autofree char *bytes = xzalloc(CHECK_BYTES);
	char hex[SHA256_HEX_SIZE];
	ssize_t got;

	if (upload->fd < 0) {
		upload->fd = upload->reopen(upload->userdata, upload, err);
		if (upload->fd < 0)
			return -1;
		upload->hash = hash_create();
	}
	got = pread(upload->fd, bytes, CHECK_BYTES, (off_t)upload->checked);
	if (got < 0 && errno != EINTR)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "read the blob %s",
				       upload->digest.text);
	if (got > 0)
		hash_add(upload->hash, bytes, (size_t)got);
	upload->checked += got > 0 ? (uint64_t)got : 0;
	if (got != 0)
		return 0;
	hash_end(upload->hash, hex);
	if (strcmp(hex, upload->digest.hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob %s holds bytes with the digest sha256:%s: it is not pushed",
			    upload->digest.text, hex);
	hash_free(steal(upload->hash));
	upload->is_checked = true;
	return 1;
}

/* Whether the bytes must be right before the next request. */
static bool needs_check(const struct upload *upload)
{
	if (upload->bytes || upload->is_checked)
		return false;
	return upload->step == UPLOAD_WHOLE || upload->step == UPLOAD_SEND ||
	       (upload->step == UPLOAD_BEGIN && !upload->source);
}

static char *path_of(const struct upload *upload)
{
	const char *repository = upload->endpoint->repository;

	if (upload->step == UPLOAD_DOCUMENT)
		return xformat("/v2/%s/manifests/%s", repository, upload->name);
	if (upload->step == UPLOAD_ASK)
		return xformat("/v2/%s/blobs/%s", repository, upload->digest.text);

	autofree char *path = xformat("/v2/%s/blobs/uploads/", repository);

	if (!upload->source)
		return steal(path);

	autofree char *mount = url_add_parameter(path, "mount", upload->digest.text);

	return url_add_parameter(mount, "from", upload->source);
}

/* Finds out what to ask. A place says all but the digest. */
static int find_url(struct upload *upload, struct lxcri_error *err)
{
	autofree char *text = NULL;

	if (upload->url.text)
		return 0;
	if (upload->step == UPLOAD_END || upload->step == UPLOAD_WHOLE)
		text = url_add_parameter(upload->place.text, "digest", upload->digest.text);
	else if (upload->step == UPLOAD_SEND || upload->step == UPLOAD_RESUME)
		text = xstrdup(upload->place.text);
	else
		text = path_of(upload);
	return url_join(&upload->endpoint->base, text, &upload->url, err);
}

static uint64_t next_part(const struct upload *upload)
{
	uint64_t left = upload->size - upload->have;
	uint64_t chunk = upload->chunk > CHUNK_BYTES ? upload->chunk : CHUNK_BYTES;

	return left < chunk ? left : chunk;
}

static int start(struct http *http, struct upload *upload, struct lxcri_error *err)
{
	static const char *const methods[] = {
		[UPLOAD_ASK] = "HEAD",     [UPLOAD_BEGIN] = "POST", [UPLOAD_SEND] = "PATCH",
		[UPLOAD_RESUME] = "GET",   [UPLOAD_END] = "PUT",    [UPLOAD_WHOLE] = "PUT",
		[UPLOAD_DOCUMENT] = "PUT",
	};
	enum upload_step step = upload->step;
	struct http_body body = { .fill = read_part, .userdata = upload };
	struct http_request request = { .method = methods[step] };
	autofree char *range = NULL;

	if (find_url(upload, err) < 0)
		return -1;
	upload->part = step == UPLOAD_SEND ? next_part(upload) : 0;
	body.size = step == UPLOAD_SEND                               ? upload->part
		    : step == UPLOAD_WHOLE || step == UPLOAD_DOCUMENT ? upload->size
								      : 0;
	if (step == UPLOAD_SEND) {
		range = xformat("%llu-%llu", (unsigned long long)upload->have,
				(unsigned long long)(upload->have + upload->part - 1));
		upload->reached = upload->have + upload->part;
	}
	request.content_range = range;
	request.content_type = step == UPLOAD_DOCUMENT ? upload->media_type : octets;
	if (step != UPLOAD_ASK && step != UPLOAD_RESUME)
		request.body = &body;
	if (body.size == 0 || step == UPLOAD_DOCUMENT)
		request.total_ms = upload->endpoint->settings->timeout_ms;
	endpoint_prepare(upload->endpoint, &upload->url, &request);
	upload->renewals = upload->endpoint->renewals;
	upload->state = UPLOAD_RUNNING;

	const struct http_reader reader = reply_reader(&upload->reply_bytes);

	return http_start(http, &request, &reader, &upload->exchange, err);
}

/* Goes on at another address with the same question. */
static int redirect(struct upload *upload, const struct http_response *response)
{
	struct url target = {};

	if (upload->redirects++ == REDIRECTS_MAX) {
		(void)fail(&upload->error, LXCRI_E_DOWNLOAD_FAILED, "more than %d redirects",
			   REDIRECTS_MAX);
		return failed(upload);
	}
	if (reply_place(upload->endpoint, &upload->url, response, &target, &upload->error) < 0) {
		(void)fail_while(&upload->error, "follow a redirect");
		return failed(upload);
	}
	url_finish(&upload->url);
	upload->url = target;
	upload->state = UPLOAD_READY;
	return 0;
}

/* Who may push here may not read there. */
static int forget_source(struct upload *upload)
{
	upload->source = NULL;
	return next(upload, UPLOAD_BEGIN);
}

static int authorize(struct upload *upload, const struct http_response *response)
{
	struct lxcri_error *err = &upload->error;

	if (!url_is_same_origin(&upload->url, &upload->endpoint->base))
		(void)fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			   "%s, where the registry sends us, wants to know who we are",
			   upload->url.host);
	else if (upload->challenges++ == CHALLENGES_MAX && upload->step == UPLOAD_BEGIN &&
		 upload->source)
		return forget_source(upload);
	else if (upload->challenges > CHALLENGES_MAX)
		(void)fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			   "%s does not take what it asked for as an authorization",
			   upload->endpoint->name);
	else if (upload->renewals != upload->endpoint->renewals ||
		 endpoint_authorize(upload->endpoint, &response->challenges, err) == 0) {
		upload->state = UPLOAD_READY;
		return 0;
	} else if (err->code == LXCRI_E_TIMEOUT || err->code == LXCRI_E_DOWNLOAD_FAILED) {
		return try_later(upload, again(upload), -1);
	}
	return failed(upload);
}

/* Takes over where the next part goes, if the answer says so. */
static int take_place(struct upload *upload, const struct http_response *response)
{
	struct url place = {};

	if (response->chunk_min > upload->chunk)
		upload->chunk = response->chunk_min;
	if (!response->location && upload->place.text)
		return 0;
	if (reply_place(upload->endpoint, &upload->url, response, &place, &upload->error) < 0) {
		(void)fail_while(&upload->error, "find out where to upload to");
		return failed(upload);
	}
	url_finish(&upload->place);
	upload->place = place;
	return 0;
}

static int began(struct upload *upload, const struct http_response *response)
{
	if (response->status == 201 && upload->source)
		return reply_check_digest(response, &upload->digest, &upload->error) < 0
			       ? failed(upload)
			       : done(upload, PROGRESS_PRESENT);
	if (response->status != 202) {
		reply_unexpected(upload->exchange, &upload->url, 202, &upload->error);
		return failed(upload);
	}
	forget_place(upload);
	if (take_place(upload, response) < 0)
		return -1;
	return next(upload, upload->size > CHUNK_BYTES ? UPLOAD_SEND : UPLOAD_WHOLE);
}

/* A part was taken, or it was told how many bytes there are. */
static int went_on(struct upload *upload, const struct http_response *response)
{
	bool is_sent = upload->step == UPLOAD_SEND;
	uint64_t had = upload->have;
	uint64_t have = response->has_kept ? response->kept : is_sent ? upload->reached : 0;

	if (have > upload->reached) {
		(void)fail(&upload->error, LXCRI_E_DOWNLOAD_FAILED,
			   "the registry says that it has %llu bytes of the blob where %llu were "
			   "sent",
			   (unsigned long long)have, (unsigned long long)upload->reached);
		return failed(upload);
	}
	if (take_place(upload, response) < 0)
		return -1;
	if (!is_sent && have == 0) {
		forget_place(upload);
		return next(upload, UPLOAD_BEGIN);
	}
	get_on(upload, have);
	if (have == upload->size)
		return next(upload, UPLOAD_END);
	if (is_sent && have <= had) {
		(void)fail(&upload->error, LXCRI_E_DOWNLOAD_FAILED,
			   "the registry does not keep what it is sent: it has %llu bytes of the "
			   "blob",
			   (unsigned long long)have);
		return try_later(upload, UPLOAD_RESUME, -1);
	}
	return next(upload, UPLOAD_SEND);
}

static int ended(struct upload *upload, const struct http_response *response)
{
	if (response->status != 201) {
		reply_unexpected(upload->exchange, &upload->url, 201, &upload->error);
		return failed(upload);
	}
	if (reply_check_digest(response, &upload->digest, &upload->error) < 0)
		return failed(upload);
	return done(upload, PROGRESS_DONE);
}

static int succeeded(struct upload *upload, const struct http_response *response)
{
	switch (upload->step) {
	case UPLOAD_ASK:
		/* Some tell no size, or none at all; one that differs is another blob. */
		if (response->content_length <= 0 ||
		    (uint64_t)response->content_length == upload->size)
			return done(upload, PROGRESS_PRESENT);
		return next(upload, UPLOAD_BEGIN);
	case UPLOAD_BEGIN:
		return began(upload, response);
	case UPLOAD_SEND:
	case UPLOAD_RESUME:
		return went_on(upload, response);
	case UPLOAD_END:
	case UPLOAD_WHOLE:
	case UPLOAD_DOCUMENT:
		break;
	}
	return ended(upload, response);
}

/* An answer that is a refusal to any other step may be none here. */
static int refused(struct upload *upload, long status)
{
	bool is_large = upload->place.text && upload->size > CHUNK_BYTES;

	if (upload->step == UPLOAD_ASK && status != 403)
		return next(upload, is_large && upload->reached > 0 ? UPLOAD_RESUME : UPLOAD_BEGIN);
	if (upload->step == UPLOAD_BEGIN && upload->source)
		return forget_source(upload);
	reply_explain(upload->exchange, &upload->url, &upload->error);
	if (upload->step == UPLOAD_SEND && status == 416)
		return try_later(upload, UPLOAD_RESUME, 0);
	/* Places are forgotten after a while. */
	if (status == 404 && (upload->step == UPLOAD_SEND || upload->step == UPLOAD_RESUME))
		return try_later(upload, UPLOAD_BEGIN, 0);
	return failed(upload);
}

static int judge_status(struct upload *upload, const struct http_response *response)
{
	long status = response->status;

	if (status / 100 == 2)
		return succeeded(upload, response);
	if (status == 307 || status == 308 ||
	    (upload->step == UPLOAD_ASK && (status == 301 || status == 302 || status == 303)))
		return redirect(upload, response);
	if (status == 401)
		return authorize(upload, response);
	if (status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505)) {
		reply_explain(upload->exchange, &upload->url, &upload->error);
		return try_later(upload, again(upload), retry_after_ms(response->retry_after));
	}
	return refused(upload, status);
}

static int judge(struct upload *upload)
{
	enum http_outcome outcome = http_exchange_outcome(upload->exchange, &upload->error);
	int r;

	if (outcome == HTTP_ANSWERED)
		r = judge_status(upload, http_exchange_response(upload->exchange));
	else if (outcome == HTTP_BROKEN)
		r = try_later(upload, again(upload), -1);
	else
		r = failed(upload);
	http_exchange_free(steal(upload->exchange));
	return r;
}

/* What upload_all() is at. */
struct round {
	size_t running;
	size_t done;
	bool is_checking;
	int64_t wait_ms; /* until something more may be started; -1: nothing waits for its time */
};

/* Starts one that is ready, or compares a piece of it. */
static int go_on(struct http *http, struct upload *upload, int64_t now, struct round *round,
		 struct lxcri_error *err)
{
	int64_t left = upload->not_before_ms - now;

	if (left > 0) {
		if (round->wait_ms < 0 || left < round->wait_ms)
			round->wait_ms = left;
		return 0;
	}
	round->running++;
	if (!needs_check(upload))
		return start(http, upload, err);

	int r = check_piece(upload, err);

	if (r == 1)
		return start(http, upload, err);
	round->is_checking = true;
	return r;
}

static int start_ready(struct http *http, struct upload *uploads, size_t count, struct round *round,
		       struct lxcri_error *err)
{
	const struct settings *settings = count ? uploads[0].endpoint->settings : NULL;
	int64_t now = http_now_ms();

	*round = (struct round){ .wait_ms = -1 };
	for (size_t i = 0; i < count; i++) {
		round->running += uploads[i].state == UPLOAD_RUNNING;
		round->done += uploads[i].state == UPLOAD_DONE;
	}
	for (size_t i = 0; i < count; i++) {
		if (uploads[i].state != UPLOAD_READY || round->running >= settings->per_host ||
		    round->running >= settings->connections)
			continue;
		if (go_on(http, &uploads[i], now, round, err) < 0)
			return -1;
	}
	return 0;
}

static struct upload *find_owner(struct upload *uploads, size_t count,
				 const struct http_exchange *exchange)
{
	for (size_t i = 0; exchange && i < count; i++)
		if (uploads[i].exchange == exchange)
			return &uploads[i];
	return NULL;
}

int upload_all(struct http *http, struct upload *uploads, size_t count, struct lxcri_error *err)
{
	for (;;) {
		struct http_exchange *ended_one = NULL;
		struct upload *upload;
		struct round round;

		if (start_ready(http, uploads, count, &round, err) < 0)
			return -1;
		if (round.done == count)
			return 0;
		if (http_next(http, round.is_checking ? 0 : round.wait_ms, &ended_one, err) < 0)
			return -1;
		upload = find_owner(uploads, count, ended_one);
		if (upload && judge(upload) < 0) {
			*err = upload->error;
			return -1;
		}
	}
}
