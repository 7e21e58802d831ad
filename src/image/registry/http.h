/* SPDX-License-Identifier: MIT */
#pragma once

/* HTTP as a registry client needs it, on libcurl's multi interface: several exchanges at once, each
 * within limits. Nothing is followed, retried, decoded or sent along here that was not asked for:
 * redirects, credentials and patience are decided above. HTTP/1.1 alone: over one connection of
 * HTTP/2 large blobs come at half the rate. */

#include "base/fail.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/registry/url.h"

#include <stdint.h>
#include <sys/types.h>

struct http;
struct http_exchange;

struct http_settings {
	int64_t connect_ms;
	int64_t stall_ms;         /* in which an exchange must bring its share */
	unsigned int connections; /* at once */
	unsigned int per_host;    /* of them with one host */
};

/* Makes a client. The caller owns *@ret_http. */
[[nodiscard]] int http_create(const struct http_settings *settings, struct http **ret_http,
			      struct lxcri_error *err);

/* Ends every exchange and frees @http; NULL is fine. */
void http_free(struct http *http);
DEFINE_AUTOPTR(http)

/* What is sent as a body. */
struct http_body {
	uint64_t size;
	/* Reads up to @size bytes from @at; returns their number, which is not 0 before the end, or
	 * -1 and the exchange ends with that failure. */
	ssize_t (*fill)(void *userdata, uint64_t at, void *bytes, size_t size,
			struct lxcri_error *err);
	void *userdata;
};

/* What is asked. Texts are copied but for @url; each may be NULL but for that. */
struct http_request {
	const struct url *url;
	const char *method;           /* "HEAD", "PUT"…; NULL: a GET, or a POST with @form */
	const struct http_body *body; /* copied; NULL: none */
	const char *content_type;     /* of it */
	const char *content_range;    /* which part it is: "0-99" */
	const char *authorization;    /* "Bearer …" */
	const char *accept;
	const char *form;    /* the body of a POST; NULL: a GET */
	const char *ca_file; /* trusted besides the system's */
	uint64_t from;       /* the first byte that is wanted */
	uint64_t end;        /* the first that is not; 0: to the end */
	int64_t total_ms;    /* for all of it; 0: as long as its share comes in time */
	bool is_unverified;  /* take any certificate */
	bool is_public_only; /* connect to no address that only this host can reach */
};

/* What was answered, until its body. Texts are NULL when absent. */
struct http_response {
	long status;
	char *content_type; /* without parameters, in small letters */
	char *content_encoding;
	char *location;
	char *retry_after;
	struct strings challenges; /* the values of WWW-Authenticate */
	char *etag;
	int64_t content_length; /* -1: not told */
	bool has_range;         /* Content-Range, well formed: */
	uint64_t range_from;
	uint64_t range_end; /* behind the last */
	uint64_t range_total;
	char *digest;  /* Docker-Content-Digest */
	bool has_kept; /* Range, well formed: what a registry has of an upload: */
	uint64_t
		kept; /* so many bytes; 0 also for the first alone, which registries say for none */
	uint64_t chunk_min; /* OCI-Chunk-Min-Length; 0: not told */
};

/* Who takes the body of a successful response (2xx). Each returns 0, or -1 and the exchange ends
 * with that failure. */
struct http_reader {
	int (*begin)(void *userdata, const struct http_response *response, struct lxcri_error *err);
	int (*take)(void *userdata, const void *bytes, size_t size, struct lxcri_error *err);
	void *userdata;
};

enum http_outcome {
	HTTP_ANSWERED, /* whole; the status may be any */
	HTTP_BROKEN, /* the connection failed, or ended early, or was too slow: worth another try */
	HTTP_REFUSED, /* it would fail again */
};

/* Begins an exchange; @reader is copied. Only http_next() lets it go on. The caller owns the
 * result. */
[[nodiscard]] int http_start(struct http *http, const struct http_request *request,
			     const struct http_reader *reader, struct http_exchange **ret_exchange,
			     struct lxcri_error *err);

/* Goes on with all exchanges until one ends, which it stores in *@ret_exchange (still the
 * caller's), or for @wait_ms (-1: without end), storing NULL. */
[[nodiscard]] int http_next(struct http *http, int64_t wait_ms, struct http_exchange **ret_exchange,
			    struct lxcri_error *err);

/* Makes http_next() return, storing NULL, when @fd, which is borrowed, can be read; -1: none. */
void http_listen(struct http *http, int fd);

/* How an exchange ended; @err is filled unless it was answered. */
enum http_outcome http_exchange_outcome(const struct http_exchange *exchange,
					struct lxcri_error *err);

/* The response, borrowed. */
const struct http_response *http_exchange_response(const struct http_exchange *exchange);

/* The first bytes of an unsuccessful response's body, borrowed; never NULL. */
const char *http_exchange_words(const struct http_exchange *exchange);

/* Ends @exchange, whatever it is at; NULL is fine. */
void http_exchange_free(struct http_exchange *exchange);
DEFINE_AUTOPTR(http_exchange)

/* Milliseconds of a clock that only goes forward. */
int64_t http_now_ms(void);
