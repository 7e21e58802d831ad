/* SPDX-License-Identifier: MIT */
#include "oci/digest.h"
#include "base/mem.h"
#include "base/scope.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size);
	struct digest digest;
	struct lxcri_error err = {};

	if (digest_parse(text, &digest, &err) == 0)
		assert(strcmp(digest.text, text) == 0);
	return 0;
}
