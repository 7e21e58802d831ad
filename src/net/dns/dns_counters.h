/* SPDX-License-Identifier: MIT */
#pragma once

/* What the server has done, in memory that others may map: it writes, they read. */

#include <stdint.h>

struct dns_counters {
	uint64_t queries;
	uint64_t answered;  /* from a zone, absences included */
	uint64_t absent;    /* of these: no such name */
	uint64_t forwarded; /* to a resolver */
	uint64_t cached;    /* answered from what a resolver had said before */
	uint64_t failed;    /* no resolver has answered */
	uint64_t refused;   /* not ours to answer, or not to be understood */
	uint64_t foreign;   /* from outside the network: no answer */
	uint64_t connections;
};
