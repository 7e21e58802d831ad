/* SPDX-License-Identifier: MIT */
/* The example configuration, from the table. */

#include "config/example.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/table.h"

#include <string.h>

/* Returns the comment of a section: its keys and what they say, one a line. */
static struct json_object *comment_of(const char *section, size_t length)
{
	struct json_object *lines = json_object_new_array();

	for (size_t i = 0; i < config_table_length; i++) {
		const struct config_entry *entry = &config_table[i];

		if (strncmp(entry->path, section, length) != 0 ||
		    (entry->path[length] != '.' && entry->path[length] != '\0'))
			continue;

		const char *key = entry->path[length] == '.' ? entry->path + length + 1 : "";
		autofree char *line = xformat("%s%s%s", key, *key ? ": " : "", entry->help);

		(void)json_object_array_add(lines, json_object_new_string(line));
	}
	return lines;
}

char *config_example_text(void)
{
	autojson document = json_object_new_object();

	json_set_text(document, "//",
		      "Every key with its default. A key called // is a comment, anywhere.");
	for (size_t i = 0; i < config_table_length; i++) {
		const struct config_entry *entry = &config_table[i];
		size_t length = strcspn(entry->path, ".");
		autofree char *section = xstrndup(entry->path, length);
		struct json_object *value = json_tokener_parse(entry->otherwise);

		if (entry->path[length] == '\0') {
			json_object_object_add(document, entry->path, value);
			continue;
		}
		if (!json_get(document, section)) {
			struct json_object *members = json_object_new_object();

			json_object_object_add(members, "//", comment_of(section, length));
			json_object_object_add(document, section, members);
		}
		json_object_object_add(json_get(document, section), entry->path + length + 1,
				       value);
	}
	return json_format(document);
}
