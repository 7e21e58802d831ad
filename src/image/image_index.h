/* SPDX-License-Identifier: MIT */
#pragma once

/* The entries of the store's index.json. The name of an image stands in two annotations:
 * org.opencontainers.image.ref.name, by which skopeo and umoci find it, and
 * io.containerd.image.name, by which other engines tell a full name from a tag. A third one holds
 * what a list shows, so that listing reads no other file. */

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

#define ANNOTATION_REF_NAME  "org.opencontainers.image.ref.name"
#define ANNOTATION_FULL_NAME "io.containerd.image.name"

/* What a list shows of an image. */
struct image_summary {
	uint64_t size_bytes; /* manifest, config and compressed layers */
	unsigned int layers;
	int64_t created_ns; /* 0 = unknown */
};

/* What an entry is made from; texts but @media_type and @digest may be NULL. */
struct image_index_entry {
	const char *name; /* a normalised reference, or NULL */
	const char *media_type;
	const char *digest;
	uint64_t size;
	const char *architecture;
	const char *os;
	const char *variant;
	const struct image_summary *summary; /* or NULL */
	bool is_bare_tag; /* @name is no reference, and goes into the first annotation alone */
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

/* Reads what @entry has for a list. Returns false where it has nothing, as what others wrote. */
bool image_index_summary(struct json_object *entry, struct image_summary *ret);

/* Adds an entry for what @entry, of the same index or of none, leads to, called @name. What was
 * called so keeps its other names, or becomes an image without a name. @entry may be gone
 * afterwards. */
void image_index_tag(struct json_object *index, struct json_object *entry, const char *name);

/* Takes the name of @entry away: the entry goes, but the last one of an image stays, without a
 * name. */
void image_index_untag(struct json_object *index, struct json_object *entry);

/* Reads "2024-05-01T10:20:30.123456789+02:00" as nanoseconds since 1970; 0 for what is not such a
 * time, NULL included. */
int64_t image_index_parse_time(const char *text);
