/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_SYSTEM_H
#define LXCRI_SYSTEM_H

/* The machine under the containers, and what an engine keeps on it: is it fit, is it whole, how
 * much is it, what can go. */

#include <lxcri/container.h>
#include <lxcri/layer.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* How bad a finding is. */
enum lxcri_health {
	LXCRI_HEALTH_OK,
	LXCRI_HEALTH_INFO,    /* worth knowing, nothing to do */
	LXCRI_HEALTH_WARNING, /* it works, but not all of it, or not for ever */
	LXCRI_HEALTH_FAULT,   /* containers cannot be made, or something is broken */
};

/* Returns "ok", "info", "warning" or "fault"; never NULL. */
const char *lxcri_health_name(enum lxcri_health health);

/* One thing that was looked at. Texts are valid during the call only. */
struct lxcri_finding {
	const char *check;  /* "kernel.overlay": a name that scripts may depend on */
	const char *object; /* which container, file, image... it is about; NULL: the host */
	enum lxcri_health health;
	const char *found;   /* what is there */
	const char *meaning; /* what follows from it; NULL when all is well */
	const char *remedy;  /* what mends it; NULL when there is nothing to do */
	bool repaired;       /* it was mended by this call */
};

typedef void (*lxcri_finding_fn)(void *userdata, const struct lxcri_finding *finding);

/* Looks at the host: kernel, cgroups, security modules, namespaces, id ranges, runtimes, helpers,
 * storage, network, clock, Proxmox VE. What can be tried is tried. Nothing is changed. Every check
 * is reported, also those that pass. Returns the number of faults, or < 0. */
int lxcri_doctor(struct lxcri_engine *engine, lxcri_finding_fn report, void *userdata,
		 struct lxcri_error *err);

/* A version of something; NULL when it is not there. Owned by the struct. */
struct lxcri_versions {
	char *liblxc;
	char *libcrun;
	char *runc;
	char *crun; /* the program, which is not needed */
};

/* What an engine is made of and what it has. */
struct lxcri_info {
	const char *version; /* of this program */
	char *os;            /* "Debian GNU/Linux 12 (bookworm)"; NULL when unknown */
	struct lxcri_versions versions;
	const char *root;           /* borrowed from the engine */
	const char *data;           /* borrowed from the engine */
	const char *storage_driver; /* "overlay", "dir"; NULL: not chosen before there is data, or
				       what the configuration asks for cannot be had */
	char *file_system;          /* below the data directory; NULL when unknown */
	unsigned int cgroup_version;
	bool cgroup_hybrid;
	bool has_apparmor;
	bool has_selinux;
	bool has_seccomp;
	unsigned int containers[5]; /* by enum lxcri_status */
	unsigned int images;
	bool systemd_cgroups; /* containers get scopes of systemd; else it is cgroupfs */
};

/* Fills in *@ret_info, which the caller ends with lxcri_info_finish(). */
int lxcri_info(struct lxcri_engine *engine, struct lxcri_info *ret_info, struct lxcri_error *err);

/* Frees what @info holds. Safe to repeat. */
void lxcri_info_finish(struct lxcri_info *info);

struct lxcri_check_options {
	bool deep;   /* read every blob, and compare it with its digest */
	bool repair; /* mend what can be mended without losing data */
};

/* Verifies what the engine keeps: database, records, run-time state, cgroups, images, layers,
 * volumes. Only what is not in order is reported. Returns the number of faults and warnings that
 * are left, or < 0. */
int lxcri_system_check(struct lxcri_engine *engine, const struct lxcri_check_options *options,
		       lxcri_finding_fn report, void *userdata, struct lxcri_error *err);

enum lxcri_usage_kind {
	LXCRI_USAGE_IMAGES,     /* manifests, configs and compressed layers */
	LXCRI_USAGE_LAYERS,     /* unpacked */
	LXCRI_USAGE_CONTAINERS, /* what containers have written, and their specifications */
	LXCRI_USAGE_VOLUMES,
	LXCRI_USAGE_LOGS,
};

/* Returns "images", "layers", "containers", "volumes" or "logs"; never NULL. */
const char *lxcri_usage_kind_name(enum lxcri_usage_kind kind);

