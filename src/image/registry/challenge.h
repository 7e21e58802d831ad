/* SPDX-License-Identifier: MIT */
#pragma once

/* What a registry answers to who has not said who they are: WWW-Authenticate (RFC 9110, 11.6.1). */

#include "base/fail.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

/* Zeroed is none. Texts are NULL when absent. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm;
	char *service;
	char *scope;
};

/* Reads the value of one header, which may hold several challenges, and chooses: Bearer rather than
 * Basic; others are passed over. No known scheme leaves *@ret as it is and is no error.
 * LXCRI_E_INVALID_FORMAT for what is not such a list. The caller ends *@ret with
 * challenge_finish(). */
[[nodiscard]] int challenge_parse(const char *header, struct challenge *ret,
				  struct lxcri_error *err);

/* Frees what @challenge holds and empties it. Safe to repeat. */
void challenge_finish(struct challenge *challenge);
