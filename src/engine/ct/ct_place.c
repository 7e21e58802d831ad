/* SPDX-License-Identifier: MIT */
/* Where a container is in the cluster. */

#include "engine/ct/ct_place.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "proxmox/property.h"
#include "proxmox/upid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void clone_finish(struct ct_clone *clone)
{
	free(clone->volume);
	free(clone->dataset);
	free(clone->size);
}

void ct_place_finish(struct ct_place *place)
{
	free(place->node);
	free(place->rootfs);
	free(place->applied);
	free(place->upid);
	strings_finish(&place->roots);
	free(place->draft_key);
	while (place->n_clones > 0)
		clone_finish(&place->clones[--place->n_clones]);
	free(place->clones);
	*place = (struct ct_place){};
}

int ct_place_make_token(char token[CT_TOKEN_SIZE], struct lxcri_error *err)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail_errno(err, errno, "get a random number");
	(void)snprintf(token, CT_TOKEN_SIZE, "%016llx", (unsigned long long)random);
	return 0;
}

void ct_place_add_clone(struct ct_place *place, const struct ct_clone *clone)
{
	place->clones = xreallocarray(place->clones, place->n_clones + 1, sizeof(*place->clones));
	place->clones[place->n_clones++] = (struct ct_clone){ .volume = xstrdup(clone->volume),
							      .dataset = xstrdup(clone->dataset),
							      .size = xstrdup(clone->size) };
}

const struct ct_clone *ct_place_find_clone(const struct ct_place *place, const char *volume)
{
	for (size_t i = 0; volume && i < place->n_clones; i++)
		if (strcmp(place->clones[i].volume, volume) == 0)
			return &place->clones[i];
	return NULL;
}

void ct_place_forget_clone(struct ct_place *place, const char *volume)
{
	size_t kept = 0;

	for (size_t i = 0; i < place->n_clones; i++) {
		if (strcmp(place->clones[i].volume, volume) == 0)
			clone_finish(&place->clones[i]);
		else
			place->clones[kept++] = place->clones[i];
	}
	place->n_clones = kept;
}

void ct_place_forget_root(struct ct_place *place, const char *volume)
{
	struct strings kept = {};

	for (size_t i = 0; i < place->roots.count; i++)
		if (strcmp(place->roots.items[i], volume) != 0)
			strings_add(&kept, place->roots.items[i]);
	strings_finish(&place->roots);
	place->roots = kept;
}

static void load_clones(struct json_object *array, struct ct_place *place)
{
	size_t count = json_count(array);

	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(array, i);
		const struct ct_clone clone = { (char *)json_get_text(one, "volume"),
						(char *)json_get_text(one, "dataset"),
						(char *)json_get_text(one, "size") };

		if (clone.volume && clone.dataset)
			ct_place_add_clone(place, &clone);
	}
}

static struct json_object *store_clones(const struct ct_place *place)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < place->n_clones; i++) {
		struct json_object *one = json_object_new_object();

		json_set_text(one, "volume", place->clones[i].volume);
		json_set_text(one, "dataset", place->clones[i].dataset);
		json_set_text(one, "size", place->clones[i].size);
		json_object_array_add(array, one);
	}
	return array;
}

int ct_place_load(const struct record *record, struct ct_place *ret, struct lxcri_error *err)
{
	autojson object = NULL;
	const char *token, *node;

	*ret = (struct ct_place){};
	if (!record->ct)
		return 0;
	if (json_parse(record->ct, strlen(record->ct), &json_limits_config, &object, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "the record's place in Proxmox VE");
	}
	token = json_get_text(object, "token");
	node = json_get_text(object, "node");
	if (!token || strlen(token) != CT_TOKEN_SIZE - 1 || !node || !node_name_is_valid(node))
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "the record's place in Proxmox VE has no token or no node");
	memcpy(ret->token, token, CT_TOKEN_SIZE);
	ret->node = xstrdup(node);
	ret->vmid = (uint32_t)json_get_u64(object, "vmid", 0);
	ret->rootfs = xstrdup(json_get_text(object, "rootfs"));
	ret->applied = xstrdup(json_get_text(object, "applied"));
	ret->started = json_get_bool(object, "started", false);
	ret->unsure = json_get_bool(object, "unsure", false);
	ret->started_ns = json_get_i64(object, "startedNs", 0);
	ret->ended_ns = json_get_i64(object, "endedNs", 0);
	json_take_texts(json_get(object, "roots"), &ret->roots);
	ret->asked_ns = json_get_i64(object, "asked", 0);
	ret->upid = xstrdup(json_get_text(object, "upid"));
	token = json_get_text(object, "draftToken");
	if (token && strlen(token) == CT_TOKEN_SIZE - 1)
		memcpy(ret->draft_token, token, CT_TOKEN_SIZE);
	ret->draft_vmid = (uint32_t)json_get_u64(object, "draftVmid", 0);
	ret->draft_asked_ns = json_get_i64(object, "draftAsked", 0);
	ret->draft_key = xstrdup(json_get_text(object, "draftKey"));
	load_clones(json_get(object, "clones"), ret);
	return 0;
}

