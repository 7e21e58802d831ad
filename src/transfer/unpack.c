/* SPDX-License-Identifier: MIT */
/* A tar stream as a tree below a root. libarchive reads the headers and never touches the disk. */

#include "transfer/unpack.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/file.h"
#include "os/confine.h"
#include "os/fs_ids.h"
#include "transfer/place.h"
#include "transfer/put.h"
#include "transfer/spot.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* As many as a root file system of any size has; more is an attack on memory and inodes. */
#define ENTRIES_MAX 20000000u

#define BLOCK_BYTES 65536

struct unpack {
	const struct unpack_options *options;
	struct archive *archive;
	int top;                   /* all entries are below this directory; borrowed */
	int top_itself;            /* the same, open for changes; -1: it stays what it is */
	struct timespec top_mtime; /* for the end, where the archive says it */
	bool has_top_mtime;
	char *source;   /* the name of the first entry, which is the source's; NULL: any name */
	char *target;   /* what it becomes; NULL: the top itself */
	uid_t owner[2]; /* of what has no owner of its own */
	uint64_t entries;
	unsigned int devices; /* left out */
	char *first_device;
	struct put_times times; /* of directories, for the end */
};

static const unsigned int capabilities[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
					     CAP_SETFCAP };

static int fail_archive(struct unpack *unpack, const char *doing, struct lxcri_error *err)
{
	const char *why = archive_error_string(unpack->archive);

	return fail(err, LXCRI_E_EXTRACT_FAILED, "%s: %s", doing, why ? why : "malformed archive");
}

static int find_owner(struct unpack *unpack, struct archive_entry *entry, uid_t owner[2],
		      struct lxcri_error *err)
{
	const struct unpack_options *options = unpack->options;
	int64_t uid = archive_entry_uid(entry);
	int64_t gid = archive_entry_gid(entry);

	memcpy(owner, unpack->owner, sizeof(unpack->owner));
	if (!options->archive)
		return 0;
	if (uid < 0 || uid >= COPY_ID_NONE || gid < 0 || gid >= COPY_ID_NONE)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "an owner is no user or group number");
	owner[0] = copy_ids_outside(&options->uids, (uint32_t)uid);
	owner[1] = copy_ids_outside(&options->gids, (uint32_t)gid);
	if (owner[0] == COPY_ID_NONE || owner[1] == COPY_ID_NONE)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "its owner %lld:%lld does not exist in the container's user namespace",
			    (long long)uid, (long long)gid);
	return 0;
}

/* Set-id bits and capabilities are for their owner only. A capability is bound to the user
 * namespace of who sets it, so it is of no use to a container with another one. */
static int describe(struct unpack *unpack, struct archive_entry *entry, struct put_file *file,
		    struct lxcri_error *err)
{
	const struct unpack_options *options = unpack->options;
	const char *name;
	const void *value;
	size_t size;

	*file = (struct put_file){
		.mode = archive_entry_perm(entry) & (options->archive ? 07777 : 0777),
		.mtime = { .tv_sec = archive_entry_mtime(entry),
			   .tv_nsec = archive_entry_mtime_nsec(entry) },
	};
	if (archive_entry_filetype(entry) == AE_IFDIR)
		file->mode = archive_entry_perm(entry) & (options->archive ? 07777 : 01777);
	if (find_owner(unpack, entry, file->owner, err) < 0)
		return -1;
	if (!options->archive || !copy_ids_is_plain(&options->uids))
		return 0;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
		if (strcmp(name, "security.capability") == 0) {
			file->capability = value;
			file->capability_size = size;
		}
	return 0;
}

static int read_content(struct unpack *unpack, struct archive_entry *entry, int fd,
			struct lxcri_error *err)
{
	const void *block;
	size_t size;
	la_int64_t offset;

	for (;;) {
		int r = archive_read_data_block(unpack->archive, &block, &size, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return fail_archive(unpack, "read its content", err);
		r = file_write_all_at(fd, block, size, offset);
		if (r < 0)
			return fail_code_errno(err, LXCRI_E_COPY_FAILED, r, "write its content");
	}
	return put_size(fd, archive_entry_size(entry), err);
}

static int unpack_file(struct unpack *unpack, struct archive_entry *entry, const struct spot *spot,
		       const struct put_file *file, struct lxcri_error *err)
{
	autorun(put_finish) struct put put = PUT_NULL;

	if (put_open(spot, &put, err) < 0 || read_content(unpack, entry, put.fd, err) < 0)
		return -1;
	return put_commit(&put, file, err);
}

static char *translate(const struct unpack *unpack, const char *name, struct lxcri_error *err)
{
	autofree char *clean = name ? spot_clean(name) : NULL;
	size_t length = unpack->source ? strlen(unpack->source) : 0;

	if (!clean) {
		(void)fail(err, LXCRI_E_EXTRACT_FAILED, "the name leads nowhere or out of it");
		return NULL;
	}
	if (!unpack->source)
		return steal(clean);
	if (length == 0)
		return xformat("%s%s", unpack->target, clean);
	if (strncmp(clean, unpack->source, length) != 0 ||
	    (clean[length] && clean[length] != '/')) {
		(void)fail(err, LXCRI_E_EXTRACT_FAILED, "the name is not below the source's");
		return NULL;
	}
	return xformat("%s%s", unpack->target, clean + length);
}

static int unpack_link(struct unpack *unpack, struct archive_entry *entry, const struct spot *spot,
		       struct lxcri_error *err)
{
	autofree char *path = translate(unpack, archive_entry_hardlink(entry), err);
	autorun(spot_finish) struct spot target = SPOT_NULL;

