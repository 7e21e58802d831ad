/* SPDX-License-Identifier: MIT */
#pragma once

/* The files of a container of Proxmox VE that has stopped, on its node. */

#include "engine/container.h"

#include <json-c/json.h>

/* Returns what engine/files/view.c needs of a specification: "root", a directory of this host, the
 * volumes among "mounts", and "linux" with the maps of ids; the caller's. NULL means failure:
 * LXCRI_E_UNSUPPORTED_OPERATION where a volume is no directory. */
struct json_object *ct_files_spec(struct lxcri_container *container, struct lxcri_error *err);
