/* SPDX-License-Identifier: MIT */
#pragma once

/* The process of a specification, as a container of Proxmox VE takes it: an entry point, which
 * begins with our own init and hands over to it all that has no place elsewhere, and an
 * environment.
 */

#include "engine/bundle.h"
#include "engine/record.h"

/* An annotation of a specification: the places of volumes in which all may write, ":" between. */
#define CT_PROCESS_OPEN "org.proxmox-lxcri.open"

/* Another: the capabilities that it may have at most, a number whose bit n is capability n. Without
 * it they are those that Proxmox VE leaves to containers. */
#define CT_PROCESS_CAPABILITIES "org.proxmox-lxcri.capabilities"

/* Reads what @spec says of that; all capabilities where it says nothing. */
uint64_t ct_process_bounds(struct json_object *spec);

/* Zeroed is empty. */
struct ct_process {
	char *entrypoint;
	char *env; /* NAME=VALUE, with a NUL between them */
	size_t env_size;
};

/* Notes in @spec what of @options stands there for other containers as well. */
[[nodiscard]] int ct_process_note(const struct lxcri_create_options *options,
				  struct json_object *spec, struct lxcri_error *err);

/* Fills @ret from bundle->spec and the files that go with it, from where @record has its output go,
 * and from what the user asked for, a file of the directory @request_dir. What a variable cannot be
 * in Proxmox VE goes in letters of base64. LXCRI_E_LIMIT_EXCEEDED where it is too long. */
[[nodiscard]] int ct_process_make(const struct bundle *bundle, const struct record *record,
				  const char *request_dir, struct ct_process *ret,
				  struct lxcri_error *err);

/* Makes a specification of what a container that is in no record has of entry point and
 * environment, and fills the members of @record that they tell: stop signal, restart policy, health
 * check, log. *@ret_request is what its user asked for, or NULL; both are the caller's.
 * LXCRI_E_INVALID_FORMAT. */
[[nodiscard]] int ct_process_read(const struct ct_process *process, struct record *record,
				  struct json_object **ret_spec, char **ret_request,
				  struct lxcri_error *err);

/* Has @bundle have the files of /etc that @process has. */
void ct_process_keep_files(const struct ct_process *process, struct bundle *bundle);

/* What of it stands beside a specification, from which it cannot be made again. */
#define CT_PROCESS_FILE "process.json"

/* Writes it to the directory @dir. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ct_process_save(const struct ct_process *process, const char *dir,
				  struct lxcri_error *err);

/* Reads it. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ct_process_load(const char *dir, struct ct_process *ret, struct lxcri_error *err);

/* Frees what @process holds. Safe to repeat. */
void ct_process_finish(struct ct_process *process);
