/* SPDX-License-Identifier: MIT */
#pragma once

/* Who we are to a registry: the files of credentials in their order, and the programs that some of
 * them name. All of it is done before the process confines itself. */

#include "image/registry/auth_file.h"
#include "image/registry/settings.h"

/* Looks up who we are to @host when @path of it is wanted. *@ret stays nobody where no file says
 * anything. A file that others can read and that has a secret for this registry is
 * LXCRI_E_INVALID_CONFIG; a malformed one, or a helper that fails, is an error too. The caller ends
 * *@ret with credentials_finish(). */
[[nodiscard]] int credentials_find(const struct settings *settings, const char *host,
				   const char *path, struct credentials *ret,
				   struct lxcri_error *err);
