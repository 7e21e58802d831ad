/* SPDX-License-Identifier: MIT */
/* What objects take on the disk. */

#include "cli/host/usages.h"

#include "base/mem.h"
#include "base/scope.h"

#include <inttypes.h>

static void set_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

static void add_object(struct usages *usages, const struct lxcri_usage *usage)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "type", lxcri_usage_kind_name(usage->kind));
	json_set_text(object, "name", usage->name);
	set_number(object, "size", usage->bytes);
	set_number(object, "reclaimable", usage->reclaimable_bytes);
	set_number(object, "users", usage->users);
	if (!usages->array)
		usages->array = json_object_new_array();
	(void)json_object_array_add(usages->array, object);
	strings_add(&usages->rows, lxcri_usage_kind_name(usage->kind));
	strings_add(&usages->rows, *usage->name ? usage->name : "(of no image)");
	strings_add_consume(&usages->rows, print_size(usage->bytes));
	strings_add_consume(&usages->rows, print_size(usage->reclaimable_bytes));
	strings_addf(&usages->rows, "%u", usage->users);
}

void usages_add(void *userdata, const struct lxcri_usage *usage)
{
	struct usages *usages = userdata;
	struct usage_sum *sum = &usages->sums[usage->kind];

	sum->count += *usage->name != '\0'; /* blobs of no image are no image */
	sum->active += usage->users > 0;
	sum->bytes += usage->bytes;
	sum->reclaimable_bytes += usage->reclaimable_bytes;
	if (usages->every_object)
		add_object(usages, usage);
}

/* How many kinds a sum is shown of; images and layers are the first. */
static size_t kinds_of(const struct usages *usages)
{
	return usages->images_only ? LXCRI_USAGE_LAYERS + 1 : USAGE_KINDS;
}

static struct json_object *sums_of(const struct usages *usages)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < kinds_of(usages); i++) {
		struct json_object *object = json_object_new_object();

		json_set_text(object, "type", lxcri_usage_kind_name((enum lxcri_usage_kind)i));
		set_number(object, "total", usages->sums[i].count);
		set_number(object, "active", usages->sums[i].active);
		set_number(object, "size", usages->sums[i].bytes);
		set_number(object, "reclaimable", usages->sums[i].reclaimable_bytes);
		(void)json_object_array_add(array, object);
	}
	return array;
}

static void add_heading(struct print_table *table, const char *const *heading, size_t count)
{
	table->columns = count;
	for (size_t i = 0; i < count; i++)
		strings_add(&table->cells, heading[i]);
}

static void print_sums(const struct usages *usages, FILE *out)
{
	static const char *const heading[] = { "TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE" };
	struct print_table table = {};

	add_heading(&table, heading, ARRAY_LEN(heading));
	for (size_t i = 0; i < kinds_of(usages); i++) {
		const struct usage_sum *sum = &usages->sums[i];

		strings_add(&table.cells, lxcri_usage_kind_name((enum lxcri_usage_kind)i));
		strings_addf(&table.cells, "%u", sum->count);
		strings_addf(&table.cells, "%u", sum->active);
		strings_add_consume(&table.cells, print_size(sum->bytes));
		strings_add_consume(&table.cells, print_size(sum->reclaimable_bytes));
	}
	print_table_finish(&table, out);
}

void usages_print(struct usages *usages, bool as_json, FILE *out)
{
	static const char *const heading[] = { "TYPE", "NAME", "SIZE", "RECLAIMABLE", "USERS" };
	struct print_table table = {};

	if (as_json) {
		autojson object = json_object_new_object();

		json_object_object_add(object, "sums", sums_of(usages));
		if (usages->every_object)
			json_object_object_add(object, "objects",
					       usages->array ? json_object_get(usages->array)
							     : json_object_new_array());
		print_json(object, out);
		return;
	}
	print_sums(usages, out);
	if (!usages->every_object)
		return;
	(void)fputs("\n", out);
	add_heading(&table, heading, ARRAY_LEN(heading));
	strings_add_all(&table.cells, &usages->rows);
	print_table_finish(&table, out);
}

static void print_removed_json(struct usages *usages, const struct lxcri_collected *collected,
			       FILE *out)
{
	autojson object = json_object_new_object();

	json_object_object_add(object, "dryRun", json_object_new_boolean(usages->dry_run));
	set_number(object, "layersRemoved", collected->layers_removed);
	set_number(object, "freed", collected->bytes_freed);
	set_number(object, "errors", collected->errors);
	json_object_object_add(object, "removed",
			       usages->array ? json_object_get(usages->array)
					     : json_object_new_array());
	print_json(object, out);
}

void usages_print_removed(struct usages *usages, const struct lxcri_collected *collected,
			  bool as_json, FILE *out)
{
	autofree char *size = print_size(collected->bytes_freed);

	if (as_json) {
		print_removed_json(usages, collected, out);
		return;
	}
	/* A row has five cells, of which kind, name and size count here. */
	for (size_t i = 0; i + 4 < usages->rows.count; i += 5) {
		autofree char *name = print_clean(usages->rows.items[i + 1]);

		(void)fprintf(out, "%s %s of %s: %s\n",
			      usages->dry_run ? "would remove" : "removed",
			      usages->rows.items[i + 2], usages->rows.items[i], name);
	}
	(void)fprintf(out, "%s %s, %" PRIu64 " layer%s, %" PRIu64 " error%s\n",
		      usages->dry_run ? "would free" : "freed", size, collected->layers_removed,
		      collected->layers_removed == 1 ? "" : "s", collected->errors,
		      collected->errors == 1 ? "" : "s");
}

void usages_finish(struct usages *usages)
{
	json_freep(&usages->array);
	strings_finish(&usages->rows);
}
