/* SPDX-License-Identifier: MIT */
/* Looking for containers in a cluster. */

#include "engine/ct/ct_session.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "config/config.h"
#include "proxmox/task.h"
#include "proxmox/upid.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The first that has entry points and environments of containers. */
#define VERSION_MAJOR 9
#define VERSION_MINOR 1
#define POLL_MS       250

struct pve *ct_session(struct lxcri_engine *engine, struct lxcri_error *err)
{
	if (!engine->pve && pve_open(engine->config, &engine->pve, err) < 0)
		return NULL;
	return engine->pve;
}

int ct_session_check(struct pve *pve, struct lxcri_error *err)
{
	autojson version = NULL;
	const char *release;
	unsigned int major = 0, minor = 0;

	if (pve_get(pve, &version, err, "/version") < 0)
		return -1;
	release = json_get_text(version, "version");
	if (!release || sscanf(release, "%3u.%3u", &major, &minor) < 1)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "the server does not say which version of Proxmox VE it is");
	if (major > VERSION_MAJOR || (major == VERSION_MAJOR && minor >= VERSION_MINOR))
		return 0;
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "Proxmox VE %.32s cannot give a container an entry point and an environment; "
		    "%d.%d and later can",
		    release, VERSION_MAJOR, VERSION_MINOR);
}

char *ct_path(const struct ct_place *place, const char *tail)
{
	return xformat("/nodes/%s/lxc/%u%s", place->node, place->vmid, tail);
}

/* Reads the configuration where @place says. Returns 1, or 0 where nothing is. */
static int read_config(struct pve *pve, const struct ct_place *place, struct json_object **ret,
		       struct lxcri_error *err)
{
	autofree char *path = ct_path(place, "/config");
	const struct pve_request request = { .method = "GET", .path = path };
	struct lxcri_error problem = {};

	if (pve_call(pve, &request, ret, &problem) == 0)
		return 1;
	/* Of a node that is not there, say, nothing follows for what it has. */
	if (problem.code == LXCRI_E_CONTAINER_NOT_FOUND &&
	    strstr(problem.text, "Configuration file"))
		return 0;
	*err = problem;
	return -1;
}

/* Tells whether @one of the cluster's list, on @node, is the one that is looked for. */
typedef bool (*sought_fn)(const struct ct_place *place, struct json_object *one, const char *node);

static bool has_moved(const struct ct_place *place, struct json_object *one, const char *node)
{
	return pve_number(one, "vmid", 0) == place->vmid && strcmp(node, place->node) != 0;
}

static bool has_our_tags(const struct ct_place *place, struct json_object *one, const char *node)
{
	(void)node;
	return ct_place_has_tags(place, json_get_text(one, "tags"));
}

/* Takes node and number of the first that is @sought from the list of all. Returns 1, or 0 where
 * there is none. */
static int take_from_cluster(struct pve *pve, struct ct_place *place, sought_fn sought,
			     struct lxcri_error *err)
{
	autojson all = NULL;
	size_t count;

	if (pve_get(pve, &all, err, "/cluster/resources?type=vm") < 0)
		return -1;
	count = json_count(all);
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(all, i);
		const char *node = json_get_text(one, "node");

		if (!node || !node_name_is_valid(node) || !sought(place, one, node))
			continue;
		free(place->node);
		place->node = xstrdup(node);
		place->vmid = (uint32_t)pve_number(one, "vmid", 0);
		return 1;
	}
	return 0;
}

int ct_session_is_free(struct pve *pve, uint32_t vmid, struct lxcri_error *err)
{
	autojson data = NULL;
	struct lxcri_error problem = {};

	if (pve_get(pve, &data, &problem, "/cluster/nextid?vmid=%u", vmid) == 0)
		return 1;
	if (problem.code == LXCRI_E_INVALID_ARGUMENT || problem.code == LXCRI_E_CONTAINER_EXISTS)
		return 0;
	*err = problem;
	return -1;
}

/* The list of all may be older than a move; the nodes themselves know. Returns 1 with its
 * configuration, or 0. */
