/* SPDX-License-Identifier: MIT */
#pragma once

/* AppArmor as this host has it. */

#include <stdbool.h>

/* Tells whether the kernel confines by AppArmor profiles. */
bool apparmor_is_enabled(void);

/* Tells whether the profile @name is loaded: 1 or 0, or -errno when the kernel's list cannot be
 * read, as where securityfs is not mounted. */
[[nodiscard]] int apparmor_has_profile(const char *name);
