/* SPDX-License-Identifier: MIT */
#include "image/registry/auth_file.h"
#include "base/scope.h"
#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is found is whole and can stand in a header; what was set is found again, and gone when it
 * is removed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autorun(auth_entry_finish) struct auth_entry entry = {};
	autojson document = NULL;
	struct lxcri_error err = {};
	int r = auth_file_find((const char *)data, size, "docker.io", "library/busybox", &entry,
			       &err);

	if (r == 1) {
		const struct credentials *found = &entry.credentials;

		assert(entry.helper || found->identity_token || (found->user && found->password));
		assert(!found->password || !text_has_control(found->password));
		assert(!found->identity_token || !text_has_control(found->identity_token));
	}
	if (json_parse((const char *)data, size, &json_limits_config, &document, &err) < 0 ||
	    !json_object_is_type(document, json_type_object))
		return 0;

	const struct credentials ours = { .user = (char *)"user", .password = (char *)"pass:word" };

	auth_file_set(document, "docker.io", &ours);
	assert(auth_file_remove(document, "docker.io") >= 1);
	assert(auth_file_remove(document, "docker.io") == 0);
	return 0;
}
