/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_POD_H
#define LXCRI_POD_H

/* Pods: containers that share their network, IPC and host name, on whichever runtime they are. The
 * namespaces are there without a process from the creation of the pod on, and keep their addresses
 * while its containers come and go. A container of a pod is one like others, called POD.NAME; it is
 * made and removed with the pod alone. A pod and a container cannot have the same name.
 *
 * A pod of LXCRI_PROXMOX_LXC is one container of Proxmox VE, which shares nothing. It is on bridges
 * of its node, as networks ("bridge:NAME,...") or its annotation org.proxmox-lxcri.proxmox.network
 * say; any other network is the one in which it has its name. */

#include <lxcri/container.h>
#include <lxcri/error.h>
#include <lxcri/network.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_pod;

/* A file in a directory of a pod. */
struct lxcri_pod_file {
	const char *directory; /* one of `directories` */
	const char *path;      /* in it, relative, without ".." */
	const void *bytes;
	size_t size;
	unsigned int mode; /* of permissions */
};

/* What a pod is to be. Zeroed members mean: as usual. All pointers are borrowed for the call, lists
 * end with NULL or are counted by the member after them. */
struct lxcri_pod_options {
	const char *id;                        /* required; as a container's */
	const char *name_space;                /* what it belongs to; NULL: "default" */
	const char *owner;                     /* what made it, for who looks; NULL: its user */
	const char *hostname;                  /* NULL: as its id */
	const enum lxcri_container_type *type; /* of all its containers; NULL: the configuration */
	const char *const *labels, *const *annotations; /* NAME=VALUE */
	const char *userns; /* as a container's: the ids are those of all its containers */

	/* As a container's. */
	const char *const *networks, *const *network_aliases, *const *services;
	const char *ip, *ip6, *mac_address;
	const struct lxcri_port *ports;
	size_t n_ports;
	const char *const *dns, *const *dns_search, *const *dns_options;
	bool host_dns;  /* the host's name servers, not those of the networks */
	bool dns_joins; /* what is named above comes behind what the networks have, not instead */
	const char *const *add_hosts;

	/* Directories that live as long as the pod, and files that are in them at first: a volume
	 * of the source "pod:DIRECTORY" or "pod:DIRECTORY/FILE" mounts one. */
	const char *const *directories;
	const struct lxcri_pod_file *files;
	size_t n_files;
	const unsigned int *fs_group; /* of the containers' ids: it may write there, and to named
				       * volumes; NULL: none */
	bool fs_group_on_mismatch;    /* a volume whose root is that group's is left as it is */
	const char *const *memory;    /* those of the directories that are in memory, each NAME, or
				       * NAME=BYTES with a limit: they are empty after a stop */

	/* Their `id` is the name in the pod. What is said above is not said in them: type,
	 * hostname, networks and what belongs to them, userns. The first ones are run one after the
	 * other, each to its good end, before the others are started. None at all: the namespaces
	 * alone. */
	const struct lxcri_create_options *init_containers;
	size_t n_init_containers;
	const struct lxcri_create_options *containers;
	size_t n_containers;

	unsigned int grace_seconds; /* of each container at a stop */
	bool keep_identity;         /* MAC and addresses are kept for the next pod of this id */
};

/* Makes a pod with everything it needs, completely or not at all; nothing runs before
 * lxcri_pod_start(). LXCRI_E_UNSUPPORTED_OPERATION for what its type cannot be, LXCRI_E_POD_EXISTS,
 * LXCRI_E_CONTAINER_EXISTS, LXCRI_E_NETWORK_SETUP_FAILED, LXCRI_E_PORT_FORWARDING_FAILED,
 * LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INVALID_ARGUMENT, or LXCRI_E_POD_CREATION_FAILED. The caller
 * owns *@ret_pod. */
int lxcri_pod_create(struct lxcri_engine *engine, const struct lxcri_pod_options *options,
		     struct lxcri_pod **ret_pod, struct lxcri_error *err);

/* Opens the pod called @id; an unknown one is LXCRI_E_POD_NOT_FOUND. What a killed command left
 * half-made is cleaned up first. The caller owns *@ret_pod. */
int lxcri_pod_open(struct lxcri_engine *engine, const char *id, struct lxcri_pod **ret_pod,
		   struct lxcri_error *err);

/* Frees the handle; NULL is fine. */
void lxcri_pod_free(struct lxcri_pod *pod);

enum lxcri_pod_status {
	LXCRI_POD_CREATED, /* nothing has run */
	LXCRI_POD_RUNNING, /* one of its containers does */
	LXCRI_POD_STOPPED,
};

/* Returns "Created", "Running" or "Stopped". */
const char *lxcri_pod_status_name(enum lxcri_pod_status status);

