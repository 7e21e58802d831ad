/* SPDX-License-Identifier: MIT */
/* A container's environment and command by its manifest. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/workload/pod_plan.h"

#include <string.h>

/* What all that refers to itself may become. */
#define EXPANDED_BYTES_MAX (1u << 20)

/* Replaces "$(NAME)" where @env has NAME; "$$(" stands for "$(". */
static int expand(const char *text, const struct strings *env, char **ret, struct lxcri_error *err)
{
	autorun(text_finish) struct text out = {};

	while (*text) {
		const char *end = text_starts_with(text, "$(") ? strchr(text, ')') : NULL;
		autofree char *name = end ? xstrndup(text + 2, (size_t)(end - text - 2)) : NULL;
		const char *value = name && *name ? strings_get_env(env, name) : NULL;

		if (text_starts_with(text, "$$")) {
			text_add(&out, "$");
			text += 2;
		} else if (value) {
			text_add(&out, value);
			text = end + 1;
		} else {
			text_append(&out, text++, 1);
		}
		if (out.length > EXPANDED_BYTES_MAX)
			return fail(err, LXCRI_E_LIMIT_EXCEEDED,
				    "a text becomes more than %u bytes", EXPANDED_BYTES_MAX);
	}
	*ret = text_steal(&out);
	return 0;
}

static bool is_env_name(const char *name)
{
	return *name && !strchr(name, '=') && !text_has_control(name);
}

/* Finds the object that @name is said to be. Returns 1, 0 for one that may be missing, or < 0. */
static int find_object(const struct pod_plan_source *source, enum object_kind kind,
		       const char *name, bool optional, struct object *ret, struct lxcri_error *err)
{
	int r = source->find(source->userdata, kind, source->name_space, name, ret, err);

	if (r == 0 && !optional)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "there is no %s %s",
			    object_kind_name(kind), name);
	return r;
}

static int add_all(const struct pod_plan_source *source, enum object_kind kind,
		   const struct pod_env_from_ref *ref, const char *prefix, struct strings *env,
		   struct lxcri_error *err)
{
	autorun(object_finish) struct object object = { .kind = kind };
	const struct field_map *maps[] = { &object.data, &object.binary };
	int r = ref ? find_object(source, kind, ref->name, ref->optional, &object, err) : 0;

	for (size_t m = 0; r > 0 && m < ARRAY_LEN(maps); m++)
		for (size_t i = 0; i < maps[m]->keys.count; i++) {
			const char *key = maps[m]->keys.items[i];
			size_t size;
			autofree char *value = plan_value(&object, key, &size);
			autofree char *entry =
				xformat("%s%s=%s", prefix ? prefix : "", key, value ? value : "");

			/* Of bytes that are no text nothing could be made. */
			if (is_env_name(key) && value && strlen(value) == size)
				strings_set_env(env, entry);
		}
	return r < 0 ? -1 : 0;
}

static int value_of_key(const struct pod_plan_source *source, enum object_kind kind,
			const struct pod_key_ref *ref, char **ret, struct lxcri_error *err)
{
	autorun(object_finish) struct object object = { .kind = kind };
	size_t size = 0;
	int r = find_object(source, kind, ref->name, ref->optional, &object, err);

	if (r <= 0)
		return r;
	*ret = plan_value(&object, ref->key, &size);
	if (*ret && strlen(*ret) != size)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "key %s of the %s %s is no text",
			    ref->key, object_kind_name(kind), ref->name);
	return *ret || ref->optional
		       ? 0
		       : fail(err, LXCRI_E_INVALID_MANIFEST, "the %s %s has no key %s",
			      object_kind_name(kind), ref->name, ref->key);
}

static int value_from(const struct pod_plan_source *source, const struct pod_container *container,
		      const struct pod_env_source *from, char **ret, struct lxcri_error *err)
{
	if (from->config_map)
		return value_of_key(source, OBJECT_CONFIG_MAP, from->config_map, ret, err);
	if (from->secret)
		return value_of_key(source, OBJECT_SECRET, from->secret, ret, err);
	if (from->field)
		return plan_env_field_value(source, from->field->field_path, ret, err);
	if (from->resource)
		return plan_resource_value(source, container, from->resource, ret, err);
	return fail(err, LXCRI_E_INVALID_MANIFEST, "valueFrom names nothing");
}

static int add_one(const struct pod_plan_source *source, const struct pod_container *container,
		   const struct pod_env *entry, struct strings *env, struct lxcri_error *err)
{
	autofree char *value = NULL;
	autofree char *assignment = NULL;

	if (!is_env_name(entry->name))
		return fail(err, LXCRI_E_INVALID_MANIFEST, "\"%.60s\" is no name of a variable",
			    entry->name);
	if (entry->from) {
		if (value_from(source, container, entry->from, &value, err) < 0)
			return -1;
		if (!value)
			return 0; /* it may be missing */
	} else if (expand(entry->value ? entry->value : "", env, &value, err) < 0) {
		return -1;
	}
	assignment = xformat("%s=%s", entry->name, value);
	strings_set_env(env, assignment);
	return 0;
}

static int expand_all(struct pod_plan *plan, const struct strings *words, const struct strings *env,
		      const char *const **ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings expanded = {};

	if (words->count == 0)
		return 0;
	for (size_t i = 0; i < words->count; i++) {
		char *text = NULL;

		if (expand(words->items[i], env, &text, err) < 0)
			return -1;
		strings_add_consume(&expanded, text);
	}
	*ret = plan_list(plan, &expanded);
	return 0;
}

int plan_env(struct pod_plan *plan, const struct pod_plan_source *source,
	     const struct pod_container *container, struct lxcri_create_options *ret,
	     struct lxcri_error *err)
{
	autorun(strings_finish) struct strings env = {};
	const struct pod_env_from *from = container->env_from.items;
	const struct pod_env *entries = container->env.items;

	for (size_t i = 0; i < container->env_from.count; i++)
		if (add_all(source, OBJECT_CONFIG_MAP, from[i].config_map, from[i].prefix, &env,
			    err) < 0 ||
		    add_all(source, OBJECT_SECRET, from[i].secret, from[i].prefix, &env, err) < 0)
			return fail_while(err, "envFrom");
	for (size_t i = 0; i < container->env.count; i++)
		if (add_one(source, container, &entries[i], &env, err) < 0)
			return fail_while(err, "env %s", entries[i].name);
	ret->env = plan_list(plan, &env);
	if (expand_all(plan, &container->command, &env, &ret->entrypoint, err) < 0)
		return -1;
	return expand_all(plan, &container->args, &env, &ret->command, err);
}
