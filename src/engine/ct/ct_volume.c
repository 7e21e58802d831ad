/* SPDX-License-Identifier: MIT */
/* Named volumes in a cluster. */

#include "engine/ct/ct_volume.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_options.h"
#include "engine/ct/ct_template.h"
#include "engine/files/root.h"
#include "proxmox/property.h"
#include "proxmox/task.h"
#include "proxmox/upid.h"

#include <string.h>

#define KEEPER_TAG       "lxcri-volume"
#define NAME_TAG         "lxcri-v-" /* before the start of the name's sum: a tag has no capitals */
#define NAME_DIGITS      16
#define DESCRIPTION      "proxmox-lxcri volume "
#define HOST_NAME        "lxcri-volume"
#define KEEPER_KEY       "mp0"
#define NOTE_PREFIX      "org.proxmox-lxcri.proxmox.volume."
#define DIRECTORY_PREFIX "org.proxmox-lxcri.proxmox.directory."

void ct_keeper_finish(struct ct_keeper *keeper)
{
	free(keeper->node);
	free(keeper->volume);
	*keeper = (struct ct_keeper){};
}

static char *make_tag(const char *name)
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(name, strlen(name), hex);
	return xformat(NAME_TAG "%.*s", NAME_DIGITS, hex);
}

static bool has_tag(const char *tags, const char *wanted)
{
	size_t length = strlen(wanted);

	for (const char *at = tags; at && *at; at += strspn(at, ";, ")) {
		size_t size = strcspn(at, ";, ");

		if (size == length && strncmp(at, wanted, size) == 0)
			return true;
		at += size;
	}
	return false;
}

/* Tells whether the volume "STORAGE:[NUMBER/]KIND-NUMBER-REST" is that of container @vmid. */
static bool is_owned(const char *volume, uint32_t vmid)
{
	const char *slash = strrchr(volume, '/');
	const char *name = slash ? slash + 1 : strchr(volume, ':') ? strchr(volume, ':') + 1 : "";
	const char *dash = strchr(name, '-');
	autofree char *wanted = xformat("-%u-", vmid);

	return dash && text_starts_with(dash, wanted);
}

/* Reads the keeper from its configuration: it is one by all of its marks, or not at all. */
static bool take_keeper(struct json_object *config, const char *name, struct ct_keeper *keeper)
{
	autorun(property_finish) struct property_string mount = {};
	autofree char *tag = make_tag(name);
	autofree char *description = xformat(DESCRIPTION "%s", name);
	const char *tags = json_get_text(config, "tags");
	const char *text = json_get_text(config, "description");
	const char *value = json_get_text(config, KEEPER_KEY);
	struct lxcri_error ignored = {};
	const char *volume;
	size_t length = text ? strcspn(text, "\r\n") : 0;

	if (!has_tag(tags, KEEPER_TAG) || !has_tag(tags, tag) || length != strlen(description) ||
	    strncmp(text, description, length) != 0 || !value ||
	    property_parse(value, "volume", &mount, &ignored) < 0)
		return false;
	volume = property_find(&mount, "volume");
	if (!volume || !is_owned(volume, keeper->vmid))
		return false;
	keeper->volume = xstrdup(volume);
	keeper->is_unprivileged = pve_truth(config, "unprivileged");
	return true;
}

/* Looks at one of the cluster. Returns 1 when it is the keeper. */
static int look_at(struct pve *pve, struct json_object *one, const char *name,
		   struct ct_keeper *keeper, struct lxcri_error *err)
{
	autojson config = NULL;
	const char *node = json_get_text(one, "node");

	if (!node || !node_name_is_valid(node))
		return 0;
	keeper->vmid = (uint32_t)pve_number(one, "vmid", 0);
	if (pve_get(pve, &config, err, "/nodes/%s/lxc/%u/config", node, keeper->vmid) < 0)
		return -1;
	if (!take_keeper(config, name, keeper))
		return 0;
	keeper->node = xstrdup(node);
	return 1;
}

int ct_keeper_find(struct pve *pve, const char *name, struct ct_keeper *ret,
		   struct lxcri_error *err)
{
	autofree char *tag = make_tag(name);
	autojson all = NULL;
	size_t count;

