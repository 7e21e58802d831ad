/* SPDX-License-Identifier: MIT */
/* A small answer, as a whole. */

#include "image/registry/document.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

static int begin(void *userdata, const struct http_response *response, struct lxcri_error *err)
{
	const char *encoding = response->content_encoding;

	if (encoding && strcasecmp(encoding, "identity") != 0)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the answer is encoded (%.40s), which was not asked for", encoding);
	return 0;
}

int document_take(void *userdata, const void *bytes, size_t size, struct lxcri_error *err)
{
	struct document *document = userdata;

	/* Nobody looks at it. */
	if (document->bytes_max == 0)
		return 0;
	if (size > document->bytes_max - document->text.length)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the answer has more than %zu bytes",
			    document->bytes_max);
	text_append(&document->text, bytes, size);
	return 0;
}

int document_get(struct http *http, const struct http_request *request, struct document *document,
		 struct lxcri_error *err)
{
	const struct http_reader reader = { begin, document_take, document };
	autoptr(http_exchange) exchange = NULL;
	struct http_exchange *ended = NULL;

	if (http_start(http, request, &reader, &exchange, err) < 0)
		return -1;
	while (ended != exchange)
		if (http_next(http, -1, &ended, err) < 0)
			return -1;
	if (http_exchange_outcome(exchange, err) != HTTP_ANSWERED)
		return -1;
	document->status = http_exchange_response(exchange)->status;
	return 0;
}

void document_finish(struct document *document)
{
	if (document->text.data)
		explicit_bzero(document->text.data, document->text.length);
	text_finish(&document->text);
	*document = (struct document){};
}
