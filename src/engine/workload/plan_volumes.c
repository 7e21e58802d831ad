/* SPDX-License-Identifier: MIT */
/* A pod's volumes by its manifest. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/volumes/parts.h"
#include "engine/workload/pod_plan.h"
#include "manifest/quantity.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MODE_MAX 0777

/* Files on their way into the plan. */
struct files {
	struct pod_plan *plan;
	const struct pod_volume *volume; /* whose they are */
	struct lxcri_pod_file *items;
	size_t count;
};

static void add_file(struct files *files, const struct lxcri_pod_file *file)
{
	files->items = xreallocarray(files->items, files->count + 1, sizeof(*files->items));
	files->items[files->count++] = *file;
}

static int add_bytes(struct files *files, const char *path, const char *bytes, size_t size,
		     int64_t mode, struct lxcri_error *err)
{
	if (mode < 0 || mode > MODE_MAX)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "a mode is none of a file's, 0 to 0777");
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->items[i].directory, files->volume->name) == 0 &&
		    strcmp(files->items[i].path, path) == 0)
			return fail(err, LXCRI_E_INVALID_MANIFEST, "two files are called %s", path);
	add_file(files,
		 &(struct lxcri_pod_file){ .directory = plan_text(files->plan, files->volume->name),
					   .path = plan_text(files->plan, path),
					   .bytes = bytes,
					   .size = size,
					   .mode = (unsigned int)mode });
	return 0;
}

static int add_value(struct files *files, const struct object *object, const char *key,
		     const char *path, int64_t mode, struct lxcri_error *err)
{
	size_t size = 0;
	char *bytes = plan_value(object, key, &size);

	if (!bytes)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "the %s %s has no key %s",
			    object_kind_name(object->kind), object->meta->name, key);
	(void)plan_keep(files->plan, bytes);
	return add_bytes(files, path, bytes, size, mode, err);
}

static int add_object(struct files *files, const struct pod_volume_files *wanted,
		      const struct object *object, int64_t default_mode, struct lxcri_error *err)
{
	const struct field_map *maps[] = { &object->data, &object->binary };
	const struct pod_key_item *items = wanted->items.items;

	for (size_t i = 0; i < wanted->items.count; i++)
		if (add_value(files, object, items[i].key, items[i].path,
			      items[i].mode >= 0 ? items[i].mode : default_mode, err) < 0)
			return -1;
	for (size_t m = 0; wanted->items.count == 0 && m < ARRAY_LEN(maps); m++)
		for (size_t i = 0; i < maps[m]->keys.count; i++)
			if (add_value(files, object, maps[m]->keys.items[i], maps[m]->keys.items[i],
				      default_mode, err) < 0)
				return -1;
	return 0;
}

static int add_files(struct files *files, const struct pod_plan_source *source,
		     enum object_kind kind, const struct pod_volume_files *wanted,
		     int64_t default_mode, struct lxcri_error *err)
{
	autorun(object_finish) struct object object = { .kind = kind };
	int r = source->find(source->userdata, kind, source->name_space, wanted->name, &object,
			     err);

	if (r == 0 && !wanted->optional)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "there is no %s %s",
			    object_kind_name(kind), wanted->name);
	return r > 0 ? add_object(files, wanted, &object, default_mode, err) : r;
}

static int add_downward_item(struct files *files, const struct pod_plan_source *source,
			     const struct pod_downward_item *item, int64_t default_mode,
			     struct lxcri_error *err)
{
	char *text = NULL;

	if (!!item->field + !!item->resource != 1)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "expected one of fieldRef and resourceFieldRef");
	if (item->field ? plan_field_value(source, item->field->field_path, &text, err) < 0
			: plan_resource_value(source, NULL, item->resource, &text, err) < 0)
		return -1;
	(void)plan_keep(files->plan, text);
	return add_bytes(files, item->path, text, strlen(text),
			 item->mode >= 0 ? item->mode : default_mode, err);
}

static int add_downward(struct files *files, const struct pod_plan_source *source,
			const struct pod_downward *downward, int64_t default_mode,
			struct lxcri_error *err)
{
	const struct pod_downward_item *items = downward->items.items;

