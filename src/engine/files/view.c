/* SPDX-License-Identifier: MIT */
/* The root of a container as a directory descriptor.
 *
 * How it works: a container whose first process has left the host's root is entered through that
 * process. Any other is looked at in a mount namespace that a child makes: a copy of the monitor's
 * when there is one (it has the root file system mounted already, and an overlay's upper directory
 * must not be mounted twice), else a copy of ours where the child mounts it as the monitor would.
 * There the child binds the volumes, and covers what would be mounted by the container itself with
 * an empty file system that cannot be written: what is put below such a mount would be lost. The
 * child sends descriptors of root and namespace, and ends. The mounts are gone when both are
 * closed, also when we are killed. */

#include "engine/files/view.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_files.h"
#include "engine/ct/ct_node.h"
#include "engine/driver.h"
#include "engine/files/root.h"
#include "engine/volumes/parts.h"
#include "os/file.h"
#include "os/fs_ids.h"
#include "os/path.h"
#include "os/process.h"
#include "os/socket.h"
#include "os/storage/part.h"
#include "os/tree.h"
#include "runtime/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define MAP_BYTES_MAX ((size_t)64 << 10)

void view_finish(struct view *view)
{
	closep(&view->root);
	closep(&view->space);
	freep(&view->uid_map);
	freep(&view->gid_map);
	if (view->locked)
		home_unlock(&view->container->home);
	view->locked = false;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static char *read_map(int process, const char *name)
{
	char *map = NULL;
	size_t size;

	return file_read(process, name, MAP_BYTES_MAX, &map, &size) == 0 ? map : NULL;
}

/* Opens the root of the first process. Returns 1, or 0 when there is no process, or when it still
 * has the host's root: that of an LXC container leaves it at the start. */
static int open_of_process(const struct lxcri_container *container, struct view *view)
{
	const struct monitor_state *state = &container->state;
	autofree char *path = xformat("/proc/%d", (int)state->pid);
	autoclose int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int root =
		process < 0 ? -1 : openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t start_time;
	struct stat theirs;
	struct stat ours;

	/* Asked after all is open, the time tells whose it is. */
	if (root < 0 || fstat(root, &theirs) < 0 || stat("/", &ours) < 0 ||
	    is_same(&theirs, &ours) || process_start_time(state->pid, &start_time) < 0 ||
	    start_time != state->pid_start_time)
		return 0;
	view->uid_map = read_map(process, "uid_map");
	view->gid_map = read_map(process, "gid_map");
	view->root = steal_fd(&root);
	return 1;
}

static bool has_option(struct json_object *mount, const char *wanted)
{
	struct json_object *options = json_get(mount, "options");
	size_t count = json_count(options);

	for (size_t i = 0; i < count; i++) {
		const char *option = json_object_get_string(json_object_array_get_idx(options, i));

		if (option && strcmp(option, wanted) == 0)
			return true;
	}
	return false;
}

/* Opens the place of a mount below @root, making it as a start would. */
static int open_target(int root, const char *path, bool is_dir)
{
	autofree char *above = xstrndup(path, (size_t)(strrchr(path, '/') + 1 - path));
	int fd = path_open_in(root, path, O_PATH);

	if (fd != -ENOENT)
		return fd;
	if (is_dir)
		return path_make_dirs_in(root, path, 0755);

	autoclose int dir = path_make_dirs_in(root, above, 0755);
	autoclose int file = dir < 0 ? dir : path_create_in(root, path, O_WRONLY | O_EXCL, 0644);

	return file < 0 ? file : path_open_in(root, path, O_PATH);
}

static int bind_volume(const char *bundle, int root, struct json_object *mount,
		       struct lxcri_error *err)
{
	const struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	const char *destination = json_get_text(mount, "destination");
	const char *source = json_get_text(mount, "source");
	unsigned int flags = has_option(mount, "rbind") ? AT_RECURSIVE : 0;
	autofree char *path =
		!source || *source == '/' ? xstrdup(source) : xformat("%s/%s", bundle, source);
	autoclose int from = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	struct stat status;

	if (from < 0 || fstat(from, &status) < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, errno, "the volume %s for %s",
				       path ? path : "", destination);

	autoclose int tree = tree_clone(from, flags);
	int r = tree;

	if (r >= 0 && has_option(mount, "ro"))
		r = tree_change(tree, flags, &read_only);

	autoclose int target = r < 0 ? r : open_target(root, destination, S_ISDIR(status.st_mode));

	r = target < 0 ? target : tree_attach(tree, target);
	return r < 0 ? fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "bind the volume for %s",
				       destination)
		     : 0;
}

