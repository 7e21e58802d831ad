/* SPDX-License-Identifier: MIT */
/* Tokens. */

#include "image/registry/token.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/registry/document.h"

#include <string.h>
#include <strings.h>

#define TOKEN_BYTES_MAX ((size_t)32 << 10)

char *token_basic(const struct credentials *credentials)
{
	autofree char *pair = xformat("%s:%s", credentials->user, credentials->password);
	autofree char *encoded = base64_encode(pair, strlen(pair));

	return xformat("Basic %s", encoded);
}

/* Whoever gets a password can use it elsewhere: it goes to the registry's own host, or where the
 * user said. */
static int check_service(const struct endpoint *endpoint, const struct url *realm,
			 struct lxcri_error *err)
{
	const struct credentials *credentials = &endpoint->credentials;

	if (endpoint_check(endpoint, realm, err) < 0)
		return -1;
	if ((!credentials->user && !credentials->identity_token) ||
	    strcasecmp(realm->host, endpoint->base.host) == 0 ||
	    settings_trusts_service(endpoint->settings, endpoint->name, realm->host))
		return 0;
	return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
		    "credentials for %s are not sent to %s; if they may, name it in "
		    "registries.token_services",
		    endpoint->name, realm->host);
}

/* Our own scopes: a registry could ask for those of somebody else's. Who logs in needs none. */
static void list_scopes(const struct endpoint *endpoint, struct strings *scopes)
{
	if (*endpoint->repository)
		strings_addf(scopes, "repository:%s:%s", endpoint->repository,
			     endpoint->is_pushed_to ? "pull,push" : "pull");
	for (size_t i = 0; i < endpoint->sources.count; i++)
		strings_addf(scopes, "repository:%s:pull", endpoint->sources.items[i]);
}

/* As one field has them. */
static char *join_scopes(const struct strings *scopes)
{
	struct text text = {};

	for (size_t i = 0; i < scopes->count; i++)
		text_addf(&text, "%s%s", i > 0 ? " " : "", scopes->items[i]);
	return text_steal(&text);
}

static char *make_form(const struct endpoint *endpoint, const struct challenge *challenge)
{
	autorun(strings_finish) struct strings scopes = {};
	list_scopes(endpoint, &scopes);

	autofree char *scope = join_scopes(&scopes);
	autofree char *scope_field = url_escape(scope);
	autofree char *service = url_escape(challenge->service ? challenge->service : "");
	autofree char *token = url_escape(endpoint->credentials.identity_token);

	return xformat("grant_type=refresh_token&client_id=proxmox-lxcri&service=%s&scope=%s"
		       "&refresh_token=%s",
		       service, scope_field, token);
}

static char *make_address(const struct endpoint *endpoint, const struct challenge *challenge,
			  const struct url *realm)
{
	autorun(strings_finish) struct strings scopes = {};
	char *address = challenge->service
				? url_add_parameter(realm->text, "service", challenge->service)
				: xstrdup(realm->text);

	list_scopes(endpoint, &scopes);
	for (size_t i = 0; i < scopes.count; i++) {
		autofree char *shorter = address;

		address = url_add_parameter(shorter, "scope", scopes.items[i]);
	}
	return address;
}

static int read_token(const struct document *document, char **ret, struct lxcri_error *err)
{
	autojson answer = NULL;
	const char *token;

	if (json_parse(document->text.data ? document->text.data : "", document->text.length,
		       &json_limits_config, &answer, err) < 0)
		return -1;
	token = json_get_text(answer, "token");
	if (!token || !*token)
		token = json_get_text(answer, "access_token");
	if (!token || !*token)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED, "the answer has no token");
	if (strlen(token) > TOKEN_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the token has more than %zu bytes",
			    TOKEN_BYTES_MAX);
	for (const char *c = token; *c; c++)
		if (*c <= ' ' || *c > '~')
			return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
				    "the token has bytes that no header may have");
	*ret = xformat("Bearer %s", token);
	return 0;
}

static int ask(const struct endpoint *endpoint, const struct challenge *challenge,
	       const struct url *realm, struct document *document, struct lxcri_error *err)
{
	const struct credentials *credentials = &endpoint->credentials;
	autofree char *basic = credentials->user ? token_basic(credentials) : NULL;
	autofree char *form = credentials->identity_token ? make_form(endpoint, challenge) : NULL;
	autofree char *text =
		form ? xstrdup(realm->text) : make_address(endpoint, challenge, realm);
	autorun(url_finish) struct url url = {};
	struct http_request request = { .total_ms = endpoint->settings->timeout_ms,
					.accept = "application/json",
					.form = form };

	if (url_parse(text, &url, err) < 0)
		return -1;
	endpoint_prepare(endpoint, &url, &request);
	request.authorization = form ? NULL : basic;
	return document_get(endpoint->side, &request, document, err);
}

int token_get(const struct endpoint *endpoint, const struct challenge *challenge,
	      char **ret_authorization, struct lxcri_error *err)
{
	autorun(document_finish) struct document document = { .bytes_max = 2 * TOKEN_BYTES_MAX };
	autorun(url_finish) struct url realm = {};

	if (!challenge->realm)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "the registry names nobody who gives tokens");
	if (url_parse(challenge->realm, &realm, err) < 0 ||
	    check_service(endpoint, &realm, err) < 0 ||
	    ask(endpoint, challenge, &realm, &document, err) < 0)
		return -1;
	if (document.status / 100 == 3)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "%s answers with a redirect, which is not followed for a token",
			    realm.host);
	if (document.status == 401 || document.status == 403)
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED, "%s denies it (status %ld)",
			    realm.host, document.status);
	if (document.status != 200)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED, "%s answers with status %ld", realm.host,
			    document.status);
	if (read_token(&document, ret_authorization, err) < 0)
		return fail_while(err, "%s", realm.host);
	return 0;
}
