/* SPDX-License-Identifier: MIT */
/* Verifying images: every document and blob is hashed again, every unpacked layer must have the
 * record that its name stands for.
 *
 * How it works: under the store's lock all is looked at, and what is broken is put aside where that
 * is asked for. A layer is unpacked again only once the lock is given back, as for a container that
 * needs it; what came of that is reported last. */

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "engine/images/manager.h"
#include "engine/usage.h"
#include "image/collect.h"
#include "image/copy.h"
#include "image/image_index.h"
#include "image/snapshot/snapshot.h"
#include "image/worker.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_BYTES_MAX ((size_t)64 << 10)
/* Blobs for one call of the worker: their names must fit in its arguments. */
#define BLOBS_AT_ONCE 4096

/* Blobs or layers, and which images need each. */
struct parts {
	struct strings names;
	struct strings owners;
};

/* One that is broken. */
struct fault {
	const char *check;
	char *object; /* the images */
	char *found;
	const char *meaning;
	const char *remedy;
	char *unpack; /* the image whose layers are to be unpacked again, or NULL */
};

struct verify {
	struct lxcri_image_manager *manager; /* borrowed */
	bool repair;
	struct layout layout;
	int lock;
	int usage_lock;
	struct image_usage usage;
	struct parts blobs;
	struct parts layers;
	struct fault *faults;
	size_t n_faults;
};

static void parts_finish(struct parts *parts)
{
	strings_finish(&parts->names);
	strings_finish(&parts->owners);
}

static void verify_finish(struct verify *verify)
{
	for (size_t i = 0; i < verify->n_faults; i++) {
		free(verify->faults[i].object);
		free(verify->faults[i].found);
		free(verify->faults[i].unpack);
	}
	free(verify->faults);
	parts_finish(&verify->blobs);
	parts_finish(&verify->layers);
	image_usage_finish(&verify->usage);
	closep(&verify->usage_lock);
	closep(&verify->lock);
	layout_finish(&verify->layout);
}

static void add_part(struct parts *parts, const char *name, const char *owner)
{
	for (size_t i = 0; i < parts->names.count; i++) {
		autofree char *before = NULL;

		if (strcmp(parts->names.items[i], name) != 0)
			continue;
		before = parts->owners.items[i];
		parts->owners.items[i] = xformat("%s, %s", before, owner);
		return;
	}
	strings_add(&parts->names, name);
	strings_add(&parts->owners, owner);
}

static const char *owner_of(const struct parts *parts, const char *name)
{
	for (size_t i = 0; i < parts->names.count; i++)
		if (strcmp(parts->names.items[i], name) == 0)
			return parts->owners.items[i];
	return "";
}

/* Takes over what @fault owns. */
static void add_fault(struct verify *verify, struct fault fault)
{
	verify->faults =
		xreallocarray(verify->faults, verify->n_faults + 1, sizeof(verify->faults[0]));
	verify->faults[verify->n_faults++] = fault;
}

static const char fetch_again[] = "pull, import or load the image again, or remove it";

/* Moves a file to a directory of another file system. */
static int move_file(int from, int to, const char *name)
{
	struct stat status;
	int r;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EXDEV;
	r = copy_node_as(from, to, name, &status);
	if (r == 0 && unlinkat(from, name, 0) < 0)
		r = -errno;
	return r;
}

