/* SPDX-License-Identifier: MIT */
/* One layer. libarchive reads the headers (tar, pax and GNU, nothing else) and never touches the
 * disk; the tree writes.
 *
 * The process stays in the C locale: there libarchive hands out names as the bytes they are, while
 * in a UTF-8 locale it would bring them into a normal form, and a file would lose its name. */

#include "image/layer/unpack.h"

#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#define BLOCK_BYTES 512

static const char zeros[BLOCK_BYTES];

struct unpack {
	struct stream *stream;
	struct tree *tree;
	struct budget *budget;
	struct archive *archive;
	struct lxcri_error stream_error; /* set once the stream has failed */
	uint64_t fed;                    /* bytes of the stream */
	uint64_t content_end;            /* in it, of the last file; UINT64_MAX: not told */
	size_t missing;                  /* bytes that the last block lacks */
};

static la_ssize_t feed(struct archive *archive, void *userdata, const void **ret_bytes)
{
	struct unpack *unpack = userdata;
	ssize_t size = stream_read(unpack->stream, ret_bytes, &unpack->stream_error);

	if (size < 0)
		archive_set_error(archive, EIO, "stream");
	unpack->fed += size > 0 ? (uint64_t)size : 0;
	if (size != 0 || unpack->fed % BLOCK_BYTES == 0 || unpack->missing > 0)
		return size;
	unpack->missing = BLOCK_BYTES - unpack->fed % BLOCK_BYTES;
	*ret_bytes = zeros;
	return (la_ssize_t)unpack->missing;
}

/* "umoci insert" leaves out what fills the last block of an archive, and what is written in Go
 * takes that. Anything else that is missing is a loss. */
static int check_end(const struct unpack *unpack, struct lxcri_error *err)
{
	uint64_t end = unpack->content_end;

	if (unpack->missing == 0 || (end <= unpack->fed && unpack->fed - end < BLOCK_BYTES &&
				     (unpack->fed - end) + unpack->missing < BLOCK_BYTES))
		return 0;
	return fail(err, LXCRI_E_EXTRACT_FAILED, "read the layer: it ends in the middle");
}

/* What libarchive could not do, unless the stream below it failed first. */
static int fail_archive(struct unpack *unpack, const char *doing, struct lxcri_error *err)
{
	const char *why = archive_error_string(unpack->archive);

	if (unpack->stream_error.code) {
		*err = unpack->stream_error;
		return -1;
	}
	return fail(err, LXCRI_E_EXTRACT_FAILED, "%s: %s", doing, why ? why : "malformed archive");
}

/* Extended attributes that may come from outside. trusted.* steers overlayfs and is refused; the
 * others (security.selinux, the bookkeeping of a rootless overlay) belong to the host that made
 * the layer and are left out, as other engines do. */
static int judge_xattr(const char *name, bool *ret_wanted, struct lxcri_error *err)
{
	static const char *const exact[] = {
		"security.capability",
		"system.posix_acl_access",
		"system.posix_acl_default",
	};

	*ret_wanted = false;
	if (text_starts_with(name, "trusted."))
		return fail(err, LXCRI_E_EXTRACT_FAILED,
			    "the extended attribute %s is not for an image to set", name);
	if (text_starts_with(name, "user.") && !text_starts_with(name, "user.overlay."))
		*ret_wanted = true;
	for (size_t i = 0; i < ARRAY_LEN(exact); i++)
		if (strcmp(name, exact[i]) == 0)
			*ret_wanted = true;
	return 0;
}

/* The texts and values are borrowed from @entry; the array is owned by the caller. */
static int read_xattrs(struct unpack *unpack, struct archive_entry *entry,
		       struct tree_attributes *attributes, struct lxcri_error *err)
{
	int count = archive_entry_xattr_reset(entry);
	const char *name;
	const void *value;
	size_t size;

	if (count <= 0)
		return 0;
	attributes->xattrs = xcalloc((size_t)count, sizeof(attributes->xattrs[0]));
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		bool wanted;

