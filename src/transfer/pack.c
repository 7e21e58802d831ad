/* SPDX-License-Identifier: MIT */
/* A tree as a tar stream. */

#include "transfer/pack.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/storage/archive_content.h"
#include "os/confine.h"
#include "os/path.h"
#include "os/storage/archive_content.h"
#include "transfer/place.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

/* Each level holds two descriptors. */
#define DEPTH_MAX 256

/* Larger than any file system of Linux that we know lets a file of real bytes become: a sparse file
 * of more would keep us busy with its holes for days. */
#define FILE_BYTES_MAX ((int64_t)16 << 40)

#define CAPABILITY_BYTES 64

/* Who owns what no number of the container stands for, as the kernel shows it there. */
#define ID_OVERFLOW 65534

struct pack {
	const struct pack_options *options;
	struct archive *archive;
	struct archive_entry_linkresolver *links;
	char *buffer;
	unsigned int depth;
};

/* What is being packed. */
struct node {
	int fd; /* O_PATH, borrowed */
	struct stat status;
	const char *name; /* in the archive */
};

static const unsigned int capabilities[] = { CAP_DAC_OVERRIDE };

static int fail_archive(struct pack *pack, const char *name, struct lxcri_error *err)
{
	const char *why = archive_error_string(pack->archive);
	int problem = archive_errno(pack->archive);
	/* Of these the text says no more than "Write error". */
	bool is_output = problem == ENOSPC || problem == EDQUOT || problem == EIO ||
			 problem == EROFS || problem == EFBIG || problem == EPIPE;

	if (is_output)
		return fail_code_errno(err, LXCRI_E_COPY_FAILED, problem,
				       "write \"%.200s\" to the archive", name);
	(void)fail(err, LXCRI_E_COPY_FAILED, "write \"%.200s\" to the archive: %s", name,
		   why ? why : "failed");
	err->errnum = problem > 0 ? problem : 0;
	return -1;
}

static int fail_node(const struct node *node, int problem, const char *doing,
		     struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_COPY_FAILED, problem, "%s \"%.200s\"", doing,
			       node->name);
}

/* Opens what is known to be a file or a directory for reading. Not by its name: that could have
 * become a device's, and opening one is using it. */
static int reopen(const struct node *node, int flags)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", node->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	return fd < 0 ? -errno : fd;
}

/* File systems whose files are the kernel's talk: their sizes are no sizes, and reading some of
 * them does something. */
static const char *find_made_up(int fd)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} kinds[] = {
		{ PROC_SUPER_MAGIC, "proc" },     { SYSFS_MAGIC, "sysfs" },
		{ CGROUP_SUPER_MAGIC, "cgroup" }, { CGROUP2_SUPER_MAGIC, "cgroup2" },
		{ DEVPTS_SUPER_MAGIC, "devpts" }, { DEBUGFS_MAGIC, "debugfs" },
		{ TRACEFS_MAGIC, "tracefs" },     { SECURITYFS_MAGIC, "securityfs" },
		{ BPF_FS_MAGIC, "bpf" },          { NSFS_MAGIC, "nsfs" },
		{ 0x19800202, "mqueue" },         { 0x62656570, "configfs" },
		{ EFIVARFS_MAGIC, "efivarfs" },   { PSTOREFS_MAGIC, "pstore" },
	};
	struct statfs status;

	if (fstatfs(fd, &status) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((unsigned long)status.f_type == kinds[i].magic)
			return kinds[i].name;
	return NULL;
}

static uint32_t shown(const struct copy_ids *map, uint32_t outside)
{
	uint32_t inside = copy_ids_inside(map, outside);

	return inside == COPY_ID_NONE ? ID_OVERFLOW : inside;
}

static struct archive_entry *describe(const struct pack *pack, const struct node *node)
{
	struct archive_entry *entry = archive_entry_new();
	const struct stat *status = &node->status;

