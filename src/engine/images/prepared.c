/* SPDX-License-Identifier: MIT */
/* What is kept ready, all of it. */

#include "engine/images/prepared.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/event.h"
#include "engine/usage.h"
#include "image/snapshot/snapshot.h"
#include "os/disk_usage.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What an address had is told to who waited for it, and not for longer. */
#define URL_PREFIX  "url-"
#define URL_SECONDS 3600

#define HEX_LENGTH 64

static void item_finish(struct prepared_item *item)
{
	free(item->key);
	json_free(item->record);
}

void prepared_list_finish(struct prepared_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		item_finish(&list->items[i]);
	free(list->items);
	*list = (struct prepared_list){};
}

static void add(struct prepared_list *list, const struct prepared_item *item)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = *item;
}

/* 0 where it has no record. */
static int64_t used_at(const char *data_dir, const char *key)
{
	autofree char *path = xformat("%s/" ENTRY_DIR "/%s/" ENTRY_RECORD, data_dir, key);
	struct stat status;

	return stat(path, &status) < 0 ? 0 : moment_of(status.st_mtim);
}

static int read_item(const char *data_dir, const char *key, struct prepared_list *list,
		     struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	struct prepared_item item = {};
	struct lxcri_error ignored;
	int r = entry_try_lock(data_dir, key, &entry, err);

	if (r < 0)
		return -1;
	item.is_busy = r == ENTRY_BUSY;
	item.used_ns = item.is_busy ? used_at(data_dir, key) : entry.used_ns;
	if (r == ENTRY_GONE || (item.is_busy && item.used_ns == 0) ||
	    (!item.is_busy && !entry.is_whole))
		return 0;
	if (!item.is_busy && entry_count_holds(&entry, &item.holds, err) < 0)
		return -1;
	/* One that is damaged is there all the same. */
	if (!item.is_busy)
		(void)entry_read(&entry, &item.record, &ignored);
	item.key = xstrdup(key);
	add(list, &item);
	return 0;
}

/* Removes what was noted of an address, once nobody can be waiting for it. */
static int expire_url(const char *data_dir, const char *key, struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	int64_t age = moment_now() - used_at(data_dir, key);

	if (age < URL_SECONDS * NS_IN_SECOND ||
	    entry_try_lock(data_dir, key, &entry, err) != ENTRY_LOCKED)
		return 0;
	return entry_remove(&entry, err);
}

static int list_keys(const char *data_dir, struct strings *keys, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" ENTRY_DIR, data_dir);
	int r = path_list_shown(path, keys);

	return r < 0 ? fail_code_errno(err, LXCRI_E_CACHE_ERROR, r, "list %s", path) : 0;
}

static int compare_items(const void *a, const void *b)
{
	const struct prepared_item *left = a;
	const struct prepared_item *right = b;

	return left->used_ns < right->used_ns ? -1 : left->used_ns > right->used_ns;
}

