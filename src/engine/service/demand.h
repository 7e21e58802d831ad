/* SPDX-License-Identifier: MIT */
#pragma once

/* Having `proxmox-lxcri serve` run where something needs it. One runs for a run-time directory: it
 * holds a lock there for as long as it lives. It gives that back before it looks a last time
 * whether it is needed, so who writes down the need first and looks at the lock then is always
 * heard. */

#include "engine/container.h"

/* The lock's file in the run-time directory; the one that holds it writes its pid there. */
#define DEMAND_LOCK_FILE "serve.lock"

/* Makes sure that it runs, if @container needs it. What goes wrong is logged: the container runs
 * all the same. */
void demand_service_of(const struct lxcri_container *container);

/* Makes sure that it runs. 0, or -1 with @err filled. */
[[nodiscard]] int demand_service(const struct lxcri_engine *engine, struct lxcri_error *err);

/* Takes the lock, as the one that runs. Returns a descriptor that holds it, or -EWOULDBLOCK when
 * another one does, or another -errno. */
[[nodiscard]] int demand_lock(const struct lxcri_engine *engine);

/* Returns the process of the one that runs; 0 for none, or one that is not known. */
pid_t demand_process(const struct lxcri_engine *engine);

/* Has the service look at everything anew, starting it where it does not run. */
[[nodiscard]] int demand_look_again(const struct lxcri_engine *engine, struct lxcri_error *err);
