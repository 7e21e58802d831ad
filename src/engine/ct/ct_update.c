/* SPDX-License-Identifier: MIT */
/* Another image for a container of Proxmox VE.
 *
 * Where its storage is a pool of ZFS of this host, the files come as a clone of the image's dataset
 * (engine/ct/zfs/ct_clone.c, which has the order of things). Elsewhere they are copied: a root file
 * system cannot be given from one container to another there, but a mount point can. So a second
 * container, the draft, is made from a template that has all in one directory, at which a volume is
 * mounted; that volume is given to ours, as one that is not used, and the draft goes. Which volume
 * is the root file system the record says: ct_apply() makes the container what it says, before each
 * start. So a kill at any moment leaves the one or the other. The volume that is left is a mount
 * point for a moment: by that it becomes an unused one of the container, to be seen in Proxmox VE
 * and not forgotten. */

#include "engine/ct/ct.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_creation.h"
#include "engine/ct/ct_options.h"
#include "engine/ct/ct_template.h"
#include "engine/ct/ct_volume.h"
#include "engine/ct/zfs/ct_clone.h"
#include "engine/files/root.h"
#include "image/convert/template.h"
#include "proxmox/property.h"
#include "proxmox/task.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Where the volume that is left is a mount point for a moment. */
#define LEFT_KEY   "mp254"
#define LEFT_PATH  "/.lxcri/left"
#define UNUSED_MAX 256
#define POLL_NS    250000000l

static unsigned int task_seconds(const struct lxcri_container *container)
{
	return (unsigned int)config_u64(container->engine->config, CONFIG_PROXMOX_TASK_TIMEOUT);
}

static bool spec_uses(struct json_object *spec, const char *key)
{
	struct json_object *mounts = json_get(spec, "mounts");
	size_t count = json_count(mounts);

	for (size_t i = 0; i < count; i++) {
		const char *source = json_get_text(json_object_array_get_idx(mounts, i), "source");

		if (source && strcmp(source, key) == 0)
			return true;
	}
	return ct_volume_is_directory(spec, key);
}

void ct_name_volumes(struct bundle *bundle, struct json_object *spec)
{
	unsigned int number = 0;

	for (size_t i = 0; i < bundle->n_volumes; i++) {
		autofree char *key = xformat("mp%u", number);

		while (spec_uses(spec, key)) {
			free(key);
			key = xformat("mp%u", ++number);
		}
		free(bundle->volumes[i].source);
		bundle->volumes[i].source = steal(key);
		number++;
	}
	bundle_mount_volumes(bundle, false);
}

/* Removes the container @place, which is a draft. None is fine. */
static int remove_draft(struct lxcri_container *container, struct ct_place *draft,
			struct lxcri_error *err)
{
	struct pve *pve = container->engine->pve;
	autojson config = NULL;
	autofree char *path = NULL;
	int r = ct_search_patiently(pve, draft, err);

	if (r <= 0)
		return r;
	if (ct_get(pve, draft, &config, err) < 0)
		return -1;
	path = ct_path(draft, "");

	const struct pve_request request = { .method = "DELETE", .path = path };

	return task_run(pve, &request, task_seconds(container), err);
}

/* Deletes the unused volume @key of the container, with its content. */
static int free_unused(struct lxcri_container *container, const struct ct_place *place,
		       struct json_object *config, const char *key, struct lxcri_error *err)
{
	autojson params = json_object_new_object();

	json_set_text(params, "delete", key);
	return ct_change(container->engine->pve, place, config, params, err);
}

int ct_drop_draft(struct lxcri_container *container, struct ct_place *place,
		  struct json_object *config, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place draft = { .vmid = place->draft_vmid,
							   .asked_ns = place->draft_asked_ns };
	const char *given = place->draft_key ? json_get_text(config, place->draft_key) : NULL;
	autofree char *volume = ct_place_parse_volume(given);

	if (!*place->draft_token)
		return 0;
	memcpy(draft.token, place->draft_token, sizeof(draft.token));
	draft.node = xstrdup(place->node);
	if (remove_draft(container, &draft, err) < 0)
		return fail_while(err, "remove what an interrupted update has made, CT %u",
				  place->draft_vmid);
	if (volume && (!place->rootfs || strcmp(volume, place->rootfs) != 0) &&
	    free_unused(container, place, config, place->draft_key, err) < 0)
		return -1;
	*place->draft_token = '\0';
	freep(&place->draft_key);
	ct_place_store(place, &container->record);
	return home_save_record(container->engine, &container->home, &container->record, err);
}

