/* SPDX-License-Identifier: MIT */
#pragma once

/* What a container uses, as its cgroups and its network namespace count it. */

#include "base/strings.h"
#include "lxcri/limits.h"
#include "os/cgroup/cgroup_file.h"

/* Fills the parts of @stats whose controllers have one of @cgroups, and their flags. */
void usage_read_cgroups(const struct cgroup_host *host, const struct strings *cgroups,
			struct lxcri_stats *stats);

/* Adds what @text, the content of a /proc/PID/net/dev, says of every interface but "lo". Lines of
 * another form add nothing. */
void usage_add_network(const char *text, struct lxcri_stats *stats);