static int take_from_nodes(struct pve *pve, struct ct_place *place, struct json_object **ret,
			   struct lxcri_error *err)
{
	autojson nodes = NULL;
	int r = ct_session_is_free(pve, place->vmid, err);
	size_t count;

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (pve_nodes(pve, &nodes, err) < 0)
		return -1;
	count = json_count(nodes);
	for (size_t i = 0; i < count; i++) {
		const char *node = json_get_text(json_object_array_get_idx(nodes, i), "node");
		const char *status = json_get_text(json_object_array_get_idx(nodes, i), "status");
		struct ct_place there = *place;

		if (!node || !node_name_is_valid(node) || strcmp(node, place->node) == 0 ||
		    !status || strcmp(status, "online") != 0)
			continue;
		there.node = (char *)node;
		r = read_config(pve, &there, ret, err);
		if (r < 0)
			return -1;
		if (r > 0) {
			free(place->node);
			place->node = xstrdup(node);
			return 1;
		}
	}
	return 0;
}

int ct_find(struct pve *pve, struct ct_place *place, struct json_object **ret_config,
	    struct lxcri_error *err)
{
	autojson config = NULL;
	int r;

	*ret_config = NULL;
	if (!place->node || place->vmid == 0)
		return 0;
	r = read_config(pve, place, &config, err);
	if (r == 0) {
		r = take_from_cluster(pve, place, has_moved, err);
		if (r > 0)
			r = read_config(pve, place, &config, err);
	}
	if (r == 0)
		r = take_from_nodes(pve, place, &config, err);
	if (r <= 0)
		return r;
	if (!ct_place_has_tags(place, json_get_text(config, "tags")))
		return 0;
	*ret_config = steal(config);
	return 1;
}

int ct_get(struct pve *pve, struct ct_place *place, struct json_object **ret_config,
	   struct lxcri_error *err)
{
	int r = ct_find(pve, place, ret_config, err);
	const char *lock;

	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND,
			    "in Proxmox VE it is gone: CT %u on node %s is not there, or is "
			    "another one, without its tag " CT_TAG_PREFIX "%s",
			    place->vmid, place->node ? place->node : "-", place->token);
	lock = json_get_text(*ret_config, "lock");
	if (!lock)
		return 0;
	(void)fail(err, LXCRI_E_INVALID_STATE,
		   "CT %u on node %s is locked by Proxmox VE (%.64s); wait until that is over",
		   place->vmid, place->node, lock);
	json_freep(ret_config);
	return -1;
}

/* Waits for the tasks that make a container of that number: one may be ours, and have no tags yet.
 */
static int await_creation(struct pve *pve, const struct ct_place *place, struct lxcri_error *err)
{
	autojson tasks = NULL;
	size_t count;

	if (!place->node || place->vmid == 0)
		return 0;
	if (pve_get(pve, &tasks, err, "/nodes/%s/tasks?source=active&vmid=%u&typefilter=vzcreate",
		    place->node, place->vmid) < 0)
		return -1;
	count = json_count(tasks);
	for (size_t i = 0; i < count; i++) {
		const char *upid = json_get_text(json_object_array_get_idx(tasks, i), "upid");
		struct lxcri_error failed = {};

		/* How it ended does not matter here, only what is there then. */
		if (upid && task_await(pve, upid, pve_timeout(pve), &failed) < 0)
			log_debug("%s", failed.text);
	}
	return 0;
}

int ct_search(struct pve *pve, struct ct_place *place, struct lxcri_error *err)
{
	autojson config = NULL;
	int r;

	if (!*place->token)
		return 0;
	if (await_creation(pve, place, err) < 0)
		return -1;
	r = ct_find(pve, place, &config, err);
	/* What has been whole is where the record has it, or was moved: a clone of it, or what was
	 * restored under another number, bears the tags as well, and is somebody else's. */
	if (r != 0 || place->asked_ns == 0)
		return r;
	r = take_from_cluster(pve, place, has_our_tags, err);
	return r <= 0 ? r : ct_find(pve, place, &config, err);
}

int ct_search_patiently(struct pve *pve, struct ct_place *place, struct lxcri_error *err)
{
	const struct timespec pause = { 0, POLL_MS * 1000000l };
	const int64_t end = place->asked_ns + (int64_t)pve_timeout(pve) * NS_IN_SECOND;
	bool is_open = place->asked_ns > 0 && !place->upid;

	for (;;) {
		int r = ct_search(pve, place, err);

		if (r != 0 || !is_open || moment_now() > end)
			return r;
		(void)nanosleep(&pause, NULL);
	}
}

int ct_change(struct pve *pve, const struct ct_place *place, struct json_object *config,
	      struct json_object *params, struct lxcri_error *err)
{
	autofree char *path = ct_path(place, "/config");
	const struct pve_request request = { .method = "PUT", .path = path, .params = params };
	autojson ignored = NULL;

	json_set_text(params, "digest", json_get_text(config, "digest"));
	return pve_call(pve, &request, &ignored, err);
}
