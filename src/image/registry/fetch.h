/* SPDX-License-Identifier: MIT */
#pragma once

/* Fetching what a registry has, several things at once: with its redirects, its wish to know who we
 * are, its busy times and its broken connections. */

#include "image/registry/endpoint.h"

#define FETCH_SIZE_UNKNOWN UINT64_MAX

/* What receives the bytes. Each function returns 0, or -1 and the fetch fails; NULL is fine where
 * it is said. */
struct fetch_sink {
	/* Looks at the head of a successful response; or NULL. Returns 1 when this fetch is to end
	 * and be forgotten. */
	int (*head)(void *userdata, const struct http_response *response, struct lxcri_error *err);
	/* Takes @size bytes, which stand at @at of the whole. */
	int (*take)(void *userdata, uint64_t at, const void *bytes, size_t size,
		    struct lxcri_error *err);
	/* All comes anew, from the start to the end. */
	int (*restart)(void *userdata, struct lxcri_error *err);
	/* The piece does not come as it was asked for; of fetches that have an end. The fetch is
	 * forgotten. */
	int (*refuse)(void *userdata, struct lxcri_error *err);
	/* All is there; or NULL. */
	int (*end)(void *userdata, struct lxcri_error *err);
	/* Nothing comes any more; or NULL. */
	void (*finish)(void *userdata);
	void *userdata;
};

enum fetch_state { FETCH_READY, FETCH_RUNNING, FETCH_DONE, FETCH_FAILED, FETCH_IDLE };

/* One thing. The caller fills the first part and zeroes the rest. */
struct fetch {
	struct endpoint *endpoint; /* borrowed */
	char *path;                /* "/v2/…"; owned */
	const char *accept;        /* borrowed, or NULL */
	uint64_t size;             /* FETCH_SIZE_UNKNOWN: as much as comes */
	uint64_t have;             /* what is before it is there */
	uint64_t end;              /* of the piece that is asked for; 0: all */
	/* Of a server that is no registry: it is not told who we are, what it sends is taken as it
	 * is encoded, and parts of two answers are never put together. */
	bool is_plain;
	struct fetch_sink sink;

	enum fetch_state state;
	bool is_void;   /* its present answer is not taken */
	struct url url; /* where it is at present; empty: at the registry */
	struct http_exchange *exchange;
	unsigned int redirects;
	unsigned int attempts;   /* that failed since it last went well for a while */
	unsigned int challenges; /* answered since then */
	unsigned int renewals;   /* of the endpoint, when the present exchange began */
	uint64_t resumed_at;     /* of what it had when the present exchange began */
	int64_t not_before_ms;
	struct lxcri_error error; /* of the last attempt */
};

/* Fetches @count things. The first that fails ends all, and its failure is the result. With
 * LXCRI_E_IMAGE_NOT_FOUND for a 404, LXCRI_E_AUTHENTICATION_FAILED, LXCRI_E_DOWNLOAD_FAILED,
 * LXCRI_E_TIMEOUT, LXCRI_E_INTEGRITY_CHECK_FAILED for other sizes than announced, and what the
 * sinks fail with. */
[[nodiscard]] int fetch_all(struct http *http, struct fetch *fetches, size_t count,
			    struct lxcri_error *err);

/* Things to fetch that turn up one after the other, and somebody who is listened to meanwhile. */
struct fetch_queue {
	unsigned int at_once;
	/* Fills in the first part of *@fetch with what is to be fetched besides all that is.
	 * Returns 1, or 0 where there is nothing at present. */
	int (*next)(void *userdata, struct fetch *fetch, struct lxcri_error *err);
	int fd; /* borrowed; -1: nobody */
	/* Reads what @fd has to say. */
	int (*hear)(void *userdata, struct lxcri_error *err);
	void *userdata;
};

/* Fetches what @queue yields until nothing runs and there is nothing more. Fails as fetch_all()
 * does, and as its functions do. */
[[nodiscard]] int fetch_queue(struct http *http, const struct fetch_queue *queue,
			      struct lxcri_error *err);

/* Ends @fetch, whatever it is at. Safe to repeat. */
void fetch_finish(struct fetch *fetch);
