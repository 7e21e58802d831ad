/* SPDX-License-Identifier: MIT */
/* What the containers of a pod share in memory. */

#include "engine/pod/memory.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/pod/directories.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM_BYTES (UINT64_C(64) << 20)

static char *shm_path(const struct lxcri_engine *engine, const char *pod)
{
	autofree char *run_dir = engine_run_dir(engine, pod);

	return xformat("%s/shm", run_dir);
}

static char *directory_path(const struct lxcri_container *pod, const char *name)
{
	return xformat("%s/volumes/%s", pod->home.data_dir, name);
}

int memory_choose(const struct lxcri_pod_options *options, struct json_object **ret,
		  struct lxcri_error *err)
{
	for (size_t i = 0; options->memory && options->memory[i]; i++) {
		const char *word = options->memory[i];
		size_t length = strcspn(word, "=");
		autofree char *name = xstrndup(word, length);
		uint64_t bytes = 0;
		bool is_there = false;

		for (size_t k = 0; options->directories && options->directories[k]; k++)
			is_there |= strcmp(options->directories[k], name) == 0;
		if (!is_there ||
		    (word[length] && text_parse_u64(word + length + 1, 1, INT64_MAX, &bytes) < 0))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "\"%.80s\" is no directory of the pod, or has no size", word);
		if (!*ret)
			*ret = json_object_new_object();
		json_object_object_add(*ret, name, json_object_new_int64((int64_t)bytes));
	}
	return 0;
}

/* @bytes 0: as the kernel has it. */
static int mount_memory(const char *path, unsigned int mode, uint64_t bytes, uint32_t uid,
			uint32_t gid)
{
	autofree char *size = bytes ? xformat(",size=%ju", (uintmax_t)bytes) : xstrdup("");
	autofree char *options = xformat("mode=%o,uid=%u,gid=%u%s", mode, uid, gid, size);

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? -errno : 0;
}

int memory_up(struct lxcri_container *pod, const struct pod_note *note, struct lxcri_error *err)
{
	const unsigned int group = note->fs_group >= 0 ? (unsigned int)note->fs_group : 0;
	autofree char *shm = shm_path(pod->engine, pod->home.id);
	uint32_t uid, gid;
	int r = directories_find_owner(pod, &group, &uid, &gid);

	if (r == 0)
		r = mount_memory(shm, 01777, SHM_BYTES, uid, gid);
	if (r < 0)
		return fail_errno(err, r, "mount %s", shm);
	if (!note->memory)
		return 0;
	json_object_object_foreach(note->memory, name, bytes)
	{
		autofree char *path = directory_path(pod, name);

		r = mount_memory(path, note->fs_group >= 0 ? 02777 : 0777,
				 (uint64_t)json_object_get_int64(bytes), uid, gid);
		if (r < 0)
			return fail_errno(err, r, "mount %s", path);
	}
	return 0;
}

/* Several, where who made one was killed and another did it again. */
static int unmount(const char *path)
{
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		continue;
	return errno == EINVAL || errno == ENOENT ? 0 : -errno;
}

int memory_down(struct lxcri_container *pod, struct lxcri_error *err)
{
	autorun(pod_note_finish) struct pod_note note = {};
	autofree char *shm = shm_path(pod->engine, pod->home.id);
	int r = unmount(shm);

	if (r == 0 && rmdir(shm) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		return fail_errno(err, r, "unmount %s", shm);
	if (!pod->record.pod)
		return 0;
	if (pod_note_parse(pod->home.id, pod->record.pod, &note, err) < 0)
		return -1;
	if (!note.memory)
		return 0;
	json_object_object_foreach(note.memory, name, bytes)
	{
		autofree char *path = directory_path(pod, name);

		(void)bytes;
		r = unmount(path);
		if (r < 0)
			return fail_errno(err, r, "unmount %s", path);
	}
	return 0;
}

void memory_share(const struct lxcri_engine *engine, const char *pod, struct json_object *spec)
{
	static const char *const options[] = { "bind", "rprivate", "nosuid", "noexec", "nodev" };
	struct json_object *mounts = json_get(spec, "mounts");

	for (size_t i = 0; i < json_count(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *source = json_get_text(mount, "source");
		struct json_object *words;
		autofree char *path = NULL;

		if (strcmp(json_get_text(mount, "destination"), "/dev/shm") != 0 || !source ||
		    strcmp(source, "shm") != 0)
			continue;
		path = shm_path(engine, pod);
		words = json_object_new_array();
		for (size_t k = 0; k < ARRAY_LEN(options); k++)
			json_object_array_add(words, json_object_new_string(options[k]));
		json_set_text(mount, "type", "bind");
		json_set_text(mount, "source", path);
		json_object_object_add(mount, "options", words);
	}
}
