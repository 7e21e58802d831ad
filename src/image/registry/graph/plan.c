/* SPDX-License-Identifier: MIT */
/* What an image consists of. */

#include "image/registry/graph/plan.h"

#include "base/mem.h"
#include "image/layout.h"
#include "oci/manifest.h"

#include <string.h>

/* An index may have a thousand manifests, and each of them hundreds of layers. */
#define DOCUMENTS_MAX      1000
#define DOCUMENT_BYTES_MAX ((size_t)32 << 20) /* of all of them */
#define BLOBS_MAX          4000

static bool has_document(const struct plan *plan, const struct digest *digest)
{
	for (size_t i = 0; i < plan->n_documents; i++)
		if (strcmp(plan->documents[i].digest.text, digest->text) == 0)
			return true;
	return false;
}

static int add_blob(struct plan *plan, const struct descriptor *descriptor, bool is_layer,
		    struct lxcri_error *err)
{
	for (size_t i = 0; i < plan->n_blobs; i++) {
		if (strcmp(plan->blobs[i].digest.text, descriptor->digest.text) != 0)
			continue;
		return plan->blobs[i].size == descriptor->size
			       ? 0
			       : fail(err, LXCRI_E_INVALID_SIZE, "%s has two sizes in the image",
				      descriptor->digest.text);
	}
	if (descriptor->digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    descriptor->digest.text);
	if (plan->n_blobs == BLOBS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image has more than %d blobs",
			    BLOBS_MAX);
	plan->blobs = xreallocarray(plan->blobs, plan->n_blobs + 1, sizeof(plan->blobs[0]));
	plan->blobs[plan->n_blobs++] =
		(struct plan_blob){ descriptor->digest, descriptor->size, is_layer };
	return 0;
}

static int add_blobs(struct plan *plan, const struct plan_document *document,
		     struct lxcri_error *err)
{
	autoptr(manifest) manifest = NULL;

	if (manifest_parse(document->bytes, document->size, document->media_type, &manifest, err) <
		    0 ||
	    add_blob(plan, &manifest->config, false, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (add_blob(plan, &manifest->layers[i], true, err) < 0)
			return -1;
	return 0;
}

static int add(struct plan *plan, const struct held *held, const struct descriptor *descriptor,
	       unsigned int nested, struct lxcri_error *err);

static int add_index(struct plan *plan, const struct held *held,
		     const struct plan_document *document, unsigned int nested,
		     struct lxcri_error *err)
{
	autoptr(index) index = NULL;

	if (index_parse(document->bytes, document->size, document->media_type, &index, err) < 0)
		return -1;
	if (nested == LAYOUT_NESTED_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "indexes are nested more than %d deep",
			    LAYOUT_NESTED_MAX);
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *each = &index->manifests[i];

		if (held_has(held, &each->digest) && add(plan, held, each, nested + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int add_below(struct plan *plan, const struct held *held,
		     const struct plan_document *document, unsigned int nested,
		     struct lxcri_error *err)
{
	enum media_kind kind = media_type_find(document->media_type).kind;

	if (kind == MEDIA_MANIFEST)
		return add_blobs(plan, document, err);
	if (kind == MEDIA_INDEX)
		return add_index(plan, held, document, nested, err);
	return fail(err, LXCRI_E_INVALID_MEDIA_TYPE, "it is of the type %.100s, which is no image",
		    document->media_type);
}

static void document_finish(struct plan_document *document)
{
	free(document->media_type);
	free(document->bytes);
	*document = (struct plan_document){};
}

/* Reads the document of @descriptor, within the bounds of the whole. */
static int read_document(struct plan *plan, const struct held *held,
			 const struct descriptor *descriptor, struct plan_document *ret,
			 struct lxcri_error *err)
{
	if (plan->n_documents == DOCUMENTS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image has more than %d manifests",
			    DOCUMENTS_MAX);
	ret->digest = descriptor->digest;
	ret->media_type = xstrdup(descriptor->media_type);
	if (held_read(held, &descriptor->digest, &ret->bytes, &ret->size, err) < 0)
		return -1;
	plan->document_bytes += ret->size;
	if (plan->document_bytes > DOCUMENT_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the manifests of the image have more than %zu bytes",
			    DOCUMENT_BYTES_MAX);
	return 0;
}

/* Adds what @descriptor leads to, and itself behind that. */
static int add(struct plan *plan, const struct held *held, const struct descriptor *descriptor,
	       unsigned int nested, struct lxcri_error *err)
{
	autorun(document_finish) struct plan_document document = {};

	if (has_document(plan, &descriptor->digest))
		return 0;
	if (read_document(plan, held, descriptor, &document, err) < 0)
		return -1;
	if (nested > 0 && document.size != descriptor->size)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "%s has %zu bytes where %llu are announced", descriptor->digest.text,
			    document.size, (unsigned long long)descriptor->size);
	if (add_below(plan, held, &document, nested, err) < 0)
		return fail_while(err, "%s", descriptor->digest.text);
	plan->documents =
		xreallocarray(plan->documents, plan->n_documents + 1, sizeof(plan->documents[0]));
	plan->documents[plan->n_documents++] = document;
	document = (struct plan_document){};
	return 0;
}

int plan_read(const struct held *held, const char *digest, const char *media_type, struct plan *ret,
	      struct lxcri_error *err)
{
	struct descriptor root = { .media_type = media_type, .type = media_type_find(media_type) };
	autorun(plan_finish) struct plan plan = {};

	if (digest_parse(digest, &root.digest, err) < 0 || add(&plan, held, &root, 0, err) < 0)
		return -1;
	*ret = plan;
	plan = (struct plan){};
	return 0;
}

void plan_finish(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_documents; i++)
		document_finish(&plan->documents[i]);
	free(plan->documents);
	free(plan->blobs);
	*plan = (struct plan){};
}
