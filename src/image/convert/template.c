/* SPDX-License-Identifier: MIT */
/* The tree of an image as one tar archive. Names begin with "./", as tar itself writes a directory:
 * `pct create` leaves "./dev" out by that. Of times there is only that of the last change; another
 * would make each archive of the same image a different one. */

#include "image/convert/template.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/convert/walk.h"
#include "os/storage/archive_content.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <string.h>
#include <sys/xattr.h>

/* What the attributes of one file, or their names, may measure (linux/limits.h). */
#define XATTR_BYTES_MAX ((size_t)64 << 10)

struct template
{
	struct archive *archive;
	const struct template_options *options;
	char *buffer;
	char *xattr_names;
	char *xattr_value;
};

static void template_finish(struct template *template)
{
	(void)archive_write_free(template->archive);
	free(template->buffer);
	free(template->xattr_names);
	free(template->xattr_value);
}

static int fail_archive(struct template *template, const char *path, struct lxcri_error *err)
{
	int problem = archive_errno(template->archive);
	const char *why = archive_error_string(template->archive);
	bool is_storage = problem == ENOSPC || problem == EDQUOT || problem == EIO ||
			  problem == EROFS || problem == EFBIG;

	if (is_storage)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, problem,
				       "write \"%.200s\" to the archive", path);
	(void)fail(err, LXCRI_E_CONVERSION_FAILED, "write \"%.200s\" to the archive: %s", path,
		   why ? why : "failed");
	err->errnum = problem > 0 ? problem : 0;
	return -1;
}

static int fail_read(const struct walk_entry *entry, int r, struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read \"%.200s\" of the image",
			       *entry->path ? entry->path : "/");
}

/* Returns what @path of the image is called in the archive; owned by the caller. */
static char *name_of(const struct template *template, const char *path)
{
	const char *below = template->options->below;

	return below ? xformat("./%s%s%s", below, *path ? "/" : "", path) : xformat("./%s", path);
}

static struct archive_entry *describe(const struct template *template,
				      const struct walk_entry *from)
{
	struct archive_entry *entry = archive_entry_new();
	const struct stat *status = from->status;
	autofree char *name = name_of(template, from->path);

	if (!entry)
		abort(); /* as all our allocations */
	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, status->st_mode);
	archive_entry_set_uid(entry, status->st_uid);
	archive_entry_set_gid(entry, status->st_gid);
	archive_entry_set_mtime(entry, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
	archive_entry_set_rdev(entry, status->st_rdev);
	archive_entry_set_nlink(entry, 1);
	archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
	return entry;
}

/* Adds what belongs to the file rather than to how overlayfs stores it. Returns 0 or -errno. */
static int add_xattrs(struct template *template, struct archive_entry *entry, int fd)
{
	ssize_t size = flistxattr(fd, template->xattr_names, XATTR_BYTES_MAX);

	if (size < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *name = template->xattr_names; name < template->xattr_names + size;
	     name += strlen(name) + 1) {
		ssize_t length;

		if (text_starts_with(name, "trusted.overlay."))
			continue;
		length = fgetxattr(fd, name, template->xattr_value, XATTR_BYTES_MAX);
		if (length < 0)
			return -errno;
		archive_entry_xattr_add_entry(entry, name, template->xattr_value, (size_t)length);
	}
	return 0;
}

static int write_header(struct template *template, struct archive_entry *entry,
			struct lxcri_error *err)
{
	int r = archive_write_header(template->archive, entry);
	const char *why = archive_error_string(template->archive);

	/* A name in no character set is written as its bytes, and marked so: nothing is lost. */
	if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && why && strstr(why, "to UTF-8")))
		return 0;
	return fail_archive(template, archive_entry_pathname(entry), err);
}

static int write_content(struct template *template, const struct walk_entry *from,
			 struct archive_entry *entry, int fd, struct lxcri_error *err)
{
	int r = archive_content_write(template->archive, entry, fd, template->buffer);

	return r < 0   ? fail_read(from, r, err)
	       : r > 0 ? fail_archive(template, from->path, err)
		       : 0;
}

static int write_file(struct template *template, const struct walk_entry *from,
		      struct archive_entry *entry, struct lxcri_error *err)
{
	autoclose int fd = openat(from->dir, from->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : add_xattrs(template, entry, fd);

	if (r < 0)
		return fail_read(from, r, err);
	archive_content_note(entry, fd, from->status);
	if (write_header(template, entry, err) < 0)
		return -1;
	return write_content(template, from, entry, fd, err);
}

static int write_link(struct template *template, const struct walk_entry *from,
		      struct archive_entry *entry, struct lxcri_error *err)
{
	autofree char *target = name_of(template, from->first);

