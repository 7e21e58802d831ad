/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether a container gets a scope of systemd, and which. */

#include "engine/container.h"

/* Tells whether @config gives scopes to containers on this host, when nothing else is said. */
bool container_scope_is_usual(const struct lxcri_config *config);

/* Chooses by the configuration for a container of an image; @parent is where its cgroup shall be: a
 * slice, or a path, which is no scope. LXCRI_E_UNSUPPORTED_OPERATION where systemd is asked for and
 * cannot be had, LXCRI_E_INVALID_ARGUMENT for a parent that is no slice then. */
[[nodiscard]] int container_scope_choose(struct lxcri_container *container, const char *parent,
					 struct lxcri_error *err);

/* The same for a bundle whose linux.cgroupsPath is @path (NULL: none): "SLICE:PREFIX:NAME" names a
 * scope. LXCRI_E_INVALID_SPEC for one of another form where systemd is asked for. */
[[nodiscard]] int container_scope_choose_bundle(struct lxcri_container *container, const char *path,
						struct lxcri_error *err);

/* Returns the cgroup of the container's processes in its scope, absolute, owned by the caller; NULL
 * when it has none that we make. */
[[nodiscard]] char *container_scope_cgroup(const struct lxcri_container *container);

/* Tells systemd the limits that were planned, of a container with a scope. */
[[nodiscard]] int container_scope_update(const struct lxcri_container *container,
					 struct lxcri_error *err);
