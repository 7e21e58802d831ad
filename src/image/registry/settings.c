/* SPDX-License-Identifier: MIT */
/* What a pull is asked for. */

#include "image/registry/settings.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

static int64_t milliseconds(struct json_object *section, const char *key)
{
	return (int64_t)(json_object_get_double(json_get(section, key)) * 1000);
}

int settings_parse(const char *bytes, size_t size, struct settings *ret, struct lxcri_error *err)
{
	struct settings settings = {};
	struct json_object *section;

	if (json_parse(bytes, size, &json_limits_config, &settings.document, err) < 0)
		return -1;
	section = json_get(settings.document, SETTINGS_REGISTRIES);
	settings.reference = json_get_text(settings.document, SETTINGS_REFERENCE);
	settings.data_dir = json_get_text(settings.document, SETTINGS_DATA);
	settings.user = json_get_text(settings.document, SETTINGS_USER);
	settings.password = json_get_text(settings.document, SETTINGS_PASSWORD);
	settings.digest = json_get_text(settings.document, SETTINGS_DIGEST);
	settings.media_type = json_get_text(settings.document, SETTINGS_TYPE);
	settings.blobs = json_get_text(settings.document, SETTINGS_BLOBS);
	settings.mount_from = json_get_text(settings.document, SETTINGS_MOUNT_FROM);
	settings.is_fed = json_object_get_boolean(json_get(settings.document, SETTINGS_FEED));
	settings.auth_file = json_get_text(section, "auth_file");
	settings.timeout_ms = milliseconds(section, "timeout");
	settings.stall_ms = milliseconds(section, "stall_timeout");
	settings.retry_wait_ms = milliseconds(section, "retry_wait");
	settings.retries = (unsigned int)json_get_u64(section, "retries", 0);
	settings.connections = (unsigned int)json_get_u64(section, "connections", 1);
	settings.per_host = (unsigned int)json_get_u64(section, "connections_per_host", 1);
	*ret = settings;
	if (!settings.reference || settings.timeout_ms <= 0 || settings.stall_ms <= 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the request is not complete");
	return 0;
}

static struct json_object *section_of(const struct settings *settings)
{
	return json_get(settings->document, SETTINGS_REGISTRIES);
}

static bool list_has(struct json_object *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (strcasecmp(json_object_get_string(json_object_array_get_idx(list, i)), text) ==
		    0)
			return true;
	return false;
}

bool settings_is_insecure(const struct settings *settings, const char *host)
{
	return list_has(json_get(section_of(settings), "insecure"), host);
}

const char *settings_ca_file(const struct settings *settings, const char *host)
{
	struct json_object *section = section_of(settings);
	const char *own = json_get_text(json_get(section, "ca_files"), host);

	return own ? own : json_get_text(section, "ca");
}

struct json_object *settings_mirrors(const struct settings *settings, const char *host)
{
	struct json_object *mirrors = json_get(json_get(section_of(settings), "mirrors"), host);

	return json_object_is_type(mirrors, json_type_array) ? mirrors : NULL;
}

/* docker.io is the only one whose service everybody knows to be another host. */
bool settings_trusts_service(const struct settings *settings, const char *host, const char *service)
{
	struct json_object *all = json_get(section_of(settings), "token_services");

	if (strcmp(host, "docker.io") == 0 && strcasecmp(service, "auth.docker.io") == 0)
		return true;
	return list_has(json_get(all, host), service);
}

void settings_finish(struct settings *settings)
{
	json_free(settings->document);
	*settings = (struct settings){};
}
