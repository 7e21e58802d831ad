/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_VOLUME_H
#define LXCRI_VOLUME_H

#include <stdbool.h>

/* What a container gets of the host's files. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_container;
struct lxcri_error;

struct lxcri_volume {
	const char *source; /* absolute path on the host, or a volume's name; NULL: anonymous */
	const char *destination; /* absolute, in the container */
	const char *options;     /* "ro", "rw", "U", "idmap", "z", comma-separated; or NULL */
	const char *sub_path;    /* of a container of a pod: what is mounted of the source, as seen
				    from    inside it at each start, and a directory where nothing is;
				    NULL:    the whole */
};

struct lxcri_device {
	const char *host_path;
	const char *container_path; /* NULL: the same */
	const char *permissions;    /* of "rwm"; NULL: all three */
};

/* As lxcri_container_delete(), and removes the named volumes of a container of Proxmox VE that no
 * other one mounts; those of others stay. */
int lxcri_container_delete_volumes(struct lxcri_container *container, bool force,
				   struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
