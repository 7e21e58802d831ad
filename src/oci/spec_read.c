/* SPDX-License-Identifier: MIT */
/* Reading the members of validated JSON objects. */

#include "oci/spec_read.h"

#include "base/mem.h"

void *spec_pool_array(struct spec_pool *pool, size_t count, size_t size)
{
	void *block = xcalloc(count, size);

	/* The list grows at powers of two, which the count alone tells. */
	if ((pool->count & (pool->count - 1)) == 0)
		pool->blocks = xreallocarray(pool->blocks, pool->count ? 2 * pool->count : 1,
					     sizeof(*pool->blocks));
	pool->blocks[pool->count++] = block;
	return block;
}

void spec_pool_finish(struct spec_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		free(pool->blocks[i]);
	free(pool->blocks);
	*pool = (struct spec_pool){};
}

struct spec_i64 spec_read_i64(struct json_object *object, const char *key)
{
	return (struct spec_i64){ json_get(object, key) != NULL, json_get_i64(object, key, 0) };
}

struct spec_u64 spec_read_u64(struct json_object *object, const char *key)
{
	return (struct spec_u64){ json_get(object, key) != NULL, json_get_u64(object, key, 0) };
}

uint32_t spec_read_u32(struct json_object *object, const char *key)
{
	return (uint32_t)json_get_u64(object, key, 0);
}

struct spec_strings spec_read_strings(struct spec_pool *pool, struct json_object *object,
				      const char *key)
{
	struct json_object *array = json_get(object, key);

	if (!array)
		return (struct spec_strings){};

	struct spec_strings strings = { .count = json_object_array_length(array) };

	strings.items = spec_pool_array(pool, strings.count + 1, sizeof(*strings.items));
	for (size_t i = 0; i < strings.count; i++)
		strings.items[i] = json_object_get_string(json_object_array_get_idx(array, i));
	return strings;
}

struct spec_map spec_read_map(struct spec_pool *pool, struct json_object *object, const char *key)
{
	struct json_object *members = json_get(object, key);

	if (!members)
		return (struct spec_map){};

	size_t room = (size_t)json_object_object_length(members);
	struct spec_map map = { .items = spec_pool_array(pool, room, sizeof(*map.items)) };

	json_object_object_foreach(members, name, value)
	{
		map.items[map.count++] = (struct spec_pair){ name, json_object_get_string(value) };
	}
	return map;
}

void *spec_read_array(struct spec_pool *pool, struct json_object *object, const char *key,
		      size_t size, spec_read_fn take, size_t *ret_count)
{
	struct json_object *array = json_get(object, key);

	*ret_count = 0;
	if (!array)
		return NULL;

	size_t count = json_object_array_length(array);
	char *members = spec_pool_array(pool, count, size);

	for (size_t i = 0; i < count; i++)
		take(pool, json_object_array_get_idx(array, i), members + i * size);
	*ret_count = count;
	return members;
}

void *spec_read_named(struct spec_pool *pool, struct json_object *object, const char *key,
		      size_t size, spec_read_fn take, size_t *ret_count)
{
	struct json_object *map = json_get(object, key);

	*ret_count = 0;
	if (!map)
		return NULL;

	char *members = spec_pool_array(pool, (size_t)json_object_object_length(map), size);
	char *member = members;

	json_object_object_foreach(map, name, value)
	{
		*(const char **)member = name;
		take(pool, value, member);
		member += size;
		++*ret_count;
	}
	return members;
}
