/* SPDX-License-Identifier: MIT */
#pragma once

/* The process of a specification, as a container of Proxmox VE takes it: an entry point, which
 * begins with our own init and hands over to it all that has no place elsewhere, and an
 * environment.
 */

#include "engine/bundle.h"

/* Zeroed is empty. */
struct ct_process {
	char *entrypoint;
	char *env; /* NAME=VALUE, with a NUL between them */
	size_t env_size;
};

/* Fills @ret from bundle->spec and the files that go with it. What a variable cannot be in Proxmox
 * VE goes in letters of base64. LXCRI_E_LIMIT_EXCEEDED where it is too long. */
[[nodiscard]] int ct_process_make(const struct bundle *bundle, struct ct_process *ret,
				  struct lxcri_error *err);

/* What of it stands beside a specification, from which it cannot be made again. */
#define CT_PROCESS_FILE "process.json"

/* Writes it to the directory @dir. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ct_process_save(const struct ct_process *process, const char *dir,
				  struct lxcri_error *err);

/* Reads it. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ct_process_load(const char *dir, struct ct_process *ret, struct lxcri_error *err);

/* Frees what @process holds. Safe to repeat. */
void ct_process_finish(struct ct_process *process);
