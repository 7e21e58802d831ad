/* SPDX-License-Identifier: MIT */
#pragma once

/* Telling registries who we are, and keeping what they accept. */

#include "base/fail.h"
#include "lxcri/config.h"

/* Tries @user and @password at the registry @host and keeps them in the file of credentials of
 * @config. LXCRI_E_AUTHENTICATION_FAILED when they are not accepted; nothing is kept then. */
[[nodiscard]] int image_login(const struct lxcri_config *config, const char *host, const char *user,
			      const char *password, struct lxcri_error *err);

/* Removes what is kept for @host. LXCRI_E_INVALID_ARGUMENT when nothing is. */
[[nodiscard]] int image_logout(const struct lxcri_config *config, const char *host,
			       struct lxcri_error *err);
