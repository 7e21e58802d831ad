/* SPDX-License-Identifier: MIT */
/* liblxc, loaded at run time. */

#include "monitor/lxc/lxc_library.h"

#include <dlfcn.h>
#include <stdlib.h>

/* What lies in struct lxc_container has been the same in these, with additions at the end. */
#define MAJOR_MIN 5
#define MAJOR_MAX 7

typedef struct lxc_container *(*container_new_fn)(const char *name, const char *lxcpath);
typedef const char *(*get_version_fn)(void);

int lxc_library_open(const char *id, const char *lxcpath, struct lxc_container **ret_container,
		     struct lxcri_error *err)
{
	void *library = dlopen("liblxc.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return fail(err, LXCRI_E_RUNTIME_NOT_FOUND,
			    "load liblxc: %s; install liblxc1 or lxc-pve", dlerror());

	container_new_fn container_new = (container_new_fn)dlsym(library, "lxc_container_new");
	get_version_fn get_version = (get_version_fn)dlsym(library, "lxc_get_version");

	if (!container_new || !get_version)
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "load liblxc: it lacks a function");

	unsigned long major = strtoul(get_version(), NULL, 10);

	if (major < MAJOR_MIN || major > MAJOR_MAX)
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED,
			    "load liblxc: it has version %s, this program knows %d.0 to %d.x",
			    get_version(), MAJOR_MIN, MAJOR_MAX);

	struct lxc_container *container = container_new(id, lxcpath);

	if (!container)
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "open %s with liblxc %s", id,
			    get_version());
	*ret_container = container;
	return 0;
}