	if (!path || spot_find(unpack->top, path, NULL, &target, err) < 0)
		return -1;
	if (!target.name)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "a hard link to a directory");
	return put_link(spot, &target, err);
}

/* A device is not for an archive to make: who may use which one is told when a container is
 * created, and on the host it would be anybody's. */
static int leave_out(struct unpack *unpack, struct archive_entry *entry)
{
	if (unpack->devices++ == 0)
		unpack->first_device = xstrdup(archive_entry_pathname(entry));
	return 0;
}

/* Takes over what the archive says of the top. */
static int unpack_top(struct unpack *unpack, struct archive_entry *entry, struct lxcri_error *err)
{
	struct put_file file;

	if (archive_entry_filetype(entry) != AE_IFDIR)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "it has no name");
	if (unpack->top_itself < 0)
		return 0;
	if (describe(unpack, entry, &file, err) < 0)
		return -1;
	if (fchown(unpack->top_itself, file.owner[0], file.owner[1]) < 0 ||
	    fchmod(unpack->top_itself, file.mode) < 0)
		return fail_code_errno(err, LXCRI_E_COPY_FAILED, errno, "set owner and mode");
	unpack->top_mtime = file.mtime;
	unpack->has_top_mtime = true;
	return 0;
}

static void settle_top(const struct unpack *unpack)
{
	const struct timespec both[2] = { unpack->top_mtime, unpack->top_mtime };

	if (unpack->has_top_mtime)
		(void)futimens(unpack->top_itself, both);
}

static int unpack_node(struct unpack *unpack, struct archive_entry *entry, const char *path,
		       struct lxcri_error *err)
{
	autorun(spot_finish) struct spot spot = SPOT_NULL;
	const char *target = archive_entry_symlink(entry);
	struct put_file file;

	if (spot_find(unpack->top, path, unpack->owner, &spot, err) < 0)
		return -1;
	if (!spot.name)
		return unpack_top(unpack, entry, err);
	if (archive_entry_hardlink(entry))
		return unpack_link(unpack, entry, &spot, err);
	if (describe(unpack, entry, &file, err) < 0)
		return -1;
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return unpack_file(unpack, entry, &spot, &file, err);
	case AE_IFDIR:
		return put_dir(&spot, path, &file, &unpack->times, err);
	case AE_IFLNK:
		if (!target || !*target || strlen(target) >= PATH_MAX)
			return fail(err, LXCRI_E_EXTRACT_FAILED, "a symlink without a target");
		return put_symlink(&spot, target, &file, err);
	case AE_IFIFO:
		return put_fifo(&spot, &file, err);
	case AE_IFCHR:
	case AE_IFBLK:
		return leave_out(unpack, entry);
	default:
		return fail(err, LXCRI_E_EXTRACT_FAILED, "it is of an unknown type");
	}
}

static int unpack_entry(struct unpack *unpack, struct archive_entry *entry, struct lxcri_error *err)
{
	const char *name = archive_entry_pathname(entry);
	autofree char *path = translate(unpack, name, err);

	if (++unpack->entries > ENTRIES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %u entries", ENTRIES_MAX);
	if (!path || unpack_node(unpack, entry, path, err) < 0)
		return fail_while(err, "\"%.200s\"", name ? name : "");
	return 0;
}

/* The first entry tells what is copied, and so what its name becomes. */
static int decide(struct unpack *unpack, const struct place *place, struct archive_entry *entry,
		  struct lxcri_error *err)
{
	const char *path = unpack->options->path;
	const char *name = archive_entry_pathname(entry);
	autofree char *source = name ? spot_clean(name) : NULL;
	bool is_dir = archive_entry_filetype(entry) == AE_IFDIR;

	if (!source || strchr(source, '/'))
		return fail(err, LXCRI_E_EXTRACT_FAILED, "the first entry is not the source");
	if (place->name && !is_dir && place->must_be_dir)
		return fail(err, LXCRI_E_PATH_NOT_FOUND, "there is no directory %s", path);
	if (place->name && is_dir) {
		const struct spot spot = { .dir = place->dir, .name = place->name };
		int kind = spot_look(&spot);

		if (kind != SPOT_FREE)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "%s is not a directory, so none can be copied there", path);
	}
	unpack->target = xstrdup(place->name ? place->name : source);
	unpack->source = steal(source);
	/* The content of the source goes into the directory itself, or into one that is made. */
	if (!*unpack->source && place->name) {
		struct put_file file;
		const struct spot spot = { .dir = place->dir, .name = place->name };

		if (describe(unpack, entry, &file, err) < 0 ||
		    put_dir(&spot, place->name, &file, &unpack->times, err) < 0)
			return -1;
		freep(&unpack->source);
		freep(&unpack->target);
		unpack->source = xstrdup("");
		unpack->target = xformat("%s/", place->name);
	}
	return 0;
}

