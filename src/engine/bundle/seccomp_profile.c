/* SPDX-License-Identifier: MIT */
/* Which system calls a container may make: docker's policy, sorted by what the calls are about.
 *
 * How it works: a list of what is allowed. What is known and refused fails with EPERM, as it does
 * for anybody without the privilege; what is not listed at all fails with ENOSYS, so that a C
 * library that is newer than this list falls back to the older call. A call that only makes sense
 * with a capability is allowed to those who hold it; the kernel checks the capability besides. */

#include "engine/bundle/seccomp_profile.h"

#include "base/mem.h"
#include "base/strings.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>

/* Calls for everybody. Those of 32-bit and of other machines stand beside their relatives; names
 * that a machine does not have are skipped. */
static const char *const allowed[] = {
	/* opening, reading and writing files */
	"open openat openat2 creat close close_range read readv pread64 preadv preadv2 write "
	"writev "
	"pwrite64 pwritev pwritev2 lseek _llseek sendfile sendfile64 splice tee vmsplice "
	"copy_file_range readahead fadvise64 fadvise64_64 arm_fadvise64_64 fallocate ftruncate "
	"ftruncate64 truncate truncate64 fsync fdatasync sync syncfs sync_file_range "
	"sync_file_range2 arm_sync_file_range dup dup2 dup3 fcntl fcntl64 flock ioctl pipe pipe2 "
	"memfd_create memfd_secret cachestat",
	/* names, attributes and directories */
	"stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx statfs statfs64 "
	"fstatfs "
	"fstatfs64 access faccessat faccessat2 chmod fchmod fchmodat fchmodat2 "
	"chown chown32 fchown fchown32 fchownat lchown lchown32 utime utimes utimensat "
	"utimensat_time64 futimesat link linkat unlink unlinkat symlink symlinkat readlink "
	"readlinkat rename renameat renameat2 mkdir mkdirat rmdir mknod mknodat getdents "
	"getdents64 "
	"getcwd chdir fchdir umask name_to_handle_at getxattr lgetxattr fgetxattr getxattrat "
	"setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr flistxattr listxattrat "
	"removexattr lremovexattr fremovexattr removexattrat",
	/* waiting for events */
	"poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create "
	"epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 "
	"eventfd eventfd2 signalfd signalfd4 inotify_init inotify_init1 inotify_add_watch "
	"inotify_rm_watch fanotify_mark io_setup io_destroy io_submit io_cancel io_getevents "
	"io_pgetevents io_pgetevents_time64",
	/* memory */
	"brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock "
	"munlockall membarrier remap_file_pages pkey_alloc pkey_free pkey_mprotect "
	"map_shadow_stack "
	"mseal process_mrelease",
	/* processes and threads */
	"fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill "
	"pidfd_open pidfd_send_signal getpid getppid gettid getpgid getpgrp setpgid getsid setsid "
	"set_tid_address set_thread_area get_thread_area set_robust_list get_robust_list "
	"arch_prctl prctl seccomp restart_syscall rseq futex futex_time64 futex_waitv futex_wait "
	"futex_wake futex_requeue getcpu modify_ldt ptrace process_vm_readv process_vm_writev "
	"landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr "
	"lsm_set_self_attr lsm_list_modules breakpoint cacheflush set_tls "
	"get_tls riscv_flush_icache riscv_hwprobe swapcontext",
	/* who one is, and what one may use */
	"getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 "
	"getresgid getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid "
	"setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid "
	"setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset getrlimit ugetrlimit "
	"setrlimit prlimit64 getrusage ioprio_get ioprio_set uname sysinfo",
	/* scheduling */
	"sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr "
	"sched_getparam "
	"sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max "
	"sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64 getpriority "
	"setpriority nice",
	/* signals */
	"rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo "
	"rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 sigaction signal sigprocmask "
	"sigreturn "
	"sigpending sigsuspend sigaltstack pause alarm",
	/* time */
	"time times gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 "
	"clock_nanosleep clock_nanosleep_time64 clock_adjtime clock_adjtime64 adjtimex nanosleep "
	"getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime "
	"timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
	"timerfd_gettime64 timerfd_settime timerfd_settime64",
	/* sockets, but for socket() itself. Nor is there socketcall(), by which 32-bit programs of
	 * before Linux 4.3 make sockets: its arguments are in memory, and it would go around the
	 * conditions on socket(). It has to be refused by a rule, or libseccomp allows it along. */
	"socketpair bind listen accept accept4 connect getsockname getpeername "
	"getsockopt "
	"setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 "
	"shutdown",
	/* System V and POSIX queues, semaphores, shared memory */
	"ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat "
	"shmctl shmdt shmget mq_getsetattr mq_notify mq_open mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink getrandom",
};