/* Returns which of the unused volumes of @config is a root file system that was ours, and is named
 * by nobody any more. Borrowed from @config, or NULL. */
static const char *find_outlived(const struct lxcri_container *container,
				 const struct ct_place *place, struct json_object *config)
{
	autofree char *previous = ct_place_previous_root(&container->record);

	json_object_object_foreach(config, key, value)
	{
		autofree char *volume =
			text_starts_with(key, "unused")
				? ct_place_parse_volume(json_object_get_string(value))
				: NULL;

		if (volume && strings_has(&place->roots, volume) &&
		    (!place->rootfs || strcmp(volume, place->rootfs) != 0) &&
		    (!previous || strcmp(volume, previous) != 0))
			return key;
	}
	return NULL;
}

int ct_collect(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson config = NULL;
	struct pve *pve = ct_session(container->engine, err);
	const char *key;

	if (!pve || ct_place_load(&container->record, &place, err) < 0 ||
	    ct_get(pve, &place, &config, err) < 0 ||
	    ct_drop_draft(container, &place, config, err) < 0 ||
	    ct_clone_collect(container, &place, config, err) < 0)
		return -1;
	for (unsigned int i = 0; i < UNUSED_MAX; i++) {
		json_freep(&config);
		if (ct_get(pve, &place, &config, err) < 0)
			return -1;
		key = find_outlived(container, &place, config);
		if (!key)
			return 0;
		if (free_unused(container, &place, config, key, err) < 0)
			return -1;
	}
	return 0;
}

static void fill_draft(struct ct_creation *creation, const struct ct_place *place,
		       struct json_object *config, const char *template)
{
	const struct lxcri_config *settings = creation->container->engine->config;
	struct json_object *params = creation->params;
	autofree char *storage = xstrndup(place->rootfs, strcspn(place->rootfs, ":"));
	autofree char *root = ct_options_new_volume(storage, CT_OPTIONS_EMPTY_BYTES);
	autofree char *volume =
		ct_options_new_volume(storage, config_u64(settings, CONFIG_PROXMOX_ROOTFS_SIZE));
	autofree char *mount = xformat("%s,mp=/" TEMPLATE_BELOW, volume);
	autofree char *tags = xformat(CT_TAG ";" CT_TAG_PREFIX "%s", creation->place.token);
	autofree char *description = xformat("proxmox-lxcri: the next image of container %s, CT %u",
					     creation->container->record.id, place->vmid);

	ct_options_add_number(params, "unprivileged", pve_truth(config, "unprivileged"));
	json_set_text(params, "ostemplate", template);
	json_set_text(params, "ostype", "unmanaged");
	json_set_text(params, "hostname", "lxcri-draft");
	json_set_text(params, "rootfs", root);
	json_set_text(params, "mp0", mount);
	json_set_text(params, "tags", tags);
	json_set_text(params, "description", description);
	json_set_text(params, "pool", config_text(settings, CONFIG_PROXMOX_POOL));
}

/* Chooses a key for an unused volume that the container does not have; owned by the caller. */
static char *free_key(struct json_object *config)
{
	for (unsigned int i = 0; i < UNUSED_MAX; i++) {
		autofree char *key = xformat("unused%u", i);

		if (!json_get(config, key))
			return steal(key);
	}
	return NULL;
}

/* Gives the draft's volume to the container. */
static int give_volume(struct lxcri_container *container, const struct ct_place *draft,
		       const struct ct_place *place, struct lxcri_error *err)
{
	autofree char *path = ct_path(draft, "/move_volume");
	autojson params = json_object_new_object();
	const struct pve_request request = { .method = "POST", .path = path, .params = params };

	json_set_text(params, "volume", "mp0");
	ct_options_add_number(params, "target-vmid", place->vmid);
	json_set_text(params, "target-volume", place->draft_key);
	return task_run(container->engine->pve, &request, task_seconds(container), err);
}

