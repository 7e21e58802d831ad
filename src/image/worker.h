/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes below the command that deal with images, as the command sees them. Each answers
 * with one JSON object; what talks to registries tells news before, one object a line. */

#include "base/fail.h"
#include "base/json.h"

/* The verbs of lxcri-worker, and the members of the answer. */
#define WORKER_IMPORT    "import"    /* DATA SOURCE [NAME] */
#define WORKER_UNPACK    "unpack"    /* DATA DIGEST */
#define WORKER_STORE     "store"     /* DATA DIGEST TYPE NAME: what was fetched */
#define WORKER_LOAD      "load"      /* DATA FILE, which is descriptor 3 */
#define WORKER_SAVE      "save"      /* DATA PLACE TAG SOURCE...; an archive is descriptor 3 */
#define WORKER_LAYER_ADD "layer"     /* DATA DIGEST BELOW...: descriptor 3, above those */
#define WORKER_HASH      "hash"      /* DATA HEX...: blobs */
#define WORKER_BROKEN    "broken"    /* of hash: a list of objects with name and text */
#define WORKER_IMAGES    "images"    /* of load: a list of objects with name and digest */
#define WORKER_WORKERS   "--workers" /* N, before the verb: layers at a time */
#define WORKER_COUNTERS  "counters"
#define WORKER_NAME      "name"
#define WORKER_DIGEST    "digest"
#define WORKER_TYPE      "mediaType"
#define WORKER_CODE      "code" /* the name of an error; only on failure */
#define WORKER_TEXT      "text"
#define WORKER_ERRNUM    "errnum"

/* The descriptor of an archive that comes or goes. */
#define WORKER_FD 3
/* What stands before the name of an image of the store among the sources of WORKER_SAVE. */
#define WORKER_STORED "store:"

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
	const char *workers;     /* of lxcri-worker: how many unpack layers at a time; or NULL */
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

/* Runs what @call says, with @fd, which is borrowed, as its descriptor WORKER_FD (-1: none), and
 * waits for it. Fails as it did, or with LXCRI_E_STORAGE_ERROR when it ended without an answer,
 * which is the caller's otherwise. */
[[nodiscard]] int worker_ask(const struct worker_call *call, int fd,
			     struct json_object **ret_answer, struct lxcri_error *err);

/* Runs what @call says as worker_ask() does, for an answer that names an image, or whoever logged
 * in. The caller ends *@ret with worker_answer_finish(). */
[[nodiscard]] int worker_run(const struct worker_call *call, struct worker_answer *ret,
			     struct lxcri_error *err);

/* Frees what @answer holds. Safe to repeat. */
void worker_answer_finish(struct worker_answer *answer);
