/* SPDX-License-Identifier: MIT */
/* Files of credentials. */

#include "image/registry/auth_file.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

#define DOCKER_SERVER "https://index.docker.io/v1/"

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(steal(*secret));
}

void credentials_finish(struct credentials *credentials)
{
	free(credentials->user);
	wipe(&credentials->password);
	wipe(&credentials->identity_token);
	*credentials = (struct credentials){};
}

void auth_entry_finish(struct auth_entry *entry)
{
	credentials_finish(&entry->credentials);
	free(entry->helper);
	*entry = (struct auth_entry){};
}

const char *auth_file_server(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? DOCKER_SERVER : host;
}

static bool is_docker(const char *host)
{
	return strcasecmp(host, "docker.io") == 0 || strcasecmp(host, "index.docker.io") == 0 ||
	       strcasecmp(host, "registry-1.docker.io") == 0;
}

/* Returns "host" or "host/path" for a key: docker writes addresses, some with the version of an
 * interface behind the host. */
static char *normal_key(const char *key)
{
	static const char *const schemes[] = { "https://", "http://" };
	bool is_address = false;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (text_starts_with(key, schemes[i])) {
			key += strlen(schemes[i]);
			is_address = true;
		}

	size_t host = strcspn(key, "/");
	autofree char *name = xstrndup(key, host);
	const char *path = key + host;

	if (is_address || strcmp(path, "/") == 0 || text_starts_with(path, "/v1") ||
	    text_starts_with(path, "/v2"))
		path = "";
	return xformat("%s%s", is_docker(name) ? "docker.io" : name, path);
}

/* Tells how well @key fits: 0 for not at all, else more for a longer path. */
static size_t fit(const char *key, const char *wanted)
{
	autofree char *normal = normal_key(key);
	size_t length = strlen(normal);

	if (length == 0 || strncasecmp(normal, wanted, length) != 0)
		return 0;
	return wanted[length] == '\0' || wanted[length] == '/' ? length : 0;
}

/* Returns the member of @object whose key fits @wanted best, or NULL. */
static struct json_object *find_best(struct json_object *object, const char *wanted)
{
	struct json_object *best = NULL;
	size_t most = 0;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	json_object_object_foreach(object, key, value)
	{
		size_t fits = fit(key, wanted);

		if (fits > most) {
			most = fits;
			best = value;
		}
	}
	return best;
}

static int read_pair(const char *encoded, struct credentials *ret, struct lxcri_error *err)
{
	size_t size = 0;
	char *pair = base64_decode(encoded, &size);
	char *colon = pair ? memchr(pair, ':', size) : NULL;

	if (!colon || strlen(pair) != size || text_has_control(pair)) {
		wipe(&pair);
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "an \"auth\" is not \"user:password\" in base64");
	}
	ret->user = xstrndup(pair, (size_t)(colon - pair));
	ret->password = xstrdup(colon + 1);
	wipe(&pair);
	return 0;
}

static int read_entry(struct json_object *entry, struct credentials *ret, struct lxcri_error *err)
{
	const char *token = json_get_text(entry, "identitytoken");
	const char *auth = json_get_text(entry, "auth");
	const char *user = json_get_text(entry, "username");
	const char *password = json_get_text(entry, "password");

	if (token && *token) {
		if (text_has_control(token))
			return fail(err, LXCRI_E_INVALID_FORMAT,
				    "an \"identitytoken\" has a control character");
		ret->identity_token = xstrdup(token);
		return 1;
	}
	if (auth && *auth)
		return read_pair(auth, ret, err) < 0 ? -1 : 1;
	if (!user || !password)
		return 0;
	if (text_has_control(user) || text_has_control(password))
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "a user name or password has a control character");
	ret->user = xstrdup(user);
	ret->password = xstrdup(password);
	return 1;
}

/* The name becomes part of a program's. */
static int read_helper(const char *name, char **ret, struct lxcri_error *err)
{
	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-") != strlen(name))
		return fail(err, LXCRI_E_INVALID_FORMAT, "\"%s\" is no name of a credential helper",
			    name);
	*ret = xstrdup(name);
	return 1;
}

int auth_file_find(const char *bytes, size_t size, const char *host, const char *path,
		   struct auth_entry *ret, struct lxcri_error *err)
{
	autorun(auth_entry_finish) struct auth_entry entry = {};
	autofree char *wanted = xformat("%s/%s", host, path);
	autojson document = NULL;
	struct json_object *helper;
	const char *store;
	int r = 0;

	if (json_parse(bytes, size, &json_limits_config, &document, err) < 0)
		return -1;
	helper = find_best(json_get(document, "credHelpers"), host);
	store = json_get_text(document, "credsStore");
	if (helper && json_object_is_type(helper, json_type_string))
		r = read_helper(json_object_get_string(helper), &entry.helper, err);
	else
		r = read_entry(find_best(json_get(document, "auths"), wanted), &entry.credentials,
			       err);
	if (r == 0 && store && *store)
		r = read_helper(store, &entry.helper, err);
	if (r == 1) {
		*ret = entry;
		entry = (struct auth_entry){};
	}
	return r;
}

void auth_file_set(struct json_object *document, const char *host,
		   const struct credentials *credentials)
{
	struct json_object *auths = json_get(document, "auths");
	struct json_object *entry = json_object_new_object();

	if (!json_object_is_type(auths, json_type_object)) {
		auths = json_object_new_object();
		json_object_object_add(document, "auths", auths);
	}
	if (credentials->identity_token) {
		json_set_text(entry, "identitytoken", credentials->identity_token);
	} else {
		autofree char *pair = xformat("%s:%s", credentials->user, credentials->password);
		autofree char *encoded = base64_encode(pair, strlen(pair));

		json_set_text(entry, "auth", encoded);
	}
	json_object_object_add(auths, auth_file_server(host), entry);
}

size_t auth_file_remove(struct json_object *document, const char *host)
{
	struct json_object *auths = json_get(document, "auths");
	size_t removed = 0;

	if (!json_object_is_type(auths, json_type_object))
		return 0;
	json_object_object_foreach(auths, key, value)
	{
		autofree char *normal = normal_key(key);

		(void)value;
		if (strcasecmp(normal, host) != 0)
			continue;
		/* This kind of loop has taken the next member already. */
		json_object_object_del(auths, key);
		removed++;
	}
	return removed;
}
