/* SPDX-License-Identifier: MIT */
/* The head of a response. */

#include "image/registry/response.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_SHOWN 160

#define HEAD_BYTES_MAX ((size_t)64 << 10)

static void forget(struct http_response *response)
{
	free(response->content_type);
	free(response->content_encoding);
	free(response->location);
	free(response->retry_after);
	free(response->digest);
	free(response->etag);
	strings_finish(&response->challenges);
	*response = (struct http_response){ .content_length = -1 };
}

/* "bytes 10-99/100" */
static void read_range(struct http_response *response, const char *value)
{
	autofree char *copy = xstrdup(value);
	char *dash = strchr(copy, '-');
	char *slash = strchr(copy, '/');
	uint64_t last = 0;

	response->has_range = false;
	if (!text_starts_with(copy, "bytes ") || !dash || !slash || slash < dash)
		return;
	*dash = *slash = '\0';
	response->has_range =
		text_parse_u64(copy + strlen("bytes "), 0, INT64_MAX, &response->range_from) == 0 &&
		text_parse_u64(dash + 1, 0, INT64_MAX, &last) == 0 &&
		text_parse_u64(slash + 1, 0, INT64_MAX, &response->range_total) == 0 &&
		response->range_from <= last && last < response->range_total;
	response->range_end = response->has_range ? last + 1 : 0;
}

/* "0-99", with or without "bytes=": what there is of an upload, from its start. */
static void read_kept(struct http_response *response, const char *value)
{
	const char *range = text_starts_with(value, "bytes=") ? value + strlen("bytes=") : value;
	uint64_t last;

	response->has_kept = text_starts_with(range, "0-") &&
			     text_parse_u64(range + strlen("0-"), 0, INT64_MAX - 1, &last) == 0;
	if (response->has_kept)
		response->kept = last == 0 ? 0 : last + 1;
}

static void keep_first(char **slot, const char *value)
{
	if (!*slot)
		*slot = xstrdup(value);
}

static void read_upload_header(struct http_response *response, const char *name, const char *value)
{
	if (strcasecmp(name, "docker-content-digest") == 0)
		keep_first(&response->digest, value);
	else if (strcasecmp(name, "range") == 0)
		read_kept(response, value);
	else if (strcasecmp(name, "oci-chunk-min-length") == 0 &&
		 text_parse_u64(value, 0, INT64_MAX, &response->chunk_min) < 0)
		response->chunk_min = 0;
}

static void read_header(struct http_response *response, const char *name, const char *value)
{
	uint64_t number;

	if (strcasecmp(name, "content-type") == 0 && !response->content_type) {
		char *type = xstrndup(value, strcspn(value, "; \t"));

		for (char *c = type; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		response->content_type = type;
	} else if (strcasecmp(name, "content-encoding") == 0) {
		keep_first(&response->content_encoding, value);
	} else if (strcasecmp(name, "location") == 0) {
		keep_first(&response->location, value);
	} else if (strcasecmp(name, "etag") == 0) {
		keep_first(&response->etag, value);
	} else if (strcasecmp(name, "retry-after") == 0) {
		keep_first(&response->retry_after, value);
	} else if (strcasecmp(name, "www-authenticate") == 0) {
		strings_add(&response->challenges, value);
	} else if (strcasecmp(name, "content-length") == 0 &&
		   text_parse_u64(value, 0, INT64_MAX, &number) == 0) {
		response->content_length = (int64_t)number;
	} else if (strcasecmp(name, "content-range") == 0) {
		read_range(response, value);
	} else {
		read_upload_header(response, name, value);
	}
}

int response_add_line(struct response_head *head, const char *bytes, size_t size,
		      struct lxcri_error *err)
{
	if (head->bytes == 0)
		forget(&head->response);
	head->bytes += size;
	if (head->bytes > HEAD_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the registry's headers have more than %zu bytes", HEAD_BYTES_MAX);
	while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r' ||
			    bytes[size - 1] == ' ' || bytes[size - 1] == '\t'))
		size--;
	if (head->is_told)
		return 0; /* a trailer */

	autofree char *line = xstrndup(bytes, size);
	char *colon = strchr(line, ':');

	if (text_starts_with(line, "HTTP/")) {
		forget(&head->response);
		head->response.status = strtol(line + strcspn(line, " "), NULL, 10);
	} else if (size == 0) {
		head->is_whole = head->response.status >= 200;
	} else if (colon) {
		*colon = '\0';
		read_header(&head->response, line, colon + 1 + strspn(colon + 1, " \t"));
	}
	return 0;
}

void response_finish(struct response_head *head)
{
	forget(&head->response);
	*head = (struct response_head){};
}

char *response_words(const char *body)
{
	autojson document = NULL;
	struct lxcri_error ignored;
	struct json_object *errors;
	const char *words;

	if (json_parse(body, strlen(body), &json_limits_config, &document, &ignored) < 0)
		return NULL;
	errors = json_get(document, "errors");
	if (!json_object_is_type(errors, json_type_array))
		return NULL;
	words = json_get_text(json_object_array_get_idx(errors, 0), "message");
	return words ? xstrndup(words, strnlen(words, WORDS_SHOWN)) : NULL;
}
