/* SPDX-License-Identifier: MIT */
/* Fetching an image.
 *
 * How it works: the manifest says which blobs there are. Each that the store lacks is locked in the
 * directory of downloads, and fetched unless it is there already: several at once, and of large
 * ones several pieces at once where the registry has ranges. Those that somebody else has locked
 * are left for later, so that two who pull the same image share the work: in each round what is
 * free is fetched, then the first of the others is waited for.
 *
 * Who takes the image in hears of it once its config is there, and from then on how far each blob
 * has come; it says which are right. A wrong one is fetched once more where some of it was not sent
 * to us in one piece by this registry; else the registry is given up. Without anybody to say so,
 * each blob is read once it is complete. */

#include "image/registry/pull.h"

#include "base/mem.h"
#include "image/worker/feed.h"
#include "image/registry/blob/blob.h"
#include "image/registry/fetch.h"
#include "image/registry/progress.h"
#include "image/registry/resolve.h"
#include "image/worker.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/statvfs.h>

/* What is left free for everybody else. */
#define FREE_BYTES_MIN ((uint64_t)16 << 20)
/* Below this a second connection costs more than it brings. */
#define RANGED_BYTES_MIN ((uint64_t)32 << 20)
/* In their order, so that whoever reads from the start is not kept waiting for long. */
#define RANGE_BYTES ((uint64_t)8 << 20)

/* Of a blob that others take away or replace each time. */
#define TRIES_MAX 4

enum part_state {
	PART_WANTED,
	PART_BUSY,   /* somebody else has it */
	PART_LOCKED, /* we have it, and something is missing */
	PART_WHOLE,  /* nothing is, but whether it is right */
	PART_STORED, /* in the store */
};

/* A blob of the image: its config, or a layer. */
struct part {
	struct pull *pull;
	enum part_state state;
	bool is_layer;
	bool is_right;
	bool is_plain; /* no ranges of it are asked for */
	struct blob blob;
	char *etag;           /* of its first range */
	unsigned int fetches; /* under way */
	unsigned int tries;   /* from its start: what belongs to an earlier one is void */
	struct progress progress;
};

/* What one fetch brings. */
struct piece {
	struct part *part;
	unsigned int tries;
};

enum ranges { RANGES_UNKNOWN, RANGES_WORK, RANGES_IGNORED };

struct pull {
	const struct settings *settings;
	struct image_ref ref;
	struct endpoint *endpoints;
	size_t n_endpoints;
	struct http *http;
	struct http *side; /* for what has to be answered before others go on */
	int feed_fd;       /* to who takes the image in; -1: nobody */
	uint64_t number;   /* of the image, in its messages */

	const struct layout *layout; /* of the run */
	int downloads_fd;
	/* Of an endpoint. */
	struct endpoint *endpoint;
	const struct resolved *resolved;
	bool is_announced;
	enum ranges ranges;
	struct part *parts;
	size_t n_parts;
};

static void drop_parts(struct pull *pull)
{
	for (size_t i = 0; i < pull->n_parts; i++) {
		struct blob *blob = &pull->parts[i].blob;

		if (blob->fd >= 0 && blob_have(blob) == 0)
			(void)unlinkat(blob->dir_fd, blob->hex, 0);
		blob_finish(blob);
		free(pull->parts[i].etag);
	}
	free(steal(pull->parts));
	pull->n_parts = 0;
}

void pull_free(struct pull *pull)
{
	if (!pull)
		return;
	drop_parts(pull);
	for (size_t i = 0; i < pull->n_endpoints; i++)
		endpoint_finish(&pull->endpoints[i]);
	free(pull->endpoints);
	http_free(pull->http);
	http_free(pull->side);
	image_ref_finish(&pull->ref);
	free(pull);
}

