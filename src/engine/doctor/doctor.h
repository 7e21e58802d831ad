/* SPDX-License-Identifier: MIT */
#pragma once

/* The host, looked at family by family. A family is one file; each of its checks reports once. */

#include "base/fail.h"
#include "engine/engine.h"
#include "lxcri/system.h"

struct doctor {
	struct lxcri_engine *engine; /* borrowed */
	lxcri_finding_fn report;
	void *userdata;
	unsigned int faults;
};

/* A check, and what to say when it does not pass. */
struct advice {
	const char *check;
	const char *meaning;
	const char *remedy; /* or NULL */
};

/* Reports that the check of @advice found the formatted text. Meaning and remedy go along unless
 * all is well. */
[[gnu::format(printf, 4, 5)]] void doctor_report(struct doctor *doctor, enum lxcri_health health,
						 const struct advice *advice, const char *found,
						 ...);

/* The families. */
void doctor_kernel(struct doctor *doctor);
void doctor_cgroups(struct doctor *doctor);
void doctor_security(struct doctor *doctor);
void doctor_namespaces(struct doctor *doctor);
void doctor_ids(struct doctor *doctor);
void doctor_runtimes(struct doctor *doctor);
void doctor_helpers(struct doctor *doctor);
void doctor_storage(struct doctor *doctor);
void doctor_network(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_proxmox(struct doctor *doctor);
