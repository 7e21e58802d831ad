/* SPDX-License-Identifier: MIT */
#pragma once

/* Which repositories of a registry have a blob, as far as the store knows: what came from there, or
 * went there, need not be sent again. */

#include "image/layout.h"
#include "image/registry/endpoint.h"

/* Digests, and where they are. Zeroed is empty. */
struct mounts {
	struct strings digests;
	struct strings repositories; /* of each digest */
};

/* Reads the images of @layout whose names are of the registry @host, but for the repository @path.
 * What cannot be read is passed over: it only costs an upload. */
void mounts_read(const struct layout *layout, const char *host, const char *path,
		 struct mounts *mounts);

/* Returns the repository that has @digest, borrowed, or NULL. */
const char *mounts_find(const struct mounts *mounts, const char *digest);

/* Frees what @mounts holds. Safe to repeat. */
void mounts_finish(struct mounts *mounts);
