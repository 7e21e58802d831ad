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

static struct {
	int (*init)(void);
	int (*exists)(const char *name);
	int (*snapshot)(struct nvlist *names, struct nvlist *properties, struct nvlist **errors);
	int (*make_clone)(const char *name, const char *origin, struct nvlist *properties);
	int (*destroy)(const char *name);
	int (*list_alloc)(struct nvlist **list, unsigned int flags, int may_sleep);
	int (*list_add_boolean)(struct nvlist *list, const char *name);
	int (*list_add_string)(struct nvlist *list, const char *name, const char *value);
	void (*list_free)(struct nvlist *list);
} library;

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
					    "lzc_clone", "lzc_destroy" };
	static const char *const pairs[] = { "nvlist_alloc", "nvlist_add_boolean",
					     "nvlist_add_string", "nvlist_free" };
	void **const core_slots[] = { (void **)&library.init, (void **)&library.exists,
				      (void **)&library.snapshot, (void **)&library.make_clone,
				      (void **)&library.destroy };
	void **const pair_slots[] = { (void **)&library.list_alloc,
				      (void **)&library.list_add_boolean,
				      (void **)&library.list_add_string,
				      (void **)&library.list_free };

	if (load_from("libnvpair.so.3", pairs, pair_slots, ARRAY_LEN(pairs)) &&
	    load_from("libzfs_core.so.3", core, core_slots, ARRAY_LEN(core)))
		opened = -library.init();
}

int zfs_open(void)
{
	static once_flag once = ONCE_FLAG_INIT;

	call_once(&once, load);
	return opened == -ENOENT ? -ENODEV : opened;
}

bool zfs_exists(const char *name)
{
	return zfs_open() == 0 && library.exists(name);
}

int zfs_snapshot(const char *name)
{
	struct nvlist *names = NULL;
	struct nvlist *errors = NULL;
	int r = zfs_open();

	if (r < 0)
		return r;
	r = library.list_alloc(&names, UNIQUE_NAMES, 0);
	if (r == 0)
		r = library.list_add_boolean(names, name);
	if (r == 0)
		r = library.snapshot(names, NULL, &errors);
	if (names)
		library.list_free(names);
	if (errors)
		library.list_free(errors);
	return -r;
}

int zfs_clone(const char *origin, const char *name, const struct zfs_property *property)
{
	struct nvlist *properties = NULL;
	int r = zfs_open();

	if (r < 0)
		return r;
	r = library.list_alloc(&properties, UNIQUE_NAMES, 0);
	if (r == 0)
		r = library.list_add_string(properties, property->name, property->value);
	if (r == 0)
		r = library.make_clone(name, origin, properties);
	if (properties)
		library.list_free(properties);
	return -r;
}

int zfs_destroy(const char *name)
{
	int r = zfs_open();

	return r < 0 ? r : -library.destroy(name);
}
