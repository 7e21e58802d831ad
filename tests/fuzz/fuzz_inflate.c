/* SPDX-License-Identifier: MIT */
#include "image/layer/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte tells how large the pieces are in which the rest arrives. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size > 0 ? 1 + (size_t)data[0] * 16 : 1;
	size_t budget = 1 << 20;
	struct lxcri_error err = {};
	char out[1000];

	if (size < 2)
		return 0;

	autoptr(inflate) inflate = inflate_create(compression_detect(data + 1, size - 1));

	for (size_t at = 1; at < size; at += step) {
		struct inflate_input input = { data + at, size - at < step ? size - at : step };
		ssize_t got;

		do {
			got = inflate_read(inflate, &input, out, sizeof(out), &err);
			if (got < 0 || (size_t)got > budget)
				return 0;
			budget -= (size_t)got;
		} while (got > 0);
	}
	(void)inflate_is_complete(inflate);
	return 0;
}
