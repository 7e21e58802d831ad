/* SPDX-License-Identifier: MIT */
/* The templates that are in the cluster, the datasets that stand for them in pools of this host,
 * and the end of those that nobody needs. Which are ours their names say, and of datasets a
 * property; no other file or dataset is ever removed. */

#include "lxcri/system.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/strings.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_template.h"
#include "engine/ct/zfs/ct_image.h"
#include "proxmox/task.h"
#include "proxmox/upid.h"

#include <string.h>

#define DIGEST_DIGITS CT_DATASET_DIGITS
#define INIT_DIGITS   8
#define HEX           "0123456789abcdef"

struct templates {
	struct lxcri_engine *engine;
	struct pve *pve;
	const char *storage;
	struct strings digests;                     /* of the images of our containers */
	const struct lxcri_template_gc_options *gc; /* NULL: only to be listed */
	lxcri_template_fn report;
	void *userdata;
	int removed;
};

static int note_digests(void *userdata, const char *id, const char *json)
{
	struct templates *templates = userdata;
	autorun(record_finish) struct record record = {};
	autorun(record_finish) struct record previous = {};
	struct lxcri_error ignored = {};

	(void)id;
	if (record_parse(json, strlen(json), &record, &ignored) < 0 ||
	    record.type != LXCRI_PROXMOX_LXC)
		return 0;
	if (record.digest)
		strings_add(&templates->digests, record.digest);
	if (record.previous &&
	    record_parse(record.previous, strlen(record.previous), &previous, &ignored) == 0 &&
	    previous.digest)
		strings_add(&templates->digests, previous.digest);
	return 0;
}

/* Takes the digits of the image's digest out of the name of a template, which has to be one of
 * ours: lxcri-DIGEST-INIT[-root].tar.zst. */
static bool take_digest(const char *volume, char digest[DIGEST_DIGITS + 1])
{
	const char *name = strstr(volume, ":vztmpl/" CT_TEMPLATE_PREFIX);
	const char *at = name ? name + strlen(":vztmpl/" CT_TEMPLATE_PREFIX) : "";

	if (strspn(at, HEX) != DIGEST_DIGITS || at[DIGEST_DIGITS] != '-' ||
	    strspn(at + DIGEST_DIGITS + 1, HEX) != INIT_DIGITS)
		return false;
	memcpy(digest, at, DIGEST_DIGITS);
	digest[DIGEST_DIGITS] = '\0';
	at += DIGEST_DIGITS + 1 + INIT_DIGITS;
	return strcmp(at, ".tar.zst") == 0 || strcmp(at, "-root.tar.zst") == 0;
}

static bool is_used(const struct templates *templates, const char *digest)
{
	for (size_t i = 0; i < templates->digests.count; i++)
		if (text_starts_with(templates->digests.items[i] + strlen("sha256:"), digest))
			return true;
	return false;
}

static int remove_template(struct templates *templates, const struct lxcri_template *template,
			   struct lxcri_error *err)
{
	autofree char *storage = pve_escape(templates->storage);
	autofree char *volume = pve_escape(template->volume);
	autofree char *path =
		xformat("/nodes/%s/storage/%s/content/%s", template->node, storage, volume);
	const struct pve_request request = { .method = "DELETE", .path = path };

	return task_run(templates->pve, &request, pve_timeout(templates->pve), err);
}

static bool is_due(const struct templates *templates, const struct lxcri_template *template)
{
	int64_t grace = (int64_t)config_u64(templates->engine->config, CONFIG_STORAGE_GC_GRACE) *
			NS_IN_SECOND;

	return !template->in_use &&
	       (templates->gc->force || template->created_ns + grace < moment_now());
}

static int look_at(struct templates *templates, const char *node, struct json_object *one,
		   struct lxcri_error *err)
{
	char digest[DIGEST_DIGITS + 1];
	const struct lxcri_template template = {
		.volume = json_get_text(one, "volid"),
		.node = node,
		.digest = digest,
		.bytes = pve_number(one, "size", 0),
		.created_ns = (int64_t)pve_number(one, "ctime", 0) * NS_IN_SECOND,
	};
	struct lxcri_template known = template;

