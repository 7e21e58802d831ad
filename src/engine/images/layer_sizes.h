/* SPDX-License-Identifier: MIT */
#pragma once

/* What unpacked layers take on the disk. A layer never changes, so each is measured once; what was
 * found is kept in the run directory, and known again by inode and time of change. */

#include "base/scope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One layer that was measured. */
struct layer_size {
	char name[65]; /* its chain id */
	uint64_t inode;
	int64_t changed_ns;
	uint64_t bytes;
};

/* Those that are known. Zeroed is none. */
struct layer_sizes {
	struct layer_size *items; /* sorted by name */
	size_t count;
	struct layer_size *found; /* what was asked for, as it will be kept */
	size_t n_found;
	bool is_stale; /* something was measured anew */
};

/* Reads what is kept in the directory @run_dir; what can't be read is measured again. */
void layer_sizes_load(struct layer_sizes *sizes, const char *run_dir);

/* Returns what the layer @name below @layers_fd takes, measured where it is not known. */
uint64_t layer_sizes_get(struct layer_sizes *sizes, int layers_fd, const char *name);

/* Keeps what was asked for, where anything of it is new and the directory is there. */
void layer_sizes_save(const struct layer_sizes *sizes, const char *run_dir);

/* Frees what @sizes holds. Safe to repeat. */
void layer_sizes_finish(struct layer_sizes *sizes);
