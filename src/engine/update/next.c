/* SPDX-License-Identifier: MIT */
/* What a container will be once it is updated.
 *
 * How it works: each root file system that an update makes has a directory of its own,
 * <data>/containers/<id>/roots/<revision>, with the specification that goes with it: that is the
 * container's bundle from then on. The record names one as the present and one as the one before.
 * What is named by neither is nobody's, so a kill at any moment leaves the one or the other whole.
 * The first root file system lies in the container's directory itself. */

#include "engine/update/next.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/bundle.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_place.h"
#include "engine/ct/ct_process.h"
#include "engine/files/root.h"
#include "engine/service/health.h"
#include "engine/update/graft.h"
#include "engine/update/history.h"
#include "engine/update/request.h"
#include "engine/volumes/volume.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What a root file system consists of. In a container's own directory there is more. */
static const char *const parts[] = {
	"upper", "work", "root", "rootfs", "config.json", "dataset", CT_PROCESS_FILE,
};

static int remove_root(const char *dir, struct lxcri_error *err)
{
	int r;

	if (snapshot_destroy_one(dir, err) < 0)
		return -1;
	r = path_remove_tree(AT_FDCWD, dir);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "remove %s", dir) : 0;
}

void next_discard(const struct lxcri_container *container, struct next *next)
{
	struct lxcri_error err = {};

	if (next->dir && !next->in_force && remove_root(next->dir, &err) < 0)
		log_warning("%s", err.text);
	for (size_t i = 0; !next->in_force && i < next->volumes.count; i++) {
		err = (struct lxcri_error){};
		if (volume_remove(container->engine->data, next->volumes.items[i], &err) < 0)
			log_warning("%s", err.text);
	}
	freep(&next->dir);
	strings_finish(&next->volumes);
	strings_finish(&next->check);
	record_finish(&next->record);
}

static int copy_record(const struct record *from, struct record *ret, struct lxcri_error *err)
{
	autofree char *json = record_format(from);

	return record_parse(json, strlen(json), ret, err);
}

/* Writes down in @next what @now is: what it can return to has no such way back itself. */
static int remember(const struct record *now, struct record *next, struct lxcri_error *err)
{
	autorun(record_finish) struct record previous = {};

	if (copy_record(now, &previous, err) < 0)
		return -1;
	freep(&previous.previous);
	freep(&previous.history);
	ct_place_doubt(&previous);
	free(next->previous);
	next->previous = record_format(&previous);
	return 0;
}

static void set_text(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

static int fail_storage(struct lxcri_error *err, const char *doing, const char *path)
{
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "%s %s", doing, path);
}

/* Makes the directory of the new root. On crun the container's own root passes it, as it does the
 * container's directory. */
static int make_dir(const struct lxcri_container *container, struct next *next,
		    struct lxcri_error *err)
{
	const struct record *record = &next->record;
	const struct id_map map = record_id_map(&record->ids);
	autofree char *roots = xformat("%s/" HOME_ROOTS, container->home.data_dir);
	autofree char *target = xformat("%s/rootfs", record->bundle);
	uint32_t gid = 0;

	if (mkdir(roots, 0711) < 0 && errno != EEXIST)
		return fail_storage(err, "make", roots);
	next->dir = xstrdup(record->bundle);
	if (mkdir(next->dir, 0700) < 0 || mkdir(target, 0755) < 0 || chmod(target, 0755) < 0)
		return fail_storage(err, "make", target);
	if (record->type != LXCRI_CRUN || record->ids.size == 0)
		return 0;
	if (id_extents_to_host(&map.gids, 0, &gid) < 0 || chown(next->dir, (uid_t)-1, gid) < 0 ||
	    chmod(next->dir, 0710) < 0)
		return fail_storage(err, "set the mode of", next->dir);
	return 0;
}

/* Makes the volumes that the new image has and the old one had not. */
static int make_volumes(const struct lxcri_container *container, const struct next_source *source,
			struct next *next, struct bundle *bundle, struct lxcri_error *err)
{
	const struct id_map map = record_id_map(&next->record.ids);
	bool own_ids = next->record.ids.size > 0;
	bool mapped = own_ids && source->storage.can_map_data;

	for (size_t i = 0; i < bundle->n_volumes; i++) {
		struct bundle_volume *volume = &bundle->volumes[i];
		const struct volume_request request = {
			.data_dir = container->engine->data,
			.container_id = container->home.id,
			.layer_dirs = &source->image->layer_dirs,
			.destination = volume->destination,
			.owners = own_ids && !mapped ? &map : NULL,
		};

		if (volume_ensure(&request, &volume->source, err) < 0)
			return fail_while(err, "volume for %s", volume->destination);
		strings_add_consume(&next->volumes,
				    volume_name_of(container->engine->data, volume->source));
	}
	bundle_mount_volumes(bundle, mapped);
	return 0;
}

/* Whom it asks for names, and which it knows itself, is not the image's to say. */
static int keep_files(const struct lxcri_container *container, struct bundle *bundle,
		      struct lxcri_error *err)
{
	autorun(ct_process_finish) struct ct_process process = {};

