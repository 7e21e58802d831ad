/* SPDX-License-Identifier: MIT */
/* Directories of a pod. */

#include "engine/pod/directories.h"

#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (1u << 20) /* as Kubernetes has it */
#define FILES_MAX      4096
#define NAME_BYTES_MAX 63

/* So many are flushed one by one. */
#define FLUSHED_MAX 64

static bool is_word(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= NAME_BYTES_MAX && *name != '.' && !strchr(name, '/') &&
	       !text_has_control(name);
}

/* A path that stays below where it begins. */
static bool is_below(const char *path)
{
	autofree char *copy = xstrdup(path);

	if (!*path || strlen(path) > 255 || text_has_control(path))
		return false;
	for (char *rest = copy; rest;) {
		const char *part = strsep(&rest, "/");

		if (!*part || strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
			return false;
	}
	return true;
}

static bool has_directory(const struct lxcri_pod_options *options, const char *name)
{
	for (size_t i = 0; options->directories && options->directories[i]; i++)
		if (strcmp(options->directories[i], name) == 0)
			return true;
	return false;
}

static int check(const struct lxcri_pod_options *options, struct lxcri_error *err)
{
	if (options->n_files > FILES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d files", FILES_MAX);
	for (size_t i = 0; options->directories && options->directories[i]; i++)
		if (!is_word(options->directories[i]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "\"%.80s\" cannot be the name of a directory",
				    options->directories[i]);
	for (size_t i = 0; i < options->n_files; i++) {
		const struct lxcri_pod_file *file = &options->files[i];

		if (!has_directory(options, file->directory))
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "there is no directory %s",
				    file->directory);
		if (!is_below(file->path) || (file->mode & ~0777u))
			return fail(
				err, LXCRI_E_INVALID_ARGUMENT,
				"file \"%.80s\" has no path in its directory, or no mode of one",
				file->path);
		if (file->size > FILE_BYTES_MAX)
			return fail(err, LXCRI_E_LIMIT_EXCEEDED, "file %s has more than %u bytes",
				    file->path, FILE_BYTES_MAX);
	}
	return 0;
}

/* Who is root in the containers, on the disk, and the group @fs_group; NULL: root's. */
int directories_find_owner(const struct lxcri_container *shell, const unsigned int *fs_group,
			   uint32_t *ret_uid, uint32_t *ret_gid)
{
	const unsigned int group = fs_group ? *fs_group : 0;
	const struct id_map map = record_id_map(&shell->record.ids);
	int r;

	*ret_uid = 0;
	*ret_gid = group;
	if (id_map_is_host(&map))
		return 0;
	r = id_extents_to_host(&map.uids, 0, ret_uid);
	return r < 0 ? r : id_extents_to_host(&map.gids, group, ret_gid);
}

static int make_directory(const char *path, unsigned int mode, uint32_t uid, uint32_t gid)
{
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* A change of the owner takes the bit of the group away. */
	return lchown(path, uid, gid) < 0 || chmod(path, mode) < 0 ? -errno : 0;
}

static int make_file(const char *root, const struct lxcri_pod_file *file, uint32_t uid,
		     uint32_t gid)
{
	autofree char *path = xformat("%s/%s/%s", root, file->directory, file->path);
	size_t begin = strlen(root) + 1 + strlen(file->directory) + 1;
	int r;

	for (char *slash = strchr(path + begin, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_directory(path, 0755, uid, gid);
		*slash = '/';
		if (r < 0)
			return r;
	}
	r = file_write_atomic(AT_FDCWD, path, file->bytes, file->size, file->mode, FILE_VOLATILE);
	if (r == 0 && (lchown(path, uid, gid) < 0 || chmod(path, file->mode) < 0))
		r = -errno;
	return r;
}

/* The name of its own directory. A container's creation flushes all names there, and comes before
 * the pod is one. */
static int flush_name(const struct lxcri_container *shell, const struct lxcri_pod_options *options,
		      struct lxcri_error *err)
{
	autofree char *parent = xformat("%s/containers", shell->engine->data);
	autoclose int fd = -1;

	if (options->n_containers + options->n_init_containers > 0)
		return 0;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0
		       ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "flush %s", parent)
		       : 0;
}

/* Adds the file, and the directories on the way to it. */
static void add_names(const struct lxcri_pod_file *file, struct strings *names)
{
	autofree char *path = xformat("%s/%s", file->directory, file->path);
	const char *begin = path + strlen(file->directory) + 1;

	for (const char *slash = strchr(begin, '/'); slash; slash = strchr(slash + 1, '/')) {
		autofree char *parent = xstrndup(path, (size_t)(slash - path));

		if (!strings_has(names, parent))
			strings_add(names, parent);
	}
	strings_add(names, path);
}

/* Flushes all that was made in @root. To flush the whole file system is to wait for everybody who
 * writes to it: that is done for many files alone. */
static int flush(const struct lxcri_container *shell, const char *root,
		 const struct lxcri_pod_options *options)
{
	autorun(strings_finish) struct strings names = {};
	autoclose int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int data = open(shell->home.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 || data < 0)
		return -errno;
	for (size_t i = 0; options->n_files <= FLUSHED_MAX && i < options->n_files; i++)
		add_names(&options->files[i], &names);
	for (size_t i = 0; options->directories[i]; i++)
		strings_add(&names, options->directories[i]);
	if (options->n_files > FLUSHED_MAX || names.count > FLUSHED_MAX)
		r = syncfs(fd) < 0 ? -errno : 0;
	else
		r = file_flush_all(fd, (const char *const *)names.items, names.count);
	return r == 0 && fsync(data) < 0 ? -errno : r;
}

int directories_make(const struct lxcri_container *shell, const struct lxcri_pod_options *options,
		     struct lxcri_error *err)
{
	autofree char *root = xformat("%s/volumes", shell->home.data_dir);
	uint32_t uid, gid;
	int r;

	if (check(options, err) < 0 || flush_name(shell, options, err) < 0)
		return -1;
	if (!options->directories || !options->directories[0])
		return 0;
	r = directories_find_owner(shell, options->fs_group, &uid, &gid);
	if (r == 0)
		r = make_directory(root, 0711, 0, 0);
	for (size_t i = 0; r == 0 && options->directories && options->directories[i]; i++) {
		autofree char *path = xformat("%s/%s", root, options->directories[i]);

		r = make_directory(path, options->fs_group ? 02777 : 0777, uid, gid);
	}
	for (size_t i = 0; r == 0 && i < options->n_files; i++) {
		struct lxcri_pod_file file = options->files[i];

		/* Whose group it is may read what its owner may. */
		if (options->fs_group)
			file.mode |= (file.mode & 0400) >> 3;
		r = make_file(root, &file, uid, gid);
	}
	if (r == 0)
		r = flush(shell, root, options);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make what is in %s", root)
		     : 0;
}

/* A path in a directory that containers write to could lead anywhere by the next start. */
static bool has_file(const struct lxcri_pod_options *options, const char *directory,
		     const char *path)
{
	for (size_t i = 0; i < options->n_files; i++)
		if (strcmp(options->files[i].directory, directory) == 0 &&
		    strcmp(options->files[i].path, path) == 0)
			return true;
	return false;
}

int directories_find(const struct lxcri_container *shell, const struct lxcri_pod_options *options,
		     const char *source, char **ret_path, struct lxcri_error *err)
{
	const char *place = source + strlen(DIRECTORIES_PREFIX);
	const char *slash = strchr(place, '/');
	autofree char *directory =
		slash ? xstrndup(place, (size_t)(slash - place)) : xstrdup(place);

	if (!has_directory(options, directory) ||
	    (slash && !has_file(options, directory, slash + 1)))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "volume %s: the pod has no such directory, or no such file in it",
			    source);
	*ret_path = xformat("%s/volumes/%s", shell->home.data_dir, place);
	return 0;
}
