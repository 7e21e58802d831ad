/* SPDX-License-Identifier: MIT */
#pragma once

/* Taking the id of a container or pod that is to be made. */

#include "engine/container.h"

/* Takes the id of the record of @container: the lock, and nothing behind it. What a killed command
 * left of one is removed. LXCRI_E_CONTAINER_EXISTS, LXCRI_E_POD_EXISTS; LXCRI_E_STORAGE_ERROR also
 * where the disk with the directories of all containers is not mounted. */
[[nodiscard]] int reserve_id(struct lxcri_container *container, struct lxcri_error *err);