/* Covers what a start would mount something else on. */
static int cover(int root, const char *destination, struct lxcri_error *err)
{
	const struct strings options = {};
	struct tree_message message;
	autoclose int target = path_open_in(root, destination, O_PATH | O_DIRECTORY);

	if (target < 0)
		return 0;

	int tree = tree_new("tmpfs", NULL, &options, MOUNT_ATTR_RDONLY, &message);
	int r = tree < 0 ? tree : tree_attach(tree, target);

	closep(&tree);
	return r < 0 ? fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "cover %s", destination) : 0;
}

/* What is in memory of a pod that has stopped is not there. */
static bool is_gone(const struct lxcri_container *container, struct json_object *mount)
{
	const char *source = json_get_text(mount, "source");

	return container->record.pod_of && source && *source == '/' &&
	       strcmp(json_get_text(mount, "destination"), "/dev/shm") == 0 &&
	       path_exists(source) == 0;
}

static int mount_all(const struct lxcri_container *container, int root, struct json_object *spec,
		     struct lxcri_error *err)
{
	const char *bundle = container->record.bundle;
	struct json_object *mounts = json_get(spec, "mounts");
	size_t count = json_count(mounts);

	for (size_t i = 0; i < count; i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *destination = json_get_text(mount, "destination");
		const char *type = json_get_text(mount, "type");
		bool binds = (type && strcmp(type, "bind") == 0) || has_option(mount, "bind") ||
			     has_option(mount, "rbind");
		int r;

		if (!destination || *destination != '/')
			continue;
		binds = binds && !is_gone(container, mount);
		r = binds ? bind_volume(bundle, root, mount, err) : cover(root, destination, err);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Enters a mount namespace like the monitor's, where the root file system is, or like ours. Nothing
 * that is mounted there reaches another one. */
static int enter_space(pid_t monitor, struct lxcri_error *err)
{
	autofree char *path = xformat("/proc/%d/ns/mnt", (int)monitor);
	autoclose int space = monitor > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (monitor > 0 && (space < 0 || setns(space, CLONE_NEWNS) < 0))
		return fail_errno(err, errno, "enter the monitor's mount namespace");
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_errno(err, errno, "make a mount namespace");
	return 0;
}

static int mount_rootfs(const struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(mount_root_finish) struct mount_root root = {};
	int r = 0;

	if (!container->record.owns_bundle || ct_is(container))
		return 0;
	if (driver_describe(container, &root, err) < 0)
		return -1;
	if (root.target)
		r = mount_root(&root);
	return r < 0 ? fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "mount on %s", root.target)
		     : 0;
}

/* Where the specification has them mounted from. */
static int mount_parts(const struct lxcri_container *container, struct lxcri_error *err)
{
	autofree char *places = xformat("%s/" WIRE_PARTS, container->home.run_dir);
	autorun(strings_finish) struct strings parts = {};
	size_t index;
	int r;

	if (!container->record.pod_of)
		return 0;
	if (parts_load(container->home.data_dir, &parts, err) < 0)
		return -1;
	r = part_mount_all(places, &parts, PART_LEAVE, &index);
	return r < 0 ? fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "subPath %s of %s",
				       parts.items[2 * index + 1], parts.items[2 * index])
		     : 0;
}

/* A clone of the mount: what is changed of it is our own. */
static int open_root(const char *rootfs, bool read_only)
{
	const struct mount_attr change = { .attr_set = MOUNT_ATTR_RDONLY };
	autoclose int held = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int tree = held < 0 ? -1 : tree_clone(held, 0);
	int r = held < 0 ? -errno : tree < 0 ? tree : tree_attach(tree, held);

	if (r < 0)
		return r;
	if (read_only)
		r = tree_change(tree, 0, &change);
	return r < 0 ? r : path_open_in(tree, ".", O_PATH | O_DIRECTORY);
}

/* Places of mounts are made as the container's root: a mount for its user namespace takes files of
 * no other's. */
static int become_root_of(const struct lxcri_container *container, struct lxcri_error *err)
{
	const struct id_map map = record_id_map(&container->record.ids);
	uint32_t uid;
	uint32_t gid;
	int r = id_extents_to_host(&map.uids, 0, &uid);

	if (container->record.ids.size == 0)
		return 0; /* and the cluster has made the places of its volumes */
	if (r == 0)
		r = id_extents_to_host(&map.gids, 0, &gid);
	if (r == 0)
		r = fs_ids_set(uid, gid);
	return r < 0 ? fail_errno(err, r, "make files as its root") : 0;
}

