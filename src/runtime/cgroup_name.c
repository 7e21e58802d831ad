/* SPDX-License-Identifier: MIT */
/* What our cgroups are called. */

#include "runtime/cgroup_name.h"

#include "base/fnv.h"
#include "base/mem.h"

#include <stdint.h>

/* Folded: it only has to differ between the engines of one host. */
static uint32_t mark(const char *text)
{
	uint64_t value = FNV_START;

	for (; *text; text++)
		value = fnv_add(value, (unsigned char)*text);
	return (uint32_t)(value ^ value >> 32);
}

char *cgroup_name(const char *role, const char *id, const char *run_dir)
{
	return xformat("proxmox-lxcri.%s.%s.%08x", role, id, mark(run_dir));
}
