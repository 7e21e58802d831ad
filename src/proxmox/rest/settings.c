/* SPDX-License-Identifier: MIT */
/* What the first message says. */

#include "proxmox/rest/settings.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "proxmox/wire.h"

#include <ctype.h>
#include <string.h>

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	freep(secret);
}

void rest_settings_finish(struct rest_settings *settings)
{
	strings_finish(&settings->hosts);
	wipe(&settings->token);
	wipe(&settings->password);
	freep(&settings->user);
	freep(&settings->ca_file);
}

/* Takes "NAME", "NAME:PORT", an address of IPv4, or one of IPv6, in brackets where a port follows.
 */
static int take_host(const char *text, uint64_t port, struct strings *hosts,
		     struct lxcri_error *err)
{
	const char *colon = strrchr(text, ':');
	bool is_bare6 = *text != '[' && colon && strchr(text, ':') != colon;

	if (!*text || strlen(text) > 255 || strpbrk(text, "/@?# \\") || text_has_control(text))
		return fail(err, LXCRI_E_INVALID_CONFIG, "proxmox.hosts: \"%.100s\" is no host",
			    text);
	if (is_bare6)
		strings_addf(hosts, "[%s]:%llu", text, (unsigned long long)port);
	else if (colon && colon[1] != ']' && (*text != '[' || colon[-1] == ']'))
		strings_add(hosts, text);
	else
		strings_addf(hosts, "%s:%llu", text, (unsigned long long)port);
	return 0;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)tolower((unsigned char)digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes 32 pairs of hexadecimal digits, with or without colons between. */
static const char *take_fingerprint(const char *at, unsigned char *to)
{
	for (size_t i = 0; i < FINGERPRINT_BYTES; i++) {
		int high, low;

		if (i > 0 && *at == ':')
			at++;
		high = hex_value(at[0]);
		low = high < 0 ? -1 : hex_value(at[1]);
		if (low < 0)
			return NULL;
		to[i] = (unsigned char)(high << 4 | low);
		at += 2;
	}
	return at;
}

/* Each node has a certificate of its own: there may be several, with commas or blanks between. */
static int take_fingerprints(const char *text, struct rest_settings *settings,
			     struct lxcri_error *err)
{
	const char *at = text;

	for (at += strspn(at, ", "); *at; at += strspn(at, ", ")) {
		if (settings->n_fingerprints < FINGERPRINTS_MAX)
			at = take_fingerprint(at, settings->fingerprints[settings->n_fingerprints]);
		else
			at = NULL;
		if (!at || (*at && !strchr(", ", *at)))
			return fail(err, LXCRI_E_INVALID_CONFIG,
				    "proxmox.fingerprint: \"%.120s\" is no SHA-256 fingerprint "
				    "(32 pairs of hexadecimal digits)",
				    text);
		settings->n_fingerprints++;
	}
	return 0;
}

static int take(struct json_object *object, struct rest_settings *settings, struct lxcri_error *err)
{
	struct json_object *hosts = json_get(object, PROXMOX_HOSTS);
	const char *fingerprint = json_get_text(object, PROXMOX_FINGERPRINT);
	size_t count = json_count(hosts);

	for (size_t i = 0; i < count; i++)
		if (take_host(json_object_get_string(json_object_array_get_idx(hosts, i)),
			      json_get_u64(object, PROXMOX_PORT, 8006), &settings->hosts, err) < 0)
			return -1;
	settings->token = xstrdup(json_get_text(object, PROXMOX_TOKEN));
	settings->user = xstrdup(json_get_text(object, PROXMOX_USER));
	settings->password = xstrdup(json_get_text(object, PROXMOX_PASSWORD));
	settings->ca_file = xstrdup(json_get_text(object, PROXMOX_CA));
	settings->verify = json_get_bool(object, PROXMOX_VERIFY, true);
	settings->timeout_seconds = (unsigned int)json_get_u64(object, PROXMOX_TIMEOUT, 30);
	if (settings->hosts.count == 0 ||
	    (!settings->token && (!settings->user || !settings->password)))
		return fail(err, LXCRI_E_INVALID_CONFIG, "host or login is missing");
	if (settings->token &&
	    (!strchr(settings->token, '!') || !strchr(settings->token, '=') ||
	     strpbrk(settings->token, " ;%") || text_has_control(settings->token)))
		return fail(err, LXCRI_E_INVALID_CONFIG,
			    "the token is not of the form USER@REALM!NAME=UUID");
	return fingerprint ? take_fingerprints(fingerprint, settings, err) : 0;
}

int rest_settings_parse(const char *json, size_t size, struct rest_settings *ret,
			struct lxcri_error *err)
{
	autorun(rest_settings_finish) struct rest_settings settings = {};
	autojson object = NULL;

	if (json_parse(json, size, &json_limits_config, &object, err) < 0 ||
	    take(object, &settings, err) < 0)
		return -1;
	*ret = settings;
	settings = (struct rest_settings){};
	return 0;
}
