/* SPDX-License-Identifier: MIT */
/* Where a new container goes. */

#include "engine/ct/ct_session.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "proxmox/upid.h"

#include <string.h>

void ct_target_finish(struct ct_target *target)
{
	free(target->node);
	free(target->storage);
	*target = (struct ct_target){};
}

/* Chooses a storage of @node for root file systems: the configured one, else the one with most
 * room. Returns 1, or 0 where there is none. */
static int choose_storage(struct lxcri_engine *engine, const char *node, char **ret,
			  struct lxcri_error *err)
{
	const char *wanted = config_text(engine->config, CONFIG_PROXMOX_STORAGE);
	autojson list = NULL;
	const char *best = NULL;
	uint64_t most = 0;
	size_t count;

	if (pve_get(engine->pve, &list, err, "/nodes/%s/storage?content=rootdir&enabled=1", node) <
	    0)
		return -1;
	count = json_count(list);
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_get_text(one, "storage");
		uint64_t room = pve_number(one, "avail", 0);

		if (!name || !pve_truth(one, "active") || (wanted && strcmp(name, wanted) != 0))
			continue;
		if (best && room <= most)
			continue;
		best = name;
		most = room;
	}
	*ret = xstrdup(best);
	return best != NULL;
}

/* The online nodes, that with most free memory first. */
struct candidate {
	const char *node; /* borrowed */
	uint64_t free_bytes;
};

static int compare(const void *a, const void *b)
{
	const struct candidate *left = a;
	const struct candidate *right = b;

	if (left->free_bytes != right->free_bytes)
		return left->free_bytes < right->free_bytes ? 1 : -1;
	return strcmp(left->node, right->node);
}

static size_t list_candidates(struct json_object *nodes, struct candidate *candidates)
{
	size_t count = json_count(nodes);
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(nodes, i);
		const char *node = json_get_text(one, "node");
		const char *status = json_get_text(one, "status");
		uint64_t most = pve_number(one, "maxmem", 0);
		uint64_t used_bytes = pve_number(one, "mem", 0);

		if (!node || !node_name_is_valid(node) || !status || strcmp(status, "online") != 0)
			continue;
		candidates[used++] =
			(struct candidate){ node, most > used_bytes ? most - used_bytes : 0 };
	}
	qsort(candidates, used, sizeof(*candidates), compare);
	return used;
}

static int choose_named(struct lxcri_engine *engine, const char *node, struct ct_target *ret,
			struct lxcri_error *err)
{
	const char *storage = config_text(engine->config, CONFIG_PROXMOX_STORAGE);
	int r;

	if (!node_name_is_valid(node))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.64s\" cannot be a node", node);
	r = choose_storage(engine, node, &ret->storage, err);
	if (r < 0)
		return fail_while(err, "node %s", node);
	if (r == 0)
		return fail(err, LXCRI_E_INVALID_CONFIG,
			    "on node %s there is no active storage%s%s for containers (content "
			    "rootdir)",
			    node, storage ? " " : "", storage ? storage : "");
	ret->node = xstrdup(node);
	return 0;
}

int ct_target_choose(struct lxcri_engine *engine, const char *wanted, struct ct_target *ret,
		     struct lxcri_error *err)
{
	autojson nodes = NULL;
	autofree struct candidate *candidates = NULL;
	struct lxcri_error reason = {};
	size_t count;

	if (!wanted)
		wanted = config_text(engine->config, CONFIG_PROXMOX_NODE);
	if (wanted)
		return choose_named(engine, wanted, ret, err);
	if (pve_nodes(engine->pve, &nodes, err) < 0)
		return -1;
	candidates = xcalloc(json_count(nodes) + 1, sizeof(*candidates));
	count = list_candidates(nodes, candidates);
	for (size_t i = 0; i < count; i++)
		if (choose_named(engine, candidates[i].node, ret, &reason) == 0)
			return 0;
	if (count == 0)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "no node of the cluster is online, or none is to be seen with these "
			    "rights");
	*err = reason;
	return -1;
}
