/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_PORT_H
#define LXCRI_PORT_H

/* A port of a container that is to be reached through one of the host. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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
