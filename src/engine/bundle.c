/* SPDX-License-Identifier: MIT */
/* The bundle of a container made from an image. */

#include "engine/bundle/host_names.h"
#include "engine/bundle/part.h"
#include "engine/service/health.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/layer/merged.h"
#include "os/signal.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* Our own annotations begin so; a label stands behind it under its own name, where no runtime looks
 * for orders. */
#define ANNOTATION_PREFIX "org.proxmox-lxcri."
#define LABEL_PREFIX      BUNDLE_LABEL_PREFIX

void bundle_finish(struct bundle *bundle)
{
	for (size_t i = 0; i < bundle->n_volumes; i++) {
		free(bundle->volumes[i].name);
		free(bundle->volumes[i].destination);
		free(bundle->volumes[i].source);
		free(bundle->volumes[i].sub_path);
		strings_finish(&bundle->volumes[i].options);
	}
	for (size_t i = 0; i < bundle->n_gifts; i++)
		free(bundle->gifts[i].path);
	free(bundle->gifts);
	free(bundle->volumes);
	free(bundle->stop_signal);
	free(bundle->health);
	free(bundle->hosts);
	free(bundle->hostname);
	free(bundle->resolv_conf);
	json_free(bundle->spec);
	*bundle = (struct bundle){};
}

int bundle_normalise(const char *what, const char *path, char **ret, struct lxcri_error *err)
{
	autorun(text_finish) struct text text = {};

	if (*path != '/')
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s \"%s\" is not an absolute path",
			    what, path);
	if (text_has_control(path))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s \"%s\" has a control character",
			    what, path);
	if (strlen(path) >= PATH_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s is longer than %d bytes", what,
			    PATH_MAX - 1);
	for (const char *at = path + strspn(path, "/"); *at; at += strspn(at, "/")) {
		size_t length = strcspn(at, "/");

		if (length == 2 && strncmp(at, "..", 2) == 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s \"%s\" has \"..\"", what,
				    path);
		if (length != 1 || *at != '.') {
			text_add(&text, "/");
			text_append(&text, at, length);
		}
		at += length;
	}
	if (text.length == 0)
		text_add(&text, "/");
	*ret = text_steal(&text);
	return 0;
}

int bundle_choose_hostname(const struct lxcri_create_options *options, char **ret,
			   struct lxcri_error *err)
{
	if (options->hostname) {
		if (!host_names_is_valid(options->hostname))
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "hostname \"%s\" is not valid",
				    options->hostname);
		*ret = xstrdup(options->hostname);
		return 0;
	}

	char *name = xstrndup(options->id, 63);

	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '.')
			*c = '-';
	for (size_t length = strlen(name); length > 0 && !isalnum((unsigned char)name[length - 1]);)
		name[--length] = '\0';
	*ret = host_names_is_valid(name) ? name : (free(name), xstrdup("container"));
	return 0;
}

static int choose_stop_signal(const struct bundle_request *request, struct lxcri_error *err)
{
	const char *given = request->options->stop_signal;
	const char *text = given ? given : request->image->stop_signal;

	if (!text || !*text)
		text = "SIGTERM";

	int number = signal_parse(text);

	if (number < 0)
		return fail(err, given ? LXCRI_E_INVALID_ARGUMENT : LXCRI_E_INVALID_FORMAT,
			    "%s: unknown stop signal \"%s\"", request->options->image, text);
	request->bundle->stop_signal = xstrdup(signal_name(number) ? signal_name(number) : text);
	return 0;
}

/* Names that a runtime, an engine or we ourselves act upon. */
static bool is_reserved(const char *key)
{
	static const char *const prefixes[] = {
		"run.oci.", "io.", "org.systemd.", "org.criu.", "lxcri", ANNOTATION_PREFIX,
	};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_starts_with(key, prefixes[i]))
			return true;
	return false;
}

/* Adds the image's labels, but none that is reserved or could break a line: they are no more than
 * remarks, and an image is not refused for them. */
static void add_image_labels(const struct spec_map *labels, struct json_object *annotations)
{
	for (size_t i = 0; i < labels->count; i++) {
		const struct spec_pair *label = &labels->items[i];

		if (!*label->key || is_reserved(label->key) || text_has_control(label->key) ||
		    text_has_control(label->value))
			continue;

		autofree char *name = xformat(LABEL_PREFIX "%s", label->key);

		json_set_text(annotations, name, label->value);
	}
}

