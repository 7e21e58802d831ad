/* SPDX-License-Identifier: MIT */
#include "proxmox/upid.h"
#include "base/mem.h"
#include "base/scope.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size);
	struct upid upid;
	struct lxcri_error err = {};

	if (upid_parse(text, &upid, &err) == 0)
		assert(node_name_is_valid(upid.node) && *upid.type && *upid.user);
	return 0;
}
