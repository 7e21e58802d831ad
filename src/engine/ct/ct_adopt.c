/* SPDX-License-Identifier: MIT */
/* Containers of Proxmox VE that bear our tags and are in no record: the database was lost, or they
 * are another machine's. What is known of them stands on them: name, image and digest in the
 * description, the token among the tags, all of its process in entry point and environment. */

#include "engine/ct/ct.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/ct/ct_process.h"
#include "engine/ct/ct_session.h"
#include "engine/event.h"
#include "engine/update/request.h"
#include "lxcri/system.h"
#include "os/file.h"
#include "os/path.h"
#include "proxmox/property.h"
#include "proxmox/upid.h"

#include <fcntl.h>
#include <string.h>

#define NAME_WORDS   "proxmox-lxcri container "
#define IMAGE_WORDS  "; image "
#define DIGEST_WORDS "; digest "

struct adoption {
	struct lxcri_engine *engine;
	struct pve *pve;
	struct strings known; /* tokens of the records */
	lxcri_adopted_fn report;
	void *userdata;
	int count;
};

/* What of a container stood in its directory. */
struct adopted {
	struct json_object *spec; /* NULL: it can't be told */
	struct ct_process process;
	char *request;
};

static void adopted_finish(struct adopted *adopted)
{
	json_freep(&adopted->spec);
	ct_process_finish(&adopted->process);
	freep(&adopted->request);
}

static int note_token(void *userdata, const char *id, const char *json)
{
	struct adoption *adoption = userdata;
	autorun(record_finish) struct record record = {};
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error ignored = {};

	(void)id;
	if (record_parse(json, strlen(json), &record, &ignored) == 0 &&
	    ct_place_load(&record, &place, &ignored) == 0 && *place.token) {
		strings_add(&adoption->known, place.token);
		if (*place.draft_token)
			strings_add(&adoption->known, place.draft_token);
	}
	return 0;
}

/* Takes the token out of the tags. */
static bool take_token(const char *tags, char token[CT_TOKEN_SIZE])
{
	for (const char *at = tags; at && *at; at += strspn(at, ";, ")) {
		size_t size = strcspn(at, ";, ");
		const char *hex = at + strlen(CT_TAG_PREFIX);

		if (text_starts_with(at, CT_TAG_PREFIX) &&
		    size == strlen(CT_TAG_PREFIX) + CT_TOKEN_SIZE - 1 &&
		    strspn(hex, "0123456789abcdef") >= CT_TOKEN_SIZE - 1) {
			memcpy(token, hex, CT_TOKEN_SIZE - 1);
			token[CT_TOKEN_SIZE - 1] = '\0';
			return true;
		}
		at += size;
	}
	return false;
}

/* Reads name, image and digest from the description that they were written into. */
static int take_description(const char *text, struct record *record, struct lxcri_error *err)
{
	const char *name =
		text && text_starts_with(text, NAME_WORDS) ? text + strlen(NAME_WORDS) : NULL;
	const char *image = name ? strstr(name, IMAGE_WORDS) : NULL;
	const char *digest = image ? strstr(image, DIGEST_WORDS) : NULL;

	/* The name of an image may have such words in it, what follows them may not. */
	for (const char *next = digest; next; next = strstr(next + 1, DIGEST_WORDS))
		digest = next;

	size_t length = digest ? strcspn(digest + strlen(DIGEST_WORDS), " \r\n") : 0;

	if (!digest)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "its description does not say which container it is");
	record->id = xstrndup(name, (size_t)(image - name));
	record->image = xstrndup(image + strlen(IMAGE_WORDS),
				 (size_t)(digest - image) - strlen(IMAGE_WORDS));
	record->digest = xstrndup(digest + strlen(DIGEST_WORDS), length);
	if (text_has_control(record->image) || !text_starts_with(record->digest, "sha256:") ||
	    length != strlen("sha256:") + 64)
		return fail(err, LXCRI_E_INVALID_FORMAT, "its description names no image");
	return engine_check_id(record->id, err);
}

/* Adds the volumes to the mounts of the specification, as ct_name_volumes() does. */
static void add_volumes(struct json_object *config, struct json_object *spec)
{
	struct json_object *mounts = json_get(spec, "mounts");

	json_object_object_foreach(config, key, value)
	{
		autorun(property_finish) struct property_string property = {};
		struct lxcri_error ignored = {};
		struct json_object *mount;

		if (!ct_is_mount_key(key) || property_parse(json_object_get_string(value), "volume",
							    &property, &ignored) < 0)
			continue;
		mount = json_object_new_object();
		json_object_array_add(mounts, mount);
		json_set_text(mount, "type", "bind");
		json_set_text(mount, "source", key);
		json_set_text(mount, "destination", property_find(&property, "mp"));
	}
}

static int write_text(const char *dir, const char *name, const char *text, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/%s", dir, name);
	int r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_DURABLE);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", path) : 0;
}

/* Writes what a container that was made here has in its directory, so that it can be entered and
 * updated as one. What an earlier release made can't. */
static int write_files(const struct lxcri_container *container, const struct adopted *adopted,
		       struct lxcri_error *err)
{
	const char *dir = container->home.data_dir;
	autofree char *text = adopted->spec ? json_format(adopted->spec) : NULL;