	if (!entry)
		abort(); /* as all our allocations */
	archive_entry_set_pathname(entry, node->name);
	archive_entry_set_mode(entry, status->st_mode);
	archive_entry_set_uid(entry, shown(&pack->options->uids, status->st_uid));
	archive_entry_set_gid(entry, shown(&pack->options->gids, status->st_gid));
	archive_entry_set_mtime(entry, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
	archive_entry_set_ino64(entry, (la_int64_t)status->st_ino);
	archive_entry_set_dev(entry, status->st_dev);
	archive_entry_set_nlink(entry, (unsigned int)status->st_nlink);
	archive_entry_set_rdev(entry, status->st_rdev);
	archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
	return entry;
}

static int write_header(struct pack *pack, const struct node *node, struct archive_entry *entry,
			struct lxcri_error *err)
{
	return archive_write_header(pack->archive, entry) < ARCHIVE_WARN
		       ? fail_archive(pack, node->name, err)
		       : 0;
}

static int write_content(struct pack *pack, const struct node *node, struct archive_entry *entry,
			 int fd, struct lxcri_error *err)
{
	int r = archive_content_write(pack->archive, entry, fd, pack->buffer);

	if (r == -ENODATA)
		return fail(err, LXCRI_E_COPY_FAILED,
			    "\"%.200s\" became shorter while it was copied; copy it again",
			    node->name);
	return r < 0   ? fail_node(node, r, "read", err)
	       : r > 0 ? fail_archive(pack, node->name, err)
		       : 0;
}

static void add_capability(struct archive_entry *entry, int fd)
{
	char value[CAPABILITY_BYTES];
	ssize_t size = fgetxattr(fd, "security.capability", value, sizeof(value));

	if (size > 0)
		archive_entry_xattr_add_entry(entry, "security.capability", value, (size_t)size);
}

static int pack_file(struct pack *pack, const struct node *node, struct lxcri_error *err)
{
	autoclose int fd = reopen(node, O_NONBLOCK);
	struct archive_entry *entry;
	struct archive_entry *second = NULL;
	int r;

	if (fd < 0)
		return fail_node(node, fd, "open", err);
	if (node->status.st_size > FILE_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "\"%.200s\" is larger than %lld bytes",
			    node->name, (long long)FILE_BYTES_MAX);
	entry = describe(pack, node);
	add_capability(entry, fd);
	archive_content_note(entry, fd, &node->status);
	archive_entry_linkify(pack->links, &entry, &second);
	r = write_header(pack, node, entry, err);
	if (r == 0 && !archive_entry_hardlink(entry))
		r = write_content(pack, node, entry, fd, err);
	archive_entry_free(entry);
	return r;
}

static int pack_symlink(struct pack *pack, const struct node *node, struct lxcri_error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(node->fd, "", target, sizeof(target) - 1);
	struct archive_entry *entry;
	int r;

	if (length < 0)
		return fail_node(node, errno, "read the link", err);
	target[length] = '\0';
	entry = describe(pack, node);
	archive_entry_set_symlink(entry, target);
	r = write_header(pack, node, entry, err);
	archive_entry_free(entry);
	return r;
}

static int pack_header(struct pack *pack, const struct node *node, struct lxcri_error *err)
{
	struct archive_entry *entry = describe(pack, node);
	int r = write_header(pack, node, entry, err);

	archive_entry_free(entry);
	return r;
}

static int pack_node(struct pack *pack, const struct node *node, struct lxcri_error *err);

static int pack_child(struct pack *pack, const struct node *parent, const char *name,
		      struct lxcri_error *err)
{
	autofree char *path = xformat("%s/%s", parent->name, name);
	autoclose int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct node node = { .fd = fd, .name = path };