/* Moves @name of @dirfd to the directory of what is broken. Returns what to say of it. */
static const char *put_aside(const struct verify *verify, int dirfd, const char *name)
{
	int r;

	if (!verify->repair)
		return "";
	r = mkdirat(verify->layout.data_fd, LAYOUT_BROKEN, 0700) < 0 && errno != EEXIST ? -errno
											: 0;

	autoclose int broken = r < 0 ? r
				     : openat(verify->layout.data_fd, LAYOUT_BROKEN,
					      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (broken < 0)
		return "; it could not be put aside";
	(void)path_remove_tree(broken, name); /* of an earlier time */
	r = renameat(dirfd, name, broken, name) < 0 ? -errno : 0;
	if (r == -EXDEV) /* the images are elsewhere */
		r = move_file(dirfd, broken, name);
	if (r < 0)
		return r == -ENOENT ? "" : "; it could not be put aside";
	return "; put aside in " LAYOUT_BROKEN "/";
}

static void look_at_entry(struct verify *verify, struct json_object *entry)
{
	autorun(strings_finish) struct strings blobs = {};
	autorun(strings_finish) struct strings layers = {};
	const char *digest = json_get_text(entry, "digest");
	const char *name = image_index_name(entry);
	struct lxcri_error err = {};

	if (!name)
		name = digest ? digest : "an image without digest";
	if (collect_reach(&verify->layout, entry, &blobs, &layers, &err) < 0 &&
	    err.code != LXCRI_E_INTEGRITY_CHECK_FAILED) /* of which hashing tells more */
		add_fault(verify, (struct fault){
					  .check = "image.document",
					  .object = xstrdup(name),
					  .found = xstrdup(err.text),
					  .meaning = "no container can be made from it",
					  .remedy = fetch_again,
				  });
	for (size_t i = 0; i < blobs.count; i++)
		add_part(&verify->blobs, blobs.items[i], name);
	for (size_t i = 0; i < layers.count; i++)
		add_part(&verify->layers, layers.items[i], name);
}

static void note_blob(struct verify *verify, const char *name, const char *text)
{
	add_fault(verify,
		  (struct fault){
			  .check = "image.blob",
			  .object = xstrdup(owner_of(&verify->blobs, name)),
			  .found = xformat("blob sha256:%s: %s%s", name, text,
					   put_aside(verify, verify->layout.blobs_fd, name)),
			  .meaning = "the image cannot be unpacked or given to others",
			  .remedy = fetch_again,
		  });
}

static int look_at_blobs(struct verify *verify, struct lxcri_error *err)
{
	for (size_t at = 0; at < verify->blobs.names.count; at += BLOBS_AT_ONCE) {
		size_t left = verify->blobs.names.count - at;
		size_t count = left < BLOBS_AT_ONCE ? left : BLOBS_AT_ONCE;
		autofree const char **args = xcalloc(count + 3, sizeof(char *));
		autojson answer = NULL;
		struct json_object *broken;

		const struct worker_call call = { .program = "lxcri-worker",
						  .args = args,
						  .object = verify->layout.data_dir };

		args[0] = WORKER_HASH;
		args[1] = verify->layout.data_dir;
		memcpy(args + 2, verify->blobs.names.items + at, count * sizeof(char *));
		if (worker_ask(&call, -1, &answer, err) < 0)
			return -1;
		broken = json_get(answer, WORKER_BROKEN);
		for (size_t i = 0; i < json_count(broken); i++) {
			struct json_object *one = json_object_array_get_idx(broken, i);

			note_blob(verify, json_get_text(one, WORKER_NAME),
				  json_get_text(one, WORKER_TEXT));
		}
	}
	return 0;
}

/* Returns what is wrong with the unpacked layer, owned by the caller; NULL: nothing. Its name is
 * the digest of what its record says of it. */
static char *find_layer_fault(const struct layout *layout, const char *name)
{
	autofree char *path = xformat("%s/" LAYOUT_RECORD, name);
	autofree char *tree = xformat("%s/" LAYOUT_TREE, name);
	autofree char *full = xformat("%s/layers/%s", layout->data_dir, tree);
	autofree char *pair = NULL;
	autofree char *bytes = NULL;
	autojson record = NULL;
	char found[SHA256_HEX_SIZE];
	struct lxcri_error err = {};
	struct stat status;
	const char *diff_id;
	const char *parent;
	size_t size;
	int r = file_read(layout->layers_fd, path, RECORD_BYTES_MAX, &bytes, &size);

	if (r < 0)
		return xformat("its record cannot be read: %s", strerror(-r));
	if (json_parse(bytes, size, &json_limits_config, &record, &err) < 0)
		return xformat("its record cannot be read: %s", err.text);
	diff_id = json_get_text(record, "diffId");
	parent = json_get_text(record, "parent");
	if (!diff_id || !text_starts_with(diff_id, "sha256:"))
		return xstrdup("its record names no diff id");
	pair = parent ? xformat("%s %s", parent, diff_id) : NULL;
	if (pair)
		sha256_hex(pair, strlen(pair), found);
	if (strcmp(pair ? found : diff_id + strlen("sha256:"), name) != 0)
		return xstrdup("its record is that of another layer");
	if (fstatat(layout->layers_fd, tree, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(status.st_mode))
		return xstrdup("it has no files");
	return xstrdup(snapshot_find_fault(full));
}

static void look_at_layer(struct verify *verify, const char *name, const char *owner)
{
	autofree char *tree = xformat("%s/layers/%s/" LAYOUT_TREE, verify->layout.data_dir, name);
	bool in_use = strings_has(&verify->usage.layers, tree);
	autofree char *what = NULL;

	if (verify->layout.layers_fd < 0 ||
	    faccessat(verify->layout.layers_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* not unpacked, or not any more */
	what = find_layer_fault(&verify->layout, name);
	if (!what)
		return;
	add_fault(
		verify,
		(struct fault){
			.check = "layer.record",
			.object = xstrdup(owner),
			.found = xformat(
				"layer %s: %s%s", name, what,
				in_use ? "" : put_aside(verify, verify->layout.layers_fd, name)),
			.meaning = in_use ? "files may be missing in containers that stand on it"
					  : "no container can be made on it",
			.remedy =
				in_use ? "delete the containers that stand on it, and repair again"
				       : "proxmox-lxcri image verify --repair unpacks it again",
			.unpack = verify->repair && !in_use ? xstrndup(owner, strcspn(owner, ","))
							    : NULL,
		});
}

/* Looks at the images called @names, or at all. */
static int look_at_entries(struct verify *verify, const char *const *names, struct lxcri_error *err)
{
	autojson index = NULL;
	struct json_object *list;

	if (layout_read_index(&verify->layout, &index, err) < 0)
		return -1;
	list = json_get(index, "manifests");
	for (size_t i = 0; !(names && names[0]) && i < json_object_array_length(list); i++)
		look_at_entry(verify, json_object_array_get_idx(list, i));
	for (; names && *names; names++) {
		autofree char *wanted =
			image_store_name(verify->manager->store, index, *names, err);
		struct json_object *entry = wanted ? image_index_find(index, wanted) : NULL;

		if (!wanted)
			return -1;
		if (!entry)
			return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store",
				    wanted);
		look_at_entry(verify, entry);
	}
	return 0;
}

static int take_locks(struct verify *verify, struct lxcri_error *err)
{
	struct lxcri_engine *engine = verify->manager->engine;

	if (verify->repair)
		verify->lock = layout_lock(&verify->layout, err);
	else if (layout_lock_shared(&verify->layout, &verify->lock, err) < 0)
		return -1;
	if (verify->repair && verify->lock < 0)
		return -1;
	verify->usage_lock = usage_lock(engine, verify->repair ? USAGE_ALONE : USAGE_SHARED, err);
	if (verify->usage_lock < 0)
		return -1;
	return verify->repair ? usage_read(engine, NULL, &verify->usage, err)
			      : usage_peek(engine, &verify->usage, err);
}

/* Reports what was found, having unpacked again what can be. Returns how many faults are left. */
static int report_all(struct verify *verify, lxcri_finding_fn report, void *userdata)
{
	int left = 0;

	for (size_t i = 0; i < verify->n_faults; i++) {
		const struct fault *fault = &verify->faults[i];
		autorun(image_finish) struct image image = {};
		autofree char *found = NULL;
		struct lxcri_error err = {};
		struct lxcri_finding finding = { .check = fault->check,
						 .object = fault->object,
						 .health = LXCRI_HEALTH_FAULT,
						 .found = fault->found,
						 .meaning = fault->meaning,
						 .remedy = fault->remedy };

		if (fault->unpack) {
			finding.repaired = image_store_get(verify->manager->store, fault->unpack,
							   &image, &err) == 0;
			found = finding.repaired ? xformat("%s; unpacked again", fault->found)
						 : xformat("%s; it could not be unpacked again: %s",
							   fault->found, err.text);
			finding.found = found;
			finding.remedy = fetch_again;
		}
		left += !finding.repaired;
		report(userdata, &finding);
	}
	return left;
}

int lxcri_image_verify(struct lxcri_image_manager *manager, const char *const *names,
		       const struct lxcri_image_verify_options *options, lxcri_finding_fn report,
		       void *userdata, struct lxcri_error *err)
{
	autorun(verify_finish) struct verify verify = { .manager = manager,
							.repair = options && options->repair,
							.layout = LAYOUT_NULL,
							.lock = -1,
							.usage_lock = -1 };

	if (layout_open(manager->data, &verify.layout, err) < 0)
		return -1;
	if (verify.layout.images_fd < 0 && names && names[0])
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", names[0]);
	if (verify.layout.images_fd < 0)
		return 0;
	if (take_locks(&verify, err) < 0 || look_at_entries(&verify, names, err) < 0 ||
	    look_at_blobs(&verify, err) < 0)
		return -1;
	for (size_t i = 0; i < verify.layers.names.count; i++)
		look_at_layer(&verify, verify.layers.names.items[i], verify.layers.owners.items[i]);
	closep(&verify.usage_lock);
	closep(&verify.lock);
	return report_all(&verify, report, userdata);
}