	if (ct_process_load(container->record.bundle, &process, err) < 0)
		return -1;
	ct_process_keep_files(&process, bundle);
	return 0;
}

/* Builds the specification. The name and the hostname are the container's, so is all that an image
 * does not say. */
static int make_bundle(const struct lxcri_container *container, const struct next_source *source,
		       struct next *next, struct bundle *bundle, struct lxcri_error *err)
{
	autorun(request_finish) struct request request = {};
	autojson old = root_load_spec(container, err);
	struct lxcri_create_options options = {
		.id = container->home.id,
		.image = source->image->name,
		.hostname = old ? json_get_text(old, "hostname") : NULL,
		.terminal = container->record.terminal,
		.apparmor_profile = "unconfined", /* the one that it has stays */
	};

	if (!old || request_load(container->home.data_dir, &request, err) < 0)
		return -1;
	request_apply(&request, &options);
	options.init = options.init && !ct_is(container); /* those have one */
	if (bundle_build(source->image->config_json, &options, &source->image->layer_dirs,
			 &container->record.ids, bundle, err) < 0)
		return -1;
	if (!request.has_health) {
		free(next->record.health);
		next->record.health = steal(bundle->health);
	}
	graft(old, &request, bundle);
	if (ct_is(container)) {
		ct_name_volumes(bundle, old);
		return keep_files(container, bundle, err);
	}
	return make_volumes(container, source, next, bundle, err);
}

static int write_spec(const char *dir, struct json_object *spec, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/config.json", dir);
	autofree char *json = json_format(spec);
	int r = file_write_atomic(AT_FDCWD, path, json, strlen(json), 0600, FILE_DURABLE);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", path) : 0;
}

static int make_root(const struct lxcri_container *container, const struct next_source *source,
		     struct next *next, struct lxcri_error *err)
{
	/* The driver's view of the container as it will be; nothing in it is owned. */
	const struct lxcri_container then = {
		.engine = container->engine,
		.home = container->home,
		.record = next->record,
	};

	if (ct_is(container))
		return 0;
	if (driver_create(&then, err) < 0)
		return -1;
	/* A copy needs its layers no more. */
	if (source->storage.ops == &snapshot_dir)
		strings_finish(&next->record.layers);
	return 0;
}

/* What a record is to name is on the disk before. */
static int flush(const struct lxcri_container *container, const struct next_source *source,
		 const struct next *next, struct lxcri_error *err)
{
	autofree char *roots = xformat("%s/" HOME_ROOTS, container->home.data_dir);
	const char *const dirs[] = { next->dir, roots, container->home.data_dir };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		autoclose int dir = open(dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool all = i == 0 && source->storage.ops != &snapshot_overlay;

		if (dir < 0 || (all && syncfs(dir) < 0) || fsync(dir) < 0)
			return fail_storage(err, "flush", dirs[i]);
	}
	return 0;
}

/* Takes the command of the health check that it will have. */
static int take_check(const struct record *record, struct strings *command, struct lxcri_error *err)
{
	autorun(health_check_finish) struct health_check check = {};

	if (!record->health)
		return 0;
	if (health_check_parse(record->health, &check, err) < 0)
		return -1;
	strings_add_all(command, &check.command);
	return 0;
}

/* Checks that nothing removed a layer before the lock of usages was taken. */
static int check_layers(const struct image *image, struct lxcri_error *err)
{
	for (size_t i = 0; i < image->layer_dirs.count; i++)
		if (access(image->layer_dirs.items[i], F_OK) < 0)
			return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s was removed meanwhile",
				    image->name);
	return 0;
}

int next_prepare(struct lxcri_container *container, const struct next_source *source,
		 struct next *ret_next, struct lxcri_error *err)
{
	const struct record *now = &container->record;
	const struct image *image = source->image;
	struct record *record = &ret_next->record;
	autorun(bundle_finish) struct bundle bundle = {};

	if (next_collect(container, err) < 0 || check_layers(image, err) < 0 ||
	    copy_record(now, record, err) < 0 || remember(now, record, err) < 0)
		return -1;
	record->revision = now->revision + 1;
	free(record->bundle);
	record->bundle = xformat("%s/" HOME_ROOTS "/%lld", container->home.data_dir,
				 (long long)record->revision);
	set_text(&record->image, image->name);
	set_text(&record->digest, image->digest);
	strings_finish(&record->layers);
	if (!ct_is(container)) {
		set_text(&record->driver, source->storage.ops->name);
		strings_add_all(&record->layers, &image->layer_dirs);
	}
	record->is_shifted = record->ids.size > 0 && !source->can_map;
	if (make_dir(container, ret_next, err) < 0 ||
	    make_bundle(container, source, ret_next, &bundle, err) < 0)
		return -1;
	set_text(&record->stop_signal, bundle.stop_signal);
	history_add(record, now, "update");
	if (make_root(container, source, ret_next, err) < 0 ||
	    take_check(record, &ret_next->check, err) < 0 ||
	    write_spec(record->bundle, bundle.spec, err) < 0)
		return -1;
	if (ct_is(container) && ct_prepare_next(container, &bundle, record, err) < 0)
		return -1;
	return flush(container, source, ret_next, err);
}

