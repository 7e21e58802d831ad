/* SPDX-License-Identifier: MIT */
#pragma once

/* Whom the containers of a pod ask for names, and in which domains. */

#include "engine/pod/pod.h"
#include "engine/service/names.h"

/* What the options of a container borrow. Zeroed is nothing. */
struct lookup {
	struct names_lookup names;
	struct strings joined[3];
};

/* Frees what @lookup holds. Safe to repeat. */
void lookup_finish(struct lookup *lookup);

/* Tells whether the pod is to ask other servers alone than those of its networks. */
bool lookup_is_given(const struct lxcri_pod_options *options);

/* Has @member ask the servers of the pod's networks, or @server (NULL: those) in their place, and
 * what the pod says besides. *@ret goes with @member. */
[[nodiscard]] int lookup_choose(const struct lxcri_pod *pod,
				const struct lxcri_pod_options *options, const char *server,
				struct lxcri_create_options *member, struct lookup *ret,
				struct lxcri_error *err);