/* One object and what it takes on the disk: blocks, and a file with several names counts once.
 * Texts are valid during the call only. */
struct lxcri_usage {
	enum lxcri_usage_kind kind;
	const char *name; /* id, image name, chain id */
	uint64_t bytes;
	uint64_t reclaimable_bytes; /* what a prune of everything unused would give back */
	unsigned int users; /* containers that stand on it; of a container: 1 unless stopped */
};

typedef void (*lxcri_usage_fn)(void *userdata, const struct lxcri_usage *usage);

/* Reports every object of the engine with its size. Blobs that images share count for the first of
 * them; blobs of no image are reported under the name "". */
int lxcri_system_usage(struct lxcri_engine *engine, lxcri_usage_fn report, void *userdata,
		       struct lxcri_error *err);

struct lxcri_prune_options {
	bool all;     /* images that no container uses, not only those without a name */
	bool volumes; /* volumes that no container mounts and nothing claims */
	bool dry_run; /* tell what would go, and remove nothing */
};

/* Removes stopped containers that were made from an image, images, layers and volumes that nothing
 * uses, however short ago they were used, and reports each with what it gave back. What is in use,
 * or comes into use meanwhile, stays. What can't be removed keeps nothing else: the first failure
 * is returned in the end, the others are logged. *@ret is filled also on failure; NULL is fine. */
int lxcri_system_prune(struct lxcri_engine *engine, const struct lxcri_prune_options *options,
		       lxcri_usage_fn report, void *userdata, struct lxcri_collected *ret,
		       struct lxcri_error *err);

/* What an engine has in a cluster of Proxmox VE besides containers. These fail with
 * LXCRI_E_INVALID_CONFIG where nothing says how a cluster is reached, with
 * LXCRI_E_AUTHENTICATION_FAILED where a right is missing, and with LXCRI_E_SYSTEM. */

/* A template that containers were made from. Texts are valid during the call. */
struct lxcri_template {
	const char *volume; /* "local:vztmpl/lxcri-....tar.zst"; or a dataset, by its full name */
	const char *node;   /* on which it was found; of a shared storage, the first */
	const char *digest; /* the first 24 digits of that of its image */
	uint64_t bytes;
	int64_t created_ns;
	bool in_use; /* a container of this engine has that image, or has it to return to; of a
			dataset also: it has clones */
};

typedef void (*lxcri_template_fn)(void *userdata, const struct lxcri_template *template);

/* Lists the templates of proxmox.template_storage, on all nodes that are online, that are named as
 * this program names them; no others are looked at. And the datasets that stand for them in the
 * pools of ZFS of the node that this host is. */
int lxcri_template_list(struct lxcri_engine *engine, lxcri_template_fn report, void *userdata,
			struct lxcri_error *err);

/* What a collection of templates takes. */
struct lxcri_template_gc_options {
	bool force;   /* also those younger than storage.gc_grace */
	bool dry_run; /* nothing is removed */
};

/* Removes of these what is not in use and older than the grace period, and reports each. Containers
 * do not need their templates; who makes another one of the same image sends it again. A dataset
 * with clones stays. Returns how many they were. The right Datastore.Allocate is needed. */
int lxcri_template_gc(struct lxcri_engine *engine, const struct lxcri_template_gc_options *options,
		      lxcri_template_fn report, void *userdata, struct lxcri_error *err);

/* Called for each container of the cluster that bears our tags and is in no record. @problem is
 * NULL when it was taken over, else why it was not; @id may then be NULL. */
typedef void (*lxcri_adopted_fn)(void *userdata, const char *id, const char *node,
				 unsigned int vmid, const struct lxcri_error *problem);

/* Takes over the containers of the cluster that bear our tags and are in no record of @engine, by
 * what stands on them: after the database was lost. One that another machine has made is taken over
 * as well. They can be updated too, but for those that an earlier release has made, of which it is
 * not known what was asked for. Returns how many they were. */
int lxcri_system_adopt(struct lxcri_engine *engine, lxcri_adopted_fn report, void *userdata,
		       struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
