/* SPDX-License-Identifier: MIT */
/* Addresses of registries. */

#include "image/registry/url.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* Signed addresses of object stores have some KiB. */
#define URL_LENGTH_MAX ((size_t)16 << 10)

static char *part(CURLU *handle, CURLUPart which, unsigned int flags)
{
	char *text = NULL;
	char *copy;

	if (curl_url_get(handle, which, &text, flags) != CURLUE_OK)
		return NULL;
	copy = xstrdup(text);
	curl_free(text);
	return copy;
}

static int read_parts(CURLU *handle, const char *text, struct url *ret, struct lxcri_error *err)
{
	autorun(url_finish) struct url url = {};
	autofree char *user = part(handle, CURLUPART_USER, 0);
	autofree char *password = part(handle, CURLUPART_PASSWORD, 0);

	if (user || password)
		return fail(err, LXCRI_E_INVALID_REFERENCE, "an address has user information");
	(void)curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
	url.text = part(handle, CURLUPART_URL, 0);
	url.scheme = part(handle, CURLUPART_SCHEME, 0);
	url.host = part(handle, CURLUPART_HOST, 0);
	url.port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	if (!url.text || !url.scheme || !url.host || !*url.host || !url.port ||
	    (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0))
		return fail(err, LXCRI_E_INVALID_REFERENCE, "\"%s\" is no http or https address",
			    text);
	*ret = url;
	url = (struct url){};
	return 0;
}

static int parse(const struct url *base, const char *text, struct url *ret, struct lxcri_error *err)
{
	CURLU *handle;
	int r = -1;

	if (strlen(text) > URL_LENGTH_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "an address has more than %zu bytes",
			    URL_LENGTH_MAX);
	if (text_has_control(text) || strchr(text, ' '))
		return fail(err, LXCRI_E_INVALID_REFERENCE,
			    "an address has a space or a control character");
	handle = curl_url();
	if (!handle)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libcurl");
	if ((base && curl_url_set(handle, CURLUPART_URL, base->text, 0) != CURLUE_OK) ||
	    curl_url_set(handle, CURLUPART_URL, text, 0) != CURLUE_OK)
		(void)fail(err, LXCRI_E_INVALID_REFERENCE, "\"%s\" is no http or https address",
			   text);
	else
		r = read_parts(handle, text, ret, err);
	curl_url_cleanup(handle);
	return r;
}

int url_parse(const char *text, struct url *ret, struct lxcri_error *err)
{
	return parse(NULL, text, ret, err);
}

int url_join(const struct url *base, const char *location, struct url *ret, struct lxcri_error *err)
{
	return parse(base, location, ret, err);
}

char *url_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = xstrdup(escaped ? escaped : "");

	curl_free(escaped);
	return copy;
}

char *url_add_parameter(const char *url, const char *name, const char *value)
{
	autofree char *escaped = url_escape(value);

	return xformat("%s%c%s=%s", url, strchr(url, '?') ? '&' : '?', name, escaped);
}

bool url_is_same_origin(const struct url *a, const struct url *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 &&
	       strcmp(a->port, b->port) == 0;
}

void url_finish(struct url *url)
{
	free(url->text);
	free(url->scheme);
	free(url->host);
	free(url->port);
	*url = (struct url){};
}
