/* SPDX-License-Identifier: MIT */
/* A manifest: what is taken and kept reads the same again. */

#include "base/mem.h"
#include "manifest/object.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lxcri_error err = {};
	const struct field_reader reader = { .source = "fuzz", .err = &err };
	autorun(object_list_finish) struct object_list list = {};

	if (object_list_parse((const char *)data, size, &reader, &list) < 0)
		return 0;
	for (size_t i = 0; i < list.count; i++) {
		autofree char *kept = json_format_line(list.items[i].document);
		autorun(object_list_finish) struct object_list again = {};

		if (object_list_parse(kept, strlen(kept), &reader, &again) < 0 ||
		    again.count != 1 ||
		    strcmp(again.items[0].meta->name, list.items[i].meta->name) != 0)
			abort();
	}
	return 0;
}
