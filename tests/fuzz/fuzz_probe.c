/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "engine/service/probe.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of a line can be shown, and is judged alike again; a record is read or refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *line = xstrndup((const char *)data, size);
	autofree char *record = xstrdup(line);
	autorun(probes_finish) struct probes probes = {};
	struct lxcri_error err = {};
	bool is_success = probe_judge_line(line);

	assert(!text_has_control(line));
	assert(probe_judge_line(line) == is_success);
	(void)probes_parse(record, &probes, &err);
	return 0;
}
