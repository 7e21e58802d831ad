/* SPDX-License-Identifier: MIT */
#pragma once

/* Pods in Proxmox VE: each is one CT, which is the pod's only container. On this host there are the
 * records of both and, in the database, the pod's place in the network of its namespace: with MAC
 * and number of its CT, by which the next pod of a set is who the one before was, and with the
 * addresses that it is known to have. Nothing of that network is in the CT, which is on bridges of
 * its node. */

#include "engine/pod/pod.h"

/* What the annotations begin with that say more of a CT. */
#define CT_POD_PREFIX "org.proxmox-lxcri.proxmox."

/* On which bridges it is, ";" between, and on which node. */
#define CT_POD_NETWORK CT_POD_PREFIX "network"
#define CT_POD_NODE    CT_POD_PREFIX "node"

/* Tells whether @shell is that of such a pod. */
static inline bool ct_pod_is(const struct lxcri_container *shell)
{
	return shell->record.type == LXCRI_PROXMOX_LXC;
}

/* Tells whether @pod is one that its annotations have on no network. */
bool ct_pod_is_alone(const struct lxcri_pod *pod);

/* Refuses, by its name, what a CT cannot be asked for. LXCRI_E_UNSUPPORTED_OPERATION,
 * LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int ct_pod_check(struct lxcri_engine *engine, const struct lxcri_pod_options *options,
			       struct lxcri_error *err);

/* Writes down the place of the new pod: the one that is kept for it, or another. */
[[nodiscard]] int ct_pod_join(struct lxcri_pod *pod, const struct lxcri_pod_options *options,
			      struct lxcri_error *err);

/* Returns which node this host is where a pod can be on it that is to be on the node @asked (NULL:
 * as the configuration says, or any); NULL where it cannot. Owned by the caller. */
[[nodiscard]] char *ct_pod_node_here(const struct lxcri_engine *engine, const char *asked);

/* Tells whether the CT of @pod is not in the cluster any more: 1 or 0. */
[[nodiscard]] int ct_pod_is_lost(const struct lxcri_pod *pod, struct lxcri_error *err);

/* Has the place say that nobody is to be led there. */
[[nodiscard]] int ct_pod_leave(struct lxcri_container *shell, struct lxcri_error *err);

/* Makes what this host has to give to the pod's container: directories with files. */
[[nodiscard]] int ct_pod_make_directories(const struct lxcri_pod *pod,
					  const struct lxcri_pod_options *options,
					  struct lxcri_error *err);

/* Makes the container @given of @pod. Errors as lxcri_container_create(). */
[[nodiscard]] int ct_pod_create_member(struct lxcri_pod *pod,
				       const struct lxcri_pod_options *options,
				       const struct lxcri_create_options *given,
				       struct lxcri_error *err);
