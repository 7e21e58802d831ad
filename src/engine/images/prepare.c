/* SPDX-License-Identifier: MIT */
/* Images that are kept ready, and who holds them. */

#include "lxcri/prepare.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/driver.h"
#include "engine/images/origin.h"
#include "engine/images/prepared.h"
#include "image/convert/conversion.h"
#include "image/convert/zfs_image.h"
#include "image/place/new_file.h"
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

/* What an image is to be prepared as. */
struct form {
	const struct lxcri_convert_options *convert;
	char *digest;
	char *key;  /* of the entry */
	char *name; /* of the file in it, or of the dataset */
};

static void form_finish(struct form *form)
{
	free(form->digest);
	free(form->key);
	free(form->name);
}

static bool is_dataset(const struct form *form)
{
	return form->convert->format == LXCRI_IMAGE_ZFS;
}

/* The member of the record that has the name. */
static const char *name_member(const struct form *form)
{
	return is_dataset(form) ? ENTRY_DATASET : ENTRY_FILE;
}

static int find_form(struct lxcri_image_manager *manager, const char *source,
		     const struct lxcri_convert_options *convert, struct form *ret,
		     struct lxcri_error *err)
{
	autofree char *key = conversion_key(convert, manager->data);

	ret->convert = convert;
	if (origin_find(manager, source, &ret->digest, err) < 0)
		return -1;
	ret->key = xformat("%s-%s", ret->digest + strlen("sha256:"), key);
	ret->name = is_dataset(ret) ? xformat("%s/%s", convert->dataset, ret->key)
				    : xformat("image%s", conversion_suffix(convert));
	return 0;
}

static int make_file(struct lxcri_image_manager *manager, const struct entry *entry,
		     const struct form *form, struct lxcri_error *err)
{
	autorun(new_file_finish) struct new_file file = NEW_FILE_NULL;
	autofree char *path = xformat("%s/%s", entry->path, form->name);

	if (origin_keep(manager, form->digest, err) < 0 || new_file_open(path, &file, err) < 0 ||
	    conversion_run(manager->store, form->digest, form->convert, file.fd, err) < 0)
		return -1;
	return new_file_commit(&file, err);
}

/* Claimed before usages are locked: what is claimed later could be garbage to who collects. */
static int make_dataset(struct lxcri_image_manager *manager, const struct entry *entry,
			const struct form *form, struct lxcri_error *err)
{
	const struct zfs_image image = { form->name, form->digest, form->convert };

	if (zfs_image_claim(entry->fd, form->name, err) < 0 ||
	    origin_keep(manager, form->digest, err) < 0)
		return -1;
	return zfs_image_make(manager->store, &image, entry->fd, err);
}

static int make(struct lxcri_image_manager *manager, struct entry *entry, const struct form *form,
		struct lxcri_error *err)
{
	autojson record = json_object_new_object();
	int r = is_dataset(form) ? make_dataset(manager, entry, form, err)
				 : make_file(manager, entry, form, err);

	if (r < 0)
		return -1;
	json_set_text(record, ENTRY_DIGEST, form->digest);
	json_set_text(record, ENTRY_FORMAT, lxcri_image_format_name(form->convert->format));
	json_set_text(record, name_member(form), form->name);
	return entry_commit(entry, record, err);
}

/* Checks that a whole entry is what its key says. */
static int check(const struct entry *entry, const struct form *form, struct lxcri_error *err)
{
	autojson record = NULL;
	const char *name;

	if (entry_read(entry, &record, err) < 0)
		return -1;
	name = json_get_text(record, name_member(form));
	if (!name || strcmp(name, form->name) != 0 ||
	    strcmp(json_get_text(record, ENTRY_DIGEST), form->digest) != 0)
		return fail(err, LXCRI_E_CACHE_ERROR,
			    "%s/" ENTRY_RECORD " is not that of the image; remove that directory",
			    entry->path);
	return 0;
}

/* Tells whether @entry has what it is to have: a dataset may have been destroyed by others. */
static bool is_there(const struct entry *entry, const struct form *form)
{
	return entry->is_whole && (!is_dataset(form) || zfs_image_is_whole(form->name));
}

static int prepare(struct lxcri_image_manager *manager, const char *source,
		   const struct lxcri_prepare_options *options, char **ret_path,
		   struct lxcri_error *err)
{
	autorun(form_finish) struct form form = {};
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autofree char *path = NULL;
	int r;

	if (find_form(manager, source, &options->convert, &form, err) < 0 ||
	    entry_lock(manager->data, form.key, &entry, err) < 0)
		return -1;
	r = is_there(&entry, &form) ? check(&entry, &form, err) : make(manager, &entry, &form, err);
	if (r < 0)
		return -1;
	path = is_dataset(&form) ? xstrdup(form.name) : xformat("%s/%s", entry.path, form.name);
	if (hold(manager, &entry, options->hold, err) < 0)
		return -1;
	*ret_path = steal(path);
	return 0;
}

/* Datasets are made where the options say, else below that of the zfs driver. */
static int prepare_dataset(struct lxcri_image_manager *manager, const char *source,
			   const struct lxcri_prepare_options *options, char **ret_path,
			   struct lxcri_error *err)
{
	autofree char *own = driver_dataset(manager->engine);
	autofree char *group = NULL;
	struct lxcri_prepare_options whole = *options;
	int r = whole.convert.dataset ? zfs_image_check_parent(whole.convert.dataset, own, err)
				      : zfs_image_make_group(manager->data, own, &group, err);

	if (r < 0)
		return -1;
	if (group)
		whole.convert.dataset = group;
	return prepare(manager, source, &whole, ret_path, err);
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
			    ? prepare_dataset(manager, source, options, ret_path, err)
			    : prepare(manager, source, options, ret_path, err);
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
 * any. A dataset is called what its entry is, in whatever other. */
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
	else if (*prepared != '/' && strchr(prepared, '/'))
		key = strrchr(prepared, '/') + 1;
	length = strcspn(key, "/");
	if (length < KEY_LENGTH_MIN || length > KEY_LENGTH_MAX || strspn(key, letters) != length)
		return NULL;
	return xstrndup(key, length);
}

/* Checks that @prepared is what @entry has, where it is a dataset: another may be called the same
 * in another place. */
static int check_name(const struct entry *entry, const char *prepared, struct lxcri_error *err)
{
	autojson record = NULL;
	const char *dataset;

	if (!entry->is_whole || *prepared == '/' || !strchr(prepared, '/'))
		return 0;
	if (entry_read(entry, &record, err) < 0)
		return -1;
	dataset = json_get_text(record, ENTRY_DATASET);
	return dataset && strcmp(dataset, prepared) == 0
		       ? 0
		       : fail(err, LXCRI_E_REFERENCE_COUNT_ERROR, "that is not prepared");
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
	if (check_name(&entry, prepared, err) < 0)
		return fail_while(err, "release %s", prepared);
	held = take_hold(manager, key);
	if (entry_release(&entry, held.name, err) < 0)
		return fail_while(err, "release %s", prepared);
	return 0;
}

/* Returns what lxcri_image_release() takes, owned by the caller. */
static char *name_of(const struct lxcri_image_manager *manager, const struct prepared_item *item)
{
	const char *dataset = json_get_text(item->record, ENTRY_DATASET);
	const char *file = json_get_text(item->record, ENTRY_FILE);

	if (dataset)
		return xstrdup(dataset);
	return file ? xformat("%s/" ENTRY_DIR "/%s/%s", manager->data, item->key, file)
		    : xformat("sha256:%s", item->key);
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
		autofree char *name = name_of(manager, item);
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
