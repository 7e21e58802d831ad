/* SPDX-License-Identifier: MIT */
/* Two files of a log with any content, read in any way that the first byte names. */
#include "base/scope.h"
#include "os/file.h"
#include "runtime/log/log_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static char directory[] = "/dev/shm/lxcri-fuzz-XXXXXX";

static void clean_up(void)
{
	char path[64];

	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, i ? "log" : "log.1");
		(void)unlink(path);
	}
	(void)rmdir(directory);
}

static void put(const char *name, const uint8_t *data, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);

	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || file_write_all(fd, data, size) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int null = -1;
	struct lxcri_error err = {};
	char path[64];

	if (null < 0) {
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (!mkdtemp(directory) || atexit(clean_up) != 0)
			abort();
	}
	if (size < 2)
		return 0;

	size_t half = data[1] * (size - 2) / 255;
	const struct log_read_options options = {
		.choice = { .since_ns = data[0] & 1 ? 1795309323000000000 : 0,
			    .until_ns = data[0] & 2 ? 1795309324000000000 : 0,
			    .no_stdout = data[0] & 4,
			    .timestamps = data[0] & 8 },
		.tail = data[0] & 16 ? data[0] >> 5 : -1,
		.end_fd = -1,
	};

	put("log.1", data + 2, half);
	put("log", data + 2 + half, size - 2 - half);
	(void)snprintf(path, sizeof(path), "%s/log", directory);
	if (log_file_read(path, &options, null, null, &err) < 0)
		abort();
	return 0;
}
