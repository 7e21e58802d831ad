/* SPDX-License-Identifier: MIT */
#pragma once

/* Tokens: what a service gives to who may do something with a repository, for a while. */

#include "image/registry/endpoint.h"

/* Asks the service of @challenge for a token to pull with, or to push where the endpoint is pushed
 * to. Credentials go along only where the service is the registry's own host or one that is known
 * for it; redirects are not followed.
 * *@ret_authorization is the value of a header, owned by the caller.
 * LXCRI_E_AUTHENTICATION_FAILED. */
[[nodiscard]] int token_get(const struct endpoint *endpoint, const struct challenge *challenge,
			    char **ret_authorization, struct lxcri_error *err);

/* Returns the value of the header for a user name and a password, owned by the caller. */
[[nodiscard]] char *token_basic(const struct credentials *credentials);
