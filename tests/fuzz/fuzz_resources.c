/* SPDX-License-Identifier: MIT */
/* Limits of a caller: what is planned of them is one line for one file of a cgroup, and laid over
 * themselves they stay valid. */

#include "base/mem.h"
#include "base/scope.h"
#include "engine/limits/resources.h"
#include "oci/spec_validate.h"
#include "runtime/limits/limits.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(struct json_object *object, const struct cgroup_host *host)
{
	struct lxcri_error err = {};
	struct spec_pool pool = {};
	struct limits limits;

	(void)limits_plan(spec_resources_read(&pool, object), host, &limits, &err);
	for (size_t i = 0; i < limits.count; i++) {
		assert(*limits.items[i].file && !strchr(limits.items[i].file, '/'));
		assert(!strchr(limits.items[i].value, '\n'));
	}
	limits_finish(&limits);
	spec_pool_finish(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cgroup_host host = cgroup_host_get();
	autofree char *text = xstrndup((const char *)data, size);
	autojson object = NULL;
	autojson copy = NULL;
	struct lxcri_error err = {};

	if (resources_parse(text, &object, &err) < 0)
		return 0;
	check_plan(object, &host);
	if (json_object_deep_copy(object, &copy, NULL) == 0) {
		resources_merge(object, copy);
		assert(spec_validate_resources(object, &err) == 0);
	}
	return 0;
}
