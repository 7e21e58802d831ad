/* SPDX-License-Identifier: MIT */
#pragma once

/* Addresses of registries, as libcurl parses them: what is checked here is what is connected to. */

#include "base/fail.h"

#include <stdbool.h>

/* Zeroed is empty. */
struct url {
	char *text;   /* without a fragment */
	char *scheme; /* "https" or "http" */
	char *host;   /* "registry.example", "[::1]" */
	char *port;   /* "443" */
};

/* Parses @text: http or https, with a host, without user information and control characters.
 * LXCRI_E_INVALID_REFERENCE; *@ret is then left alone. The caller ends it with url_finish(). */
[[nodiscard]] int url_parse(const char *text, struct url *ret, struct lxcri_error *err);

/* The same for @location as a link in @base: absolute or relative. */
[[nodiscard]] int url_join(const struct url *base, const char *location, struct url *ret,
			   struct lxcri_error *err);

/* Returns @url with the parameter "@name=@value" more, escaped; owned by the caller. */
[[nodiscard]] char *url_add_parameter(const char *url, const char *name, const char *value);

/* Returns @text with all escaped that is not plain in a form; owned by the caller. */
[[nodiscard]] char *url_escape(const char *text);

/* Tells whether both mean the same scheme, host and port: what may share credentials. */
bool url_is_same_origin(const struct url *a, const struct url *b);

/* Frees what @url holds and empties it. Safe to repeat. */
void url_finish(struct url *url);
