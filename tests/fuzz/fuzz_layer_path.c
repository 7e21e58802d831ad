/* SPDX-License-Identifier: MIT */
#include "image/layer/layer_path.h"

#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No component of @path may lead anywhere but down. */
static void check_dir(const char *path)
{
	autofree char *framed = xformat("/%s/", path);

	assert(*path == '\0' || !strstr(framed, "//"));
	assert(!strstr(framed, "/../") && !strstr(framed, "/./"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *raw = xstrndup((const char *)data, size);
	autorun(layer_path_finish) struct layer_path path = {};
	struct lxcri_error err = {};

	if (layer_path_parse(raw, &path, &err) < 0)
		return 0;
	check_dir(path.dir);
	assert((path.kind == LAYER_NODE || path.kind == LAYER_WHITEOUT) == (path.name != NULL));
	if (path.name)
		assert(*path.name && !strchr(path.name, '/') && strcmp(path.name, ".") != 0 &&
		       strcmp(path.name, "..") != 0);
	return 0;
}
