/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "transfer/copy_ids.h"
#include "transfer/spot.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size);
	autofree char *clean = spot_clean(text);
	struct copy_ids map;

	if (clean) {
		autofree char *framed = xformat("/%s/", clean);

		assert(clean[0] != '/' && !strstr(framed, "/../") && !strstr(framed, "/./"));
		assert(!*clean || !strstr(framed, "//"));
	}
	if (copy_ids_parse(text, &map) == 0 && map.count > 0)
		assert(copy_ids_outside(&map, map.ranges[0].inside) == map.ranges[0].outside);
	return 0;
}
