/* SPDX-License-Identifier: MIT */
#pragma once

/* A file at an http or https address, of a server that need not be a registry. */

#include "image/registry/fetch.h"

struct whole_file;

/* Prepares to fetch settings->reference to the empty file @fd, which is borrowed. Nothing is sent
 * yet. LXCRI_E_INVALID_ARGUMENT for what is no such address, or has a user name in it;
 * LXCRI_E_DOWNLOAD_FAILED for http where that is not said to be allowed. The caller owns *@ret. */
[[nodiscard]] int whole_file_create(const struct settings *settings, int fd,
				    struct whole_file **ret, struct lxcri_error *err);

/* Frees @file; NULL is fine. */
void whole_file_free(struct whole_file *file);
DEFINE_AUTOPTR(whole_file)

/* Fetches it, anew after each break: no digest tells whether parts of two answers belong together.
 * LXCRI_E_DOWNLOAD_FAILED, LXCRI_E_TIMEOUT, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int whole_file_fetch(struct whole_file *file, struct lxcri_error *err);
