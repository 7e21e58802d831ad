/* SPDX-License-Identifier: MIT */
#pragma once

/* The bundle of a container made from an image: image config + what the user asked for → an OCI
 * runtime specification. */

#include "base/fail.h"
#include "base/json.h"
#include "base/strings.h"
#include "engine/record.h"
#include "lxcri/container.h"

/* A label is an annotation behind this. */
#define BUNDLE_LABEL_PREFIX "org.proxmox-lxcri.label."

/* A volume that must exist before the container is created. */
struct bundle_volume {
	char *name;        /* NULL: anonymous */
	char *destination; /* absolute, in the container */
	char *source;      /* filled in by who made the directory */
	char *sub_path;    /* what is mounted of it; NULL: the whole */
	bool is_of_host;   /* a directory of the host, which is the source */
	bool no_copy;      /* what the image has at that place is not copied into a new volume */
	bool give;         /* all in it shall belong to the container's user */
	struct strings options; /* of the mount */
};

/* A directory of the host that shall belong to the container's user with all that is in it. */
struct bundle_gift {
	char *path;
	bool mapped; /* it is mounted so that the ids on the disk are those of the container */
};

/* What becomes config.json, and what the engine must keep and do for it. Zeroed is empty. */
struct bundle {
	struct json_object *spec;
	char *stop_signal;             /* "SIGTERM" unless the image or the user says otherwise */
	char *health;                  /* how it is found out, for the record; or NULL */
	struct bundle_volume *volumes; /* of the image and the user that have no host path */
	size_t n_volumes;
	struct bundle_gift *gifts;
	size_t n_gifts;
	uint32_t uid; /* the user, as the container has it */
	uint32_t gid;
	char *hosts;       /* what /etc/hosts shall be; NULL: as it is */
	char *hostname;    /* and /etc/hostname */
	char *resolv_conf; /* and /etc/resolv.conf */
};

/* Fails unless the AppArmor profile @profile is loaded: LXCRI_E_INVALID_ARGUMENT, or
 * LXCRI_E_UNSUPPORTED_OPERATION where the host has no AppArmor. */
[[nodiscard]] int bundle_check_apparmor(const char *profile, struct lxcri_error *err);

/* Returns the hostname: the user's, else the container's id made one. The caller owns it.
 * LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int bundle_choose_hostname(const struct lxcri_create_options *options, char **ret,
					 struct lxcri_error *err);

/* Frees what @bundle holds. Safe to repeat. */
void bundle_finish(struct bundle *bundle);

/* Builds @ret_bundle from the image's @config_json (verified bytes) and @options. @layer_dirs are
 * the unpacked layers, topmost first, in which passwd and group are looked up (bounded, whiteouts
 * respected, never followed out of a layer). @ids are the container's own. Labels of the image
 * become annotations that nothing obeys. Fails with LXCRI_E_INVALID_ARGUMENT for what the user
 * asked, with LXCRI_E_INVALID_FORMAT, LXCRI_E_INVALID_JSON or LXCRI_E_LIMIT_EXCEEDED for what the
 * image says. */
[[nodiscard]] int bundle_build(const char *config_json, const struct lxcri_create_options *options,
			       const struct strings *layer_dirs, const struct record_ids *ids,
			       struct bundle *ret_bundle, struct lxcri_error *err);

/* Adds a mount of the host's file @source at @destination, which the container may write. */
void bundle_mount_file(struct bundle *bundle, const char *destination, const char *source);

/* Adds the mounts of bundle->volumes once each has its source; with @mapped the ids on the disk are
 * those of the container. */
void bundle_mount_volumes(struct bundle *bundle, bool mapped);
