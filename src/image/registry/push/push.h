/* SPDX-License-Identifier: MIT */
#pragma once

/* Giving a registry an image: its blobs, then its manifests. Nothing of the store changes. */

#include "image/layout.h"
#include "image/registry/graph/held.h"
#include "image/registry/settings.h"

struct push;

/* Prepares the push to settings->reference: who we are there. Credential helpers run now.
 * @settings must outlive it. The caller owns *@ret_push. */
[[nodiscard]] int push_create(const struct settings *settings, struct push **ret_push,
			      struct lxcri_error *err);

/* Frees @push; NULL is fine. */
void push_free(struct push *push);
DEFINE_AUTOPTR(push)

/* Sends the registry what it lacks of the image settings->digest, whose parts are @held, and gives
 * it the tag of the reference. @layout is the store, which knows what else the registry has.
 * *@ret_name is the normalised reference, owned by the caller. LXCRI_E_INVALID_ARGUMENT where the
 * reference has another digest; else as plan_read() and upload_all() do. */
[[nodiscard]] int push_run(struct push *push, const struct layout *layout, const struct held *held,
			   char **ret_name, struct lxcri_error *err);