int pull_create(const struct settings *settings, struct pull **ret_pull, struct lxcri_error *err)
{
	const struct http_settings http = { settings->timeout_ms, settings->stall_ms,
					    settings->connections, settings->per_host };
	autoptr(pull) pull = xnew(struct pull);
	struct json_object *mirrors;
	size_t n_mirrors;

	pull->settings = settings;
	pull->downloads_fd = -1;
	pull->feed_fd = settings->is_fed ? WORKER_FD : -1;
	if (image_ref_parse(settings->reference, &pull->ref, err) < 0)
		return -1;
	mirrors = settings_mirrors(settings, pull->ref.host);
	n_mirrors = json_count(mirrors);
	pull->endpoints = xcalloc(n_mirrors + 1, sizeof(pull->endpoints[0]));
	for (size_t i = 0; i <= n_mirrors; i++) {
		const char *name =
			i < n_mirrors
				? json_object_get_string(json_object_array_get_idx(mirrors, i))
				: pull->ref.host;

		pull->n_endpoints++;
		if (endpoint_init(&pull->endpoints[i], settings, name, pull->ref.path, err) < 0)
			return -1;
	}
	if (http_create(&http, &pull->http, err) < 0 || http_create(&http, &pull->side, err) < 0)
		return -1;
	*ret_pull = steal(pull);
	return 0;
}

/* Takes @descriptor in, unless the same blob was. */
static int add_part(struct pull *pull, const struct descriptor *descriptor, bool is_layer,
		    struct lxcri_error *err)
{
	struct part *part = &pull->parts[pull->n_parts];

	for (size_t i = 0; i < pull->n_parts; i++)
		if (strcmp(pull->parts[i].blob.hex, descriptor->digest.hex) == 0)
			return pull->parts[i].blob.size == descriptor->size
				       ? 0
				       : fail(err, LXCRI_E_INVALID_SIZE,
					      "%s has two sizes in the manifest",
					      descriptor->digest.text);
	if (descriptor->type.kind != (is_layer ? MEDIA_LAYER : MEDIA_CONFIG))
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE, "the %s %s is of type %.100s",
			    is_layer ? "layer" : "config", descriptor->digest.text,
			    descriptor->media_type);
	if (!is_layer && descriptor->size > json_limits_image.bytes_max)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the config has more than %zu bytes",
			    json_limits_image.bytes_max);
	part->pull = pull;
	part->is_layer = is_layer;
	part->progress.digest = descriptor->digest.text;
	part->progress.size = descriptor->size;
	part->progress.layer = is_layer ? pull->n_parts - 1 : 0;
	if (blob_init(&part->blob, pull->downloads_fd, descriptor, err) < 0)
		return -1;
	pull->n_parts++;
	return 0;
}

