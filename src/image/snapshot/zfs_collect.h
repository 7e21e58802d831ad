/* SPDX-License-Identifier: MIT */
#pragma once

/* What nobody needs of our datasets. */

#include "image/snapshot/snapshot.h"

/* The collect() of struct snapshot_ops. */
[[nodiscard]] int zfs_collect(const struct snapshot_place *place, const struct strings *layers,
			      const struct collect_options *options, struct lxcri_error *err);
