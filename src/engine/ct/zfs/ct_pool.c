/* SPDX-License-Identifier: MIT */
/* Pools of ZFS behind storages. What cannot be found out means that there is none: a template does
 * the same, only slower. */

#include "engine/ct/zfs/ct_pool.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_session.h"
#include "image/snapshot/zfs_base.h"
#include "os/storage/zfs.h"

#include <string.h>

bool ct_pool_can_be(const struct lxcri_engine *engine, const char *node)
{
	return ct_node_is_here(engine, node) && zfs_open() == 0;
}

/* Lists the storages that are pools. NULL: they cannot be had. */
static struct json_object *list_storages(struct lxcri_engine *engine)
{
	struct lxcri_error problem = {};
	struct pve *pve = zfs_open() < 0 ? NULL : ct_session(engine, &problem);
	struct json_object *list = NULL;

	if (pve && pve_get(pve, &list, &problem, "/storage?type=zfspool") == 0)
		return list;
	log_debug("which storages are pools of ZFS is not known: %s", problem.text);
	return NULL;
}

/* Returns the pool of the storage @one, borrowed, or NULL where this host does not have it. */
static const char *pool_of(struct json_object *one)
{
	const char *pool = json_get_text(one, "pool");
	autofree char *below = pool ? xformat("%s/x", pool) : NULL;

	return pool && !pve_truth(one, "disable") &&
			       zfs_base_is_name(below, ZFS_BASE_TOP_NAME_BYTES_MAX) &&
			       zfs_exists(pool)
		       ? pool
		       : NULL;
}

int ct_pool_find(struct lxcri_engine *engine, const char *node, const char *storage,
		 char **ret_pool)
{
	autojson list = ct_pool_can_be(engine, node) ? list_storages(engine) : NULL;
	size_t count = json_count(list);

	*ret_pool = NULL;
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_get_text(one, "storage");

		if (name && strcmp(name, storage) == 0)
			*ret_pool = xstrdup(pool_of(one));
	}
	return *ret_pool != NULL;
}

void ct_pool_list(struct lxcri_engine *engine, struct strings *pools)
{
	autofree char *here = ct_node_here(engine);
	autojson list = here ? list_storages(engine) : NULL;
	size_t count = json_count(list);

	for (size_t i = 0; i < count; i++) {
		const char *pool = pool_of(json_object_array_get_idx(list, i));

		if (pool && !strings_has(pools, pool))
			strings_add(pools, pool);
	}
}
