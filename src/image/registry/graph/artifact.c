/* SPDX-License-Identifier: MIT */
/* What stands beside the images of an index and is none. */

#include "image/registry/graph/artifact.h"

#include "base/mem.h"
#include "image/registry/blob/blob.h"
#include "image/registry/fetch.h"

/* Nobody asked whether there is room for it. */
#define ARTIFACT_BYTES_MAX ((uint64_t)256 << 20)

bool artifact_is_image(const struct manifest *manifest)
{
	if (manifest->config.type.kind != MEDIA_CONFIG)
		return false;
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (manifest->layers[i].type.kind != MEDIA_LAYER)
			return false;
	return true;
}

static int take(void *blob, uint64_t at, const void *bytes, size_t size, struct lxcri_error *err)
{
	return blob_take(blob, at, bytes, size, err);
}

static int restart(void *userdata, struct lxcri_error *err)
{
	struct blob *blob = userdata;

	return blob_forget(blob, err) < 0 ? -1 : blob_open(blob, BLOB_WAIT, err) < 0 ? -1 : 0;
}

static int end(void *userdata, struct lxcri_error *err)
{
	struct blob *blob = userdata;
	int r = blob_verify(blob, err);

	if (r < 0)
		return -1;
	if (r == 1)
		return blob_complete(blob, err);
	if (blob_forget(blob, err) < 0)
		return -1;
	return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
		    "the registry sends other bytes than those of sha256:%s", blob->hex);
}

static int fetch_blob(struct http *http, struct endpoint *endpoint,
		      const struct descriptor *descriptor, int blobs_fd, struct lxcri_error *err)
{
	autorun(blob_finish) struct blob blob = BLOB_NULL;
	int r;

	if (blob_init(&blob, blobs_fd, descriptor, err) < 0 || blob_open(&blob, BLOB_WAIT, err) < 0)
		return -1;
	if (blob_have(&blob) == blob.size)
		return end(&blob, err);

	struct fetch fetch = {
		.endpoint = endpoint,
		.path = xformat("/v2/%s/blobs/%s", endpoint->repository, descriptor->digest.text),
		.size = blob.size,
		.sink = { .take = take, .restart = restart, .end = end, .userdata = &blob },
	};

	r = fetch_all(http, &fetch, 1, err);
	fetch_finish(&fetch);
	return r;
}

int artifact_fetch(struct http *http, struct endpoint *endpoint, const struct manifest *manifest,
		   int blobs_fd, struct lxcri_error *err)
{
	uint64_t bytes = manifest->config.size;

	for (size_t i = 0; i < manifest->n_layers && bytes <= ARTIFACT_BYTES_MAX; i++)
		bytes += manifest->layers[i].size;
	if (bytes > ARTIFACT_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "what stands beside the images has more than %llu bytes",
			    (unsigned long long)ARTIFACT_BYTES_MAX);
	if (fetch_blob(http, endpoint, &manifest->config, blobs_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (fetch_blob(http, endpoint, &manifest->layers[i], blobs_fd, err) < 0)
			return -1;
	return 0;
}