/* What the child does: yields the descriptors of root and namespace. */
static int build(const struct lxcri_container *container, struct json_object *spec, pid_t monitor,
		 int ret_fds[2], struct lxcri_error *err)
{
	autofree char *rootfs = ct_is(container) ? xstrdup(json_get_text(spec, "root"))
						 : root_find(container, spec);

	if (enter_space(monitor, err) < 0)
		return -1;
	if (monitor <= 0 && (mount_rootfs(container, err) < 0 || mount_parts(container, err) < 0))
		return -1;
	ret_fds[0] = open_root(rootfs, json_get_bool(json_get(spec, "root"), "readonly", false));
	ret_fds[1] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ret_fds[0] < 0 || ret_fds[1] < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED,
				       ret_fds[0] < 0 ? ret_fds[0] : errno, "open %s", rootfs);
	return become_root_of(container, err) < 0 ? -1
						  : mount_all(container, ret_fds[0], spec, err);
}

_Noreturn static void run_child(const struct lxcri_container *container, struct json_object *spec,
				pid_t monitor, int socket)
{
	struct lxcri_error err = {};
	int fds[2] = { -1, -1 };
	int r = build(container, spec, monitor, fds, &err);

	r = socket_send(socket, &err, sizeof(err), fds, r < 0 ? 0 : 2);
	_exit(r < 0 ? 1 : 0);
}

static int receive(struct view *view, int socket, struct lxcri_error *err)
{
	int fds[SOCKET_FDS_MAX];
	struct lxcri_error answer;
	size_t n_fds = 0;
	ssize_t got = socket_receive(socket, &answer, sizeof(answer), fds, &n_fds, 0);

	if (got == sizeof(answer) && answer.code == LXCRI_E_NONE && n_fds == 2) {
		view->root = fds[0];
		view->space = fds[1];
		return 0;
	}
	for (size_t i = 0; i < n_fds; i++)
		closep(&fds[i]);
	if (got != sizeof(answer) || answer.code == LXCRI_E_NONE)
		return fail(err, LXCRI_E_MOUNT_FAILED, "mount the root file system: no answer");
	*err = answer;
	return -1;
}

static int open_mounted(struct lxcri_container *container, struct view *view,
			struct lxcri_error *err)
{
	autojson spec =
		ct_is(container) ? ct_files_spec(container, err) : root_load_spec(container, err);
	pid_t monitor = ct_is(container) || container->status == LXCRI_STATUS_STOPPED
				? 0
				: monitor_find(container->home.run_fd);
	int ends[2];
	int r;

	if (!spec)
		return -1;
	r = socket_pair(ends);
	if (r < 0)
		return fail_errno(err, r, "make a socket");

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];
	pid_t child = fork();

	if (child < 0)
		return fail_errno(err, errno, "fork");
	if (child == 0)
		run_child(container, spec, monitor, theirs);
	closep(&theirs);
	r = receive(view, ours, err);
	(void)process_wait(child);
	view->uid_map = root_format_map(spec, "uidMappings");
	view->gid_map = root_format_map(spec, "gidMappings");
	return r;
}

/* A container of Proxmox VE has files here where this host is its node. */
static int find_ct(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};

	if (container->status == LXCRI_STATUS_RUNNING)
		return ct_node_enter(container, "open the files of", err);
	return ct_node_need(container, "open the files of", &place, err);
}

int view_open(struct lxcri_container *container, struct view *ret_view, struct lxcri_error *err)
{
	struct view view = { .container = container, .root = -1, .space = -1 };
	int r = 0;

	if (container_lock(container, err) < 0)
		return -1;
	view.locked = true;
	if (ct_is(container) && find_ct(container, err) < 0) {
		view_finish(&view);
		return -1;
	}
	if (container->state.pid > 0 && container->status != LXCRI_STATUS_STOPPED &&
	    open_of_process(container, &view) > 0) {
		home_unlock(&container->home);
		view.locked = false;
	} else if (container->status == LXCRI_STATUS_RUNNING ||
		   container->status == LXCRI_STATUS_PAUSED) {
		r = fail(err, LXCRI_E_INVALID_STATE,
			 "its first process is gone, or has the host's own root");
	} else {
		r = open_mounted(container, &view, err);
	}
	if (r < 0)
		view_finish(&view);
	else
		*ret_view = view;
	return r;
}
