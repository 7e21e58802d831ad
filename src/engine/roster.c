/* SPDX-License-Identifier: MIT */
/* All containers: the names in the run-time and in the data directory, each opened in turn. */

#include "base/log.h"
#include "base/mem.h"
#include "base/strings.h"
#include "engine/container.h"
#include "engine/rename.h"
#include "os/path.h"

#include <string.h>

static int collect(const char *dir, struct strings *names, struct lxcri_error *err)
{
	int r = path_list_shown(dir, names);

	return r < 0 ? fail_errno(err, r, "list %s", dir) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int visit(struct lxcri_engine *engine, const char *id, lxcri_container_fn each,
		 void *userdata, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_state state;

	if (lxcri_container_open(engine, id, &container, err) < 0) {
		/* Gone meanwhile, a leftover that was removed, or no container's name at all. One
		 * that cannot be read must not hide the others. */
		if (err->code != LXCRI_E_CONTAINER_NOT_FOUND)
			log_warning("%s", err->text);
		*err = (struct lxcri_error){};
		return 0;
	}
	container_describe(container, &state);
	return each(userdata, &state) < 0 ? 1 : 0;
}

int lxcri_container_list(struct lxcri_engine *engine, lxcri_container_fn each, void *userdata,
			 struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *run_dirs = xformat("%s/containers", engine->root);
	autofree char *data_dirs = xformat("%s/containers", engine->data);

	if (rename_recover(engine, err) < 0)
		return -1;
	/* Without the records all containers of images would be missing: no list is better. */
	if (collect(data_dirs, &names, err) < 0 ||
	    (names.count > 0 && !engine_database(engine, err)) ||
	    collect(run_dirs, &names, err) < 0)
		return -1;
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare);
	for (size_t i = 0; i < names.count; i++) {
		if (i > 0 && strcmp(names.items[i - 1], names.items[i]) == 0)
			continue;

		int r = visit(engine, names.items[i], each, userdata, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return 0;
}
