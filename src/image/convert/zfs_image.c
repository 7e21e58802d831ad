/* SPDX-License-Identifier: MIT */
/* Images as datasets of ZFS. The worker fills a directory, and has nothing to do with the pool. */

#include "image/convert/zfs_image.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/convert/conversion.h"
#include "image/layout.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_note.h"
#include "image/snapshot/zfs_tool.h"
#include "os/storage/zfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

/* By which every program of ZFS speaks to the module. */
#define ZFS_DEVICE "/dev/zfs"

static int check_zfs(struct lxcri_error *err)
{
	autoclose int fd = open(ZFS_DEVICE, O_RDWR | O_CLOEXEC);
	int r = fd < 0 ? -errno : zfs_open();

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, r,
				       "this host has no ZFS that can be used: open %s",
				       ZFS_DEVICE);
	if (r == -ENOPKG)
		return fail(err, LXCRI_E_ZFS_ERROR,
			    "libzfs_core.so.3 is missing; install zfsutils-linux");
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "ask the module of ZFS") : 0;
}

static int check_name(const char *name, struct lxcri_error *err)
{
	return zfs_base_is_name(name, ZFS_BASE_TOP_NAME_BYTES_MAX)
		       ? 0
		       : fail(err, LXCRI_E_INVALID_ARGUMENT,
			      "\"%s\" is no name of a dataset in a pool", name);
}

static bool is_below(const char *name, const char *top)
{
	return text_starts_with(name, top) &&
	       (name[strlen(top)] == '/' || name[strlen(top)] == '\0');
}

int zfs_image_check_parent(const char *parent, const char *own, struct lxcri_error *err)
{
	autofree char *child = xformat("%s/x", parent);

	if (check_zfs(err) < 0 || check_name(child, err) < 0)
		return -1;
	if (own && is_below(parent, own))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "below the dataset %s is only what the zfs driver makes", own);
	return zfs_exists(parent) ? 0
				  : fail(err, LXCRI_E_ZFS_ERROR,
					 "there is no dataset %s to make one in", parent);
}

int zfs_image_make_group(const char *data_dir, const char *own, char **ret_group,
			 struct lxcri_error *err)
{
	const struct snapshot_place place = { .data_dir = data_dir, .dataset = (char *)own };
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoclose int lock = -1;

	if (check_zfs(err) < 0)
		return -1;
	if (!own)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "no dataset is configured to make one in; set storage.zfs_dataset or "
			    "storage.zfs_pool, or name one");
	if (layout_create(data_dir, &layout, err) < 0)
		return -1;
	lock = layout_lock(&layout, err);
	if (lock < 0 || zfs_base_make(&place, err) < 0 ||
	    zfs_base_make_group(&place, ZFS_BASE_PREPARED, err) < 0)
		return -1;
	*ret_group = xformat("%s/" ZFS_BASE_PREPARED, own);
	return 0;
}

static char *parent_of(const char *name)
{
	return xstrndup(name, (size_t)(strrchr(name, '/') - name));
}

static int fail_taken(const char *name, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "the dataset %s is there already", name);
}

int zfs_image_check_target(const char *name, const char *own, struct lxcri_error *err)
{
	autofree char *parent = NULL;

	if (check_zfs(err) < 0 || check_name(name, err) < 0)
		return -1;
	parent = parent_of(name);
	if (zfs_image_check_parent(parent, own, err) < 0)
		return -1;
	return zfs_exists(name) ? fail_taken(name, err) : 0;
}

char *zfs_image_temporary(const char *name)
{
	autofree char *parent = parent_of(name);
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return NULL;
	return xformat("%s/lxcri.new-%016llx", parent, (unsigned long long)random);
}

int zfs_image_claim(int dir, const char *name, struct lxcri_error *err)
{
	int r;

	if (zfs_base_destroy(name, ZFS_BASE_IMAGE, err) < 0)
		return -1;
	r = zfs_note_write(dir, name);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "note the dataset %s", name)
		     : 0;
}

static int create(const struct zfs_image *image, int lock, struct lxcri_error *err)
{
	const struct lxcri_convert_options *options = image->options;
	static const char *const fixed[] = { "create", ZFS_BASE_PROPERTIES, "-o",
					     ZFS_BASE_KIND "=" ZFS_BASE_IMAGE };
	autorun(strings_finish) struct strings args = {};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		strings_add(&args, fixed[i]);
	strings_add(&args, "-o");
	strings_addf(&args, ZFS_BASE_DIGEST "=%s", image->digest);
	if (options->size_bytes) {
		strings_add(&args, "-o");
		strings_addf(&args, "refquota=%llu", (unsigned long long)options->size_bytes);
	}
	if (options->compression) {
		strings_add(&args, "-o");
		strings_addf(&args, "compression=%s",
			     strcmp(options->compression, "none") == 0 ? "off"
								       : options->compression);
	}
	strings_add(&args, image->name);
	return zfs_tool((const char *const *)args.items, lock, NULL, err);
}

int zfs_image_make(struct image_store *store, const struct zfs_image *image, int lock,
		   struct lxcri_error *err)
{
	autoclose int root = -1;

	if (create(image, lock, err) < 0 || zfs_base_open(image->name, &root, err) < 0 ||
	    conversion_run(store, image->digest, image->options, root, err) < 0)
		return -1;
	closep(&root);
	return zfs_base_finish(image->name, err);
}

int zfs_image_rename(const char *from, const char *to, struct lxcri_error *err)
{
	int r = zfs_rename(from, to);

	if (r == -EEXIST)
		return fail_taken(to, err);
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "rename the dataset %s to %s",
				       from, to)
		     : 0;
}

bool zfs_image_is_whole(const char *name)
{
	autofree char *ready = xformat("%s" ZFS_BASE_READY, name);

	return zfs_exists(ready);
}
