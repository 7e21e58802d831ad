/* SPDX-License-Identifier: MIT */
/* What only Proxmox VE has. */

#include "engine/ct/ct_extra.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_options.h"
#include "os/file.h"
#include "os/process.h"
#include "proxmox/property.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PREFIX      "org.proxmox-lxcri.proxmox."
#define ROOT_USER   "root@pam"
#define ANSWER_MAX  4096
#define DEVICES_MAX 256
#define MOUNTS_MAX  250

void ct_extra_finish(struct ct_extra *extra)
{
	json_freep(&extra->params);
	json_freep(&extra->later);
	json_freep(&extra->root);
	freep(&extra->tags);
	freep(&extra->ha);
}

static int take_tags(struct ct_extra *extra, const char *key, const char *value,
		     struct lxcri_error *err)
{
	(void)key;
	if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_-+.;") != strlen(value) ||
	    text_starts_with(value, CT_TAG) || strstr(value, ";" CT_TAG))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "tags \"%.100s\": small letters, digits and _-+. with ; between, and "
			    "none that begins with " CT_TAG,
			    value);
	free(extra->tags);
	extra->tags = xformat(";%s", value);
	return 0;
}

static int take_ha(struct ct_extra *extra, const char *key, const char *value,
		   struct lxcri_error *err)
{
	(void)key;
	if (strcmp(value, "started") != 0 && strcmp(value, "stopped") != 0 &&
	    strcmp(value, "ignored") != 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "ha \"%.100s\": expected started, stopped or ignored", value);
	free(extra->ha);
	extra->ha = xstrdup(value);
	return 0;
}

static int take_truth(const char *key, const char *value, bool *ret, struct lxcri_error *err)
{
	*ret = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
	return *ret || strcmp(value, "0") == 0 || strcmp(value, "false") == 0
		       ? 0
		       : fail(err, LXCRI_E_INVALID_ARGUMENT, "%s \"%.100s\": expected 1 or 0", key,
			      value);
}

static int take_firewall(struct ct_extra *extra, const char *key, const char *value,
			 struct lxcri_error *err)
{
	return take_truth(key, value, &extra->firewall, err);
}

static int take_onboot(struct ct_extra *extra, const char *key, const char *value,
		       struct lxcri_error *err)
{
	bool truth;

	if (take_truth(key, value, &truth, err) < 0)
		return -1;
	ct_options_add_number(extra->params, key, truth);
	return 0;
}

/* At last: what is protected cannot be removed, should something else fail. */
static int take_protection(struct ct_extra *extra, const char *key, const char *value,
			   struct lxcri_error *err)
{
	bool truth;

	if (take_truth(key, value, &truth, err) < 0)
		return -1;
	if (truth)
		ct_options_add_number(extra->later, key, 1);
	return 0;
}

static int take_text(struct ct_extra *extra, const char *key, const char *value,
		     struct lxcri_error *err)
{
	(void)err;
	json_set_text(extra->params, key, value);
	return 0;
}

/* Nesting alone is anybody's. */
static int take_features(struct ct_extra *extra, const char *key, const char *value,
			 struct lxcri_error *err)
{
	(void)err;
	json_set_text(strncmp(value, "nesting=", 8) == 0 && !strchr(value, ',') ? extra->params
										: extra->root,
		      key, value);
	return 0;
}

static int take_root_text(struct ct_extra *extra, const char *key, const char *value,
			  struct lxcri_error *err)
{
	(void)err;
	json_set_text(extra->root, key, value);
	return 0;
}

static const struct extra_key {
	const char *key;
	int (*take)(struct ct_extra *extra, const char *key, const char *value,
		    struct lxcri_error *err);
} extra_keys[] = {
	{ "onboot", take_onboot },
	{ "startup", take_text },
	{ "protection", take_protection },
	{ "features", take_features },
	{ "hookscript", take_root_text },
	{ "timezone", take_text },
	{ "firewall", take_firewall },
	{ "ha", take_ha },
	{ "tags", take_tags },
};

