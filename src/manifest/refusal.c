/* SPDX-License-Identifier: MIT */
/* Refusing fields by their paths. */

#include "manifest/refusal.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* What is done about one row of a table. */
struct refusing {
	const struct field_reader *reader;
	const char *why;
};

static bool is_meant(const struct yaml_node *node, const char *rest)
{
	const char *word = *rest == '=' ? rest + 1 : NULL;

	if (node->kind == YAML_NULL)
		return false;
	if (!word)
		return !field_says_nothing(node);
	return node->kind == YAML_TRUTH ? node->truth == (strcmp(word, "true") == 0)
					: node->text && strcmp(node->text, word) == 0;
}

static int walk(const struct refusing *refusing, const struct yaml_node *node, const char *place,
		const char *rest);

/* @rest begins behind the bracket: "]..." is each member, "1]..." that one. */
static int walk_list(const struct refusing *refusing, const struct yaml_node *node,
		     const char *place, const char *rest)
{
	const char *end = strchr(rest, ']');
	uint64_t only = 0;
	autofree char *number = xstrndup(rest, (size_t)(end - rest));
	bool is_each = !*number;

	if (node->kind != YAML_LIST || (!is_each && text_parse_u64(number, 0, 1000, &only) < 0))
		return 0;
	for (size_t i = 0; i < node->count; i++) {
		autofree char *inner = json_path_index(place, i);

		if ((is_each || i == only) && walk(refusing, node->items[i], inner, end + 1) < 0)
			return -1;
	}
	return 0;
}

static int walk(const struct refusing *refusing, const struct yaml_node *node, const char *place,
		const char *rest)
{
	const struct yaml_node *child;
	autofree char *name = NULL;
	autofree char *inner = NULL;
	size_t length;

	if (*rest == '[')
		return walk_list(refusing, node, place, rest + 1);
	rest += *rest == '.';
	if (!*rest || *rest == '=')
		return is_meant(node, rest)
			       ? fail(refusing->reader->err, LXCRI_E_UNSUPPORTED_OPERATION,
				      "%s:%u: %s: %s", refusing->reader->source, node->line, place,
				      refusing->why)
			       : 0;
	length = strcspn(rest, ".[=");
	name = xstrndup(rest, length);
	child = yaml_get(node, name);
	inner = json_path_key(place, name);
	return child ? walk(refusing, child, inner, rest + length) : 0;
}

int refusal_check(const struct field_reader *reader, const struct yaml_node *node,
		  const char *place, const struct refusal *table)
{
	for (; table->path; table++) {
		const struct refusing refusing = { reader, table->why };

		if (walk(&refusing, node, place, table->path) < 0)
			return -1;
	}
	return 0;
}
