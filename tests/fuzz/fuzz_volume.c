/* SPDX-License-Identifier: MIT */
#include "engine/bundle.h"
#include "engine/record.h"

#include "base/mem.h"
#include "base/scope.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes are a volume, [SOURCE:]DESTINATION[:OPTIONS], and a tmpfs besides. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char config[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[]},\"config\":{\"Cmd\":[\"x\"],\"Volumes\":{\"/a\":{}}}}";
	autofree char *text = xstrndup((const char *)data, size);
	autofree char *copy = xstrdup(text);
	char *rest = copy;
	const struct lxcri_volume volume = {
		.source = strsep(&rest, ":"),
		.destination = rest ? strsep(&rest, ":") : "/b",
		.options = rest,
	};
	const char *const tmpfs[] = { text, NULL };
	struct lxcri_create_options options = { .id = "x", .image = "x", .volumes = &volume };
	const struct strings layers = {};
	const struct record_ids ids = {};

	for (options.n_volumes = 0; options.n_volumes < 2; options.n_volumes++) {
		autorun(bundle_finish) struct bundle bundle = {};
		struct lxcri_error err = {};

		options.tmpfs = options.n_volumes ? NULL : tmpfs;
		if (bundle_build(config, &options, &layers, &ids, &bundle, &err) == 0)
			bundle_mount_volumes(&bundle, false);
	}
	return 0;
}