	*ret = (struct ct_keeper){};
	if (pve_get(pve, &all, err, "/cluster/resources?type=vm") < 0)
		return -1;
	count = json_count(all);
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(all, i);
		autorun(ct_keeper_finish) struct ct_keeper keeper = {};
		int r;

		if (!has_tag(json_get_text(one, "tags"), tag))
			continue;
		r = look_at(pve, one, name, &keeper, err);
		if (r < 0)
			return -1;
		/* Of two that were made at the same time it is that of the smaller number. */
		if (r == 0 || (ret->volume && ret->vmid < keeper.vmid))
			continue;
		ct_keeper_finish(ret);
		*ret = keeper;
		keeper = (struct ct_keeper){};
	}
	return ret->volume != NULL;
}

int ct_volume_find_node(struct pve *pve, const struct bundle *bundle, char **ret,
			struct lxcri_error *err)
{
	*ret = NULL;
	for (size_t i = 0; !*ret && i < bundle->n_volumes; i++) {
		autorun(ct_keeper_finish) struct ct_keeper keeper = {};

		if (!bundle->volumes[i].name)
			continue;
		if (ct_keeper_find(pve, bundle->volumes[i].name, &keeper, err) < 0)
			return -1;
		*ret = xstrdup(keeper.node);
	}
	return 0;
}

static void fill_keeper(struct ct_creation *keeper, const struct ct_creation *creation,
			const char *name)
{
	const struct lxcri_config *config = creation->container->engine->config;
	const char *storage = creation->target.storage;
	struct json_object *params = keeper->params;
	autofree char *root = ct_options_new_volume(storage, CT_OPTIONS_EMPTY_BYTES);
	autofree char *volume =
		ct_options_new_volume(storage, config_u64(config, CONFIG_PROXMOX_VOLUME_SIZE));
	autofree char *mount = xformat("%s,mp=/volume,backup=1", volume);
	autofree char *tags = xformat(CT_TAG ";" CT_TAG_PREFIX "%s", keeper->place.token);
	autofree char *description = xformat(DESCRIPTION "%s", name);

	ct_options_add_number(params, "unprivileged", creation->options->privileged ? 0 : 1);
	json_set_text(params, "ostype", "unmanaged");
	json_set_text(params, "hostname", HOST_NAME);
	json_set_text(params, "rootfs", root);
	json_set_text(params, KEEPER_KEY, mount);
	json_set_text(params, "tags", tags);
	json_set_text(params, "description", description);
	json_set_text(params, "pool", config_text(config, CONFIG_PROXMOX_POOL));
}

/* Makes of the draft @place a keeper: from here on nobody removes it. */
static int finish_keeper(struct pve *pve, struct ct_place *place, const char *name,
			 struct lxcri_error *err)
{
	autofree char *tag = make_tag(name);
	autofree char *tags = xformat(CT_TAG ";" KEEPER_TAG ";%s", tag);
	autojson params = json_object_new_object();
	autojson config = NULL;

	json_set_text(params, "tags", tags);
	ct_options_add_number(params, "protection", 1);
	return ct_get(pve, place, &config, err) < 0 ? -1
						    : ct_change(pve, place, config, params, err);
}

static int make_keeper(struct ct_creation *creation, const char *name, struct lxcri_error *err)
{
	autorun(ct_creation_finish) struct ct_creation keeper = {
		.container = creation->container,
		.options = creation->options,
		.pve = creation->pve,
		.draft_of = &creation->place,
		.params = json_object_new_object(),
		.task_seconds = creation->task_seconds,
	};
	autofree char *template = NULL;

	keeper.place.node = xstrdup(creation->target.node);
	if (ct_place_make_token(keeper.place.token, err) < 0 ||
	    ct_template_ensure_empty(creation->container->engine, creation->target.node, &template,
				     err) < 0)
		return -1;
	fill_keeper(&keeper, creation, name);
	json_set_text(keeper.params, "ostemplate", template);
	if (ct_creation_make(&keeper, err) < 0 ||
	    finish_keeper(creation->pve, &keeper.place, name, err) < 0)
		return -1;
	*creation->place.draft_token = '\0';
	creation->place.draft_vmid = 0;
	return 0;
}

