/* SPDX-License-Identifier: MIT */
#pragma once

/* The verbs behind "image", each in its file. Every one takes what the command line has behind its
 * name, ended by NULL, and returns the exit code. */

#include "cli/cli.h"
#include "lxcri/image.h"

#include <stdbool.h>

/* The options of all of them. */
struct image_options {
	const char *format;
	bool quiet;
	const char *input;
	const char *output;
	const char *type;
	bool repair;
	bool verbose;
	bool all;
	bool force;
	bool dry_run;
	bool templates;
	uint64_t size;
	const char *fs;
	const char *compression;
	const char *dataset;
};

typedef int image_verb_fn(struct cli *cli, struct lxcri_image_manager *images,
			  const struct image_options *options, char **argv,
			  struct lxcri_error *err);

/* Calls @act for each of @names. One that fails is reported and the next is tried. Returns the exit
 * code. */
int image_each(struct cli *cli, struct lxcri_image_manager *images, char **names,
	       int (*act)(struct lxcri_image_manager *images, const char *name,
			  struct lxcri_error *err));

/* Reads what the options say an image is to become. */
[[nodiscard]] int image_convert_options(const struct image_options *options,
					struct lxcri_convert_options *ret, struct lxcri_error *err);

/* gc of the templates of a cluster. */
[[nodiscard]] int image_gc_templates(struct cli *cli, const struct image_options *options,
				     struct lxcri_error *err);

image_verb_fn image_convert;
image_verb_fn image_copy;
image_verb_fn image_df;
image_verb_fn image_gc;
image_verb_fn image_history;
image_verb_fn image_import;
image_verb_fn image_inspect;
image_verb_fn image_list;
image_verb_fn image_load;
image_verb_fn image_prepare;
image_verb_fn image_prepared;
image_verb_fn image_pull;
image_verb_fn image_push;
image_verb_fn image_release;
image_verb_fn image_remove;
image_verb_fn image_save;
image_verb_fn image_tag;
image_verb_fn image_templates;
image_verb_fn image_untag;
image_verb_fn image_verify;
