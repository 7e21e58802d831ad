/* SPDX-License-Identifier: MIT */
/* Making a container, completely or not at all.
 *
 * The steps are the table at the end. Until the last one the record says "creating" and we hold the
 * lock: if this process dies at any point, whoever next comes across the container sees a record of
 * that phase without an owner and tears it down. A failure does the same at once. */

#include "engine/create.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/bundle.h"
#include "engine/bundle/seccomp_annotation.h"
#include "engine/container.h"
#include "engine/creation.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_options.h"
#include "engine/ct/ct_place.h"
#include "engine/ct/ct_process.h"
#include "engine/ct/ct_volume.h"
#include "engine/driver.h"
#include "engine/event.h"
#include "engine/images/obtain.h"
#include "engine/limits/container_limits.h"
#include "engine/limits/container_scope.h"
#include "engine/limits/resources.h"
#include "engine/logs.h"
#include "engine/network/join.h"
#include "engine/network/mode.h"
#include "engine/pod/ct_number.h"
#include "engine/pod/sandbox.h"
#include "engine/reserve.h"
#include "engine/service/hook.h"
#include "engine/service/names.h"
#include "engine/service/probe.h"
#include "engine/service/restart.h"
#include "engine/update/request.h"
#include "engine/usage.h"
#include "engine/userns/id_pool.h"
#include "engine/userns/userns.h"
#include "engine/volumes/parts.h"
#include "image/store.h"
#include "os/cgroup/cgroup_move.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/cgroup_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* How often an image is looked for that others remove. */
#define FIND_TRIES 5

static int check_options(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = creation->options;

	if (engine_check_id(options->id, err) < 0)
		return -1;
	if (!options->bundle == !options->image)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "expected a bundle or an image");
	if (options->cgroup_parent &&
	    (!*options->cgroup_parent || strstr(options->cgroup_parent, "..") ||
	     text_has_control(options->cgroup_parent)))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "cgroup parent \"%s\" is no path below the root of the cgroups",
			    options->cgroup_parent);
	if (options->oom_score_adj &&
	    (*options->oom_score_adj < -1000 || *options->oom_score_adj > 1000))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "oom_score_adj %d is not from -1000 to 1000", *options->oom_score_adj);
	return 0;
}

/* A bundle says itself what it wants. */
static int choose_network(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = creation->options;
	const struct join join = { .container = options->id, .options = options };

	creation->mode = NETWORK_MODE_NONE;
	if (!options->image)
		return 0;
	if (creation->place) {
		creation->mode =
			creation->place->host_network ? NETWORK_MODE_HOST : NETWORK_MODE_CONTAINER;
		return bundle_choose_hostname(options, &creation->hostname, err);
	}
	if (network_mode_choose(options, &creation->mode, err) < 0 ||
	    bundle_choose_hostname(options, &creation->hostname, err) < 0)
		return -1;
	return creation->mode == NETWORK_MODE_OWN
		       ? join_check(creation->container->engine, &join, err)
		       : 0;
}

static enum lxcri_container_type type_of(const struct creation *creation)
{
	return creation->options->type
		       ? *creation->options->type
		       : lxcri_config_container_type(creation->container->engine->config,
						     creation->options->id);
}

static int choose_runtime(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_config *config = creation->container->engine->config;
	struct record *record = &creation->container->record;

	record->type = type_of(creation);
	if (record->type == LXCRI_PROXMOX_LXC)
		return ct_options_check(creation->options, err);
	if (record->type == LXCRI_RUNC &&
	    lxcri_config_runtime_path(config, record->type, &record->runtime_path, err) < 0)
		return -1;
	/* A bundle says itself what it wants. */
	return creation->options->image ? userns_choose(creation->options, config, record, err) : 0;
}

static int fill_record(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = creation->options;
	struct record *record = &creation->container->record;

	record->id = xstrdup(options->id);
	record->phase = RECORD_CREATING;
	record->created_ns = moment_now();
	record->stdio = options->stdio;
	record->terminal = options->terminal;
	record->open_stdin = options->open_stdin;
	record->remove = options->remove;
	record->networked = creation->mode == NETWORK_MODE_OWN;
	record->is_first = creation->place && creation->place->is_first;
	if (creation->place)
		record->pod_of = xstrdup(creation->place->pod);
	else if (creation->mode == NETWORK_MODE_CONTAINER)
		record->network_of = xstrdup(network_mode_container(options));
	if (restart_choose(options, record, err) < 0 ||
	    logs_choose(creation->container->engine->config, options, record, &creation->log_driver,
			err) < 0)
		return -1;
	if (!options->console_socket)
		return 0;
	/* The monitor, which connects to it, has another working directory. */
	record->console_socket = engine_absolute_path(options->console_socket, err);
	return record->console_socket ? 0 : -1;
}

