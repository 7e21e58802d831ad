/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_PULL_H
#define LXCRI_PULL_H

/* Fetching images from registries: when, and how it goes on. A push tells of itself in the same
 * way. */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* When the registry is asked for an image. */
enum lxcri_pull_policy {
	LXCRI_PULL_MISSING, /* when it is not stored */
	LXCRI_PULL_ALWAYS,
	LXCRI_PULL_NEVER,
	LXCRI_PULL_NEWER, /* always; but a stored one will do when the registry does not answer */
};

enum lxcri_pull_state {
	LXCRI_PULL_PRESENT,  /* nothing to fetch, or to send */
	LXCRI_PULL_WAITING,  /* for somebody else who fetches it */
	LXCRI_PULL_FETCHING, /* or sending */
	LXCRI_PULL_DONE,
};

/* News of one layer. Texts are valid during the call. */
struct lxcri_pull_progress {
	enum lxcri_pull_state state;
	bool is_push;
	const char *digest; /* of the layer as it is fetched, or sent */
	unsigned int layer; /* from 0 */
	unsigned int layers;
	uint64_t bytes; /* that are there, at this end or at the other */
	uint64_t size;
};

typedef void (*lxcri_pull_fn)(void *userdata, const struct lxcri_pull_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
