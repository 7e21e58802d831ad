/* SPDX-License-Identifier: MIT */
/* Reading manifests. */

#include "manifest/object.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/scope.h"
#include "base/text.h"
#include "manifest/object_fields.h"
#include "manifest/object_service.h"

#include <ctype.h>
#include <string.h>

/* Objects of all Lists together. */
#define OBJECTS_MAX 1000

#define NAMESPACE_DEFAULT "default"
#define NAMESPACE_MAX     63

const char *object_kind_name(enum object_kind kind)
{
	return object_entries[kind].name;
}

int object_kind_parse(const char *word, enum object_kind *ret, struct lxcri_error *err)
{
	struct nearest nearest = nearest_to(word);
	autorun(text_finish) struct text known = {};

	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct object_entry *entry = &object_entries[kind];
		bool is_it = strcmp(word, entry->name) == 0;

		for (size_t i = 0; i < ARRAY_LEN(entry->words) && entry->words[i]; i++) {
			is_it |= strcasecmp(word, entry->words[i]) == 0;
			nearest_offer(&nearest, entry->words[i]);
		}
		if (is_it) {
			*ret = (enum object_kind)kind;
			return 0;
		}
	}
	if (nearest.best)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "unknown kind \"%.60s\"; did you mean %s?", word, nearest.best);
	for (int kind = 0; kind < OBJECT_KINDS; kind++)
		text_addf(&known, "%s%s", kind ? ", " : "", object_entries[kind].words[0]);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown kind \"%.60s\"; there are %s", word,
		    known.data);
}

void object_finish(struct object *object)
{
	field_finish(&object_entries[object->kind].table, object);
	json_free(object->document);
	*object = (struct object){};
}

void object_list_finish(struct object_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		object_finish(&list->items[i]);
	free(list->items);
	*list = (struct object_list){};
}

static int refuse(const struct field_reader *reader, unsigned int line, const char *what,
		  const char *why)
{
	return fail(reader->err, LXCRI_E_INVALID_MANIFEST, "%s:%u: %s: %s", reader->source, line,
		    what, why);
}

/* Labels of the DNS, with dots between them where @dots. */
static bool is_name(const char *name, size_t max, bool dots)
{
	size_t length = strlen(name);

	if (length == 0 || length > max)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool is_edge =
			i == 0 || i + 1 == length || name[i - 1] == '.' || name[i + 1] == '.';

		if (islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]))
			continue;
		if (is_edge || (name[i] != '-' && !(dots && name[i] == '.')))
			return false;
	}
	return true;
}

static int check_names(const struct field_reader *reader, struct object *object)
{
	const struct object_entry *entry = &object_entries[object->kind];
	struct object_meta *meta = object->meta;
	autofree char *why = NULL;

	if (!meta || !meta->name)
		return refuse(reader, object->line, "metadata.name", "is missing");
	if (!meta->name_space)
		meta->name_space = xstrdup(NAMESPACE_DEFAULT);
	if (!is_name(meta->name_space, NAMESPACE_MAX, false))
		return refuse(reader, object->line, "metadata.namespace",
			      "expected small letters, digits and dashes, 63 bytes at most");
	why = xformat("\"%.80s\": expected small letters, digits and dashes, %zu bytes at most",
		      meta->name, entry->name_max);
	return is_name(meta->name, entry->name_max, entry->name_max > NAMESPACE_MAX)
		       ? 0
		       : refuse(reader, object->line, "metadata.name", why);
}

static bool is_label(const char *name)
{
	return is_name(name, NAMESPACE_MAX, false);
}

/* Names that are used by others in the pod. */
static int check_containers(const struct field_reader *reader, unsigned int line,
			    const struct pod_spec *spec, const struct field_list *containers)
{
	const struct pod_container *items = containers->items;

	for (size_t i = 0; i < containers->count; i++) {
		const struct pod_volume_mount *mounts = items[i].volume_mounts.items;

		if (!is_label(items[i].name))
			return refuse(reader, line, items[i].name,
				      "is no name of a container: expected small letters, digits "
				      "and dashes, 63 bytes at most");
		for (size_t k = 0; k < items[i].volume_mounts.count; k++) {
			const struct pod_volume *volumes = spec->volumes.items;
			bool found = false;

			for (size_t v = 0; v < spec->volumes.count; v++)
				found |= strcmp(volumes[v].name, mounts[k].name) == 0;
			if (!found)
				return refuse(reader, line, mounts[k].name,
					      "is mounted, but no volume of the pod");
		}
	}
	return 0;
}

