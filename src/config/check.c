/* SPDX-License-Identifier: MIT */
/* A configuration document against the table. */

#include "config/check.h"

#include "base/mem.h"
#include "base/scope.h"
#include "config/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
	const struct config_source *source;
	config_value_fn keep;
	void *userdata;
	struct config_faults *faults;
	struct config_reporter reporter;
};

static void add_fault(void *userdata, const char *path, enum lxcri_code code, const char *text)
{
	const struct walk *walk = userdata;
	struct config_faults *faults = walk->faults;

	faults->items = xreallocarray(faults->items, faults->count + 1, sizeof(*faults->items));
	faults->items[faults->count++] = (struct config_fault){
		.line = json_line_of(walk->source->bytes, walk->source->size, path),
		.path = xstrdup(path),
		.text = xstrdup(text),
		.code = code,
	};
	if (code != LXCRI_E_NONE)
		faults->errors++;
}

static bool is_comment(const char *key)
{
	return strcmp(key, "//") == 0;
}

static void report_unknown(struct walk *walk, const char *path)
{
	const char *nearest = config_table_nearest(path);
	autofree char *text = nearest ? xformat("unknown key; did you mean %s?", nearest)
				      : xstrdup("unknown key");

	add_fault(walk, path, LXCRI_E_NONE, text);
}

/* Reports when others may read a secret: the configuration itself, or the file that it names. */
static void check_secrecy(struct walk *walk, const struct config_entry *entry,
			  struct json_object *value)
{
	const char *named = json_object_get_string(value);
	struct stat status = { .st_mode = walk->source->mode };

	if (entry->secrecy == CONFIG_PUBLIC)
		return;
	if (entry->secrecy == CONFIG_SECRET_FILE && stat(named, &status) < 0) {
		autofree char *text = xformat("%s: %s", named, strerror(errno));

		add_fault(walk, entry->path, LXCRI_E_NONE, text);
		return;
	}
	if ((status.st_mode & 077) == 0)
		return;

	autofree char *text = xformat("%s has mode %04o; what has a secret must have 0600",
				      entry->secrecy == CONFIG_SECRET ? "this file" : named,
				      status.st_mode & 07777);

	add_fault(walk, entry->path, LXCRI_E_INVALID_CONFIG, text);
}

static void check_entry(struct walk *walk, const struct config_entry *entry,
			struct json_object *value)
{
	/* A null says "as if it were not there": what `config show` prints can be loaded. */
	if (!value)
		return;

	autojson kept = config_value_check(entry, value, &walk->reporter);

	if (!kept)
		return;
	check_secrecy(walk, entry, kept);
	if (walk->keep)
		walk->keep(walk->userdata, entry, kept);
}

static void check_section(struct walk *walk, const char *section, struct json_object *members)
{
	if (!members)
		return;
	if (!json_object_is_type(members, json_type_object)) {
		add_fault(walk, section, LXCRI_E_INVALID_CONFIG, "expected an object");
		return;
	}
	json_object_object_foreach(members, key, value)
	{
		autofree char *path = json_path_key(section, key);
		const struct config_entry *entry = config_table_find(path);

		if (entry)
			check_entry(walk, entry, value);
		else if (!is_comment(key))
			report_unknown(walk, path);
	}
}

static int by_line(const void *a, const void *b)
{
	const struct config_fault *first = a, *second = b;

	if (first->line != second->line)
		return first->line < second->line ? -1 : 1;
	return strcmp(first->path, second->path);
}

void config_check_document(struct json_object *document, const struct config_source *source,
			   config_value_fn keep, void *userdata, struct config_faults *faults)
{
	struct walk walk = { source, keep, userdata, faults, { add_fault, &walk } };

	if (!json_object_is_type(document, json_type_object)) {
		add_fault(&walk, "", LXCRI_E_INVALID_CONFIG, "expected an object");
		return;
	}
	json_object_object_foreach(document, key, value)
	{
		autofree char *path = json_path_key("", key);
		const struct config_entry *entry = config_table_find(path);

		if (entry)
			check_entry(&walk, entry, value);
		else if (config_table_has_section(path))
			check_section(&walk, path, value);
		else if (!is_comment(key))
			report_unknown(&walk, path);
	}
	if (faults->count > 1)
		qsort(faults->items, faults->count, sizeof(*faults->items), by_line);
}

void config_faults_finish(struct config_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		free(faults->items[i].path);
		free(faults->items[i].text);
	}
	free(faults->items);
	*faults = (struct config_faults){};
}
