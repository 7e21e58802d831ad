/* SPDX-License-Identifier: MIT */
/* A layer made of a few names, unpacked, and compared with what it must be: see tree_model.h. Four
 * bytes are an entry. */

#include "tree_model.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/layer/stream.h"
#include "image/layer/tree.h"
#include "image/layer/unpack.h"
#include "os/file.h"
#include "os/path.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENTRIES_MAX 24
#define BLOCK       512

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int scratch_fd = -1;
static char scratch_path[] = "/tmp/fuzz-unpack-XXXXXX";

static void remove_scratch(void)
{
	(void)rmdir(scratch_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)umask(0);
	hash_prepare();
	assert(mkdtemp(scratch_path));
	scratch_fd = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(scratch_fd >= 0);
	return atexit(remove_scratch);
}

/* One to three names. */
static void read_path(uint8_t byte, char path[16])
{
	int depth = 1 + (byte >> 6) % 3;

	path[0] = (char)('a' + byte % 4 % MODEL_NAMES);
	for (int i = 1; i < depth; i++) {
		path[2 * i - 1] = '/';
		path[2 * i] = (char)('a' + (byte >> (2 * i)) % 4 % MODEL_NAMES);
	}
	path[2 * depth - 1] = '\0';
}

static struct model_entry read_entry(const uint8_t bytes[4], int64_t number)
{
	static const char *const ways[] = { "", "/", "../", "./../" };
	static const mode_t modes[] = { 0, 0644, 0755, 04711, 01777, 02750, 0600, 0100 };
	struct model_entry entry = { .kind = bytes[0] % 7,
				     .mode = modes[bytes[3] % 8],
				     .uid = bytes[3] / 8,
				     .mtime = 1000 + number,
				     .content = (char)bytes[2] };
	char path[16];

	read_path(bytes[1], entry.path);
	read_path(bytes[2], path);
	if (entry.kind == ENTRY_SYMLINK)
		(void)snprintf(entry.target, sizeof(entry.target), "%s%s", ways[bytes[3] % 4],
			       path);
	else if (entry.kind == ENTRY_LINK)
		(void)snprintf(entry.target, sizeof(entry.target), "%s", path);
	if (entry.kind == ENTRY_SYMLINK)
		entry.mode = 0777;
	if ((entry.kind == ENTRY_DIR || entry.kind == ENTRY_HIDE_BELOW) && bytes[0] > 200)
		entry.path[0] = '\0';
	return entry;
}

static void set_octal(char *field, size_t size, uint64_t value)
{
	(void)snprintf(field, size, "%0*llo", (int)size - 1, (unsigned long long)value);
}

static void set_name(const struct model_entry *entry, char name[100])
{
	size_t length = strlen(entry->path);

	if (entry->kind == ENTRY_HIDE)
		(void)snprintf(name, 100, "%.*s.wh.%c", (int)length - 1, entry->path,
			       entry->path[length - 1]);
	else if (entry->kind == ENTRY_HIDE_BELOW)
		(void)snprintf(name, 100, "%s%s.wh..wh..opq", entry->path, length ? "/" : "");
	else
		(void)snprintf(name, 100, "%s", length ? entry->path : "./");
}

/* Writes header and content (POSIX.1-1988, "ustar"). */
static size_t write_entry(const struct model_entry *entry, char block[2 * BLOCK])
{
	static const char types[] = { '0', '5', '2', '1', '6', '0', '0' };
	bool has_content = entry->kind == ENTRY_FILE;
	unsigned int sum = 0;

	memset(block, 0, 2 * BLOCK);
	set_name(entry, block);
	set_octal(block + 100, 8, entry->mode);
	set_octal(block + 108, 8, entry->uid);
	set_octal(block + 116, 8, entry->uid);
	set_octal(block + 124, 12, has_content);
	set_octal(block + 136, 12, (uint64_t)entry->mtime);
	memset(block + 148, ' ', 8);
	block[156] = types[entry->kind];
	(void)snprintf(block + 157, 100, "%s", entry->target);
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	set_octal(block + 148, 7, sum);
	block[BLOCK] = has_content ? entry->content : '\0';
	return has_content ? 2 * BLOCK : BLOCK;
}

