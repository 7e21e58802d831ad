/* SPDX-License-Identifier: MIT */
/* Making a container of Proxmox VE.
 *
 * The record has the token, the node and the number before the cluster is asked to make it; the
 * token is among its tags from the first. So a kill at any moment leaves either nothing there, or
 * something that the next command finds by the record, and removes.
 *
 * Where its storage is a pool of ZFS of this host it is made with nothing in it, and then gets a
 * clone of the image's dataset: engine/ct/zfs/ct_clone.c. */

#include "engine/ct/ct.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_creation.h"
#include "engine/ct/ct_extra.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_options.h"
#include "engine/ct/ct_template.h"
#include "engine/ct/ct_volume.h"
#include "engine/ct/zfs/ct_clone.h"
#include "engine/ct/zfs/ct_pool.h"
#include "engine/pod/ct_number.h"
#include "proxmox/property.h"
#include "proxmox/task.h"

#include <string.h>

/* How many numbers are tried that others take at the same time. */
#define VMID_TRIES 64
/* How many are asked for that belong to what these rights do not show. */
#define VMID_QUESTIONS 1000

void ct_creation_finish(struct ct_creation *creation)
{
	ct_place_finish(&creation->place);
	ct_target_finish(&creation->target);
	json_freep(&creation->params);
}

static int save_place(struct ct_creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	struct ct_place *owner = creation->draft_of;

	if (owner) {
		memcpy(owner->draft_token, creation->place.token, sizeof(owner->draft_token));
		owner->draft_vmid = creation->place.vmid;
		owner->draft_asked_ns = creation->place.asked_ns;
	}
	ct_place_store(owner ? owner : &creation->place, &container->record);
	return home_save_record(container->engine, &container->home, &container->record, err);
}

/* Says on the container whose it is, for people, and for who has lost the database. */
static void add_marks(struct ct_creation *creation)
{
	const struct record *record = &creation->container->record;
	autofree char *tags = xformat(CT_TAG ";" CT_TAG_PREFIX "%s", creation->place.token);
	autofree char *description = ct_description(record);

	json_set_text(creation->params, "tags", tags);
	json_set_text(creation->params, "description", description);
}

static int add_process(struct ct_creation *creation, struct lxcri_error *err)
{
	autorun(ct_process_finish) struct ct_process process = {};

	if (ct_process_make(creation->bundle, &creation->container->record,
			    creation->container->home.data_dir, &process, err) < 0 ||
	    ct_process_save(&process, creation->container->record.bundle, err) < 0)
		return -1;
	ct_options_add_process(&process, creation->params);
	return 0;
}

static int fill_params(struct ct_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_config *config = creation->container->engine->config;
	struct json_object *params = creation->params;
	autofree char *rootfs = ct_options_new_volume(
		creation->target.storage, config_u64(config, CONFIG_PROXMOX_ROOTFS_SIZE));

	json_set_text(params, "hostname", json_get_text(creation->bundle->spec, "hostname"));
	json_set_text(params, "rootfs", rootfs);
	add_marks(creation);
	if (ct_options_add(config, creation->options, params, err) < 0 ||
	    ct_options_add_volumes(config, creation->bundle, creation->target.storage, 0, params,
				   err) < 0)
		return -1;
	return add_process(creation, err);
}

static bool has_number(const uint32_t *numbers, int count, uint32_t vmid)
{
	for (int i = 0; i < count; i++)
		if (numbers[i] == vmid)
			return true;
	return false;
}

/* Finds the first free number from @from on within the configured range, but those that are kept
 * for pods. */
static int find_vmid(struct ct_creation *creation, uint32_t from, uint32_t *ret,
		     struct lxcri_error *err)
{
	struct json_object *range =
		config_json(creation->container->engine->config, CONFIG_PROXMOX_VMID_RANGE);
	uint32_t last = (uint32_t)json_object_get_int64(json_object_array_get_idx(range, 1));
	unsigned int questions = 0;
	autofree uint32_t *kept = NULL;
	autojson all = NULL;
	size_t count;
	int n_kept = ct_number_kept(creation->container->engine, &kept, err);

