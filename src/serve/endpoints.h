/* SPDX-License-Identifier: MIT */
#pragma once

/* Services with addresses of their own are told who is ready, by a command for whatever containers
 * something has happened to. */

#include "serve/serve.h"

struct endpoints;

/* The caller owns *@ret. */
void endpoints_create(const struct serve_part *part, struct endpoints **ret);
void endpoints_free(struct endpoints *endpoints);

/* Something has happened to @container, or with NULL to any. */
void endpoints_note(struct endpoints *endpoints, const char *container);
