/* SPDX-License-Identifier: MIT */
/* Where images are kept on disk. */

#include "image/layout.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "image/images_dir.h"
#include "image/layer/staging.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define OCI_LAYOUT  "oci-layout"
#define INDEX       "index.json"
#define LOCK        ".lock"
#define EMPTY_INDEX "{\"schemaVersion\":2,\"manifests\":[]}"

static int open_below(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_optional(int dirfd, const char *name, int *ret_fd)
{
	int fd = dirfd == -1 ? -ENOENT : open_below(dirfd, name);

	if (fd < 0 && fd != -ENOENT)
		return fd;
	*ret_fd = fd < 0 ? -1 : fd;
	return 0;
}

static char *absolute(const char *path)
{
	autofree char *here = NULL;

	if (*path == '/')
		return xstrdup(path);
	here = getcwd(NULL, 0);
	return xformat("%s/%s", here ? here : "", path);
}

int layout_open(const char *data_dir, struct layout *ret_layout, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	int r;

	layout.data_dir = absolute(data_dir);
	r = open_optional(AT_FDCWD, layout.data_dir, &layout.data_fd);
	if (images_dir_check(layout.data_fd, layout.data_dir, err) < 0)
		return -1;
	if (r == 0)
		r = open_optional(layout.data_fd, IMAGES_DIR, &layout.images_fd);
	if (r == 0)
		r = open_optional(layout.images_fd, LAYOUT_BLOBS, &layout.blobs_fd);
	if (r == 0)
		r = open_optional(layout.data_fd, "layers", &layout.layers_fd);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "open the image store in %s",
				       layout.data_dir);
	*ret_layout = layout;
	layout = LAYOUT_NULL;
	return 0;
}

static int make_below(int dirfd, const char *name, mode_t mode)
{
	if (mkdirat(dirfd, name, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	return fchmodat(dirfd, name, mode, 0) < 0 ? -errno : 0;
}

static int make_dirs(const char *data_dir, struct lxcri_error *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {
		{ IMAGES_DIR, 0700 },
		{ IMAGES_DIR "/blobs", 0700 },
		{ IMAGES_DIR "/" LAYOUT_BLOBS, 0700 },
		{ "layers", 0700 },
	};
	int r = path_make_dirs(data_dir, 0711);
	autoclose int data = r < 0 ? r : open_below(AT_FDCWD, data_dir);

	if (images_dir_check(data, data_dir, err) < 0)
		return -1;
	r = data < 0 ? data : 0;
	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++)
		r = make_below(data, dirs[i].name, dirs[i].mode);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the image store in %s",
				       data_dir)
		     : 0;
}

int layout_create(const char *data_dir, struct layout *ret_layout, struct lxcri_error *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autofree char *path = absolute(data_dir);
	int r = 0;

	if (make_dirs(path, err) < 0 || layout_open(path, &layout, err) < 0)
		return -1;
	if (faccessat(layout.images_fd, OCI_LAYOUT, F_OK, 0) < 0)
		r = file_write_atomic(layout.images_fd, OCI_LAYOUT, version, strlen(version), 0600,
				      FILE_DURABLE);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s/images/%s", path,
				       OCI_LAYOUT);
	*ret_layout = layout;
	layout = LAYOUT_NULL;
	return 0;
}

void layout_finish(struct layout *layout)
{
	free(layout->data_dir);
	closep(&layout->data_fd);
	closep(&layout->images_fd);
	closep(&layout->blobs_fd);
	closep(&layout->layers_fd);
	*layout = LAYOUT_NULL;
}

/* Best effort: what can't be removed is tried again by the next holder. */
static void remove_temporaries(int dirfd, const char *prefix)
{
	autorun(strings_finish) struct strings names = {};

	if (dirfd < 0 || path_list_names(dirfd, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++)
		if (text_starts_with(names.items[i], prefix))
			(void)path_remove_tree(dirfd, names.items[i]);
}

static int take_lock(const struct layout *layout, int fd, int operation, struct lxcri_error *err)
{
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "lock %s/%s",
					       layout->data_dir, LOCK);
	return 0;
}

int layout_open_lock(const struct layout *layout, struct lxcri_error *err)
{
	int fd = openat(layout->data_fd, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s/%s",
				       layout->data_dir, LOCK);
	return fd;
}

