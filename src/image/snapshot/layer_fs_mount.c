/* SPDX-License-Identifier: MIT */
/* Layers without images and containers: their mounts.
 *
 * Each is in a mount namespace that a child makes, and whose descriptor we keep. Another child goes
 * there for what is to be done in it: nothing of our own process changes. */

#include "image/snapshot/layer_fs.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/collect/access.h"
#include "image/layout.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* What a child is to do. */
struct errand {
	const struct mount_root *root; /* to be mounted in a namespace of its own, or... */
	int space;                     /* where it goes, to the path */
	const char *path;
	/* Returns a descriptor to be sent back, or -errno and fills @err. */
	int (*run)(const struct errand *errand, struct lxcri_error *err);
};

_Noreturn static void run_child(const struct errand *errand, int socket)
{
	struct lxcri_error err = {};
	int fd = errand->run(errand, &err);

	_exit(socket_send(socket, &err, sizeof(err), &fd, fd < 0 ? 0 : 1) < 0);
}

/* Receives what the child has sent: *@ret_fd, or a failure. */
static int receive(int socket, int *ret_fd, struct lxcri_error *err)
{
	struct lxcri_error answer;
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	ssize_t got = socket_receive(socket, &answer, sizeof(answer), fds, &n_fds, 0);

	if (got == sizeof(answer) && answer.code == LXCRI_E_NONE && n_fds == 1) {
		*ret_fd = fds[0];
		return 0;
	}
	for (size_t i = 0; i < n_fds; i++)
		closep(&fds[i]);
	if (got != sizeof(answer) || answer.code == LXCRI_E_NONE)
		return fail(err, LXCRI_E_NAMESPACE_ERROR, "no answer from a mount namespace");
	*err = answer;
	return -1;
}

static int send_child(const struct errand *errand, int *ret_fd, struct lxcri_error *err)
{
	int ends[2];
	int r = socket_pair(ends);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_NAMESPACE_ERROR, r, "make a socket");

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];
	pid_t pid = fork();

	if (pid < 0)
		return fail_code_errno(err, LXCRI_E_NAMESPACE_ERROR, errno, "start a process");
	if (pid == 0)
		run_child(errand, theirs);
	closep(&theirs);
	r = receive(ours, ret_fd, err);
	(void)process_wait(pid);
	return r;
}

static int build(const struct errand *errand, struct lxcri_error *err)
{
	int space;
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_code_errno(err, LXCRI_E_NAMESPACE_ERROR, errno,
				       "make a mount namespace");
	r = mount_root(errand->root);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "mount on %s",
				       errand->root->target);
	space = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return space < 0 ? fail_code_errno(err, LXCRI_E_NAMESPACE_ERROR, errno,
					   "open the mount namespace")
			 : space;
}

static int go_there(const struct errand *errand, struct lxcri_error *err)
{
	return setns(errand->space, CLONE_NEWNS) < 0
		       ? fail_code_errno(err, LXCRI_E_NAMESPACE_ERROR, errno,
					 "enter the mount namespace of %s", errand->path)
		       : 0;
}