/* Adds a list of NAME=VALUE of the user, each name behind @prefix. */
static int add_pairs(const char *what, const char *const *pairs, const char *prefix,
		     struct json_object *annotations, struct lxcri_error *err)
{
	for (size_t i = 0; pairs && pairs[i]; i++) {
		const char *value = strchr(pairs[i], '=');
		size_t length = value ? (size_t)(value - pairs[i]) : strlen(pairs[i]);

		if (length == 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s \"%s\" has no name", what,
				    pairs[i]);
		if (text_has_control(pairs[i]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "%s \"%.*s\" has a control character", what, (int)length,
				    pairs[i]);

		autofree char *name = xformat("%s%.*s", prefix, (int)length, pairs[i]);

		json_set_text(annotations, name, value ? value + 1 : "");
	}
	return 0;
}

static int add_annotations(struct bundle_request *request, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	struct json_object *annotations = json_object_new_object();

	json_object_object_add(request->bundle->spec, "annotations", annotations);
	add_image_labels(&request->image->labels, annotations);
	if (add_pairs("label", options->labels, LABEL_PREFIX, annotations, err) < 0)
		return -1;
	return add_pairs("annotation", options->annotations, "", annotations, err);
}

static void add_root(struct bundle_request *request)
{
	struct json_object *spec = request->bundle->spec;
	struct json_object *root = json_object_new_object();

	json_set_text(spec, "ociVersion", "1.0.2");
	json_set_text(root, "path", "rootfs");
	json_object_object_add(root, "readonly",
			       json_object_new_boolean(request->options->read_only));
	json_object_object_add(spec, "root", root);
	json_set_text(spec, "hostname", request->hostname);
}

/* Refuses an image that has a link where the file systems of every container are mounted. Each
 * runtime resolves it in its own way, and runc 1.1.5 makes its links of /dev where one of the image
 * leads on the host. */
static int check_mount_points(const struct strings *layer_dirs, const char *image,
			      struct lxcri_error *err)
{
	static const char *const names[] = { "dev", "proc", "sys" };
	autorun(merged_finish) struct merged root = {};
	int r = merged_open_dir(layer_dirs, "/", &root);

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(names); i++) {
		autorun(merged_node_finish) struct merged_node node = {};

		r = merged_child(&root, names[i], &node);
		if (r == 0 && !S_ISDIR(node.status.st_mode))
			return fail(err, LXCRI_E_INVALID_FORMAT, "image %s: /%s is not a directory",
				    image, names[i]);
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? fail_errno(err, r, "image %s: look at /dev, /proc and /sys", image) : 0;
}

/* What a file or process has is one of the container's ids, or nothing can be done with it. */
static int check_ids(const struct bundle_request *request, struct lxcri_error *err)
{
	const struct passwd_user *user = &request->user;
	uint32_t ignored;
	bool fits = id_extents_to_host(&request->map.uids, user->uid, &ignored) == 0 &&
		    id_extents_to_host(&request->map.gids, user->gid, &ignored) == 0;

	for (size_t i = 0; i < user->n_gids; i++)
		fits &= id_extents_to_host(&request->map.gids, user->gids[i], &ignored) == 0;
	return fits ? 0
		    : fail(err, LXCRI_E_INVALID_ARGUMENT,
			   "image %s: user %u:%u or a further group is beyond the ids of the "
			   "container; raise userns.size, or use --userns host",
			   request->options->image, user->uid, user->gid);
}

/* Whoever keeps its ids is the user, unless another one is named. */
static int resolve_user(struct bundle_request *request, const struct strings *layer_dirs,
			const struct record_ids *ids, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	autofree char *kept =
		ids->keep ? xformat("%u:%u", ids->keep_uid, ids->keep_gid) : xstrdup("");
	const char *user = options->user          ? options->user
			   : ids->keep            ? kept
			   : request->image->user ? request->image->user
						  : "";

	if (passwd_resolve_in_layers(layer_dirs, user, options->group_add, &request->user, err) < 0)
		return fail_while(err, "%s", options->image);
	request->bundle->uid = request->user.uid;
	request->bundle->gid = request->user.gid;
	return check_ids(request, err);
}

/* A privileged container has every capability, but for those that are dropped by name. */
static int choose_capabilities(struct bundle_request *request, struct lxcri_error *err)
{
	static const char *const all[] = { "ALL", NULL };
	const struct lxcri_create_options *options = request->options;

	return capability_choose(options->privileged ? all : options->cap_add, options->cap_drop,
				 &request->capabilities, err);
}

/* Fills request->bundle. */
static int build(struct bundle_request *request, const struct strings *layer_dirs,
		 const struct record_ids *ids, struct lxcri_error *err)
{
	if (choose_capabilities(request, err) < 0)
		return -1;
	if (check_mount_points(layer_dirs, request->options->image, err) < 0)
		return -1;
	if (resolve_user(request, layer_dirs, ids, err) < 0 ||
	    choose_stop_signal(request, err) < 0 ||
	    health_choose(request->options->health, request->image->healthcheck,
			  &request->bundle->health, err) < 0)
		return -1;

	add_root(request);
	if (bundle_add_process(request, err) < 0 || bundle_add_mounts(request, err) < 0 ||
	    bundle_add_linux(request, err) < 0)
		return -1;
	return add_annotations(request, err);
}

int bundle_build(const char *config_json, const struct lxcri_create_options *options,
		 const struct strings *layer_dirs, const struct record_ids *ids,
		 struct bundle *ret_bundle, struct lxcri_error *err)
{
	autorun(bundle_finish) struct bundle bundle = { .spec = json_object_new_object() };
	autoptr(image_config) image = NULL;
	autofree char *hostname = NULL;
	struct bundle_request request = { .options = options,
					  .bundle = &bundle,
					  .map = record_id_map(ids) };

	if (image_config_parse(config_json, strlen(config_json), &image, err) < 0)
		return fail_while(err, "%s: image config", options->image);
	request.image = image;
	if (bundle_choose_hostname(options, &hostname, err) < 0)
		return -1;
	request.hostname = hostname;

	int r = build(&request, layer_dirs, ids, err);

	passwd_user_finish(&request.user);
	if (r < 0)
		return -1;
	*ret_bundle = bundle;
	bundle = (struct bundle){};
	return 0;
}
