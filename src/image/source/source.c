/* SPDX-License-Identifier: MIT */
/* Where an image is imported from. */

#include "image/source/source.h"

#include "base/json.h"
#include "base/mem.h"
#include "image/layer/budget.h"
#include "image/source/source_kinds.h"
#include "oci/reference.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SPOOL_CHUNK ((size_t)1 << 20)
/* What is left free for everybody else. */
#define SPOOL_FREE_MIN ((uint64_t)16 << 20)

int source_open(const char *text, struct source **ret_source, struct lxcri_error *err)
{
	autorun(image_place_finish) struct image_place place = {};
	autoptr(source) source = xnew(struct source);
	struct stat status;

	source->fd = -1;
	source->place = -1;
	if (image_place_parse(text, &place, err) < 0)
		return -1;
	source->kind = place.kind;
	source->path = steal(place.path);
	source->selector = steal(place.selector);
	/* Without O_NONBLOCK a fifo in the place of the archive would hang. */
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (source->fd < 0 || fstat(source->fd, &status) < 0)
		return fail_code_errno(
			err, errno == ENOENT ? LXCRI_E_IMAGE_NOT_FOUND : LXCRI_E_STORAGE_ERROR,
			errno, "open the image %s", source->path);
	if (source->kind == PLACE_OCI_DIR ? !S_ISDIR(status.st_mode) : !S_ISREG(status.st_mode))
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s is not a %s", source->path,
			    source->kind == PLACE_OCI_DIR ? "directory" : "regular file");
	*ret_source = steal(source);
	return 0;
}