/* Makes the draft, and of it a volume of the container. */
static int make_volume(struct ct_creation *creation, struct ct_place *place,
		       struct json_object *config, const char *template, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	autofree char *volume = NULL;
	autojson after = NULL;

	place->draft_key = free_key(config);
	if (!place->draft_key)
		return fail(err, LXCRI_E_INVALID_STATE, "CT %u has %d unused volumes already",
			    place->vmid, UNUSED_MAX);
	creation->place.node = xstrdup(place->node);
	creation->draft_of = place;
	fill_draft(creation, place, config, template);
	if (ct_creation_make(creation, err) < 0 ||
	    give_volume(container, &creation->place, place, err) < 0 ||
	    ct_get(creation->pve, place, &after, err) < 0)
		return -1;
	volume = ct_place_parse_volume(json_get_text(after, place->draft_key));
	if (!volume)
		return fail(err, LXCRI_E_SYSTEM, "CT %u has not got the volume %s", place->vmid,
			    place->draft_key);
	/* Also the record that is in force knows whose it is, should it stay so. */
	strings_add(&place->roots, volume);
	ct_place_store(place, &container->record);
	if (home_save_record(container->engine, &container->home, &container->record, err) < 0 ||
	    remove_draft(container, &creation->place, err) < 0)
		return -1;
	free(place->rootfs);
	place->rootfs = steal(volume);
	return 0;
}

/* Returns what its root file system may hold. */
static uint64_t root_bytes(const struct lxcri_container *container, struct json_object *config)
{
	const char *text = json_get_text(config, "rootfs");
	autorun(property_finish) struct property_string rootfs = {};
	struct lxcri_error ignored = {};
	const char *size = text && property_parse(text, "volume", &rootfs, &ignored) == 0
				   ? property_find(&rootfs, "size")
				   : NULL;
	uint64_t bytes = 0;

	if (size && property_parse_size(size, &bytes) == 0 && bytes > 0)
		return bytes;
	return config_u64(container->engine->config, CONFIG_PROXMOX_ROOTFS_SIZE);
}

/* Brings the files of the image @digest to the container, without a copy where that can be. */
static int bring_files(struct ct_creation *creation, struct ct_place *place,
		       struct json_object *config, const char *digest, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	autofree char *storage = xstrndup(place->rootfs, strcspn(place->rootfs, ":"));
	const struct ct_clone_wish wish = {
		.container = container,
		.place = place,
		.storage = storage,
		.digest = digest,
		.is_unprivileged = pve_truth(config, "unprivileged"),
		.bytes = root_bytes(container, config),
	};
	autofree char *template = NULL;
	autofree char *volume = NULL;
	int r = ct_clone_make(&wish, &volume, err);

	if (r < 0)
		return -1;
	if (r > 0) {
		free(place->rootfs);
		place->rootfs = steal(volume);
		return 0;
	}
	if (ct_template_ensure(container->engine, place->node, digest, CONVERSION_CT_BELOW,
			       &template, err) < 0 ||
	    ct_place_make_token(creation->place.token, err) < 0)
		return -1;
	return make_volume(creation, place, config, template, err);
}

int ct_prepare_next(struct lxcri_container *container, const struct bundle *bundle,
		    struct record *next, struct lxcri_error *err)
{
	autorun(ct_process_finish) struct ct_process process = {};
	autorun(ct_place_finish) struct ct_place place = {};
	autorun(ct_creation_finish) struct ct_creation creation = {
		.container = container,
		.params = json_object_new_object(),
		.task_seconds = task_seconds(container),
	};
	autojson config = NULL;

	creation.pve = ct_session(container->engine, err);
	if (!creation.pve || ct_collect(container, err) < 0 ||
	    ct_place_load(&container->record, &place, err) < 0 ||
	    ct_get(creation.pve, &place, &config, err) < 0 ||
	    ct_process_make(bundle, next, container->home.data_dir, &process, err) < 0 ||
	    ct_process_save(&process, next->bundle, err) < 0)
		return -1;
	if (pve_truth(config, "protection"))
		return fail(err, LXCRI_E_INVALID_STATE,
			    "CT %u on node %s is protected in Proxmox VE, so its root file system "
			    "stays; switch its protection off first",
			    place.vmid, place.node);
	if (!place.rootfs)
		return fail(err, LXCRI_E_INVALID_STATE, "CT %u has no known root file system",
			    place.vmid);
	if (bring_files(&creation, &place, config, next->digest, err) < 0)
		return fail_while(err, "bring the files of the image to CT %u", place.vmid);
	*place.draft_token = '\0';
	freep(&place.draft_key);
	/* Names of volumes come back: what it had once says nothing of this one. */
	freep(&place.applied);
	ct_place_store(&place, next);
	return 0;
}

