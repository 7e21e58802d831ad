/* SPDX-License-Identifier: MIT */
#pragma once

/* Files of credentials, as docker (config.json) and podman, skopeo and buildah (auth.json) keep
 * them. */

#include "base/fail.h"
#include "base/json.h"

#define AUTH_FILE_BYTES_MAX ((size_t)1 << 20)

/* What somebody is to a registry. Zeroed is nobody. */
struct credentials {
	char *user;
	char *password;
	char *identity_token; /* instead of both: to be exchanged for others */
};

/* Overwrites and frees what @credentials holds. Safe to repeat. */
void credentials_finish(struct credentials *credentials);

/* What a file says of a registry. */
struct auth_entry {
	struct credentials credentials;
	char *helper; /* the name of a program to be asked, or NULL */
};

/* Frees what @entry holds. Safe to repeat. */
void auth_entry_finish(struct auth_entry *entry);

/* Looks @path ("library/busybox") of the registry @host up in a file's bytes: a helper of that
 * registry, the longest key that leads to the path, or the helper for all. Returns 1, or 0 when
 * the file says nothing of it. LXCRI_E_INVALID_JSON, LXCRI_E_INVALID_FORMAT; *@ret is written on
 * success only, and the caller ends it with auth_entry_finish(). */
[[nodiscard]] int auth_file_find(const char *bytes, size_t size, const char *host, const char *path,
				 struct auth_entry *ret, struct lxcri_error *err);

/* Returns what a helper and docker's files call the registry @host. Borrowed. */
const char *auth_file_server(const char *host);

/* Sets the credentials of @host in @document, the root of such a file. */
void auth_file_set(struct json_object *document, const char *host,
		   const struct credentials *credentials);

/* Removes those of @host, under each name that it may have. Returns how many went. */
size_t auth_file_remove(struct json_object *document, const char *host);
