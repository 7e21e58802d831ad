/* SPDX-License-Identifier: MIT */
/* Giving a registry an image.
 *
 * How it works: what a manifest names is there before the manifest, and what an index names before
 * the index. So all blobs go first, several at once; then the manifests, in the order of the plan.
 */

#include "image/registry/push/push.h"

#include "base/mem.h"
#include "image/registry/graph/plan.h"
#include "image/registry/push/mounts.h"
#include "image/registry/push/upload.h"
#include "oci/reference.h"

#include <string.h>

struct push {
	const struct settings *settings;
	struct image_ref ref;
	struct endpoint endpoint;
	struct http *http;
	struct http *side; /* for what has to be answered before others go on */
	struct mounts mounts;
	const struct held *held; /* of the run */
};

void push_free(struct push *push)
{
	if (!push)
		return;
	endpoint_finish(&push->endpoint);
	mounts_finish(&push->mounts);
	http_free(push->http);
	http_free(push->side);
	image_ref_finish(&push->ref);
	free(push);
}

int push_create(const struct settings *settings, struct push **ret_push, struct lxcri_error *err)
{
	const struct http_settings http = { settings->timeout_ms, settings->stall_ms,
					    settings->connections, settings->per_host };
	autoptr(push) push = xnew(struct push);

	push->settings = settings;
	if (!settings->digest || !settings->media_type)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the request is not complete");
	if (image_ref_parse(settings->reference, &push->ref, err) < 0)
		return -1;
	if (push->ref.digest && strcmp(push->ref.digest, settings->digest) != 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "the image is %s; it cannot be pushed as %s", settings->digest,
			    push->ref.digest);
	if (endpoint_init(&push->endpoint, settings, push->ref.host, push->ref.path, err) < 0 ||
	    http_create(&http, &push->http, err) < 0 || http_create(&http, &push->side, err) < 0)
		return -1;
	push->endpoint.is_pushed_to = true;
	*ret_push = steal(push);
	return 0;
}

static int open_blob(void *userdata, const struct upload *upload, struct lxcri_error *err)
{
	const struct push *push = userdata;

	return held_open(push->held, &upload->digest, upload->size, err);
}

/* The source that a copy names counts more than what the store remembers. */
static const char *find_source(struct push *push, const struct digest *digest)
{
	const char *named = push->settings->mount_from;
	const char *source = named ? named : mounts_find(&push->mounts, digest->text);

	if (source && !strings_has(&push->endpoint.sources, source))
		strings_add(&push->endpoint.sources, source);
	return source;
}

static int send_blobs(struct push *push, const struct plan *plan, struct lxcri_error *err)
{
	autofree struct upload *uploads = xcalloc(plan->n_blobs + 1, sizeof(uploads[0]));
	autofree struct progress *progress = xcalloc(plan->n_blobs + 1, sizeof(progress[0]));
	size_t layers = 0;
	int r;

	for (size_t i = 0; i < plan->n_blobs; i++) {
		const struct plan_blob *blob = &plan->blobs[i];

		uploads[i] = (struct upload){ .endpoint = &push->endpoint,
					      .digest = blob->digest,
					      .size = blob->size,
					      .source = find_source(push, &blob->digest),
					      .reopen = open_blob,
					      .userdata = push,
					      .fd = -1 };
		if (!blob->is_layer)
			continue;
		progress[i] = (struct progress){ .layer = layers++,
						 .digest = blob->digest.text,
						 .size = blob->size };
		uploads[i].progress = &progress[i];
	}
	for (size_t i = 0; i < plan->n_blobs; i++)
		progress[i].layers = layers;
	r = upload_all(push->http, uploads, plan->n_blobs, err);
	for (size_t i = 0; i < plan->n_blobs; i++)
		upload_finish(&uploads[i]);
	return r;
}

static int send_document(struct push *push, const struct plan_document *document, const char *name,
			 struct lxcri_error *err)
{
	struct upload upload = { .endpoint = &push->endpoint,
				 .digest = document->digest,
				 .size = document->size,
				 .bytes = document->bytes,
				 .media_type = document->media_type,
				 .name = name,
				 .step = UPLOAD_DOCUMENT,
				 .fd = -1 };
	int r = upload_all(push->http, &upload, 1, err);

	upload_finish(&upload);
	return r < 0 ? fail_while(err, "manifest %s", document->digest.text) : 0;
}

static int send_documents(struct push *push, const struct plan *plan, struct lxcri_error *err)
{
	for (size_t i = 0; i < plan->n_documents; i++) {
		const struct plan_document *document = &plan->documents[i];
		bool is_root = i + 1 == plan->n_documents;
		const char *name = is_root && push->ref.tag ? push->ref.tag : document->digest.text;

		if (send_document(push, document, name, err) < 0)
			return -1;
	}
	return 0;
}

int push_run(struct push *push, const struct layout *layout, const struct held *held,
	     char **ret_name, struct lxcri_error *err)
{
	autorun(plan_finish) struct plan plan = {};

	push->held = held;
	if (plan_read(held, push->settings->digest, push->settings->media_type, &plan, err) < 0)
		return -1;
	mounts_read(layout, push->ref.host, push->ref.path, &push->mounts);
	if (endpoint_connect(&push->endpoint, push->side, err) < 0 ||
	    send_blobs(push, &plan, err) < 0 || send_documents(push, &plan, err) < 0)
		return fail_while(err, "%s", push->endpoint.name);
	*ret_name = image_ref_format(&push->ref);
	return 0;
}