/* Done before the lock is taken: it may take minutes. */
static int find_image(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = creation->options;
	const struct image_wish wish = { .reference = options->image,
					 .pull = options->pull,
					 .progress = options->pull_progress,
					 .userdata = options->pull_userdata };

	if (!options->image)
		return 0;
	closep(&creation->announcement);
	if (usage_announce(creation->container->engine, &creation->announcement, err) < 0)
		return -1;
	return image_obtain(creation->container->engine, &wish, &creation->image, err);
}

/* Chooses how its root file system is made. */
static int choose_driver(struct creation *creation, struct lxcri_error *err)
{
	struct record *record = &creation->container->record;

	if (!creation->options->image)
		return 0;
	if (driver_choose(creation->container->engine, record->ids.size > 0, &creation->storage,
			  err) < 0)
		return -1;
	record->driver = xstrdup(creation->storage.ops->name);
	return 0;
}

static int take_id(struct creation *creation, struct lxcri_error *err)
{
	return reserve_id(creation->container, err);
}

static int make_dir(const char *parent, const char *name, mode_t mode, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/%s", parent, name);
	int r = path_make_dirs(path, mode);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make %s", path) : 0;
}

static bool has_layers(const struct image *image)
{
	for (size_t i = 0; i < image->layer_dirs.count; i++)
		if (access(image->layer_dirs.items[i], F_OK) < 0)
			return false;
	return true;
}

/* Takes the lock under which the layers stay. Where somebody removed one since the image was found
 * it is looked for again, which may bring it in again: without a lock, for that may take minutes.
 */
static int keep_layers(struct creation *creation, struct lxcri_error *err)
{
	for (unsigned int tries = 0; tries < FIND_TRIES; tries++) {
		if (tries > 0) {
			image_finish(&creation->image);
			if (find_image(creation, err) < 0)
				return -1;
		}
		creation->usage_lock = usage_lock(creation->container->engine, USAGE_SHARED, err);
		if (creation->usage_lock < 0)
			return -1;
		if (has_layers(&creation->image))
			return 0;
		closep(&creation->usage_lock);
	}
	return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s was removed meanwhile",
		    creation->image.name);
}

/* Writes the record that names the directories and the ids of a container made from an image. */
static int save_first(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	struct record *record = &container->record;

	/* Those of the pod, which has taken them. */
	if (creation->place && record->ids.size > 0) {
		record->ids = *creation->place->ids;
		creation->map = record_id_map(&record->ids);
		return home_save_record(container->engine, &container->home, record, err);
	}
	if (record->ids.size == 0)
		return home_save_record(container->engine, &container->home, record, err);
	if (id_pool_take(container->engine, &container->home, record, err) < 0)
		return -1;
	creation->map = record_id_map(&record->ids);
	return 0;
}

/* On crun the container's own root looks for its root file system, from inside this directory. */
static int let_root_pass(const struct creation *creation, struct lxcri_error *err)
{
	const char *path = creation->container->home.data_dir;
	uint32_t gid = 0;

	if (creation->container->record.type != LXCRI_CRUN || id_map_is_host(&creation->map))
		return 0;
	if (id_extents_to_host(&creation->map.gids, 0, &gid) < 0 ||
	    chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0710) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "set the mode of %s",
				       path);
	return 0;
}