	if (n_kept < 0 || pve_get(creation->pve, &all, err, "/cluster/resources?type=vm") < 0)
		return -1;
	count = json_count(all);
	/* Those that these rights let us see are passed over at once, the others are asked for. */
	for (uint32_t vmid = from; vmid <= last && questions < VMID_QUESTIONS; vmid++) {
		bool is_seen = has_number(kept, n_kept, vmid);
		int r;

		for (size_t i = 0; i < count && !is_seen; i++)
			is_seen = pve_number(json_object_array_get_idx(all, i), "vmid", 0) == vmid;
		if (is_seen)
			continue;
		questions++;
		r = ct_session_is_free(creation->pve, vmid, err);
		if (r > 0)
			*ret = vmid;
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return fail(err, LXCRI_E_INVALID_STATE,
		    "no number from %u to %u is free for a container; widen proxmox.vmid_range",
		    from, last);
}

/* Tells whether a request that failed may have been done all the same, and was. */
static bool was_done(struct ct_creation *creation)
{
	struct lxcri_error problem = {};

	return pve_may_be_done(creation->pve) &&
	       ct_search(creation->pve, &creation->place, &problem) > 0;
}

/* Asks for the container under the number creation->place.vmid. */
static int make_numbered(struct ct_creation *creation, struct lxcri_error *err)
{
	autofree char *path = xformat("/nodes/%s/lxc", creation->place.node);
	const struct pve_request request = { .method = "POST",
					     .path = path,
					     .params = creation->params };
	autojson upid = NULL;

	ct_options_add_number(creation->params, "vmid", creation->place.vmid);
	creation->place.asked_ns = moment_now();
	if (save_place(creation, err) < 0)
		return -1;
	if (pve_call(creation->pve, &request, &upid, err) < 0) {
		if (!pve_may_be_done(creation->pve) || !was_done(creation)) {
			struct lxcri_error ignored = {};

			creation->place.asked_ns = 0;
			(void)save_place(creation, &ignored); /* costs a wait, if it is lost */
			return -1;
		}
		*err = (struct lxcri_error){};
		return 0;
	}
	if (!json_object_is_type(upid, json_type_string))
		return fail(err, LXCRI_E_SYSTEM, "POST %s answered with no task", path);
	free(creation->place.upid);
	creation->place.upid = xstrdup(json_object_get_string(upid));
	if (save_place(creation, err) < 0)
		return -1;
	return task_await(creation->pve, json_object_get_string(upid), creation->task_seconds, err);
}

/* Asks for the number that the container's pod had when it was last there. Returns 1, or 0 where
 * there is none, or somebody else has it. */
static int make_as_before(struct ct_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_container *container = creation->container;
	const char *pod = container->record.pod_of;
	uint32_t vmid = 0;
	int r;

	if (!pod || creation->draft_of)
		return 0;
	r = ct_number_find(container->engine, pod, &vmid, err);
	if (r > 0)
		r = ct_session_is_free(creation->pve, vmid, err);
	if (r > 0) {
		creation->place.vmid = vmid;
		r = make_numbered(creation, err) < 0 ? -1 : 1;
	}
	if (r > 0 || (r < 0 && err->code != LXCRI_E_CONTAINER_EXISTS))
		return r;
	*err = (struct lxcri_error){};
	if (vmid > 0)
		log_warning("pod %s: its number %u is another one's by now", pod, vmid);
	return 0;
}

int ct_creation_make(struct ct_creation *creation, struct lxcri_error *err)
{
	struct json_object *range =
		config_json(creation->container->engine->config, CONFIG_PROXMOX_VMID_RANGE);
	uint32_t from = (uint32_t)json_object_get_int64(json_object_array_get_idx(range, 0));
	int r = make_as_before(creation, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	for (unsigned int tries = 0; tries < VMID_TRIES; tries++) {
		if (find_vmid(creation, from, &creation->place.vmid, err) < 0)
			return -1;
		if (make_numbered(creation, err) == 0)
			return 0;
		if (err->code != LXCRI_E_CONTAINER_EXISTS)
			return -1;
		log_debug("number %u was taken meanwhile: %s", creation->place.vmid, err->text);
		from = creation->place.vmid + 1;
		if (tries + 1 < VMID_TRIES)
			*err = (struct lxcri_error){};
	}
	return -1;
}

/* Looks whether what was made is ours, and what its root file system is called. */
static int verify(struct ct_creation *creation, struct lxcri_error *err)
{
	autorun(property_finish) struct property_string rootfs = {};
	autojson config = NULL;
	const char *text;

	if (ct_get(creation->pve, &creation->place, &config, err) < 0)
		return -1;
	text = json_get_text(config, "rootfs");
	if (!text || property_parse(text, "volume", &rootfs, err) < 0)
		return fail(err, LXCRI_E_SYSTEM, "CT %u has no root file system",
			    creation->place.vmid);
	creation->place.rootfs = xstrdup(property_find(&rootfs, "volume"));
	strings_add(&creation->place.roots, creation->place.rootfs);
	creation->place.asked_ns = 0;
	freep(&creation->place.upid);
	return save_place(creation, err);
}

/* Tells whether files of the image belong into volumes: 1, 0 or -1. Those get there when a template
 * is unpacked over them, and by no other way. */
static int has_volumes_to_fill(struct ct_creation *creation, struct lxcri_error *err)
{
	for (size_t i = 0; i < creation->bundle->n_volumes; i++) {
		const char *name = creation->bundle->volumes[i].name;
		autorun(ct_keeper_finish) struct ct_keeper keeper = {};
		int r = name ? ct_keeper_find(creation->pve, name, &keeper, err) : 0;

		if (r <= 0)
			return r < 0 ? -1 : 1;
	}
	return 0;
}

static struct ct_clone_wish wish_for(struct ct_creation *creation)
{
	struct lxcri_container *container = creation->container;

	return (struct ct_clone_wish){
		.container = container,
		.place = &creation->place,
		.storage = creation->target.storage,
		.digest = container->record.digest,
		.is_unprivileged = !creation->options->privileged,
		.bytes = config_u64(container->engine->config, CONFIG_PROXMOX_ROOTFS_SIZE),
	};
}

/* Chooses by what its files come, and adds the template to the parameters: that of the image, or
 * for a clone an empty one, whose root file system is left again. Returns 1 for a clone, or 0. */
static int choose_template(struct ct_creation *creation, struct lxcri_error *err)
{
	struct lxcri_engine *engine = creation->container->engine;
	const struct ct_clone_wish wish = wish_for(creation);
	const char *node = creation->target.node;
	autofree char *template = NULL;
	autofree char *root = NULL;
	int r = ct_pool_can_be(engine, node) ? has_volumes_to_fill(creation, err) : 1;

	if (r >= 0)
		r = r > 0 ? 0 : ct_clone_prepare(&wish, err);
	if (r < 0 || (r > 0 ? ct_template_ensure_empty(engine, node, &template, err)
			    : ct_template_ensure(engine, node, wish.digest, CONVERSION_CT_ROOT,
						 &template, err)) < 0)
		return -1;
	json_set_text(creation->params, "ostemplate", template);
	if (r > 0) {
		root = ct_options_new_volume(creation->target.storage, CT_OPTIONS_EMPTY_BYTES);
		json_set_text(creation->params, "rootfs", root);
	}
	return r;
}

/* Gives the container, which is there, a clone for its root file system. The one that it was made
 * with becomes an unused volume by that, and goes. */
static int change_root(struct ct_creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	const struct ct_clone_wish wish = wish_for(creation);
	struct ct_place *place = &creation->place;
	autofree char *volume = NULL;
	autofree char *wanted = NULL;
	int r = ct_clone_make(&wish, &volume, err);

	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, LXCRI_E_ZFS_ERROR,
			    "storage %s is no pool of ZFS of this host any more", wish.storage);
	wanted = xstrdup(volume);
	free(place->rootfs);
	place->rootfs = steal(volume);
	if (save_place(creation, err) < 0 || ct_apply(container, err) < 0 ||
	    ct_collect(container, err) < 0)
		return -1;
	ct_place_finish(place);
	if (ct_place_load(&container->record, place, err) < 0)
		return -1;
	return place->rootfs && strcmp(place->rootfs, wanted) == 0
		       ? 0
		       : fail(err, LXCRI_E_ZFS_ERROR, "%s is gone: somebody has destroyed it",
			      wanted);
}

/* Before there is a container: what cannot be attached to is not made to be. */
static int check_attachable(const struct ct_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = creation->options;

	if (options->terminal || creation->container->record.log_max_files == 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "what such a container writes goes to its console alone, to which "
			    "nobody can be attached; give --detach");
	if (ct_node_is_here(creation->container->engine, creation->target.node))
		return 0;
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "the API of Proxmox VE lets nobody attach to a container, and this host is "
		    "not node %s (proxmox.local_node); give --detach",
		    creation->target.node);
}

