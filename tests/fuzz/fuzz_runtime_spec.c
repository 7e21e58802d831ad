/* SPDX-License-Identifier: MIT */
#include "oci/runtime_spec.h"
#include "oci/spec_validate.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *userdata, const char *path, const char *text)
{
	assert(path && text);
}

/* The rules stand any document; what they pass can be written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoptr(runtime_spec) spec = NULL;
	autoptr(runtime_spec) again = NULL;
	autojson document = NULL;
	struct lxcri_error err = {};

	if (json_parse((const char *)data, size, &json_limits_spec, &document, &err) < 0)
		return 0;
	(void)spec_validate(document, SPEC_RULES_ALL, ignore, NULL);
	if (runtime_spec_from_json(document, &spec, &err) < 0)
		return 0;

	autofree char *text = runtime_spec_format(spec);
	int r = runtime_spec_parse(text, strlen(text), &again, &err);

	assert(r == 0);
	return 0;
}
