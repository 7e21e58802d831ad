/* SPDX-License-Identifier: MIT */
#include "proxmox/property.h"
#include "base/mem.h"
#include "base/scope.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written in a form that is read as the same, and written as the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const required[] = { "mp", NULL };
	autofree char *text = xstrndup((const char *)data, size);
	autorun(property_finish) struct property_string first = {};
	autorun(property_finish) struct property_string second = {};
	struct lxcri_error err = {};
	uint64_t bytes;

	if (property_parse_size(text, &bytes) == 0) {
		autofree char *formatted = property_format_size(bytes);
		uint64_t again = 0;

		assert(property_parse_size(formatted, &again) == 0 && again == bytes);
	}
	if (property_parse(text, "volume", &first, &err) < 0)
		return 0;

	autofree char *once = property_format(&first, "volume", required);
	int r = property_parse(once, "volume", &second, &err);

	assert(r == 0 && first.count == second.count);

	autofree char *twice = property_format(&second, "volume", required);

	assert(strcmp(once, twice) == 0);
	return 0;
}
