/* SPDX-License-Identifier: MIT */
#pragma once

/* The worker process, as the command sees it. */

#include "base/fail.h"

/* Its verbs, and the members of the JSON object that it answers with. */
#define WORKER_IMPORT   "import"    /* DATA SOURCE [NAME] */
#define WORKER_UNPACK   "unpack"    /* DATA DIGEST */
#define WORKER_WORKERS  "--workers" /* N, before the verb */
#define WORKER_COUNTERS "counters"
#define WORKER_NAME     "name"
#define WORKER_DIGEST   "digest"
#define WORKER_CODE     "code" /* the name of an error; only on failure */
#define WORKER_TEXT     "text"
#define WORKER_ERRNUM   "errnum"

/* Runs the worker with @args, its verb and what follows, ended by NULL, and waits for it. Fails as
 * the worker did, or with LXCRI_E_STORAGE_ERROR when it ended without an answer. Both results are
 * owned by the caller; @ret_name may be NULL. */
[[nodiscard]] int worker_run(const char *const *args, char **ret_name, char **ret_digest,
			     struct lxcri_error *err);
