/* SPDX-License-Identifier: MIT */
/* The merged tree of an image, written as files. Directories are held open from when they are made
 * until they get their times, so no name is followed. */

#include "image/convert/fill.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/convert/template.h"
#include "image/convert/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define CHUNK_BYTES ((size_t)1 << 20)

struct fill {
	int root; /* borrowed */
	enum fill_devices devices;
	int *dirs; /* from the root down to where the walk stands */
	size_t depth;
};

static void fill_finish(struct fill *fill)
{
	while (fill->depth > 0)
		closep(&fill->dirs[--fill->depth]);
	free(fill->dirs);
}

static int fail_entry(const struct walk_entry *entry, int r, struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_CONVERSION_FAILED, r, "write \"%.200s\"",
			       *entry->path ? entry->path : "/");
}

/* Makes the directory of @entry and goes on in it. Returns 0 or -errno. */
static int enter_dir(struct fill *fill, const struct walk_entry *entry)
{
	int fd;

	if (fill->depth == 0) {
		fd = openat(fill->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		int parent = fill->dirs[fill->depth - 1];

		if (mkdirat(parent, entry->name, 0700) < 0)
			return -errno;
		fd = openat(parent, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	fill->dirs = xreallocarray(fill->dirs, fill->depth + 1, sizeof(*fill->dirs));
	fill->dirs[fill->depth++] = fd;
	return 0;
}

static int enter(void *userdata, const struct walk_entry *entry, struct lxcri_error *err)
{
	struct fill *fill = userdata;
	int r;

	if (fill->devices == FILL_WITHOUT_DEVICES &&
	    (S_ISCHR(entry->status->st_mode) || S_ISBLK(entry->status->st_mode)))
		return 0;
	if (entry->fd >= 0)
		r = enter_dir(fill, entry);
	else if (entry->first)
		r = linkat(fill->root, entry->first, fill->dirs[fill->depth - 1], entry->name, 0) <
				    0
			    ? -errno
			    : 0;
	else
		r = copy_node_as(entry->dir, fill->dirs[fill->depth - 1], entry->name,
				 entry->status);
	return r < 0 ? fail_entry(entry, r, err) : 0;
}

static int leave(void *userdata, const struct walk_entry *entry, struct lxcri_error *err)
{
	struct fill *fill = userdata;
	int r = copy_attributes(entry->fd, fill->dirs[fill->depth - 1]);

	closep(&fill->dirs[--fill->depth]);
	return r < 0 ? fail_entry(entry, r, err) : 0;
}

int fill_dir(const int *fds, size_t count, int to, enum fill_devices devices,
	     struct lxcri_error *err)
{
	autorun(fill_finish) struct fill fill = { .root = to, .devices = devices };
	const struct walk_visitor visitor = { enter, leave, &fill };

	return walk_layers(fds, count, &visitor, err);
}

static int copy_content(int from, int to)
{
	off_t at = 0;
	ssize_t sent;

	do {
		sent = sendfile(to, from, &at, CHUNK_BYTES);
	} while (sent > 0);
	return sent < 0 ? -errno : 0;
}

/* Returns 0 or -errno: -EEXIST where the tree has something of that name. */
static int add_program(int root, int program)
{
	autoclose int dir = -1;
	autoclose int fd = -1;

	if (mkdirat(root, TEMPLATE_INIT_DIR, 0755) < 0)
		return -errno;
	dir = openat(root, TEMPLATE_INIT_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, 0755) < 0)
		return -errno;
	fd = openat(dir, "init", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return -errno;
	return copy_content(program, fd);
}

int fill_add_init(int root, int init, struct lxcri_error *err)
{
	int r = add_program(root, init);

	if (r == -EEXIST)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the image has a /" TEMPLATE_INIT_DIR " of its own");
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONVERSION_FAILED, r,
				       "write \"" TEMPLATE_INIT_DIR "/init\"")
		     : 0;
}
