/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes below the command that deal with images, as the command sees them. Each answers
 * with one JSON object; what talks to registries tells news before, one object a line. */

#include "base/fail.h"
#include "base/json.h"

/* The verbs of lxcri-worker, and the members of the answer. */
#define WORKER_IMPORT "import" /* DATA SOURCE [NAME] */
#define WORKER_UNPACK "unpack" /* DATA DIGEST */
#define WORKER_STORE  "store"  /* DATA DIGEST TYPE NAME: what was fetched */
#define WORKER_NAME   "name"
#define WORKER_DIGEST "digest"
#define WORKER_TYPE   "mediaType"
#define WORKER_CODE   "code" /* the name of an error; only on failure */
#define WORKER_TEXT   "text"
#define WORKER_ERRNUM "errnum"

/* The verbs of lxcri-registry, and the members of its news. */
#define WORKER_PULL           "pull"
#define WORKER_LOGIN          "login"
#define WORKER_LOGOUT         "logout"
#define WORKER_STATE          "state"
#define WORKER_STATE_PRESENT  "present"
#define WORKER_STATE_WAITING  "waiting"
#define WORKER_STATE_FETCHING "fetching"
#define WORKER_STATE_DONE     "done"
#define WORKER_LAYER          "layer"
#define WORKER_LAYERS         "layers"
#define WORKER_BYTES          "bytes"
#define WORKER_SIZE           "size"

/* What is to be run. */
struct worker_call {
	const char *program;     /* "lxcri-worker" */
	const char *const *args; /* its verb and what follows, ended by NULL */
	const char *object;      /* what it is about, for messages */
	const char *input;       /* what it reads, in the caller's environment; or NULL */
	void (*news)(void *userdata, struct json_object *news); /* or NULL */
	void *userdata;
};

/* What it answered. Texts may be NULL but for the name. */
struct worker_answer {
	char *name;
	char *digest;
	char *media_type;
};

/* Runs what @call says and waits for it. Fails as it did, or with LXCRI_E_STORAGE_ERROR when it
 * ended without an answer. The caller ends *@ret with worker_answer_finish(). */
[[nodiscard]] int worker_run(const struct worker_call *call, struct worker_answer *ret,
			     struct lxcri_error *err);

/* Frees what @answer holds. Safe to repeat. */
void worker_answer_finish(struct worker_answer *answer);