/* Finds it on creation->target.node, or makes it there, which is noted as the draft of
 * creation->place meanwhile. LXCRI_E_INVALID_STATE where it is on another node, or has the other
 * ids of the host. */
static int ensure_keeper(struct ct_creation *creation, const char *name, struct ct_keeper *ret,
			 struct lxcri_error *err)
{
	int r = ct_keeper_find(creation->pve, name, ret, err);

	if (r == 0) {
		if (make_keeper(creation, name, err) < 0)
			return fail_while(err, "make volume %s", name);
		r = ct_keeper_find(creation->pve, name, ret, err);
		ret->is_new = true;
		if (r == 0)
			return fail(err, LXCRI_E_SYSTEM, "volume %s is not there when made", name);
	}
	if (r < 0)
		return -1;
	if (strcmp(ret->node, creation->target.node) != 0)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "volume %s is on node %s (CT %u), and the container would be on %s; "
			    "give --node %s",
			    name, ret->node, ret->vmid, creation->target.node, ret->node);
	if (ret->is_unprivileged == creation->options->privileged)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "volume %s (CT %u) has the files of %sprivileged containers", name,
			    ret->vmid, ret->is_unprivileged ? "un" : "");
	return 0;
}

/* Tells whether several may mount it at once: a directory of the node, and no device. */
static bool is_shareable(const char *volume)
{
	const char *slash = strrchr(volume, '/');
	const char *name = slash ? slash + 1 : strchr(volume, ':') ? strchr(volume, ':') + 1 : "";

	return text_starts_with(name, "subvol-") || text_starts_with(name, "basevol-");
}

/* Tells whether a container but the keeper @keeper mounts its volume: 1 with *@ret_vmid, 0, or -1.
 */
static int find_user(struct pve *pve, const struct ct_keeper *keeper, uint32_t *ret_vmid,
		     struct lxcri_error *err)
{
	autojson list = NULL;
	size_t count;

	if (pve_get(pve, &list, err, "/nodes/%s/lxc", keeper->node) < 0)
		return -1;
	count = json_count(list);
	for (size_t i = 0; i < count; i++) {
		uint32_t vmid = (uint32_t)pve_number(json_object_array_get_idx(list, i), "vmid", 0);
		struct lxcri_error gone = {};
		autojson config = NULL;

		if (vmid == keeper->vmid)
			continue;
		if (pve_get(pve, &config, &gone, "/nodes/%s/lxc/%u/config", keeper->node, vmid) <
		    0) {
			if (gone.code == LXCRI_E_CONTAINER_NOT_FOUND)
				continue;
			*err = gone;
			return -1;
		}
		json_object_object_foreach(config, key, value)
		{
			autorun(property_finish) struct property_string mount = {};
			const char *text = json_object_get_string(value);
			const char *volume;

			if (!ct_is_mount_key(key) ||
			    property_parse(text, "volume", &mount, &gone) < 0)
				continue;
			volume = property_find(&mount, "volume");
			if (volume && strcmp(volume, keeper->volume) == 0) {
				*ret_vmid = vmid;
				return 1;
			}
		}
	}
	return 0;
}

/* A file system on a device that two mounted would be destroyed. */
static int check_alone(struct pve *pve, const char *name, const struct ct_keeper *keeper,
		       struct lxcri_error *err)
{
	uint32_t vmid = 0;
	int r = is_shareable(keeper->volume) ? 0 : find_user(pve, keeper, &vmid, err);

	return r <= 0 ? r
		      : fail(err, LXCRI_E_INVALID_STATE,
			     "volume %s is mounted by CT %u, and a volume of this storage can be "
			     "in one container only",
			     name, vmid);
}

int ct_volume_add_named(struct ct_creation *creation, struct json_object *later,
			struct lxcri_error *err)
{
	static const char *const required[] = { "mp", NULL };

