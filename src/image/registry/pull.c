/* SPDX-License-Identifier: MIT */
/* Fetching an image.
 *
 * How it works: the manifest says which blobs there are. Each that the store lacks is locked in the
 * directory of downloads, and fetched unless it is there already. Those that somebody else has
 * locked are left for later, so that two who pull the same image share the work: in each round what
 * is free is fetched, then the first of the others is waited for. */

#include "image/registry/pull.h"

#include "base/mem.h"
#include "image/registry/blob.h"
#include "image/registry/fetch.h"
#include "image/registry/progress.h"
#include "image/registry/resolve.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

/* What is left free for everybody else. */
#define FREE_BYTES_MIN ((uint64_t)16 << 20)

enum part_state { PART_WANTED, PART_BUSY, PART_LOCKED, PART_DONE };

/* A blob of the image: its config, or a layer. */
struct part {
	enum part_state state;
	bool is_layer;
	struct blob blob;
	struct progress progress;
};

struct pull {
	const struct settings *settings;
	struct image_ref ref;
	struct endpoint *endpoints;
	size_t n_endpoints;
	struct http *http;
	struct http *side; /* for what has to be answered before others go on */

	const struct layout *layout; /* of the run */
	int downloads_fd;
	struct part *parts;
	size_t n_parts;
};

static void drop_parts(struct pull *pull)
{
	for (size_t i = 0; i < pull->n_parts; i++) {
		struct blob *blob = &pull->parts[i].blob;

		if (blob->fd >= 0 && blob->have == 0)
			(void)unlinkat(blob->dir_fd, blob->hex, 0);
		blob_finish(blob);
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

/* Locks @part where it has to be fetched, and finds out how much of it. */
static int lock_part(struct pull *pull, struct part *part, enum blob_wait wait,
		     struct lxcri_error *err)
{
	int r;

	if (is_stored(pull, part)) {
		part->state = PART_DONE;
		tell(part, PROGRESS_PRESENT, part->blob.size);
		return 0;
	}
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
	if (is_stored(pull, part) || part->blob.have == part->blob.size) {
		part->state = PART_DONE;
		tell(part, PROGRESS_PRESENT, part->blob.size);
		return 0;
	}
	part->state = PART_LOCKED;
	return 0;
}

static int take(void *userdata, const void *bytes, size_t size, struct lxcri_error *err)
{
	struct part *part = userdata;

	if (blob_take(&part->blob, bytes, size, err) < 0)
		return -1;
	tell(part, PROGRESS_FETCHING, part->blob.have);
	return 0;
}

static int restart(void *userdata, struct lxcri_error *err)
{
	struct part *part = userdata;

	return blob_restart(&part->blob, err);
}

static int end(void *userdata, struct lxcri_error *err)
{
	struct part *part = userdata;
	int r = blob_end(&part->blob, err);

	if (r == 0) {
		part->state = PART_DONE;
		tell(part, PROGRESS_DONE, part->blob.size);
	}
	return r;
}

/* Fetches every part that is locked. */
static int fetch_locked(struct pull *pull, struct endpoint *endpoint, struct lxcri_error *err)
{
	autofree struct fetch *fetches = xcalloc(pull->n_parts, sizeof(fetches[0]));
	size_t count = 0;
	int r;

	for (size_t i = 0; i < pull->n_parts; i++) {
		struct part *part = &pull->parts[i];

		if (part->state != PART_LOCKED)
			continue;
		fetches[count++] = (struct fetch){
			.endpoint = endpoint,
			.path = xformat("/v2/%s/blobs/sha256:%s", endpoint->repository,
					part->blob.hex),
			.size = part->blob.size,
			.have = part->blob.have,
			.sink = { NULL, take, restart, end, part },
		};
	}
	r = fetch_all(pull->http, fetches, count, err);
	for (size_t i = 0; i < count; i++)
		fetch_finish(&fetches[i]);
	return r;
}

static struct part *find_busy(struct pull *pull)
{
	for (size_t i = 0; i < pull->n_parts; i++)
		if (pull->parts[i].state == PART_BUSY)
			return &pull->parts[i];
	return NULL;
}

/* Gives back the locks of what is there. */
static void unlock_done(struct pull *pull)
{
	for (size_t i = 0; i < pull->n_parts; i++)
		if (pull->parts[i].state == PART_DONE)
			closep(&pull->parts[i].blob.fd);
}

static int fetch_parts(struct pull *pull, struct endpoint *endpoint, struct lxcri_error *err)
{
	struct part *busy = NULL;

	do {
		/* Whoever has the part may be waiting for one of ours. */
		unlock_done(pull);
		if (busy && lock_part(pull, busy, BLOB_WAIT, err) < 0)
			return -1;
		for (size_t i = 0; i < pull->n_parts; i++) {
			struct part *part = &pull->parts[i];

			if ((part->state == PART_WANTED || part->state == PART_BUSY) &&
			    lock_part(pull, part, BLOB_TRY, err) < 0)
				return -1;
		}
		if (fetch_locked(pull, endpoint, err) < 0)
			return -1;
		busy = find_busy(pull);
	} while (busy);
	return 0;
}

/* The manifest comes last: with it, all that it names is there. */
static int keep_manifest(const struct pull *pull, const struct resolved *resolved,
			 struct lxcri_error *err)
{
	int r = file_write_atomic(pull->downloads_fd, resolved->hex, resolved->bytes,
				  resolved->size, 0600, FILE_VOLATILE);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the manifest");
	return 0;
}

static int pull_from(struct pull *pull, struct endpoint *endpoint, struct pull_result *ret,
		     struct lxcri_error *err)
{
	autorun(resolved_finish) struct resolved resolved = {};
	int r;

	if (endpoint_connect(endpoint, pull->side, err) < 0 ||
	    resolve(pull->http, endpoint, &pull->ref, &resolved, err) < 0)
		return -1;
	r = list_parts(pull, resolved.manifest, err);
	if (r == 0)
		r = check_space(pull, err);
	if (r == 0)
		r = fetch_parts(pull, endpoint, err);
	if (r == 0)
		r = keep_manifest(pull, &resolved, err);
	drop_parts(pull);
	if (r < 0)
		return -1;
	ret->name = image_ref_format(&pull->ref);
	ret->digest = xformat("sha256:%s", resolved.hex);
	ret->media_type = xstrdup(resolved.media_type);
	return 0;
}

/* What another host cannot help with. */
static bool is_ours(const struct lxcri_error *err)
{
	return err->code == LXCRI_E_STORAGE_ERROR || err->code == LXCRI_E_SYSTEM;
}

int pull_run(struct pull *pull, const struct layout *layout, int downloads_fd,
	     struct pull_result *ret, struct lxcri_error *err)
{
	pull->layout = layout;
	pull->downloads_fd = downloads_fd;
	for (size_t i = 0; i < pull->n_endpoints; i++) {
		struct endpoint *endpoint = &pull->endpoints[i];

		if (pull_from(pull, endpoint, ret, err) == 0)
			return 0;
		(void)fail_while(err, "%s", endpoint->name);
		if (is_ours(err))
			return -1;
	}
	return -1;
}

void pull_result_finish(struct pull_result *result)
{
	free(result->name);
	free(result->digest);
	free(result->media_type);
	*result = (struct pull_result){};
}