/* Adds what the files of the image shall not be unpacked into. */
static int add_later(struct ct_creation *creation, struct json_object *params,
		     struct lxcri_error *err)
{
	autojson config = NULL;

	if (json_object_object_length(params) == 0)
		return 0;
	return ct_get(creation->pve, &creation->place, &config, err) < 0
		       ? -1
		       : ct_change(creation->pve, &creation->place, config, params, err);
}

static bool asks_for_health(const struct lxcri_healthcheck *health)
{
	return health && !health->off &&
	       (health->test || health->interval_ns || health->timeout_ns ||
		health->start_period_ns || health->retries);
}

static bool asks_by_command(const struct lxcri_create_options *options)
{
	const struct lxcri_probes *probes = options->probes;
	const struct lxcri_probe *const all[] = { probes ? probes->startup : NULL,
						  probes ? probes->liveness : NULL,
						  probes ? probes->readiness : NULL };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] && all[i]->by == LXCRI_PROBE_EXEC)
			return true;
	return (options->pre_stop && options->pre_stop->command) ||
	       (options->post_start && options->post_start->command);
}

/* What is run in the container, and how it ended, are to be had on its node alone. An image's check
 * that nobody could run would only ever say that it is ill. */
static int check_service(struct ct_creation *creation, struct lxcri_error *err)
{
	struct record *record = &creation->container->record;
	const char *node = creation->target.node;

	if (ct_node_is_here(creation->container->engine, node))
		return 0;
	if (asks_for_health(creation->options->health))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "a health check is run in the container, and this host is not its "
			    "node %s (proxmox.local_node)",
			    node);
	if (asks_by_command(creation->options))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "a command that is run in the container (a probe by exec, preStop) is "
			    "run by its node %s, which this host is not (proxmox.local_node)",
			    node);
	if (record->restart && text_starts_with(record->restart, "on-failure"))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "whether it failed only its node %s knows, which this host is not "
			    "(proxmox.local_node); restart always or unless-stopped",
			    node);
	freep(&record->health);
	return 0;
}

