/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_VOLUME_H
#define LXCRI_VOLUME_H

/* What a container gets of the host's files. */

#ifdef __cplusplus
extern "C" {
#endif

struct lxcri_volume {
	const char *source; /* absolute path on the host, or a volume's name; NULL: anonymous */
	const char *destination; /* absolute, in the container */
	const char *options;     /* "ro", "rw", "U", "idmap", "z", comma-separated; or NULL */
};

struct lxcri_device {
	const char *host_path;
	const char *container_path; /* NULL: the same */
	const char *permissions;    /* of "rwm"; NULL: all three */
};

#ifdef __cplusplus
}
#endif

#endif
