/* SPDX-License-Identifier: MIT */
/* The file "dataset" in a directory. */

#include "image/snapshot/zfs_note.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_tool.h"
#include "os/file.h"
#include "os/storage/zfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NOTE           "dataset"
#define NOTE_BYTES_MAX 256

int zfs_note_write(int dir, const char *name)
{
	return file_write_atomic(dir, NOTE, name, strlen(name), 0600, FILE_DURABLE);
}

int zfs_note_read(const char *dir, char **ret_name)
{
	autofree char *path = xformat("%s/" NOTE, dir);
	size_t size;
	int r = file_read(AT_FDCWD, path, NOTE_BYTES_MAX, ret_name, &size);

	if (r == -ENOENT) {
		*ret_name = NULL;
		return 0;
	}
	if (r == 0 && !zfs_base_is_name(*ret_name, ZFS_BASE_NAME_BYTES_MAX)) {
		freep(ret_name);
		r = -EINVAL;
	}
	return r;
}

int zfs_note_destroy(const char *dir, const char *kind, struct lxcri_error *err)
{
	autofree char *name = NULL;
	int r = zfs_note_read(dir, &name);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/" NOTE, dir);
	return name ? zfs_base_destroy(name, kind, err) : 0;
}

/* Tells whether the pool of the dataset @name is there. */
static bool has_pool(const char *name)
{
	autofree char *pool = xstrndup(name, strcspn(name, "/"));

	return zfs_exists(pool);
}

static size_t count_names(const char *names)
{
	size_t count = 0;

	if (strcmp(names, "-") == 0)
		return 0;
	for (const char *at = names; *at; at += strcspn(at, ","), at += *at == ',')
		count++;
	return count;
}

int zfs_note_count_clones(const char *dir, size_t *ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings lines = {};
	autofree char *name = NULL;
	int r = zfs_note_read(dir, &name);

	*ret = 0;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/" NOTE, dir);
	if (!name)
		return 0;
	if (!zfs_exists(name)) {
		*ret = !has_pool(name);
		return 0;
	}
	/* "-" or nothing for none, else names between commas. */
	if (ZFS_TOOL(&lines, err, "get", "-H", "-r", "-d", "1", "-t", "snapshot", "-o", "value",
		     "clones", name) < 0)
		return -1;
	for (size_t i = 0; i < lines.count; i++)
		*ret += count_names(lines.items[i]);
	return 0;
}
