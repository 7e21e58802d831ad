/* SPDX-License-Identifier: MIT */
/* One host that serves a repository. */

#include "image/registry/endpoint.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/registry/document.h"
#include "image/registry/token.h"

#include <string.h>
#include <strings.h>

int endpoint_init(struct endpoint *endpoint, const struct settings *settings, const char *name,
		  const char *repository, struct lxcri_error *err)
{
	size_t host = strcspn(name, "/");
	const char *prefix = name[host] ? name + host + 1 : "";
	const char *separator = *prefix && !text_ends_with(prefix, "/") ? "/" : "";

	*endpoint = (struct endpoint){ .settings = settings };
	endpoint->name = xstrndup(name, host);
	endpoint->repository = xformat("%s%s%s", prefix, separator, repository);
	endpoint->is_insecure = settings_is_insecure(settings, endpoint->name);

	/* A host of that name serves pages to people. */
	const char *served =
		strcmp(endpoint->name, "docker.io") == 0 ? "registry-1.docker.io" : endpoint->name;
	autofree char *text = xformat("https://%s/", served);

	if (url_parse(text, &endpoint->base, err) < 0)
		return fail_while(err, "registry %s", endpoint->name);
	return credentials_find(settings, endpoint->name, endpoint->repository,
				&endpoint->credentials, err);
}

void endpoint_finish(struct endpoint *endpoint)
{
	free(endpoint->name);
	free(endpoint->repository);
	url_finish(&endpoint->base);
	credentials_finish(&endpoint->credentials);
	strings_finish(&endpoint->sources);
	if (endpoint->authorization)
		explicit_bzero(endpoint->authorization, strlen(endpoint->authorization));
	free(endpoint->authorization);
	*endpoint = (struct endpoint){};
}

int endpoint_check(const struct endpoint *endpoint, const struct url *url, struct lxcri_error *err)
{
	if (strcmp(url->scheme, "https") == 0 || endpoint->is_insecure)
		return 0;
	return fail(err, LXCRI_E_DOWNLOAD_FAILED,
		    "%s wants to be asked without TLS at http://%s:%s; only a registry in "
		    "registries.insecure may",
		    endpoint->name, url->host, url->port);
}

void endpoint_prepare(const struct endpoint *endpoint, const struct url *url,
		      struct http_request *request)
{
	bool is_own = url_is_same_origin(url, &endpoint->base);

	request->url = url;
	request->authorization = is_own ? endpoint->authorization : NULL;
	request->ca_file = settings_ca_file(endpoint->settings, endpoint->name);
	request->is_unverified = endpoint->is_insecure && is_own;
	request->is_public_only = strcasecmp(url->host, endpoint->base.host) != 0;
}

int endpoint_connect(struct endpoint *endpoint, struct http *side, struct lxcri_error *err)
{
	autorun(document_finish) struct document document = {};
	autorun(url_finish) struct url url = {};
	autofree char *plain = NULL;
	struct http_request request = { .total_ms = endpoint->settings->timeout_ms };
	struct lxcri_error ignored;

	endpoint->side = side;
	if (!endpoint->is_insecure)
		return 0;
	if (url_join(&endpoint->base, "/v2/", &url, err) < 0)
		return -1;
	endpoint_prepare(endpoint, &url, &request);
	if (document_get(side, &request, &document, &ignored) == 0)
		return 0;
	plain = xformat("http%s", endpoint->base.text + strlen("https"));
	url_finish(&endpoint->base);
	return url_parse(plain, &endpoint->base, err);
}

static void set_authorization(struct endpoint *endpoint, char *authorization)
{
	free(endpoint->authorization);
	endpoint->authorization = authorization;
	endpoint->renewals++;
}

static int choose(const struct strings *challenges, struct challenge *ret, struct lxcri_error *err)
{
	for (size_t i = 0; i < challenges->count; i++)
		if (challenge_parse(challenges->items[i], ret, err) < 0)
			return -1;
	return 0;
}

int endpoint_authorize(struct endpoint *endpoint, const struct strings *challenges,
		       struct lxcri_error *err)
{
	const struct credentials *credentials = &endpoint->credentials;
	autorun(challenge_finish) struct challenge challenge = {};
	char *token = NULL;

	if (choose(challenges, &challenge, err) < 0)
		return -1;
	if (challenge.scheme == CHALLENGE_BEARER) {
		if (token_get(endpoint, &challenge, &token, err) < 0)
			return fail_while(err, "get a token for %s", endpoint->name);
		set_authorization(endpoint, token);
		return 0;
	}
	if (challenge.scheme == CHALLENGE_NONE)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "%s wants to know who we are in no way that is known (Basic, Bearer)",
			    endpoint->name);
	if (!credentials->user)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "%s wants a user name and a password: proxmox-lxcri login %s",
			    endpoint->name, endpoint->name);
	if (endpoint->authorization)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "%s does not take the user name and password of %s", endpoint->name,
			    credentials->user);
	set_authorization(endpoint, token_basic(credentials));
	return 0;
}