/* Makes the directories of a container made from an image, and the record that names them. */
static int make_home(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	struct record *record = &container->record;
	const struct home *home = &container->home;

	if (!creation->options->image) {
		record->bundle = realpath(creation->options->bundle, NULL);
		if (!record->bundle)
			return fail_code_errno(err, LXCRI_E_BUNDLE_NOT_FOUND, errno, "bundle %s",
					       creation->options->bundle);
		logs_place(record, creation->log_driver, home->run_dir);
		return home_save_record(container->engine, &container->home, record, err);
	}
	/* Opened before there is a directory: on a full disk neither is made. */
	if (!engine_database(container->engine, err) || keep_layers(creation, err) < 0)
		return -1;
	record->image = xstrdup(creation->image.name);
	record->digest = xstrdup(creation->image.digest);
	record->owns_bundle = true;
	record->bundle = xstrdup(creation->bundle_path ? creation->bundle_path : home->data_dir);
	logs_place(record, creation->log_driver, home->data_dir);
	strings_add_all(&record->layers, &creation->image.layer_dirs);

	autofree char *parent = xformat("%s/containers", container->engine->data);

	if (make_dir(parent, home->id, 0700, err) < 0 || save_first(creation, err) < 0)
		return -1;
	closep(&creation->announcement);
	return let_root_pass(creation, err);
}

/* Makes of the layers what the driver takes. They are the container's by now, so nobody removes
 * them; and who removes others meanwhile waits for neither this nor the store's lock, which it
 * takes. */
static int prepare_layers(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_engine *engine = creation->container->engine;
	const struct snapshot_ops *ops = creation->storage.ops;
	struct record *record = &creation->container->record;
	int can_map;

	if (!creation->options->image)
		return 0;
	if (ops->prepare)
		closep(&creation->usage_lock);
	can_map = driver_prepare(engine, ops, &creation->image.layer_dirs, err);
	if (can_map < 0)
		return -1;
	record->is_shifted = record->ids.size > 0 && can_map == 0;
	if (ops->prepare)
		creation->usage_lock = usage_lock(engine, USAGE_SHARED, err);
	return creation->usage_lock < 0 ? -1 : 0;
}

/* Writes down its addresses and ports, behind the record that they go with. */
static int join_networks(struct creation *creation, struct lxcri_error *err)
{
	const struct join join = {
		.container = creation->options->id,
		.hostname = creation->hostname,
		.options = creation->options,
		.image_config = creation->image.config_json,
	};

	return creation->mode == NETWORK_MODE_OWN
		       ? join_make(creation->container->engine, &join, err)
		       : 0;
}

static int write_spec(const char *bundle, struct json_object *spec, struct lxcri_error *err)
{
	autofree char *json = json_format(spec);
	autoclose int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno
			: file_write_atomic(dir, "config.json", json, strlen(json), 0600,
					    FILE_VOLATILE);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s/config.json",
				       bundle)
		     : 0;
}

/* Writes a file of the container's own and mounts it; NULL as the text is none. */
static int mount_file(struct creation *creation, const char *name, const char *text,
		      struct lxcri_error *err)
{
	const char *data = creation->container->home.data_dir;
	autofree char *source = xformat("%s/%s", data, name);
	autofree char *destination = xformat("/etc/%s", name);
	uint32_t uid = 0, gid = 0;
	int r = text ? file_write_atomic(AT_FDCWD, source, text, strlen(text), 0644, FILE_VOLATILE)
		     : 0;

	/* Its root may write it. */
	if (r == 0 && text && !id_map_is_host(&creation->map) &&
	    (id_extents_to_host(&creation->map.uids, 0, &uid) < 0 ||
	     id_extents_to_host(&creation->map.gids, 0, &gid) < 0 || chown(source, uid, gid) < 0))
		r = -EOVERFLOW;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", source);
	if (text)
		bundle_mount_file(&creation->bundle, destination, source);
	return 0;
}

/* crun takes a compiled filter from an annotation, which saves it 18 ms of compiling. */
static int attach_seccomp(struct creation *creation, struct lxcri_error *err)
{
	if (creation->container->record.type != LXCRI_CRUN)
		return 0;
	return seccomp_annotate(creation->container->engine->data, creation->bundle.spec, err);
}

/* A copy needs its layers no more. */
static int make_rootfs(struct creation *creation, struct lxcri_error *err)
{
	struct record *record = &creation->container->record;

	if (make_dir(record->bundle, "rootfs", 0755, err) < 0 ||
	    driver_create(creation->container, err) < 0)
		return -1;
	if (creation->storage.ops == &snapshot_dir)
		strings_finish(&record->layers);
	return 0;
}

/* Every runtime shall use the same cgroup, and one that no other engine has. */
static void name_cgroup(struct creation *creation)
{
	const struct home *home = &creation->container->home;
	const char *parent = creation->options->cgroup_parent;
	autofree char *in_scope = container_scope_cgroup(creation->container);
	autofree char *name = cgroup_name(CGROUP_PAYLOAD, home->id, home->run_dir);
	autofree char *path =
		xformat("%s%s/%s", parent && *parent != '/' ? "/" : "", parent ? parent : "", name);

	json_set_text(json_get(creation->bundle.spec, "linux"), "cgroupsPath",
		      in_scope ? in_scope : path);
}