/* Calls for those who hold one of the capabilities; others are told EPERM. */
static const struct privileged {
	const char *capabilities;
	const char *names;
} privileged[] = {
	{ "CAP_SYS_ADMIN",
	  "mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig "
	  "fsmount fspick setns unshare sethostname setdomainname quotactl quotactl_fd "
	  "fanotify_init lookup_dcookie statmount listmount" },
	{ "CAP_SYS_ADMIN CAP_BPF", "bpf" },
	{ "CAP_SYS_ADMIN CAP_PERFMON", "perf_event_open" },
	{ "CAP_SYS_ADMIN CAP_SYSLOG", "syslog" },
	{ "CAP_DAC_READ_SEARCH", "open_by_handle_at" },
	{ "CAP_SYS_BOOT", "reboot" },
	{ "CAP_SYS_CHROOT", "chroot" },
	{ "CAP_SYS_MODULE", "init_module finit_module delete_module" },
	{ "CAP_SYS_NICE", "get_mempolicy set_mempolicy set_mempolicy_home_node mbind" },
	{ "CAP_SYS_PACCT", "acct" },
	{ "CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise" },
	{ "CAP_SYS_RAWIO", "iopl ioperm" },
	{ "CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64" },
	{ "CAP_SYS_TTY_CONFIG", "vhangup" },
	/* Nobody: keyrings and io_uring are shared with the host or were its undoing too often, the
	 * rest is for hosts or for museums. */
	{ "",
	  "add_key keyctl request_key io_uring_setup io_uring_enter io_uring_register userfaultfd "
	  "kexec_load kexec_file_load pivot_root swapon swapoff move_pages migrate_pages "
	  "nfsservctl uselib ustat sysfs _sysctl vm86 vm86old create_module get_kernel_syms "
	  "query_module socketcall" },
};

/* Appends the words of @text. */
static void add_words(struct json_object *array, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		json_object_array_add(array, json_object_new_string_len(text, (int)length));
		text += length;
		text += strspn(text, " ");
	}
}

/* Tells whether one of the capabilities in @names is in @set. */
static bool holds_one(capability_set set, const char *names)
{
	autofree char *copy = xstrdup(names);

	for (char *rest = copy; rest;)
		if (capability_has(set, strsep(&rest, " ")))
			return true;
	return false;
}

/* Appends a rule and returns it. */
static struct json_object *add_rule(struct json_object *rules, struct json_object *names,
				    const char *action)
{
	struct json_object *rule = json_object_new_object();

	json_object_object_add(rule, "names", names);
	json_set_text(rule, "action", action);
	json_object_array_add(rules, rule);
	return rule;
}

static struct json_object *add_call(struct json_object *rules, const char *name, const char *action)
{
	struct json_object *names = json_object_new_array();

	json_object_array_add(names, json_object_new_string(name));
	return add_rule(rules, names, action);
}

/* Gives @rule the condition that argument @index stands in relation @comparison to @value. */
static void add_condition(struct json_object *rule, unsigned int index, const char *comparison,
			  uint64_t value, uint64_t value_two)
{
	struct json_object *condition = json_object_new_object();
	struct json_object *conditions = json_get(rule, "args");

	if (!conditions) {
		conditions = json_object_new_array();
		json_object_object_add(rule, "args", conditions);
	}
	json_object_object_add(condition, "index", json_object_new_int64(index));
	json_object_object_add(condition, "value", json_object_new_uint64(value));
	json_object_object_add(condition, "valueTwo", json_object_new_uint64(value_two));
	json_set_text(condition, "op", comparison);
	json_object_array_add(conditions, condition);
}

static void set_errno(struct json_object *rule, int number)
{
	json_object_object_add(rule, "errnoRet", json_object_new_int(number));
}

/* Lets everybody have the harmless personalities: others switch off address randomisation or guards
 * of old bugs. */
