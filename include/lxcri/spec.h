/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_SPEC_H
#define LXCRI_SPEC_H

/* An OCI runtime specification (config.json of a bundle, OCI runtime-spec 1.x): loaded, edited,
 * validated, written. Fields that this library does not know are kept as they are. */

#include <lxcri/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_spec;

/* Makes a minimal valid specification: ociVersion, a root called "rootfs", and a process that runs
 * sh. The caller owns it. */
struct lxcri_spec *lxcri_spec_create(void);

/* Loads config.json of @bundle. A missing one is LXCRI_E_BUNDLE_NOT_FOUND; a malformed or invalid
 * one is LXCRI_E_INVALID_JSON or LXCRI_E_INVALID_SPEC with the path of the field. The caller owns
 * *@ret_spec. */
int lxcri_spec_load(const char *bundle, struct lxcri_spec **ret_spec, struct lxcri_error *err);

/* The same from @size bytes. */
int lxcri_spec_parse(const char *json, size_t size, struct lxcri_spec **ret_spec,
		     struct lxcri_error *err);

/* Frees @spec; NULL is fine. */
void lxcri_spec_free(struct lxcri_spec *spec);

/* Sets the value at @path ("process.args[0]", "hostname", annotations["a b"]) to the JSON text
 * @json, or removes it when @json is NULL. What would make the specification invalid is refused
 * with LXCRI_E_INVALID_SPEC and changes nothing. */
int lxcri_spec_set(struct lxcri_spec *spec, const char *path, const char *json,
		   struct lxcri_error *err);

/* Returns the value at @path as JSON text, owned by the caller (free()), or NULL when there is
 * none. */
char *lxcri_spec_get(const struct lxcri_spec *spec, const char *path);

/* Returns the whole document as JSON text, owned by the caller. */
char *lxcri_spec_format(const struct lxcri_spec *spec);

/* Writes config.json into the directory @bundle, replacing it atomically. */
int lxcri_spec_save(const struct lxcri_spec *spec, const char *bundle, struct lxcri_error *err);

/* Called for each fault: the field's path, and what is wrong with it. */
typedef void (*lxcri_spec_fault_fn)(void *userdata, const char *path, const char *text);

/* Validates a config.json of @size bytes and reports every fault. Returns their number, or < 0 when
 * it is no JSON. */
int lxcri_spec_validate(const char *json, size_t size, lxcri_spec_fault_fn report, void *userdata,
			struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
