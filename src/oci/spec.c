/* SPDX-License-Identifier: MIT */
/* The installed API of runtime specifications. A handle always holds a valid one: an edit is made
 * on a copy, which takes the place of the old one once it has been parsed. */

#include "lxcri/spec.h"

#include "oci/runtime_spec.h"
#include "oci/spec_default.h"
#include "oci/spec_validate.h"

#include "base/json_path.h"
#include "base/mem.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CONFIG_NAME "config.json"
#define CONFIG_MODE 0644

struct lxcri_spec {
	struct runtime_spec *parsed;
};

struct lxcri_spec *lxcri_spec_create(void)
{
	struct lxcri_spec *spec = NULL;
	struct lxcri_error err = {};
	int r = lxcri_spec_parse(spec_default_json, strlen(spec_default_json), &spec, &err);

	assert(r == 0);
	return spec;
}

int lxcri_spec_parse(const char *json, size_t size, struct lxcri_spec **ret_spec,
		     struct lxcri_error *err)
{
	struct runtime_spec *parsed;

	if (runtime_spec_parse(json, size, &parsed, err) < 0)
		return -1;
	*ret_spec = xnew(struct lxcri_spec);
	(*ret_spec)->parsed = parsed;
	return 0;
}

int lxcri_spec_load(const char *bundle, struct lxcri_spec **ret_spec, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" CONFIG_NAME, bundle);
	autofree char *bytes = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &bytes, &size);

	if (r == -ENOENT || r == -ENOTDIR)
		return fail_code_errno(err, LXCRI_E_BUNDLE_NOT_FOUND, r, "read %s", path);
	if (r == -EFBIG)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%s: more than %zu bytes", path,
			    json_limits_spec.bytes_max);
	if (r < 0)
		return fail_errno(err, r, "read %s", path);
	if (lxcri_spec_parse(bytes, size, ret_spec, err) < 0)
		return fail_while(err, "bundle %s", bundle);
	return 0;
}

void lxcri_spec_free(struct lxcri_spec *spec)
{
	if (!spec)
		return;
	runtime_spec_free(spec->parsed);
	free(spec);
}

int lxcri_spec_set(struct lxcri_spec *spec, const char *path, const char *json,
		   struct lxcri_error *err)
{
	autojson document = NULL;
	autojson value = NULL;
	autoptr(runtime_spec) edited = NULL;

	if (json && json_parse(json, strlen(json), &json_limits_spec, &value, err) < 0)
		return fail_while(err, "set %s", path);
	if (json && !value)
		return fail(err, LXCRI_E_INVALID_SPEC, "set %s: must not be null", path);
	if (json_object_deep_copy(spec->parsed->document, &document, NULL) < 0)
		return fail_errno(err, ENOMEM, "set %s", path);
	if (json_path_set(document, path, steal(value), err) < 0)
		return fail_while(err, "set %s", path);

	/* Through the text, because an edit must not lead beyond the limits of a text either. */
	autofree char *text = json_format_line(document);

	if (runtime_spec_parse(text, strlen(text), &edited, err) < 0)
		return fail_while(err, "set %s", path);
	runtime_spec_free(spec->parsed);
	spec->parsed = steal(edited);
	return 0;
}

char *lxcri_spec_get(const struct lxcri_spec *spec, const char *path)
{
	struct json_object *value = json_path_find(spec->parsed->document, path);

	return value ? json_format_line(value) : NULL;
}

char *lxcri_spec_format(const struct lxcri_spec *spec)
{
	return runtime_spec_format(spec->parsed);
}

int lxcri_spec_save(const struct lxcri_spec *spec, const char *bundle, struct lxcri_error *err)
{
	autofree char *text = runtime_spec_format(spec->parsed);
	autoclose int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail_code_errno(err, LXCRI_E_BUNDLE_NOT_FOUND, errno, "open bundle %s",
				       bundle);
	if (dir < 0)
		return fail_errno(err, errno, "open bundle %s", bundle);

	int r = file_write_atomic(dir, CONFIG_NAME, text, strlen(text), CONFIG_MODE, FILE_DURABLE);

	return r < 0 ? fail_errno(err, r, "write %s/" CONFIG_NAME, bundle) : 0;
}

int lxcri_spec_validate(const char *json, size_t size, lxcri_spec_fault_fn report, void *userdata,
			struct lxcri_error *err)
{
	autojson document = NULL;

	if (json_parse(json, size, &json_limits_spec, &document, err) < 0)
		return -1;
	return (int)spec_validate(document, SPEC_RULES_ALL, report, userdata);
}
