/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading the members of a JSON object whose shape has been validated. Texts are borrowed from the
 * document; arrays come from a pool that ends with the document, so that a specification has one
 * teardown however deep it is. */

#include "base/json.h"

/* A number that may be absent. */
struct spec_i64 {
	bool set;
	int64_t value;
};

struct spec_u64 {
	bool set;
	uint64_t value;
};

/* A list of texts; `items` is NULL when the field is absent, else ended by a NULL that `count` does
 * not count, so that it can be an argv. */
struct spec_strings {
	const char **items;
	size_t count;
};

struct spec_pair {
	const char *key;
	const char *value;
};

/* A map of texts in the document's order; `items` is NULL when the field is absent. */
struct spec_map {
	struct spec_pair *items;
	size_t count;
};

/* What a specification has allocated. Zeroed is empty. */
struct spec_pool {
	void **blocks;
	size_t count;
};

/* Returns an array of @count zeroed members, owned by @pool; never NULL. */
void *spec_pool_array(struct spec_pool *pool, size_t count, size_t size);

/* Returns one zeroed object, owned by @pool. */
#define spec_pool_new(pool, type) ((type *)spec_pool_array(pool, 1, sizeof(type)))

/* Frees all that @pool has handed out and empties it. Safe to repeat. */
void spec_pool_finish(struct spec_pool *pool);

/* Returns member @key as a signed number. */
struct spec_i64 spec_read_i64(struct json_object *object, const char *key);

/* Returns member @key as an unsigned number. */
struct spec_u64 spec_read_u64(struct json_object *object, const char *key);

/* Returns member @key, an unsigned number of 32 bits, or 0 when it is absent. */
uint32_t spec_read_u32(struct json_object *object, const char *key);

/* Returns the array of texts @key. */
struct spec_strings spec_read_strings(struct spec_pool *pool, struct json_object *object,
				      const char *key);

/* Returns the map of texts @key. */
struct spec_map spec_read_map(struct spec_pool *pool, struct json_object *object, const char *key);

/* Fills one member of an array from its JSON value. */
typedef void (*spec_read_fn)(struct spec_pool *pool, struct json_object *value, void *member);

/* Reads the array @key into members of @size bytes, each filled by @read. Returns them, owned by
 * @pool, with their number in *@ret_count; NULL and 0 when it is absent. */
void *spec_read_array(struct spec_pool *pool, struct json_object *object, const char *key,
		      size_t size, spec_read_fn take, size_t *ret_count);

/* The same for a map of objects; @read finds the key at the start of the member, a const char *. */
void *spec_read_named(struct spec_pool *pool, struct json_object *object, const char *key,
		      size_t size, spec_read_fn take, size_t *ret_count);
