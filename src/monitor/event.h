/* SPDX-License-Identifier: MIT */
#pragma once

/* Telling what happened to the container, as no command may be there at the time. */

#include "monitor/supervisor.h"

/* Records the event @name. @key and @value are one attribute of it, or NULL. Nothing is recorded
 * before the creator has committed; what cannot be is lost. */
void event_tell(const struct supervisor *supervisor, const char *name, const char *key,
		const char *value);

/* The same with a number. */
void event_tell_number(const struct supervisor *supervisor, const char *name, const char *key,
		       int64_t value);
