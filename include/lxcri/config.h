/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_CONFIG_H
#define LXCRI_CONFIG_H

/* The configuration: built-in defaults, overlaid by one JSON file. Parsed once, validated, and not
 * changed afterwards but by the two setters for the runtime. */

#include <lxcri/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What a container is made of. */
enum lxcri_container_type {
	LXCRI_LXC,         /* liblxc on this host */
	LXCRI_CRUN,        /* libcrun on this host */
	LXCRI_RUNC,        /* the runc program, or any program with its command line */
	LXCRI_PROXMOX_LXC, /* a CT of Proxmox VE, through its API */
};

/* Returns "lxc", "crun", "runc" or "proxmox-lxc"; never NULL. */
const char *lxcri_container_type_name(enum lxcri_container_type type);

/* Reads a type's name. Any other word is LXCRI_E_UNSUPPORTED_OPERATION. */
int lxcri_container_type_parse(const char *name, enum lxcri_container_type *ret_type,
			       struct lxcri_error *err);

struct lxcri_config;

/* Makes a configuration of the built-in defaults. The caller owns it. */
struct lxcri_config *lxcri_config_create(void);

/* Loads @path over the defaults; NULL means the search order: the environment's
 * PROXMOX_LXCRI_CONFIG, /etc/proxmox-lxcri/config.json, defaults alone. A path that was given
 * (here or in the environment) and does not exist is LXCRI_E_CONFIG_NOT_FOUND; a fault in the file
 * is LXCRI_E_INVALID_CONFIG with key path and line. The caller owns *@ret_config. */
int lxcri_config_load(const char *path, struct lxcri_config **ret_config, struct lxcri_error *err);

/* The same from @size bytes of JSON; @name stands for the file in messages. */
int lxcri_config_parse(const char *json, size_t size, const char *name,
		       struct lxcri_config **ret_config, struct lxcri_error *err);

/* Frees @config; NULL is fine. */
void lxcri_config_free(struct lxcri_config *config);

/* Called for each fault or warning in a file, in the order of its lines; @line is 0 when the fault
 * has none. Texts are valid during the call only. */
typedef void (*lxcri_config_fault_fn)(void *userdata, unsigned int line, const char *key_path,
				      const char *text, int is_warning);

/* Checks the file @path and reports every fault. Returns the number of errors (warnings not
 * counted), or < 0 when the file cannot be read or is no JSON. */
int lxcri_config_check(const char *path, lxcri_config_fault_fn report, void *userdata,
		       struct lxcri_error *err);

/* Tells where a value came from: "default", the name of the file, or "caller" for one of the
 * setters below. Called by lxcri_config_show() for each key in a stable order, with the value as
 * JSON; secrets appear as "***". */
typedef void (*lxcri_config_value_fn)(void *userdata, const char *key_path, const char *json,
				      const char *origin);

/* Calls @show for each effective value. */
void lxcri_config_show(const struct lxcri_config *config, lxcri_config_value_fn show,
		       void *userdata);

/* Tells whether the container @name matches @pattern: a glob over the whole name with *, ? and
 * [...], or a POSIX extended regular expression when it begins with ^ or ends with $. Returns 1, 0,
 * or < 0 with LXCRI_E_INVALID_CONFIG for a malformed pattern. */
int lxcri_config_matches_pattern(const char *name, const char *pattern, struct lxcri_error *err);

/* Returns the type for a container called @name: the first matching routing rule, then the name
 * patterns of crun and of runc, then the default type. */
enum lxcri_container_type lxcri_config_container_type(const struct lxcri_config *config,
						      const char *name);

/* Makes @type the one that lxcri_config_container_type() returns for every name. */
void lxcri_config_set_runtime_type(struct lxcri_config *config, enum lxcri_container_type type);

/* Sets the program of the crun or runc type; @path is copied. Any other type is
 * LXCRI_E_UNSUPPORTED_OPERATION. */
int lxcri_config_set_runtime_path(struct lxcri_config *config, enum lxcri_container_type type,
				  const char *path, struct lxcri_error *err);

/* Finds the program of @type: the path that was set, else the type's name on PATH. Neither being an
 * executable file is LXCRI_E_RUNTIME_NOT_FOUND. *@ret_path is owned by the caller, who ends it with
 * free(). */
int lxcri_config_runtime_path(const struct lxcri_config *config, enum lxcri_container_type type,
			      char **ret_path, struct lxcri_error *err);

/* Directory of the run-time state (runtime.root_path) and of the persistent data
 * (runtime.data_path). Borrowed. */
const char *lxcri_config_root_path(const struct lxcri_config *config);
const char *lxcri_config_data_path(const struct lxcri_config *config);

/* Replaces either directory; NULL keeps it. Paths are copied. */
void lxcri_config_set_paths(struct lxcri_config *config, const char *root_path,
			    const char *data_path);

/* Makes systemd the maker of cgroups (runtime.cgroup_manager). */
void lxcri_config_use_systemd_cgroups(struct lxcri_config *config);

/* Seconds that a stop waits before it kills (runtime.stop_timeout). */
unsigned int lxcri_config_stop_timeout_seconds(const struct lxcri_config *config);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