int ct_return_to(const struct record *previous, struct record *next, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place then = {};
	autorun(ct_place_finish) struct ct_place place = {};

	if (ct_place_load(previous, &then, err) < 0 || ct_place_load(next, &place, err) < 0)
		return -1;
	if (!then.rootfs)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "the root file system that it had is not known");
	free(place.rootfs);
	place.rootfs = steal(then.rootfs);
	freep(&place.applied);
	ct_place_store(&place, next);
	return 0;
}

/* Lets the volume that is left become an unused one. */
static int release_left(struct lxcri_container *container, struct ct_place *place,
			struct json_object **config, struct lxcri_error *err)
{
	const char *left = json_get_text(*config, LEFT_KEY);
	autojson params = json_object_new_object();

	if (!left || !strstr(left, "mp=" LEFT_PATH))
		return 0;
	json_set_text(params, "delete", LEFT_KEY);
	if (ct_change(container->engine->pve, place, *config, params, err) < 0)
		return -1;
	json_freep(config);
	return ct_get(container->engine->pve, place, config, err);
}

/* Adds the volumes that the specification has and the container has not. */
static int add_new_volumes(struct lxcri_container *container, const struct ct_place *place,
			   struct json_object *config, struct json_object *params,
			   struct lxcri_error *err)
{
	autofree char *storage = xstrndup(place->rootfs, strcspn(place->rootfs, ":"));
	autojson spec = root_load_spec(container, err);
	struct json_object *mounts = json_get(spec, "mounts");
	size_t count = json_count(mounts);

	for (size_t i = 0; i < count; i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *key = json_get_text(mount, "source");
		struct bundle_volume volume = { .destination = (char *)json_get_text(
							mount, "destination") };
		const struct bundle one = { .volumes = &volume, .n_volumes = 1 };

		if (ct_is_mount_key(key) && !json_get(config, key) &&
		    !ct_volume_is_named(spec, key) &&
		    ct_options_add_volumes(container->engine->config, &one, storage,
					   (unsigned int)atoi(key + 2), params, err) < 0)
			return -1;
	}
	return spec ? 0 : -1;
}

/* Puts root file system, process and what goes with them into the container's configuration. */
static int put_record(struct lxcri_container *container, struct ct_place *place,
		      struct json_object *config, struct lxcri_error *err)
{
	static const char *const no_keys[] = { NULL };
	const struct record *record = &container->record;
	const struct ct_clone *clone = ct_place_find_clone(place, place->rootfs);
	autorun(ct_process_finish) struct ct_process process = {};
	autorun(property_finish) struct property_string rootfs = {};
	autojson params = json_object_new_object();
	const char *text = json_get_text(config, "rootfs");
	autofree char *now = ct_place_parse_volume(text);
	autofree char *left = xformat("%s,mp=" LEFT_PATH, now ? now : "");
	autofree char *description = ct_description(record);
	autofree char *value = NULL;

	if (!now || property_parse(text, "volume", &rootfs, err) < 0 ||
	    property_set(&rootfs, "volume", place->rootfs, err) < 0 ||
	    (clone && property_set(&rootfs, "size", clone->size, err) < 0) ||
	    ct_process_load(record->bundle, &process, err) < 0 ||
	    add_new_volumes(container, place, config, params, err) < 0)
		return fail_while(err, "CT %u", place->vmid);
	value = property_format(&rootfs, "volume", no_keys);
	json_set_text(params, "rootfs", value);
	json_set_text(params, LEFT_KEY, left);
	json_set_text(params, "description", description);
	ct_options_add_process(&process, params);
	return ct_change(container->engine->pve, place, config, params, err);
}

/* Tells whether a mount point of the container has @volume. */
static bool is_mounted(struct json_object *config, const char *volume)
{
	json_object_object_foreach(config, key, value)
	{
		autofree char *used = ct_is_mount_key(key) && strcmp(key, LEFT_KEY) != 0
					      ? ct_place_parse_volume(json_object_get_string(value))
					      : NULL;

		if (used && strcmp(used, volume) == 0)
			return true;
	}
	return false;
}

