/* SPDX-License-Identifier: MIT */
#pragma once

/* One host that serves a repository: the registry of a reference, or a mirror of it. */

#include "image/registry/challenge.h"
#include "image/registry/credentials.h"
#include "image/registry/http.h"

struct endpoint {
	const struct settings *settings; /* borrowed */
	struct http *side; /* for what has to be asked before something else can go on; borrowed */
	char *name;        /* "docker.io", "localhost:5000" */
	char *repository;  /* "library/busybox", behind the path of a mirror */
	struct url base;   /* "https://registry-1.docker.io/" */
	struct credentials credentials;
	char *authorization;   /* what requests to it carry; NULL for nothing yet */
	unsigned int renewals; /* how often that changed */
	bool is_insecure;
	bool is_pushed_to;      /* the right to push is asked for as well */
	struct strings sources; /* repositories of it from which blobs are mounted then */
};

/* Makes the endpoint @name, "HOST[:PORT][/PATH]", for @repository; credentials are looked up, and
 * nothing is asked yet. The caller ends it with endpoint_finish(). */
[[nodiscard]] int endpoint_init(struct endpoint *endpoint, const struct settings *settings,
				const char *name, const char *repository, struct lxcri_error *err);

/* Finds out whether an insecure registry has TLS; asks nothing of a secure one. */
[[nodiscard]] int endpoint_connect(struct endpoint *endpoint, struct http *side,
				   struct lxcri_error *err);

/* Does what the @challenges of a 401 ask for, so that the next request carries it.
 * LXCRI_E_AUTHENTICATION_FAILED. */
[[nodiscard]] int endpoint_authorize(struct endpoint *endpoint, const struct strings *challenges,
				     struct lxcri_error *err);

/* Fills the parts of @request that depend on where @url leads: credentials go to the endpoint
 * alone. */
void endpoint_prepare(const struct endpoint *endpoint, const struct url *url,
		      struct http_request *request);

/* Fails unless @url may be spoken to: https, or http where this registry is insecure. */
[[nodiscard]] int endpoint_check(const struct endpoint *endpoint, const struct url *url,
				 struct lxcri_error *err);

/* Frees what @endpoint holds. Safe to repeat. */
void endpoint_finish(struct endpoint *endpoint);
