/* SPDX-License-Identifier: MIT */
#pragma once

/* A container that is being made: what the steps of create.c hand on to each other. */

#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/create.h"
#include "engine/driver.h"
#include "engine/guest/guest_join.h"
#include "engine/network/mode.h"
#include "image/store.h"

struct creation {
	const struct lxcri_create_options *options;
	struct lxcri_container *container;
	const char *bundle_path; /* of the bundle of an image; NULL: in the data directory */
	const struct create_place *place; /* of a container of a pod; or NULL */
	struct image image;
	struct bundle bundle;
	int announcement; /* of one from an image, until its record names that */
	int usage_lock;   /* of one from an image, while its files are made */
	struct driver_choice storage;
	struct id_map map; /* of the container's ids, once they are known */
	enum lxcri_log_driver log_driver;
	enum network_mode mode; /* of one from an image */
	char *hostname;
	struct guest_join guest; /* of one in Proxmox VE */
	pid_t pid;
};

/* Gives every volume of the bundle its directory, and mounts it. */
[[nodiscard]] int creation_make_volumes(struct creation *creation, struct lxcri_error *err);

/* Reads, checks and where asked replaces the specification of a caller's bundle. */
[[nodiscard]] int creation_check_bundle(struct creation *creation, struct lxcri_error *err);
