/* SPDX-License-Identifier: MIT */
/* Stored images in other forms. */

#include "image/convert/conversion.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "image/worker.h"

#include <string.h>

static const char *const formats[] = {
	[LXCRI_IMAGE_RAW] = WORKER_RAW,
	[LXCRI_IMAGE_CT_TEMPLATE] = WORKER_TEMPLATE,
	[LXCRI_IMAGE_ZFS] = WORKER_ZFS,
};

static const struct {
	const char *name;
	const char *suffix;
} compressions[] = {
	{ WORKER_ZSTD, ".tar.zst" },
	{ WORKER_GZIP, ".tar.gz" },
	{ WORKER_PLAIN, ".tar" },
};

const char *lxcri_image_format_name(enum lxcri_image_format format)
{
	return (size_t)format < ARRAY_LEN(formats) ? formats[format] : NULL;
}

int lxcri_image_format_parse(const char *name, enum lxcri_image_format *ret_format,
			     struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (strcmp(formats[i], name) != 0)
			continue;
		*ret_format = (enum lxcri_image_format)i;
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_FORMAT, "\"%s\" is none of raw, ct-template and zfs",
		    name);
}

static const char *compression_of(const struct lxcri_convert_options *options)
{
	return options->compression ? options->compression : WORKER_ZSTD;
}

static int check_compression(const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(compressions); i++)
		if (strcmp(compressions[i].name, compression_of(options)) == 0)
			return 0;
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "compression \"%s\" is none of zstd, gzip and none", options->compression);
}

static int check_template(const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	if (options->size_bytes)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a template has no size to choose");
	if (options->file_system)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a template has no file system");
	return check_compression(options, err);
}

static int check_raw(const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	if (options->compression && strcmp(options->compression, WORKER_PLAIN) != 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a raw image is not compressed");
	if (options->file_system && strcmp(options->file_system, "ext4") != 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "file system \"%s\": raw images are ext4", options->file_system);
	return 0;
}

static int check_dataset(const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	if (options->file_system)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a dataset has the file system of ZFS, and no other");
	return check_compression(options, err);
}

int conversion_check(const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	if (options->dataset && options->format != LXCRI_IMAGE_ZFS)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a file is made in no dataset");
	switch (options->format) {
	case LXCRI_IMAGE_RAW:
		return check_raw(options, err);
	case LXCRI_IMAGE_CT_TEMPLATE:
		return check_template(options, err);
	case LXCRI_IMAGE_ZFS:
		return check_dataset(options, err);
	}
	return fail(err, LXCRI_E_INVALID_FORMAT, "there is no format %d", (int)options->format);
}

static char *dataset_key(const struct lxcri_convert_options *options, const char *data_dir)
{
	autofree char *text = xformat("%s\n%s\n%llu\n%s", data_dir, options->dataset,
				      (unsigned long long)options->size_bytes,
				      options->compression ? options->compression : "");
	char hex[SHA256_HEX_SIZE];

	sha256_hex(text, strlen(text), hex);
	return xformat("%s-%.16s", formats[options->format], hex);
}

char *conversion_key(const struct lxcri_convert_options *options, const char *data_dir)
{
	if (options->format == LXCRI_IMAGE_ZFS)
		return dataset_key(options, data_dir);
	if (options->format == LXCRI_IMAGE_CT_TEMPLATE)
		return xformat("%s-%s", formats[options->format], compression_of(options));
	return xformat("%s-%llu", formats[options->format],
		       (unsigned long long)options->size_bytes);
}

const char *conversion_suffix(const struct lxcri_convert_options *options)
{
	for (size_t i = 0; i < ARRAY_LEN(compressions); i++)
		if (options->format == LXCRI_IMAGE_CT_TEMPLATE &&
		    strcmp(compressions[i].name, compression_of(options)) == 0)
			return compressions[i].suffix;
	return ".raw";
}

static int run(struct image_store *store, const char *digest, const char *format, const char *how,
	       int fd, struct lxcri_error *err)
{
	const char *const args[] = {
		WORKER_CONVERT, image_store_data_dir(store), digest, format, how, NULL,
	};
	const struct worker_call call = { .program = "lxcri-worker",
					  .args = args,
					  .object = digest };
	autojson answer = NULL;

	return worker_ask(&call, fd, &answer, err);
}

int conversion_run(struct image_store *store, const char *digest,
		   const struct lxcri_convert_options *options, int fd, struct lxcri_error *err)
{
	autofree char *size = xformat("%llu", (unsigned long long)options->size_bytes);

	return run(store, digest, formats[options->format],
		   options->format == LXCRI_IMAGE_RAW ? size : compression_of(options), fd, err);
}

int conversion_make_ct(struct image_store *store, const char *digest, enum conversion_ct where,
		       int fd, struct lxcri_error *err)
{
	return run(store, digest, WORKER_TEMPLATE,
		   where == CONVERSION_CT_ROOT ? WORKER_CT : WORKER_CT_BELOW, fd, err);
}

int conversion_fill_ct(struct image_store *store, const char *digest, enum conversion_owner owner,
		       int fd, struct lxcri_error *err)
{
	return run(store, digest, WORKER_ZFS,
		   owner == CONVERSION_PRIVILEGED ? WORKER_CT_FILES : WORKER_CT_FILES_NO_NODES, fd,
		   err);
}
