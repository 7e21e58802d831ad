/* SPDX-License-Identifier: MIT */
#pragma once

/* A container in the service's eyes: what its record asks for, what it is at the moment, and what
 * is about to be done for it. */

#include "engine/container.h"
#include "engine/service/health.h"
#include "serve/job.h"
#include "serve/prober.h"
#include "serve/serve.h"

struct guarded {
	const struct serve_part *part;
	void (*look)(void *userdata, struct guarded *guarded); /* at it again */
	void *userdata;
	char *id;

	/* As of the last look. */
	enum lxcri_status status;
	int64_t created_ns;
	int64_t run_ns; /* when the present run began */
	pid_t pid;
	uint64_t pid_start_time;
	int64_t restarts;
	bool has_policy;
	bool is_due;    /* to be started again, now or later */
	int64_t due_ns; /* how long from then */
	bool has_check;
	struct health_check check;
	struct health_state health; /* or what is made of the answers of the probes */
	struct prober *prober;      /* of one that has probes; else NULL */
	char *pod_of;               /* or NULL */
	bool is_starting;           /* what follows its start is under way */
	bool is_first;              /* of a pod: not one that is there while it runs */

	/* What services were told of it last; nothing yet is run 0. */
	int64_t told_run_ns;
	enum lxcri_status told_status;
	enum health_status told_health;
	bool told_starting;

	sd_event_source *monitor; /* becomes ready when its monitor ends; of one of Proxmox VE on
				   * this host its first process */
	int monitor_fd;
	pid_t monitor_pid;

	sd_event_source *poll_timer; /* of one of Proxmox VE, of whose end nothing tells */

	sd_event_source *restart_timer;
	struct job *restart;

	sd_event_source *check_timer;
	struct job *checking;
	struct job *acting; /* because it is not well */
	int run_dir_fd;
};

/* Makes one for the container @id, of which nothing is known yet. The caller owns it. */
[[nodiscard]] struct guarded *guarded_create(const struct serve_part *part, const char *id);

/* Ends all that is about to be done; NULL is fine. The container goes on. */
void guarded_free(struct guarded *guarded);
DEFINE_AUTOPTR(guarded)

/* Reads what the container is now. Returns 1, or 0 when there is no such container, or none of
 * which that can be told. */
[[nodiscard]] int guarded_refresh(struct guarded *guarded);

/* Tells whether it is to be talked to. */
bool guarded_is_ready(const struct guarded *guarded);

/* Makes, of what @guarded has, who asks its probes. */
[[nodiscard]] struct prober *guarded_make_prober(struct guarded *guarded);

/* Tells whether somebody must stay for it. */
bool guarded_is_needy(const struct guarded *guarded);

/* Whether one more may be started now. */
enum guarded_room { GUARDED_MAY_START, GUARDED_MUST_WAIT };

/* Sees to its next start, as the policy has it. Where @room has none that is for another call. */
void guarded_see_to_restart(struct guarded *guarded, enum guarded_room room);

/* Sees to its next check. */
void guarded_see_to_health(struct guarded *guarded);
