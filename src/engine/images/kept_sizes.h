/* SPDX-License-Identifier: MIT */
#pragma once

/* What blobs and unpacked layers take on the disk. Neither ever changes, so each is measured once.
 * What was found is kept in the run directory: it holds for all of a directory in which nothing has
 * come or gone, else for what has the same inode and time of change. In the moment after a change,
 * when that will be looked at once more anyway, the inode is enough. */

#include "base/scope.h"
#include "base/strings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thing that was measured. */
struct kept_size {
	char name[65]; /* hexadecimal */
	uint64_t inode;
	int64_t changed_ns;
	uint64_t bytes;
	bool is_there;   /* as the directory was listed */
	bool is_unmoved; /* and has that inode still */
	bool is_used;    /* it was asked for */
};

/* Those that are known. Zeroed is none. */
struct kept_sizes {
	struct kept_size *items; /* sorted by name */
	size_t count;
	size_t n_used;
	size_t next;           /* of the items, that is likely to be asked for */
	struct kept_size *new; /* measured anew */
	size_t n_new;
	char *path;           /* of the file that it is kept in */
	char *stamp;          /* of the directory; NULL where it has changed just now */
	int dirfd;            /* of the directory, borrowed */
	const char *data_dir; /* of layers: with what drivers have made of them; else NULL */
	bool is_same;         /* nothing has come or gone in it */
	bool was_unstamped;   /* that is how it was kept */
};

/* Reads what is kept of the directory @dirfd in the file @name of @run_dir; what can't be read is
 * measured again. */
void kept_sizes_load(struct kept_sizes *sizes, int dirfd, const char *run_dir, const char *name);

/* Appends the names in the directory; where nothing has come or gone they are known. 0 or -errno.
 */
[[nodiscard]] int kept_sizes_list(struct kept_sizes *sizes, struct strings *names);

/* Returns what @name of the directory takes, measured where it is not known. */
uint64_t kept_sizes_get(struct kept_sizes *sizes, const char *name);

/* Keeps what was asked for, where anything of it is new and the run directory is there. */
void kept_sizes_save(const struct kept_sizes *sizes);

/* Frees what @sizes holds. Safe to repeat. */
void kept_sizes_finish(struct kept_sizes *sizes);
