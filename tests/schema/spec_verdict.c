/* SPDX-License-Identifier: MIT */
/* What the validator says about specifications: reads one JSON document a line and prints, a line
 * for each, the array of [path, text] pairs of its faults. With "--shape" the rules on what fields
 * say about each other are left out. A line that is no JSON has one fault, at the path null. */

#include "oci/spec_validate.h"

#include "base/scope.h"

#include <stdio.h>
#include <string.h>

static void add(void *faults, const char *path, const char *text)
{
	struct json_object *pair = json_object_new_array();

	json_object_array_add(pair, path ? json_object_new_string(path) : NULL);
	json_object_array_add(pair, json_object_new_string(text));
	json_object_array_add(faults, pair);
}

int main(int argc, char **argv)
{
	bool shape_only = argc > 1 && strcmp(argv[1], "--shape") == 0;
	autofree char *line = NULL;
	size_t room = 0;

	for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
		autojson faults = json_object_new_array();
		autojson document = NULL;
		struct lxcri_error err = {};

		if (json_parse(line, (size_t)length, &json_limits_spec, &document, &err) < 0)
			add(faults, NULL, err.text);
		else
			(void)spec_validate(document,
					    shape_only ? SPEC_RULES_SHAPE : SPEC_RULES_ALL, add,
					    faults);
		puts(json_object_to_json_string_ext(faults, JSON_C_TO_STRING_PLAIN));
	}
	return 0;
}
