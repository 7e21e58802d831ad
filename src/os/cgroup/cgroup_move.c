/* SPDX-License-Identifier: MIT */
#include "os/cgroup/cgroup_move.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/cgroup/cgroup.h"
#include "os/file.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define STACK_BYTES (64u << 10)

/* One at a time is enough. */
static atomic_flag under_way = ATOMIC_FLAG_INIT;

/* Any hierarchy will do: the lock is one for all. "0" is who writes. */
static void *stay(void *argument)
{
	autofree char *path = cgroup_of_self();
	autofree char *procs = path ? xformat("%s/cgroup.procs", path) : NULL;
	autoclose int fd = procs ? open(procs, O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0)
		(void)file_write_all(fd, "0", 1);
	atomic_flag_clear(&under_way);
	return NULL;
}

static bool begin(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	bool begun;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	/* The signals of the process are for those who wait for them. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	begun = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
		pthread_create(&thread, &attributes, stay, NULL) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return begun;
}

void cgroup_expect_move(bool unless_born)
{
	if (unless_born && cgroup_is_version_2())
		return;
	if (!atomic_flag_test_and_set(&under_way) && !begin())
		atomic_flag_clear(&under_way);
}
