/* SPDX-License-Identifier: MIT */
/* What a registry answers to who sends it something. */

#include "image/registry/push/reply.h"

#include "base/json.h"
#include "base/mem.h"
#include "image/registry/response.h"

#include <string.h>

#define BODY_BYTES_MAX ((size_t)64 << 10)

static int begin(void *userdata, const struct http_response *response, struct lxcri_error *err)
{
	size_t *bytes = userdata;

	(void)response;
	(void)err;
	*bytes = 0;
	return 0;
}

static int take(void *userdata, const void *piece, size_t size, struct lxcri_error *err)
{
	size_t *bytes = userdata;

	(void)piece;
	if (size > BODY_BYTES_MAX - *bytes)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the registry's answer has more than %zu bytes", BODY_BYTES_MAX);
	*bytes += size;
	return 0;
}

struct http_reader reply_reader(size_t *bytes)
{
	return (struct http_reader){ begin, take, bytes };
}

int reply_place(const struct endpoint *endpoint, const struct url *asked,
		const struct http_response *response, struct url *ret, struct lxcri_error *err)
{
	autorun(url_finish) struct url target = {};

	if (!response->location)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED, "the registry names no address");
	if (url_join(asked, response->location, &target, err) < 0 ||
	    endpoint_check(endpoint, &target, err) < 0)
		return -1;
	if (strcmp(asked->scheme, "https") == 0 && strcmp(target.scheme, "https") != 0)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED,
			    "%s leads from TLS to http://%s:%s, which has none", endpoint->name,
			    target.host, target.port);
	*ret = target;
	target = (struct url){};
	return 0;
}

int reply_check_digest(const struct http_response *response, const struct digest *digest,
		       struct lxcri_error *err)
{
	if (!response->digest || strcmp(response->digest, digest->text) == 0)
		return 0;
	return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
		    "the registry took %s, and says that it is %.100s", digest->text,
		    response->digest);
}

void reply_explain(const struct http_exchange *exchange, const struct url *url,
		   struct lxcri_error *err)
{
	long status = http_exchange_response(exchange)->status;
	autofree char *words = response_words(http_exchange_words(exchange));

	(void)fail(err,
		   status == 403   ? LXCRI_E_AUTHENTICATION_FAILED
		   : status == 404 ? LXCRI_E_IMAGE_NOT_FOUND
		   : status == 413 ? LXCRI_E_LIMIT_EXCEEDED
				   : LXCRI_E_DOWNLOAD_FAILED,
		   "%s://%s:%s answers with status %ld%s%s", url->scheme, url->host, url->port,
		   status, words ? ": " : "", words ? words : "");
}

void reply_unexpected(const struct http_exchange *exchange, const struct url *url, int wanted,
		      struct lxcri_error *err)
{
	(void)fail(err, LXCRI_E_DOWNLOAD_FAILED,
		   "%s://%s:%s answers with status %ld, which does not say that it was done "
		   "(status %d does)",
		   url->scheme, url->host, url->port, http_exchange_response(exchange)->status,
		   wanted);
}
