/* SPDX-License-Identifier: MIT */
#pragma once

/* What a registry answers to who sends it something. */

#include "image/registry/endpoint.h"
#include "oci/digest.h"

/* Returns a reader that passes over a body, which must be short, and counts it in *@bytes, which is
 * borrowed. It fails with LXCRI_E_LIMIT_EXCEEDED. */
struct http_reader reply_reader(size_t *bytes);

/* Finds where the answer to @asked sends us. It may be another host, which gets no credentials, but
 * none without TLS after one with it. LXCRI_E_DOWNLOAD_FAILED, LXCRI_E_INVALID_REFERENCE. The
 * caller ends *@ret with url_finish(). */
[[nodiscard]] int reply_place(const struct endpoint *endpoint, const struct url *asked,
			      const struct http_response *response, struct url *ret,
			      struct lxcri_error *err);

/* Fails unless the answer says that @digest was stored, or says nothing about it.
 * LXCRI_E_INTEGRITY_CHECK_FAILED. */
[[nodiscard]] int reply_check_digest(const struct http_response *response,
				     const struct digest *digest, struct lxcri_error *err);

/* Fills @err with the status of a refusal and the registry's own words. */
void reply_explain(const struct http_exchange *exchange, const struct url *url,
		   struct lxcri_error *err);

/* Fills @err with a status that means success, but not this one, @wanted. */
void reply_unexpected(const struct http_exchange *exchange, const struct url *url, int wanted,
		      struct lxcri_error *err);
