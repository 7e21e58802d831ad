/* SPDX-License-Identifier: MIT */
/* Where a container is in the cluster. */

#include "engine/ct/ct_place.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "proxmox/upid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void ct_place_finish(struct ct_place *place)
{
	free(place->node);
	free(place->rootfs);
	*place = (struct ct_place){};
}

int ct_place_begin(struct ct_place *place, struct lxcri_error *err)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail_errno(err, errno, "get a random number");
	(void)snprintf(place->token, sizeof(place->token), "%016llx", (unsigned long long)random);
	return 0;
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
	ret->started = json_get_bool(object, "started", false);
	return 0;
}

void ct_place_store(const struct ct_place *place, struct record *record)
{
	autojson object = json_object_new_object();

	json_set_text(object, "token", place->token);
	json_set_text(object, "node", place->node);
	json_object_object_add(object, "vmid", json_object_new_int64(place->vmid));
	json_set_text(object, "rootfs", place->rootfs);
	json_object_object_add(object, "started", json_object_new_boolean(place->started));
	free(record->ct);
	record->ct = json_format_line(object);
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
