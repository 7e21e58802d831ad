/* SPDX-License-Identifier: MIT */
#pragma once

/* Giving a registry what it lacks, several things at once: with its redirects, its wish to know who
 * we are, its busy times and its broken connections. */

#include "image/registry/endpoint.h"
#include "image/registry/progress.h"
#include "image/layer/hash.h"
#include "oci/digest.h"

enum upload_state { UPLOAD_READY, UPLOAD_RUNNING, UPLOAD_DONE, UPLOAD_FAILED };

/* What is asked next. */
enum upload_step {
	UPLOAD_ASK,      /* is it there */
	UPLOAD_BEGIN,    /* where may it be sent to */
	UPLOAD_SEND,     /* a part of it */
	UPLOAD_RESUME,   /* how much of it is there */
	UPLOAD_END,      /* that was all */
	UPLOAD_WHOLE,    /* all of it in one piece */
	UPLOAD_DOCUMENT, /* a manifest */
};

/* One thing. The caller fills the first part and zeroes the rest, but for fd, which is -1. */
struct upload {
	struct endpoint *endpoint; /* borrowed */
	struct digest digest;
	uint64_t size;
	const char *source; /* the repository that it may be mounted from; borrowed, or NULL */
	/* Opens a blob; returns its descriptor, from then on ours. */
	int (*reopen)(void *userdata, const struct upload *upload, struct lxcri_error *err);
	void *userdata;
	/* Of a manifest: all of it, borrowed, its type, and its tag or digest. */
	const char *bytes;
	const char *media_type;
	const char *name;
	struct progress *progress; /* borrowed; NULL: nobody asks */

	enum upload_state state;
	enum upload_step step;
	int fd;
	struct hash *hash; /* of what was read to check it */
	uint64_t checked;  /* bytes of it */
	bool is_checked;
	struct url place; /* where it is sent to; empty: nowhere yet */
	uint64_t chunk;   /* bytes of a part at least */
	uint64_t have;    /* that the registry has, from the start */
	uint64_t best;    /* the most that it ever had */
	uint64_t part;    /* bytes of the part that is being sent */
	uint64_t reached; /* how far it was ever sent to this place */

	struct url url; /* of the present request; empty: as the step has it */
	struct http_exchange *exchange;
	size_t reply_bytes;
	unsigned int redirects;
	unsigned int attempts; /* that failed since it last got on for a while */
	unsigned int challenges;
	unsigned int renewals; /* of the endpoint, when the present exchange began */
	int64_t not_before_ms;
	struct lxcri_error error; /* of the last attempt */
};

/* Sends @count things, each unless the registry has it, or has it elsewhere. A blob is compared
 * with its digest before a byte of it goes out. The first that fails ends all, and its failure is
 * the result: LXCRI_E_INTEGRITY_CHECK_FAILED for a blob that is not what its digest says, or that
 * the registry says it took as another; LXCRI_E_AUTHENTICATION_FAILED, LXCRI_E_IMAGE_NOT_FOUND for
 * a 404, LXCRI_E_LIMIT_EXCEEDED for a 413, LXCRI_E_TIMEOUT, LXCRI_E_DOWNLOAD_FAILED. */
[[nodiscard]] int upload_all(struct http *http, struct upload *uploads, size_t count,
			     struct lxcri_error *err);

/* Ends @upload, whatever it is at. Safe to repeat. */
void upload_finish(struct upload *upload);
