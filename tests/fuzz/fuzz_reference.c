/* SPDX-License-Identifier: MIT */
#include "oci/reference.h"
#include "base/mem.h"
#include "base/scope.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken can be written, and means the same when it is read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size);
	autorun(image_ref_finish) struct image_ref ref = {};
	autorun(image_ref_finish) struct image_ref again = {};
	struct lxcri_error err = {};

	if (image_ref_parse(text, &ref, &err) < 0)
		return 0;

	autofree char *whole = image_ref_format(&ref);
	int r = image_ref_parse(whole, &again, &err);

	assert(r == 0);

	autofree char *twice = image_ref_format(&again);

	assert(strcmp(whole, twice) == 0);
	return 0;
}
