/* SPDX-License-Identifier: MIT */
#pragma once

/* Asking a container what its probes say. */

#include "engine/service/probe.h"
#include "serve/serve.h"

struct prober;

/* The run of a container that is asked, as of the last look. All of it is borrowed. */
struct prober_run {
	const char *id;
	const char *network_id; /* who has its address: itself, or its pod */
	int run_dir_fd;
	int64_t run_ns;
};

/* What its owner is told. */
struct prober_owner {
	/* Another answer as a whole than before. Who is told may free the prober. */
	void (*changed)(void *userdata, enum probes_health health);
	/* It is to be ended; told with each failure until it is. */
	void (*failed)(void *userdata, enum probe_kind kind, const struct probe *probe,
		       const char *output);
	void *userdata;
};

/* Makes one that asks nothing yet. The caller owns it. */
[[nodiscard]] struct prober *prober_create(const struct serve_part *part,
					   const struct prober_owner *owner);

/* Gives up what is being asked; NULL is fine. */
void prober_free(struct prober *prober);
DEFINE_AUTOPTR(prober)

/* Takes what the record has. What is damaged is logged, and nothing is asked. */
void prober_set(struct prober *prober, const char *text);

/* Sees to the next question of each kind in @run; NULL: the container does not run. */
void prober_see_to(struct prober *prober, const struct prober_run *run);

/* Tells how the container is; right for the run that was seen to last. */
enum probes_health prober_judge(const struct prober *prober);
