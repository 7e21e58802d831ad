/* SPDX-License-Identifier: MIT */
/* What inspect prints of the documents that it has. */

#include "cli/selection.h"

#include "base/mem.h"
#include "cli/print.h"

#include <stdlib.h>
#include <string.h>

/* Takes the next step of the path *@path, "KEY" or "[N]"; keys end at "." or "[", unless they are
 * in quotes: annotations["org.example/x.y"]. Returns the member, or NULL. */
static struct json_object *take_step(struct json_object *value, const char **path)
{
	const char *at = *path + (**path == '.');
	size_t length = strcspn(at, ".[");

	if (*at != '[') {
		autofree char *key = xstrndup(at, length);

		*path = at + length;
		return length > 0 ? json_get(value, key) : NULL;
	}
	if (at[1] == '"') {
		size_t quoted = strcspn(at + 2, "\"");
		autofree char *key = xstrndup(at + 2, quoted);

		if (strncmp(at + 2 + quoted, "\"]", 2) != 0)
			return NULL;
		*path = at + 2 + quoted + 2;
		return json_get(value, key);
	}

	char *end;
	unsigned long index = strtoul(at + 1, &end, 10);

	if (end == at + 1 || *end != ']' || !json_object_is_type(value, json_type_array))
		return NULL;
	*path = end + 1;
	return json_object_array_get_idx(value, index);
}

static int print_field(struct json_object *document, const char *path, struct lxcri_error *err)
{
	struct json_object *value = document;

	for (const char *rest = path; value && *rest;)
		value = take_step(value, &rest);
	if (!value || !*path)
		return fail(err, LXCRI_E_PATH_NOT_FOUND, "--format: there is no field \"%s\" in it",
			    path);

	autofree char *text = json_object_is_type(value, json_type_string)
				      ? print_clean(json_object_get_string(value))
				      : json_format_line(value);

	(void)puts(text);
	return 0;
}

bool selection_is_field(const struct selection *selection)
{
	return selection->format && strcmp(selection->format, "json") != 0;
}

int selection_add(struct selection *selection, const char *json, struct lxcri_error *err)
{
	struct json_object *document = json_tokener_parse(json);

	if (selection_is_field(selection)) {
		int r = print_field(document, selection->format, err);

		json_free(document);
		return r;
	}
	if (!selection->documents)
		selection->documents = json_object_new_array();
	(void)json_object_array_add(selection->documents, document);
	return 0;
}

void selection_print(struct selection *selection)
{
	struct json_object *documents = selection->documents;

	if (!documents)
		return;
	if (json_object_array_length(documents) == 1)
		print_json(json_object_array_get_idx(documents, 0), stdout);
	else
		print_json(documents, stdout);
	json_free(documents);
	selection->documents = NULL;
}