static int take_annotation(struct ct_extra *extra, const char *text, struct lxcri_error *err)
{
	const char *equals = strchr(text, '=');
	autofree char *key = NULL;

	if (!text_starts_with(text, PREFIX) || !equals)
		return 0;
	key = xstrndup(text + strlen(PREFIX), (size_t)(equals - text) - strlen(PREFIX));
	for (size_t i = 0; i < ARRAY_LEN(extra_keys); i++)
		if (strcmp(extra_keys[i].key, key) == 0)
			return extra_keys[i].take(extra, key, equals + 1, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "annotation " PREFIX "%.60s: known are onboot, startup, protection, features, "
		    "hookscript, timezone, firewall, ha and tags",
		    key);
}

static int add_device(struct ct_extra *extra, const struct lxcri_device *device, unsigned int n,
		      struct lxcri_error *err)
{
	autofree char *key = xformat("dev%u", n);
	autofree char *value = xformat(
		"%s%s", device->host_path,
		device->permissions && !strchr(device->permissions, 'w') ? ",deny-write=1" : "");

	if (device->container_path && strcmp(device->container_path, device->host_path) != 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "device %s: in a container of Proxmox VE it is called as on its node",
			    device->host_path);
	if (!text_starts_with(device->host_path, "/dev/") || strpbrk(device->host_path, ",= ") ||
	    n >= DEVICES_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "device \"%.100s\" is none",
			    device->host_path);
	json_set_text(extra->root, key, value);
	return 0;
}

static int add_directory(struct ct_extra *extra, const struct lxcri_volume *volume, unsigned int n,
			 struct lxcri_error *err)
{
	static const char *const required[] = { "mp", NULL };
	autorun(property_finish) struct property_string mount = {};
	autofree char *key = xformat("mp%u", n);
	autofree char *value = NULL;

	if (n >= MOUNTS_MAX || property_set(&mount, "volume", volume->source, err) < 0 ||
	    property_set(&mount, "mp", volume->destination, err) < 0 ||
	    (volume->options && strcmp(volume->options, "ro") == 0 &&
	     property_set(&mount, "ro", "1", err) < 0))
		return fail_while(err, "directory %s", volume->source);
	value = property_format(&mount, "volume", required);
	json_set_text(extra->root, key, value);
	return 0;
}

int ct_extra_read(const struct lxcri_create_options *options, const struct bundle *bundle,
		  struct ct_extra *ret, struct lxcri_error *err)
{
	unsigned int number = (unsigned int)bundle->n_volumes;

	*ret = (struct ct_extra){ .params = json_object_new_object(),
				  .later = json_object_new_object(),
				  .root = json_object_new_object() };
	for (size_t i = 0; options->annotations && options->annotations[i]; i++)
		if (take_annotation(ret, options->annotations[i], err) < 0)
			return -1;
	for (unsigned int i = 0; i < options->n_devices; i++)
		if (add_device(ret, &options->devices[i], i, err) < 0)
			return -1;
	for (size_t i = 0; i < options->n_volumes; i++)
		if (options->volumes[i].source && *options->volumes[i].source == '/' &&
		    add_directory(ret, &options->volumes[i], number++, err) < 0)
			return -1;
	return 0;
}

bool ct_extra_is_root(const struct lxcri_config *config)
{
	const char *user = config_text(config, CONFIG_PROXMOX_USER);

	return user && strcmp(user, ROOT_USER) == 0 &&
	       config_text(config, CONFIG_PROXMOX_PASSWORD_FILE);
}

int ct_extra_check(const struct lxcri_engine *engine, const struct ct_extra *extra,
		   const char *node, struct lxcri_error *err)
{
	const char *what = "";

	if (json_object_object_length(extra->root) == 0 || ct_extra_is_root(engine->config) ||
	    ct_node_is_here(engine, node))
		return 0;
	json_object_object_foreach(extra->root, key, value)
	{
		(void)value;
		what = key;
	}
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "a device, a directory of the host, a hookscript and features but nesting only "
		    "root@pam may give, and no API token (%s); log in as root@pam "
		    "(proxmox.user), or do this on node %s (proxmox.local_node)",
		    what, node);
}