/* Unpacks the layer @fd into @rootfd; tells whether that could be. */
static bool unpack(int fd, uint64_t size, int rootfd)
{
	const struct span source = { .fd = fd, .size = size };
	struct budget budget = {};
	struct lxcri_error err = {};
	autoptr(work) work = work_create();
	autoptr(tree) tree = tree_create(rootfd, &budget);
	const struct stream_options options = {
		.source = &source, .copy_fd = -1, .budget = &budget, .work = work
	};
	autoptr(stream) stream = stream_create(&options);
	bool done = unpack_layer(stream, tree, &budget, &err) == 0 &&
		    tree_settle(tree, NULL, 0, &err) == 0;

	assert(done || err.code != LXCRI_E_NONE);
	return done;
}

static struct model model;

/* Which inode each of its nodes became. */
static ino_t inodes[MODEL_NODES];

static void check_node(const struct node *node, const struct stat *status, int dirfd,
		       const char *name)
{
	ino_t *inode = &inodes[node - model.nodes];
	char target[64] = "";
	char content = 0;

	assert(*inode == 0 || *inode == status->st_ino);
	*inode = status->st_ino;
	if (S_ISCHR(node->mode)) {
		assert(S_ISCHR(status->st_mode) && status->st_rdev == 0);
		return;
	}
	assert(status->st_mode == node->mode);
	assert(status->st_uid == node->uid && status->st_gid == node->gid);
	assert(node->mtime == 0 || status->st_mtim.tv_sec == node->mtime);
	if (S_ISLNK(node->mode)) {
		assert(readlinkat(dirfd, name, target, sizeof(target) - 1) > 0);
		assert(strcmp(target, node->target) == 0);
	} else if (S_ISREG(node->mode)) {
		autoclose int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		assert(status->st_size == 1 && read(fd, &content, 1) == 1);
		assert(content == node->content);
	}
}

static void check_dir(const struct node *dir, int fd)
{
	autorun(strings_finish) struct strings names = {};
	size_t count = 0;
	char opaque = 0;

	assert((fgetxattr(fd, "trusted.overlay.opaque", &opaque, 1) == 1) == dir->is_opaque);
	assert(path_list_names(fd, &names) == 0);
	for (int i = 0; i < MODEL_NAMES; i++) {
		const struct node *node = dir->children[i];
		const char name[] = { (char)('a' + i), '\0' };
		struct stat status;

		assert((fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) == (node != NULL));
		if (!node)
			continue;
		count++;
		check_node(node, &status, fd, name);
		if (!S_ISDIR(node->mode))
			continue;

		autoclose int below =
			openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		assert(below >= 0);
		check_dir(node, below);
	}
	assert(names.count == count);
}

/* Writes the layer that @data stands for. What cannot be is left out, but for the last entry: else
 * nearly no layer could be. Returns its size. */
static uint64_t write_layer(const uint8_t *data, size_t size, int fd, bool *ret_can_be)
{
	static struct model before;
	size_t count = size / 4 < ENTRIES_MAX ? size / 4 : ENTRIES_MAX;
	char block[2 * BLOCK] = {};
	uint64_t written = 0;

	*ret_can_be = true;
	for (size_t i = 0; i < count; i++) {
		const struct model_entry entry = read_entry(data + 4 * i, (int64_t)i);
		size_t length = write_entry(&entry, block);

		before = model;
		if (!model_apply(&model, &entry)) {
			*ret_can_be = i + 1 < count;
			model = before;
			if (*ret_can_be)
				continue;
		}
		assert(file_write_all(fd, block, length) == 0);
		written += length;
	}
	memset(block, 0, sizeof(block));
	assert(file_write_all(fd, block, sizeof(block)) == 0);
	return written + sizeof(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclose int archive = memfd_create("layer", MFD_CLOEXEC);
	struct stat status;
	uint64_t written;
	bool can_be;

	model_init(&model);
	memset(inodes, 0, sizeof(inodes));
	written = write_layer(data, size, archive, &can_be);
	model_settle(&model);
	assert(mkdirat(scratch_fd, "root", 0700) == 0);

	autoclose int root = openat(scratch_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert(unpack(archive, written, root) == can_be);
	if (can_be) {
		assert(fstat(root, &status) == 0);
		check_node(model.root, &status, root, ".");
		check_dir(model.root, root);
	}
	assert(path_remove_tree(scratch_fd, "root") == 0);
	return 0;
}