int prepared_read(const char *data_dir, struct prepared_list *ret, struct lxcri_error *err)
{
	autorun(prepared_list_finish) struct prepared_list list = {};
	autorun(strings_finish) struct strings keys = {};

	if (list_keys(data_dir, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.count; i++) {
		const char *key = keys.items[i];
		int r = text_starts_with(key, URL_PREFIX) ? expire_url(data_dir, key, err)
							  : read_item(data_dir, key, &list, err);

		if (r < 0)
			return -1;
	}
	if (list.count > 0)
		qsort(list.items, list.count, sizeof(*list.items), compare_items);
	*ret = list;
	list = (struct prepared_list){};
	return 0;
}

/* A removal of the image that an entry had fetched. */
struct removing {
	struct lxcri_engine *engine;
	int lock;
};

static int tell_usage(void *userdata, struct image_usage *usage, struct lxcri_error *err)
{
	struct removing *removing = userdata;

	removing->lock = usage_lock(removing->engine, USAGE_ALONE, err);
	return removing->lock < 0 ? -1 : usage_read(removing->engine, NULL, usage, err);
}

static void tell_removed(void *userdata, const char *name, const char *digest)
{
	const struct removing *removing = userdata;

	event_image_removed(removing->engine, name, digest);
}

/* Whoever uses it otherwise keeps it. */
static int remove_image(struct lxcri_engine *engine, struct image_store *store, const char *name,
			struct lxcri_error *err)
{
	struct removing removing = { .engine = engine, .lock = -1 };
	const struct removal_listener listener = { .use = tell_usage,
						   .removed_image = tell_removed,
						   .userdata = &removing };
	struct lxcri_error why = {};
	int r = removal_of_image(store, name, &listener, &why);

	closep(&removing.lock);
	if (r == 0 || why.code == LXCRI_E_IMAGE_IN_USE || why.code == LXCRI_E_IMAGE_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* Removes the entry @key if nobody holds it still, and the image that was fetched for it alone.
 * Returns 1 when it is gone. */
static int remove_entry(struct lxcri_engine *engine, struct image_store *store, const char *key,
			struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autojson record = NULL;
	struct lxcri_error ignored;
	const char *name = NULL;
	size_t holds = 0;
	int r = entry_try_lock(engine->data, key, &entry, err);

	if (r < 0)
		return -1;
	if (r != ENTRY_LOCKED)
		return 0;
	if (entry_count_holds(&entry, &holds, err) < 0)
		return -1;
	if (holds > 0)
		return 0;
	if (entry.is_whole && entry_read(&entry, &record, &ignored) == 0)
		name = json_get_text(record, ENTRY_NAME);
	if (entry_remove(&entry, err) < 0)
		return -1;
	/* While it is locked it keeps its image. */
	entry_finish(&entry);
	if (name && remove_image(engine, store, name, err) < 0)
		return -1;
	return 1;
}

int prepared_evict(struct lxcri_engine *engine, struct image_store *store, uint64_t max,
		   struct lxcri_error *err)
{
	autorun(prepared_list_finish) struct prepared_list list = {};
	size_t left;

	if (prepared_read(engine->data, &list, err) < 0)
		return -1;
	left = list.count;
	for (size_t i = 0; i < list.count && left > max; i++) {
		int gone = list.items[i].is_busy || list.items[i].holds > 0
				   ? 0
				   : remove_entry(engine, store, list.items[i].key, err);

		if (gone < 0)
			return -1;
		left -= (size_t)gone;
	}
	return 0;
}

int prepared_collect(struct lxcri_engine *engine, struct image_store *store,
		     const struct prepared_collection *collection, struct lxcri_error *err)
{
	autorun(prepared_list_finish) struct prepared_list list = {};
	int64_t now = moment_now();

	if (prepared_read(engine->data, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct prepared_item *item = &list.items[i];
		uint64_t bytes = prepared_size(engine->data, item->key);
		struct lxcri_error why = {};
		int gone;

		if (item->is_busy || item->holds > 0 || now - item->used_ns < collection->grace_ns)
			continue;
		gone = collection->dry_run ? 1 : remove_entry(engine, store, item->key, &why);
		if (gone < 0)
			collection->failed(collection->userdata, &why);
		if (gone > 0)
			collection->removing(collection->userdata, item->key, bytes);
	}
	return 0;
}

static void add_digest(struct image_usage *usage, const char *digest)
{
	strings_add(&usage->digests, digest);
	strings_add(&usage->users, "");
}

/* One that is being made says by its key what it keeps. */
static void add_key(struct image_usage *usage, const char *key)
{
	if (strspn(key, "0123456789abcdef") == HEX_LENGTH) {
		autofree char *digest = xformat("sha256:%.*s", HEX_LENGTH, key);

		add_digest(usage, digest);
	}
}

int prepared_add_usage(const char *data_dir, struct image_usage *usage, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings keys = {};

	if (list_keys(data_dir, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.count; i++) {
		autorun(entry_finish) struct entry entry = ENTRY_NULL;
		size_t holds = 0;
		int r = entry_try_lock(data_dir, keys.items[i], &entry, err);

		/* What was made of an image does not need it any more. */
		bool is_image = strlen(keys.items[i]) == HEX_LENGTH;

		if (r < 0 ||
		    (r == ENTRY_LOCKED && is_image && entry_count_holds(&entry, &holds, err) < 0))
			return -1;
		if (r == ENTRY_BUSY || holds > 0)
			add_key(usage, keys.items[i]);
	}
	return 0;
}

int prepared_report(const char *data_dir, lxcri_usage_fn report, void *userdata,
		    struct lxcri_error *err)
{
	autorun(prepared_list_finish) struct prepared_list list = {};

	if (prepared_read(data_dir, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct prepared_item *item = &list.items[i];
		autofree char *name = xformat(ENTRY_DIR "/%s", item->key);
		uint64_t bytes = prepared_size(data_dir, item->key);
		bool is_held = item->is_busy || item->holds > 0;
		const struct lxcri_usage usage = {
			.kind = LXCRI_USAGE_IMAGES,
			.name = name,
			.bytes = bytes,
			.reclaimable_bytes = is_held ? 0 : bytes,
			.users = is_held,
		};

		report(userdata, &usage);
	}
	return 0;
}

uint64_t prepared_size(const char *data_dir, const char *key)
{
	autorun(disk_usage_finish) struct disk_usage usage = {};
	autofree char *path = xformat("%s/" ENTRY_DIR "/%s", data_dir, key);

	(void)disk_usage_add(&usage, AT_FDCWD, path); /* what can't be read is told without */
	return usage.bytes + snapshot_measure(path);
}
