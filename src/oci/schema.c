/* SPDX-License-Identifier: MIT */
/* The walk that compares a document with tables. Where it stands is a chain of steps on the stack;
 * a path is written out only when there is a fault to report. */

#include "oci/schema.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct step {
	const struct step *up;
	const char *key; /* NULL: an array's index */
	size_t index;
};

struct walk {
	enum schema_null null;
	schema_fault_fn report;
	void *userdata;
	size_t faults;
};

static void walk_value(struct walk *walk, const struct schema *schema, struct json_object *value,
		       const struct step *step);

static char *path_of(const struct step *step)
{
	if (!step)
		return xstrdup("");

	autofree char *above = path_of(step->up);

	return step->key ? json_path_key(above, step->key) : json_path_index(above, step->index);
}

static void fault(struct walk *walk, const struct step *step, const char *text)
{
	autofree char *path = path_of(step);

	walk->faults++;
	walk->report(walk->userdata, path, text);
}

static bool is_absent(const struct walk *walk, struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return true;
	return !value && walk->null == SCHEMA_NULL_IS_ABSENT;
}

static void walk_fields(struct walk *walk, const struct schema *schema, struct json_object *object,
			const struct step *step)
{
	json_object_object_foreach(object, key, value)
	{
		const struct schema_field *field = schema->fields;

		while (field->name && strcmp(field->name, key) != 0)
			field++;
		if (field->name && (value || walk->null == SCHEMA_NULL_IS_WRONG))
			walk_value(walk, field->schema, value,
				   &(struct step){ .up = step, .key = key });
	}
	for (const struct schema_field *field = schema->fields; field->name; field++)
		if (field->required && is_absent(walk, object, field->name))
			fault(walk, &(struct step){ .up = step, .key = field->name },
			      "is required");
}

static void walk_map(struct walk *walk, const struct schema *schema, struct json_object *object,
		     const struct step *step)
{
	if (!schema->items)
		return;
	json_object_object_foreach(object, key, value)
	{
		walk_value(walk, schema->items, value, &(struct step){ .up = step, .key = key });
	}
}

static void walk_items(struct walk *walk, const struct schema *schema, struct json_object *array,
		       const struct step *step)
{
	size_t count = json_object_array_length(array);

	if (count < schema->items_min)
		fault(walk, step, "must not be empty");
	for (size_t i = 0; i < count; i++)
		walk_value(walk, schema->items, json_object_array_get_idx(array, i),
			   &(struct step){ .up = step, .index = i });
}

static void walk_string(struct walk *walk, const struct schema *schema, struct json_object *value,
			const struct step *step)
{
	const char *text = json_object_get_string(value);

	if (schema->allows && !schema->allows(text))
		fault(walk, step, schema->form);
	if (!schema->words)
		return;
	for (size_t i = 0; schema->words[i]; i++)
		if (strcmp(schema->words[i], text) == 0)
			return;

	autorun(text_finish) struct text message = {};

	text_add(&message, "must be one of");
	for (size_t i = 0; schema->words[i]; i++)
		text_addf(&message, "%s %s", i ? "," : "", schema->words[i]);
	fault(walk, step, message.data);
}

static void walk_integer(struct walk *walk, const struct schema *schema, struct json_object *value,
			 const struct step *step)
{
	int64_t number = json_object_get_int64(value);
	bool fits = number < 0 ? number >= schema->min
			       : json_object_get_uint64(value) <= schema->max &&
					 (schema->min <= 0 || number >= schema->min);

	if (fits)
		return;

	autofree char *text = xformat("must be between %lld and %llu", (long long)schema->min,
				      (unsigned long long)schema->max);

	fault(walk, step, text);
}

/* What each kind is in JSON, and how its inside is compared. */
static const struct {
	enum json_type type;
	const char *expected;
	void (*walk)(struct walk *walk, const struct schema *schema, struct json_object *value,
		     const struct step *step);
} kinds[] = {
	[SCHEMA_OBJECT] = { json_type_object, "must be an object", walk_fields },
	[SCHEMA_MAP] = { json_type_object, "must be an object", walk_map },
	[SCHEMA_ARRAY] = { json_type_array, "must be an array", walk_items },
	[SCHEMA_STRING] = { json_type_string, "must be a string", walk_string },
	[SCHEMA_INTEGER] = { json_type_int, "must be an integer", walk_integer },
	[SCHEMA_BOOLEAN] = { json_type_boolean, "must be true or false", NULL },
};

static void walk_value(struct walk *walk, const struct schema *schema, struct json_object *value,
		       const struct step *step)
{
	if (!json_object_is_type(value, kinds[schema->kind].type))
		fault(walk, step, kinds[schema->kind].expected);
	else if (kinds[schema->kind].walk)
		kinds[schema->kind].walk(walk, schema, value, step);
}

size_t schema_check(const struct schema *schema, struct json_object *value, enum schema_null null,
		    schema_fault_fn report, void *userdata)
{
	struct walk walk = { .null = null, .report = report, .userdata = userdata };

	walk_value(&walk, schema, value, NULL);
	return walk.faults;
}

void schema_keep_first(void *first, const char *path, const char *text)
{
	struct schema_first *kept = first;

	if (kept->count++ == 0)
		(void)fail(kept->err, kept->code, "%s%s%s", path, *path ? ": " : "", text);
}
