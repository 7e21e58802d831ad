/* SPDX-License-Identifier: MIT */
#pragma once

/* The entries of the store's index.json. The name of an image stands in two annotations:
 * org.opencontainers.image.ref.name, by which skopeo and umoci find it, and
 * io.containerd.image.name, by which other engines tell a full name from a tag. */

#include "base/json.h"

#include <stdint.h>

#define ANNOTATION_REF_NAME  "org.opencontainers.image.ref.name"
#define ANNOTATION_FULL_NAME "io.containerd.image.name"

/* What an entry is made from; texts but @media_type and @digest may be NULL. */
struct image_index_entry {
	const char *name; /* a normalised reference, or NULL */
	const char *media_type;
	const char *digest;
	uint64_t size;
	const char *architecture;
	const char *os;
	const char *variant;
};

/* Adds @entry to @index. The entry that had its name goes; one without a name takes the place of
 * the same digest without one. */
void image_index_set(struct json_object *index, const struct image_index_entry *entry);

/* Finds the entry called @name, or with that digest; the last one, as a later entry replaces an
 * earlier. Returns it, borrowed from @index, or NULL. */
struct json_object *image_index_find(struct json_object *index, const char *name);

/* Takes the entry that image_index_find() finds out of @index. Returns it, owned by the caller, or
 * NULL. */
struct json_object *image_index_take(struct json_object *index, const char *name);

/* Removes the entry called @name, or every entry with that digest. Returns how many went. */
size_t image_index_remove(struct json_object *index, const char *name);

/* Returns the name of the descriptor @entry, borrowed, or NULL. */
const char *image_index_name(struct json_object *entry);
