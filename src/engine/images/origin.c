/* SPDX-License-Identifier: MIT */
/* Where an image that is to be converted comes from. */

#include "engine/images/origin.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "engine/event.h"
#include "engine/usage.h"
#include "image/collect/access.h"
#include "image/place/download.h"
#include "image/pull.h"
#include "image/stored_image.h"
#include "image/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool is_url(const char *source)
{
	return text_starts_with(source, "http://") || text_starts_with(source, "https://");
}

char *origin_shown(const char *source)
{
	const char *host;
	const char *end;
	const char *user;

	if (!is_url(source))
		return xstrdup(source);
	host = strstr(source, "://") + 3;
	end = host + strcspn(host, "/?#");
	user = memrchr(host, '@', (size_t)(end - host));
	return xformat("%.*s%.*s", (int)(host - source), source,
		       (int)strcspn(user ? user + 1 : host, "?#"), user ? user + 1 : host);
}

static bool is_path(const char *source)
{
	return *source == '/' || text_starts_with(source, "./") || text_starts_with(source, "../");
}

/* @fd is what "/proc/self/fd/3" means in @source, or -1. */
static int take_in(struct lxcri_image_manager *manager, const char *source, int fd,
		   char **ret_digest, struct lxcri_error *err)
{
	const struct image_import import = { .source = source, .fd = fd };
	autofree char *name = NULL;

	if (image_store_import_from(manager->store, &import, &name, ret_digest, err) < 0)
		return -1;

	const char *const attributes[] = { "digest", *ret_digest, NULL };

	engine_event(manager->engine, "image", "import", name, attributes);
	return 0;
}

static int import_file(struct lxcri_image_manager *manager, const char *path, char **ret_digest,
		       struct lxcri_error *err)
{
	autofree char *source = xformat("tarball:%s", path);

	return take_in(manager, source, -1, ret_digest, err);
}

/* Fetches the archive at @url, to a file without a name in the directory @dir, and takes it in. */
static int fetch(struct lxcri_image_manager *manager, const char *url, int dir, char **ret_digest,
		 struct lxcri_error *err)
{
	autoclose int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make a file for the download");
	if (image_store_download(manager->store, manager->engine->config, url, fd, err) < 0)
		return -1;
	return take_in(manager, "tarball:" WORKER_FD_PATH, fd, ret_digest, err);
}

static int note_digest(struct entry *entry, const char *digest, struct lxcri_error *err)
{
	autojson record = json_object_new_object();

	json_set_text(record, ENTRY_DIGEST, digest);
	return entry_commit(entry, record, err);
}

/* What is at an address can change, so it is fetched each time; but who waited while another did
 * that takes what he has got. */
static int find_url(struct lxcri_image_manager *manager, const char *url, char **ret_digest,
		    struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	autofree char *key = NULL;
	char hex[SHA256_HEX_SIZE];

	sha256_hex(url, strlen(url), hex);
	key = xformat("url-%s", hex);
	if (entry_lock(manager->data, key, &entry, err) < 0)
		return -1;
	if (entry.is_whole && entry.has_waited) {
		autojson record = NULL;

		if (entry_read(&entry, &record, err) < 0)
			return -1;
		*ret_digest = xstrdup(json_get_text(record, ENTRY_DIGEST));
		return 0;
	}
	if (fetch(manager, url, entry.fd, ret_digest, err) < 0)
		return -1;
	return note_digest(&entry, *ret_digest, err);
}

static int find_stored(struct lxcri_image_manager *manager, const char *name, char **ret_digest,
		       struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(stored_image_finish) struct stored_image stored = {};

	if (layout_open(manager->data, &layout, err) < 0 ||
	    stored_image_find(manager->store, &layout, name, &stored, err) < 0)
		return -1;
	*ret_digest = steal(stored.image.digest);
	return 0;
}

static int find_reference(struct lxcri_image_manager *manager, const char *name, char **ret_digest,
			  struct lxcri_error *err)
{
	int r = find_stored(manager, name, ret_digest, err);

	/* A digest alone names no registry. */
	if (r == 0 || err->code != LXCRI_E_IMAGE_NOT_FOUND || text_starts_with(name, "sha256:"))
		return r;
	*err = (struct lxcri_error){};
	return lxcri_image_pull(manager, name, NULL, ret_digest, err);
}

int origin_find(struct lxcri_image_manager *manager, const char *source, char **ret_digest,
		struct lxcri_error *err)
{
	if (is_url(source))
		return find_url(manager, source, ret_digest, err);
	if (is_path(source))
		return import_file(manager, source, ret_digest, err);
	if (text_starts_with(source, IMAGE_DOCKER_PREFIX))
		return lxcri_image_pull(manager, source + strlen(IMAGE_DOCKER_PREFIX), NULL,
					ret_digest, err);
	if (image_is_source(source))
		return take_in(manager, source, -1, ret_digest, err);
	return find_reference(manager, source, ret_digest, err);
}

int origin_keep(struct lxcri_image_manager *manager, const char *digest, struct lxcri_error *err)
{
	autorun(image_finish) struct image image = {};
	/* Whoever asked what is in use before the entry was there has removed the rest by now. */
	autoclose int lock = usage_lock(manager->engine, USAGE_SHARED, err);

	if (lock < 0)
		return -1;
	closep(&lock);
	if (image_store_get(manager->store, digest, &image, err) < 0)
		return -1;
	access_note(image_store_data_dir(manager->store), digest, &image.layer_dirs);
	return 0;
}
