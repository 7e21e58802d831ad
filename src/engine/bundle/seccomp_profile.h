/* SPDX-License-Identifier: MIT */
#pragma once

/* Which system calls a container may make when nothing else is asked for. */

#include "base/json.h"
#include "engine/bundle/capability.h"

/* Returns the profile for a process that can have @capabilities, as "linux.seccomp" of the runtime
 * specification; owned by the caller. */
[[nodiscard]] struct json_object *seccomp_profile_default(capability_set capabilities);
