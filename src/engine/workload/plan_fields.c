/* SPDX-License-Identifier: MIT */
/* What a manifest says of itself: fields of the pod, and what its containers may use. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/pod/fields.h"
#include "engine/workload/pod_plan.h"
#include "manifest/quantity.h"

#include <limits.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define THOUSANDTHS 1000

/* Of "metadata.labels['NAME']". */
static const char *value_in_map(const struct field_map *map, const char *path, const char *prefix)
{
	size_t length = strlen(prefix);
	size_t end = strlen(path);
	autofree char *key = NULL;

	if (!text_starts_with(path, prefix) || !text_ends_with(path, "']") || end < length + 2)
		return NULL;
	key = xstrndup(path + length, end - length - 2);
	return field_map_get(map, key);
}

/* All labels or annotations, as a file of them has them. */
static char *format_map(const struct field_map *map)
{
	struct text text = {};

	for (size_t i = 0; i < map->keys.count; i++) {
		text_addf(&text, "%s%s=", i ? "\n" : "", map->keys.items[i]);
		text_add_quoted(&text, map->values.items[i]);
	}
	return text_steal(&text);
}

/* What is known once the pod has its addresses has a mark until then. */
static const struct {
	const char *path;
	const char *mark;
} later_fields[] = {
	{ "status.podIP", FIELDS_POD_IP },
	{ "status.podIPs", FIELDS_POD_IPS },
	{ "status.hostIP", FIELDS_HOST_IP },
	{ "status.hostIPs", FIELDS_HOST_IP },
};

int plan_env_field_value(const struct pod_plan_source *source, const char *path, char **ret,
			 struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(later_fields); i++)
		if (strcmp(path, later_fields[i].path) == 0) {
			*ret = xstrdup(later_fields[i].mark);
			return 0;
		}
	return plan_field_value(source, path, ret, err);
}

int plan_field_value(const struct pod_plan_source *source, const char *path, char **ret,
		     struct lxcri_error *err)
{
	static const struct field_map none;
	const struct object_meta *meta = source->meta;
	const struct field_map *labels = meta ? &meta->labels : &none;
	const struct field_map *annotations = meta ? &meta->annotations : &none;
	char host[HOST_NAME_MAX + 1] = "";
	const char *value = NULL;

	(void)gethostname(host, HOST_NAME_MAX);
	if (strcmp(path, "metadata.labels") == 0 || strcmp(path, "metadata.annotations") == 0) {
		*ret = format_map(strcmp(path, "metadata.labels") == 0 ? labels : annotations);
		return 0;
	}
	if (strcmp(path, "metadata.name") == 0)
		value = source->name;
	else if (strcmp(path, "metadata.namespace") == 0)
		value = source->name_space;
	else if (strcmp(path, "spec.nodeName") == 0)
		value = host;
	else if (strcmp(path, "spec.serviceAccountName") == 0)
		value = "default";
	else if (text_starts_with(path, "metadata.labels['"))
		value = value_in_map(labels, path, "metadata.labels['");
	else if (text_starts_with(path, "metadata.annotations['"))
		value = value_in_map(annotations, path, "metadata.annotations['");
	else
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "fieldRef: %.80s is not known here%s", path,
			    text_starts_with(path, "status.") ? ", or only in env" : "");
	*ret = xstrdup(value ? value : "");
	return 0;
}

static const struct pod_container *find_container(const struct pod_spec *spec, const char *name)
{
	const struct field_list *lists[] = { &spec->containers, &spec->init_containers };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			const struct pod_container *items = lists[l]->items;

			if (strcmp(items[i].name, name) == 0)
				return &items[i];
		}
	return NULL;
}

/* Who has no limit has all that the host has. */
static int64_t of_host(const char *resource)
{
	struct sysinfo info = {};

	if (strcmp(resource, "cpu") == 0)
		return (int64_t)get_nprocs() * THOUSANDTHS;
	if (strcmp(resource, "memory") != 0 || sysinfo(&info) < 0)
		return 0;
	return (int64_t)info.totalram * info.mem_unit * THOUSANDTHS;
}

/* In thousandths. */
static int read_amount(const struct pod_container *container, const char *name, int64_t *ret,
		       struct lxcri_error *err)
{
	static const struct pod_resources nothing;
	const struct pod_resources *resources =
		container->resources ? container->resources : &nothing;
	bool is_limit = text_starts_with(name, "limits.");
	const char *resource = strchr(name, '.') ? strchr(name, '.') + 1 : "";
	const char *limit = field_map_get(&resources->limits, resource);
	const char *text = is_limit ? limit : field_map_get(&resources->requests, resource);

	if ((!is_limit && !text_starts_with(name, "requests.")) ||
	    (strcmp(resource, "cpu") != 0 && strcmp(resource, "memory") != 0 &&
	     strcmp(resource, "ephemeral-storage") != 0))
		return fail(
			err, LXCRI_E_UNSUPPORTED_OPERATION,
			"resourceFieldRef: \"%.60s\" is no limits or requests of cpu, memory or "
			"ephemeral-storage",
			name);
	/* What is asked for is what is limited, unless it is said. */
	text = text ? text : limit;
	*ret = is_limit ? of_host(resource) : 0;
	if (text && quantity_parse(text, ret) < 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "resources.%s: \"%.40s\" is no quantity",
			    name, text);
	return 0;
}

int plan_resource_value(const struct pod_plan_source *source, const struct pod_container *own,
			const struct pod_resource_ref *ref, char **ret, struct lxcri_error *err)
{
	const struct pod_container *container =
		ref->container ? find_container(source->spec, ref->container) : own;
	int64_t divisor = THOUSANDTHS;
	int64_t amount;

	if (!container)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "resourceFieldRef: the pod has no container %s",
			    ref->container ? ref->container : "without a name");
	if (ref->divisor && *ref->divisor &&
	    (quantity_parse(ref->divisor, &divisor) < 0 ||
	     (divisor == 0 && strcmp(ref->divisor, "0") != 0)))
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "resourceFieldRef.divisor: \"%.40s\" is no quantity", ref->divisor);
	if (divisor == 0) /* as it is written where it is as usual */
		divisor = THOUSANDTHS;
	if (read_amount(container, ref->resource, &amount, err) < 0)
		return -1;
	*ret = xformat("%jd", (intmax_t)(amount / divisor + (amount % divisor > 0)));
	return 0;
}
