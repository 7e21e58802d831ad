/* SPDX-License-Identifier: MIT */
/* A specification as items of liblxc's configuration and as a plan: no value breaks out of its
 * item, and the plan survives its way to the shim. */

#include "monitor/lxc/lxc_config.h"
#include "monitor/lxc/lxc_spec.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(const struct runtime_spec *spec)
{
	struct lxc_cgroup_names names = {};
	struct lxc_config config = {};
	struct lxcri_error err = {};

	if (lxc_cgroup_names("id", "/run", spec->linux_->cgroups_path, &names, &err) == 0)
		(void)lxc_config_build(spec, &names, &config, &err); /* a refusal is as good */
	assert(config.keys.count == config.values.count);
	for (size_t i = 0; i < config.keys.count; i++) {
		assert(strncmp(config.keys.items[i], "lxc.", 4) == 0);
		assert(!strpbrk(config.keys.items[i], " =\n\r"));
		assert(!strpbrk(config.values.items[i], "\n\r"));
	}
	lxc_config_finish(&config);
	lxc_cgroup_names_finish(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lxcri_error err = {};
	struct runtime_spec *spec;
	struct lxc_plan plan = {};

	if (runtime_spec_parse((const char *)data, size, &spec, &err) < 0)
		return 0;
	if (lxc_spec_plan(spec, "id", "/bundle", &plan, &err) == 0) {
		struct text bytes = {};
		struct lxc_plan copy;

		lxc_plan_encode(&plan, &bytes);
		assert(lxc_plan_decode(bytes.data, bytes.length, &copy, &err) == 0);
		text_finish(&bytes);
		lxc_plan_finish(&copy);
		check_config(spec);
	}
	lxc_plan_finish(&plan);
	runtime_spec_free(spec);
	return 0;
}
