/* SPDX-License-Identifier: MIT */
/* A layer of an image: what is known of it. */

#include "image/layer/layer.h"

#include "base/fail.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/sha256.h"
#include "base/text.h"
#include "oci/digest.h"
#include "oci/media_type.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)
/* As the specification of distribution says of all annotations together; docker's registry too. */
#define ANNOTATION_BYTES_MAX ((size_t)4 << 20)

struct lxcri_layer {
	atomic_uint references;
	struct lxcri_layer_metadata metadata; /* all that it points to is owned */
	struct lxcri_layer_verification verification;
	const struct layer_work_kind *kind;
	void *work;
};

static void *create_buffer(void)
{
	return xcalloc(READ_BYTES, 1);
}

static void reset_buffer(void *unused)
{
}

const struct layer_work_kind layer_buffer_kind = { create_buffer, reset_buffer, free };

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void copy_metadata(struct lxcri_layer *layer, const struct lxcri_layer_metadata *from)
{
	struct lxcri_annotation *annotations =
		xcalloc(from->n_annotations + 1, sizeof(annotations[0]));
	char **dependencies = xcalloc(from->n_dependencies + 1, sizeof(dependencies[0]));

	for (size_t i = 0; i < from->n_annotations; i++)
		annotations[i] = (struct lxcri_annotation){ copy(from->annotations[i].key),
							    copy(from->annotations[i].value) };
	for (size_t i = 0; i < from->n_dependencies; i++)
		dependencies[i] = copy(from->dependencies[i]);
	layer->metadata = *from;
	layer->metadata.media_type = copy(from->media_type);
	layer->metadata.digest = copy(from->digest);
	layer->metadata.created = copy(from->created);
	layer->metadata.author = copy(from->author);
	layer->metadata.comment = copy(from->comment);
	layer->metadata.storage_path = copy(from->storage_path);
	layer->metadata.compression_type = copy(from->compression_type);
	layer->metadata.annotations = annotations;
	layer->metadata.dependencies = (const char *const *)dependencies;
}

static void finish_metadata(struct lxcri_layer *layer)
{
	struct lxcri_layer_metadata *metadata = &layer->metadata;
	const char *const texts[] = { metadata->media_type,      metadata->digest,
				      metadata->created,         metadata->author,
				      metadata->comment,         metadata->storage_path,
				      metadata->compression_type };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free((char *)texts[i]);
	for (size_t i = 0; i < metadata->n_annotations; i++) {
		free((char *)metadata->annotations[i].key);
		free((char *)metadata->annotations[i].value);
	}
	for (size_t i = 0; i < metadata->n_dependencies; i++)
		free((char *)metadata->dependencies[i]);
	free((void *)metadata->annotations);
	free((void *)metadata->dependencies);
	*metadata = (struct lxcri_layer_metadata){};
}

struct lxcri_layer *layer_create_blank(const struct layer_work_kind *kind)
{
	struct lxcri_layer *layer = xnew(struct lxcri_layer);

	atomic_init(&layer->references, 1);
	layer->kind = kind;
	if (kind)
		layer->work = kind->create();
	return layer;
}

void *layer_work(const struct lxcri_layer *layer)
{
	return layer->work;
}

void layer_reset(struct lxcri_layer *layer)
{
	finish_metadata(layer);
	layer->verification = (struct lxcri_layer_verification){};
	if (layer->kind)
		layer->kind->reset(layer->work);
}

int lxcri_layer_create(const struct lxcri_layer_metadata *metadata, struct lxcri_layer **ret_layer,
		       struct lxcri_error *err)
{
	if (!metadata->digest)
		return fail(err, LXCRI_E_INVALID_DIGEST, "a layer without a digest");

	*ret_layer = layer_create_blank(NULL);
	copy_metadata(*ret_layer, metadata);
	return 0;
}

int lxcri_layer_set(struct lxcri_layer *layer, const struct lxcri_layer_metadata *metadata,
		    struct lxcri_error *err)
{
	if (!metadata->digest)
		return fail(err, LXCRI_E_INVALID_DIGEST, "a layer without a digest");

	struct lxcri_layer said = { .metadata = layer->metadata };

	copy_metadata(layer, metadata);
	finish_metadata(&said);
	layer->verification = (struct lxcri_layer_verification){};
	return 0;
}

struct lxcri_layer *lxcri_layer_ref(struct lxcri_layer *layer)
{
	atomic_fetch_add(&layer->references, 1);
	return layer;
}

void lxcri_layer_unref(struct lxcri_layer *layer)
{
	if (!layer || atomic_fetch_sub(&layer->references, 1) != 1)
		return;
	finish_metadata(layer);
	if (layer->kind)
		layer->kind->free(layer->work);
	free(layer);
}

const struct lxcri_layer_metadata *lxcri_layer_metadata(const struct lxcri_layer *layer)
{
	return &layer->metadata;
}