/* Tells whether @volume is one of the container's that are not used. */
static bool is_kept(struct json_object *config, const char *volume)
{
	json_object_object_foreach(config, key, value)
	{
		autofree char *kept = text_starts_with(key, "unused")
					      ? ct_place_parse_volume(json_object_get_string(value))
					      : NULL;

		if (kept && strcmp(kept, volume) == 0)
			return true;
	}
	return false;
}

/* Forgets of its root file systems those whose names are data's: after a restore they may be. */
static void forget_data(struct ct_place *place, struct json_object *config)
{
	struct strings kept = {};

	for (size_t i = 0; i < place->roots.count; i++)
		if (!is_mounted(config, place->roots.items[i]))
			strings_add(&kept, place->roots.items[i]);
	if (kept.count < place->roots.count)
		freep(&place->applied); /* to be noted */
	strings_finish(&place->roots);
	place->roots = kept;
}

/* Notes that the container has the root file system @volume, which is the record's from here on. */
static int note_applied(struct lxcri_container *container, struct ct_place *place,
			const char *volume, struct lxcri_error *err)
{
	if (place->applied && strcmp(place->applied, volume) == 0 && place->rootfs &&
	    strcmp(place->rootfs, volume) == 0 && !ct_place_find_clone(place, volume))
		return 0;
	ct_clone_mount(container, place, volume);
	ct_place_forget_clone(place, volume);
	free(place->applied);
	place->applied = xstrdup(volume);
	free(place->rootfs);
	place->rootfs = xstrdup(volume);
	if (!strings_has(&place->roots, volume))
		strings_add(&place->roots, volume);
	ct_place_store(place, &container->record);
	return home_save_record(container->engine, &container->home, &container->record, err);
}

/* Tells whether the record's root file system can become the container's: 1 or 0. */
static int has_wanted(const struct ct_place *place, struct json_object *config,
		      struct lxcri_error *err)
{
	return is_kept(config, place->rootfs) ? 1 : ct_clone_is_there(place, place->rootfs, err);
}

/* Tells whether somebody has given it another of its root file systems, as a snapshot's return
 * does, since it had the record's. */
static bool was_returned(const struct ct_place *place)
{
	return place->applied && strcmp(place->applied, place->rootfs) == 0;
}

int ct_apply(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct pve *pve = ct_session(container->engine, err);
	autojson config = NULL;
	autofree char *now = NULL;
	autofree char *wanted = NULL;
	struct lxcri_error problem = {};
	int r;

	if (!pve || ct_place_load(&container->record, &place, err) < 0 ||
	    ct_get(pve, &place, &config, err) < 0 ||
	    release_left(container, &place, &config, err) < 0)
		return -1;
	/* What an update has left keeps nothing from starting. */
	if (ct_clone_collect(container, &place, config, &problem) < 0)
		log_warning("%s", problem.text);
	now = ct_place_parse_volume(json_get_text(config, "rootfs"));
	if (!place.rootfs || !now)
		return 0;
	if (!was_returned(&place))
		forget_data(&place, config);
	/* Also one that somebody moved to another storage, or has restored: names are no sign then.
	 */
	r = strcmp(now, place.rootfs) == 0 || !strings_has(&place.roots, now)
		    ? 0
		    : has_wanted(&place, config, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return note_applied(container, &place, now, err);
	if (was_returned(&place)) {
		log_warning("container %s, CT %u, was returned to an earlier root file system in "
			    "Proxmox VE, and starts with that; rollback makes it known here",
			    container->home.id, place.vmid);
		return 0;
	}
	wanted = xstrdup(place.rootfs);
	if (put_record(container, &place, config, err) < 0 ||
	    note_applied(container, &place, wanted, err) < 0)
		return -1;
	json_freep(&config);
	if (ct_get(pve, &place, &config, err) < 0)
		return -1;
	return release_left(container, &place, &config, err);
}

int ct_stay(struct lxcri_container *container, unsigned int seconds, struct lxcri_error *err)
{
	const int64_t end = moment_now() + (int64_t)seconds * NS_IN_SECOND;
	const struct timespec pause = { 0, POLL_NS };

	for (;;) {
		if (ct_refresh(container, err) < 0)
			return -1;
		if (container->status != LXCRI_STATUS_RUNNING)
			return fail(err, LXCRI_E_CONTAINER_START_FAILED, "it has ended");
		if (moment_now() >= end)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
}