static int list_parts(struct pull *pull, const struct manifest *manifest, struct lxcri_error *err)
{
	pull->parts = xcalloc(manifest->n_layers + 1, sizeof(pull->parts[0]));
	if (add_part(pull, &manifest->config, false, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (add_part(pull, &manifest->layers[i], true, err) < 0)
			return -1;
	for (size_t i = 0; i < pull->n_parts; i++)
		pull->parts[i].progress.layers = pull->n_parts - 1;
	return 0;
}

static void tell(struct part *part, enum progress_state state, uint64_t bytes)
{
	if (part->is_layer)
		progress_tell(&part->progress, state, bytes);
}

static bool is_stored(const struct pull *pull, const struct part *part)
{
	return layout_has_blob(pull->layout, part->blob.hex, part->blob.size);
}

static int check_space(const struct pull *pull, struct lxcri_error *err)
{
	struct statvfs status;
	uint64_t left;

	if (fstatvfs(pull->downloads_fd, &status) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "ask for free space in %s", pull->layout->data_dir);
	left = (uint64_t)status.f_bavail * status.f_frsize;
	left = left > FREE_BYTES_MIN ? left - FREE_BYTES_MIN : 0;
	for (size_t i = 0; i < pull->n_parts; i++) {
		const struct part *part = &pull->parts[i];

		if (is_stored(pull, part))
			continue;
		if (part->blob.size > left)
			return fail_code_errno(
				err, LXCRI_E_STORAGE_ERROR, ENOSPC,
				"the image has a blob of %llu bytes, for which there "
				"is no room in %s",
				(unsigned long long)part->blob.size, pull->layout->data_dir);
		left -= part->blob.size;
	}
	return 0;
}

/* Tells who takes the image in how far @part is. The last byte is told once the file is what it
 * stays, for it is linked into the store then. That nobody listens shows when it is listened to. */
static void tell_prefix(struct part *part)
{
	const struct pull *pull = part->pull;
	uint64_t bytes = part->state == PART_LOCKED ? blob_prefix(&part->blob) : part->blob.size;

	if (part->state < PART_LOCKED || !pull->is_announced || !part->is_layer)
		return;
	if (part->state == PART_LOCKED && (bytes == 0 || bytes == part->blob.size))
		return;
	(void)feed_send(pull->feed_fd, FEED_BYTES, part->blob.hex, bytes, NULL);
}

/* Announces the image, with all that is there of it. */
static int announce(struct pull *pull, struct lxcri_error *err)
{
	int r;

	if (pull->feed_fd < 0)
		return 0;
	r = feed_send(pull->feed_fd, FEED_IMAGE, pull->resolved->hex, ++pull->number,
		      pull->resolved->media_type);
	if (r < 0)
		return fail_errno(err, r, "tell which image comes");
	pull->is_announced = true;
	for (size_t i = 0; i < pull->n_parts; i++)
		tell_prefix(&pull->parts[i]);
	return 0;
}

/* Fetches @part once more, or fails where that would bring the same. */
static int reject(struct part *part, struct lxcri_error *err)
{
	struct pull *pull = part->pull;
	bool is_fresh = part->state == PART_WHOLE && part->is_plain && !part->blob.is_old;

	if (blob_forget(&part->blob, err) < 0)
		return -1;
	if (is_fresh || part->tries == TRIES_MAX)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the registry sends other bytes than those of sha256:%s",
			    part->blob.hex);
	part->state = PART_WANTED;
	part->is_right = false;
	part->is_plain = true;
	part->fetches = 0;
	part->tries++;
	free(steal(part->etag));
	return pull->is_announced ? announce(pull, err) : 0;
}

/* Without anybody to say so, and for the config, which has to be right before anybody hears of the
 * image. */
static int verify(struct part *part, struct lxcri_error *err)
{
	int r;

	if (part->is_layer && part->pull->feed_fd >= 0)
		return 0;
	r = blob_verify(&part->blob, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return reject(part, err);
	part->is_right = true;
	return part->is_layer ? 0 : announce(part->pull, err);
}

/* Takes notice of a blob that is there. */
static int finish_part(struct part *part, enum part_state state, enum progress_state news,
		       struct lxcri_error *err)
{
	part->state = state;
	tell(part, news, part->blob.size);
	tell_prefix(part);
	if (state == PART_WHOLE)
		return verify(part, err);
	part->is_right = true;
	return part->is_layer ? 0 : announce(part->pull, err);
}

/* Locks @part where it has to be fetched, and finds out how much of it. */
static int lock_part(struct pull *pull, struct part *part, enum blob_wait wait,
		     struct lxcri_error *err)
{
	int r;

	if (is_stored(pull, part))
		return finish_part(part, PART_STORED, PROGRESS_PRESENT, err);
	r = blob_open(&part->blob, wait, err);
	if (r < 0)
		return -1;
	if (r == 0) {
		if (part->state != PART_BUSY)
			tell(part, PROGRESS_WAITING, 0);
		part->state = PART_BUSY;
		return 0;
	}
	/* Whoever had the lock may have stored it since. */
	if (is_stored(pull, part)) {
		blob_close(&part->blob);
		return finish_part(part, PART_STORED, PROGRESS_PRESENT, err);
	}
	part->state = PART_LOCKED;
	if (blob_have(&part->blob) == part->blob.size)
		return blob_complete(&part->blob, err) < 0
			       ? -1
			       : finish_part(part, PART_WHOLE, PROGRESS_PRESENT, err);
	tell_prefix(part);
	return 0;
}

/* Returns the part that @userdata, a piece, is of; NULL where it has nothing to do with it any
 * more.
 */
static struct part *part_of(void *userdata)
{
	const struct piece *piece = userdata;

	return piece->tries == piece->part->tries && piece->part->state == PART_LOCKED ? piece->part
										       : NULL;
}

/* Takes the piece of a part that does not come as it was asked for as a sign to ask for none. */
static int refuse(void *userdata, struct lxcri_error *err)
{
	struct part *part = part_of(userdata);

	(void)err;
	if (!part)
		return 0;
	part->pull->ranges = RANGES_IGNORED;
	part->is_plain = true;
	part->fetches--;
	gaps_give_all(&part->blob.gaps);
	return 0;
}

static int check_etag(struct part *part, const struct http_response *response,
		      struct lxcri_error *err)
{
	if (!response->etag)
		return 0;
	if (!part->etag) {
		part->etag = xstrdup(response->etag);
		return 0;
	}
	if (strcmp(part->etag, response->etag) == 0)
		return 0;
	/* Nobody can tell which bytes are of which. */
	return reject(part, err) < 0 ? -1 : 1;
}

static int look_at_head(void *userdata, const struct http_response *response,
			struct lxcri_error *err)
{
	struct part *part = part_of(userdata);

	if (!part)
		return 1;
	if (part->is_plain || response->status != 206)
		return 0;
	part->pull->ranges = RANGES_WORK;
	return check_etag(part, response, err);
}

static int take(void *userdata, uint64_t at, const void *bytes, size_t size,
		struct lxcri_error *err)
{
	struct part *part = part_of(userdata);
	uint64_t before;

	if (!part)
		return 0;
	before = blob_prefix(&part->blob);
	if (blob_take(&part->blob, at, bytes, size, err) < 0)
		return -1;
	tell(part, PROGRESS_FETCHING, blob_have(&part->blob));
	if (blob_prefix(&part->blob) > before)
		tell_prefix(part);
	return 0;
}

/* All of it comes, though a piece was asked for. */
static int restart(void *userdata, struct lxcri_error *err)
{
	struct part *part = part_of(userdata);

	(void)err;
	if (!part)
		return 0;
	part->pull->ranges = RANGES_IGNORED;
	part->is_plain = true;
	gaps_take_all(&part->blob.gaps);
	return 0;
}

static int end(void *userdata, struct lxcri_error *err)
{
	struct part *part = part_of(userdata);

	if (!part)
		return 0;
	part->fetches--;
	if (blob_have(&part->blob) < part->blob.size)
		return 0;
	return blob_complete(&part->blob, err) < 0
		       ? -1
		       : finish_part(part, PART_WHOLE, PROGRESS_DONE, err);
}

/* Tells whether another fetch would help @part. */
static bool can_use_fetch(const struct pull *pull, const struct part *part)
{
	if (part->state != PART_LOCKED || !gaps_has_free(&part->blob.gaps))
		return false;
	return part->fetches == 0 || (!part->is_plain && pull->ranges == RANGES_WORK);
}

/* Chooses the part that is worst off. */
static struct part *choose(struct pull *pull)
{
	struct part *chosen = NULL;

	for (size_t i = 0; i < pull->n_parts; i++) {
		struct part *part = &pull->parts[i];

		if (can_use_fetch(pull, part) && (!chosen || part->fetches < chosen->fetches))
			chosen = part;
	}
	return chosen;
}

static void fill_fetch(struct part *part, struct fetch *fetch)
{
	struct gaps *gaps = &part->blob.gaps;
	const struct pull *pull = part->pull;
	struct piece *piece = xnew(struct piece);
	const struct gap *gap;

	part->is_plain |= pull->ranges == RANGES_IGNORED;
	if (!part->is_plain && gaps->count == 1 && gaps_missing(gaps) < RANGED_BYTES_MIN)
		part->is_plain = part->fetches == 0 && !part->blob.is_mapped;
	gap = gaps_take(gaps, part->is_plain ? UINT64_MAX : RANGE_BYTES);
	*piece = (struct piece){ part, part->tries };
	*fetch = (struct fetch){
		.endpoint = pull->endpoint,
		.path = xformat("/v2/%s/blobs/sha256:%s", pull->endpoint->repository,
				part->blob.hex),
		.size = part->blob.size,
		.have = gap->at,
		.end = part->is_plain ? 0 : gap->end,
		.sink = { look_at_head, take, restart, refuse, end, free, piece },
	};
	/* What is there between gaps comes along. */
	if (part->is_plain)
		gaps_take_all(gaps);
	part->fetches++;
}

/* Yields what is to be fetched next. */
static int next(void *userdata, struct fetch *fetch, struct lxcri_error *err)
{
	struct pull *pull = userdata;
	struct part *part;

	for (size_t i = 0; i < pull->n_parts; i++)
		if (pull->parts[i].state == PART_WANTED &&
		    lock_part(pull, &pull->parts[i], BLOB_TRY, err) < 0)
			return -1;
	part = choose(pull);
	if (!part)
		return 0;
	fill_fetch(part, fetch);
	return 1;
}

/* What the blob of a verdict is, or NULL. */
static struct part *find_part(struct pull *pull, const char *hex)
{
	for (size_t i = 0; i < pull->n_parts; i++)
		if (strcmp(pull->parts[i].blob.hex, hex) == 0)
			return &pull->parts[i];
	return NULL;
}

static int take_verdict(struct pull *pull, const struct feed_message *message,
			struct lxcri_error *err)
{
	struct part *part = find_part(pull, message->hex);

	/* Of what was announced before. */
	if (!part || !pull->is_announced || message->number != pull->number)
		return 0;
	if (message->kind == FEED_WRONG)
		return reject(part, err);
	part->is_right = true;
	return 0;
}

/* Reads what there is from who takes the image in. Returns 1, or 0 where it has ended. */
static int hear(struct pull *pull, enum feed_wait wait, struct lxcri_error *err)
{
	for (;;) {
		struct feed_message message;
		int r = feed_receive(pull->feed_fd, wait, &message);

		if (r == -EAGAIN)
			return 1;
		if (r <= 0)
			return r < 0 ? fail_errno(err, r, "hear what becomes of the image") : 0;
		if (take_verdict(pull, &message, err) < 0)
			return -1;
		if (wait == FEED_WAIT)
			return 1;
	}
}

static struct part *find_state(struct pull *pull, enum part_state state)
{
	for (size_t i = 0; i < pull->n_parts; i++)
		if (pull->parts[i].state == state)
			return &pull->parts[i];
	return NULL;
}

static bool is_done(const struct pull *pull)
{
	for (size_t i = 0; i < pull->n_parts; i++)
		if (!pull->parts[i].is_right || pull->parts[i].state < PART_WHOLE)
			return false;
	return true;
}

/* Whoever takes the image in may have ended before the last fetch has. */
static int check_end(const struct pull *pull, struct lxcri_error *err)
{
	return is_done(pull) ? 0 : fail(err, LXCRI_E_SYSTEM, "nobody takes the image in any more");
}

static int hear_meanwhile(void *userdata, struct lxcri_error *err)
{
	const struct pull *pull = userdata;
	int r = hear(userdata, FEED_TRY, err);

	return r == 0 ? check_end(pull, err) : r;
}

/* Does what is to be done while nothing is fetched. Returns 1, or 0 when all is. */
static int go_on(struct pull *pull, struct lxcri_error *err)
{
	struct part *busy = find_state(pull, PART_BUSY);
	int r;

	/* None of ours is locked: whoever has the part may be waiting for one. */
	if (busy)
		return lock_part(pull, busy, BLOB_WAIT, err) < 0 ? -1 : 1;
	if (find_state(pull, PART_WANTED))
		return 1;
	if (pull->feed_fd < 0)
		return 0;
	/* Until it is taken in it may turn out that somebody removed what was there. */
	r = hear(pull, FEED_WAIT, err);
	return r == 0 ? check_end(pull, err) : r;
}

static int fetch_parts(struct pull *pull, struct lxcri_error *err)
{
	const struct settings *settings = pull->settings;
	const struct fetch_queue queue = {
		.at_once = settings->per_host < settings->connections ? settings->per_host
								      : settings->connections,
		.next = next,
		.fd = pull->feed_fd,
		.hear = hear_meanwhile,
		.userdata = pull,
	};
	int r;

	do {
		if (fetch_queue(pull->http, &queue, err) < 0)
			return -1;
		r = go_on(pull, err);
	} while (r == 1);
	return r;
}

static int keep_manifest(const struct pull *pull, const struct resolved *resolved,
			 struct lxcri_error *err)
{
	int r = file_write_atomic(pull->downloads_fd, resolved->hex, resolved->bytes,
				  resolved->size, 0600, FILE_VOLATILE);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the manifest");
	return 0;
}

static void name_result(const struct pull *pull, const struct resolved *resolved,
			struct pull_result *ret)
{
	ret->name = image_ref_format(&pull->ref);
	ret->digest = xformat("sha256:%s", resolved->hex);
	ret->media_type = xstrdup(resolved->media_type);
}

static int pull_from(struct pull *pull, struct endpoint *endpoint, struct pull_result *ret,
		     struct lxcri_error *err)
{
	autorun(resolved_finish) struct resolved resolved = {};
	int r;

	if (endpoint_connect(endpoint, pull->side, err) < 0 ||
	    resolve(pull->http, endpoint, &pull->ref, &resolved, err) < 0)
		return -1;
	pull->endpoint = endpoint;
	pull->resolved = &resolved;
	pull->ranges = RANGES_UNKNOWN;
	pull->is_announced = false;
	r = list_parts(pull, resolved.manifest, err);
	if (r == 0)
		r = check_space(pull, err);
	if (r == 0)
		r = keep_manifest(pull, &resolved, err);
	if (r == 0)
		r = fetch_parts(pull, err);
	pull->resolved = NULL;
	drop_parts(pull);
	if (r < 0)
		return -1;
	name_result(pull, &resolved, ret);
	return 0;
}

static int look_at(struct pull *pull, struct endpoint *endpoint, struct pull_result *ret,
		   struct lxcri_error *err)
{
	autorun(resolved_finish) struct resolved resolved = {};

	if (endpoint_connect(endpoint, pull->side, err) < 0 ||
	    resolve(pull->http, endpoint, &pull->ref, &resolved, err) < 0)
		return -1;
	name_result(pull, &resolved, ret);
	return 0;
}

/* What another host cannot help with. */
static bool is_ours(const struct lxcri_error *err)
{
	return err->code == LXCRI_E_STORAGE_ERROR || err->code == LXCRI_E_SYSTEM;
}

/* Asks one host after the other until one has it. */
static int ask_all(struct pull *pull,
		   int (*ask)(struct pull *pull, struct endpoint *endpoint, struct pull_result *ret,
			      struct lxcri_error *err),
		   struct pull_result *ret, struct lxcri_error *err)
{
	for (size_t i = 0; i < pull->n_endpoints; i++) {
		struct endpoint *endpoint = &pull->endpoints[i];

		if (ask(pull, endpoint, ret, err) == 0)
			return 0;
		(void)fail_while(err, "%s", endpoint->name);
		if (is_ours(err))
			return -1;
	}
	return -1;
}

int pull_run(struct pull *pull, const struct layout *layout, int downloads_fd,
	     struct pull_result *ret, struct lxcri_error *err)
{
	pull->layout = layout;
	pull->downloads_fd = downloads_fd;
	return ask_all(pull, pull_from, ret, err);
}

int pull_look(struct pull *pull, struct pull_result *ret, struct lxcri_error *err)
{
	return ask_all(pull, look_at, ret, err);
}

void pull_result_finish(struct pull_result *result)
{
	free(result->name);
	free(result->digest);
	free(result->media_type);
	*result = (struct pull_result){};
}