	for (size_t i = 0; i < downward->items.count; i++)
		if (add_downward_item(files, source, &items[i], default_mode, err) < 0)
			return fail_while(err, "downwardAPI %s", items[i].path);
	return 0;
}

static int add_projected(struct files *files, const struct pod_plan_source *source,
			 const struct pod_projected *projected, struct lxcri_error *err)
{
	const struct pod_projection *items = projected->sources.items;

	for (size_t i = 0; i < projected->sources.count; i++) {
		int64_t mode = projected->default_mode;
		int r = 0;

		if (items[i].config_map)
			r = add_files(files, source, OBJECT_CONFIG_MAP, items[i].config_map, mode,
				      err);
		if (r == 0 && items[i].secret)
			r = add_files(files, source, OBJECT_SECRET, items[i].secret, mode, err);
		if (r == 0 && items[i].downward)
			r = add_downward(files, source, items[i].downward, mode, err);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Makes what may be missing, and looks at what must be there. */
static int check_host_path(const struct pod_host_path *wanted, struct lxcri_error *err)
{
	const char *type = wanted->type ? wanted->type : "";
	struct stat status;
	int r = 0;

	if (*wanted->path != '/')
		return fail(err, LXCRI_E_INVALID_MANIFEST, "hostPath: \"%.80s\" is not absolute",
			    wanted->path);
	if (strcmp(type, "DirectoryOrCreate") == 0)
		r = path_make_dirs(wanted->path, 0755);
	if (r == 0 && strcmp(type, "FileOrCreate") == 0) {
		autoclose int fd = open(wanted->path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);

		r = fd < 0 ? -errno : 0;
	}
	if (r == 0 && stat(wanted->path, &status) < 0)
		r = -errno;
	if (r == 0 && text_starts_with(type, "Directory") && !S_ISDIR(status.st_mode))
		r = -ENOTDIR;
	if (r == 0 && text_starts_with(type, "File") && !S_ISREG(status.st_mode))
		r = -EINVAL;
	return r < 0 ? fail_code_errno(err, LXCRI_E_INVALID_MANIFEST, r, "hostPath %s",
				       wanted->path)
		     : 0;
}

/* A limit of what is on a disk cannot be kept: nobody moves a pod to elsewhere here. */
static int plan_memory(const struct pod_volume *volume, struct strings *memory,
		       struct lxcri_error *err)
{
	const char *medium = volume->empty_dir->medium ? volume->empty_dir->medium : "";
	const char *limit = volume->empty_dir->size_limit;
	int64_t thousandths = 0;

	if (*medium && strcmp(medium, "Memory") != 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "emptyDir.medium: \"%.40s\" is not there; Memory is", medium);
	if (limit && (quantity_parse(limit, &thousandths) < 0 || thousandths < 1000))
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "emptyDir.sizeLimit: \"%.40s\" is no quantity above 0", limit);
	if (!*medium)
		return 0;
	if (limit)
		strings_addf(memory, "%s=%jd", volume->name, (intmax_t)(thousandths / 1000));
	else
		strings_add(memory, volume->name);
	return 0;
}

static int plan_volume(struct files *files, const struct pod_plan_source *source,
		       const struct pod_volume *volume, struct strings *directories,
		       struct strings *memory, struct lxcri_error *err)
{
	int kinds = !!volume->empty_dir + !!volume->host_path + !!volume->config_map +
		    !!volume->secret + !!volume->claim + !!volume->downward + !!volume->projected;

	if (kinds > 1)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "it is of more than one kind");
	if (volume->host_path)
		return check_host_path(volume->host_path, err);
	if (volume->claim)
		return 0;
	strings_add(directories, volume->name);
	if (volume->empty_dir && plan_memory(volume, memory, err) < 0)
		return -1;
	files->volume = volume;
	if (volume->config_map)
		return add_files(files, source, OBJECT_CONFIG_MAP, volume->config_map,
				 volume->config_map->default_mode, err);
	if (volume->secret)
		return add_files(files, source, OBJECT_SECRET, volume->secret,
				 volume->secret->default_mode, err);
	if (volume->downward)
		return add_downward(files, source, volume->downward, volume->downward->default_mode,
				    err);
	return volume->projected ? add_projected(files, source, volume->projected, err) : 0;
}