/* A pod's network is somebody else's to its containers. */
static int build_member(struct creation *creation, struct lxcri_create_options *options,
			struct lxcri_error *err)
{
	const struct record *record = &creation->container->record;
	const struct create_place *place = creation->place;
	autofree char *foreign = xformat("container:%s", place->pod);
	const char *const networks[] = { place->host_network ? "host" : foreign, NULL };

	options->networks = networks;
	if (bundle_build(creation->image.config_json, options, &record->layers, &record->ids,
			 &creation->bundle, err) < 0)
		return -1;
	sandbox_share(creation->container->engine, place->pod, place->host_network,
		      creation->bundle.spec);
	return 0;
}

/* In networks with names their servers are asked, unless the user names others. */
static int build_bundle(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_create_options options = *creation->options;
	const struct record *record = &creation->container->record;
	autorun(names_lookup_finish) struct names_lookup lookup = {};

	if (creation->mode == NETWORK_MODE_OWN &&
	    names_complete(creation->container->engine, &options, &lookup, err) < 0)
		return -1;
	if (!creation->place)
		return bundle_build(creation->image.config_json, &options, &record->layers,
				    &record->ids, &creation->bundle, err);
	return build_member(creation, &options, err);
}

static int write_image_bundle(struct creation *creation, struct lxcri_error *err)
{
	struct record *record = &creation->container->record;

	if (build_bundle(creation, err) < 0 || creation_make_volumes(creation, err) < 0 ||
	    mount_file(creation, "hosts", creation->bundle.hosts, err) < 0 ||
	    mount_file(creation, "hostname", creation->bundle.hostname, err) < 0 ||
	    mount_file(creation, "resolv.conf", creation->bundle.resolv_conf, err) < 0 ||
	    attach_seccomp(creation, err) < 0)
		return -1;
	if (container_limits_plan(creation->container,
				  json_get(json_get(creation->bundle.spec, "linux"), "resources"),
				  err) < 0)
		return -1;
	if (container_scope_choose(creation->container, creation->options->cgroup_parent, err) < 0)
		return -1;
	name_cgroup(creation);
	record->stop_signal = xstrdup(creation->bundle.stop_signal);
	if (probes_choose(creation->options->probes, &record->probes, err) < 0)
		return -1;
	record->health = record->probes ? NULL : steal(creation->bundle.health);
	if (hook_choose(creation->options->pre_stop, &record->pre_stop, err) < 0)
		return fail_while(err, "preStop");
	if (hook_choose(creation->options->post_start, &record->post_start, err) < 0)
		return fail_while(err, "postStart");
	if (make_rootfs(creation, err) < 0 ||
	    request_save(creation->options, creation->container->home.data_dir, err) < 0)
		return -1;
	return write_spec(record->bundle, creation->bundle.spec, err);
}

static int make_bundle(struct creation *creation, struct lxcri_error *err)
{
	int r = creation->options->image ? write_image_bundle(creation, err)
					 : creation_check_bundle(creation, err);

	closep(&creation->usage_lock); /* record and bundle name all that it stands on */
	return r;
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Whoever finds the record of a container after a power cut finds what it names. What a container
 * of a bundle has is lost then anyway. */
static int make_durable(struct creation *creation, struct lxcri_error *err)
{
	static const char *const files[] = { "config.json", "hosts", "hostname", REQUEST_FILE,
					     PARTS_FILE };
	const struct lxcri_container *container = creation->container;
	autofree char *parent = xformat("%s/containers", container->engine->data);
	autoclose int bundle = -1, data = -1, containers = -1;
	int r;

	if (!creation->options->image)
		return 0;
	bundle = open_dir(container->record.bundle);
	data = open_dir(container->home.data_dir);
	containers = open_dir(parent);
	r = bundle < 0 ? bundle : data < 0 ? data : containers < 0 ? containers : 0;
	if (r == 0 && strcmp(container->record.bundle, container->home.data_dir) != 0)
		r = file_flush_all(bundle, files, 1);
	if (r == 0)
		r = file_flush_all(data, files, ARRAY_LEN(files));
	/* A root file system of its own may be thousands of files: one call for all of them. */
	if (r == 0 && (fsync(containers) < 0 || (creation->storage.ops != &snapshot_overlay &&
						 (syncfs(data) < 0 || syncfs(bundle) < 0))))
		r = -errno;
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "flush %s",
				       container->home.data_dir)
		     : 0;
}

