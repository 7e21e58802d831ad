/* SPDX-License-Identifier: MIT */
/* image templates, which is image list --templates, and image gc --templates. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/print.h"
#include "lxcri/system.h"

struct template_listing {
	struct print_table table;
	struct json_object *array; /* NULL for a table */
	bool quiet;
	size_t count;
};

static void add(void *userdata, const struct lxcri_template *template)
{
	struct template_listing *listing = userdata;
	struct strings *cells = &listing->table.cells;
	struct json_object *object;
	char created[MOMENT_BYTES];

	listing->count++;
	if (listing->quiet) {
		(void)puts(template->volume);
		return;
	}
	if (!listing->array) {
		strings_add(cells, template->volume);
		strings_add(cells, template->node);
		strings_addf(cells, "sha256:%.12s", template->digest);
		strings_add_consume(cells, print_size(template->bytes));
		strings_add(cells, template->in_use ? "yes" : "no");
		return;
	}
	object = json_object_new_object();
	json_set_text(object, "volume", template->volume);
	json_set_text(object, "node", template->node);
	json_set_text(object, "digest", template->digest);
	json_object_object_add(object, "size", json_object_new_uint64(template->bytes));
	json_object_object_add(object, "inUse", json_object_new_boolean(template->in_use));
	if (template->created_ns > 0) {
		(void)moment_format(template->created_ns, created);
		json_set_text(object, "created", created);
	}
	json_object_array_add(listing->array, object);
}

/* Does @look and prints what it tells. */
static int show(const struct image_options *options,
		int (*look)(struct cli *cli, const struct image_options *options,
			    struct template_listing *listing, struct lxcri_error *err),
		struct cli *cli, struct lxcri_error *err)
{
	static const char *const heading[] = { "VOLUME", "NODE", "IMAGE", "SIZE", "IN USE" };
	int is_json = print_wants_json(options->format, err);
	autojson array = is_json == 1 ? json_object_new_array() : NULL;
	struct template_listing listing = { .array = array, .quiet = options->quiet };
	int r;

	if (is_json < 0)
		return -1;
	listing.table.columns = ARRAY_LEN(heading);
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&listing.table.cells, heading[i]);
	r = look(cli, options, &listing, err);
	/* What went before a failure did go. */
	if ((r < 0 && listing.count == 0) || listing.quiet)
		strings_finish(&listing.table.cells);
	else if (is_json)
		print_json(array, stdout);
	else
		print_table_finish(&listing.table, stdout);
	strings_finish(&listing.table.cells);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

static int list(struct cli *cli, const struct image_options *options,
		struct template_listing *listing, struct lxcri_error *err)
{
	(void)options;
	return lxcri_template_list(cli->engine, add, listing, err);
}

static int collect(struct cli *cli, const struct image_options *options,
		   struct template_listing *listing, struct lxcri_error *err)
{
	const struct lxcri_template_gc_options gc = { .force = options->force,
						      .dry_run = options->dry_run };

	return lxcri_template_gc(cli->engine, &gc, add, listing, err);
}

int image_templates(struct cli *cli, struct lxcri_image_manager *images,
		    const struct image_options *options, char **argv, struct lxcri_error *err)
{
	(void)images;
	if (argv[0])
		return cli_usage(cli, err, "templates: expected no argument");
	return show(options, list, cli, err);
}

int image_gc_templates(struct cli *cli, const struct image_options *options,
		       struct lxcri_error *err)
{
	return show(options, collect, cli, err);
}
