/* SPDX-License-Identifier: MIT */
#include "engine/userns/id_ranges.h"

#include "base/mem.h"
#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes are an /etc/subuid. Whatever it says, what is found overlaps nothing in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct id_pool_bounds pool = { .start = 1000000, .size = 65536, .count = 16384 };
	autofree char *text = xstrndup((const char *)data, size);
	autorun(id_ranges_finish) struct id_ranges ranges = {};
	struct lxcri_error err = {};
	uint32_t start;

	id_ranges_add_subids(&ranges, text, "proxmox-lxcri");
	if (id_ranges_find_free(&ranges, &pool, &start, &err) < 0)
		return 0;
	for (size_t i = 0; i < ranges.count; i++)
		if (ranges.items[i].start < start + pool.size &&
		    start < ranges.items[i].start + ranges.items[i].size)
			abort();
	return 0;
}
