/* SPDX-License-Identifier: MIT */
#pragma once

/* Credential helpers: programs called docker-credential-NAME that keep secrets elsewhere. */

#include "image/registry/auth_file.h"

#include <stdint.h>

/* Asks the helper @name for the credentials of @server, waiting at most @timeout_ms. Returns 1, or
 * 0 when it has none. LXCRI_E_COMMAND_NOT_FOUND, LXCRI_E_TIMEOUT, LXCRI_E_AUTHENTICATION_FAILED
 * when it fails otherwise. */
[[nodiscard]] int helper_get(const char *name, const char *server, int64_t timeout_ms,
			     struct credentials *ret, struct lxcri_error *err);