	archive_entry_set_hardlink(entry, target);
	archive_entry_set_size(entry, 0);
	return write_header(template, entry, err);
}

static int write_symlink(struct template *template, const struct walk_entry *from,
			 struct archive_entry *entry, struct lxcri_error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from->dir, from->name, target, sizeof(target) - 1);

	if (length < 0)
		return fail_read(from, errno, err);
	target[length] = '\0';
	archive_entry_set_symlink(entry, target);
	return write_header(template, entry, err);
}

static int write_dir(struct template *template, const struct walk_entry *from,
		     struct archive_entry *entry, struct lxcri_error *err)
{
	int r = add_xattrs(template, entry, from->fd);

	return r < 0 ? fail_read(from, r, err) : write_header(template, entry, err);
}

static int enter(void *userdata, const struct walk_entry *from, struct lxcri_error *err)
{
	struct template *template = userdata;
	struct archive_entry *entry;
	int r;

	if (template->options->init_fd >= 0 && strcmp(from->path, TEMPLATE_INIT_DIR) == 0)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the image has a /" TEMPLATE_INIT_DIR " of its own");
	entry = describe(template, from);
	if (from->first)
		r = write_link(template, from, entry, err);
	else if (S_ISDIR(from->status->st_mode))
		r = write_dir(template, from, entry, err);
	else if (S_ISREG(from->status->st_mode))
		r = write_file(template, from, entry, err);
	else if (S_ISLNK(from->status->st_mode))
		r = write_symlink(template, from, entry, err);
	else
		r = write_header(template, entry, err);
	archive_entry_free(entry);
	return r;
}

/* Adds our init, and the directory that it is in. */
static int add_init(struct template *template, struct lxcri_error *err)
{
	const struct stat dir = { .st_mode = S_IFDIR | 0755 };
	const struct walk_entry parent = { .path = TEMPLATE_INIT_DIR, .status = &dir };
	struct walk_entry program = { .path = TEMPLATE_INIT_DIR "/init" };
	struct stat status = {};
	struct archive_entry *entry = describe(template, &parent);
	int r = write_header(template, entry, err);

	archive_entry_free(entry);
	if (r < 0)
		return -1;
	if (fstat(template->options->init_fd, &status) < 0)
		return fail_read(&program, errno, err);
	status = (struct stat){ .st_mode = S_IFREG | 0755, .st_size = status.st_size };
	program.status = &status;
	entry = describe(template, &program);
	r = write_header(template, entry, err);
	if (r == 0)
		r = write_content(template, &program, entry, template->options->init_fd, err);
	archive_entry_free(entry);
	return r;
}

static int open_archive(struct template *template, int fd, struct lxcri_error *err)
{
	enum template_compression compression = template->options->compression;
	struct archive *archive = archive_write_new();
	int r = ARCHIVE_OK;

	if (!archive)
		abort(); /* as all our allocations */
	template->archive = archive;
	if (compression == TEMPLATE_ZSTD)
		r = archive_write_add_filter_zstd(archive);
	else if (compression == TEMPLATE_GZIP)
		r = archive_write_add_filter_gzip(archive);
	if (r == ARCHIVE_OK && compression == TEMPLATE_GZIP)
		r = archive_write_set_filter_option(archive, "gzip", "timestamp", NULL);
	/* GNU tar knows attributes by one of the two names that libarchive has for them. */
	/* Names that are UTF-8 go as they are. Without a locale that says so all would be marked as
	 * what they are not, of which GNU tar complains. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (r != ARCHIVE_OK || archive_write_set_format_pax(archive) != ARCHIVE_OK ||
	    archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY") !=
		    ARCHIVE_OK ||
	    archive_write_open_fd(archive, fd) != ARCHIVE_OK)
		return fail_archive(template, ".", err);
	return 0;
}

int template_write(const int *layers, size_t count, const struct template_options *options, int fd,
		   struct lxcri_error *err)
{
	autorun(template_finish) struct template template = {
		.options = options,
		.buffer = xzalloc(ARCHIVE_CONTENT_BUFFER),
		.xattr_names = xzalloc(XATTR_BYTES_MAX),
		.xattr_value = xzalloc(XATTR_BYTES_MAX),
	};
	const struct walk_visitor visitor = { .enter = enter, .userdata = &template };

	if (open_archive(&template, fd, err) < 0 || walk_layers(layers, count, &visitor, err) < 0 ||
	    (options->init_fd >= 0 && add_init(&template, err) < 0))
		return -1;
	return archive_write_close(template.archive) == ARCHIVE_OK
		       ? 0
		       : fail_archive(&template, ".", err);
}
