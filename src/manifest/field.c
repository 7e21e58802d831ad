/* SPDX-License-Identifier: MIT */
/* Objects by tables of their fields. */

#include "manifest/field.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *field_map_get(const struct field_map *map, const char *key)
{
	for (size_t i = 0; i < map->keys.count; i++)
		if (strcmp(map->keys.items[i], key) == 0)
			return map->values.items[i];
	return NULL;
}

void field_map_add(struct field_map *map, const char *key, const char *value)
{
	strings_add(&map->keys, key);
	strings_add(&map->values, value);
}

void field_map_finish(struct field_map *map)
{
	strings_finish(&map->keys);
	strings_finish(&map->values);
}

static void *slot(void *target, const struct field *field)
{
	return (char *)target + field->offset;
}

static bool goes_somewhere(const struct field *field)
{
	return field->kind != FIELD_ANY && field->effect != FIELD_IDLE &&
	       field->effect != FIELD_REFUSED;
}

static void finish_list(const struct field_table *table, struct field_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		field_finish(table, (char *)list->items + i * table->size);
	free(list->items);
	*list = (struct field_list){};
}

static void finish_object(const struct field_table *table, void **object)
{
	if (*object)
		field_finish(table, *object);
	free(*object);
	*object = NULL;
}

void field_finish(const struct field_table *table, void *target)
{
	for (const struct field *field = table->fields; field->name; field++) {
		void *at = slot(target, field);

		if (!goes_somewhere(field))
			continue;
		switch (field->kind) {
		case FIELD_TEXT:
		case FIELD_WORD:
			free(*(char **)at);
			*(char **)at = NULL;
			break;
		case FIELD_TEXTS:
		case FIELD_WORDS:
			strings_finish(at);
			break;
		case FIELD_TEXT_MAP:
		case FIELD_WORD_MAP:
			field_map_finish(at);
			break;
		case FIELD_OBJECT:
			finish_object(field->table, at);
			break;
		case FIELD_OBJECTS:
			finish_list(field->table, at);
			break;
		case FIELD_ANY:
		case FIELD_NUMBER:
		case FIELD_TRUTH:
			break;
		}
	}
}

[[gnu::format(printf, 4, 5)]] static int refuse(const struct field_reader *reader,
						const struct yaml_node *node, const char *path,
						const char *format, ...)
{
	autofree char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	return fail(reader->err, LXCRI_E_INVALID_MANIFEST, "%s:%u: %s: %s", reader->source,
		    node->line, path, text ? text : "it is not valid");
}

static int refuse_kind(const struct field_reader *reader, const struct yaml_node *node,
		       const char *path, const char *wanted)
{
	return refuse(reader, node, path, "expected %s, not %s%s", wanted,
		      yaml_kind_name(node->kind),
		      strcmp(wanted, "a text") == 0 && node->text ? ": put it in quotes" : "");
}

static int take_text(const struct field_reader *reader, const struct yaml_node *node,
		     const char *path, bool any_word, char **ret)
{
	bool is_word = node->kind == YAML_NUMBER || node->kind == YAML_FRACTION ||
		       node->kind == YAML_TRUTH;

	if (node->kind != YAML_TEXT && !(any_word && is_word))
		return refuse_kind(reader, node, path, any_word ? "a text or a number" : "a text");
	*ret = xstrdup(node->text);
	return 0;
}

static int take_texts(const struct field_reader *reader, const struct yaml_node *node,
		      const char *path, bool any_word, struct strings *ret)
{
	if (node->kind != YAML_LIST)
		return refuse_kind(reader, node, path, "a list");
	for (size_t i = 0; i < node->count; i++) {
		autofree char *place = json_path_index(path, i);
		char *text = NULL;

		if (take_text(reader, node->items[i], place, any_word, &text) < 0)
			return -1;
		strings_add_consume(ret, text);
	}
	return 0;
}

static int take_map(const struct field_reader *reader, const struct yaml_node *node,
		    const char *path, bool any_word, struct field_map *ret)
{
	if (node->kind != YAML_MAP)
		return refuse_kind(reader, node, path, "a map");
	for (size_t i = 0; i < node->count; i++) {
		autofree char *place = json_path_key(path, node->keys[i]);
		autofree char *text = NULL;

		if (take_text(reader, node->items[i], place, any_word, &text) < 0)
			return -1;
		field_map_add(ret, node->keys[i], text);
	}
	return 0;
}

static int take_objects(const struct field_reader *reader, const struct field *field,
			const struct yaml_node *node, const char *path, struct field_list *ret)
{
	if (node->kind != YAML_LIST)
		return refuse_kind(reader, node, path, "a list");
	ret->items = node->count ? xcalloc(node->count, field->table->size) : NULL;
	for (size_t i = 0; i < node->count; i++) {
		autofree char *place = json_path_index(path, i);

		ret->count++;
		if (field_read(reader, field->table, node->items[i], place,
			       (char *)ret->items + i * field->table->size) < 0)
			return -1;
	}
	return 0;
}