int layout_take_lock(const struct layout *layout, int fd, struct lxcri_error *err)
{
	if (take_lock(layout, fd, LOCK_EX, err) < 0)
		return -1;
	remove_temporaries(layout->layers_fd, LAYOUT_TEMPORARY);
	staging_clean(layout->layers_fd);
	remove_temporaries(layout->blobs_fd, LAYOUT_TEMPORARY);
	/* What file_write_atomic() had not renamed yet. */
	remove_temporaries(layout->images_fd, "." INDEX ".");
	return 0;
}

void layout_give_lock(int fd)
{
	(void)flock(fd, LOCK_UN);
}

int layout_lock(const struct layout *layout, struct lxcri_error *err)
{
	autoclose int fd = layout_open_lock(layout, err);

	return fd < 0 || layout_take_lock(layout, fd, err) < 0 ? -1 : steal_fd(&fd);
}

int layout_lock_shared(const struct layout *layout, int *ret_lock, struct lxcri_error *err)
{
	autoclose int fd = openat(layout->data_fd, LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s/%s",
				       layout->data_dir, LOCK);
	if (take_lock(layout, fd, LOCK_SH, err) < 0)
		return -1;
	*ret_lock = steal_fd(&fd);
	return 0;
}

int layout_read_index(const struct layout *layout, struct json_object **ret_index,
		      struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	size_t size = 0;
	int r = -ENOENT;

	if (layout->images_fd >= 0)
		r = file_read(layout->images_fd, INDEX, json_limits_image.bytes_max, &bytes, &size);
	if (r == -ENOENT) {
		*ret_index = json_tokener_parse(EMPTY_INDEX);
		return 0;
	}
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/images/%s",
				       layout->data_dir, INDEX);

	autojson index = NULL;

	if (json_parse(bytes, size, &json_limits_image, &index, err) < 0)
		return fail_while(err, "%s/images/%s", layout->data_dir, INDEX);
	if (!json_object_is_type(json_get(index, "manifests"), json_type_array))
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s/images/%s has no list of manifests",
			    layout->data_dir, INDEX);
	*ret_index = steal(index);
	return 0;
}

int layout_write_index(const struct layout *layout, struct json_object *index,
		       struct lxcri_error *err)
{
	autofree char *text = json_format_line(index);
	int r = file_write_atomic(layout->images_fd, INDEX, text, strlen(text), 0600, FILE_DURABLE);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s/images/%s",
				       layout->data_dir, INDEX);
	return 0;
}

int layout_read_document(const struct layout *layout, const char *digest, char **ret_bytes,
			 size_t *ret_size, struct lxcri_error *err)
{
	const char *hex = digest + strlen("sha256:");
	autofree char *bytes = NULL;
	char found[SHA256_HEX_SIZE];
	size_t size = 0;
	int r = -ENOENT;

	if (layout->blobs_fd >= 0)
		r = file_read(layout->blobs_fd, hex, json_limits_image.bytes_max, &bytes, &size);
	if (r == -ENOENT)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED, "the store lacks the blob %s",
			    digest);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read the blob %s", digest);
	sha256_hex(bytes, size, found);
	if (strcmp(found, hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob %s holds bytes with the digest sha256:%s", digest, found);
	*ret_bytes = steal(bytes);
	*ret_size = size;
	return 0;
}

bool layout_has_blob(const struct layout *layout, const char *hex, uint64_t size)
{
	struct stat status;

	return layout->blobs_fd >= 0 &&
	       fstatat(layout->blobs_fd, hex, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode) && (uint64_t)status.st_size == size;
}

bool layout_has_layer(const struct layout *layout, const char *chain_id)
{
	autofree char *record = xformat("%s/%s", chain_id, LAYOUT_RECORD);

	return layout->layers_fd >= 0 && faccessat(layout->layers_fd, record, F_OK, 0) == 0;
}

void layout_chain_ids(const struct strings *diff_ids, struct strings *chain_ids)
{
	char chain[SHA256_HEX_SIZE] = "";

	for (size_t i = 0; i < diff_ids->count; i++) {
		const char *diff_id = diff_ids->items[i];

		if (i == 0) {
			(void)snprintf(chain, sizeof(chain), "%s", diff_id + strlen("sha256:"));
		} else {
			autofree char *pair = xformat("sha256:%s %s", chain, diff_id);

			sha256_hex(pair, strlen(pair), chain);
		}
		strings_add(chain_ids, chain);
	}
}
