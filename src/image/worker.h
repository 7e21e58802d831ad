/* SPDX-License-Identifier: MIT */
#pragma once

/* The worker process, as the command sees it. */

#include "base/json.h"

/* Its verbs, and the members of the JSON object that it answers with. */
#define WORKER_IMPORT "import" /* DATA SOURCE [NAME] */
#define WORKER_UNPACK "unpack" /* DATA DIGEST */
#define WORKER_LOAD   "load"   /* DATA FILE, which is descriptor 3 */
#define WORKER_SAVE   "save"   /* DATA PLACE TAG SOURCE...; an archive is descriptor 3 */
#define WORKER_HASH   "hash"   /* DATA HEX...: blobs */
#define WORKER_BROKEN "broken" /* of hash: a list of objects with name and text */
#define WORKER_IMAGES "images" /* of load: a list of objects with name and digest */
#define WORKER_NAME   "name"
#define WORKER_DIGEST "digest"
#define WORKER_CODE   "code" /* the name of an error; only on failure */
#define WORKER_TEXT   "text"
#define WORKER_ERRNUM "errnum"

/* The descriptor of an archive that comes or goes. */
#define WORKER_FD 3
/* What stands before the name of an image of the store among the sources of WORKER_SAVE. */
#define WORKER_STORED "store:"

/* Runs the worker with @args, its verb and what follows, ended by NULL, and with @fd, which is
 * borrowed, as its descriptor WORKER_FD; -1 for none. Waits for it. Fails as the worker did, or
 * with LXCRI_E_STORAGE_ERROR when it ended without an answer, which is the caller's otherwise. */
[[nodiscard]] int worker_call(const char *const *args, int fd, struct json_object **ret_answer,
			      struct lxcri_error *err);

/* Runs the worker with @args, its verb and what follows, ended by NULL, and waits for it. Fails as
 * the worker did, or with LXCRI_E_STORAGE_ERROR when it ended without an answer. Both results are
 * owned by the caller; @ret_name may be NULL. */
[[nodiscard]] int worker_run(const char *const *args, char **ret_name, char **ret_digest,
			     struct lxcri_error *err);
