/* SPDX-License-Identifier: MIT */
#pragma once

/* The data directories of this host whose containers have ids of their own. Each instance reads the
 * ranges of all others before it takes one. The usual data directory is known anyway, others are
 * written down in it, as links in ".instances": what has a data directory elsewhere, on a host
 * where the usual one is not there, knows of nobody and leaves nothing behind. */

#include "engine/engine.h"

/* Opens the list of instances, making it, and waits for its lock, which whoever chooses a range
 * holds until the choice is on the disk. Writes the data directory of @engine down. *@ret_lock is
 * owned by the caller; -1 where there is no usual data directory. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int instances_enter(const struct lxcri_engine *engine, int *ret_lock,
				  struct lxcri_error *err);

/* Opens the list for reading; nothing is made. Returns a descriptor, or -1 where there is none. */
int instances_open(void);

/* Calls @each with the data directory of every other instance in @list (-1: none) that is there and
 * that nobody but root can have changed, the usual one first. */
void instances_each(const struct lxcri_engine *engine, int list,
		    void (*each)(void *userdata, const char *data_dir), void *userdata);
