/* SPDX-License-Identifier: MIT */
/* The images of an engine, as lxcri/image.h offers them: the store, and what the engine knows of
 * the layers that containers use. */

#include "lxcri/image.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/create.h"
#include "engine/event.h"
#include "image/store.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

struct lxcri_image_manager {
	struct lxcri_engine *engine; /* borrowed */
	char *data;
	struct image_store *store;
};

int lxcri_image_manager_open(struct lxcri_engine *engine, const char *umoci_path,
			     const char *images_dir, struct lxcri_image_manager **ret_manager,
			     struct lxcri_error *err)
{
	struct image_store *store = NULL;
	const char *data = images_dir ? images_dir : engine->data;

	if (umoci_path)
		log_info("umoci (%s) is not needed: images are unpacked by this program",
			 umoci_path);
	if (image_store_open(data, &store, err) < 0)
		return -1;

	struct lxcri_image_manager *manager = xnew(struct lxcri_image_manager);

	manager->engine = engine;
	manager->data = xstrdup(data);
	manager->store = store;
	*ret_manager = manager;
	return 0;
}

void lxcri_image_manager_free(struct lxcri_image_manager *manager)
{
	if (!manager)
		return;
	image_store_free(manager->store);
	free(manager->data);
	free(manager);
}

int lxcri_image_import(struct lxcri_image_manager *manager, const char *source, const char *name,
		       char **ret_digest, struct lxcri_error *err)
{
	autofree char *stored = NULL;

	if (!image_is_source(source))
		return fail(err, LXCRI_E_INVALID_REFERENCE,
			    "source \"%s\": expected oci:DIR[:TAG], oci-archive:FILE[:TAG] or "
			    "docker-archive:FILE[:REF]",
			    source);
	if (image_store_import(manager->store, source, name, &stored, ret_digest, err) < 0)
		return -1;

	const char *const attributes[] = { "digest", *ret_digest, NULL };

	engine_event(manager->engine, "image", "import", stored, attributes);
	return 0;
}

struct image_walk {
	lxcri_image_fn each;
	void *userdata;
};

static int show_image(void *userdata, const struct image *image)
{
	const struct image_walk *walk = userdata;
	const struct lxcri_image_info info = {
		.name = image->name,
		.digest = image->digest,
		.size_bytes = image->size_bytes,
		.created_ns = image->created_ns,
		.layers = image->layers,
	};

	return walk->each(walk->userdata, &info);
}

int lxcri_image_list(struct lxcri_image_manager *manager, lxcri_image_fn each, void *userdata,
		     struct lxcri_error *err)
{
	struct image_walk walk = { .each = each, .userdata = userdata };

	return image_store_list(manager->store, show_image, &walk, err);
}

/* What a removal must spare, and what forbids it. */
struct usage {
	const struct lxcri_engine *engine;
	struct strings layers;
	const char *digest; /* of the image that is to go */
	char *user;         /* a container made from it */
	struct lxcri_error *err;
};

static int note_usage(void *userdata, const char *id, const char *json)
{
	struct usage *usage = userdata;
	autorun(record_finish) struct record record = {};
	autofree char *data_dir = engine_data_dir(usage->engine, id);

	/* The directory is there as long as the container (see home.h): somebody removed it by
	 * hand, or the power went before it was on the disk. */
	if (access(data_dir, F_OK) < 0)
		return 0;
	if (record_parse(json, strlen(json), &record, usage->err) < 0)
		return fail_while(usage->err, "container %s, whose layers must stay", id);
	strings_add_all(&usage->layers, &record.layers);
	if (record.digest && strcmp(record.digest, usage->digest) == 0 && !usage->user)
		usage->user = xstrdup(id);
	return 0;
}

struct lookup {
	const char *digest;
	unsigned int names; /* that lead to it */
};

static int count_names(void *userdata, const struct image *image)
{
	struct lookup *lookup = userdata;

	lookup->names += strcmp(lookup->digest, image->digest) == 0;
	return 0;
}

/* Refuses to remove the last name of an image that a container was made from. */
static int check_unused(struct lxcri_image_manager *manager, const char *name, const char *digest,
			const struct usage *usage, struct lxcri_error *err)
{
	struct lookup lookup = { .digest = digest };

	if (!usage->user)
		return 0;
	if (image_store_list(manager->store, count_names, &lookup, err) < 0)
		return -1;
	if (lookup.names > 1)
		return 0;
	return fail(err, LXCRI_E_IMAGE_IN_USE,
		    "image %s: container %s was made from it; delete the container first", name,
		    usage->user);
}

int lxcri_image_remove(struct lxcri_image_manager *manager, const char *name,
		       struct lxcri_error *err)
{
	autorun(image_finish) struct image image = {};
	struct usage usage = { .engine = manager->engine, .err = err };
	struct database *database;
	int r = image_store_get(manager->store, name, &image, err);

	if (r < 0)
		return r;
	usage.digest = image.digest;
	database = engine_database(manager->engine, err);
	r = database ? database_each_container(database, note_usage, &usage, err) : -1;
	if (r == 0)
		r = check_unused(manager, name, image.digest, &usage, err);
	if (r == 0)
		r = image_store_remove(manager->store, name, &usage.layers, err);
	if (r == 0) {
		const char *const attributes[] = { "digest", image.digest, NULL };

		engine_event(manager->engine, "image", "remove", image.name, attributes);
	}
	free(usage.user);
	strings_finish(&usage.layers);
	return r;
}

/* Makes the directory for a bundle; one with anything in it is refused. */
static int make_bundle_dir(const char *path, struct lxcri_error *err)
{
	int r = path_make_dirs(path, 0755);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the bundle %s", path);

	DIR *dir = opendir(path);
	bool empty = dir != NULL;

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	if (dir)
		(void)closedir(dir);
	return empty ? 0
		     : fail(err, LXCRI_E_INVALID_ARGUMENT, "bundle %s: the directory is not empty",
			    path);
}

int lxcri_image_create_container(struct lxcri_image_manager *manager, const char *image_name,
				 const char *image_tag, const char *container_id,
				 const char *bundle_path, struct lxcri_error *err)
{
	autofree char *reference = xformat("%s:%s", image_name, image_tag ? image_tag : "latest");
	autofree char *bundle = NULL;
	autoptr(lxcri_container) container = NULL;
	const struct lxcri_create_options options = { .id = container_id, .image = reference };

	if (make_bundle_dir(bundle_path, err) < 0)
		return -1;
	bundle = realpath(bundle_path, NULL);
	if (!bundle)
		return fail_errno(err, errno, "bundle %s", bundle_path);
	if (create_with_bundle(manager->engine, &options, bundle, &container, err) == 0)
		return 0;
	(void)rmdir(bundle); /* only if nothing is in it, as we made it */
	return -1;
}
