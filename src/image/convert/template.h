/* SPDX-License-Identifier: MIT */
#pragma once

/* The tree of an image as one tar archive, as `pct create` takes it: a template of a container. */

#include "base/fail.h"

#include <stddef.h>

/* How the archive is compressed. */
enum template_compression { TEMPLATE_ZSTD, TEMPLATE_GZIP, TEMPLATE_PLAIN };

/* Where the first process of a container of Proxmox VE is among its files; no image may have
 * something there. */
#define TEMPLATE_INIT_DIR ".lxcri"
#define TEMPLATE_BELOW    "lxcri-root"

/* How a template is made. Zeroed but for the descriptor: the tree as it is, by zstd. */
struct template_options {
	enum template_compression compression;
	int init_fd;       /* of the program /.lxcri/init that is added, borrowed; -1: none */
	const char *below; /* the directory in which all of it is, without slashes; NULL: none */
};

/* Writes the tree whose layers @layers are, the topmost first, to @fd; all are borrowed. The same
 * layers give the same bytes. LXCRI_E_CONVERSION_FAILED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int template_write(const int *layers, size_t count,
				 const struct template_options *options, int fd,
				 struct lxcri_error *err);
