/* SPDX-License-Identifier: MIT */
/* From a reference to the manifest for this host. */

#include "image/registry/resolve.h"

#include "base/mem.h"
#include "image/layout.h"
#include "image/registry/document.h"
#include "image/registry/fetch.h"

#include <string.h>

/* An index comes in either family, and so does what it leads to. */
static const char accepted[] = MEDIA_TYPE_OCI_INDEX
	", " MEDIA_TYPE_DOCKER_INDEX ", " MEDIA_TYPE_OCI_MANIFEST ", " MEDIA_TYPE_DOCKER_MANIFEST;

/* One document on its way. */
struct reading {
	struct document document;
	char *content_type;
};

static void reading_finish(struct reading *reading)
{
	document_finish(&reading->document);
	free(reading->content_type);
	*reading = (struct reading){};
}

static int head(void *userdata, const struct http_response *response, struct lxcri_error *err)
{
	struct reading *reading = userdata;
	const char *type = response->content_type;
	enum media_kind kind = media_type_find(type).kind;

	if (kind != MEDIA_INDEX && kind != MEDIA_MANIFEST)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
			    "the registry answers with the content type %.100s, which is no image",
			    type ? type : "(none)");
	free(reading->content_type);
	reading->content_type = xstrdup(type);
	return 0;
}

static int take(void *userdata, uint64_t at, const void *bytes, size_t size,
		struct lxcri_error *err)
{
	struct reading *reading = userdata;

	(void)at;
	return document_take(&reading->document, bytes, size, err);
}

static int restart(void *userdata, struct lxcri_error *err)
{
	struct reading *reading = userdata;

	(void)err;
	text_finish(&reading->document.text);
	return 0;
}

/* Fetches the document called @what, a tag or a digest. */
static int read_document(struct http *http, struct endpoint *endpoint, const char *what,
			 struct reading *reading, struct lxcri_error *err)
{
	autorun(fetch_finish) struct fetch fetch = {
		.endpoint = endpoint,
		.path = xformat("/v2/%s/manifests/%s", endpoint->repository, what),
		.accept = accepted,
		.size = FETCH_SIZE_UNKNOWN,
		.sink = { .head = head, .take = take, .restart = restart, .userdata = reading },
	};

	reading->document.bytes_max = json_limits_image.bytes_max;
	return fetch_all(http, &fetch, 1, err);
}

static int check_digest(const struct reading *reading, const char *wanted, char *hex,
			struct lxcri_error *err)
{
	struct digest digest;

	sha256_hex(reading->document.text.data ? reading->document.text.data : "",
		   reading->document.text.length, hex);
	if (!wanted)
		return 0;
	if (digest_parse(wanted, &digest, err) < 0)
		return -1;
	if (digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    wanted);
	if (strcmp(digest.hex, hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the registry answers %s with bytes whose digest is sha256:%s", wanted,
			    hex);
	return 0;
}

int resolve_document(struct http *http, struct endpoint *endpoint, const char *what,
		     struct resolved_document *ret, struct lxcri_error *err)
{
	autorun(reading_finish) struct reading reading = {};
	const char *digest = strchr(what, ':') ? what : NULL;

	if (read_document(http, endpoint, what, &reading, err) < 0 ||
	    check_digest(&reading, digest, ret->hex, err) < 0)
		return -1;
	ret->size = reading.document.text.length;
	ret->bytes = text_steal(&reading.document.text);
	ret->media_type = steal(reading.content_type);
	return 0;
}

void resolved_document_finish(struct resolved_document *document)
{
	free(document->bytes);
	free(document->media_type);
	*document = (struct resolved_document){};
}

/* Chooses in an index; @ret is a copy that outlives it. */
static int choose(const struct reading *reading, char **ret_digest, char **ret_type,
		  struct lxcri_error *err)
{
	autoptr(index) index = NULL;
	const struct descriptor *host;

	if (index_parse(reading->document.text.data ? reading->document.text.data : "",
			reading->document.text.length, reading->content_type, &index, err) < 0)
		return -1;
	host = index_find_host(index);
	if (!host)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "the image is not there for linux/%s",
			    platform_host_architecture());
	*ret_digest = xstrdup(host->digest.text);
	*ret_type = xstrdup(host->media_type);
	return 0;
}

static int take_manifest(struct reading *reading, struct resolved *ret, struct lxcri_error *err)
{
	ret->size = reading->document.text.length;
	ret->bytes = text_steal(&reading->document.text);
	ret->media_type = steal(reading->content_type);
	return manifest_parse(ret->bytes, ret->size, ret->media_type, &ret->manifest, err);
}

int resolve(struct http *http, struct endpoint *endpoint, const struct image_ref *ref,
	    struct resolved *ret, struct lxcri_error *err)
{
	autofree char *digest = xstrdup(ref->digest);
	autofree char *type = NULL;

	for (unsigned int nested = 0; nested <= LAYOUT_NESTED_MAX; nested++) {
		autorun(reading_finish) struct reading reading = {};
		autofree char *old = NULL;

		if (read_document(http, endpoint, digest ? digest : ref->tag, &reading, err) < 0 ||
		    check_digest(&reading, digest, ret->hex, err) < 0)
			return -1;
		if (type && strcmp(type, reading.content_type) != 0)
			return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
				    "%s is announced as %s and comes as %s", digest, type,
				    reading.content_type);
		if (media_type_find(reading.content_type).kind == MEDIA_MANIFEST)
			return take_manifest(&reading, ret, err);
		old = steal(digest);
		free(steal(type));
		if (choose(&reading, &digest, &type, err) < 0)
			return -1;
	}
	return fail(err, LXCRI_E_LIMIT_EXCEEDED, "indexes are nested more than %d deep",
		    LAYOUT_NESTED_MAX);
}

void resolved_finish(struct resolved *resolved)
{
	free(resolved->bytes);
	free(resolved->media_type);
	manifest_free(resolved->manifest);
	*resolved = (struct resolved){};
}
