/* SPDX-License-Identifier: MIT */
#pragma once

/* The bundle of a container made from an image: image config + what the user asked for → an OCI
 * runtime specification. */

#include "base/fail.h"
#include "base/json.h"
#include "base/strings.h"
#include "lxcri/container.h"

/* A volume that must exist before the container is created. */
struct bundle_volume {
	char *name;        /* NULL: anonymous */
	char *destination; /* absolute, in the container */
	char *source;      /* filled in by who made the directory */
	bool no_copy;      /* what the image has at that place is not copied into a new volume */
	struct strings options; /* of the mount */
};

/* What becomes config.json, and what the engine must keep and do for it. Zeroed is empty. */
struct bundle {
	struct json_object *spec;
	char *stop_signal;             /* "SIGTERM" unless the image or the user says otherwise */
	struct bundle_volume *volumes; /* of the image and the user that have no host path */
	size_t n_volumes;
	char *hosts;    /* what /etc/hosts shall be; NULL: as it is */
	char *hostname; /* and /etc/hostname */
};

/* Frees what @bundle holds. Safe to repeat. */
void bundle_finish(struct bundle *bundle);

/* Builds @ret_bundle from the image's @config_json (verified bytes) and @options. @layer_dirs are
 * the unpacked layers, topmost first, in which passwd and group are looked up (bounded, whiteouts
 * respected, never followed out of a layer). Labels of the image become annotations that nothing
 * obeys. Fails with LXCRI_E_INVALID_ARGUMENT for what the user asked, with LXCRI_E_INVALID_FORMAT,
 * LXCRI_E_INVALID_JSON or LXCRI_E_LIMIT_EXCEEDED for what the image says. */
[[nodiscard]] int bundle_build(const char *config_json, const struct lxcri_create_options *options,
			       const struct strings *layer_dirs, struct bundle *ret_bundle,
			       struct lxcri_error *err);

/* Adds a mount of the host's file @source at @destination, which the container may write. */
void bundle_mount_file(struct bundle *bundle, const char *destination, const char *source);

/* Adds the mounts of bundle->volumes once each has its source. */
void bundle_mount_volumes(struct bundle *bundle);
