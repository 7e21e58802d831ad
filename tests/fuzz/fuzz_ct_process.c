/* SPDX-License-Identifier: MIT */
#include "engine/ct/ct_process.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever stands in a container's entry point, a specification comes of it or an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char env[] = "PLAIN=one\0LXCRI_ENV_0=QT1i\0LXCRI_ENV_1=!";
	autofree char *blob = base64_encode((const char *)data, size);
	autofree char *entrypoint = xformat("/.lxcri/init %s", blob);
	const struct ct_process process = { entrypoint, env, sizeof(env) - 1 };
	autorun(record_finish) struct record record = {};
	autofree char *request = NULL;
	struct lxcri_error err = {};
	autojson spec = NULL;

	if (ct_process_read(&process, &record, &spec, &request, &err) < 0) {
		assert(err.code == LXCRI_E_INVALID_FORMAT && !spec);
		return 0;
	}
	assert(json_get(json_get(spec, "process"), "args") && json_get(spec, "mounts"));
	return 0;
}
