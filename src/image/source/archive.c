/* SPDX-License-Identifier: MIT */
/* A tar archive that carries an image.
 *
 * How it works: one pass of libarchive over the headers notes where the content of each member
 * begins, which is where libarchive stands in the file right after a header; content is skipped by
 * seeking. Members are read later through the file itself. Whatever is wrong with a place so noted
 * cannot do harm: every byte read is checked against a digest. */

#include "image/source/archive.h"

#include "base/mem.h"
#include "image/layer/budget.h"
#include "image/layer/layer_path.h"
#include "image/layer/stream.h"
#include "os/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An image has a few members a layer, and at most some hundred layers. */
#define MEMBERS_MAX 16384
#define READ_CHUNK  (64u << 10)

enum member_kind { MEMBER_FILE, MEMBER_SYMLINK, MEMBER_OTHER };

struct member {
	char *name;
	char *link; /* of a symlink */
	enum member_kind kind;
	uint64_t offset;
	uint64_t size;
};

struct archive_file {
	int fd;
	uint64_t size;
	struct member *members; /* sorted by name */
	size_t count;
};

/* What libarchive reads through. */
struct reader {
	int fd;
	uint64_t at;
	uint64_t size;
	char bytes[READ_CHUNK];
};

static la_ssize_t reader_read(struct archive *archive, void *userdata, const void **ret_bytes)
{
	struct reader *reader = userdata;
	ssize_t got = pread(reader->fd, reader->bytes, sizeof(reader->bytes), (off_t)reader->at);

	if (got < 0) {
		archive_set_error(archive, errno, "%s", strerror(errno));
		return -1;
	}
	reader->at += (uint64_t)got;
	*ret_bytes = reader->bytes;
	return got;
}

static la_int64_t reader_skip(struct archive *archive, void *userdata, la_int64_t request)
{
	struct reader *reader = userdata;
	uint64_t left = reader->size - reader->at;
	uint64_t skip = (uint64_t)request < left ? (uint64_t)request : left;

	reader->at += skip;
	return (la_int64_t)skip;
}

void archive_file_free(struct archive_file *archive)
{
	if (!archive)
		return;
	for (size_t i = 0; i < archive->count; i++) {
		free(archive->members[i].name);
		free(archive->members[i].link);
	}
	free(archive->members);
	closep(&archive->fd);
	free(archive);
}

static char *clean_name(const char *raw, struct lxcri_error *err)
{
	autorun(layer_path_finish) struct layer_path path = {};

	if (layer_path_parse_link(raw, &path, err) < 0) {
		(void)fail(err, LXCRI_E_INVALID_FORMAT, "the archive has a member \"%s\"", raw);
		return NULL;
	}
	if (!path.name)
		return xstrdup("");
	return *path.dir ? xformat("%s/%s", path.dir, path.name) : steal(path.name);
}

static enum member_kind kind_of(struct archive_entry *entry)
{
	/* The content of a sparse member is not one stretch of the file. */
	if (archive_entry_hardlink(entry) || archive_entry_sparse_count(entry) > 0)
		return MEMBER_OTHER;
	if (archive_entry_filetype(entry) == AE_IFREG)
		return MEMBER_FILE;
	return archive_entry_filetype(entry) == AE_IFLNK ? MEMBER_SYMLINK : MEMBER_OTHER;
}

static int add_member(struct archive_file *file, struct archive *archive,
		      struct archive_entry *entry, struct lxcri_error *err)
{
	const char *raw = archive_entry_pathname(entry);
	struct member member = { .kind = kind_of(entry) };

	if (archive_entry_filetype(entry) == AE_IFDIR)
		return 0;
	if (file->count == MEMBERS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the archive has more than %d members",
			    MEMBERS_MAX);
	member.name = clean_name(raw ? raw : "", err);
	if (!member.name)
		return -1;
	if (member.kind == MEMBER_SYMLINK)
		member.link = xstrdup(archive_entry_symlink(entry));
	member.offset = (uint64_t)archive_filter_bytes(archive, 0);
	member.size = (uint64_t)archive_entry_size(entry);
	if ((file->count & (file->count - 1)) == 0)
		file->members = xreallocarray(file->members, file->count ? 2 * file->count : 1,
					      sizeof(file->members[0]));
	file->members[file->count++] = member;
	if (member.kind == MEMBER_FILE &&
	    (member.offset > file->size || member.size > file->size - member.offset))
		return fail(err, LXCRI_E_INVALID_FORMAT, "the archive is cut off in member \"%s\"",
			    member.name);
	return 0;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static int read_members(struct archive_file *file, struct archive *archive, struct lxcri_error *err)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(archive, &entry)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN)
			return fail(err, LXCRI_E_INVALID_FORMAT, "read the archive: %s",
				    archive_error_string(archive));
		if (add_member(file, archive, entry, err) < 0)
			return -1;
	}
	if (file->count == 0)
		return fail(err, LXCRI_E_INVALID_FORMAT, "the archive is empty");
	qsort(file->members, file->count, sizeof(file->members[0]), compare_members);
	for (size_t i = 1; i < file->count; i++)
		if (compare_members(&file->members[i - 1], &file->members[i]) == 0)
			return fail(err, LXCRI_E_INVALID_FORMAT,
				    "the archive has the member \"%s\" twice",
				    file->members[i].name);
	return 0;
}

