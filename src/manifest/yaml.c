/* SPDX-License-Identifier: MIT */
/* Reading YAML, by the events of libyaml: its own trees would have followed aliases. */

#include "manifest/yaml.h"

#include "base/mem.h"
#include "manifest/scalar.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define TAG_PREFIX "tag:yaml.org,2002:"

/* These decide how long a map is looked through. */
#define KEY_BYTES_MAX 512
#define MAP_KEYS_MAX  2048

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the last one; deleted before the next */
	size_t nodes;
	struct lxcri_error *err;
};

static void node_free(struct yaml_node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++) {
		node_free(node->items[i]);
		if (node->keys)
			free(node->keys[i]);
	}
	free(node->items);
	free(node->keys);
	free(node->text);
	free(node);
}

static void node_freep(struct yaml_node **node)
{
	node_free(*node);
	*node = NULL;
}

void yaml_stream_finish(struct yaml_stream *stream)
{
	for (size_t i = 0; i < stream->count; i++)
		node_free(stream->documents[i]);
	free(stream->documents);
	*stream = (struct yaml_stream){};
}

static unsigned int line_of(const yaml_mark_t *mark)
{
	return (unsigned int)mark->line + 1;
}

static int refuse(struct reader *reader, const char *what)
{
	return fail(reader->err, LXCRI_E_INVALID_MANIFEST, "line %u: %s",
		    line_of(&reader->event.start_mark), what);
}

static int next(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	yaml_event_delete(&reader->event);
	if (yaml_parser_parse(&reader->parser, &reader->event))
		return 0;
	return fail(
		reader->err, LXCRI_E_INVALID_MANIFEST, "line %u: %s",
		line_of(parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark),
		parser->problem ? parser->problem : "this is no YAML");
}

static int read_node(struct reader *reader, unsigned int depth, struct yaml_node **ret);

static void append(struct yaml_node *node, char *key_consume, struct yaml_node *item_consume)
{
	/* Doubled, for a list may be long. */
	if ((node->count & (node->count - 1)) == 0) {
		size_t room = node->count ? 2 * node->count : 1;

		node->items = xreallocarray(node->items, room, sizeof(*node->items));
		if (node->kind == YAML_MAP)
			node->keys = xreallocarray(node->keys, room, sizeof(*node->keys));
	}
	if (node->kind == YAML_MAP)
		node->keys[node->count] = key_consume;
	node->items[node->count++] = item_consume;
}