	if (!adopted->spec)
		return 0;
	if (write_text(dir, "config.json", text, err) < 0 ||
	    ct_process_save(&adopted->process, dir, err) < 0)
		return -1;
	return adopted->request ? write_text(dir, REQUEST_FILE, adopted->request, err) : 0;
}

static void take_process(struct json_object *config, struct adopted *adopted, struct record *record)
{
	struct json_object *env = json_get(config, "env");
	struct ct_process *process = &adopted->process;
	struct lxcri_error problem = {};

	process->entrypoint = xstrdup(json_get_text(config, "entrypoint"));
	if (env) {
		process->env_size = (size_t)json_object_get_string_len(env);
		process->env = xmemdup(json_object_get_string(env), process->env_size + 1);
	}
	if (ct_process_read(process, record, &adopted->spec, &adopted->request, &problem) < 0) {
		log_debug("%s", problem.text);
		return;
	}
	json_set_text(adopted->spec, "hostname", json_get_text(config, "hostname"));
	add_volumes(config, adopted->spec);
}

static int fill_record(struct json_object *config, struct ct_place *place, struct adopted *adopted,
		       struct record *record, struct lxcri_error *err)
{
	autorun(property_finish) struct property_string rootfs = {};
	const char *text = json_get_text(config, "rootfs");

	if (take_description(json_get_text(config, "description"), record, err) < 0)
		return -1;
	if (!text || property_parse(text, "volume", &rootfs, err) < 0 ||
	    !property_find(&rootfs, "volume"))
		return fail(err, LXCRI_E_INVALID_FORMAT, "it has no root file system");
	take_process(config, adopted, record);
	place->rootfs = xstrdup(property_find(&rootfs, "volume"));
	strings_add(&place->roots, place->rootfs);
	place->started = true;
	record->type = LXCRI_PROXMOX_LXC;
	record->phase = RECORD_READY;
	record->owns_bundle = true;
	record->created_ns = moment_now();
	ct_place_store(place, record);
	return 0;
}

/* Makes directory and record of the container, under its name's lock. */
static int make_home(struct adoption *adoption, struct lxcri_container *container,
		     const struct adopted *adopted, struct lxcri_error *err)
{
	struct record *record = &container->record;
	struct home *home = &container->home;
	int r;

	if (home_open(adoption->engine, record->id, home, err) < 0 ||
	    home_lock(home, HOME_WAIT, err) < 0)
		return -1;
	if (home_is_persistent(home))
		return fail(err, LXCRI_E_CONTAINER_EXISTS, "a container is called %s already",
			    record->id);
	record->bundle = xstrdup(home->data_dir);
	if (!engine_database(adoption->engine, err))
		return -1;
	r = path_make_dirs(home->data_dir, 0700);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make %s", home->data_dir);
	return write_files(container, adopted, err) < 0
		       ? -1
		       : home_save_record(adoption->engine, home, record, err);
}

static int adopt(struct adoption *adoption, struct ct_place *place,
		 struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(adopted_finish) struct adopted adopted = {};
	autojson config = NULL;

	if (ct_get(adoption->pve, place, &config, err) < 0 ||
	    fill_record(config, place, &adopted, &container->record, err) < 0 ||
	    make_home(adoption, container, &adopted, err) < 0)
		return -1;
	container_event(container, "create", "runtime",
			lxcri_container_type_name(LXCRI_PROXMOX_LXC));
	return 0;
}

/* Looks at one of the cluster. What cannot be taken over is reported, and the others are. */
static void look_at(struct adoption *adoption, struct json_object *one)
{
	autoptr(lxcri_container) container = xnew(struct lxcri_container);
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error problem = {};
	const char *node = json_get_text(one, "node");
	int r;

	container->engine = adoption->engine;
	container->home = HOME_NULL;
	if (!node || !node_name_is_valid(node) ||
	    !take_token(json_get_text(one, "tags"), place.token) ||
	    strings_has(&adoption->known, place.token))
		return;
	place.node = xstrdup(node);
	place.vmid = (uint32_t)pve_number(one, "vmid", 0);
	r = adopt(adoption, &place, container, &problem);
	home_unlock(&container->home);
	adoption->count += r == 0;
	adoption->report(adoption->userdata, container->record.id, place.node, place.vmid,
			 r < 0 ? &problem : NULL);
}

static int look_at_all(struct adoption *adoption, struct lxcri_error *err)
{
	struct database *database = engine_database(adoption->engine, err);
	autojson all = NULL;
	size_t count;

	if (!database || database_each_container(database, note_token, adoption, err) < 0)
		return -1;
	adoption->pve = ct_session(adoption->engine, err);
	if (!adoption->pve || pve_get(adoption->pve, &all, err, "/cluster/resources?type=vm") < 0)
		return -1;
	count = json_count(all);
	for (size_t i = 0; i < count; i++)
		look_at(adoption, json_object_array_get_idx(all, i));
	return adoption->count;
}

int lxcri_system_adopt(struct lxcri_engine *engine, lxcri_adopted_fn report, void *userdata,
		       struct lxcri_error *err)
{
	struct adoption adoption = { .engine = engine, .report = report, .userdata = userdata };
	int r = look_at_all(&adoption, err);

	strings_finish(&adoption.known);
	return r < 0 ? fail_while(err, "take over containers of Proxmox VE") : r;
}
