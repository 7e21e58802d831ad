/* SPDX-License-Identifier: MIT */
#pragma once

/* Trying credentials, and the file in which those that were accepted are kept. */

#include "base/scope.h"
#include "image/registry/settings.h"

struct login;

/* Prepares to try settings->user and settings->password at the registry settings->reference, and
 * opens the directory of the file that will keep them. The caller owns *@ret_login. */
[[nodiscard]] int login_create(const struct settings *settings, struct login **ret_login,
			       struct lxcri_error *err);

/* Returns that directory, borrowed. */
int login_dir(const struct login *login);

/* Tries them, and keeps them. LXCRI_E_AUTHENTICATION_FAILED. */
[[nodiscard]] int login_run(struct login *login, struct lxcri_error *err);

/* Removes what is kept for the registry. LXCRI_E_INVALID_ARGUMENT when nothing is. */
[[nodiscard]] int login_forget(struct login *login, struct lxcri_error *err);

/* Frees @login; NULL is fine. */
void login_free(struct login *login);
DEFINE_AUTOPTR(login)