static bool has_control(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static int check_annotations(const struct lxcri_layer_metadata *metadata, struct lxcri_error *err)
{
	size_t total = 0;

	for (size_t i = 0; i < metadata->n_annotations; i++) {
		const struct lxcri_annotation *one = &metadata->annotations[i];

		if (!one->key || !*one->key || !one->value || has_control(one->key))
			return fail(err, LXCRI_E_INVALID_ANNOTATIONS,
				    "annotation %zu has no key that can be one, or no value",
				    i + 1);
		for (size_t j = 0; j < i; j++)
			if (strcmp(metadata->annotations[j].key, one->key) == 0)
				return fail(err, LXCRI_E_INVALID_ANNOTATIONS,
					    "the annotation %s is there twice", one->key);
		total += strlen(one->key) + strlen(one->value);
		if (total > ANNOTATION_BYTES_MAX)
			return fail(err, LXCRI_E_INVALID_ANNOTATIONS,
				    "the annotations have more than %zu bytes",
				    ANNOTATION_BYTES_MAX);
	}
	return 0;
}

/* What the members say must agree. */
static int check_agreement(const struct lxcri_layer_metadata *metadata, struct lxcri_error *err)
{
	static const char *const names[] = {
		[MEDIA_PLAIN] = "none", [MEDIA_GZIP] = "gzip", [MEDIA_ZSTD] = "zstd"
	};
	struct media_type type = media_type_find(metadata->media_type);
	const char *said = metadata->compression_type;

	if (said && (type.compression == MEDIA_PLAIN || strcmp(said, names[type.compression]) != 0))
		return fail(err, LXCRI_E_VALIDATION_FAILED,
			    "a layer of type %s that is compressed with %s", metadata->media_type,
			    said);
	if (metadata->compressed && type.compression == MEDIA_PLAIN)
		return fail(err, LXCRI_E_VALIDATION_FAILED, "a layer of type %s is not compressed",
			    metadata->media_type);
	for (size_t i = 0; i < metadata->n_dependencies; i++) {
		struct lxcri_error ignored;
		struct digest digest;

		if (!metadata->dependencies[i] ||
		    digest_parse(metadata->dependencies[i], &digest, &ignored) < 0)
			return fail(err, LXCRI_E_VALIDATION_FAILED,
				    "dependency %zu of the layer is no digest", i + 1);
	}
	return 0;
}

static int validate(const struct lxcri_layer_metadata *metadata, struct lxcri_error *err)
{
	struct digest digest;

	if (!metadata->digest)
		return fail(err, LXCRI_E_INVALID_DIGEST, "no digest");
	if (digest_parse(metadata->digest, &digest, err) < 0)
		return -1;
	if (media_type_find(metadata->media_type).kind != MEDIA_LAYER)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE, "%s is no type of a layer",
			    metadata->media_type ? metadata->media_type : "nothing");
	if (metadata->size == 0 || metadata->size > INT64_MAX)
		return fail(err, LXCRI_E_INVALID_SIZE, "no layer has %llu bytes",
			    (unsigned long long)metadata->size);
	if (check_annotations(metadata, err) < 0)
		return -1;
	return check_agreement(metadata, err);
}

int lxcri_layer_validate(const struct lxcri_layer *layer, struct lxcri_error *err)
{
	const char *digest = layer->metadata.digest;

	if (validate(&layer->metadata, err) < 0)
		return fail_while(err, "layer %.80s", digest ? digest : "without a digest");
	return 0;
}

/* Hashes the file @fd by way of READ_BYTES @bytes; *@ret_size becomes the number of its bytes. 0 or
 * -errno. */
static int hash_file(int fd, uint8_t *bytes, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size)
{
	struct sha256 sha256;
	ssize_t got;

	sha256_init(&sha256);
	*ret_size = 0;
	while ((got = read(fd, bytes, READ_BYTES)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		sha256_add(&sha256, bytes, (size_t)got);
		*ret_size += (uint64_t)got;
	}
	sha256_finish_hex(&sha256, ret_hex);
	return 0;
}

static int verify(const struct lxcri_layer *layer, struct lxcri_error *err)
{
	const struct lxcri_layer_metadata *metadata = &layer->metadata;
	autofree uint8_t *own = layer->kind == &layer_buffer_kind ? NULL : xcalloc(READ_BYTES, 1);
	autoclose int fd = -1;
	char hex[SHA256_HEX_SIZE];
	struct digest digest;
	uint64_t size;

	if (!metadata->digest || !metadata->storage_path)
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "it is not known where the layer is stored");
	if (digest_parse(metadata->digest, &digest, err) < 0)
		return -1;
	if (digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    metadata->digest);
	/* A fifo would hang. */
	fd = open(metadata->storage_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s",
				       metadata->storage_path);

	int r = hash_file(fd, own ? own : layer->work, hex, &size);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s",
				       metadata->storage_path);
	if (metadata->size != 0 && size != metadata->size)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "%s has %llu bytes instead of %llu", metadata->storage_path,
			    (unsigned long long)size, (unsigned long long)metadata->size);
	if (strcmp(hex, digest.hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "%s holds bytes with the digest sha256:%s", metadata->storage_path,
			    hex);
	return 0;
}

int lxcri_layer_verify(struct lxcri_layer *layer, struct lxcri_error *err)
{
	int r = verify(layer, err);

	layer->verification =
		(struct lxcri_layer_verification){ .time_ns = moment_now(), .is_intact = r == 0 };
	return r;
}

struct lxcri_layer_verification lxcri_layer_verification(const struct lxcri_layer *layer)
{
	return layer->verification;
}