/* Here the options are known to be good, and the creation's slow parts are still to come. */
static int expect_move(struct creation *creation, struct lxcri_error *err)
{
	cgroup_expect_move(creation->container->record.type == LXCRI_CRUN);
	return 0;
}

static int launch(struct creation *creation, struct lxcri_error *err)
{
	return container_launch(creation->container, creation->options->preserve_fds,
				&creation->pid, err);
}

static int write_pid_file(struct creation *creation, struct lxcri_error *err)
{
	const char *path = creation->options->pid_file;

	if (!path)
		return 0;

	autofree char *text = xformat("%d", (int)creation->pid);
	int r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_VOLATILE);

	return r < 0 ? fail_errno(err, r, "write the pid file %s", path) : 0;
}

/* Saves that it is complete, and tells so. */
static int save_ready(struct lxcri_container *container, struct lxcri_error *err)
{
	container->record.phase = RECORD_READY;
	if (home_save_record(container->engine, &container->home, &container->record, err) < 0)
		return -1;
	container_event(container, "create", "runtime",
			lxcri_container_type_name(container->record.type));
	return 0;
}

/* The monitor is told first: were it the record, a death in between would leave a record of a
 * finished creation whose monitor undoes it. */
static int commit(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;

	return monitor_commit(container->monitor, err) < 0 ? -1 : save_ready(container, err);
}

static const struct creation_step {
	const char *doing;
	int (*run)(struct creation *creation, struct lxcri_error *err);
} creation_steps[] = {
	{ "check the request", check_options },
	{ "choose the network", choose_network },
	{ "choose the runtime", choose_runtime },
	{ "fill the record", fill_record },
	{ "find the image", find_image },
	{ "choose its driver", choose_driver },
	{ "reserve the id", take_id },
	{ "expect a move", expect_move },
	{ "make its directories", make_home },
	{ "join its networks", join_networks },
	{ "prepare its layers", prepare_layers },
	{ "make the bundle", make_bundle },
	{ "make it durable", make_durable },
	{ "create it", launch },
	{ "write the pid file", write_pid_file },
	{ "commit", commit }, /* from here on it is a container */
};

/* Its network is the cluster's, and its output is on its console there, and among its files. */
static int leave_to_cluster(struct creation *creation, struct lxcri_error *err)
{
	(void)err;
	creation->mode = NETWORK_MODE_NONE;
	if (creation->log_driver == LXCRI_LOG_NONE)
		creation->container->record.log_max_files = 0;
	creation->log_driver = LXCRI_LOG_NONE; /* there is none on this host */
	return 0;
}

/* Writes down what the container is to be, for the cluster and for updates. */
static int make_ct_bundle(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_create_options options = *creation->options;
	struct record *record = &creation->container->record;
	struct bundle *bundle = &creation->bundle;

	options.apparmor_profile = "unconfined"; /* the cluster confines it */
	options.init = false;                    /* each has one */
	if (bundle_build(creation->image.config_json, &options, &record->layers, &record->ids,
			 bundle, err) < 0)
		return -1;
	for (size_t i = 0; i < bundle->n_volumes; i++)
		if (bundle->volumes[i].sub_path)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "a container of Proxmox VE mounts whole volumes, not the "
				    "subPath %s",
				    bundle->volumes[i].sub_path);
	ct_name_volumes(bundle, NULL);
	ct_volume_note(bundle, &options, bundle->spec);
	if (ct_process_note(&options, bundle->spec, err) < 0)
		return -1;
	record->stop_signal = xstrdup(bundle->stop_signal);
	if (probes_choose(options.probes, &record->probes, err) < 0)
		return -1;
	record->health = record->probes ? NULL : steal(bundle->health);
	if (hook_choose(options.pre_stop, &record->pre_stop, err) < 0)
		return fail_while(err, "preStop");
	if (hook_choose(options.post_start, &record->post_start, err) < 0)
		return fail_while(err, "postStart");
	closep(&creation->usage_lock);
	if (request_save(creation->options, creation->container->home.data_dir, err) < 0)
		return -1;
	return write_spec(record->bundle, bundle->spec, err);
}

