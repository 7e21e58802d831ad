/* SPDX-License-Identifier: MIT */
#pragma once

/* The manifests that a command line names: files, directories, and standard input. */

#include "base/strings.h"
#include "lxcri/workload/manifest.h"

struct manifests {
	struct lxcri_manifest *items; /* their texts are owned */
	size_t count;
};

/* Reads each of @words: a file; a directory, of which every *.yaml, *.yml and *.json is taken; "-".
 * The caller finishes *@ret. LXCRI_E_PATH_NOT_FOUND, LXCRI_E_LIMIT_EXCEEDED. */
[[nodiscard]] int manifests_read(const struct strings *words, struct manifests *ret,
				 struct lxcri_error *err);

/* Frees what @manifests holds. Safe to repeat. */
void manifests_finish(struct manifests *manifests);

/* Tells whether @word names a manifest where it could name a container as well. */
bool manifests_is_one(const char *word);

/* Reads --validate: 1 for "warn", 0 for "strict" or NULL. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int manifests_wants_warnings(const char *validate, struct lxcri_error *err);

/* Fills `warn` and `tell` so that they print. */
void manifests_print(struct lxcri_manifest_options *options);
