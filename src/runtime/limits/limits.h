/* SPDX-License-Identifier: MIT */
#pragma once

/* The limits of a specification as what is written into the control files of a container's cgroups.
 * They are worked out before there is a container, so that what the host cannot do is refused by
 * its name; applied when its cgroups are there, whatever a runtime has made of them by then; and
 * applied again when they change. */

#include "base/fail.h"
#include "oci/spec_resources.h"
#include "os/cgroup/cgroup_file.h"

/* One value for one file. */
struct limit {
	char *field;      /* "memory.limit": where it stands below linux.resources */
	char *controller; /* as version 1 calls it; NULL: any cgroup of version 2 */
	char *file;
	char *value;
	bool keyed; /* the file has many lines, told apart by their first word */
};

/* Zeroed is empty. */
struct limits {
	struct limit *items;
	size_t count;
	bool check_usage; /* refuse less memory than is in use, instead of taking it away */
};

/* Frees what @limits holds. Safe to repeat. */
void limits_finish(struct limits *limits);

/* Works out the files and values of @resources (NULL: none) on @host. LXCRI_E_UNSUPPORTED_OPERATION
 * names the field that the host or its version of cgroups cannot do, and what is missing;
 * LXCRI_E_INVALID_SPEC the one that contradicts another. *@ret is the caller's, also then. */
[[nodiscard]] int limits_plan(const struct spec_resources *resources,
			      const struct cgroup_host *host, struct limits *ret,
			      struct lxcri_error *err);

/* Writes all of @limits into @cgroups (absolute, one a hierarchy), or none: when one fails, those
 * before it get their old values back, and the error names the field. */
[[nodiscard]] int limits_apply(const struct limits *limits, const struct cgroup_host *host,
			       const struct strings *cgroups, struct lxcri_error *err);

/* Appends what systemd shall know of @limits, which are of version 2, "NAME=VALUE". Weights and
 * protections count among the scopes of a slice and not below one; the others have room for the
 * monitor, and the container has the exact ones inside. */
void limits_properties(const struct limits *limits, struct strings *properties);