		if (judge_xattr(name, &wanted, err) < 0 ||
		    budget_spend(unpack->budget, BUDGET_XATTR_BYTES, strlen(name) + size, err) < 0)
			return -1;
		if (wanted && attributes->n_xattrs < (size_t)count)
			attributes->xattrs[attributes->n_xattrs++] =
				(struct tree_xattr){ name, value, size };
	}
	return 0;
}

static void finish_attributes(struct tree_attributes *attributes)
{
	free(attributes->xattrs);
}

static int read_attributes(struct unpack *unpack, struct archive_entry *entry,
			   struct tree_attributes *attributes, struct lxcri_error *err)
{
	int64_t uid = archive_entry_uid(entry);
	int64_t gid = archive_entry_gid(entry);

	/* (uid_t)-1 means "leave it" to chown(), so it can't be an owner. */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "an owner is no user or group number");
	attributes->mode = archive_entry_mode(entry);
	attributes->uid = (uid_t)uid;
	attributes->gid = (gid_t)gid;
	attributes->device = archive_entry_rdev(entry);
	attributes->times[1].tv_sec = archive_entry_mtime(entry);
	attributes->times[1].tv_nsec = archive_entry_mtime_nsec(entry);
	attributes->times[0] = attributes->times[1];
	if (archive_entry_atime_is_set(entry)) {
		attributes->times[0].tv_sec = archive_entry_atime(entry);
		attributes->times[0].tv_nsec = archive_entry_atime_nsec(entry);
	}
	return read_xattrs(unpack, entry, attributes, err);
}

/* Holes are where no block is. */
static int write_content(struct unpack *unpack, struct archive_entry *entry, int fd,
			 struct lxcri_error *err)
{
	int64_t size = archive_entry_size(entry);
	const void *block;
	size_t block_size;
	la_int64_t offset;
	int64_t end = 0;

	unpack->content_end =
		archive_entry_sparse_count(entry) > 0
			? UINT64_MAX
			: (uint64_t)archive_filter_bytes(unpack->archive, 0) + (uint64_t)size;
	/* The size of a sparse file is a claim that no byte of the stream pays for. */
	if (archive_entry_sparse_count(entry) > 0 &&
	    budget_spend(unpack->budget, BUDGET_BYTES, (uint64_t)size, err) < 0)
		return -1;
	for (;;) {
		int r = archive_read_data_block(unpack->archive, &block, &block_size, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return fail_archive(unpack, "read its content", err);
		r = file_write_all_at(fd, block, block_size, offset);
		if (r < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write its content");
		end = offset + (int64_t)block_size;
	}
	if (size > end && ftruncate(fd, size) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "set its size");
	return 0;
}

static int unpack_file(struct unpack *unpack, struct archive_entry *entry,
		       const struct layer_path *path, const struct tree_attributes *attributes,
		       struct lxcri_error *err)
{
	autoclose int fd = -1;

	if (tree_make_file(unpack->tree, path, &fd, err) < 0 ||
	    write_content(unpack, entry, fd, err) < 0)
		return -1;
	return tree_finish_file(fd, path, attributes, err);
}

static int unpack_link(struct unpack *unpack, const struct layer_path *path, const char *raw_target,
		       struct lxcri_error *err)
{
	autorun(layer_path_finish) struct layer_path target = {};

	if (layer_path_parse_link(raw_target, &target, err) < 0)
		return -1;
	return tree_make_link(unpack->tree, path, &target, err);
}

static int unpack_node(struct unpack *unpack, struct archive_entry *entry,
		       const struct layer_path *path, struct lxcri_error *err)
{
	autorun(finish_attributes) struct tree_attributes attributes = {};
	const char *target;

	if (archive_entry_hardlink(entry))
		return unpack_link(unpack, path, archive_entry_hardlink(entry), err);
	if (read_attributes(unpack, entry, &attributes, err) < 0)
		return -1;
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return unpack_file(unpack, entry, path, &attributes, err);
	case AE_IFDIR:
		return tree_make_dir(unpack->tree, path, &attributes, err);
	case AE_IFLNK:
		target = archive_entry_symlink(entry);
		if (!target || !*target || strlen(target) > LAYER_PATH_MAX)
			return fail(err, LXCRI_E_EXTRACT_FAILED, "a symlink without a target");
		return tree_make_symlink(unpack->tree, path, target, &attributes, err);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		return tree_make_node(unpack->tree, path, &attributes, err);
	default:
		return fail(err, LXCRI_E_EXTRACT_FAILED, "a file of unknown type");
	}
}

static int unpack_root(struct unpack *unpack, struct archive_entry *entry, struct lxcri_error *err)
{
	autorun(finish_attributes) struct tree_attributes attributes = {};

	if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFDIR)
		return fail(err, LXCRI_E_EXTRACT_FAILED,
			    "an entry for the root of the layer is not a directory");
	if (read_attributes(unpack, entry, &attributes, err) < 0)
		return -1;
	return tree_set_root(unpack->tree, &attributes, err);
}

