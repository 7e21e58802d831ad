/* SPDX-License-Identifier: MIT */
#pragma once

/* Whom to ask for the names of others: those of the configuration, else those of the host's
 * resolv.conf, also when that is replaced. */

#include "base/strings.h"
#include "serve/serve.h"

struct resolvers;

/* Begins to watch; @changed is called when they may be others. The caller owns *@ret. */
[[nodiscard]] int resolvers_create(const struct serve_part *part, void (*changed)(void *userdata),
				   void *userdata, struct resolvers **ret, struct lxcri_error *err);

/* Ends it; NULL is fine. */
void resolvers_free(struct resolvers *resolvers);
DEFINE_AUTOPTR(resolvers)

/* Appends them. */
void resolvers_read(const struct resolvers *resolvers, struct strings *ret);
