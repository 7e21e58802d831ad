/* SPDX-License-Identifier: MIT */
/* Image references. The text is cut at '@', at the last ':' behind the last '/', and at the first
 * '/', and then each piece is held against its grammar: nothing that is not in a grammar gets
 * through, so that a reference can be a file name, a URL's path and a log message. */

#include "oci/reference.h"

#include "oci/digest.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <string.h>

#define HOST_BYTES_MAX 255
#define NAME_BYTES_MAX 255 /* host and path together, as registries count */
#define TAG_BYTES_MAX  128

#define DIGITS  "0123456789"
#define SMALL   "abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define DEFAULT_HOST "docker.io"
#define DEFAULT_TAG  "latest"

static int refuse(struct lxcri_error *err, const char *text, const char *why)
{
	return fail(err, LXCRI_E_INVALID_REFERENCE, "image reference \"%.200s\": %s", text, why);
}

/* Tells whether the @length bytes at @text are small letters and digits in runs that are joined by
 * ".", "_", "__" or any number of "-". */
static bool is_component(const char *text, size_t length)
{
	const char *at = text;
	const char *end = text + length;

	for (;;) {
		size_t run = strspn(at, SMALL DIGITS);

		if (run == 0 || at + run > end)
			return false;
		at += run;
		if (at == end)
			return true;
		if (*at == '-')
			at += strspn(at, "-");
		else if (*at == '.')
			at++;
		else if (*at == '_')
			at += at[1] == '_' ? 2 : 1;
		else
			return false;
		if (at >= end)
			return false;
	}
}

static bool is_path(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (!is_component(path, length))
			return false;
		if (!path[length])
			return true;
		path += length + 1;
	}
}

/* Tells whether @path is a short name that could be taken for the digest of an image. */
static bool is_image_id(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return strlen(name) == 64 && strspn(name, DIGITS "abcdef") == 64;
}

static bool is_tag(const char *tag)
{
	return *tag && *tag != '.' && *tag != '-' && strlen(tag) <= TAG_BYTES_MAX &&
	       strspn(tag, SMALL CAPITAL DIGITS "_.-") == strlen(tag);
}

static bool is_port(const char *port)
{
	uint64_t number;

	return text_parse_u64(port, 1, UINT16_MAX, &number) == 0;
}

/* Tells whether the @length bytes at @name are labels of a host name, joined by dots. */
static bool is_host_name(const char *name, size_t length)
{
	for (size_t i = 0; i <= length; i++) {
		bool edge = i == length || name[i] == '.';

		if (edge && (i == 0 || name[i - 1] == '.' || name[i - 1] == '-'))
			return false;
		if (!edge && name[i] == '-' && (i == 0 || name[i - 1] == '.'))
			return false;
		if (!edge && !strchr(SMALL CAPITAL DIGITS "-", name[i]))
			return false;
	}
	return true;
}

static bool is_host(const char *host)
{
	size_t length;

	if (strlen(host) > HOST_BYTES_MAX)
		return false;
	if (*host == '[') {
		length = strspn(host + 1, DIGITS "abcdefABCDEF:") + 1;
		if (length < 3 || host[length++] != ']')
			return false;
	} else {
		length = strcspn(host, ":");
		if (!is_host_name(host, length))
			return false;
	}
	return !host[length] || (host[length] == ':' && is_port(host + length + 1));
}

/* Tells whether the first component of a reference is a host: docker's rule. */
static bool looks_like_host(const char *component)
{
	return strpbrk(component, ".:[") || strcmp(component, "localhost") == 0 ||
	       strpbrk(component, CAPITAL);
}

bool image_ref_is_short(const char *text)
{
	const char *slash = strchr(text, '/');
	autofree char *first = slash ? xstrndup(text, (size_t)(slash - text)) : NULL;

	return !first || !looks_like_host(first);
}

/* Fills host and path of @ref from @name, the text without tag and digest. */
static void split_name(const char *name, struct image_ref *ref)
{
	const char *slash = strchr(name, '/');
	autofree char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;

	if (first && looks_like_host(first)) {
		ref->host = steal(first);
		ref->path = xstrdup(slash + 1);
	} else {
		ref->host = xstrdup(DEFAULT_HOST);
		ref->path = xstrdup(name);
	}
	if (strcmp(ref->host, "index.docker.io") == 0) {
		free(ref->host);
		ref->host = xstrdup(DEFAULT_HOST);
	}
	if (strcmp(ref->host, DEFAULT_HOST) == 0 && !strchr(ref->path, '/')) {
		autofree char *path = steal(ref->path);

		ref->path = xformat("library/%s", path);
	}
}

/* Cuts @text into the pieces of @ref, in which it finds no fault but a bad digest. */
static int split(const char *text, struct image_ref *ref, struct lxcri_error *err)
{
	autofree char *name = xstrdup(text);
	char *at = strchr(name, '@');

	if (at) {
		struct digest digest;

		*at = '\0';
		if (digest_parse(at + 1, &digest, err) < 0)
			return fail_while(err, "image reference \"%.200s\"", text);
		ref->digest = xstrdup(digest.text);
	}

	char *slash = strrchr(name, '/');
	char *colon = strrchr(slash ? slash : name, ':');

	if (colon) {
		*colon = '\0';
		ref->tag = xstrdup(colon + 1);
	} else if (!at) {
		ref->tag = xstrdup(DEFAULT_TAG);
	}
	split_name(name, ref);
	return 0;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct lxcri_error *err)
{
	autorun(image_ref_finish) struct image_ref ref = {};

	if (!*text)
		return refuse(err, text, "it is empty");
	if (strlen(text) > HOST_BYTES_MAX + NAME_BYTES_MAX + TAG_BYTES_MAX + DIGEST_TEXT_MAX + 3)
		return refuse(err, text, "it is too long");
	if (split(text, &ref, err) < 0)
		return -1;
	if (!is_host(ref.host))
		return refuse(err, text, "its host is malformed");
	if (!is_path(ref.path))
		return refuse(err, text,
			      "its name must be small letters and digits, joined by . _ - and /");
	if (strlen(ref.host) + 1 + strlen(ref.path) > NAME_BYTES_MAX)
		return refuse(err, text, "its name is too long");
	if (strcmp(ref.host, DEFAULT_HOST) == 0 && is_image_id(ref.path))
		return refuse(err, text, "64 hexadecimal digits are an image's digest, not a name");
	if (ref.tag && !is_tag(ref.tag))
		return refuse(err, text, "its tag is malformed");
	*ret = ref;
	ref = (struct image_ref){};
	return 0;
}

char *image_ref_format(const struct image_ref *ref)
{
	return xformat("%s/%s%s%s%s%s", ref->host, ref->path, ref->tag ? ":" : "",
		       ref->tag ? ref->tag : "", ref->digest ? "@" : "",
		       ref->digest ? ref->digest : "");
}

void image_ref_finish(struct image_ref *ref)
{
	free(ref->host);
	free(ref->path);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct image_ref){};
}