/* Moves what is of a root file system from @from to @to. */
static void take_root(struct record *from, struct record *to)
{
	char **const texts[][2] = {
		{ &from->bundle, &to->bundle },           { &from->image, &to->image },
		{ &from->digest, &to->digest },           { &from->driver, &to->driver },
		{ &from->stop_signal, &to->stop_signal }, { &from->health, &to->health },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		free(*texts[i][1]);
		*texts[i][1] = steal(*texts[i][0]);
	}
	strings_finish(&to->layers);
	to->layers = from->layers;
	from->layers = (struct strings){};
	to->is_shifted = from->is_shifted;
}

/* Gives the specification of the root that it returns to the limits of today. */
static int renew_spec(const struct lxcri_container *container, const struct record *target,
		      struct lxcri_error *err)
{
	struct lxcri_container then = { .engine = container->engine,
					.home = container->home,
					.record = *target }; /* owns nothing */
	autojson current = root_load_spec(container, err);
	autojson spec = current ? root_load_spec(&then, err) : NULL;

	if (!spec)
		return -1;
	graft_back(current, spec);
	return write_spec(target->bundle, spec, err);
}

int next_prepare_previous(const struct lxcri_container *container, struct next *ret_next,
			  struct lxcri_error *err)
{
	const struct record *now = &container->record;
	struct record *record = &ret_next->record;
	autorun(record_finish) struct record target = {};

	if (!now->previous)
		return fail(err, LXCRI_E_INVALID_STATE, "it was never updated");
	if (record_parse(now->previous, strlen(now->previous), &target, err) < 0 ||
	    copy_record(now, record, err) < 0 || remember(now, record, err) < 0)
		return -1;
	if (ct_is(container) && ct_return_to(&target, record, err) < 0)
		return -1;
	take_root(&target, record);
	history_add(record, now, "rollback");
	return renew_spec(container, record, err);
}

/* Saves next->record as that of the container, and leaves there what it was. */
static int exchange(struct lxcri_container *container, struct next *next, struct lxcri_error *err)
{
	struct record before = container->record;

	if (home_save_record(container->engine, &container->home, &next->record, err) < 0)
		return -1;
	container->record = next->record;
	next->record = before;
	ct_place_doubt(&next->record);
	next->in_force = !next->in_force;
	return 0;
}

int next_commit(struct lxcri_container *container, struct next *next, struct lxcri_error *err)
{
	return exchange(container, next, err);
}

int next_revert(struct lxcri_container *container, struct next *next, const char *why,
		struct lxcri_error *err)
{
	set_text(&next->record.history, container->record.history);
	history_settle(&next->record, HISTORY_REVERTED, why);
	return exchange(container, next, err);
}

/* Fills @used with the directories that @record and the one before it name. */
static int list_used(const struct home *home, const struct record *record, struct strings *used,
		     struct lxcri_error *err)
{
	autorun(record_finish) struct record previous = {};

	strings_add(used, home_root_dir(home, record));
	if (!record->previous)
		return 0;
	if (record_parse(record->previous, strlen(record->previous), &previous, err) < 0)
		return -1;
	strings_add(used, home_root_dir(home, &previous));
	return 0;
}

static int list_unused(const struct home *home, const struct strings *used, struct strings *dirs,
		       struct lxcri_error *err)
{
	autorun(strings_finish) struct strings all = {};
	int r = home_list_roots(home, &all);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "list the root file systems of %s", home->id);
	for (size_t i = 0; i < all.count; i++)
		if (!strings_has(used, all.items[i]))
			strings_add(dirs, all.items[i]);
	return 0;
}

int next_list_leftovers(const struct home *home, const struct record *record, struct strings *dirs,
			struct lxcri_error *err)
{
	autorun(strings_finish) struct strings used = {};

	return list_used(home, record, &used, err) < 0 ? -1 : list_unused(home, &used, dirs, err);
}

/* Removes the first root file system of the container, which is in the directory with all else. */
static int remove_first(const struct home *home, struct lxcri_error *err)
{
	autoclose int dir = open(home->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int r = dir < 0 ? -errno : 0;

	if (r == 0 && snapshot_destroy_one(home->data_dir, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
		r = path_remove_tree(dir, parts[i]);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "remove the first root file system of %s", home->id)
		     : 0;
}

int next_collect(struct lxcri_container *container, struct lxcri_error *err)
{
	const struct home *home = &container->home;
	autorun(strings_finish) struct strings used = {};
	autorun(strings_finish) struct strings unused = {};

	if (ct_is(container) && ct_collect(container, err) < 0)
		return -1;
	if (list_used(home, &container->record, &used, err) < 0 ||
	    list_unused(home, &used, &unused, err) < 0)
		return -1;
	for (size_t i = 0; i < unused.count; i++)
		if (remove_root(unused.items[i], err) < 0)
			return -1;
	return strings_has(&used, home->data_dir) ? 0 : remove_first(home, err);
}
