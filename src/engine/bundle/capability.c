/* SPDX-License-Identifier: MIT */
/* Sets of capabilities by name. */

#include "engine/bundle/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

/* In the kernel's order (linux/capability.h); what a newer kernel adds has no name here and is
 * never given. */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

#define BIT(number) (UINT64_C(1) << (number))

/* What docker gives: enough for package managers and servers that start as root, nothing that
 * reaches the host. */
static const capability_set defaults =
	BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) |
	BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |
	BIT(CAP_NET_RAW) | BIT(CAP_SYS_CHROOT) | BIT(CAP_MKNOD) | BIT(CAP_AUDIT_WRITE) |
	BIT(CAP_SETFCAP);

int capability_parse(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(names[i] + 4, name) == 0)
			return (int)i;
	return -EINVAL;
}

bool capability_has(capability_set set, const char *name)
{
	int number = capability_parse(name);

	return number >= 0 && set & BIT(number);
}

/* Returns what this process could pass on: a runtime that is asked for more fails. */
static capability_set passable(void)
{
	capability_set set = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= BIT(i);
	return set;
}

/* Reads a list into a set; the word ALL sets *@ret_all. */
static int read_list(const char *const *list, capability_set *ret_set, bool *ret_all,
		     struct lxcri_error *err)
{
	*ret_set = 0;
	*ret_all = false;
	for (size_t i = 0; list && list[i]; i++) {
		int number = capability_parse(list[i]);

		if (strcasecmp(list[i], "ALL") == 0)
			*ret_all = true;
		else if (number < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown capability \"%s\"",
				    list[i]);
		else
			*ret_set |= BIT(number);
	}
	return 0;
}

int capability_choose(const char *const *add, const char *const *drop, capability_set *ret_set,
		      struct lxcri_error *err)
{
	capability_set added, dropped;
	bool add_all, drop_all;

	if (read_list(add, &added, &add_all, err) < 0 ||
	    read_list(drop, &dropped, &drop_all, err) < 0)
		return -1;

	const capability_set possible = passable();

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (added & ~possible & BIT(i))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "capability %s is not available on this host", names[i]);
	if (add_all)
		*ret_set = drop_all ? added : (possible & ~dropped) | added;
	else
		*ret_set = ((drop_all ? 0 : defaults & possible & ~dropped)) | added;
	return 0;
}

struct json_object *capability_format(capability_set set)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (set & BIT(i))
			json_object_array_add(array, json_object_new_string(names[i]));
	return array;
}