	if (fd < 0) /* it went away meanwhile */
		return errno == ENOENT ? 0 : fail_node(&node, errno, "open", err);
	if (strlen(path) >= PATH_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "\"%.200s...\": the path is too long",
			    path);
	if (fstat(fd, &node.status) < 0)
		return fail_node(&node, errno, "look at", err);
	return pack_node(pack, &node, err);
}

static int pack_children(struct pack *pack, const struct node *node, struct lxcri_error *err)
{
	int fd = reopen(node, O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir) {
		closep(&fd);
		return fail_node(node, fd < 0 ? -fd : errno, "list", err);
	}
	for (struct dirent *entry = readdir(dir); r == 0 && entry; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = pack_child(pack, node, entry->d_name, err);
	(void)closedir(dir);
	return r;
}

static int pack_dir(struct pack *pack, const struct node *node, struct lxcri_error *err)
{
	int r = pack_header(pack, node, err);

	if (r < 0 || find_made_up(node->fd))
		return r;
	if (pack->depth == DEPTH_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "\"%.200s...\": more than %d directories in each other", node->name,
			    DEPTH_MAX);
	pack->depth++;
	r = pack_children(pack, node, err);
	pack->depth--;
	return r;
}

static int pack_node(struct pack *pack, const struct node *node, struct lxcri_error *err)
{
	switch (node->status.st_mode & S_IFMT) {
	case S_IFREG:
		return pack_file(pack, node, err);
	case S_IFDIR:
		return pack_dir(pack, node, err);
	case S_IFLNK:
		return pack_symlink(pack, node, err);
	case S_IFSOCK:
		log_warning("\"%.200s\" is a socket and left out", node->name);
		return 0;
	default:
		return pack_header(pack, node, err);
	}
}

/* Finds what is to be packed. What cannot be is told by name, where it was asked for by name. */
static int open_top(const struct pack_options *options, struct node *node, struct lxcri_error *err)
{
	const char *made_up;

	node->fd = path_open_in(options->root, *options->path ? options->path : ".",
				O_PATH | (options->follow ? 0 : O_NOFOLLOW));
	if (node->fd == -ENOENT || node->fd == -ENOTDIR)
		return fail(err, LXCRI_E_PATH_NOT_FOUND, "there is no %s", options->path);
	if (node->fd < 0 || fstat(node->fd, &node->status) < 0)
		return fail_code_errno(err, LXCRI_E_COPY_FAILED, node->fd < 0 ? node->fd : errno,
				       "open %s", options->path);
	if (S_ISSOCK(node->status.st_mode))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s is a socket, which cannot be copied",
			    options->path);
	made_up = S_ISLNK(node->status.st_mode) ? NULL : find_made_up(node->fd);
	if (made_up)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%s is of a %s file system, whose files are made up as they are read; "
			    "read it there: exec ID cat %s",
			    options->path, made_up, options->path);
	return 0;
}

static int confine(const struct node *top, struct lxcri_error *err)
{
	const struct confine_path paths[] = { { top->fd, CONFINE_READ } };
	int r = confine_capabilities(capabilities, ARRAY_LEN(capabilities));

	/* The kernel has no rule for a symlink, and there is nothing to be read of one. */
	if (r == 0)
		r = confine_files(paths, S_ISLNK(top->status.st_mode) ? 0 : ARRAY_LEN(paths));
	return r < 0 && r != -EOPNOTSUPP ? fail_errno(err, r, "give rights up") : 0;
}

/* Names stay the bytes they are: they are not brought into the form of any alphabet. */
static int open_archive(struct pack *pack, int out, struct lxcri_error *err)
{
	pack->archive = archive_write_new();
	pack->links = archive_entry_linkresolver_new();
	if (!pack->archive || !pack->links)
		abort(); /* as all our allocations */
	archive_entry_linkresolver_set_strategy(pack->links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	if (archive_write_set_format_pax_restricted(pack->archive) < ARCHIVE_WARN ||
	    archive_write_set_options(pack->archive, "hdrcharset=BINARY") < ARCHIVE_WARN ||
	    archive_write_set_bytes_in_last_block(pack->archive, 1) < ARCHIVE_WARN ||
	    archive_write_open_fd(pack->archive, out) < ARCHIVE_WARN)
		return fail_archive(pack, "", err);
	return 0;
}

int pack_tree(const struct pack_options *options, int out, struct lxcri_error *err)
{
	bool content = text_ends_with(options->path, "/.");
	autofree char *name = content ? NULL : place_name_of(options->path);
	struct node top = { .fd = -1, .name = name ? name : "." };
	struct pack pack = { .options = options, .buffer = xzalloc(ARCHIVE_CONTENT_BUFFER) };
	int r = open_top(options, &top, err);

	if (r == 0)
		r = confine(&top, err);
	if (r == 0)
		r = open_archive(&pack, out, err);
	if (r == 0)
		r = pack_node(&pack, &top, err);
	if (r == 0 && archive_write_close(pack.archive) < ARCHIVE_WARN)
		r = fail_archive(&pack, top.name, err);
	if (r < 0 && pack.archive)
		(void)archive_write_fail(pack.archive); /* no end is to be written */
	archive_write_free(pack.archive);
	if (pack.links)
		archive_entry_linkresolver_free(pack.links);
	closep(&top.fd);
	free(pack.buffer);
	return r;
}
