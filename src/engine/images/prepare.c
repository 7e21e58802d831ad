/* SPDX-License-Identifier: MIT */
/* Images that are kept ready, and who holds them. */

#include "lxcri/prepare.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/images/origin.h"
#include "engine/images/prepared.h"
#include "image/convert/conversion.h"
#include "image/place/new_file.h"
#include "image/convert/zfs_image.h"
#include "oci/digest.h"

#include <string.h>

/* A digest, and what form its image was given. */
#define KEY_LENGTH_MIN 64
#define KEY_LENGTH_MAX 128

/* What has no form of its own is called so. */
#define FORMAT_IMAGE "image"

void manager_drop_holds(struct lxcri_image_manager *manager)
{
	struct lxcri_error ignored;

	for (size_t i = 0; i < manager->n_holds; i++) {
		autorun(entry_finish) struct entry entry = ENTRY_NULL;

		/* What is left of it counts no more once its descriptor is closed. */
		if (entry_try_lock(manager->data, manager->holds[i].key, &entry, &ignored) ==
		    ENTRY_LOCKED)
			(void)entry_release(&entry, manager->holds[i].name, &ignored);
		hold_finish(&manager->holds[i]);
	}
	free(manager->holds);
	manager->holds = NULL;
	manager->n_holds = 0;
}

/* Takes a reference to @entry, whose lock is given back, and makes room. */
static int hold(struct lxcri_image_manager *manager, struct entry *entry, enum lxcri_hold how,
		struct lxcri_error *err)
{
	autorun(hold_finish) struct hold held = HOLD_NULL;
	uint64_t max = config_u64(manager->engine->config, CONFIG_STORAGE_CACHE_ENTRIES);

	if (entry_hold(entry, how == LXCRI_HOLD_KEPT ? HOLD_KEPT : HOLD_PROCESS, &held, err) < 0)
		return -1;
	entry_finish(entry);
	if (how == LXCRI_HOLD_PROCESS) {
		manager->holds = xreallocarray(manager->holds, manager->n_holds + 1,
					       sizeof(*manager->holds));
		manager->holds[manager->n_holds++] = held;
		held = HOLD_NULL;
	}
	return prepared_evict(manager->engine, manager->store, max, err);
}

static int make_file(struct lxcri_image_manager *manager, struct entry *entry, const char *digest,
		     const struct lxcri_convert_options *convert, const char *name,
		     struct lxcri_error *err)
{
	autorun(new_file_finish) struct new_file file = NEW_FILE_NULL;
	autofree char *path = xformat("%s/%s", entry->path, name);
	autojson record = json_object_new_object();

	if (origin_keep(manager, digest, err) < 0 || new_file_open(path, &file, err) < 0 ||
	    conversion_run(manager->store, digest, convert, file.fd, err) < 0 ||
	    new_file_commit(&file, err) < 0)
		return -1;
	json_set_text(record, ENTRY_DIGEST, digest);
	json_set_text(record, ENTRY_FORMAT, lxcri_image_format_name(convert->format));
	json_set_text(record, ENTRY_FILE, name);
	return entry_commit(entry, record, err);
}

/* Checks that a whole entry is what its key says. */
static int check_file(const struct entry *entry, const char *digest, const char *name,
		      struct lxcri_error *err)
{
	autojson record = NULL;
	const char *file;

	if (entry_read(entry, &record, err) < 0)
		return -1;
	file = json_get_text(record, ENTRY_FILE);
	if (!file || strcmp(file, name) != 0 ||
	    strcmp(json_get_text(record, ENTRY_DIGEST), digest) != 0)
		return fail(err, LXCRI_E_CACHE_ERROR,
			    "%s/" ENTRY_RECORD " is not that of the image; remove that directory",
			    entry->path);
	return 0;
}

static int prepare_file(struct lxcri_image_manager *manager, const char *source,
			const struct lxcri_prepare_options *options, char **ret_path,
			struct lxcri_error *err)
{
	const struct lxcri_convert_options *convert = &options->convert;
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autofree char *name = xformat("image%s", conversion_suffix(convert));
	autofree char *form = conversion_key(convert);
	autofree char *digest = NULL;
	autofree char *key = NULL;
	autofree char *path = NULL;
	int r;

	if (origin_find(manager, source, &digest, err) < 0)
		return -1;
	key = xformat("%s-%s", digest + strlen("sha256:"), form);
	if (entry_lock(manager->data, key, &entry, err) < 0)
		return -1;
	r = entry.is_whole ? check_file(&entry, digest, name, err)
			   : make_file(manager, &entry, digest, convert, name, err);
	if (r < 0)
		return -1;
	path = xformat("%s/%s", entry.path, name);
	if (hold(manager, &entry, options->hold, err) < 0)
		return -1;
	*ret_path = steal(path);
	return 0;
}

int lxcri_image_prepare(struct lxcri_image_manager *manager, const char *source,
			const struct lxcri_prepare_options *options, char **ret_path,
			struct lxcri_error *err)
{
	static const struct lxcri_prepare_options plain = {};
	int r;

	if (!options)
		options = &plain;
	r = conversion_check(&options->convert, err);
	if (r == 0)
		r = options->convert.format == LXCRI_IMAGE_ZFS
			    ? zfs_image_check(err)
			    : prepare_file(manager, source, options, ret_path, err);
	if (r == 0)
		return 0;

	autofree char *shown = origin_shown(source);

	return fail_while(err, "prepare %s", shown);
}

