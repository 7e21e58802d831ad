/* SPDX-License-Identifier: MIT */
/* What our cgroups are called. */

#include "runtime/cgroup_name.h"

#include "base/mem.h"

#include <stdint.h>

/* FNV-1a, folded: it only has to differ between the engines of one host. */
static uint32_t mark(const char *text)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (uint32_t)(value ^ value >> 32);
}

char *cgroup_name(const char *role, const char *id, const char *run_dir)
{
	return xformat("proxmox-lxcri.%s.%s.%08x", role, id, mark(run_dir));
}