	if (!known.volume || !take_digest(known.volume, digest))
		return 0;
	known.in_use = is_used(templates, digest);
	if (templates->gc && !is_due(templates, &known))
		return 0;
	if (templates->gc && !templates->gc->dry_run && remove_template(templates, &known, err) < 0)
		return fail_while(err, "remove template %s from node %s", known.volume, node);
	templates->removed++;
	templates->report(templates->userdata, &known);
	return 0;
}

/* Looks on one node. Returns 1 where the storage is the same on all. */
static int look_on(struct templates *templates, const char *node, struct lxcri_error *err)
{
	autofree char *storage = pve_escape(templates->storage);
	autojson storages = NULL;
	autojson list = NULL;
	size_t count;

	if (pve_get(templates->pve, &storages, err, "/nodes/%s/storage?storage=%s", node, storage) <
	    0)
		return -1;
	if (json_count(storages) == 0)
		return 0;
	if (pve_get(templates->pve, &list, err, "/nodes/%s/storage/%s/content?content=vztmpl", node,
		    storage) < 0)
		return -1;
	count = json_count(list);
	for (size_t i = 0; i < count; i++)
		if (look_at(templates, node, json_object_array_get_idx(list, i), err) < 0)
			return -1;
	return pve_truth(json_object_array_get_idx(storages, 0), "shared");
}

/* The digits of the digest begin the last part of its name. One without its snapshot was never made
 * to its end, and nobody is at it: we have the lock. */
static int look_at_dataset(void *userdata, const char *name, const struct ct_dataset_state *state,
			   struct lxcri_error *err)
{
	struct templates *templates = userdata;
	autofree char *node = ct_node_here(templates->engine);
	autofree char *digest = xformat("%.*s", DIGEST_DIGITS, strrchr(name, '/') + 1);
	const struct lxcri_template dataset = {
		.volume = name,
		.node = node,
		.digest = digest,
		.bytes = state->bytes,
		.created_ns = state->created_ns,
		.in_use = state->is_whole && (state->has_clones || is_used(templates, digest)),
	};
	int r = 1;

	if (templates->gc && state->is_whole && !is_due(templates, &dataset))
		return 0;
	if (templates->gc && !templates->gc->dry_run)
		r = ct_dataset_destroy(name, err);
	if (r <= 0)
		return r;
	templates->removed++;
	templates->report(templates->userdata, &dataset);
	return 0;
}

static int look(struct templates *templates, struct lxcri_error *err)
{
	struct lxcri_engine *engine = templates->engine;
	struct database *database = engine_database(engine, err);
	autojson nodes = NULL;
	size_t count;
	int r = 0;

	templates->storage = config_text(engine->config, CONFIG_PROXMOX_TEMPLATE_STORAGE);
	if (!database || database_each_container(database, note_digests, templates, err) < 0)
		return -1;
	templates->pve = ct_session(engine, err);
	if (!templates->pve || pve_nodes(templates->pve, &nodes, err) < 0)
		return -1;
	count = json_count(nodes);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct json_object *one = json_object_array_get_idx(nodes, i);
		const char *node = json_get_text(one, "node");
		const char *status = json_get_text(one, "status");

		if (node && node_name_is_valid(node) && status && strcmp(status, "online") == 0)
			r = look_on(templates, node, err);
	}
	if (r < 0 || ct_image_each(engine, look_at_dataset, templates, err) < 0)
		return -1;
	return templates->removed;
}

int lxcri_template_list(struct lxcri_engine *engine, lxcri_template_fn report, void *userdata,
			struct lxcri_error *err)
{
	struct templates templates = { .engine = engine, .report = report, .userdata = userdata };
	int r = look(&templates, err);

	strings_finish(&templates.digests);
	return r < 0 ? fail_while(err, "list templates") : 0;
}

int lxcri_template_gc(struct lxcri_engine *engine, const struct lxcri_template_gc_options *options,
		      lxcri_template_fn report, void *userdata, struct lxcri_error *err)
{
	static const struct lxcri_template_gc_options plain = {};
	struct templates templates = { .engine = engine,
				       .gc = options ? options : &plain,
				       .report = report,
				       .userdata = userdata };
	int r = look(&templates, err);

	strings_finish(&templates.digests);
	return r < 0 ? fail_while(err, "collect templates") : r;
}
