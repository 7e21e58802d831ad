/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_MANIFEST_H
#define LXCRI_MANIFEST_H

/* Manifests of Kubernetes: Pod, Deployment, StatefulSet, Service, ConfigMap, Secret and
 * PersistentVolumeClaim. What was applied is kept, and pods are made, replaced and removed so that
 * it is true. A namespace is a network of that name, made when the first pod needs it. */

#include <lxcri/container.h>
#include <lxcri/error.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* YAML or JSON, any number of documents. Borrowed for the call. */
struct lxcri_manifest {
	const char *source; /* what messages call it: a file's name */
	const char *bytes;
	size_t size;
};

struct lxcri_manifest_options {
	bool warn_unknown; /* unknown kinds and fields are warnings, not errors */
	bool dry_run;      /* everything is checked, nothing changed */
	bool prune;        /* apply: what was applied, and is not in these, is removed */
	bool volumes;      /* delete: what was claimed goes as well */
	bool no_wait;      /* apply: the service makes the pods of Deployments and StatefulSets */

	/* Called with what has no effect and is unknown, and with what was done: "created",
	 * "configured", "unchanged" or "deleted". Texts last for the call; or NULL. */
	void (*warn)(void *userdata, const char *text);
	void (*tell)(void *userdata, const char *kind, const char *name_space, const char *name,
		     const char *done);
	void *userdata;
};

/* Makes what @manifests say true, and waits for the pods of Deployments and StatefulSets; others
 * may change workloads meanwhile, and what they change is not waited for any more, which is
 * LXCRI_E_INVALID_STATE at the end. What fails is undone, also of those that went well before.
 * Pods are made side by side, as they are removed, each by one of some copies of this process; who
 * has other threads is copied by nobody, and has them made one after the other.
 * LXCRI_E_INVALID_MANIFEST names file, line and path; LXCRI_E_UNSUPPORTED_OPERATION what cannot be
 * done here; otherwise as lxcri_pod_create() and lxcri_pod_start(). */
int lxcri_manifest_apply(struct lxcri_engine *engine, const struct lxcri_manifest *manifests,
			 size_t n_manifests, const struct lxcri_manifest_options *options,
			 struct lxcri_error *err);

/* Removes what @manifests name, in the other order; pods that run are stopped first. What is not
 * there is fine. Goes on past a failure, which is reported. */
int lxcri_manifest_delete(struct lxcri_engine *engine, const struct lxcri_manifest *manifests,
			  size_t n_manifests, const struct lxcri_manifest_options *options,
			  struct lxcri_error *err);

/* Removes one object of @kind ("pod", "deployment", "sts"), and its pods.
 * LXCRI_E_OBJECT_NOT_FOUND. */
int lxcri_manifest_delete_one(struct lxcri_engine *engine, const char *kind, const char *name_space,
			      const char *name, const struct lxcri_manifest_options *options,
			      struct lxcri_error *err);

/* Returns a JSON array of the objects of @kind (NULL: all) in @name_space (NULL: all) called @name
 * (NULL: any) as they were applied, each with "status" of what is there; owned by the caller.
 * Of the kind "endpoints" they are where services lead to.
 * LXCRI_E_OBJECT_NOT_FOUND when @name is given and there is none. */
int lxcri_manifest_get_json(struct lxcri_engine *engine, const char *kind, const char *name_space,
			    const char *name, char **ret_json, struct lxcri_error *err);

/* Sets how many pods a Deployment or StatefulSet has, and makes that true.
 * LXCRI_E_OBJECT_NOT_FOUND, LXCRI_E_INVALID_ARGUMENT. */
int lxcri_manifest_scale(struct lxcri_engine *engine, const char *kind, const char *name_space,
			 const char *name, unsigned int replicas, struct lxcri_error *err);

/* Returns a JSON array of the revisions of a Deployment or StatefulSet that are kept, the first one
 * first: "revision", "current", "images"; owned by the caller. LXCRI_E_OBJECT_NOT_FOUND. */
int lxcri_manifest_history_json(struct lxcri_engine *engine, const char *kind,
				const char *name_space, const char *name, char **ret_json,
				struct lxcri_error *err);

/* Makes revision @revision of a Deployment or StatefulSet (0: the one before) true again, as a new
 * revision; what fails is undone. LXCRI_E_OBJECT_NOT_FOUND, also for the revision. */
int lxcri_manifest_undo(struct lxcri_engine *engine, const char *kind, const char *name_space,
			const char *name, int64_t revision, struct lxcri_error *err);

/* Replaces the pods of a Deployment or StatefulSet by such as they are, as a new revision.
 * LXCRI_E_OBJECT_NOT_FOUND; LXCRI_E_INVALID_STATE while it is paused. */
int lxcri_manifest_restart(struct lxcri_engine *engine, const char *kind, const char *name_space,
			   const char *name, struct lxcri_error *err);

/* Has the pods of a Deployment stay as they are, whatever is applied, until it is resumed; then
 * what was applied is made true. LXCRI_E_OBJECT_NOT_FOUND. */
int lxcri_manifest_pause(struct lxcri_engine *engine, const char *kind, const char *name_space,
			 const char *name, bool paused, struct lxcri_error *err);

/* Makes every Deployment and StatefulSet true once more: what somebody removed, or a killed command
 * left undone. Goes on past a failure, which is reported. */
int lxcri_manifest_converge(struct lxcri_engine *engine, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
