/* SPDX-License-Identifier: MIT */
#pragma once

/* The first process of an LXC container, from the moment liblxc has executed it in its namespaces
 * until it becomes the user's process. What it does to the container is one table of steps in
 * shim_main.c; the steps are in the files beside it. */

#include "base/fail.h"
#include "runtime/lxc/lxc_plan.h"

/* What the steps share. */
struct shim {
	struct lxc_plan plan;
	int sync;     /* messages to and from the monitor */
	int trees;    /* delivers the root's tree, then one for each bind mount in their order */
	int host;     /* the host's root as it is seen before the container's is entered */
	int root;     /* the container's root */
	int proc;     /* a proc file system that nobody else can reach or cover */
	int terminal; /* the master, until it is sent away */
	int console;  /* connected socket to which it is sent; -1 without one */
};

#define SHIM_NULL                       \
	((struct shim){ .sync = -1,     \
			.trees = -1,    \
			.host = -1,     \
			.root = -1,     \
			.proc = -1,     \
			.terminal = -1, \
			.console = -1 })

/* Receives the next tree of mounts. Returns its fd, owned by the caller. */
[[nodiscard]] int shim_receive_tree(struct shim *shim, struct lxcri_error *err);

/* Attaches the tree @tree, which this call owns, at @path of the container, as seen from inside its
 * root. */
[[nodiscard]] int shim_attach_consume(struct shim *shim, int tree, const char *path,
				      struct lxcri_error *err);

/* Makes the mounts of the plan, in its order; what a target lacks is created. */
[[nodiscard]] int shim_make_mounts(struct shim *shim, struct lxcri_error *err);

/* Fills /dev with the default devices, those of the plan, and the usual links. Where devices cannot
 * be made, the host's are bound. */
[[nodiscard]] int shim_make_devices(struct shim *shim, struct lxcri_error *err);

/* Hides the masked paths, makes the read-only ones and at last the root read-only. */
[[nodiscard]] int shim_protect_paths(struct shim *shim, struct lxcri_error *err);

/* Makes a terminal of the container's devpts, our standard streams and /dev/console, and sends its
 * master over shim->console. Without one in the plan it does nothing. */
[[nodiscard]] int shim_open_terminal(struct shim *shim, struct lxcri_error *err);

/* Copies everything in the directory @from into the directory @to, a new file system. */
[[nodiscard]] int shim_copy_up(int from, int to, struct lxcri_error *err);
