/* SPDX-License-Identifier: MIT */
#pragma once

/* Questions to containers by HTTP: what is asked, and where. */

#include "engine/engine.h"
#include "engine/service/probe.h"
#include "net/address.h"

/* Finds the address that @probe names, or else the first one that @network_id has, a container or
 * its pod. False when there is none. */
bool http_get_find_address(struct lxcri_engine *engine, const char *network_id,
			   const struct probe *probe, struct address *ret);

/* Returns the request, owned by the caller. */
[[nodiscard]] char *http_get_format(const struct probe *probe, const struct address *address);

/* Asks once, by a process without rights, and waits for it, @timeout_seconds at most (0: as long as
 * it takes). LXCRI_E_SYSTEM with what
 * was answered unless that was a status from 200 to 399. */
[[nodiscard]] int http_get_ask(const struct probe *probe, const struct address *address,
			       unsigned int timeout_seconds, struct lxcri_error *err);
