/* SPDX-License-Identifier: MIT */
#pragma once

/* Pools of ZFS that Proxmox VE makes volumes in, on its node that is this host. */

#include "base/strings.h"
#include "engine/engine.h"

/* Tells whether this host is @node and has ZFS, without asking the cluster. */
bool ct_pool_can_be(const struct lxcri_engine *engine, const char *node);

/* Finds the dataset that the volumes of @storage on @node are in; the caller's. Returns 1, or 0
 * where that is another host's, no ZFS, or not shown to us. */
int ct_pool_find(struct lxcri_engine *engine, const char *node, const char *storage,
		 char **ret_pool);

/* Appends those of all storages that this host has. */
void ct_pool_list(struct lxcri_engine *engine, struct strings *pools);