int plan_volumes(struct pod_plan *plan, const struct pod_plan_source *source,
		 struct lxcri_error *err)
{
	autorun(strings_finish) struct strings directories = {};
	autorun(strings_finish) struct strings memory = {};
	const struct pod_volume *items = source->spec->volumes.items;
	struct files files = { .plan = plan };
	int r = 0;

	for (size_t i = 0; r == 0 && i < source->spec->volumes.count; i++) {
		for (size_t k = 0; r == 0 && k < i; k++)
			if (strcmp(items[i].name, items[k].name) == 0)
				r = fail(err, LXCRI_E_INVALID_MANIFEST, "two are called so");
		if (r == 0)
			r = plan_volume(&files, source, &items[i], &directories, &memory, err);
		if (r < 0)
			(void)fail_while(err, "volume %s", items[i].name);
	}
	if (files.items)
		(void)plan_keep(plan, files.items);
	plan->options.files = files.items;
	plan->options.n_files = files.count;
	plan->options.directories = plan_list(plan, &directories);
	plan->options.memory = plan_list(plan, &memory);
	return r;
}

static const struct pod_volume *find_volume(const struct pod_spec *spec, const char *name)
{
	const struct pod_volume *items = spec->volumes.items;

	for (size_t i = 0; i < spec->volumes.count; i++)
		if (strcmp(items[i].name, name) == 0)
			return &items[i];
	return NULL;
}

/* A claim is a named volume; one that a set makes is its pod's own. */
static char *claim_volume(const struct pod_plan_source *source, const char *claim)
{
	bool is_own = source->claims && strings_has(source->claims, claim);
	autofree char *name = is_own ? xformat("%s-%s", claim, source->name) : xstrdup(claim);

	return pod_plan_id(source->name_space, name);
}

static int plan_mount(struct pod_plan *plan, const struct pod_plan_source *source,
		      const struct pod_volume_mount *mount, struct lxcri_volume *ret,
		      struct lxcri_error *err)
{
	const struct pod_volume *volume = find_volume(source->spec, mount->name);
	bool is_files =
		volume->config_map || volume->secret || volume->downward || volume->projected;
	bool is_read_only =
		mount->read_only || is_files || (volume->claim && volume->claim->read_only);
	const char *sub = mount->sub_path && *mount->sub_path ? mount->sub_path : NULL;

	if (sub && !is_files && parts_check(sub, err) < 0) {
		err->code = LXCRI_E_INVALID_MANIFEST;
		return -1;
	}
	ret->destination = plan_text(plan, mount->mount_path);
	ret->options = is_read_only ? "ro" : NULL;
	if (volume->host_path)
		ret->source = plan_text(plan, volume->host_path->path);
	else if (volume->claim)
		ret->source = plan_keep(plan, claim_volume(source, volume->claim->claim_name));
	else if (is_files)
		ret->source = plan_keep(
			plan, xformat("pod:%s%s%s", volume->name, sub ? "/" : "", sub ? sub : ""));
	else
		ret->source = plan_keep(plan, xformat("pod:%s", volume->name));
	if (!is_files)
		ret->sub_path = plan_text(plan, sub);
	return 0;
}

int plan_mounts(struct pod_plan *plan, const struct pod_plan_source *source,
		const struct pod_container *container, struct lxcri_create_options *ret,
		struct lxcri_error *err)
{
	const struct pod_volume_mount *mounts = container->volume_mounts.items;
	struct lxcri_volume *volumes =
		plan_keep(plan, xcalloc(container->volume_mounts.count + 1, sizeof(*volumes)));

	for (size_t i = 0; i < container->volume_mounts.count; i++)
		if (plan_mount(plan, source, &mounts[i], &volumes[i], err) < 0)
			return fail_while(err, "volume %s", mounts[i].name);
	ret->volumes = volumes;
	ret->n_volumes = container->volume_mounts.count;
	return 0;
}
