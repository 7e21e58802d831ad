/* SPDX-License-Identifier: MIT */
/* The user namespace that a container gets. */

#include "engine/userns/userns.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/userns/id_pool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_id(const char *what, const char *text, uint32_t *ret, struct lxcri_error *err)
{
	uint64_t id;

	if (text_parse_u64(text, 1, UINT32_MAX - 1, &id) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "userns: \"%s\" is no %s to keep; root's cannot be kept", text, what);
	*ret = (uint32_t)id;
	return 0;
}

/* Who called sudo, or whoever runs us without being root. */
static int keep_caller(struct record_ids *ids, struct lxcri_error *err)
{
	const char *uid = getenv("SUDO_UID");
	const char *gid = getenv("SUDO_GID");

	if (getuid() == 0 && uid && gid)
		return read_id("user", uid, &ids->keep_uid, err) < 0 ||
				       read_id("group", gid, &ids->keep_gid, err) < 0
			       ? -1
			       : 0;
	ids->keep_uid = getuid();
	ids->keep_gid = getgid();
	if (ids->keep_uid == 0 || ids->keep_gid == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "userns keep: the caller is root, whose ids cannot be kept; say "
			    "keep:UID:GID, or call it by sudo");
	return 0;
}

static int keep_named(const char *text, struct record_ids *ids, struct lxcri_error *err)
{
	autofree char *uid = xstrdup(text);
	char *gid = strchr(uid, ':');

	if (gid)
		*gid++ = '\0';
	if (read_id("user", uid, &ids->keep_uid, err) < 0)
		return -1;
	return read_id("group", gid ? gid : uid, &ids->keep_gid, err);
}

static int read_mode(const char *mode, uint32_t size, struct record_ids *ids,
		     struct lxcri_error *err)
{
	*ids = (struct record_ids){ .size = size };
	if (strcmp(mode, "auto") == 0)
		return 0;
	if (strcmp(mode, "host") == 0) {
		ids->size = 0;
		return 0;
	}
	ids->keep = true;
	if (strcmp(mode, "keep") == 0)
		return keep_caller(ids, err);
	if (text_starts_with(mode, "keep:"))
		return keep_named(mode + strlen("keep:"), ids, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "userns \"%s\" is none of host, auto, keep and keep:UID[:GID]", mode);
}

/* An id of the pool may be another container's. */
static int check_kept(const struct record_ids *ids, const struct lxcri_config *config,
		      struct lxcri_error *err)
{
	const struct id_pool_bounds pool = id_pool_bounds(config);
	uint64_t end = pool.start + pool.count * pool.size;
	const uint32_t kept[] = { ids->keep_uid, ids->keep_gid };

	for (size_t i = 0; ids->keep && i < ARRAY_LEN(kept); i++)
		if (kept[i] >= pool.start && kept[i] < end)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "userns: %u cannot be kept, it is of the range that containers "
				    "get their ids from",
				    kept[i]);
	return 0;
}

int userns_choose(const struct lxcri_create_options *options, const struct lxcri_config *config,
		  struct record *record, struct lxcri_error *err)
{
	const char *mode =
		options->userns ? options->userns : config_text(config, CONFIG_USERNS_MODE);
	const char *refusal = NULL;

	if (read_mode(mode, (uint32_t)config_u64(config, CONFIG_USERNS_SIZE), &record->ids, err) <
	    0)
		return -1;
	if (record->ids.size == 0)
		return 0;
	if (check_kept(&record->ids, config, err) < 0)
		return -1;
	if (options->privileged)
		refusal = "a privileged container has the ids of the host";
	else if (record->type == LXCRI_RUNC)
		refusal =
			"runc looks for the root file system as the container's root, who may not "
			"pass the directories above it; use lxc or crun";
	if (!refusal)
		return 0;
	record->ids = (struct record_ids){};
	if (!options->userns) {
		log_info("container %s gets the ids of the host: %s", options->id, refusal);
		return 0;
	}
	return fail(err,
		    options->privileged ? LXCRI_E_INVALID_ARGUMENT : LXCRI_E_UNSUPPORTED_OPERATION,
		    "userns %s: %s", mode, refusal);
}
