/* SPDX-License-Identifier: MIT */
/* liblxc, loaded at run time. */

#include "monitor/lxc/lxc_library.h"

#include <dlfcn.h>
#include <stdlib.h>

typedef struct lxc_container *(*container_new_fn)(const char *name, const char *lxcpath);
typedef const char *(*get_version_fn)(void);

/* What this program was written for: the calls that it replaces may be others later. */
#define MAJOR_MIN 5
#define MAJOR_MAX 6

/* Loads liblxc and checks its version, which goes to *@ret_version. NULL means failure. */
static void *load(const char **ret_version, struct lxcri_error *err)
{
	void *library = dlopen("liblxc.so.1", RTLD_NOW | RTLD_LOCAL);
	get_version_fn get_version;
	unsigned long major;

	if (!library) {
		(void)fail(err, LXCRI_E_RUNTIME_NOT_FOUND,
			   "load liblxc: %s; install liblxc1 or lxc-pve", dlerror());
		return NULL;
	}
	get_version = (get_version_fn)dlsym(library, "lxc_get_version");
	if (!get_version) {
		(void)fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "load liblxc: it lacks a function");
		return NULL;
	}
	major = strtoul(get_version(), NULL, 10);
	if (major < MAJOR_MIN || major > MAJOR_MAX) {
		(void)fail(err, LXCRI_E_RUNTIME_INIT_FAILED,
			   "load liblxc: it has version %s, this program knows %d.0 to %d.x",
			   get_version(), MAJOR_MIN, MAJOR_MAX);
		return NULL;
	}
	*ret_version = get_version();
	return library;
}

const char *lxc_library_version(struct lxcri_error *err)
{
	const char *version = NULL;

	return load(&version, err) ? version : NULL;
}

int lxc_library_open(const char *id, const char *lxcpath, struct lxc_container **ret_container,
		     struct lxcri_error *err)
{
	const char *version = NULL;
	void *library = load(&version, err);
	container_new_fn container_new;
	struct lxc_container *container;

	if (!library)
		return -1;
	container_new = (container_new_fn)dlsym(library, "lxc_container_new");
	if (!container_new)
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "load liblxc: it lacks a function");
	container = container_new(id, lxcpath);
	if (!container)
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "open %s with liblxc %s", id,
			    version);
	*ret_container = container;
	return 0;
}
