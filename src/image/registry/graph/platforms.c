/* SPDX-License-Identifier: MIT */
/* Fetching the documents of an image, for all of its platforms. */

#include "image/registry/graph/platforms.h"

#include "base/mem.h"
#include "image/layout.h"
#include "image/registry/endpoint.h"
#include "image/registry/graph/artifact.h"
#include "image/registry/resolve.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "os/file.h"

#include <string.h>

/* Each is asked for by itself. */
#define DOCUMENTS_MAX 100

struct platforms {
	struct image_ref ref;
	struct endpoint endpoint;
	struct http *http;
	struct http *side;
	int blobs_fd; /* of the run */
	size_t count;
};

void platforms_free(struct platforms *platforms)
{
	if (!platforms)
		return;
	endpoint_finish(&platforms->endpoint);
	http_free(platforms->http);
	http_free(platforms->side);
	image_ref_finish(&platforms->ref);
	free(platforms);
}

int platforms_create(const struct settings *settings, struct platforms **ret_platforms,
		     struct lxcri_error *err)
{
	const struct http_settings http = { settings->timeout_ms, settings->stall_ms,
					    settings->connections, settings->per_host };
	autoptr(platforms) platforms = xnew(struct platforms);
	struct image_ref *ref = &platforms->ref;

	if (image_ref_parse(settings->reference, ref, err) < 0 ||
	    endpoint_init(&platforms->endpoint, settings, ref->host, ref->path, err) < 0 ||
	    http_create(&http, &platforms->http, err) < 0 ||
	    http_create(&http, &platforms->side, err) < 0)
		return -1;
	*ret_platforms = steal(platforms);
	return 0;
}

static int keep(const struct platforms *platforms, const struct resolved_document *document,
		struct lxcri_error *err)
{
	int r = file_write_atomic(platforms->blobs_fd, document->hex, document->bytes,
				  document->size, 0600, FILE_VOLATILE);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the manifest %s",
				       document->hex)
		     : 0;
}

static int fetch(struct platforms *platforms, const char *what, const char *announced,
		 struct resolved_document *ret, struct lxcri_error *err)
{
	if (platforms->count++ == DOCUMENTS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image has more than %d manifests",
			    DOCUMENTS_MAX);
	if (resolve_document(platforms->http, &platforms->endpoint, what, ret, err) < 0)
		return -1;
	if (announced && strcmp(announced, ret->media_type) != 0)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
			    "%s is announced as %s and comes as %s", what, announced,
			    ret->media_type);
	return keep(platforms, ret, err);
}

/* An image is left to a pull. */
static int take_manifest(struct platforms *platforms, const struct resolved_document *document,
			 struct strings *manifests, struct lxcri_error *err)
{
	autoptr(manifest) manifest = NULL;

	if (manifest_parse(document->bytes, document->size, document->media_type, &manifest, err) <
	    0)
		return -1;
	if (!artifact_is_image(manifest))
		return artifact_fetch(platforms->http, &platforms->endpoint, manifest,
				      platforms->blobs_fd, err);
	strings_addf(manifests, "sha256:%s", document->hex);
	return 0;
}

/* Fetches what @document, an index or a manifest, leads to. */
static int follow(struct platforms *platforms, const struct resolved_document *document,
		  unsigned int nested, struct strings *manifests, struct lxcri_error *err)
{
	autoptr(index) index = NULL;

	if (media_type_find(document->media_type).kind == MEDIA_MANIFEST)
		return take_manifest(platforms, document, manifests, err);
	if (nested == LAYOUT_NESTED_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "indexes are nested more than %d deep",
			    LAYOUT_NESTED_MAX);
	if (index_parse(document->bytes, document->size, document->media_type, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *each = &index->manifests[i];
		autorun(resolved_document_finish) struct resolved_document below = {};

		if (fetch(platforms, each->digest.text, each->media_type, &below, err) < 0 ||
		    follow(platforms, &below, nested + 1, manifests, err) < 0)
			return -1;
	}
	return 0;
}

int platforms_run(struct platforms *platforms, int blobs_fd, struct platforms_result *ret,
		  struct lxcri_error *err)
{
	autorun(resolved_document_finish) struct resolved_document root = {};
	const struct image_ref *ref = &platforms->ref;
	struct strings manifests = {};

	platforms->blobs_fd = blobs_fd;
	if (endpoint_connect(&platforms->endpoint, platforms->side, err) < 0 ||
	    fetch(platforms, ref->digest ? ref->digest : ref->tag, NULL, &root, err) < 0 ||
	    follow(platforms, &root, 0, &manifests, err) < 0) {
		strings_finish(&manifests);
		return fail_while(err, "%s", platforms->endpoint.name);
	}
	*ret = (struct platforms_result){ .digest = xformat("sha256:%s", root.hex),
					  .media_type = steal(root.media_type),
					  .manifests = manifests };
	return 0;
}

void platforms_result_finish(struct platforms_result *result)
{
	free(result->digest);
	free(result->media_type);
	strings_finish(&result->manifests);
	*result = (struct platforms_result){};
}