void ct_place_store(const struct ct_place *place, struct record *record)
{
	autojson object = json_object_new_object();

	json_set_text(object, "token", place->token);
	json_set_text(object, "node", place->node);
	json_object_object_add(object, "vmid", json_object_new_int64(place->vmid));
	json_set_text(object, "rootfs", place->rootfs);
	json_set_text(object, "applied", place->applied);
	json_object_object_add(object, "started", json_object_new_boolean(place->started));
	if (place->unsure)
		json_object_object_add(object, "unsure", json_object_new_boolean(true));
	if (place->started_ns > 0)
		json_object_object_add(object, "startedNs",
				       json_object_new_int64(place->started_ns));
	if (place->ended_ns > 0)
		json_object_object_add(object, "endedNs", json_object_new_int64(place->ended_ns));
	json_object_object_add(object, "roots", json_from_texts(&place->roots));
	if (place->asked_ns > 0)
		json_object_object_add(object, "asked", json_object_new_int64(place->asked_ns));
	json_set_text(object, "upid", place->upid);
	if (*place->draft_token) {
		json_set_text(object, "draftToken", place->draft_token);
		json_object_object_add(object, "draftVmid",
				       json_object_new_int64(place->draft_vmid));
		json_object_object_add(object, "draftAsked",
				       json_object_new_int64(place->draft_asked_ns));
		json_set_text(object, "draftKey", place->draft_key);
	}
	if (place->n_clones > 0)
		json_object_object_add(object, "clones", store_clones(place));
	free(record->ct);
	record->ct = json_format_line(object);
}

char *ct_description(const struct record *record)
{
	return xformat("proxmox-lxcri container %s; image %.4000s; digest %s", record->id,
		       record->image, record->digest);
}

void ct_place_doubt(struct record *record)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error ignored = {};

	if (!record->ct || ct_place_load(record, &place, &ignored) < 0)
		return;
	freep(&place.applied);
	ct_place_store(&place, record);
}

char *ct_place_parse_volume(const char *text)
{
	autorun(property_finish) struct property_string mount = {};
	struct lxcri_error ignored = {};

	if (!text || property_parse(text, "volume", &mount, &ignored) < 0)
		return NULL;
	return xstrdup(property_find(&mount, "volume"));
}

char *ct_place_previous_root(const struct record *record)
{
	autorun(record_finish) struct record previous = {};
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error ignored = {};

	if (!record->previous ||
	    record_parse(record->previous, strlen(record->previous), &previous, &ignored) < 0 ||
	    ct_place_load(&previous, &place, &ignored) < 0)
		return NULL;
	return steal(place.rootfs);
}

bool ct_is_mount_key(const char *key)
{
	return key && text_starts_with(key, "mp") && key[2] &&
	       strspn(key + 2, "0123456789") == strlen(key + 2);
}

bool ct_place_has_tags(const struct ct_place *place, const char *tags)
{
	autofree char *wanted = xformat(CT_TAG_PREFIX "%s", place->token);
	size_t length = strlen(wanted);

	if (!*place->token)
		return false;
	for (const char *at = tags; at && *at; at += strspn(at, ";, ")) {
		size_t size = strcspn(at, ";, ");

		if (size == length && strncmp(at, wanted, size) == 0)
			return true;
		at += size;
	}
	return false;
}
