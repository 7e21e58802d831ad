/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes below the command that deal with images, as the command sees them. Each answers
 * with one JSON object; what talks to registries tells news before, one object a line. */

#include "base/fail.h"
#include "base/json.h"

#include <sys/types.h>

/* The verbs of lxcri-worker, and the members of the answer. */
#define WORKER_IMPORT   "import"   /* DATA SOURCE [NAME] */
#define WORKER_UNPACK   "unpack"   /* DATA DIGEST */
#define WORKER_STORE    "store"    /* DATA NAME: what is fetched at the other end of descriptor 3 */
#define WORKER_LOAD     "load"     /* DATA FILE, which is descriptor 3 */
#define WORKER_SAVE     "save"     /* DATA PLACE TAG SOURCE...; an archive is descriptor 3 */
#define WORKER_SAVE_ALL "save-all" /* the same, for every platform */
#define WORKER_FIND     "find"     /* DATA SOURCE: the manifest of an OCI layout's image */
#define WORKER_FIND_ALL "find-all" /* DATA SOURCE: its first document */
#define WORKER_HASH     "hash"     /* DATA HEX...: blobs */
#define WORKER_CONVERT \
	"convert" /* DATA DIGEST raw SIZE | ct-template COMPRESSION | zfs HOW; to descriptor 3 */
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
#define WORKER_LAYER_ADD "layer" /* DATA DIGEST BELOW...: descriptor 3, above those */

/* What the worker converts to, and how it compresses a template. */
#define WORKER_RAW      "raw"
#define WORKER_TEMPLATE "ct-template"
#define WORKER_ZFS      "zfs" /* descriptor 3 is the root of an empty dataset */
#define WORKER_ZSTD     "zstd"
#define WORKER_GZIP     "gzip"
#define WORKER_PLAIN    "none"
/* A template with our init among its files, by zstd; and one whose files are all in CT_ROOT. */
#define WORKER_CT       "zstd-ct"
#define WORKER_CT_BELOW "zstd-ct-below"
/* A dataset with our init among its files; and one that has no device files besides. */
#define WORKER_CT_FILES          "ct"
#define WORKER_CT_FILES_NO_NODES "ct-no-nodes"

/* The descriptor of an archive that comes or goes, or of the socket (image/worker/feed.h) to who
 * does the other half of a pull. */
#define WORKER_FD      3
#define WORKER_FD_PATH "/proc/self/fd/3"
/* What stands before the name of an image of the store among the sources of WORKER_SAVE. */
#define WORKER_STORED "store:"
/* And before what was fetched, "DIR:DIGEST:TYPE"; DIR is below the images. */
#define WORKER_FETCHED "fetched:"

/* The verbs of lxcri-registry, and the members of its news. */
#define WORKER_PULL           "pull"
#define WORKER_LOOK           "look"
#define WORKER_PLATFORMS      "platforms" /* WORKER_IMAGES of its answer are texts */
#define WORKER_PUSH           "push"
#define WORKER_FETCH          "fetch"
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

/* A process that was started and not waited for. */
struct worker {
	pid_t pid; /* 0: none */
	int answers;
};
#define WORKER_NULL ((struct worker){ .answers = -1 })

/* Starts what @call says, with @fd, which is borrowed, as its descriptor WORKER_FD (-1: none). The
 * caller ends *@ret with worker_finish(). */
[[nodiscard]] int worker_start(const struct worker_call *call, int fd, struct worker *ret,
			       struct lxcri_error *err);

/* Waits for @worker, whose answer is the caller's. Fails as it did, or with LXCRI_E_STORAGE_ERROR
 * when it ended without an answer. */
[[nodiscard]] int worker_finish(const struct worker_call *call, struct worker *worker,
				struct json_object **ret_answer, struct lxcri_error *err);

/* Runs what @call says, with @fd, which is borrowed, as its descriptor WORKER_FD (-1: none), and
 * waits for it. Fails as it did, or with LXCRI_E_STORAGE_ERROR when it ended without an answer,
 * which is the caller's otherwise. */
[[nodiscard]] int worker_ask(const struct worker_call *call, int fd,
			     struct json_object **ret_answer, struct lxcri_error *err);

/* Runs what @call says as worker_ask() does, for an answer that names an image, or whoever logged
 * in. The caller ends *@ret with worker_answer_finish(). */
[[nodiscard]] int worker_run(const struct worker_call *call, int fd, struct worker_answer *ret,
			     struct lxcri_error *err);

/* Frees what @answer holds. Safe to repeat. */
void worker_answer_finish(struct worker_answer *answer);