static int check_unique(const struct field_reader *reader, unsigned int line,
			const struct pod_spec *spec)
{
	const struct field_list *lists[] = { &spec->init_containers, &spec->containers };
	autorun(strings_finish) struct strings seen = {};

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			const struct pod_container *items = lists[l]->items;

			if (strings_has(&seen, items[i].name))
				return refuse(reader, line, items[i].name,
					      "two containers of the pod have this name");
			strings_add(&seen, items[i].name);
		}
	return 0;
}

static int check_pod(const struct field_reader *reader, unsigned int line,
		     const struct pod_spec *spec)
{
	static const char *const policies[] = { "Always", "OnFailure", "Never" };
	bool is_policy = !spec || !spec->restart_policy;

	if (!spec || spec->containers.count == 0)
		return refuse(reader, line, "spec.containers", "is missing");
	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		is_policy |= spec->restart_policy && strcmp(spec->restart_policy, policies[i]) == 0;
	if (!is_policy)
		return refuse(reader, line, "spec.restartPolicy",
			      "expected Always, OnFailure or Never");
	if (spec->grace_seconds < 0 || spec->grace_seconds > 86400)
		return refuse(reader, line, "spec.terminationGracePeriodSeconds",
			      "expected 0 to 86400");
	if (check_unique(reader, line, spec) < 0 ||
	    check_containers(reader, line, spec, &spec->init_containers) < 0)
		return -1;
	return check_containers(reader, line, spec, &spec->containers);
}

static int check_set(const struct field_reader *reader, const struct object *object)
{
	const struct object_set *set = object->set;
	const struct object_claim_template *claims = set ? set->claims.items : NULL;

	if (!set || !set->pods)
		return refuse(reader, object->line, "spec.template", "is missing");
	if (set->replicas < 0 || set->replicas > 1000)
		return refuse(reader, object->line, "spec.replicas", "expected 0 to 1000");
	for (size_t i = 0; i < set->claims.count; i++)
		if (!claims[i].meta || !claims[i].meta->name || !is_label(claims[i].meta->name))
			return refuse(reader, object->line, "spec.volumeClaimTemplates",
				      "one has no name");
	for (size_t i = 0; set->selector && i < set->selector->labels.keys.count; i++) {
		const char *label = set->pods->meta
					    ? field_map_get(&set->pods->meta->labels,
							    set->selector->labels.keys.items[i])
					    : NULL;

		if (!label || strcmp(label, set->selector->labels.values.items[i]) != 0)
			return refuse(reader, object->line, "spec.selector",
				      "does not match the labels of spec.template");
	}
	return 0;
}

/* The volumes of the claims that a stateful set makes are volumes of its pods. */
static int add_claimed(struct object_set *set)
{
	const struct object_claim_template *claims = set->claims.items;
	struct field_list *volumes = set->pods->spec ? &set->pods->spec->volumes : NULL;

	for (size_t i = 0; volumes && i < set->claims.count; i++) {
		struct pod_volume *volume;

		volumes->items = xreallocarray(volumes->items, volumes->count + 1,
					       sizeof(struct pod_volume));
		volume = (struct pod_volume *)volumes->items + volumes->count++;
		*volume = (struct pod_volume){ .name = xstrdup(claims[i].meta->name),
					       .claim = xnew(struct pod_claim) };
		volume->claim->claim_name = xstrdup(claims[i].meta->name);
	}
	return 0;
}

static int check_base64(const struct field_reader *reader, const struct object *object)
{
	for (size_t i = 0; i < object->binary.keys.count; i++) {
		size_t size;
		autofree char *bytes = base64_decode(object->binary.values.items[i], &size);

		if (!bytes)
			return refuse(reader, object->line, object->binary.keys.items[i],
				      "is not written in base64");
	}
	return 0;
}

static int check(const struct field_reader *reader, struct object *object)
{
	if (check_names(reader, object) < 0)
		return -1;
	switch (object->kind) {
	case OBJECT_POD:
		return check_pod(reader, object->line, object->pod);
	case OBJECT_DEPLOYMENT:
	case OBJECT_STATEFUL_SET:
		if (check_set(reader, object) < 0 || add_claimed(object->set) < 0)
			return -1;
		return check_pod(reader, object->line, object->set->pods->spec);
	case OBJECT_CONFIG_MAP:
	case OBJECT_SECRET:
		return check_base64(reader, object);
	case OBJECT_SERVICE:
		return reader->is_kept && object->service ? 0
							  : object_service_check(reader, object);
	case OBJECT_CLAIM:
	case OBJECT_KINDS:
		break;
	}
	return 0;
}

