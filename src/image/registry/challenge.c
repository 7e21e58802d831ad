/* SPDX-License-Identifier: MIT */
/* WWW-Authenticate.
 *
 *	challenges = challenge *( "," challenge )
 *	challenge  = scheme [ SP ( token68 / parameter *( "," parameter ) ) ]
 *
 * A comma separates both, so a word is a parameter only if "=" and a value follow. */

#include "image/registry/challenge.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

#define HEADER_BYTES_MAX ((size_t)8 << 10)

static const char token_characters[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static void skip_spaces(const char **at)
{
	*at += strspn(*at, " \t");
}

/* Reads a token; NULL where none begins. */
static char *read_token(const char **at)
{
	size_t length = strspn(*at, token_characters);
	char *token = length > 0 ? xstrndup(*at, length) : NULL;

	*at += length;
	return token;
}

static char *read_quoted(const char **at)
{
	struct text text = {};
	const char *c = *at + 1;

	for (; *c && *c != '"'; c++) {
		if (*c == '\\' && c[1])
			c++;
		text_append(&text, c, 1);
	}
	if (*c != '"') {
		text_finish(&text);
		return NULL;
	}
	*at = c + 1;
	return text_steal(&text);
}

static int malformed(const char *at, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_FORMAT,
		    "the registry's WWW-Authenticate is malformed at \"%.40s\"", at);
}

/* The first value of a parameter counts; another one would let two readers differ. */
static int set_parameter(struct challenge *challenge, const char *name, char *value,
			 struct lxcri_error *err)
{
	char **slot = strcasecmp(name, "realm") == 0     ? &challenge->realm
		      : strcasecmp(name, "service") == 0 ? &challenge->service
		      : strcasecmp(name, "scope") == 0   ? &challenge->scope
							 : NULL;

	if (!slot) {
		free(value);
		return 0;
	}
	if (*slot) {
		free(value);
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the registry's WWW-Authenticate has \"%s\" twice", name);
	}
	*slot = value;
	return 0;
}

/* Reads "name = value" and the comma behind it. Returns 1, or 0 where something else stands. */
static int read_parameter(const char **at, struct challenge *challenge, struct lxcri_error *err)
{
	const char *next = *at;
	autofree char *name = read_token(&next);
	char *value;

	skip_spaces(&next);
	if (!name || *next != '=')
		return 0;
	next++;
	skip_spaces(&next);
	value = *next == '"' ? read_quoted(&next) : read_token(&next);
	if (!value)
		return malformed(next, err);
	if (set_parameter(challenge, name, value, err) < 0)
		return -1;
	skip_spaces(&next);
	if (*next && *next != ',')
		return malformed(next, err);
	*at = next;
	return 1;
}

static enum challenge_scheme scheme_of(const char *name)
{
	if (strcasecmp(name, "Bearer") == 0)
		return CHALLENGE_BEARER;
	return strcasecmp(name, "Basic") == 0 ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

static int read_parameters(const char **at, struct challenge *challenge, struct lxcri_error *err)
{
	int r = 1;

	while (r == 1) {
		*at += strspn(*at, " \t,");
		r = read_parameter(at, challenge, err);
	}
	return r;
}

/* Passes over a token68, the form that other schemes have instead of parameters. */
static void skip_token68(const char **at)
{
	const char *next = *at;

	next += strspn(next, token_characters);
	next += strspn(next, "/=");
	if (next > *at && (*next == ',' || !*next))
		*at = next;
}

int challenge_parse(const char *header, struct challenge *ret, struct lxcri_error *err)
{
	const char *at = header;

	if (strlen(header) > HEADER_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the registry's WWW-Authenticate has more than %zu bytes",
			    HEADER_BYTES_MAX);
	for (at += strspn(at, " \t,"); *at; at += strspn(at, " \t,")) {
		autorun(challenge_finish) struct challenge challenge = {};
		autofree char *scheme = read_token(&at);

		if (!scheme || (*at && !strchr(" \t,", *at)))
			return malformed(at, err);
		challenge.scheme = scheme_of(scheme);
		skip_spaces(&at);
		if (challenge.scheme == CHALLENGE_NONE)
			skip_token68(&at);
		if (read_parameters(&at, &challenge, err) < 0)
			return -1;
		if (challenge.scheme <= ret->scheme)
			continue;
		challenge_finish(ret);
		*ret = challenge;
		challenge = (struct challenge){};
	}
	return 0;
}

void challenge_finish(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){};
}
