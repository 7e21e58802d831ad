/* SPDX-License-Identifier: MIT */
#pragma once

/* Doing one thing in another network namespace. */

/* Returns a value >= 0, or -errno. */
typedef int (*netns_visit_fn)(void *userdata);

/* Calls @visit with the calling thread in @netns, and comes back: a thread that could not would do
 * whatever comes next to the wrong host, so then the process ends. Returns what @visit returned, or
 * -errno. */
[[nodiscard]] int netns_visit(int netns, netns_visit_fn visit, void *userdata);
