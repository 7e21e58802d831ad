/* SPDX-License-Identifier: MIT */
/* Images in other forms, at a place of the caller's. */

#include "base/mem.h"
#include "engine/driver.h"
#include "engine/images/origin.h"
#include "image/convert/conversion.h"
#include "image/convert/zfs_image.h"
#include "image/place/new_file.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Makes an entry that never becomes whole: by its key the image stays in the store meanwhile. */
static int make_entry(struct lxcri_image_manager *manager, const char *digest, struct entry *ret,
		      struct lxcri_error *err)
{
	autofree char *key = NULL;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail_errno(err, errno, "get a random number");
	key = xformat("%s-%016llx", digest + strlen("sha256:"), (unsigned long long)random);
	return entry_lock(manager->data, key, ret, err);
}

static int convert_file(struct lxcri_image_manager *manager, const char *source, const char *target,
			const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	autorun(new_file_finish) struct new_file file = NEW_FILE_NULL;
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autofree char *digest = NULL;

	if (new_file_open(target, &file, err) < 0 ||
	    origin_find(manager, source, &digest, err) < 0 ||
	    make_entry(manager, digest, &entry, err) < 0 || origin_keep(manager, digest, err) < 0 ||
	    conversion_run(manager->store, digest, options, file.fd, err) < 0)
		return -1;
	return new_file_commit(&file, err);
}

/* Until it has its name the dataset belongs to the entry, and goes with it. */
static int convert_dataset(struct lxcri_image_manager *manager, const char *source,
			   const char *target, const struct lxcri_convert_options *options,
			   struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autofree char *own = driver_dataset(manager->engine);
	autofree char *name = NULL;
	autofree char *digest = NULL;

	if (options->dataset)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "the target says in which dataset another is made");
	if (zfs_image_check_target(target, own, err) < 0 ||
	    origin_find(manager, source, &digest, err) < 0 ||
	    make_entry(manager, digest, &entry, err) < 0)
		return -1;
	name = zfs_image_temporary(target);
	if (!name)
		return fail_errno(err, errno, "get a random number");

	const struct zfs_image image = { name, digest, options };

	if (zfs_image_claim(entry.fd, name, err) < 0 || origin_keep(manager, digest, err) < 0 ||
	    zfs_image_make(manager->store, &image, entry.fd, err) < 0)
		return -1;
	return zfs_image_rename(name, target, err);
}

int lxcri_image_convert(struct lxcri_image_manager *manager, const char *source, const char *target,
			const struct lxcri_convert_options *options, struct lxcri_error *err)
{
	static const struct lxcri_convert_options plain = {};
	int r;

	if (!options)
		options = &plain;
	r = conversion_check(options, err);
	if (r == 0)
		r = options->format == LXCRI_IMAGE_ZFS
			    ? convert_dataset(manager, source, target, options, err)
			    : convert_file(manager, source, target, options, err);
	if (r == 0)
		return 0;

	autofree char *shown = origin_shown(source);

	return fail_while(err, "convert %s to %s", shown, target);
}
