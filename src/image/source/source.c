/* SPDX-License-Identifier: MIT */
/* Where an image is imported from. */

#include "image/source/source.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/source/source_kinds.h"
#include "oci/reference.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *prefix;
	enum source_kind kind;
} kinds[] = {
	{ "oci:", SOURCE_OCI_DIR },
	{ "oci-archive:", SOURCE_OCI_ARCHIVE },
	{ "docker-archive:", SOURCE_DOCKER_ARCHIVE },
};

/* The path ends at the first colon, as other tools have it. */
static int split(struct source *source, const char *text, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!text_starts_with(text, kinds[i].prefix))
			continue;

		const char *path = text + strlen(kinds[i].prefix);
		size_t length = strcspn(path, ":");

		if (length == 0)
			break;
		source->kind = kinds[i].kind;
		source->path = xstrndup(path, length);
		if (path[length] == ':' && path[length + 1])
			source->selector = xstrdup(path + length + 1);
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "\"%s\" is not oci:DIR[:TAG], oci-archive:FILE[:TAG] or "
		    "docker-archive:FILE[:REF]",
		    text);
}

int source_open(const char *text, struct source **ret_source, struct lxcri_error *err)
{
	autoptr(source) source = xnew(struct source);
	struct stat status;

	source->fd = -1;
	if (split(source, text, err) < 0)
		return -1;
	/* Without O_NONBLOCK a fifo in the place of the archive would hang. */
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (source->fd < 0 || fstat(source->fd, &status) < 0)
		return fail_code_errno(
			err, errno == ENOENT ? LXCRI_E_IMAGE_NOT_FOUND : LXCRI_E_STORAGE_ERROR,
			errno, "open the image %s", source->path);
	if (source->kind == SOURCE_OCI_DIR ? !S_ISDIR(status.st_mode) : !S_ISREG(status.st_mode))
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s is not a %s", source->path,
			    source->kind == SOURCE_OCI_DIR ? "directory" : "regular file");
	*ret_source = steal(source);
	return 0;
}

int source_open_stored(int fd, const char *digest, struct source **ret_source,
		       struct lxcri_error *err)
{
	autoptr(source) source = xnew(struct source);

	source->kind = SOURCE_OCI_DIR;
	source->path = xstrdup("the store");
	source->digest = xstrdup(digest);
	source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (source->fd < 0)
		return fail_errno(err, errno, "open the store");
	*ret_source = steal(source);
	return 0;
}

int source_open_fetched(int fd, const char *digest, const char *media_type,
			struct source **ret_source, struct lxcri_error *err)
{
	if (source_open_stored(fd, digest, ret_source, err) < 0)
		return -1;
	(*ret_source)->media_type = xstrdup(media_type);
	return 0;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	archive_file_free(source->archive);
	free(source->path);
	free(source->selector);
	free(source->digest);
	free(source->media_type);
	closep(&source->fd);
	free(source);
}

int source_fd(const struct source *source)
{
	return source->fd;
}

void source_image_finish(struct source_image *image)
{
	for (size_t i = 0; i < image->n_layers; i++) {
		span_finish(&image->layers[i].blob);
		free(image->layers[i].digest);
	}
	free(image->layers);
	free(image->name);
	free(image->manifest);
	free(image->media_type);
	free(image->config);
	image_config_free(image->parsed_config);
	*image = (struct source_image){};
}

int source_find(const struct source *source, const char *name, struct span *ret_span,
		struct lxcri_error *err)
{
	struct stat status;

	if (source->archive)
		return archive_file_find(source->archive, name,
					 source->kind == SOURCE_DOCKER_ARCHIVE ? ARCHIVE_FOLLOW_LINK
									       : ARCHIVE_NO_LINKS,
					 ret_span, err);

	autoclose int fd =
		path_open_in(source->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd == -ENOENT)
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s lacks the file %s", source->path,
			    name);
	if (fd < 0)
		return fail_code_errno(
			err, fd == -ELOOP ? LXCRI_E_INVALID_FORMAT : LXCRI_E_STORAGE_ERROR, fd,
			"open %s in %s", name, source->path);
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s in %s is not a regular file", name,
			    source->path);
	*ret_span = (struct span){ .size = (uint64_t)status.st_size };
	ret_span->fd = steal_fd(&fd);
	return 0;
}

int source_read(const struct source *source, const char *name, char **ret_bytes, size_t *ret_size,
		struct lxcri_error *err)
{
	autorun(span_finish) struct span span = SPAN_NULL;

	if (source_find(source, name, &span, err) < 0)
		return -1;
	return span_read_document(&span, json_limits_image.bytes_max, name, ret_bytes, ret_size,
				  err);
}

int source_parse_config(struct source_image *image, struct lxcri_error *err)
{
	if (image_config_parse(image->config, image->config_size, &image->parsed_config, err) < 0)
		return fail_while(err, "read the image config");
	if (image->parsed_config->n_diff_ids != image->n_layers)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the image has %zu layers and its config %zu diff ids", image->n_layers,
			    image->parsed_config->n_diff_ids);
	for (size_t i = 0; i < image->n_layers; i++)
		if (image->parsed_config->diff_ids[i].algorithm != DIGEST_SHA256)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "the diff id %s is not a sha256 digest",
				    image->parsed_config->diff_ids[i].text);
	return 0;
}

char *source_name(const char *text)
{
	autorun(image_ref_finish) struct image_ref ref = {};
	struct lxcri_error ignored;

	if (!text || image_ref_parse(text, &ref, &ignored) < 0)
		return NULL;
	return image_ref_format(&ref);
}

char *source_name_of(const struct source *source, const char *ref_name)
{
	static const char *const suffixes[] = { ".gz", ".tar", ".oci" };
	const char *end = source->path + strlen(source->path);
	const char *start;

	if (!ref_name || strpbrk(ref_name, "/:"))
		return source_name(ref_name);
	while (end > source->path + 1 && end[-1] == '/')
		end--;
	for (start = end; start > source->path && start[-1] != '/';)
		start--;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		size_t length = strlen(suffixes[i]);

		if ((size_t)(end - start) > length &&
		    memcmp(end - length, suffixes[i], length) == 0)
			end -= length;
	}

	autofree char *text = xformat("%.*s:%s", (int)(end - start), start, ref_name);
	char *name = source_name(text);

	return name ? name : source_name(ref_name);
}

int source_load(struct source *source, int scratch_fd, struct source_image *ret_image,
		struct lxcri_error *err)
{
	autorun(source_image_finish) struct source_image image = {};
	int r;

	if (source->kind != SOURCE_OCI_DIR && !source->archive &&
	    archive_file_open(source->fd, scratch_fd, &source->archive, err) < 0)
		return fail_while(err, "%s", source->path);
	r = source->kind == SOURCE_DOCKER_ARCHIVE ? source_load_docker(source, &image, err)
						  : source_load_oci(source, &image, err);
	if (r < 0)
		return fail_while(err, "%s", source->path);
	*ret_image = image;
	image = (struct source_image){};
	return 0;
}
