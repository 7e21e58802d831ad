/* SPDX-License-Identifier: MIT */
/* The image store: every image leads to blobs that are there, every layer is whole and of use. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "image/image_index.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define READ_BYTES ((size_t)1 << 20)

struct walk {
	struct check *check;
	struct layout layout;
	struct image_usage usage;
	bool has_usage;        /* the records could be read */
	bool is_damaged;       /* what images lead to is not all known */
	struct strings blobs;  /* that images lead to */
	struct strings layers; /* that images lead to */
	int lock;
	int usage_lock;
};

static void walk_finish(struct walk *walk)
{
	layout_finish(&walk->layout);
	image_usage_finish(&walk->usage);
	strings_finish(&walk->blobs);
	strings_finish(&walk->layers);
	closep(&walk->usage_lock);
	closep(&walk->lock);
}

static const char import_again[] = "import the image again, or remove it";

static void check_image(struct walk *walk, struct json_object *entry)
{
	const char *name = image_index_name(entry);
	const char *digest = json_get_text(entry, "digest");
	struct trouble trouble = {
		"image.document",   name ? name : digest ? digest : "an image without digest",
		LXCRI_HEALTH_FAULT, "no container can be made from it, and nothing is collected",
		import_again,       false
	};
	autorun(strings_finish) struct strings blobs = {};
	struct lxcri_error err = {};

	if (collect_reach(&walk->layout, entry, &blobs, &walk->layers, &err) < 0) {
		check_report(walk->check, &trouble, "%s", err.text);
		walk->is_damaged = true;
	}
	for (size_t i = 0; i < blobs.count; i++) {
		if (faccessat(walk->layout.blobs_fd, blobs.items[i], F_OK, 0) == 0)
			continue;
		trouble.check = "image.blob";
		trouble.meaning = "its layers cannot be unpacked anew or given to others";
		if (err.code == LXCRI_E_NONE)
			check_report(walk->check, &trouble, "the blob sha256:%s is missing",
				     blobs.items[i]);
	}
	strings_add_all(&walk->blobs, &blobs);
}

/* Reads the whole blob. Returns 1 when its bytes are those of its name, 0 when not, or -errno. */
static int digest_fits(int blobs_fd, const char *name)
{
	autoclose int fd = openat(blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	autofree char *bytes = xzalloc(READ_BYTES);
	char hex[SHA256_HEX_SIZE];
	struct sha256 sha256;
	ssize_t got;

	if (fd < 0)
		return -errno;
	sha256_init(&sha256);
	while ((got = read(fd, bytes, READ_BYTES)) != 0) {
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			sha256_add(&sha256, bytes, (size_t)got);
	}
	sha256_finish_hex(&sha256, hex);
	return strcmp(hex, name) == 0;
}

static bool is_hex_name(const char *name)
{
	return strlen(name) == SHA256_HEX_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

/* An import takes a blob of the right name and size for the right one: only without it can the
 * image be imported again. */
static void check_digest(struct walk *walk, const char *name)
{
	struct trouble trouble = {
		"blob.digest",
		name,
		LXCRI_HEALTH_FAULT,
		"the disk has changed it; images that need it cannot be unpacked",
		"proxmox-lxcri system check --deep --repair removes it; then import "
		"the image again",
		false
	};
	int r = digest_fits(walk->layout.blobs_fd, name);

	if (r == 1 || r == -ENOENT)
		return;
	if (r == 0 && walk->check->options.repair &&
	    unlinkat(walk->layout.blobs_fd, name, 0) == 0) {
		trouble.remedy = import_again;
		check_report(walk->check, &trouble,
			     "its bytes were not those of its digest; removed");
		return;
	}
	check_report(walk->check, &trouble, "%s",
		     r == 0 ? "its bytes are not those of its digest" : strerror(-r));
}

static void check_blobs(struct walk *walk, bool can_repair)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *path = xformat("%s/images/" LAYOUT_BLOBS, walk->layout.data_dir);

	check_list(walk->check, path, &names);
	for (size_t i = 0; i < names.count; i++) {
		const struct trouble trouble = {
			"blob.unreferenced",          names.items[i],
			LXCRI_HEALTH_WARNING,         "it takes room for nothing",
			"proxmox-lxcri system prune", can_repair
		};

		if (!is_hex_name(names.items[i]))
			continue;
		if (walk->check->options.deep)
			check_digest(walk, names.items[i]);
		if (!walk->is_damaged && !strings_has(&walk->blobs, names.items[i]))
			check_report(walk->check, &trouble, "no image leads to it");
	}
}

/* A layer without its record may lack files; one that nobody stands on is unpacked again when it is
 * needed. */
static void check_whole(struct walk *walk, const char *name, bool in_use)
{
	struct trouble trouble = {
		"layer.incomplete",
		name,
		in_use ? LXCRI_HEALTH_FAULT : LXCRI_HEALTH_WARNING,
		in_use ? "files may be missing in containers that stand on it"
		       : "it will be unpacked again when it is needed",
		in_use ? "delete the containers that stand on it, and repair again"
		       : "proxmox-lxcri system check --repair",
		false
	};
	autofree char *temporary = xformat(LAYOUT_TEMPORARY "%s", name);
	int layers = walk->layout.layers_fd;

	if (layout_has_layer(&walk->layout, name))
		return;
	if (walk->check->options.repair && walk->has_usage && !in_use &&
	    renameat(layers, name, layers, temporary) == 0)
		trouble.repaired = path_remove_tree(layers, temporary) == 0;
	check_report(walk->check, &trouble, "it has no " LAYOUT_RECORD);
}

static void check_layers(struct walk *walk, bool can_repair)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *path = xformat("%s/layers", walk->layout.data_dir);

	check_list(walk->check, path, &names);
	for (size_t i = 0; i < names.count; i++) {
		autofree char *tree = xformat("%s/%s/" LAYOUT_TREE, path, names.items[i]);
		bool in_use = strings_has(&walk->usage.layers, tree);
		const struct trouble trouble = {
			"layer.unreferenced",         names.items[i],
			LXCRI_HEALTH_WARNING,         "it takes room for nothing",
			"proxmox-lxcri system prune", can_repair
		};

		if (!is_hex_name(names.items[i]))
			continue;
		if (walk->has_usage && !walk->is_damaged && !in_use &&
		    !strings_has(&walk->layers, names.items[i]))
			check_report(walk->check, &trouble, "no image and no container needs it");
		else
			check_whole(walk, names.items[i], in_use);
	}
}

