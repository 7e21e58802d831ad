/* SPDX-License-Identifier: MIT */
#pragma once

/* The specification of a container that gets another image. */

#include "engine/bundle.h"
#include "engine/update/request.h"

/* Makes bundle->spec, which was built of the new image and @request alone, the specification of the
 * container that has had @old so far: what is the image's is taken from the new one, all else from
 * @old. Of the new image's volumes those stay in @bundle for which nothing is mounted yet. */
void graft(struct json_object *old, const struct request *request, struct bundle *bundle);

/* Makes @target, to which a container returns, have the limits and the rest of "linux" that it has
 * now, by @current. */
void graft_back(struct json_object *current, struct json_object *target);
