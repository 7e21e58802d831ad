/* SPDX-License-Identifier: MIT */
#pragma once

/* The tree of an image as one tar archive, as `pct create` takes it: a template of a container. */

#include "base/fail.h"

#include <stddef.h>

/* How the archive is compressed. */
enum template_compression { TEMPLATE_ZSTD, TEMPLATE_GZIP, TEMPLATE_PLAIN };

/* Writes the tree whose layers @layers are, the topmost first, to @fd; all are borrowed. The same
 * layers give the same bytes. LXCRI_E_CONVERSION_FAILED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int template_write(const int *layers, size_t count,
				 enum template_compression compression, int fd,
				 struct lxcri_error *err);