static void add_personality(struct json_object *rules)
{
	static const uint64_t harmless[] = {
		PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26, UINT32_MAX /* asks */,
	};

	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		add_condition(add_call(rules, "personality", "SCMP_ACT_ALLOW"), 0, "SCMP_CMP_EQ",
			      harmless[i], 0);
}

/* A vsock reaches the hypervisor, whatever the network namespace; AF_ALG opens the kernel's
 * cryptography, where a fault let anybody write to files of other containers (CVE-2026-31431).
 * Three ranges are what is left. (Two conditions on one argument mean "or" to some runtimes and
 * "and" to others.) */
static void add_socket(struct json_object *rules)
{
	static const uint64_t refused[] = { AF_ALG, AF_VSOCK };

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct json_object *refuse = add_call(rules, "socket", "SCMP_ACT_ERRNO");

		add_condition(refuse, 0, "SCMP_CMP_EQ", refused[i], 0);
		set_errno(refuse, EPERM);
	}
	add_condition(add_call(rules, "socket", "SCMP_ACT_ALLOW"), 0, "SCMP_CMP_LT", AF_ALG, 0);
	add_condition(add_call(rules, "socket", "SCMP_ACT_ALLOW"), 0, "SCMP_CMP_EQ", AF_ALG + 1, 0);
	add_condition(add_call(rules, "socket", "SCMP_ACT_ALLOW"), 0, "SCMP_CMP_GT", AF_VSOCK, 0);
}

/* A namespace of its own would give a process every capability inside it, and with them more of the
 * kernel to attack. */
static void add_clone(struct json_object *rules)
{
	static const uint64_t namespaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
					       CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
					       CLONE_NEWNET };
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		struct json_object *refuse = add_call(rules, "clone", "SCMP_ACT_ERRNO");

		add_condition(refuse, 0, "SCMP_CMP_MASKED_EQ", namespaces[i], namespaces[i]);
		set_errno(refuse, EPERM);
		all |= namespaces[i];
	}
	add_condition(add_call(rules, "clone", "SCMP_ACT_ALLOW"), 0, "SCMP_CMP_MASKED_EQ", all, 0);

	/* Its flags are in memory, where no filter can read them; told that it does not exist, the
	 * C libraries use clone(). */
	set_errno(add_call(rules, "clone3", "SCMP_ACT_ERRNO"), ENOSYS);
}

/* Names of the machines whose programs the kernel runs. */
static struct json_object *architectures(void)
{
	static const char *const names[] = {
#if defined(__x86_64__)
		"SCMP_ARCH_X86_64",
		"SCMP_ARCH_X86",
		"SCMP_ARCH_X32",
#elif defined(__aarch64__)
		"SCMP_ARCH_AARCH64",
		"SCMP_ARCH_ARM",
#elif defined(__riscv)
		"SCMP_ARCH_RISCV64",
#else
#error "the seccomp architectures of this machine are not known"
#endif
	};
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_object_array_add(array, json_object_new_string(names[i]));
	return array;
}

struct json_object *seccomp_profile_default(capability_set capabilities)
{
	struct json_object *profile = json_object_new_object();
	struct json_object *rules = json_object_new_array();
	struct json_object *allow = json_object_new_array();
	struct json_object *refuse = json_object_new_array();

	json_set_text(profile, "defaultAction", "SCMP_ACT_ERRNO");
	json_object_object_add(profile, "defaultErrnoRet", json_object_new_int(ENOSYS));
	json_object_object_add(profile, "architectures", architectures());
	json_object_object_add(profile, "syscalls", rules);

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		add_words(allow, allowed[i]);
	for (size_t i = 0; i < ARRAY_LEN(privileged); i++)
		add_words(holds_one(capabilities, privileged[i].capabilities) ? allow : refuse,
			  privileged[i].names);
	add_rule(rules, allow, "SCMP_ACT_ALLOW");
	set_errno(add_rule(rules, refuse, "SCMP_ACT_ERRNO"), EPERM);
	add_personality(rules);
	add_socket(rules);
	if (capability_has(capabilities, "CAP_SYS_ADMIN")) {
		add_call(rules, "clone", "SCMP_ACT_ALLOW");
		add_call(rules, "clone3", "SCMP_ACT_ALLOW");
	} else {
		add_clone(rules);
	}
	return profile;
}