static int index_members(struct archive_file *file, struct lxcri_error *err)
{
	struct archive *archive = archive_read_new();
	autofree struct reader *reader = xnew(struct reader);
	int r = -1;

	if (!archive)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libarchive");
	reader->fd = file->fd;
	reader->size = file->size;
	if (archive_read_support_format_tar(archive) < ARCHIVE_WARN ||
	    archive_read_open2(archive, reader, NULL, reader_read, reader_skip, NULL) <
		    ARCHIVE_WARN)
		(void)fail(err, LXCRI_E_INVALID_FORMAT, "open the archive: %s",
			   archive_error_string(archive));
	else
		r = read_members(file, archive, err);
	(void)archive_read_free(archive);
	return r;
}

/* Replaces file->fd by an unnamed file with the inflated bytes. */
static int inflate_whole(struct archive_file *file, int scratch_fd, struct lxcri_error *err)
{
	autoclose int scratch = openat(scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct span source = { .fd = file->fd, .size = file->size };
	struct budget budget = {};
	autoptr(work) work = work_create();
	const struct stream_options options = { .source = &source,
						.copy_fd = -1,
						.is_verified = true,
						.budget = &budget,
						.work = work };
	autoptr(stream) stream = stream_create(&options);
	const void *bytes;
	ssize_t size;

	if (scratch < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make a file to inflate the archive to");
	file->size = 0;
	while ((size = stream_read(stream, &bytes, err)) > 0) {
		int r = file_write_all(scratch, bytes, (size_t)size);

		if (r < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
					       "inflate the archive");
		file->size += (uint64_t)size;
	}
	if (size < 0) {
		if (err->code == LXCRI_E_EXTRACT_FAILED)
			err->code = LXCRI_E_INVALID_FORMAT;
		return fail_while(err, "inflate the archive");
	}
	(void)close(file->fd);
	file->fd = steal_fd(&scratch);
	return 0;
}

int archive_file_open(int fd, int scratch_fd, struct archive_file **ret_archive,
		      struct lxcri_error *err)
{
	autoptr(archive_file) file = xnew(struct archive_file);
	struct stat status;
	char magic[4];

	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (file->fd < 0 || fstat(file->fd, &status) < 0)
		return fail_errno(err, errno, "open the archive");
	file->size = (uint64_t)status.st_size;

	ssize_t got = pread(file->fd, magic, sizeof(magic), 0);

	if (got > 0 && compression_detect(magic, (size_t)got) != COMPRESSION_NONE &&
	    inflate_whole(file, scratch_fd, err) < 0)
		return -1;
	if (index_members(file, err) < 0)
		return -1;
	*ret_archive = steal(file);
	return 0;
}

static const struct member *find(const struct archive_file *archive, const char *name)
{
	const struct member key = { .name = (char *)name };

	return bsearch(&key, archive->members, archive->count, sizeof(archive->members[0]),
		       compare_members);
}

/* docker save writes "../<other layer>/layer.tar" for a layer that two images share. */
static const struct member *follow(const struct archive_file *archive, const struct member *link)
{
	const char *target = link->link;
	const char *slash = strrchr(link->name, '/');
	size_t length = slash ? (size_t)(slash - link->name) : 0;

	while (strncmp(target, "../", 3) == 0 && length > 0) {
		target += 3;
		while (length > 0 && link->name[length - 1] != '/')
			length--;
		if (length > 0)
			length--;
	}

	autofree char *name =
		length > 0 ? xformat("%.*s/%s", (int)length, link->name, target) : xstrdup(target);

	return find(archive, name);
}

int archive_file_find(const struct archive_file *archive, const char *name,
		      enum archive_links links, struct span *ret_span, struct lxcri_error *err)
{
	const struct member *member = find(archive, name);

	if (!member)
		return fail(err, LXCRI_E_INVALID_FORMAT, "the archive lacks the member \"%s\"",
			    name);
	if (member->kind == MEMBER_SYMLINK && links == ARCHIVE_FOLLOW_LINK)
		member = follow(archive, member);
	if (!member || member->kind != MEMBER_FILE)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the member \"%s\" of the archive is not a regular file", name);

	int fd = fcntl(archive->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return fail_errno(err, errno, "open the member \"%s\"", name);
	*ret_span = (struct span){ .fd = fd, .offset = member->offset, .size = member->size };
	return 0;
}
