/* SPDX-License-Identifier: MIT */
/* Templates of images. */

#include "engine/ct/ct_template.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "os/file.h"
#include "os/helper.h"
#include "proxmox/task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define INIT_BYTES_MAX ((size_t)16 << 20)

int ct_template_sum_init(char hex[SHA256_HEX_SIZE], struct lxcri_error *err)
{
	autofree char *path = helper_path("lxcri-ct-init");
	autofree char *init = NULL;
	size_t size = 0;
	int r = file_read(AT_FDCWD, path, INIT_BYTES_MAX, &init, &size);

	if (r < 0)
		return fail_errno(err, r, "read %s", path);
	sha256_hex(init, size, hex);
	return 0;
}

/* Returns the name of the template, owned by the caller: it says what is in it, so that another
 * content has another name. NULL means failure. */
static char *name_of(const char *digest, enum conversion_ct where, struct lxcri_error *err)
{
	char hex[SHA256_HEX_SIZE];

	if (ct_template_sum_init(hex, err) < 0)
		return NULL;
	return xformat(CT_TEMPLATE_PREFIX "%.24s-%.8s%s.tar.zst", digest + strlen("sha256:"), hex,
		       where == CONVERSION_CT_BELOW ? "-root" : "");
}

/* Waits until no other process here looks for a template, or sends one: one that is on its way is
 * listed, and whoever sends the same one takes it away under those that read it. Returns a
 * descriptor that holds the lock, or < 0. */
static int lock(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	return engine_lock_file(engine->root, "templates.lock", err);
}

/* Looks for the volume of that name. Returns 1, or 0 where there is none. */
static int find(struct pve *pve, const char *node, const char *storage, const char *volume,
		struct lxcri_error *err)
{
	autofree char *escaped = pve_escape(storage);
	autojson list = NULL;
	size_t count;

	if (pve_get(pve, &list, err, "/nodes/%s/storage/%s/content?content=vztmpl", node, escaped) <
	    0)
		return -1;
	count = json_count(list);
	for (size_t i = 0; i < count; i++) {
		const char *there = json_get_text(json_object_array_get_idx(list, i), "volid");

		if (there && strcmp(there, volume) == 0)
			return 1;
	}
	return 0;
}

/* Writes the template to a file without a name. Returns its descriptor. */
static int convert(struct lxcri_engine *engine, const char *digest, enum conversion_ct where,
		   struct lxcri_error *err)
{
	struct image_store *store = NULL;
	autoclose int fd = open(engine->data, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make a file in %s for the template", engine->data);
	if (image_store_open(engine->data, &store, err) < 0)
		return -1;
	r = conversion_make_ct(store, digest, where, fd, err);
	image_store_free(store);
	return r < 0 ? -1 : steal_fd(&fd);
}

static int upload(struct lxcri_engine *engine, const char *node, const char *storage,
		  const char *name, int fd, struct lxcri_error *err)
{
	autojson params = json_object_new_object();
	autofree char *escaped = pve_escape(storage);
	autofree char *path = xformat("/nodes/%s/storage/%s/upload", node, escaped);
	const struct pve_request request = {
		.method = "POST", .path = path, .params = params, .upload = name, .fd = fd
	};
	unsigned int seconds =
		(unsigned int)config_u64(engine->config, CONFIG_PROXMOX_TASK_TIMEOUT);

	json_set_text(params, "content", "vztmpl");
	return task_run(engine->pve, &request, seconds, err);
}

/* A tar of the directories "." and "./volume", compressed by gzip. */
static const unsigned char empty_template[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xd3, 0xd3, 0x67, 0xa0, 0x39,
	0x30, 0x00, 0x02, 0x73, 0x53, 0x53, 0x30, 0x0d, 0x04, 0xe8, 0x34, 0x16, 0xb6, 0x99, 0xa1,
	0x81, 0x11, 0x83, 0x82, 0x29, 0x03, 0x1d, 0x40, 0x69, 0x71, 0x49, 0x62, 0x11, 0xd0, 0x4a,
	0x86, 0x91, 0x09, 0xf4, 0xf4, 0xcb, 0xf2, 0x73, 0x4a, 0x73, 0x53, 0xf5, 0x07, 0x55, 0xfc,
	0x9b, 0x9b, 0x18, 0x1a, 0x8e, 0xc6, 0xff, 0x28, 0x18, 0x05, 0xa3, 0x60, 0x14, 0xd0, 0x12,
	0x00, 0x00, 0x83, 0x03, 0xd6, 0x7a, 0x00, 0x08, 0x00, 0x00,
};

int ct_template_ensure_empty(struct lxcri_engine *engine, const char *node, char **ret_volume,
			     struct lxcri_error *err)
{
	static const char name[] = "lxcri-volume-1.tar.gz";
	const char *storage = config_text(engine->config, CONFIG_PROXMOX_TEMPLATE_STORAGE);
	autofree char *volume = xformat("%s:vztmpl/%s", storage, name);
	autoclose int fd = memfd_create(name, MFD_CLOEXEC);
	autoclose int held = lock(engine, err);
	struct lxcri_error ignored = {};
	int found = held < 0 ? -1 : find(engine->pve, node, storage, volume, err);
	int r;

	if (found < 0)
		return -1;
	r = fd < 0 ? -errno : file_write_all(fd, empty_template, sizeof(empty_template));
	if (r < 0)
		return fail_errno(err, r, "keep a template in memory");
	if (found == 0 && upload(engine, node, storage, name, fd, err) < 0 &&
	    find(engine->pve, node, storage, volume, &ignored) <= 0)
		return fail_while(err, "send template %s to storage %s of node %s", name, storage,
				  node);
	*err = (struct lxcri_error){};
	*ret_volume = steal(volume);
	return 0;
}

int ct_template_ensure(struct lxcri_engine *engine, const char *node, const char *digest,
		       enum conversion_ct where, char **ret_volume, struct lxcri_error *err)
{
	const char *storage = config_text(engine->config, CONFIG_PROXMOX_TEMPLATE_STORAGE);
	autofree char *name = name_of(digest, where, err);
	autofree char *volume = name ? xformat("%s:vztmpl/%s", storage, name) : NULL;
	struct lxcri_error ignored = {};
	autoclose int fd = -1;
	autoclose int held = volume ? lock(engine, err) : -1;
	int found = held < 0 ? -1 : find(engine->pve, node, storage, volume, err);

	if (found == 0) {
		fd = convert(engine, digest, where, err);
		if (fd < 0)
			return -1;
		log_info("sending template %s to storage %s of node %s", name, storage, node);
		/* Somebody else may have been quicker. */
		if (upload(engine, node, storage, name, fd, err) < 0 &&
		    find(engine->pve, node, storage, volume, &ignored) <= 0)
			return fail_while(err, "send template %s to storage %s of node %s", name,
					  storage, node);
		*err = (struct lxcri_error){};
	}
	if (found < 0)
		return fail_while(err, "look for the template on storage %s of node %s", storage,
				  node);
	*ret_volume = steal(volume);
	return 0;
}
