/* SPDX-License-Identifier: MIT */
#include "oci/manifest.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No document is both a manifest and an index. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	autoptr(manifest) manifest = NULL;
	autoptr(index) index = NULL;
	struct lxcri_error err = {};
	int is_manifest = manifest_parse(bytes, size, NULL, &manifest, &err);
	int is_index = index_parse(bytes, size, NULL, &index, &err);

	assert(is_manifest < 0 || is_index < 0);
	if (is_index == 0) {
		(void)index_find_host(index);
		(void)index_find_name(index, "latest");
	}
	return 0;
}
