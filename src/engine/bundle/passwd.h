/* SPDX-License-Identifier: MIT */
#pragma once

/* Users and groups as an image names them: "user[:group]" read with the image's own passwd and
 * group files. Their bytes come from outside; what is malformed in them is skipped. */

#include "base/fail.h"
#include "base/strings.h"

#include <stddef.h>
#include <stdint.h>

/* The highest number; the one above it means "unchanged" to the kernel. */
#define PASSWD_ID_MAX UINT64_C(4294967294)

/* Larger files are refused. */
#define PASSWD_BYTES_MAX (1u << 20)

/* Who a process runs as. Zeroed is root without a home. */
struct passwd_user {
	uint32_t uid;
	uint32_t gid;
	char *name;     /* NULL when no line has this user */
	char *home;     /* NULL when unknown */
	uint32_t *gids; /* all groups, the main one first */
	size_t n_gids;
};

/* Frees what @user holds. Safe to repeat. */
void passwd_user_finish(struct passwd_user *user);

/* The two files; either may be empty. */
struct passwd_files {
	const char *passwd;
	size_t passwd_size;
	const char *group;
	size_t group_size;
};

/* Resolves @spec ("", "user", "uid", "user:group", ...; numbers are never names) as docker does: a
 * number needs no line, a name does. The groups that list the user are taken unless the group was
 * given. Fails with LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int passwd_resolve(const struct passwd_files *files, const char *spec,
				 struct passwd_user *ret_user, struct lxcri_error *err);

/* Adds the group @name_or_gid to those of @user, once. Fails with LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int passwd_add_group(const struct passwd_files *files, const char *name_or_gid,
				   struct passwd_user *user, struct lxcri_error *err);

/* Resolves @spec and the names in @group_add (ended by NULL; may be NULL) with the files found in
 * the image's @layer_dirs, topmost first. Fails also with LXCRI_E_LIMIT_EXCEEDED for a file larger
 * than PASSWD_BYTES_MAX and LXCRI_E_INVALID_FORMAT for one that is no regular file. */
[[nodiscard]] int passwd_resolve_in_layers(const struct strings *layer_dirs, const char *spec,
					   const char *const *group_add,
					   struct passwd_user *ret_user, struct lxcri_error *err);