/* Copies what comes through @fd into an unnamed file in @scratch_fd. */
static int spool(int fd, int scratch_fd, int *ret_fd, struct lxcri_error *err)
{
	autoclose int file = openat(scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	autofree char *bytes = xcalloc(SPOOL_CHUNK, 1);
	struct budget budget = {};
	struct statvfs status;
	ssize_t got;
	int r = file < 0 ? -errno : 0;

	while (r == 0 && (got = read(fd, bytes, SPOOL_CHUNK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "read it");
		if (budget_spend(&budget, BUDGET_BYTES, (uint64_t)got, err) < 0)
			return -1;
		r = file_write_all(file, bytes, (size_t)got);
		if (r == 0 && fstatvfs(file, &status) == 0 &&
		    (uint64_t)status.f_bavail * status.f_frsize < SPOOL_FREE_MIN)
			r = -ENOSPC;
	}
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "take it in");
	*ret_fd = steal_fd(&file);
	return 0;
}

/* What docker writes has both forms of late: the one with all digests is taken. */
static int find_kind(struct source *source, struct lxcri_error *err)
{
	autorun(span_finish) struct span span = SPAN_NULL;
	struct lxcri_error ignored = {};

	source->kind = PLACE_OCI_ARCHIVE;
	if (archive_file_find(source->archive, "oci-layout", ARCHIVE_NO_LINKS, &span, &ignored) ==
	    0)
		return 0;
	source->kind = PLACE_DOCKER_ARCHIVE;
	if (archive_file_find(source->archive, "manifest.json", ARCHIVE_FOLLOW_LINK, &span,
			      &ignored) == 0)
		return 0;
	return fail(err, LXCRI_E_INVALID_FORMAT,
		    "it is no image archive: it has neither oci-layout nor manifest.json");
}

int source_open_input(int fd, const char *path, int scratch_fd, struct source **ret_source,
		      struct lxcri_error *err)
{
	autoptr(source) source = xnew(struct source);
	struct stat status;
	int r;

	source->fd = -1;
	source->place = -1;
	source->is_pipe = strcmp(path, "-") == 0;
	source->path = xstrdup(source->is_pipe ? "standard input" : path);
	if (fstat(fd, &status) < 0)
		return fail_errno(err, errno, "open %s", source->path);
	if (S_ISREG(status.st_mode) && lseek(fd, 0, SEEK_CUR) == 0) {
		source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		r = source->fd < 0 ? fail_errno(err, errno, "open %s", source->path) : 0;
	} else {
		r = spool(fd, scratch_fd, &source->fd, err);
	}
	if (r < 0 || archive_file_open(source->fd, scratch_fd, &source->archive, err) < 0 ||
	    find_kind(source, err) < 0)
		return fail_while(err, "%s", source->path);
	*ret_source = steal(source);
	return 0;
}

int source_count(struct source *source, size_t *ret, struct lxcri_error *err)
{
	int r = source->kind == PLACE_DOCKER_ARCHIVE ? source_count_docker(source, ret, err)
						     : source_count_oci(source, ret, err);

	return r < 0 ? fail_while(err, "%s", source->path) : 0;
}

int source_load_place(struct source *source, size_t place, int scratch_fd,
		      struct source_image *ret_image, struct lxcri_error *err)
{
	int r;

	source->place = (ssize_t)place;
	r = source_load(source, scratch_fd, ret_image, err);
	source->place = -1;
	return r;
}

int source_open_stored(int fd, const char *digest, struct source **ret_source,
		       struct lxcri_error *err)
{
	autoptr(source) source = xnew(struct source);

	source->kind = PLACE_OCI_DIR;
	source->place = -1;
	source->path = xstrdup("the store");
	source->digest = xstrdup(digest);
	source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (source->fd < 0)
		return fail_errno(err, errno, "open the store");
	*ret_source = steal(source);
	return 0;
}

int source_open_fetched(int fd, const char *digest, const char *media_type, struct growth *growth,
			struct source **ret_source, struct lxcri_error *err)
{
	if (source_open_stored(fd, digest, ret_source, err) < 0)
		return -1;
	(*ret_source)->media_type = xstrdup(media_type);
	(*ret_source)->growth = growth;
	return 0;
}

int source_open_fetched_in(int fd, const char *dir, const char *digest, const char *media_type,
			   struct source **ret_source, struct lxcri_error *err)
{
	if (source_open_fetched(fd, digest, media_type, NULL, ret_source, err) < 0)
		return -1;
	(*ret_source)->downloads = xstrdup(dir);
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
	free(source->downloads);
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
	strings_finish(&image->other_names);
	free(image->manifest);
	free(image->media_type);
	free(image->config);
	image_config_free(image->parsed_config);
	*image = (struct source_image){};
}

void source_image_describe(const struct source_image *image, const char *digest,
			   struct image_index_entry *ret, struct image_summary *ret_summary)
{
	const struct image_config *config = image->parsed_config;

	*ret_summary = (struct image_summary){
		.size_bytes = image->manifest_size + image->config_size,
		.layers = (unsigned int)config->n_diff_ids,
		.created_ns = image_index_parse_time(config->created),
	};
	for (size_t i = 0; i < image->n_layers; i++)
		ret_summary->size_bytes += image->layers[i].blob.size;
	*ret = (struct image_index_entry){
		.media_type = image->media_type,
		.digest = digest,
		.size = image->manifest_size,
		.architecture = config->architecture,
		.os = config->os,
		.variant = config->variant,
		.summary = ret_summary,
	};
}

int source_find(const struct source *source, const char *name, struct span *ret_span,
		struct lxcri_error *err)
{
	struct stat status;

	if (source->archive)
		return archive_file_find(source->archive, name,
					 source->kind == PLACE_DOCKER_ARCHIVE ? ARCHIVE_FOLLOW_LINK
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
	/* A tag alone, and no name that could be put before it. */
	if (source->is_pipe)
		return NULL;
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

void source_root_finish(struct source_root *root)
{
	free(root->name);
	free(root->digest);
	free(root->media_type);
	*root = (struct source_root){};
}

static int open_archive(struct source *source, int scratch_fd, struct lxcri_error *err)
{
	if (source->kind == PLACE_OCI_DIR || source->kind == PLACE_TARBALL || source->archive)
		return 0;
	return archive_file_open(source->fd, scratch_fd, &source->archive, err);
}

int source_find_root(struct source *source, int scratch_fd, struct source_root *ret,
		     struct lxcri_error *err)
{
	if (source->kind == PLACE_DOCKER_ARCHIVE || source->kind == PLACE_TARBALL)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "%s: such an archive has no image for several platforms", source->path);
	if (open_archive(source, scratch_fd, err) < 0 || source_root_oci(source, ret, err) < 0)
		return fail_while(err, "%s", source->path);
	return 0;
}

int source_load(struct source *source, int scratch_fd, struct source_image *ret_image,
		struct lxcri_error *err)
{
	autorun(source_image_finish) struct source_image image = {};
	int r;

	if (open_archive(source, scratch_fd, err) < 0)
		return fail_while(err, "%s", source->path);
	r = source->kind == PLACE_TARBALL ? source_load_tarball(source, scratch_fd, &image, err)
	    : source->kind == PLACE_DOCKER_ARCHIVE ? source_load_docker(source, &image, err)
						   : source_load_oci(source, &image, err);
	if (r < 0)
		return fail_while(err, "%s", source->path);
	*ret_image = image;
	image = (struct source_image){};
	return 0;
}