static int add_firewall(struct json_object *params, struct lxcri_error *err)
{
	static const char *const required[] = { "name", NULL };

	for (unsigned int i = 0;; i++) {
		autofree char *key = xformat("net%u", i);
		autorun(property_finish) struct property_string net = {};
		const char *text = json_get_text(params, key);
		autofree char *value = NULL;

		if (!text)
			return 0;
		if (property_parse(text, NULL, &net, err) < 0 ||
		    property_set(&net, "firewall", "1", err) < 0)
			return -1;
		value = property_format(&net, NULL, required);
		json_set_text(params, key, value);
	}
}

int ct_extra_add(struct ct_creation *creation, const struct ct_extra *extra,
		 struct lxcri_error *err)
{
	struct json_object *params = creation->params;

	json_object_object_foreach(extra->params, key, value)
	{
		json_object_object_add(params, key, json_object_get(value));
	}
	if (extra->tags) {
		autofree char *tags = xformat("%s%s", json_get_text(params, "tags"), extra->tags);

		json_set_text(params, "tags", tags);
	}
	return extra->firewall ? add_firewall(params, err) : 0;
}

/* Changes the configuration as root of this node does: by a program of Proxmox VE, which needs no
 * login. Its words are in the error. */
static int run_pvesh(const struct ct_place *place, struct json_object *params,
		     struct lxcri_error *err)
{
	autofree char *path = ct_path(place, "/config");
	autorun(strings_finish) struct strings words = {};
	autoclose int said = memfd_create("pvesh", MFD_CLOEXEC);
	const int fds[] = { -1, -1, said };
	char text[ANSWER_MAX] = "";
	int r;

	strings_add(&words, "env");
	strings_add(&words, "pvesh");
	strings_add(&words, "set");
	strings_add(&words, path);
	json_object_object_foreach(params, key, value)
	{
		strings_addf(&words, "--%s", key);
		strings_add(&words, json_object_get_string(value));
	}

	const struct spawn spawn = { .path = "/usr/bin/env",
				     .argv = words.items,
				     .env = environ,
				     .fds = fds,
				     .n_fds = ARRAY_LEN(fds),
				     .dies_with_us = true };

	r = said < 0 ? -errno : process_spawn(&spawn);
	if (r < 0)
		return fail_errno(err, r, "start pvesh");
	r = process_exit_code(process_wait(r));
	if (r == 0)
		return 0;
	if (pread(said, text, sizeof(text) - 1, 0) < 0)
		*text = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	text_mask_malformed(text, '?');
	return fail(err, LXCRI_E_CONTAINER_CREATE_FAILED, "pvesh set %s ended with code %d: %.400s",
		    path, r, text);
}

static int change(struct ct_creation *creation, struct json_object *params, bool by_pvesh,
		  struct lxcri_error *err)
{
	autojson config = NULL;

	if (json_object_object_length(params) == 0)
		return 0;
	if (ct_get(creation->pve, &creation->place, &config, err) < 0)
		return -1;
	json_set_text(params, "digest", json_get_text(config, "digest"));
	return by_pvesh ? run_pvesh(&creation->place, params, err)
			: ct_change(creation->pve, &creation->place, config, params, err);
}

static int add_to_ha(struct ct_creation *creation, const char *state, struct lxcri_error *err)
{
	autofree char *sid = xformat("ct:%u", creation->place.vmid);
	autojson params = json_object_new_object();
	autojson ignored = NULL;
	const struct pve_request request = { .method = "POST",
					     .path = "/cluster/ha/resources",
					     .params = params };

	json_set_text(params, "sid", sid);
	json_set_text(params, "state", state);
	return pve_call(creation->pve, &request, &ignored, err) < 0
		       ? fail_while(err, "make CT %u a resource of HA", creation->place.vmid)
		       : 0;
}

int ct_extra_apply(struct ct_creation *creation, const struct ct_extra *extra,
		   struct lxcri_error *err)
{
	const bool by_pvesh = !ct_extra_is_root(creation->container->engine->config);

	if (change(creation, extra->root, by_pvesh, err) < 0 ||
	    (extra->ha && add_to_ha(creation, extra->ha, err) < 0))
		return -1;
	return change(creation, extra->later, false, err);
}

bool ct_extra_has_ha(struct json_object *spec)
{
	return json_get_text(json_get(spec, "annotations"), PREFIX "ha") != NULL;
}