	for (size_t i = 0; i < creation->bundle->n_volumes; i++) {
		const struct bundle_volume *volume = &creation->bundle->volumes[i];
		autorun(ct_keeper_finish) struct ct_keeper keeper = {};
		autorun(property_finish) struct property_string mount = {};
		autofree char *value = NULL;

		if (!volume->name)
			continue;
		if (ensure_keeper(creation, volume->name, &keeper, err) < 0 ||
		    check_alone(creation->pve, volume->name, &keeper, err) < 0 ||
		    property_set(&mount, "volume", keeper.volume, err) < 0 ||
		    property_set(&mount, "mp", volume->destination, err) < 0 ||
		    (strings_has(&volume->options, "ro") &&
		     property_set(&mount, "ro", "1", err) < 0))
			return fail_while(err, "volume for %s", volume->destination);
		value = property_format(&mount, "volume", required);
		json_set_text(keeper.is_new && !volume->no_copy ? creation->params : later,
			      volume->source, value);
	}
	return 0;
}

static void add_note(struct json_object *spec, const char *prefix, const char *key,
		     const char *text)
{
	struct json_object *annotations = json_get(spec, "annotations");
	autofree char *name = xformat("%s%s", prefix, key);

	if (!annotations) {
		annotations = json_object_new_object();
		json_object_object_add(spec, "annotations", annotations);
	}
	json_set_text(annotations, name, text);
}

void ct_volume_note(const struct bundle *bundle, const struct lxcri_create_options *options,
		    struct json_object *spec)
{
	size_t number = bundle->n_volumes;

	for (size_t i = 0; i < bundle->n_volumes; i++)
		if (bundle->volumes[i].name)
			add_note(spec, NOTE_PREFIX, bundle->volumes[i].source,
				 bundle->volumes[i].name);
	for (size_t i = 0; i < options->n_volumes; i++) {
		const char *source = options->volumes[i].source;
		autofree char *key = NULL;

		if (!source || *source != '/')
			continue;
		key = xformat("mp%zu", number++);
		add_note(spec, DIRECTORY_PREFIX, key, source);
	}
}

bool ct_volume_is_directory(struct json_object *spec, const char *key)
{
	autofree char *note = xformat(DIRECTORY_PREFIX "%s", key);

	return json_get_text(json_get(spec, "annotations"), note) != NULL;
}

bool ct_volume_is_named(struct json_object *spec, const char *key)
{
	autofree char *note = xformat(NOTE_PREFIX "%s", key);

	return json_get_text(json_get(spec, "annotations"), note) != NULL;
}

void ct_volume_names(const struct lxcri_container *container, struct strings *names)
{
	struct lxcri_error ignored = {};
	autojson spec = root_load_spec(container, &ignored);
	struct json_object *annotations = json_get(spec, "annotations");

	if (!annotations)
		return;
	json_object_object_foreach(annotations, key, value)
	{
		if (text_starts_with(key, NOTE_PREFIX))
			strings_add(names, json_object_get_string(value));
	}
}

int ct_volume_remove(struct lxcri_engine *engine, const char *name, struct lxcri_error *err)
{
	struct pve *pve = ct_session(engine, err);
	autorun(ct_keeper_finish) struct ct_keeper keeper = {};
	autojson params = json_object_new_object();
	autojson ignored = NULL;
	autofree char *config = NULL;
	autofree char *path = NULL;
	uint32_t user = 0;
	int r = pve ? ct_keeper_find(pve, name, &keeper, err) : -1;

	if (r <= 0)
		return r;
	r = find_user(pve, &keeper, &user, err);
	if (r < 0)
		return -1;
	if (r > 0)
		return fail(err, LXCRI_E_INVALID_STATE, "volume %s is mounted by CT %u", name,
			    user);
	path = xformat("/nodes/%s/lxc/%u", keeper.node, keeper.vmid);
	config = xformat("%s/config", path);

	const struct pve_request unlock = { .method = "PUT", .path = config, .params = params };
	const struct pve_request remove = { .method = "DELETE", .path = path };

	ct_options_add_number(params, "protection", 0);
	if (pve_call(pve, &unlock, &ignored, err) < 0 ||
	    task_run(pve, &remove,
		     (unsigned int)config_u64(engine->config, CONFIG_PROXMOX_TASK_TIMEOUT),
		     err) < 0)
		return fail_while(err, "remove volume %s, CT %u on node %s", name, keeper.vmid,
				  keeper.node);
	return 1;
}
