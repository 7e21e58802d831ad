/* SPDX-License-Identifier: MIT */
#pragma once

/* This host as a node of the cluster: what can be done with a container that runs here, and that no
 * request of the API does. By liblxc, which lxcri-lxc has loaded, and by the files of its volumes.
 */

#include "engine/container.h"
#include "engine/ct/ct_session.h"

/* Returns which node this host is, owned by the caller, or NULL. */
[[nodiscard]] char *ct_node_here(const struct lxcri_engine *engine);

/* Tells whether this host is @node: by the configuration, else by its name and /etc/pve. */
bool ct_node_is_here(const struct lxcri_engine *engine, const char *node);

/* Finds where @container is, which has to be here for @verb; NULL is for a caller whose own words
 * for what failed say that. LXCRI_E_UNSUPPORTED_OPERATION, naming the node that it is on. The
 * caller ends *@ret. */
[[nodiscard]] int ct_node_need(struct lxcri_container *container, const char *verb,
			       struct ct_place *ret, struct lxcri_error *err);

/* As that, and fills what container->state has of its first process, and whether it is paused; it
 * has to run. LXCRI_E_INVALID_STATE. */
[[nodiscard]] int ct_node_enter(struct lxcri_container *container, const char *verb,
				struct lxcri_error *err);

/* Yields the directory of the volume @volume on this host; owned by the caller.
 * LXCRI_E_UNSUPPORTED_OPERATION for one that is no directory, but a device or an image of one. */
[[nodiscard]] int ct_node_volume(struct pve *pve, const struct ct_place *place, const char *volume,
				 char **ret_path, struct lxcri_error *err);

/* Opens the directory of what our init keeps of the container at @place, which is here: by its root
 * file system, else by the first process, should it run. Returns a descriptor. */
[[nodiscard]] int ct_node_open_state(struct lxcri_container *container,
				     const struct ct_place *place, struct lxcri_error *err);

/* A call of lxcri-lxc. Descriptors are borrowed. */
struct ct_helper {
	const char *verb; /* "ct-pid", "ct-exec", "ct-freeze", "ct-thaw" */
	int streams[3];   /* -1: /dev/null */
	int process;      /* of ct-exec: a file with the process object */
	int console;      /* of ct-exec: to which the terminal's master is sent; -1: it has none */
	uint64_t bounds;  /* of ct-exec: capabilities that it may have at most; bit n is number n */
	bool detach;
};
#define CT_HELPER_NULL       \
	((struct ct_helper){ \
		.streams = { -1, -1, -1 }, .process = -1, .console = -1, .bounds = UINT64_MAX })

/* Starts it. Returns the child, whose exit code is that of the process; *@ret_pid is what it told:
 * the first process's, or that of the process that was executed. Negative: it is frozen. */
[[nodiscard]] pid_t ct_helper_start(const struct lxcri_engine *engine, const struct ct_place *place,
				    const struct ct_helper *helper, pid_t *ret_pid,
				    struct lxcri_error *err);

/* Runs one that ends at once. */
[[nodiscard]] int ct_helper_run(const struct lxcri_engine *engine, const struct ct_place *place,
				const char *verb, pid_t *ret_pid, struct lxcri_error *err);
