/* SPDX-License-Identifier: MIT */
/* The name server's own process: what strangers send is parsed by a process that has no rights and
 * no files, and can do no more than send and receive. It is told what to do, and given its sockets,
 * by who started it, and ends with that. */

#include "base/log.h"
#include "base/scope.h"
#include "net/dns/dns_control.h"
#include "os/confine.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* What owns nothing. Nobody can signal or trace this process, though others use the same id: it is
 * not dumpable. */
#define NOBODY 65534

static void log_line(void *userdata, enum lxcri_log_level level, const char *text)
{
	(void)fprintf(stderr, "lxcri-dns: %s\n", text);
}

static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* the soft limit will do for most */
}

/* All that the server calls; the kernel refuses anything else. A sanitizer calls more. */
[[maybe_unused]] static int filter_calls(void)
{
	static const int calls[] = {
		SCMP_SYS(accept4),
		SCMP_SYS(brk),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(close),
		SCMP_SYS(connect),
		SCMP_SYS(epoll_create1),
		SCMP_SYS(epoll_ctl),
		SCMP_SYS(epoll_pwait),
		SCMP_SYS(epoll_wait),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
		SCMP_SYS(fstat),
		SCMP_SYS(futex),
		SCMP_SYS(getpid),
		SCMP_SYS(getrandom),
		SCMP_SYS(getsockopt),
		SCMP_SYS(gettid),
		SCMP_SYS(lseek),
		SCMP_SYS(madvise),
		SCMP_SYS(mmap),
		SCMP_SYS(mprotect),
		SCMP_SYS(mremap),
		SCMP_SYS(munmap),
		SCMP_SYS(newfstatat),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(read),
		SCMP_SYS(recvfrom),
		SCMP_SYS(recvmmsg),
		SCMP_SYS(recvmsg),
		SCMP_SYS(restart_syscall),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(sendmmsg),
		SCMP_SYS(sendmsg),
		SCMP_SYS(sendto),
		SCMP_SYS(setsockopt),
		SCMP_SYS(socket),
		SCMP_SYS(tgkill),
		SCMP_SYS(write),
		SCMP_SYS(writev),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(calls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

static int confine(struct lxcri_error *err)
{
	int r = confine_files(NULL, 0);

	/* Where the kernel has no Landlock the id must do. */
	if (r < 0 && r != -EOPNOTSUPP)
		return fail_errno(err, r, "give up all files");
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return fail_errno(err, errno, "become nobody");
	r = confine_capabilities(NULL, 0);
	if (r < 0)
		return fail_errno(err, r, "give up all capabilities");
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail for these values */
#ifndef __SANITIZE_ADDRESS__
	r = filter_calls();
	if (r < 0)
		return fail_errno(err, r, "give up calls of the system");
#endif
	return 0;
}

static int serve(struct dns_server *server, struct lxcri_error *err)
{
	struct pollfd polls[] = { { .fd = dns_server_fd(server), .events = POLLIN },
				  { .fd = DNS_CONTROL_FD, .events = POLLIN } };
	int timeout_ms = -1;

	for (;;) {
		if (poll(polls, ARRAY_LEN(polls), timeout_ms) < 0 && errno != EINTR)
			return fail_errno(err, errno, "wait for queries");
		if (polls[1].revents && dns_control_obey(server, DNS_CONTROL_FD) == 0)
			return 0;
		timeout_ms = dns_server_run(server);
	}
}

static int run(struct lxcri_error *err)
{
	autoptr(dns_server) server = NULL;
	struct dns_counters *counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE,
					     MAP_SHARED, DNS_COUNTERS_FD, 0);

	if (counters == MAP_FAILED)
		return fail_errno(err, errno, "map the counters");
	allow_many_files();
	if (confine(err) < 0 || dns_server_create(counters, &server, err) < 0)
		return -1;
	return serve(server, err);
}

int main(void)
{
	struct lxcri_error err = {};

	lxcri_log_set(log_line, NULL, LXCRI_LOG_WARNING);
	if (run(&err) == 0)
		return EXIT_SUCCESS;
	log_error("%s", err.text);
	return EXIT_FAILURE;
}