/* Takes the locks that keep what is read true: as a reader only, unless something may be mended. */
static int begin(struct walk *walk, struct lxcri_error *err)
{
	struct lxcri_engine *engine = walk->check->engine;
	struct lxcri_error ignored;

	if (walk->check->options.repair)
		walk->lock = layout_lock(&walk->layout, err);
	else if (layout_lock_shared(&walk->layout, &walk->lock, err) < 0)
		return -1;
	if (walk->check->options.repair && walk->lock < 0)
		return -1;
	walk->usage_lock = usage_lock(engine, USAGE_ALONE, err);
	if (walk->usage_lock < 0)
		return -1;
	/* What is to be removed must not be of a container that is just being renamed. */
	walk->has_usage = (walk->check->options.repair && database_exists(engine->data)
				   ? usage_read(engine, NULL, &walk->usage, &ignored)
				   : usage_peek(engine, &walk->usage, &ignored)) == 0;
	return 0;
}

/* What nothing leads to. The locks are held, the index is what is on the disk. */
static int collect(struct walk *walk, struct json_object *index, struct lxcri_error *err)
{
	const struct collect_options options = { .layers_in_use = &walk->usage.layers,
						 .roots_in_use = walk->usage.has_roots
									 ? &walk->usage.roots
									 : NULL,
						 .dataset = walk->usage.dataset };

	return collect_garbage(&walk->layout, index, &options, err);
}

int check_images(struct check *check, struct lxcri_error *err)
{
	autorun(walk_finish) struct walk walk = {
		.check = check, .layout = LAYOUT_NULL, .lock = -1, .usage_lock = -1
	};
	autofree char *path = xformat("%s/images/index.json", check->engine->data);
	const struct trouble unreadable = { "images.index",
					    path,
					    LXCRI_HEALTH_FAULT,
					    "no image can be found, and nothing is collected",
					    "put it back from a backup, or import the images again "
					    "into an empty store",
					    false };
	autojson index = NULL;
	struct lxcri_error why = {};
	struct json_object *list;
	bool can_repair;

	if (layout_open(check->engine->data, &walk.layout, err) < 0)
		return -1;
	if (walk.layout.images_fd < 0)
		return 0;
	if (begin(&walk, err) < 0)
		return -1;
	if (layout_read_index(&walk.layout, &index, &why) < 0) {
		check_report(check, &unreadable, "%s", why.text);
		return 0;
	}
	list = json_get(index, "manifests");
	for (size_t i = 0; i < json_object_array_length(list); i++)
		check_image(&walk, json_object_array_get_idx(list, i));
	can_repair = check->options.repair && walk.has_usage && !walk.is_damaged;
	check_blobs(&walk, can_repair);
	check_layers(&walk, can_repair);
	return can_repair ? collect(&walk, index, err) : 0;
}