static int read_entries(struct unpack *unpack, const struct place *place, struct lxcri_error *err)
{
	struct archive_entry *entry;
	bool decided = unpack->options->stream;

	for (;;) {
		int r = archive_read_next_header(unpack->archive, &entry);

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return fail_archive(unpack, "read the archive", err);
		if (!decided && decide(unpack, place, entry, err) < 0)
			return -1;
		decided = true;
		if (unpack_entry(unpack, entry, err) < 0)
			return -1;
	}
	put_times_settle(&unpack->times, unpack->top);
	settle_top(unpack);
	if (unpack->devices > 0)
		return fail(err, LXCRI_E_COPY_FAILED,
			    "%u devices were left out, the first is \"%.200s\"; all else is copied",
			    unpack->devices, unpack->first_device);
	return 0;
}

static int open_archive(struct unpack *unpack, int in, struct lxcri_error *err)
{
	int r;

	unpack->archive = archive_read_new();
	if (!unpack->archive)
		abort(); /* as all our allocations */
	r = archive_read_support_format_tar(unpack->archive);
	if (r >= ARCHIVE_WARN)
		r = archive_read_support_format_empty(unpack->archive);
	if (r >= ARCHIVE_WARN && unpack->options->stream) {
		(void)archive_read_support_filter_gzip(unpack->archive);
		(void)archive_read_support_filter_bzip2(unpack->archive);
		(void)archive_read_support_filter_xz(unpack->archive);
		(void)archive_read_support_filter_zstd(unpack->archive);
	}
	if (r >= ARCHIVE_WARN)
		r = archive_read_open_fd(unpack->archive, in, BLOCK_BYTES);
	return r < ARCHIVE_WARN ? fail_archive(unpack, "open the archive", err) : 0;
}

static int confine(const struct place *place, struct lxcri_error *err)
{
	const struct confine_path paths[] = { { place->dir, CONFINE_WRITE } };
	int r = confine_capabilities(capabilities, ARRAY_LEN(capabilities));

	if (r == 0)
		r = confine_files(paths, ARRAY_LEN(paths));
	return r < 0 && r != -EOPNOTSUPP ? fail_errno(err, r, "give rights up") : 0;
}

/* A mount for a user namespace takes files of its ids alone. */
static int become_root_of(const struct unpack_options *options, struct lxcri_error *err)
{
	uint32_t uid = copy_ids_outside(&options->uids, 0);
	uint32_t gid = copy_ids_outside(&options->gids, 0);
	int r = 0;

	if (uid != COPY_ID_NONE && gid != COPY_ID_NONE && (uid != 0 || gid != 0))
		r = fs_ids_set(uid, gid);
	/* A change of ids makes the kernel forget whose end is ours. */
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		r = -errno;
	return r < 0 ? fail_errno(err, r, "make files as the root of the container") : 0;
}

/* Finds the destination before a byte of the stream is read, and lets go of all else. */
static int prepare(const struct unpack_options *options, struct place *place, int *ret_top,
		   struct lxcri_error *err)
{
	if (place_find(options->root, options->path, place, err) < 0)
		return -1;
	if (options->stream && place->name)
		return fail(err, LXCRI_E_PATH_NOT_FOUND, "there is no directory %s", options->path);
	if (options->top) {
		*ret_top = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (*ret_top < 0)
			return fail_errno(err, errno, "open %s", options->path);
	}
	return become_root_of(options, err) < 0 ? -1 : confine(place, err);
}

int unpack_tree(const struct unpack_options *options, int in, struct lxcri_error *err)
{
	autorun(place_finish) struct place place = PLACE_NULL;
	autoclose int top = -1;
	struct unpack unpack = { .options = options };
	int r = prepare(options, &place, &top, err);

	unpack.owner[0] = copy_ids_outside(&options->uids, 0);
	unpack.owner[1] = copy_ids_outside(&options->gids, 0);
	unpack.top = place.dir;
	unpack.top_itself = top;
	if (r == 0 && (unpack.owner[0] == COPY_ID_NONE || unpack.owner[1] == COPY_ID_NONE))
		r = fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			 "the container's user namespace has no root, to whom it could belong; use "
			 "--archive");
	if (r == 0)
		r = open_archive(&unpack, in, err);
	if (r == 0)
		r = read_entries(&unpack, &place, err);
	if (unpack.archive)
		(void)archive_read_free(unpack.archive);
	put_times_finish(&unpack.times);
	free(unpack.source);
	free(unpack.target);
	free(unpack.first_device);
	return r;
}