/* What a pod is at this moment. Texts belong to the handle. */
struct lxcri_pod_state {
	const char *id, *name_space, *hostname;
	const char *owner;    /* or NULL */
	const char *manifest; /* a sum of what it was made from; or NULL */
	enum lxcri_container_type type;
	enum lxcri_pod_status status;
	int64_t created_ns;
	size_t n_containers; /* without those that run at first */
	size_t n_running;
	size_t n_ready; /* that run, and are not unhealthy or still starting */
	int64_t restarts;
	bool ending; /* somebody is stopping or deleting it: it is not to be talked to any more */
};

/* Reads the state, reconciled with the kernel. */
int lxcri_pod_state(struct lxcri_pod *pod, struct lxcri_pod_state *ret_state,
		    struct lxcri_error *err);

/* Returns everything that is known of the pod as a JSON object, owned by the caller. */
int lxcri_pod_inspect_json(struct lxcri_pod *pod, char **ret_json, struct lxcri_error *err);

/* Starts a pod that does not run: first what is to end well before the others.
 * LXCRI_E_INVALID_STATE when it runs; LXCRI_E_NETWORK_SETUP_FAILED, or LXCRI_E_POD_START_FAILED
 * with what went wrong: then it is stopped again. */
int lxcri_pod_start(struct lxcri_pod *pod, struct lxcri_error *err);

/* Stops every container, each with the grace that the pod has or @grace_seconds (not NULL), and
 * gives back what the pod has on the host but for its addresses. A stopped one is fine.
 * LXCRI_E_POD_STOP_FAILED, LXCRI_E_NETWORK_CLEANUP_FAILED. */
int lxcri_pod_stop(struct lxcri_pod *pod, const unsigned int *grace_seconds,
		   struct lxcri_error *err);

/* Removes a pod with all that it owns. LXCRI_E_POD_STILL_RUNNING unless @force, which stops it
 * first; LXCRI_E_POD_DELETION_FAILED. */
int lxcri_pod_delete(struct lxcri_pod *pod, bool force, struct lxcri_error *err);

/* Changes the limits of the container called @container in the pod, as lxcri_container_update().
 * LXCRI_E_RESOURCE_UPDATE_FAILED, LXCRI_E_CONTAINER_NOT_FOUND. */
int lxcri_pod_update_resources(struct lxcri_pod *pod, const char *container,
			       const char *resources_json, struct lxcri_error *err);

/* A set of pods that are told apart by their ordinals, from 0 on. Zeroed members mean: as usual. */
struct lxcri_stateful_set_config {
	const char *name;         /* required */
	const char *service_name; /* headless; made where it is not there; NULL: none */
	unsigned int replicas;    /* required */
	const char *pod_prefix;   /* of the pods' names; NULL: the set's */
	bool no_persistent_addresses;
	/* "ClusterFirst", "ClusterFirstWithHostNet", "Default" or "None"; NULL: the first. */
	const char *dns_policy;
	/* What the pods are besides their names; NULL: namespaces alone. */
	const struct lxcri_pod_options *pod_template;
	const char *image; /* of one container more, called "app"; or NULL */
};

/* Who a pod of a set is, whenever it is made. Texts have to be given back by
 * lxcri_pod_identity_finish(). */
struct lxcri_pod_identity {
	char *set;
	unsigned int ordinal;
	char *hostname; /* and the pod's id */
	char *ip, *ip6; /* "" without */
	char *mac;
	char *dns_name; /* by which others in its networks find it, below its service if it has one
			 */
};

/* Makes the pod @ordinal of a set, as lxcri_pod_create(). An ordinal that is not below the replicas
 * is LXCRI_E_INVALID_ARGUMENT. @ret_identity may be NULL. */
int lxcri_pod_create_stateful(struct lxcri_engine *engine,
			      const struct lxcri_stateful_set_config *config, unsigned int ordinal,
			      struct lxcri_pod **ret_pod, struct lxcri_pod_identity *ret_identity,
			      struct lxcri_error *err);

/* Frees what @identity holds. Safe to repeat. */
void lxcri_pod_identity_finish(struct lxcri_pod_identity *identity);

/* Gives back the addresses that are kept for the pod @id, which is not there. None are fine. */
int lxcri_pod_forget_identity(struct lxcri_engine *engine, const char *id, struct lxcri_error *err);

/* Called for each pod; the state's texts are valid during the call. A value < 0 ends the listing.
 */
typedef int (*lxcri_pod_fn)(void *userdata, const struct lxcri_pod_state *state);

/* Lists all pods, sorted by id. LXCRI_E_POD_LIST_FAILED. */
int lxcri_pod_list(struct lxcri_engine *engine, lxcri_pod_fn each, void *userdata,
		   struct lxcri_error *err);

/* Lists those of the namespace @name_space (NULL: all), and does not look at the others. */
int lxcri_pod_list_in(struct lxcri_engine *engine, const char *name_space, lxcri_pod_fn each,
		      void *userdata, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
