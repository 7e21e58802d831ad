/* SPDX-License-Identifier: MIT */
#pragma once

/* The containers and ports of `pod create`. */

#include "base/strings.h"
#include "lxcri/workload/pod.h"

/* Zeroed is empty. */
struct pod_option {
	struct lxcri_create_options *containers;
	size_t n_containers;
	struct lxcri_port *ports;
	size_t n_ports;
	struct strings texts; /* that those borrow */
};

/* Reads each of @words as NAME=IMAGE, and each of @ports. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int pod_option_read(const struct strings *ports, char **words, struct pod_option *ret,
				  struct lxcri_error *err);

/* Frees what @option holds. Safe to repeat. */
void pod_option_finish(struct pod_option *option);

static inline void lxcri_pod_freep(struct lxcri_pod **pod)
{
	lxcri_pod_free(*pod);
	*pod = NULL;
}