/* Fetches the image by its digest, under a name that has it and so is nobody else's. */
static int fetch(struct lxcri_image_manager *manager, const struct lxcri_image_key *key,
		 char **ret_name, struct lxcri_error *err)
{
	autofree char *reference = xformat("%s:%s@%s", key->name, key->version, key->hash);
	autofree char *digest = NULL;
	autofree char *name = image_stored_name(reference, err);
	struct lxcri_error ignored;

	if (!name || lxcri_image_pull(manager, reference, NULL, &digest, err) < 0)
		return -1;
	*ret_name = steal(name);
	if (strcmp(digest, key->hash) == 0)
		return 0;
	(void)lxcri_image_remove(manager, *ret_name, &ignored);
	return fail(err, LXCRI_E_INVALID_DIGEST,
		    "%s is a list for several platforms; the image for this one is %s", key->hash,
		    digest);
}

/* Makes @entry, which has no record or one that cannot be right any more, keep the image. */
static int make_cached(struct lxcri_image_manager *manager, struct entry *entry,
		       const struct lxcri_image_key *key, struct lxcri_error *err)
{
	autojson record = json_object_new_object();
	autofree char *name = NULL;
	int r = origin_keep(manager, key->hash, err);

	if (r < 0 && err->code != LXCRI_E_IMAGE_NOT_FOUND)
		return -1;
	if (r < 0) {
		*err = (struct lxcri_error){};
		if (fetch(manager, key, &name, err) < 0 || origin_keep(manager, key->hash, err) < 0)
			return -1;
	}
	json_set_text(record, ENTRY_DIGEST, key->hash);
	json_set_text(record, ENTRY_FORMAT, FORMAT_IMAGE);
	json_set_text(record, ENTRY_NAME, name);
	return entry_commit(entry, record, err);
}

static int keep_cached(struct lxcri_image_manager *manager, struct entry *entry,
		       const struct lxcri_image_key *key, struct lxcri_error *err)
{
	autojson record = NULL;

	if (!entry->is_whole)
		return make_cached(manager, entry, key, err);
	if (entry_read(entry, &record, err) < 0)
		return -1;
	if (origin_keep(manager, key->hash, err) == 0)
		return 0;
	if (err->code != LXCRI_E_IMAGE_NOT_FOUND)
		return -1;
	/* Nobody held it, and somebody removed it. */
	*err = (struct lxcri_error){};
	return make_cached(manager, entry, key, err);
}

int lxcri_image_prepare_cached(struct lxcri_image_manager *manager,
			       const struct lxcri_image_key *key, enum lxcri_hold how,
			       char **ret_id, struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	struct digest digest;

	if (digest_parse(key->hash, &digest, err) < 0)
		return -1;
	if (digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_INVALID_DIGEST, "%s is not a sha256 digest", key->hash);
	if (entry_lock(manager->data, digest.hex, &entry, err) < 0 ||
	    keep_cached(manager, &entry, key, err) < 0 || hold(manager, &entry, how, err) < 0)
		return fail_while(err, "prepare %s:%s", key->name, key->version);
	*ret_id = xstrdup(key->hash);
	return 0;
}

/* Returns the key of the entry that @prepared names, owned by the caller; NULL where it cannot name
 * any. */
static char *key_of(const struct lxcri_image_manager *manager, const char *prepared)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz-";
	autofree char *dir = xformat("%s/" ENTRY_DIR "/", manager->data);
	const char *key = prepared;
	size_t length;

	if (text_starts_with(prepared, dir))
		key = prepared + strlen(dir);
	else if (text_starts_with(prepared, "sha256:"))
		key = prepared + strlen("sha256:");
	length = strcspn(key, "/");
	if (length < KEY_LENGTH_MIN || length > KEY_LENGTH_MAX || strspn(key, letters) != length)
		return NULL;
	return xstrndup(key, length);
}

/* Takes the hold of @key out of those of @manager; HOLD_NULL without one. */
static struct hold take_hold(struct lxcri_image_manager *manager, const char *key)
{
	for (size_t i = 0; i < manager->n_holds; i++) {
		struct hold found = manager->holds[i];

		if (strcmp(found.key, key) != 0)
			continue;
		manager->holds[i] = manager->holds[--manager->n_holds];
		return found;
	}
	return HOLD_NULL;
}

int lxcri_image_release(struct lxcri_image_manager *manager, const char *prepared,
			struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autorun(hold_finish) struct hold held = HOLD_NULL;
	autofree char *key = key_of(manager, prepared);

	if (!key)
		return fail(err, LXCRI_E_REFERENCE_COUNT_ERROR, "release %s: that is not prepared",
			    prepared);
	if (entry_lock(manager->data, key, &entry, err) < 0)
		return -1;
	held = take_hold(manager, key);
	if (entry_release(&entry, held.name, err) < 0)
		return fail_while(err, "release %s", prepared);
	return 0;
}

int lxcri_prepared_list(struct lxcri_image_manager *manager, lxcri_prepared_fn each, void *userdata,
			struct lxcri_error *err)
{
	autorun(prepared_list_finish) struct prepared_list list = {};

	if (prepared_read(manager->data, &list, err) < 0)
		return -1;
	for (size_t i = list.count; i-- > 0;) {
		const struct prepared_item *item = &list.items[i];
		const char *digest = json_get_text(item->record, ENTRY_DIGEST);
		const char *format = json_get_text(item->record, ENTRY_FORMAT);
		const char *file = json_get_text(item->record, ENTRY_FILE);
		autofree char *name =
			file ? xformat("%s/" ENTRY_DIR "/%s/%s", manager->data, item->key, file)
			     : xformat("sha256:%s", item->key);
		const struct lxcri_prepared_info info = {
			.name = name,
			.digest = digest ? digest : "",
			.format = format ? format : "",
			.bytes = prepared_size(manager->data, item->key),
			.references = (unsigned int)item->holds,
			.used_ns = item->used_ns,
		};

		if (each(userdata, &info) < 0)
			return 0;
	}
	return 0;
}
