/* SPDX-License-Identifier: MIT */
#pragma once

/* Containers by the name of their pod, or of what has made that. */

#include "base/strings.h"
#include "cli/cli.h"

/* Opens the container @id, or one of the pod @id, or of the first pod of "KIND/NAME": the one
 * called
 * @name, else the one that an annotation names as kubectl has it, else the first, which is told
 * where there are others. The caller owns *@ret_container. */
[[nodiscard]] int pod_container_open(struct cli *cli, const char *id, const char *name,
				     struct lxcri_container **ret_container,
				     struct lxcri_error *err);

/* Which containers are meant. */
struct pod_container_choice {
	const char *name_space;
	const char *name; /* in each pod; NULL: as above */
	bool all;         /* of each pod, those that run at first included */
	bool is_again;    /* it was asked before: which one was taken is not told once more */
};

/* Appends the ids of the containers that @id, or what is called so, has. */
[[nodiscard]] int pod_container_list(struct cli *cli, const char *id,
				     const struct pod_container_choice *choice, struct strings *ids,
				     struct lxcri_error *err);