/* Keeps the whole with its namespace, by which it is found again. */
static void keep_document(struct object *object, const struct yaml_node *node)
{
	struct json_object *meta;

	object->document = yaml_to_json(node);
	meta = json_get(object->document, "metadata");
	json_set_text(meta, "namespace", object->meta->name_space);
}

static int check_twice(const struct field_reader *reader, const struct object_list *list,
		       const struct object *object)
{
	for (size_t i = 0; i + 1 < list->count; i++) {
		const struct object *other = &list->items[i];
		autofree char *why = NULL;

		if (other->kind != object->kind ||
		    strcmp(other->meta->name, object->meta->name) != 0 ||
		    strcmp(other->meta->name_space, object->meta->name_space) != 0)
			continue;
		why = xformat("the %s stands on line %u as well", object_kind_name(object->kind),
			      other->line);
		return refuse(reader, object->line, object->meta->name, why);
	}
	return 0;
}

static int read_object(const struct field_reader *reader, enum object_kind kind,
		       const struct yaml_node *node, struct object_list *list)
{
	const struct object_entry *entry = &object_entries[kind];
	struct object *object;

	if (list->count >= OBJECTS_MAX)
		return fail(reader->err, LXCRI_E_LIMIT_EXCEEDED, "%s:%u: more than %d objects",
			    reader->source, node->line, OBJECTS_MAX);
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	object = &list->items[list->count++];
	*object = (struct object){ .kind = kind, .line = node->line };
	if (field_read(reader, &entry->table, node, "", object) < 0)
		return -1;
	if (strcmp(object->api_version, entry->api_version) != 0)
		return fail(reader->err, LXCRI_E_INVALID_MANIFEST,
			    "%s:%u: apiVersion: \"%.60s\" has no %s; it is of %s", reader->source,
			    node->line, object->api_version, entry->name, entry->api_version);
	if (check(reader, object) < 0)
		return -1;
	keep_document(object, node);
	return check_twice(reader, list, object);
}

static int read_any(const struct field_reader *reader, const struct yaml_node *node,
		    struct object_list *list, bool in_list);

static int read_items(const struct field_reader *reader, const struct yaml_node *node,
		      struct object_list *list)
{
	const struct yaml_node *items = yaml_get(node, "items");

	if (!items || items->kind != YAML_LIST)
		return refuse(reader, node->line, "items", "expected a list");
	for (size_t i = 0; i < items->count; i++)
		if (read_any(reader, items->items[i], list, true) < 0)
			return -1;
	return 0;
}

static int tell_unknown(const struct field_reader *reader, const struct yaml_node *kind)
{
	autofree char *line = NULL;
	struct nearest nearest = nearest_to(kind->text);

	for (int i = 0; i < OBJECT_KINDS; i++)
		nearest_offer(&nearest, object_entries[i].name);
	line = xformat("%s:%u: kind: \"%.60s\" is not known here%s%s", reader->source, kind->line,
		       kind->text, nearest.best ? "; did you mean " : "",
		       nearest.best ? nearest.best : "");
	if (reader->is_strict)
		return fail(reader->err, LXCRI_E_INVALID_MANIFEST, "%s", line);
	if (reader->warn)
		reader->warn(reader->userdata, line);
	return 0;
}

static int read_any(const struct field_reader *reader, const struct yaml_node *node,
		    struct object_list *list, bool in_list)
{
	const struct yaml_node *kind = yaml_get(node, "kind");

	if (node->kind != YAML_MAP)
		return refuse(reader, node->line, "the document", "expected a map");
	if (!kind || kind->kind != YAML_TEXT)
		return refuse(reader, node->line, "kind", "is missing");
	if (!in_list && strcmp(kind->text, "List") == 0)
		return read_items(reader, node, list);
	for (int i = 0; i < OBJECT_KINDS; i++)
		if (strcmp(kind->text, object_entries[i].name) == 0)
			return read_object(reader, (enum object_kind)i, node, list);
	return tell_unknown(reader, kind);
}

int object_list_parse(const char *bytes, size_t size, const struct field_reader *reader,
		      struct object_list *ret)
{
	autorun(object_list_finish) struct object_list list = {};
	autorun(yaml_stream_finish) struct yaml_stream stream = {};

	if (yaml_parse(bytes, size, &stream, reader->err) < 0)
		return fail_while(reader->err, "%s", reader->source);
	for (size_t i = 0; i < stream.count; i++)
		if (read_any(reader, stream.documents[i], &list, false) < 0)
			return -1;
	*ret = list;
	list = (struct object_list){};
	return 0;
}
