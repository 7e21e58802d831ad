/* SPDX-License-Identifier: MIT */
#pragma once

/* Health checks: how a container is asked whether it is well, which stands in its record, and what
 * came of it, which stands in its run directory and holds for one run. */

#include "base/fail.h"
#include "base/strings.h"
#include "lxcri/container.h"
#include "lxcri/service.h"
#include "oci/image_config.h"

struct health_check {
	struct strings command; /* that exits with 0 when all is well */
	int64_t interval_ns;
	int64_t timeout_ns;
	int64_t start_period_ns;
	unsigned int retries;
	enum lxcri_health_action action;
};

/* Frees what @check holds. Safe to repeat. */
void health_check_finish(struct health_check *check);

/* Chooses from what the user asked for (NULL: nothing) and the image. *@ret is the text for the
 * record, owned by the caller, or NULL for no check. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int health_choose(const struct lxcri_healthcheck *asked,
				const struct image_healthcheck *image, char **ret,
				struct lxcri_error *err);

/* Reads what health_choose() made. Damage is LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int health_check_parse(const char *text, struct health_check *ret_check,
				     struct lxcri_error *err);

#define HEALTH_FILE       "health.json"
#define HEALTH_OUTPUT_MAX 4096

enum health_status { HEALTH_UNKNOWN, HEALTH_STARTING, HEALTH_WELL, HEALTH_ILL };

/* What came of the checks of one run. Zeroed is nothing. */
struct health_state {
	enum health_status status;
	int64_t run_ns;       /* when that run began */
	int64_t checked_ns;   /* when the last check ended */
	unsigned int failing; /* in a row */
	int exit_code;        /* of the last check; -1: it took too long */
	char *output;         /* of it, cut; or NULL */
};

/* Frees what @state holds. Safe to repeat. */
void health_state_finish(struct health_state *state);

/* Returns "starting", "healthy" or "unhealthy", or NULL for HEALTH_UNKNOWN. */
const char *health_status_name(enum health_status status);

/* Reads what is known of the run that began at @run_ns; nothing is HEALTH_UNKNOWN. */
void health_state_load(int run_dirfd, int64_t run_ns, struct health_state *ret_state);

/* Writes it. 0 or -errno. */
[[nodiscard]] int health_state_save(int run_dirfd, const struct health_state *state);

/* Returns how a container that runs is by its probes: @text is what its record has of them. */
enum health_status health_by_probes(const char *text, int run_dirfd, int64_t run_ns);

/* Tells whether the container or the pod @id is to be talked to: it runs, is not about to be ended,
 * and what is asked of it, or of each of its containers, says that it is well. */
bool health_is_ready(struct lxcri_engine *engine, const char *id);
