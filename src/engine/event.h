/* SPDX-License-Identifier: MIT */
#pragma once

/* Telling what the engine did. */

#include "engine/container.h"

#define EVENT_OLD_ID "oldId" /* attribute of a container that got another id */

/* Records the event @name of the object @id of @type. @attributes are names and values by turns,
 * ended by NULL; NULL values are left out. What cannot be recorded is logged and no failure: the
 * thing has happened. */
void engine_event(const struct lxcri_engine *engine, const char *type, const char *name,
		  const char *id, const char *const *attributes);

/* Records that the image @name is not in the store any more. */
void event_image_removed(const struct lxcri_engine *engine, const char *name, const char *digest);

/* Records the event @name of @container, with its image; @key and @value are one more attribute of
 * it, or NULL. */
void container_event(const struct lxcri_container *container, const char *name, const char *key,
		     const char *value);
