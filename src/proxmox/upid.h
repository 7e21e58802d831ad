/* SPDX-License-Identifier: MIT */
#pragma once

/* The name of a task: UPID:NODE:PID:PSTART:START:TYPE:ID:USER: */

#include "base/fail.h"

#include <stdbool.h>
#include <stdint.h>

#define UPID_BYTES_MAX 512u
#define NODE_NAME_MAX  64u

struct upid {
	char node[NODE_NAME_MAX];
	uint32_t pid;
	uint64_t pstart;
	uint32_t start; /* seconds since the epoch */
	char type[64];
	char id[128]; /* may be empty */
	char user[128];
};

/* Reads @text. LXCRI_E_INVALID_FORMAT. */
[[nodiscard]] int upid_parse(const char *text, struct upid *ret, struct lxcri_error *err);

/* Tells whether @name can be a node: letters, digits and inner "-". */
bool node_name_is_valid(const char *name);