static int check_tag(struct reader *reader, const yaml_char_t *tag, const char *const *known)
{
	const char *text = (const char *)tag;

	if (!text || strcmp(text, "!") == 0)
		return 0;
	for (size_t i = 0; known[i]; i++)
		if (strncmp(text, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 &&
		    strcmp(text + strlen(TAG_PREFIX), known[i]) == 0)
			return 0;
	return refuse(reader, "a tag of another type is not taken");
}

static int read_scalar(struct reader *reader, struct yaml_node *node)
{
	static const char *const known[] = { "str", "int", "float", "bool", "null", NULL };
	const char *value = (const char *)reader->event.data.scalar.value;
	const size_t length = reader->event.data.scalar.length;
	const yaml_char_t *tag = reader->event.data.scalar.tag;
	bool is_plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;

	if (memchr(value, '\0', length))
		return refuse(reader, "a NUL is in a text");
	if (check_tag(reader, tag, known) < 0)
		return -1;
	if (tag && strcmp((const char *)tag, TAG_PREFIX "str") != 0 &&
	    strcmp((const char *)tag, "!") != 0)
		is_plain = true;
	node->text = xstrndup(value, length);
	node->kind = YAML_TEXT;
	if (is_plain)
		scalar_resolve(node);
	return 0;
}

static int read_list(struct reader *reader, unsigned int depth, struct yaml_node *node)
{
	static const char *const known[] = { "seq", NULL };

	node->kind = YAML_LIST;
	if (check_tag(reader, reader->event.data.sequence_start.tag, known) < 0)
		return -1;
	for (;;) {
		struct yaml_node *item = NULL;

		if (next(reader) < 0)
			return -1;
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (read_node(reader, depth + 1, &item) < 0)
			return -1;
		append(node, NULL, item);
	}
}

static int read_key(struct reader *reader, const struct yaml_node *map, char **ret)
{
	const char *key = (const char *)reader->event.data.scalar.value;
	const size_t length = reader->event.data.scalar.length;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return refuse(reader, reader->event.type == YAML_ALIAS_EVENT
					      ? "an alias is not taken"
					      : "a key is no word");
	if (length > KEY_BYTES_MAX)
		return fail(reader->err, LXCRI_E_LIMIT_EXCEEDED,
			    "line %u: a key has more than %d bytes",
			    line_of(&reader->event.start_mark), KEY_BYTES_MAX);
	if (map->count >= MAP_KEYS_MAX)
		return fail(reader->err, LXCRI_E_LIMIT_EXCEEDED,
			    "line %u: a map has more than %d keys",
			    line_of(&reader->event.start_mark), MAP_KEYS_MAX);
	if (memchr(key, '\0', length))
		return refuse(reader, "a NUL is in a key");
	if (yaml_get(map, key))
		return fail(reader->err, LXCRI_E_INVALID_MANIFEST,
			    "line %u: the key \"%.100s\" is given twice",
			    line_of(&reader->event.start_mark), key);
	*ret = xstrndup(key, length);
	return 0;
}

static int read_map(struct reader *reader, unsigned int depth, struct yaml_node *node)
{
	static const char *const known[] = { "map", NULL };

	node->kind = YAML_MAP;
	if (check_tag(reader, reader->event.data.mapping_start.tag, known) < 0)
		return -1;
	for (;;) {
		autofree char *key = NULL;
		struct yaml_node *item = NULL;

		if (next(reader) < 0)
			return -1;
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (read_key(reader, node, &key) < 0 || next(reader) < 0 ||
		    read_node(reader, depth + 1, &item) < 0)
			return -1;
		append(node, steal(key), item);
	}
}

/* Reads the node with which the last event begins. */
static int read_node(struct reader *reader, unsigned int depth, struct yaml_node **ret)
{
	autorun(node_freep) struct yaml_node *node = xnew(struct yaml_node);
	int r;

	node->line = line_of(&reader->event.start_mark);
	if (depth > YAML_DEPTH_MAX || ++reader->nodes > YAML_NODES_MAX)
		return fail(reader->err, LXCRI_E_LIMIT_EXCEEDED, "line %u: more than %d %s",
			    node->line, depth > YAML_DEPTH_MAX ? YAML_DEPTH_MAX : YAML_NODES_MAX,
			    depth > YAML_DEPTH_MAX ? "levels" : "values");
	switch (reader->event.type) {
	case YAML_SCALAR_EVENT:
		r = read_scalar(reader, node);
		break;
	case YAML_SEQUENCE_START_EVENT:
		r = read_list(reader, depth, node);
		break;
	case YAML_MAPPING_START_EVENT:
		r = read_map(reader, depth, node);
		break;
	default:
		r = refuse(reader, "an alias is not taken: write out what it stands for");
	}
	if (r == 0)
		*ret = steal(node);
	return r;
}

static int read_stream(struct reader *reader, struct yaml_stream *ret)
{
	while (reader->event.type != YAML_STREAM_END_EVENT) {
		struct yaml_node *document = NULL;

		if (next(reader) < 0)
			return -1;
		if (reader->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (next(reader) < 0 || read_node(reader, 1, &document) < 0)
			return -1;
		if (document->kind == YAML_NULL) {
			node_free(document);
			continue;
		}
		ret->documents =
			xreallocarray(ret->documents, ret->count + 1, sizeof(*ret->documents));
		ret->documents[ret->count++] = document;
		if (ret->count > YAML_DOCUMENTS_MAX)
			return fail(reader->err, LXCRI_E_LIMIT_EXCEEDED,
				    "line %u: more than %d documents", document->line,
				    YAML_DOCUMENTS_MAX);
	}
	return 0;
}

int yaml_parse(const char *bytes, size_t size, struct yaml_stream *ret, struct lxcri_error *err)
{
	autorun(yaml_stream_finish) struct yaml_stream stream = {};
	struct reader reader = { .err = err };
	int r;

	if (size > YAML_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %u bytes", YAML_BYTES_MAX);
	if (!yaml_parser_initialize(&reader.parser))
		return fail(err, LXCRI_E_SYSTEM, "no memory for a reader of YAML");
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, size);
	r = read_stream(&reader, &stream);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	if (r < 0)
		return -1;
	*ret = stream;
	stream = (struct yaml_stream){};
	return 0;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
	for (size_t i = 0; node && node->kind == YAML_MAP && i < node->count; i++)
		if (strcmp(node->keys[i], key) == 0)
			return node->items[i];
	return NULL;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {
		[YAML_NULL] = "nothing",
		[YAML_TEXT] = "a text",
		[YAML_NUMBER] = "a number",
		[YAML_FRACTION] = "a fraction",
		[YAML_TRUTH] = "a yes-or-no word",
		[YAML_LIST] = "a list",
		[YAML_MAP] = "a map",
	};

	return names[kind];
}

struct json_object *yaml_to_json(const struct yaml_node *node)
{
	struct json_object *value = NULL;

	switch (node->kind) {
	case YAML_NULL:
		break;
	case YAML_TEXT:
		value = json_object_new_string(node->text);
		break;
	case YAML_FRACTION:
		value = json_object_new_double_s(strtod(node->text, NULL), node->text);
		break;
	case YAML_NUMBER:
		value = json_object_new_int64(node->number);
		break;
	case YAML_TRUTH:
		value = json_object_new_boolean(node->truth);
		break;
	case YAML_LIST:
		value = json_object_new_array();
		for (size_t i = 0; i < node->count; i++)
			json_object_array_add(value, yaml_to_json(node->items[i]));
		break;
	case YAML_MAP:
		value = json_object_new_object();
		for (size_t i = 0; i < node->count; i++)
			json_object_object_add(value, node->keys[i], yaml_to_json(node->items[i]));
		break;
	}
	return value;
}
