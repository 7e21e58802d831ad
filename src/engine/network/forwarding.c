/* SPDX-License-Identifier: MIT */
/* The host's forwarding. */

#include "engine/network/forwarding.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define IPV4 "/proc/sys/net/ipv4/ip_forward"
#define IPV6 "/proc/sys/net/ipv6/conf/all/forwarding"
#define CONF "/proc/sys/net/ipv6/conf"

/* Reads a setting of one digit; -1 where there is none. */
static int read_setting(const char *path)
{
	char digit = 0;
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &digit, 1) == 1 ? digit - '0' : -1;
}

static int write_setting(const char *path, const char *value, struct lxcri_error *err)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : file_write_all(fd, value, strlen(value));

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "set %s to %s, which containers with a network need (or use "
				       "--network none)",
				       path, value);
	return 0;
}

/* A host that forwards no longer listens to routers unless it is told to. */
static int keep_advertisements(struct lxcri_error *err)
{
	autoclose int directory = open(CONF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autorun(strings_finish) struct strings names = {};

	if (directory < 0 || path_list_names(directory, &names) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		autofree char *path = xformat(CONF "/%s/accept_ra", name);

		if (strcmp(name, "all") == 0 || strcmp(name, "default") == 0 ||
		    strcmp(name, "lo") == 0 || read_setting(path) != 1)
			continue;
		if (write_setting(path, "2", err) < 0)
			return -1;
	}
	return 0;
}

int forwarding_enable(bool with_ipv6, struct lxcri_error *err)
{
	if (read_setting(IPV4) != 1) {
		if (write_setting(IPV4, "1", err) < 0)
			return -1;
		log_warning("set net.ipv4.ip_forward to 1, so that containers reach other hosts");
	}
	if (!with_ipv6 || read_setting(IPV6) != 0)
		return 0;
	if (keep_advertisements(err) < 0 || write_setting(IPV6, "1", err) < 0)
		return -1;
	log_warning("set net.ipv6.conf.all.forwarding to 1, and accept_ra from 1 to 2 where it was "
		    "1, so that containers reach other hosts");
	return 0;
}

bool forwarding_is_bridged(void)
{
	return read_setting("/proc/sys/net/bridge/bridge-nf-call-iptables") == 1 ||
	       read_setting("/proc/sys/net/bridge/bridge-nf-call-ip6tables") == 1;
}