/* A pod's has its place by the pod. */
static int join_as_guest(struct creation *creation, struct lxcri_error *err)
{
	int r;

	if (creation->place)
		return 0;
	if (bundle_choose_hostname(creation->options, &creation->hostname, err) < 0)
		return -1;
	r = guest_join_make(creation->container->engine, creation->options, creation->hostname,
			    &creation->guest, err);
	if (r > 0)
		creation->options = &creation->guest.options;
	return r < 0 ? -1 : 0;
}

static int make_ct(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;
	autorun(ct_place_finish) struct ct_place place = {};

	if (ct_create(container, creation->options, &creation->bundle, err) < 0)
		return -1;
	if (creation->options != &creation->guest.options)
		return 0;
	return ct_place_load(&container->record, &place, err) < 0 ||
			       ct_number_note(container->engine, container->home.id, place.vmid,
					      err) < 0
		       ? -1
		       : 0;
}

/* It stands on no layer of ours any more. */
static int commit_ct(struct creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *container = creation->container;

	strings_finish(&container->record.layers);
	return save_ready(container, err);
}

static const struct creation_step ct_steps[] = {
	{ "check the request", check_options },
	{ "choose the runtime", choose_runtime },
	{ "fill the record", fill_record },
	{ "leave network and log to the cluster", leave_to_cluster },
	{ "find the image", find_image },
	{ "reserve the id", take_id },
	{ "make its directories", make_home },
	{ "join a network as a guest", join_as_guest },
	{ "write the specification", make_ct_bundle },
	{ "make it durable", make_durable },
	{ "create it", make_ct },
	{ "commit", commit_ct }, /* from here on it is a container */
};

static int run_steps(struct creation *creation, struct lxcri_error *err)
{
	bool is_ct = creation->options->id && type_of(creation) == LXCRI_PROXMOX_LXC;
	const struct creation_step *steps = is_ct ? ct_steps : creation_steps;
	size_t count = is_ct ? ARRAY_LEN(ct_steps) : ARRAY_LEN(creation_steps);
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		log_debug("create %s: %s", creation->options->id, steps[i].doing);
		r = steps[i].run(creation, err);
	}
	return r;
}

/* Undoes what the steps did. The first error is the one that counts. */
static void roll_back(struct lxcri_container *container)
{
	struct lxcri_error second = {};

	if (!container->home.locked)
		return;
	monitor_free(steal(container->monitor)); /* uncommitted: it undoes itself */
	if (container_teardown(container, &second) < 0)
		log_error("%s", second.text);
}

/* Does what @creation says, which has what the caller knows. */
static int create(struct lxcri_engine *engine, struct creation creation,
		  struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = xnew(struct lxcri_container);
	const struct lxcri_create_options *options = creation.options;
	int r;

	creation.container = container;
	creation.announcement = -1;
	creation.usage_lock = -1;

	container->engine = engine;
	container->home = HOME_NULL;
	r = run_steps(&creation, err);
	image_finish(&creation.image);
	bundle_finish(&creation.bundle);
	guest_join_finish(&creation.guest);
	closep(&creation.announcement);
	closep(&creation.usage_lock);
	free(creation.hostname);
	if (r < 0) {
		roll_back(container);
		return fail_as(err, LXCRI_E_CONTAINER_CREATE_FAILED, "create %s",
			       options->id ? options->id : "a container");
	}
	home_unlock(&container->home);
	*ret_container = steal(container);
	return 0;
}

int create_with_bundle(struct lxcri_engine *engine, const struct lxcri_create_options *options,
		       const char *bundle_path, struct lxcri_container **ret_container,
		       struct lxcri_error *err)
{
	return create(engine, (struct creation){ .options = options, .bundle_path = bundle_path },
		      ret_container, err);
}

int create_in_pod(struct lxcri_engine *engine, const struct lxcri_create_options *options,
		  const struct create_place *place, struct lxcri_container **ret_container,
		  struct lxcri_error *err)
{
	return create(engine, (struct creation){ .options = options, .place = place },
		      ret_container, err);
}

int lxcri_container_create(struct lxcri_engine *engine, const struct lxcri_create_options *options,
			   struct lxcri_container **ret_container, struct lxcri_error *err)
{
	return create_with_bundle(engine, options, NULL, ret_container, err);
}
