/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of a container's handle, shared by the files that implement lxcri/container.h. */

#include "engine/home.h"
#include "engine/service/health.h"
#include "runtime/limits/limits.h"
#include "runtime/monitor.h"

struct lxcri_container {
	struct lxcri_engine *engine; /* borrowed */
	struct home home;
	struct record record;
	struct monitor *monitor; /* the creator's connection, until it is used up; or NULL */

	struct limits limits; /* of container_limits_plan() */

	/* As of the last container_refresh(). */
	struct monitor_state state;
	enum lxcri_status status;
	bool lost;        /* the monitor was killed */
	bool end_unknown; /* it has stopped, and how cannot be told here */
	struct health_state health;
};

static inline void lxcri_container_freep(struct lxcri_container **container)
{
	lxcri_container_free(*container);
	*container = NULL;
}

/* As lxcri_container_open(), of a whole container whose record was just read: *@record_consume is
 * empty afterwards. */
[[nodiscard]] int container_open_known(struct lxcri_engine *engine, const char *id,
				       struct record *record_consume,
				       struct lxcri_container **ret_container,
				       struct lxcri_error *err);

/* Reads the state, reconciled with the kernel: what is left of a container whose monitor was killed
 * is cleaned up, and it is stopped then. */
[[nodiscard]] int container_refresh(struct lxcri_container *container, struct lxcri_error *err);

/* What a container is whose monitor is alive and has written @state. */
enum lxcri_status container_status(const struct monitor_state *state);

/* Says what the container is, as of the last refresh, which opening it is as well; texts are valid
 * as long as the container, and until the next call. */
void container_describe(struct lxcri_container *container, struct lxcri_state *ret_state);

/* Returns how well the container is, as of the last refresh; borrowed until the next call. */
const struct health_state *container_health(struct lxcri_container *container);

/* Tells whether the container has stopped and the kernel killed a process of it for want of memory.
 */
static inline bool container_oom_killed(const struct lxcri_container *container)
{
	return container->status == LXCRI_STATUS_STOPPED && container->state.oom_kills > 0;
}

/* Takes the container's lock and refreshes. A container that somebody deleted meanwhile is
 * LXCRI_E_CONTAINER_NOT_FOUND. Given back by home_unlock(). */
[[nodiscard]] int container_lock(struct lxcri_container *container, struct lxcri_error *err);

/* Refuses with LXCRI_E_INVALID_STATE when @verb needs a container that has processes. */
[[nodiscard]] int container_need_alive(const struct lxcri_container *container, const char *verb,
				       struct lxcri_error *err);

/* A monitor that went away under a request because its container ended is no mystery: turns the
 * failure @r into LXCRI_E_INVALID_STATE then. Returns @r, or -1. */
[[nodiscard]] int container_explain_end(struct lxcri_container *container, int r,
					struct lxcri_error *err);

/* Yields a connection to the monitor: the creator's own, or a new one. Owned by the caller. */
[[nodiscard]] int container_connect(struct lxcri_container *container, struct monitor **ret_monitor,
				    struct lxcri_error *err);

/* Starts the monitor of a container whose record, bundle, limits and directories are complete, and
 * keeps its connection in the handle, not yet committed, also when the limits then fail. The lock
 * must be held. */
[[nodiscard]] int container_launch(struct lxcri_container *container, unsigned int preserve_fds,
				   pid_t *ret_pid, struct lxcri_error *err);

/* Deletes the container unless it is anything but stopped, or is to be started again. Returns 1
 * when it is gone, 0 when it stays. */
[[nodiscard]] int container_delete_stopped(struct lxcri_container *container,
					   struct lxcri_error *err);

/* Ends and removes what a monitor that is gone has left running, if there was one. The lock must be
 * held. */
[[nodiscard]] int container_clean_up(const struct lxcri_container *container,
				     struct lxcri_error *err);

/* Ends whatever runs for the container and removes all that it has. Right for a half-made one, and
 * safe to repeat. The lock must be held. */
[[nodiscard]] int container_teardown(struct lxcri_container *container, struct lxcri_error *err);

/* Does that with a container that was whole, and tells so. */
[[nodiscard]] int container_remove(struct lxcri_container *container, struct lxcri_error *err);
