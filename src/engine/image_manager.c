/* SPDX-License-Identifier: MIT */
/* The images of an engine, as lxcri/image.h offers them: the store, and what the engine knows of
 * the layers that containers use. */

#include "lxcri/image.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/container.h"
#include "engine/create.h"
#include "engine/images/manager.h"
#include "engine/images/open.h"
#include "engine/inspect.h"
#include "engine/usage.h"
#include "engine/event.h"
#include "image/login.h"
#include "image/pull.h"
#include "oci/image_config.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int lxcri_image_manager_open(struct lxcri_engine *engine, const char *umoci_path,
			     const char *images_dir, struct lxcri_image_manager **ret_manager,
			     struct lxcri_error *err)
{
	struct image_store *store = NULL;
	const char *data = images_dir ? images_dir : engine->data;

	if (umoci_path)
		log_info("umoci (%s) is not needed: images are unpacked by this program",
			 umoci_path);
	if (images_open(engine, data, &store, err) < 0)
		return -1;
	if (!images_dir)
		image_store_remember(store, engine->root);

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
	manager_drop_holds(manager);
	image_store_free(manager->store);
	free(manager->data);
	free(manager);
}

int lxcri_image_import(struct lxcri_image_manager *manager, const char *source, const char *name,
		       char **ret_digest, struct lxcri_error *err)
{
	autofree char *stored = NULL;

	if (text_starts_with(source, IMAGE_DOCKER_PREFIX)) {
		const struct lxcri_pull_options options = { .name = name };

		return lxcri_image_pull(manager, source + strlen(IMAGE_DOCKER_PREFIX), &options,
					ret_digest, err);
	}
	if (!image_is_source(source))
		return fail(err, LXCRI_E_INVALID_REFERENCE,
			    "source \"%s\": expected oci:DIR[:TAG], oci-archive:FILE[:TAG], "
			    "docker-archive:FILE[:REF] or docker://REF",
			    source);
	if (image_store_import(manager->store, source, name, &stored, ret_digest, err) < 0)
		return -1;

	const char *const attributes[] = { "digest", *ret_digest, NULL };

	engine_event(manager->engine, "image", "import", stored, attributes);
	return 0;
}

int lxcri_image_pull(struct lxcri_image_manager *manager, const char *reference,
		     const struct lxcri_pull_options *options, char **ret_digest,
		     struct lxcri_error *err)
{
	static const struct lxcri_pull_options plain = {};
	autofree char *name = NULL;
	autofree char *stored = NULL;

	if (!options)
		options = &plain;
	if (options->name) {
		name = image_stored_name(options->name, err);
		if (!name)
			return -1;
	}

	const struct image_pull pull = {
		.reference = reference,
		.name = name,
		.config = manager->engine->config,
		.progress = options->progress,
		.userdata = options->userdata,
	};

	if (image_store_pull(manager->store, &pull, &stored, ret_digest, err) < 0)
		return -1;

	const char *const attributes[] = { "digest", *ret_digest, NULL };

	engine_event(manager->engine, "image", "pull", stored, attributes);
	return 0;
}

int lxcri_registry_login(struct lxcri_image_manager *manager, const char *registry,
			 const char *user, const char *password, struct lxcri_error *err)
{
	return image_login(manager->engine->config, registry, user, password, err);
}

int lxcri_registry_logout(struct lxcri_image_manager *manager, const char *registry,
			  struct lxcri_error *err)
{
	return image_logout(manager->engine->config, registry, err);
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

static struct json_object *format_layers(const struct image_config *config)
{
	struct json_object *layers = json_object_new_array();

	for (size_t i = 0; i < config->n_diff_ids; i++)
		(void)json_object_array_add(layers,
					    json_object_new_string(config->diff_ids[i].text));
	return layers;
}

int lxcri_image_inspect_json(struct lxcri_image_manager *manager, const char *name, char **ret_json,
			     struct lxcri_error *err)
{
	autorun(image_finish) struct image image = {};
	autoptr(image_config) config = NULL;
	autojson object = json_object_new_object();

	if (image_store_get(manager->store, name, &image, err) < 0)
		return -1;
	if (image_config_parse(image.config_json, strlen(image.config_json), &config, err) < 0)
		return fail_while(err, "image %s", name);

	struct json_object *run = json_get(config->document, "config");

	json_set_text(object, "name", image.name);
	json_set_text(object, "digest", image.digest);
	json_object_object_add(object, "size", json_object_new_uint64(image.size_bytes));
	inspect_add_time(object, "created", image.created_ns);
	json_set_text(object, "author", config->author);
	json_set_text(object, "architecture", config->architecture);
	json_set_text(object, "os", config->os);
	json_set_text(object, "variant", config->variant);
	json_object_object_add(object, "layers", format_layers(config));
	json_object_object_add(object, "config",
			       run ? json_object_get(run) : json_object_new_object());
	*ret_json = json_format(object);
	return 0;
}

/* A removal, and the lock that keeps what it was told true. */
struct removing {
	struct lxcri_engine *engine;
	int lock;
};

static void tell_removed(void *userdata, const char *name, const char *digest)
{
	const struct removing *removing = userdata;

	event_image_removed(removing->engine, name, digest);
}

static int tell_usage(void *userdata, struct image_usage *usage, struct lxcri_error *err)
{
	struct removing *removing = userdata;

	removing->lock = usage_lock(removing->engine, USAGE_ALONE, err);
	return removing->lock < 0 ? -1 : usage_read(removing->engine, NULL, usage, err);
}

int lxcri_image_remove(struct lxcri_image_manager *manager, const char *name,
		       struct lxcri_error *err)
{
	struct removing removing = { .engine = manager->engine, .lock = -1 };
	const struct removal_listener listener = { .use = tell_usage,
						   .removed_image = tell_removed,
						   .userdata = &removing };
	int r = removal_of_image(manager->store, name, &listener, err);

	closep(&removing.lock);
	return r;
}

/* Makes the directory for a bundle; one with anything in it is refused. */
static int make_bundle_dir(const char *path, struct lxcri_error *err)
{
	int r = path_make_dirs(path, 0755);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the bundle %s", path);

	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autorun(strings_finish) struct strings names = {};
	bool empty = dir >= 0 && path_list_names(dir, &names) == 0 && names.count == 0;

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
