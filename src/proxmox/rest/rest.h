/* SPDX-License-Identifier: MIT */
#pragma once

/* The hosts of a cluster as one server: which of them is asked, and who we are to it. */

#include "proxmox/rest/exchange.h"

#include "base/scope.h"

struct rest;

/* Makes a client; @settings are borrowed and outlive it. The caller owns *@ret_rest. */
[[nodiscard]] int rest_create(const struct rest_settings *settings, struct rest **ret_rest,
			      struct lxcri_error *err);

/* Frees @rest; NULL is fine. */
void rest_free(struct rest *rest);
DEFINE_AUTOPTR(rest)

/* Asks until a host answers, whatever that is; *@ret_host, borrowed, is that one. A GET is repeated
 * on the next host when one fails, or could not reach the node that it is about; anything else only
 * where the host has not seen it. *@ret_sent tells whether one may have. The authorization of
 * @request is filled in here. */
[[nodiscard]] int rest_ask(struct rest *rest, const struct exchange_request *request,
			   struct exchange_answer *ret_answer, const char **ret_host,
			   bool *ret_sent, struct lxcri_error *err);
