/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the container of Proxmox VE is that stands behind one of ours, as the record has it. It is
 * written down before the container is asked for, and the token is among the tags of the container,
 * so that it is found again whatever happens in between, and no other one is ever taken for it. */

#include "base/strings.h"
#include "engine/record.h"

#include <json-c/json.h>

#define CT_TOKEN_SIZE 17 /* 16 hexadecimal digits and a NUL */
#define CT_TAG        "lxcri"
#define CT_TAG_PREFIX "lxcri-" /* before the token */

/* A dataset that is to be a volume of the container, and that no key of its configuration names
 * yet.
 */
struct ct_clone {
	char *volume;  /* "local-zfs:subvol-100-disk-1" */
	char *dataset; /* "rpool/data/subvol-100-disk-1" */
	char *size;    /* what it may hold: "8G" */
};

/* Zeroed is none. */
struct ct_place {
	char token[CT_TOKEN_SIZE];
	char *node;
	uint32_t vmid;        /* 0: none yet */
	char *rootfs;         /* the volume that its root file system is on; NULL: not known */
	char *applied;        /* which of these it was seen to have last; NULL: not yet */
	bool started;         /* it has run */
	bool unsure;          /* its first start was asked for, and nothing is known of it yet */
	int64_t started_ns;   /* when we started it last; 0: not yet */
	int64_t ended_ns;     /* when we ended it, for it to be started again; 0: never */
	struct strings roots; /* the volumes that it had root file systems on, and has */
	int64_t asked_ns;     /* when it was asked for, until what it became is known; else 0 */
	char *upid;           /* of the task that makes it, once that is known; or NULL */

	/* Of a container that is made besides: by an update, for the files of its image alone, or
	 * for a named volume. */
	char draft_token[CT_TOKEN_SIZE]; /* "": there is none */
	uint32_t draft_vmid;
	int64_t draft_asked_ns; /* when it was asked for */
	char *draft_key;        /* what its volume is called once it is here: "unused3"; or NULL */

	/* Written down before they are made. */
	struct ct_clone *clones;
	size_t n_clones;
};

/* Frees what @place holds. Safe to repeat. */
void ct_place_finish(struct ct_place *place);

/* Makes a token that no other has. */
[[nodiscard]] int ct_place_make_token(char token[CT_TOKEN_SIZE], struct lxcri_error *err);

/* Reads that of @record; none is an empty place. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ct_place_load(const struct record *record, struct ct_place *ret,
				struct lxcri_error *err);

/* Notes in @place, which is not stored, that @clone is about to be made. */
void ct_place_add_clone(struct ct_place *place, const struct ct_clone *clone);

/* Returns the one that is to be @volume, borrowed, or NULL. */
const struct ct_clone *ct_place_find_clone(const struct ct_place *place, const char *volume);

/* Forgets that one. */
void ct_place_forget_clone(struct ct_place *place, const char *volume);

/* Forgets that the container had a root file system on @volume. */
void ct_place_forget_root(struct ct_place *place, const char *volume);

/* Makes @record, which another one follows, say no more that the container was seen to be as it
 * says: should it be in force again, the container is to be made so. */
void ct_place_doubt(struct record *record);

/* Puts it into @record, which is not saved. */
void ct_place_store(const struct ct_place *place, struct record *record);

/* Returns the volume that the property string @text (or NULL) of a container's configuration names;
 * owned by the caller, or NULL. */
[[nodiscard]] char *ct_place_parse_volume(const char *text);

/* Returns the root file system of before the last update of @record; owned by the caller, or NULL.
 */
[[nodiscard]] char *ct_place_previous_root(const struct record *record);

/* Tells whether @key, of a container's configuration, is "mp" and a number. */
bool ct_is_mount_key(const char *key);

/* Says which container it is: for people, and for who has lost the database; the caller's. */
[[nodiscard]] char *ct_description(const struct record *record);

/* Tells whether the tags "a;b", as the API has them, are those of @place. */
bool ct_place_has_tags(const struct ct_place *place, const char *tags);
