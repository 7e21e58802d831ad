/* SPDX-License-Identifier: MIT */
/* Where images are written to. */

#include "image/dest/dest.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/dest/dest_kinds.h"
#include "image/layout.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char layout_version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

/* Reads the index of a layout that is there already. */
static int read_index(struct dest *dest, struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	size_t size = 0;
	int r = file_read(dest->fd, "index.json", json_limits_image.bytes_max, &bytes, &size);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read index.json");
	json_freep(&dest->list);
	if (json_parse(bytes, size, &json_limits_image, &dest->list, err) < 0)
		return fail_while(err, "read index.json");
	if (!json_object_is_type(json_get(dest->list, "manifests"), json_type_array))
		return fail(err, LXCRI_E_INVALID_FORMAT, "index.json has no list of manifests");
	return 0;
}

/* Nothing is put beside the files of somebody else. */
static int check_dir(const struct dest *dest, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(dest->fd, &names);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "list the directory");
	if (names.count > 0 && !strings_has(&names, "oci-layout") && !strings_has(&names, "blobs"))
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the directory is not empty and no OCI layout");
	return 0;
}

/* Removes what somebody who was killed has left of an index; whoever was not holds the lock. */
static void drop_leftovers(int dirfd)
{
	autorun(strings_finish) struct strings names = {};

	(void)path_list_names(dirfd, &names);
	for (size_t i = 0; i < names.count; i++)
		if (file_is_temporary(names.items[i]) &&
		    text_starts_with(names.items[i], ".index.json."))
			(void)unlinkat(dirfd, names.items[i], 0);
}

static int open_dir(struct dest *dest, struct lxcri_error *err)
{
	int r;

	if (flock(dest->fd, LOCK_EX) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "lock the directory");
	drop_leftovers(dest->fd);
	if (check_dir(dest, err) < 0)
		return -1;
	r = path_make_dirs_in(dest->fd, LAYOUT_BLOBS, 0755);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the directory %s",
				       LAYOUT_BLOBS);
	(void)close(r);
	dest->blobs_fd = path_open_in(dest->fd, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY);
	if (dest->blobs_fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, dest->blobs_fd, "open %s",
				       LAYOUT_BLOBS);
	return read_index(dest, err);
}

int dest_open(enum image_place_kind kind, int fd, struct dest **ret_dest, struct lxcri_error *err)
{
	autoptr(dest) dest = xnew(struct dest);

	dest->kind = kind;
	dest->fd = fd;
	dest->blobs_fd = dest->open_fd = -1;
	if (kind == PLACE_DOCKER_ARCHIVE) {
		dest->list = json_object_new_array();
	} else {
		dest->list = json_object_new_object();
		json_object_object_add(dest->list, "schemaVersion", json_object_new_int(2));
		json_object_object_add(dest->list, "manifests", json_object_new_array());
	}
	if (kind == PLACE_OCI_DIR) {
		if (open_dir(dest, err) < 0)
			return -1;
	} else {
		dest->tar = tar_writer_create(fd);
	}
	if (kind != PLACE_DOCKER_ARCHIVE &&
	    dest_put(dest, "oci-layout", layout_version, strlen(layout_version), err) < 0)
		return -1;
	*ret_dest = steal(dest);
	return 0;
}

void dest_free(struct dest *dest)
{
	if (!dest)
		return;
	closep(&dest->open_fd);
	if (dest->open_name)
		(void)unlinkat(dest->fd, dest->open_name, 0);
	free(dest->open_name);
	tar_writer_free(dest->tar);
	closep(&dest->blobs_fd);
	json_freep(&dest->list);
	strings_finish(&dest->written);
	free(dest);
}

bool dest_has(struct dest *dest, const char *name, uint64_t size)
{
	struct stat status;

	if (strings_has(&dest->written, name))
		return true;
	strings_add(&dest->written, name);
	return dest->kind == PLACE_OCI_DIR &&
	       fstatat(dest->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode) && (uint64_t)status.st_size == size;
}

/* ".tmp-HEX" beside its place. */
static char *temporary_name(const char *name)
{
	const char *slash = strrchr(name, '/');
	int length = slash ? (int)(slash + 1 - name) : 0;

	return xformat("%.*s%s%s", length, name, LAYOUT_TEMPORARY, name + length);
}

int dest_begin(struct dest *dest, const char *name, uint64_t size, struct lxcri_error *err)
{
	if (dest->tar)
		return tar_writer_begin(dest->tar, name, size, err);

	autofree char *temporary = temporary_name(name);
	int fd;

	/* What somebody who was killed has left; whoever is not holds the lock. */
	(void)unlinkat(dest->fd, temporary, 0);
	fd = path_create_in(dest->fd, temporary, O_WRONLY | O_EXCL | O_NOFOLLOW, 0644);
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, fd, "write %s", name);
	dest->open_fd = fd;
	dest->open_name = steal(temporary);
	return 0;
}

int dest_write(struct dest *dest, const void *bytes, size_t size, struct lxcri_error *err)
{
	int r;

	if (dest->tar)
		return tar_writer_add(dest->tar, bytes, size, err);
	r = file_write_all(dest->open_fd, bytes, size);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", dest->open_name)
		     : 0;
}

int dest_end(struct dest *dest, struct lxcri_error *err)
{
	if (dest->tar)
		return tar_writer_end(dest->tar, err);

	const char *temporary = dest->open_name;
	char *prefix = strstr(temporary, LAYOUT_TEMPORARY);
	autofree char *name = xformat("%.*s%s", (int)(prefix - temporary), temporary,
				      prefix + strlen(LAYOUT_TEMPORARY));

	if (fsync(dest->open_fd) < 0 || renameat(dest->fd, temporary, dest->fd, name) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", name);
	closep(&dest->open_fd);
	free(steal(dest->open_name));
	return 0;
}

int dest_put(struct dest *dest, const char *name, const char *bytes, size_t size,
	     struct lxcri_error *err)
{
	if (dest_has(dest, name, size))
		return 0;
	if (dest_begin(dest, name, size, err) < 0 || dest_write(dest, bytes, size, err) < 0)
		return -1;
	return dest_end(dest, err);
}

int dest_add(struct dest *dest, struct source_image *image, const struct strings *names,
	     struct lxcri_error *err)
{
	return dest->kind == PLACE_DOCKER_ARCHIVE ? dest_add_docker(dest, image, names, err)
						  : dest_add_oci(dest, image, names, err);
}

static int finish_dir(const struct dest *dest, const char *text, struct lxcri_error *err)
{
	int r = fsync(dest->blobs_fd) < 0 ? -errno : 0;

	if (r == 0)
		r = file_write_atomic(dest->fd, "index.json", text, strlen(text), 0644,
				      FILE_DURABLE);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write index.json") : 0;
}

int dest_finish(struct dest *dest, struct lxcri_error *err)
{
	autofree char *text = json_format_line(dest->list);
	const char *name = dest->kind == PLACE_DOCKER_ARCHIVE ? "manifest.json" : "index.json";

	if (!dest->tar)
		return finish_dir(dest, text, err);
	if (dest_put(dest, name, text, strlen(text), err) < 0 ||
	    tar_writer_finish(dest->tar, err) < 0)
		return -1;
	/* A pipe has nothing to flush. */
	if (fsync(dest->fd) < 0 && errno != EINVAL && errno != EROFS)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "flush the archive");
	return 0;
}
