/* SPDX-License-Identifier: MIT */
#pragma once

/* What objects take on the disk, on its way out: for system df and system prune. */

#include "cli/print.h"
#include "lxcri/system.h"

#include <stdbool.h>

#define USAGE_KINDS (LXCRI_USAGE_LOGS + 1)

struct usage_sum {
	unsigned int count;
	unsigned int active;
	uint64_t bytes;
	uint64_t reclaimable_bytes;
};

/* Zeroed is empty. */
struct usages {
	bool every_object; /* not only the sums */
	bool images_only;  /* sums of images and layers alone */
	bool dry_run;
	struct usage_sum sums[USAGE_KINDS];
	struct json_object *array;
	struct strings rows; /* of every object: kind, name, size, reclaimable, users */
};

/* Adds one; @userdata is the struct usages. */
void usages_add(void *userdata, const struct lxcri_usage *usage);

/* Writes the sums, and the objects where they are wanted, as tables or as JSON. */
void usages_print(struct usages *usages, bool as_json, FILE *out);

/* Writes what was removed, or would be, and the sums that @collected has of it. */
void usages_print_removed(struct usages *usages, const struct lxcri_collected *collected,
			  bool as_json, FILE *out);

/* Frees what @usages holds. Safe to repeat. */
void usages_finish(struct usages *usages);
