/* SPDX-License-Identifier: MIT */
#pragma once

/* Hearing of what becomes of the host's interfaces, addresses and rules. */

#include "serve/serve.h"

struct netwatch;

/* Begins to listen; @lost is called when something was removed or renamed that may have been ours.
 * The caller owns *@ret. */
[[nodiscard]] int netwatch_create(const struct serve_part *part, void (*lost)(void *userdata),
				  void *userdata, struct netwatch **ret, struct lxcri_error *err);

/* Ends it; NULL is fine. */
void netwatch_free(struct netwatch *netwatch);
DEFINE_AUTOPTR(netwatch)