/* Where nobody says which node, it is that of its volumes. */
static int choose_target(struct ct_creation *creation, struct lxcri_error *err)
{
	struct lxcri_engine *engine = creation->container->engine;
	const char *wanted = creation->options->node;
	autofree char *node = NULL;

	if (!wanted && !config_text(engine->config, CONFIG_PROXMOX_NODE) &&
	    ct_volume_find_node(creation->pve, creation->bundle, &node, err) < 0)
		return -1;
	return ct_target_choose(engine, wanted ? wanted : node, &creation->target, err);
}

static int create(struct ct_creation *creation, struct lxcri_error *err)
{
	struct lxcri_engine *engine = creation->container->engine;
	autorun(ct_extra_finish) struct ct_extra extra = {};
	autojson later = json_object_new_object();
	int by_clone;

	creation->pve = ct_session(engine, err);
	if (!creation->pve || ct_session_check(creation->pve, err) < 0 ||
	    choose_target(creation, err) < 0 || ct_place_make_token(creation->place.token, err) < 0)
		return -1;
	creation->place.node = xstrdup(creation->target.node);
	if (creation->options->attached && check_attachable(creation, err) < 0)
		return -1;
	if (check_service(creation, err) < 0 ||
	    ct_extra_read(creation->options, creation->bundle, &extra, err) < 0 ||
	    ct_extra_check(engine, &extra, creation->target.node, err) < 0 ||
	    fill_params(creation, err) < 0 || ct_extra_add(creation, &extra, err) < 0)
		return -1;
	by_clone = choose_template(creation, err);
	if (by_clone < 0 || ct_volume_add_named(creation, later, err) < 0)
		return -1;
	if (ct_creation_make(creation, err) < 0)
		return fail_while(err, "make it on node %s", creation->target.node);
	if (verify(creation, err) < 0 || (by_clone > 0 && change_root(creation, err) < 0) ||
	    add_later(creation, later, err) < 0)
		return -1;
	return ct_extra_apply(creation, &extra, err);
}

int ct_create(struct lxcri_container *container, const struct lxcri_create_options *options,
	      const struct bundle *bundle, struct lxcri_error *err)
{
	autorun(ct_creation_finish) struct ct_creation creation = {
		.container = container,
		.options = options,
		.bundle = bundle,
		.params = json_object_new_object(),
		.task_seconds = (unsigned int)config_u64(container->engine->config,
							 CONFIG_PROXMOX_TASK_TIMEOUT),
	};

	return create(&creation, err);
}
