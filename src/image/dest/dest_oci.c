/* SPDX-License-Identifier: MIT */
/* An OCI layout: blobs under their digests, byte by byte as they are, and index.json with the
 * names.
 */

#include "base/mem.h"
#include "base/sha256.h"
#include "image/dest/dest_kinds.h"
#include "image/image_index.h"
#include "image/layer/hash.h"
#include "image/layer/stream.h"
#include "image/layout.h"
#include "image/source/made_manifest.h"

#include <errno.h>
#include <string.h>

#define CHUNK ((size_t)1 << 20)

/* Copies what @span holds into the file that was begun, and hashes it. */
static int copy_span(struct dest *dest, const struct span *span, char ret_hex[SHA256_HEX_SIZE],
		     struct lxcri_error *err)
{
	autofree char *bytes = xcalloc(CHUNK, 1);
	autoptr(hash) hash = hash_create();
	uint64_t at = 0;
	ssize_t got;

	while ((got = span_read(span, at, bytes, CHUNK)) > 0) {
		hash_add(hash, bytes, (size_t)got);
		if (dest_write(dest, bytes, (size_t)got, err) < 0)
			return -1;
		at += (uint64_t)got;
	}
	if (got < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, (int)got, "read the blob");
	hash_end(hash, ret_hex);
	return 0;
}

int dest_copy_blob(struct dest *dest, const struct span *span, const char *hex,
		   struct lxcri_error *err)
{
	autofree char *name = xformat(LAYOUT_BLOBS "/%s", hex);
	char found[SHA256_HEX_SIZE];

	if (dest_has(dest, name, span->size))
		return 0;
	if (dest_begin(dest, name, span->size, err) < 0 || copy_span(dest, span, found, err) < 0)
		return -1;
	if (strcmp(found, hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob sha256:%s holds bytes with the digest sha256:%s", hex, found);
	return dest_end(dest, err);
}

/* What the layers of an image without a manifest are shows only in their bytes. */
static int find_digests(struct source_image *image, struct lxcri_error *err)
{
	autofree struct stream_digests *digests =
		xcalloc(image->n_layers + 1, sizeof(struct stream_digests));
	autoptr(work) work = work_create();

	for (size_t i = 0; i < image->n_layers; i++) {
		struct source_layer *layer = &image->layers[i];
		struct budget budget = {};
		const struct stream_options options = {
			.source = &layer->blob, .copy_fd = -1, .budget = &budget, .work = work
		};

		work_reset(work);

		autoptr(stream) stream = stream_create(&options);

		if (stream_drain(stream, err) < 0)
			return fail_while(err, "layer %zu", i + 1);
		stream_end(stream, &digests[i]);
		if (strcmp(digests[i].content, image->parsed_config->diff_ids[i].hex) != 0)
			return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
				    "layer %zu: the content has the digest sha256:%s, the config "
				    "says %s",
				    i + 1, digests[i].content,
				    image->parsed_config->diff_ids[i].text);
		free(layer->digest);
		layer->digest = xformat("sha256:%s", digests[i].blob);
	}
	made_manifest(image, digests);
	return 0;
}

static int put_document(struct dest *dest, const char *bytes, size_t size,
			char ret_hex[SHA256_HEX_SIZE], struct lxcri_error *err)
{
	autofree char *name = NULL;

	sha256_hex(bytes, size, ret_hex);
	name = xformat(LAYOUT_BLOBS "/%s", ret_hex);
	return dest_put(dest, name, bytes, size, err);
}

static void add_entries(struct dest *dest, const struct source_image *image, const char *hex,
			const struct strings *names)
{
	autofree char *digest = xformat("sha256:%s", hex);
	struct image_index_entry entry;
	struct image_summary summary;

	source_image_describe(image, digest, &entry, &summary);
	entry.summary = NULL;
	if (names->count == 0)
		image_index_set(dest->list, &entry);
	for (size_t i = 0; i < names->count; i++) {
		entry.name = names->items[i];
		entry.is_bare_tag = !strpbrk(entry.name, "/:");
		image_index_set(dest->list, &entry);
	}
}

int dest_add_oci(struct dest *dest, struct source_image *image, const struct strings *names,
		 struct lxcri_error *err)
{
	char hex[SHA256_HEX_SIZE];

	if (!image->manifest && find_digests(image, err) < 0)
		return -1;
	for (size_t i = 0; i < image->n_layers; i++)
		if (dest_copy_blob(dest, &image->layers[i].blob,
				   image->layers[i].digest + strlen("sha256:"), err) < 0)
			return fail_while(err, "layer %zu", i + 1);
	if (put_document(dest, image->config, image->config_size, hex, err) < 0 ||
	    put_document(dest, image->manifest, image->manifest_size, hex, err) < 0)
		return -1;
	add_entries(dest, image, hex, names);
	return 0;
}