static int take(const struct field_reader *reader, const struct field *field,
		const struct yaml_node *node, const char *path, void *at)
{
	switch (field->kind) {
	case FIELD_ANY:
		return 0;
	case FIELD_TEXT:
	case FIELD_WORD:
		return take_text(reader, node, path, field->kind == FIELD_WORD, at);
	case FIELD_NUMBER:
		if (node->kind != YAML_NUMBER)
			return refuse_kind(reader, node, path, "a whole number");
		*(int64_t *)at = node->number;
		return 0;
	case FIELD_TRUTH:
		if (node->kind != YAML_TRUTH)
			return refuse_kind(reader, node, path, "true or false");
		*(bool *)at = node->truth;
		return 0;
	case FIELD_TEXTS:
	case FIELD_WORDS:
		return take_texts(reader, node, path, field->kind == FIELD_WORDS, at);
	case FIELD_TEXT_MAP:
	case FIELD_WORD_MAP:
		return take_map(reader, node, path, field->kind == FIELD_WORD_MAP, at);
	case FIELD_OBJECT:
		*(void **)at = xzalloc(field->table->size);
		return field_read(reader, field->table, node, path, *(void **)at);
	case FIELD_OBJECTS:
		return take_objects(reader, field, node, path, at);
	}
	return 0;
}

static const struct field *find(const struct field_table *table, const char *name)
{
	for (const struct field *field = table->fields; field->name; field++)
		if (strcmp(field->name, name) == 0)
			return field;
	return NULL;
}

[[gnu::format(printf, 4, 5)]] static void warn(const struct field_reader *reader,
					       const struct yaml_node *node, const char *path,
					       const char *format, ...)
{
	autofree char *text = NULL;
	autofree char *line = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	line = xformat("%s:%u: %s: %s", reader->source, node->line, path, text ? text : "");
	if (reader->warn)
		reader->warn(reader->userdata, line);
}

static int tell_unknown(const struct field_reader *reader, const struct field_table *table,
			const struct yaml_node *node, const char *name, const char *path)
{
	struct nearest nearest = nearest_to(name);
	autofree char *hint = NULL;

	for (const struct field *field = table->fields; field->name; field++)
		nearest_offer(&nearest, field->name);
	hint = nearest.best ? xformat("unknown field; did you mean %s?", nearest.best)
			    : xstrdup("unknown field");
	if (reader->is_strict)
		return refuse(reader, node, path, "%s", hint);
	warn(reader, node, path, "%s", hint);
	return 0;
}

bool field_says_nothing(const struct yaml_node *node)
{
	return (node->kind == YAML_TRUTH && !node->truth) ||
	       (node->kind == YAML_NUMBER && node->number == 0) ||
	       (node->kind == YAML_TEXT && !*node->text) ||
	       ((node->kind == YAML_LIST || node->kind == YAML_MAP) && node->count == 0);
}

static int read_member(const struct field_reader *reader, const struct field_table *table,
		       const struct yaml_node *item, const char *name, const char *path,
		       void *target)
{
	const struct field *field = find(table, name);

	if (!field)
		return tell_unknown(reader, table, item, name, path);
	/* As if it were not there. */
	if (item->kind == YAML_NULL)
		return 0;
	if (field->effect == FIELD_REFUSED && field_says_nothing(item))
		return 0;
	if (field->effect == FIELD_REFUSED)
		return fail(reader->err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "%s:%u: %s: this cannot be done here", reader->source, item->line,
			    path);
	if (field->effect == FIELD_IDLE) {
		if (!field_says_nothing(item))
			warn(reader, item, path, "has no effect here");
		return 0;
	}
	return take(reader, field, item, path, slot(target, field));
}

static void set_defaults(const struct field_table *table, void *target)
{
	for (const struct field *field = table->fields; field->name; field++) {
		if (field->kind == FIELD_NUMBER && goes_somewhere(field))
			*(int64_t *)slot(target, field) = field->otherwise;
		if (field->kind == FIELD_TRUTH && goes_somewhere(field))
			*(bool *)slot(target, field) = field->otherwise != 0;
	}
}

int field_read(const struct field_reader *reader, const struct field_table *table,
	       const struct yaml_node *node, const char *path, void *target)
{
	set_defaults(table, target);
	if (node->kind != YAML_MAP)
		return refuse_kind(reader, node, *path ? path : "the document", "a map");
	for (size_t i = 0; i < node->count; i++) {
		autofree char *place = json_path_key(path, node->keys[i]);

		if (read_member(reader, table, node->items[i], node->keys[i], place, target) < 0)
			return -1;
	}
	for (const struct field *field = table->fields; field->name; field++) {
		const struct yaml_node *given = yaml_get(node, field->name);

		if (field->effect == FIELD_NEEDED && (!given || given->kind == YAML_NULL)) {
			autofree char *place = json_path_key(path, field->name);

			return refuse(reader, node, place, "is missing");
		}
	}
	return 0;
}
