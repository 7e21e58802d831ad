/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_HOST_H
#define LXCRI_HOST_H

/* What a container gets of the host: files, devices, ports. */

#include <stdint.h>

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

enum lxcri_protocol {
	LXCRI_PROTOCOL_TCP,
	LXCRI_PROTOCOL_UDP,
	LXCRI_PROTOCOL_SCTP,
};

struct lxcri_port {
	enum lxcri_protocol protocol;
	const char *host_ip;     /* of the host; NULL or "": any of its addresses */
	uint16_t host_port;      /* 0: one that is free */
	uint16_t container_port; /* 1 to 65535 */
	uint16_t count;          /* of a range that begins with both; 0 is 1 */
};

#ifdef __cplusplus
}
#endif

#endif
