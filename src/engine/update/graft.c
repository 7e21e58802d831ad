/* SPDX-License-Identifier: MIT */
/* The specification of a container that gets another image. */

#include "engine/update/graft.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* Puts a reference to member @key of @from in the place of that of @to. */
static void take(struct json_object *from, struct json_object *to, const char *key)
{
	json_object_object_add(to, key, json_object_get(json_get(from, key)));
}

/* The bounding set is what was asked for; what the process has of it at once depends on its user,
 * as it did at the creation. */
static void take_capabilities(struct json_object *old, struct json_object *process)
{
	struct json_object *bounding = json_get(json_get(old, "capabilities"), "bounding");
	bool is_root = json_get_u64(json_get(process, "user"), "uid", 0) == 0;
	struct json_object *object = json_object_new_object();
	static const char *const held[] = { "effective", "permitted" };

	json_object_object_add(object, "bounding", json_object_get(bounding));
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		json_object_object_add(object, held[i],
				       is_root ? json_object_get(bounding)
					       : json_object_new_array());
	json_object_object_add(process, "capabilities", object);
}

/* Takes the variables out that the user wants unset. */
static void unset(const struct strings *names, struct json_object *process)
{
	struct json_object *env = json_get(process, "env");
	size_t count = json_count(env);

	for (size_t i = count; i-- > 0;) {
		const char *variable = json_object_get_string(json_object_array_get_idx(env, i));
		autofree char *name = xstrndup(variable, strcspn(variable, "="));

		if (strings_has(names, name))
			json_object_array_del_idx(env, i, 1);
	}
}

static void graft_process(struct json_object *old, const struct request *request,
			  struct json_object *fresh)
{
	static const char *const of_image[] = { "args", "env", "cwd", "user" };
	struct json_object *process = NULL;

	(void)json_object_deep_copy(old, &process, NULL); /* fails for want of memory alone */
	for (size_t i = 0; i < ARRAY_LEN(of_image); i++)
		take(json_get(fresh, "process"), process, of_image[i]);
	take_capabilities(old, process);
	unset(&request->unset, process);
	json_object_object_add(fresh, "process", process);
}

/* Labels are the new image's and the user's, all other annotations stay. */
static void graft_annotations(struct json_object *old, struct json_object *fresh)
{
	struct json_object *annotations = json_get(fresh, "annotations");
	struct json_object *kept = json_object_new_object();

	if (old) {
		json_object_object_foreach(old, key, value)
		{
			if (!text_starts_with(key, BUNDLE_LABEL_PREFIX))
				json_object_object_add(kept, key, json_object_get(value));
		}
	}
	if (annotations) {
		json_object_object_foreach(annotations, key, value)
		{
			if (text_starts_with(key, BUNDLE_LABEL_PREFIX))
				json_object_object_add(kept, key, json_object_get(value));
		}
	}
	json_object_object_add(fresh, "annotations", kept);
}

static bool is_mounted(struct json_object *mounts, const char *destination)
{
	size_t count = json_count(mounts);

	for (size_t i = 0; i < count; i++) {
		const char *there =
			json_get_text(json_object_array_get_idx(mounts, i), "destination");

		if (there && strcmp(there, destination) == 0)
			return true;
	}
	return false;
}

static void drop_mounted_volumes(struct json_object *mounts, struct bundle *bundle)
{
	size_t kept = 0;

	for (size_t i = 0; i < bundle->n_volumes; i++) {
		struct bundle_volume *volume = &bundle->volumes[i];

		if (!is_mounted(mounts, volume->destination)) {
			bundle->volumes[kept++] = *volume;
			continue;
		}
		free(volume->name);
		free(volume->destination);
		free(volume->source);
		strings_finish(&volume->options);
	}
	bundle->n_volumes = kept;
}

void graft(struct json_object *old, const struct request *request, struct bundle *bundle)
{
	static const char *const of_image[] = { "process", "annotations" };
	struct json_object *spec = NULL;

	graft_process(json_get(old, "process"), request, bundle->spec);
	graft_annotations(json_get(old, "annotations"), bundle->spec);
	(void)json_object_deep_copy(old, &spec, NULL); /* as above */
	for (size_t i = 0; i < ARRAY_LEN(of_image); i++)
		take(bundle->spec, spec, of_image[i]);
	json_free(bundle->spec);
	bundle->spec = spec;
	drop_mounted_volumes(json_get(old, "mounts"), bundle);
}

void graft_back(struct json_object *current, struct json_object *target)
{
	take(current, target, "linux");
}
