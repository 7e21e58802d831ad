/* SPDX-License-Identifier: MIT */
/* What a container uses, from files that stand for the kernel's. */

#include "runtime/usage.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/path.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void write_file(const char *root, const char *path, const char *text)
{
	autofree char *full = xformat("%s/%s", root, path);
	autofree char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));

	assert_int_equal(path_make_dirs(dir, 0755), 0);

	autoclose int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void version_2_is_read(void **state)
{
	char root[] = "/tmp/test-usage.XXXXXX";
	struct strings cgroups = {};
	struct lxcri_stats stats = {};

	assert_non_null(mkdtemp(root));
	const struct cgroup_host host = { .root = root, .unified = true };

	strings_addf(&cgroups, "%s/c", root);
	write_file(root, "c/cgroup.controllers", "memory io cpu\n");
	write_file(root, "c/cpu.stat",
		   "usage_usec 7\nuser_usec 5\nsystem_usec 2\nnr_periods 3\nnr_throttled 1\n"
		   "throttled_usec 9\n");
	write_file(root, "c/memory.current", "4096\n");
	write_file(root, "c/memory.max", "max\n");
	write_file(root, "c/memory.stat", "anon 1\nfile 1024\ninactive_file 512\n");
	write_file(root, "c/memory.swap.max", "100\n");
	write_file(root, "c/memory.events", "low 0\noom 4\noom_kill 2\n");
	write_file(root, "c/io.stat",
		   "8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n");
	usage_read_cgroups(&host, &cgroups, &stats);
	assert_true(stats.has_cpu && stats.has_memory && stats.has_io && !stats.has_pids);
	assert_int_equal(stats.cpu_total_ns, 7000);
	assert_int_equal(stats.cpu_throttled_ns, 9000);
	assert_true(stats.memory_limit == LXCRI_UNLIMITED);
	assert_int_equal(stats.memory_inactive, 512);
	assert_int_equal(stats.swap_limit, 100);
	assert_int_equal(stats.oom_kills, 2);
	assert_int_equal(stats.io_read_bytes, 15);
	assert_int_equal(stats.io_writes, 2);
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
	strings_finish(&cgroups);
}

static void version_1_is_read_and_its_kills_are_added_up(void **state)
{
	char root[] = "/tmp/test-usage.XXXXXX";
	struct strings cgroups = {};
	struct lxcri_stats stats = {};

	assert_non_null(mkdtemp(root));
	const struct cgroup_host host = { .root = root };

	strings_addf(&cgroups, "%s/cpu,cpuacct/c", root);
	strings_addf(&cgroups, "%s/memory/c", root);
	strings_addf(&cgroups, "%s/pids/c", root);
	strings_addf(&cgroups, "%s/blkio/c", root);
	write_file(root, "cpu,cpuacct/c/cpuacct.usage", "70\n");
	write_file(root, "cpu,cpuacct/c/cpu.stat",
		   "nr_periods 3\nnr_throttled 1\nthrottled_time 9\n");
	write_file(root, "memory/c/memory.limit_in_bytes", "1000\n");
	write_file(root, "memory/c/memory.memsw.limit_in_bytes", "1500\n");
	write_file(root, "memory/c/memory.oom_control",
		   "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	write_file(root, "memory/c/below/memory.oom_control", "oom_kill 2\n");
	write_file(root, "pids/c/pids.current", "4\n");
	write_file(root, "pids/c/pids.max", "max\n");
	write_file(root, "blkio/c/blkio.throttle.io_service_bytes_recursive",
		   "8:0 Read 4096\n8:0 Write 1\n8:0 Total 4097\n8:16 Read 4\nTotal 4101\n");
	usage_read_cgroups(&host, &cgroups, &stats);
	assert_int_equal(stats.cpu_total_ns, 70);
	assert_int_equal(stats.cpu_throttled_ns, 9);
	assert_int_equal(stats.memory_limit, 1000);
	assert_int_equal(stats.swap_limit, 500);
	assert_int_equal(stats.oom_kills, 3);
	assert_int_equal(stats.pids, 4);
	assert_true(stats.pids_limit == LXCRI_UNLIMITED);
	assert_int_equal(stats.io_read_bytes, 4100);
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
	strings_finish(&cgroups);
}

static void every_interface_but_the_loopback_counts(void **state)
{
	struct lxcri_stats stats = {};

	usage_add_network(
		"Inter-|   Receive                 |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
		"    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
		"  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
		"  eth1:10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0\n"
		"  torn: 1 2\n",
		&stats);
	assert_int_equal(stats.network_rx_bytes, 11);
	assert_int_equal(stats.network_rx_packets, 22);
	assert_int_equal(stats.network_rx_dropped, 44);
	assert_int_equal(stats.network_tx_bytes, 55);
	assert_int_equal(stats.network_tx_errors, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_2_is_read),
		cmocka_unit_test(version_1_is_read_and_its_kills_are_added_up),
		cmocka_unit_test(every_interface_but_the_loopback_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
