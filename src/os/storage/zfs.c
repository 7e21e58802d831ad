/* SPDX-License-Identifier: MIT */
/* Datasets of ZFS, through libzfs_core. Its interface has not changed since version 0.8 but by
 * growing; the declarations are ours because Debian has the headers in contrib. */

#include "os/storage/zfs.h"

#include "base/scope.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <threads.h>

/* A list of names and values as the library knows it. */
struct nvlist;

#define UNIQUE_NAMES 1

/* Called what the library calls them, so that builds with fault points have points here. */
static int (*lzc_init)(void);
static int (*lzc_exists)(const char *name);
static int (*lzc_snapshot)(struct nvlist *names, struct nvlist *properties, struct nvlist **errors);
static int (*lzc_clone)(const char *name, const char *origin, struct nvlist *properties);
static int (*lzc_rename)(const char *from, const char *to);
static int (*lzc_destroy)(const char *name);
static int (*list_alloc)(struct nvlist **list, unsigned int flags, int may_sleep);
static int (*list_add_boolean)(struct nvlist *list, const char *name);
static int (*list_add_string)(struct nvlist *list, const char *name, const char *value);
static int (*list_add_number)(struct nvlist *list, const char *name, uint64_t value);
static void (*list_free)(struct nvlist *list);

static int opened = -ENOPKG;

static bool load_from(const char *file, const char *const *names, void **const *slots, size_t count)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; handle && i < count; i++)
		if (!(*slots[i] = dlsym(handle, names[i])))
			return false;
	return handle;
}

static void load(void)
{
	static const char *const core[] = { "libzfs_core_init", "lzc_exists", "lzc_snapshot",
					    "lzc_clone",        "lzc_rename", "lzc_destroy" };
	static const char *const pairs[] = { "nvlist_alloc", "nvlist_add_boolean",
					     "nvlist_add_string", "nvlist_add_uint64",
					     "nvlist_free" };
	void **const core_slots[] = { (void **)&lzc_init,     (void **)&lzc_exists,
				      (void **)&lzc_snapshot, (void **)&lzc_clone,
				      (void **)&lzc_rename,   (void **)&lzc_destroy };
	void **const pair_slots[] = { (void **)&list_alloc, (void **)&list_add_boolean,
				      (void **)&list_add_string, (void **)&list_add_number,
				      (void **)&list_free };

	if (load_from("libnvpair.so.3", pairs, pair_slots, ARRAY_LEN(pairs)) &&
	    load_from("libzfs_core.so.3", core, core_slots, ARRAY_LEN(core)))
		opened = -lzc_init();
}

int zfs_open(void)
{
	static once_flag once = ONCE_FLAG_INIT;

	call_once(&once, load);
	return opened == -ENOENT ? -ENODEV : opened;
}

bool zfs_exists(const char *name)
{
	return zfs_open() == 0 && lzc_exists(name);
}

int zfs_snapshot(const char *name)
{
	struct nvlist *names = NULL;
	struct nvlist *errors = NULL;
	int r = zfs_open();

	if (r < 0)
		return r;
	r = list_alloc(&names, UNIQUE_NAMES, 0);
	if (r == 0)
		r = list_add_boolean(names, name);
	if (r == 0)
		r = lzc_snapshot(names, NULL, &errors);
	if (names)
		list_free(names);
	if (errors)
		list_free(errors);
	return -r;
}

int zfs_clone(const char *origin, const char *name, const struct zfs_property *properties,
	      size_t count)
{
	struct nvlist *list = NULL;
	int r = zfs_open();

	if (r < 0)
		return r;
	r = list_alloc(&list, UNIQUE_NAMES, 0);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct zfs_property *one = &properties[i];

		r = one->value ? list_add_string(list, one->name, one->value)
			       : list_add_number(list, one->name, one->number);
	}
	if (r == 0)
		r = lzc_clone(name, origin, list);
	if (list)
		list_free(list);
	return -r;
}

int zfs_rename(const char *from, const char *to)
{
	int r = zfs_open();

	return r < 0 ? r : -lzc_rename(from, to);
}

int zfs_destroy(const char *name)
{
	int r = zfs_open();

	return r < 0 ? r : -lzc_destroy(name);
}