static int open_there(const struct errand *errand, struct lxcri_error *err)
{
	int fd = go_there(errand, err) < 0 ? -1
					   : open(errand->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 && err->code == LXCRI_E_NONE
		       ? fail_code_errno(err, LXCRI_E_MOUNT_FAILED, errno, "open %s", errand->path)
		       : fd;
}

static int unmount_there(const struct errand *errand, struct lxcri_error *err)
{
	if (go_there(errand, err) < 0)
		return -1;
	if (umount2(errand->path, UMOUNT_NOFOLLOW) < 0)
		return fail_code_errno(err, LXCRI_E_UNMOUNT_FAILED, errno, "unmount %s",
				       errand->path);
	return errand->space; /* something has to come back */
}

static struct layer_mount *find(const struct lxcri_layer_fs *fs, const char *path)
{
	for (size_t i = 0; i < fs->n_mounts; i++)
		if (strcmp(fs->mounts[i].path, path) == 0)
			return &fs->mounts[i];
	return NULL;
}

static void mount_finish(struct layer_mount *mount)
{
	struct lxcri_error ignored = {};

	/* With its descriptor the namespace ends, and with that the mount. */
	closep(&mount->space);
	/* What cannot be removed is garbage once nobody holds the lock. */
	if (mount->dir && snapshot_destroy(mount->dir, &ignored) == 0)
		(void)path_remove_tree(AT_FDCWD, mount->dir);
	closep(&mount->lock);
	freep(&mount->dir);
	freep(&mount->path);
}

static int write_list(const struct layer_mount *mount, const struct strings *layers)
{
	autorun(text_finish) struct text list = {};

	for (size_t i = 0; i < layers->count; i++)
		text_addf(&list, "%s\n", layers->items[i]);
	return file_write_atomic(mount->lock, LAYER_FS_LIST, list.data, list.length, 0600,
				 FILE_DURABLE);
}

/* Makes the directory of a mount, locked, with the list of its layers. */
static int make_dir(const struct lxcri_layer_fs *fs, struct layer_mount *mount)
{
	autofree char *parent = xformat("%s/" LAYER_FS_MOUNTS, fs->base);
	autofree char *dir = xformat("%s/m-XXXXXX", parent);
	int r = path_make_dirs(parent, 0700);

	if (r < 0)
		return r;
	if (!mkdtemp(dir))
		return -errno;
	mount->dir = steal(dir);
	mount->lock = open(mount->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return mount->lock < 0 || flock(mount->lock, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* Under the store's lock: from here on no collection takes the layers away. */
static int reserve(const struct lxcri_layer_fs *fs, const struct strings *layers,
		   struct layer_mount *mount, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoclose int lock = -1;
	int r = 0;

	if (layout_open(fs->base, &layout, err) < 0)
		return -1;
	lock = layout_lock(&layout, err);
	if (lock < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < layers->count; i++)
		r = access(layers->items[i], F_OK) < 0 ? -errno : 0;
	if (r == 0)
		r = make_dir(fs, mount);
	if (r == 0)
		r = write_list(mount, layers);
	if (r == 0)
		access_note(fs->base, NULL, layers);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "make the directory of a mount in %s", fs->base)
		     : 0;
}

static int make(const struct lxcri_layer_fs *fs, const struct strings *layers,
		struct layer_mount *mount, struct lxcri_error *err)
{
	autofree char *copied = xformat("%s/rootfs", mount->dir);
	autorun(mount_root_finish) struct mount_root described = {};
	const struct errand errand = { .root = &described, .run = build };
	const struct snapshot_root root = {
		.place = &fs->place,
		.dir = mount->dir,
		.target = fs->ops == &snapshot_dir ? copied : mount->path,
		.layers = layers,
	};

	if (fs->ops->create(&root, err) < 0 || fs->ops->describe(&root, &described, err) < 0)
		return -1;
	if (!described.target) {
		described.target = xstrdup(mount->path);
		described.directory = xstrdup(copied);
	}
	return send_child(&errand, &mount->space, err);
}

int lxcri_layer_fs_mount(struct lxcri_layer_fs *fs, const char *path, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings layers = layer_fs_layers(fs);
	autorun(mount_finish) struct layer_mount mount = { .lock = -1, .space = -1 };
	int r = path_make_dirs(path, 0755);

	if (layers.count == 0)
		return fail(err, LXCRI_E_MOUNT_FAILED, "mount on %s: no layer was added", path);
	mount.path = r < 0 ? NULL : realpath(path, NULL);
	if (!mount.path)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r < 0 ? r : errno,
				       "make the mount point %s", path);
	if (find(fs, mount.path))
		return fail(err, LXCRI_E_MOUNT_FAILED, "something is mounted on %s already", path);
	if (reserve(fs, &layers, &mount, err) < 0 ||
	    (fs->ops->prepare && fs->ops->prepare(&fs->place, &layers, err) < 0) ||
	    make(fs, &layers, &mount, err) < 0)
		return -1;
	fs->mounts = xreallocarray(fs->mounts, fs->n_mounts + 1, sizeof(fs->mounts[0]));
	fs->mounts[fs->n_mounts++] = mount;
	mount = (struct layer_mount){ .lock = -1, .space = -1 };
	return 0;
}

/* Finds the mount by any name of its place. */
static struct layer_mount *resolve(const struct lxcri_layer_fs *fs, const char *path)
{
	autofree char *real = realpath(path, NULL);

	return real ? find(fs, real) : NULL;
}

int lxcri_layer_fs_open(struct lxcri_layer_fs *fs, const char *path, struct lxcri_error *err)
{
	const struct layer_mount *mount = resolve(fs, path);
	int fd = -1;

	if (!mount)
		return fail(err, LXCRI_E_MOUNT_FAILED, "nothing is mounted on %s", path);

	const struct errand errand = { .space = mount->space,
				       .path = mount->path,
				       .run = open_there };

	return send_child(&errand, &fd, err) < 0 ? -1 : fd;
}

int lxcri_layer_fs_namespace(const struct lxcri_layer_fs *fs, const char *path,
			     struct lxcri_error *err)
{
	const struct layer_mount *mount = resolve(fs, path);

	return mount ? mount->space
		     : fail(err, LXCRI_E_NAMESPACE_ERROR, "nothing is mounted on %s", path);
}

int lxcri_layer_fs_unmount(struct lxcri_layer_fs *fs, const char *path, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings layers = layer_fs_layers(fs);
	struct layer_mount *mount = resolve(fs, path);
	int fd = -1;

	if (!mount)
		return fail(err, LXCRI_E_UNMOUNT_FAILED, "nothing is mounted on %s", path);

	const struct errand errand = { .space = mount->space,
				       .path = mount->path,
				       .run = unmount_there };

	if (send_child(&errand, &fd, err) < 0)
		return -1;
	closep(&fd);
	access_note(fs->base, NULL, &layers);
	mount_finish(mount);
	*mount = fs->mounts[--fs->n_mounts];
	return 0;
}

void layer_fs_unmount_all(struct lxcri_layer_fs *fs)
{
	while (fs->n_mounts > 0)
		mount_finish(&fs->mounts[--fs->n_mounts]);
}
