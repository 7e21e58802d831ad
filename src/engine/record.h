/* SPDX-License-Identifier: MIT */
#pragma once

/* What the engine remembers of a container. A container made from an image survives a reboot: its
 * record is in the state database and its directory is <data>/containers/<id>. A container made
 * from a caller's bundle lives as long as the run-time state: its record is a file of its run
 * directory. */

#include "base/fail.h"
#include "base/json_walk.h"
#include "base/strings.h"
#include "lxcri/container.h"
#include "os/id_map.h"

/* How far the creation got. */
enum record_phase {
	RECORD_CREATING, /* without a living creator: half-made, to be removed */
	RECORD_READY,
};

/* The user namespace of a container: ids of the host that are its alone. Of size 0 there is none,
 * its ids are the host's. */
struct record_ids {
	uint32_t start; /* on the host */
	uint32_t size;
	bool keep; /* but for these two, which are the same in the container as on the host */
	uint32_t keep_uid;
	uint32_t keep_gid;
};

/* Zeroed is empty. */
struct record {
	char *id;
	enum lxcri_container_type type;
	enum record_phase phase;
	char *bundle;       /* absolute */
	char *runtime_path; /* of a command-line runtime, or NULL */
	char *image;        /* the reference, or NULL: made from a bundle */
	char *digest;
	char *log_path; /* or NULL */
	char *log_id;   /* by which the journal knows it, or NULL */
	char *stop_signal;
	char *console_socket;
	char *restart;      /* policy, as service/restart.h has it; NULL: none */
	char *stopped_boot; /* in which it was stopped for good, or NULL */
	char *health;       /* how that is found out, as service/health.h has it; or NULL */
	char *probes;       /* or what is asked instead, as service/probe.h has it; or NULL */
	char *pre_stop;     /* done before it is told to end, as service/hook.h has it; or NULL */
	char *post_start;   /* done after its start; or NULL */
	char *slice;        /* of systemd, in which its scope is; NULL: none that we make */
	char *network_of;   /* the container whose network it is on; or NULL */
	char *pod_of;       /* the pod that it is a container of; or NULL */
	char *scope;        /* the name of its scope, also where a runtime makes it; or NULL */
	char *driver; /* of its root file system (struct snapshot_ops), or NULL: see driver_of() */
	struct strings layers;   /* that it stands on, topmost first; empty: it stands for itself */
	char *previous;          /* the record from before the last update, to which a rollback
				    returns, as record_format() has it; or NULL */
	char *history;           /* of updates, see engine/update/history.h; or NULL */
	char *ct;                /* its place in Proxmox VE, see engine/ct/ct_place.h; or NULL */
	int64_t revision;        /* the highest number of a root file system that it has had */
	struct json_object *pod; /* of a pod: what it is, as pod/note.h has it; or NULL */
	struct record_ids ids;
	int64_t created_ns;
	int64_t log_max_bytes; /* of one log file; 0: no limit */
	int64_t log_max_files;
	int64_t restarts;     /* by policy */
	int64_t failures;     /* in a row */
	int64_t attempted_ns; /* when it was last started by policy; 0: not since its user did */
	enum lxcri_stdio stdio;
	bool terminal;
	bool open_stdin;
	bool remove;      /* goes when it ends */
	bool wanted;      /* its user wants it to run */
	bool is_first;    /* of a pod: run to its end before the others */
	bool networked;   /* has, or has had, places in networks */
	bool is_shifted;  /* files on the disk have the ids of the host behind them */
	bool owns_bundle; /* config.json and rootfs in `bundle` are ours to remove */
};

/* Returns the mapping that @ids stand for; empty without a user namespace. */
struct id_map record_id_map(const struct record_ids *ids);

/* Frees what @record holds. Safe to repeat. */
void record_finish(struct record *record);

/* Returns @record as JSON, owned by the caller. */
[[nodiscard]] char *record_format(const struct record *record);

/* Reads what record_format() wrote. Damage is LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int record_parse(const char *json, size_t size, struct record *ret_record,
			       struct lxcri_error *err);

/* What a list of pods needs to know of a record. */
struct record_brief {
	enum lxcri_container_type type;
	int64_t created_ns;
	int64_t restarts;
	bool is_simple; /* of a container of a pod: while it is up, its state says how it is */
	struct json_slice pod; /* what a pod is, in the record; of length 0: it is none */
};

/* Reads it of a record that is whole and ready. False where record_parse() is to be asked. */
bool record_glance(const char *json, size_t size, struct record_brief *ret);