static int unpack_entry(struct unpack *unpack, struct archive_entry *entry, struct lxcri_error *err)
{
	autorun(layer_path_finish) struct layer_path path = {};
	const char *name = archive_entry_pathname(entry);
	int r = 0;

	if (!name)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "a layer entry has no name");
	if (budget_spend(unpack->budget, BUDGET_ENTRIES, 1, err) < 0 ||
	    layer_path_parse(name, &path, err) < 0)
		return -1;
	switch (path.kind) {
	case LAYER_ROOT:
		r = unpack_root(unpack, entry, err);
		break;
	case LAYER_NODE:
		r = unpack_node(unpack, entry, &path, err);
		break;
	case LAYER_WHITEOUT:
		r = tree_hide(unpack->tree, &path, err);
		break;
	case LAYER_OPAQUE:
		r = tree_hide_below(unpack->tree, &path, err);
		break;
	case LAYER_IGNORED:
		break;
	}
	/* A name of any length would leave no room for what is wrong with it. */
	return r < 0 ? fail_while(err, "layer entry \"%.200s\"", name) : 0;
}

/* Names are bytes, so it is no loss that they are in no character set. Whatever else libarchive
 * passes over with a warning, a record that is too large for instance, makes the entry another one
 * than the layer says. */
static bool is_loss(struct unpack *unpack)
{
	const char *why = archive_error_string(unpack->archive);

	return !why || !strstr(why, "can't be converted");
}

static int read_entries(struct unpack *unpack, struct lxcri_error *err)
{
	struct archive_entry *entry;

	for (;;) {
		int r = archive_read_next_header(unpack->archive, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN || (r == ARCHIVE_WARN && is_loss(unpack)))
			return fail_archive(unpack, "read the layer", err);
		if (unpack_entry(unpack, entry, err) < 0)
			return -1;
	}
}

int unpack_layer(struct stream *stream, struct tree *tree, struct budget *budget,
		 struct lxcri_error *err)
{
	struct unpack unpack = { .stream = stream, .tree = tree, .budget = budget };
	int r = -1;

	unpack.archive = archive_read_new();
	if (!unpack.archive)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libarchive");
	if (archive_read_support_format_tar(unpack.archive) < ARCHIVE_WARN ||
	    archive_read_support_format_empty(unpack.archive) < ARCHIVE_WARN ||
	    archive_read_open(unpack.archive, &unpack, NULL, feed, NULL) < ARCHIVE_WARN)
		r = fail_archive(&unpack, "open the layer", err);
	else
		r = read_entries(&unpack, err);
	(void)archive_read_free(unpack.archive);
	if (r == 0)
		r = check_end(&unpack, err);
	return r < 0 ? -1 : stream_drain(stream, err);
}
