/* SPDX-License-Identifier: MIT */
/* Where the root file system of a container lies on the host. */

#include "engine/files/root.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/driver.h"
#include "image/layer/merged.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>

struct json_object *root_load_spec(const struct lxcri_container *container, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/config.json", container->record.bundle);
	autofree char *json = NULL;
	struct json_object *spec = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &json, &size);

	if (r < 0)
		(void)fail_errno(err, r, "read %s", path);
	else if (json_parse(json, size, &json_limits_spec, &spec, err) < 0)
		(void)fail_while(err, "%s", path);
	return spec;
}

char *root_find(const struct lxcri_container *container, struct json_object *spec)
{
	const char *bundle = container->record.bundle;
	const char *path = json_get_text(json_get(spec, "root"), "path");

	if (container->record.owns_bundle || !path)
		path = "rootfs";
	return *path == '/' ? xstrdup(path) : xformat("%s/%s", bundle, path);
}

char *root_format_map(struct json_object *spec, const char *key)
{
	struct json_object *list = json_get(json_get(spec, "linux"), key);
	size_t count = json_count(list);
	autorun(text_finish) struct text map = {};

	for (size_t i = 0; i < count; i++) {
		struct json_object *range = json_object_array_get_idx(list, i);

		text_addf(&map, "%llu %llu %llu\n",
			  (unsigned long long)json_get_u64(range, "containerID", 0),
			  (unsigned long long)json_get_u64(range, "hostID", 0),
			  (unsigned long long)json_get_u64(range, "size", 0));
	}
	return count > 0 ? text_steal(&map) : NULL;
}

/* Yields what the root file system consists of. A descriptor's name keeps it from being changed on
 * the way; it is the caller's. */
static int find_dirs(const struct lxcri_container *container, struct strings *dirs, int *ret_fd,
		     struct lxcri_error *err)
{
	const struct record *record = &container->record;
	autojson spec = NULL;

	if (record->owns_bundle && !driver_of(record)->open_root) {
		strings_addf(dirs, "%s/upper", home_root_dir(&container->home, record));
		strings_add_all(dirs, &record->layers);
		return 0;
	}
	if (record->owns_bundle) {
		if (driver_open(container, ret_fd, err) < 0)
			return -1;
		strings_addf(dirs, "/proc/self/fd/%d", *ret_fd);
		return 0;
	}
	spec = root_load_spec(container, err);
	if (!spec)
		return -1;
	strings_add_consume(dirs, root_find(container, spec));
	return 0;
}

/* Looked at before each start: a container can change its own. */
int root_check_dev(const struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings dirs = {};
	autorun(merged_finish) struct merged root = {};
	autorun(merged_node_finish) struct merged_node dev = {};
	autoclose int fd = -1;
	int r;

	if (find_dirs(container, &dirs, &fd, err) < 0)
		return -1;
	r = merged_open_dir(&dirs, "/", &root);
	if (r == 0)
		r = merged_child(&root, "dev", &dev);
	if (r < 0)
		return r == -ENOENT ? 0 : fail_errno(err, r, "look at the root file system");
	if (!S_ISLNK(dev.status.st_mode))
		return 0;
	return fail(err, LXCRI_E_INVALID_SPEC,
		    "/dev of its root file system is a symlink, which runc would follow on the "
		    "host; use another runtime, or make it a directory");
}
