/* SPDX-License-Identifier: MIT */
/* Output and end of a container of Proxmox VE. */

#include "monitor/ct/ct_output.h"

#include "base/moment.h"
#include "runtime/ct_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES  65536
#define CONSOLE_PATH "/dev/console"
#define EXIT_NEW     "exit.new"
#define LOG_PATH     "/" CT_STATE_DIR "/" CT_STATE_LOG

static const char *const streams[] = { "stdout", "stderr" };

/* Opens the directory of the files, which no link leads to. */
static int open_directory(void)
{
	(void)mkdir("/.lxcri", 0755);
	if (mkdir("/" CT_STATE_DIR, 0700) < 0 && errno != EEXIST)
		return -1;
	return open("/" CT_STATE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		(void)unlinkat(dir, name, 0);
	(void)close(fd);
}

static void open_pipes(struct ct_output *output)
{
	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			continue;
		(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
		output->pipes[i] = ends[0];
		output->writers[i] = ends[1];
	}
	/* Of its own, for the program's may be without O_NONBLOCK: nobody may be reading there. */
	output->console = open(CONSOLE_PATH, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void ct_output_open(struct ct_output *output, const struct log_limits *limits, bool has_console)
{
	char text[64];

	*output = (struct ct_output){
		.log = LOG_WRITER_NULL,
		.dir = open_directory(),
		.pipes = { -1, -1 },
		.writers = { -1, -1 },
		.console = -1,
		.has_console = has_console,
		.started_ns = moment_now(),
	};
	if (output->dir >= 0) {
		(void)unlinkat(output->dir, CT_STATE_EXIT, 0);
		(void)snprintf(text, sizeof(text), "1 %" PRId64 "\n", output->started_ns);
		write_file(output->dir, CT_STATE_RUN, text);
	}
	if (has_console)
		return;
	open_pipes(output);
	if (limits->files > 0 && log_writer_open(&output->log, LOG_PATH, limits) < 0)
		output->log = LOG_WRITER_NULL;
}

void ct_output_become(struct ct_output *output)
{
	int null = output->has_console ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	for (int i = 0; i < 2; i++)
		if (output->writers[i] >= 0)
			(void)dup2(output->writers[i], STDOUT_FILENO + i);
}

void ct_output_begin(struct ct_output *output)
{
	for (int i = 0; i < 2; i++) {
		if (output->writers[i] >= 0)
			(void)close(output->writers[i]);
		output->writers[i] = -1;
	}
}

/* Takes one chunk of stream @i. Returns whether there may be more. */
static bool take(struct ct_output *output, int i)
{
	static char bytes[CHUNK_BYTES];
	struct timespec now;
	ssize_t got = read(output->pipes[i], bytes, sizeof(bytes));

	if (got < 0)
		return errno == EINTR;
	if (got == 0) {
		(void)close(output->pipes[i]);
		output->pipes[i] = -1;
		return false;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	log_writer_add(&output->log, streams[i], &now, bytes, (size_t)got);
	if (output->console >= 0 && write(output->console, bytes, (size_t)got) < 0)
		return true; /* what has no room there is in the log */
	return true;
}

void ct_output_carry(struct ct_output *output, int other)
{
	for (;;) {
		struct pollfd polls[] = { { other, POLLIN, 0 },
					  { output->pipes[0], POLLIN, 0 },
					  { output->pipes[1], POLLIN, 0 } };

		if (poll(polls, 3, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (polls[i + 1].revents)
				(void)take(output, i);
		if (polls[0].revents)
			return;
	}
}

void ct_output_end(struct ct_output *output, int code)
{
	char text[96];

	/* What others that it has left behind still write ends with them, which is now. */
	for (int i = 0; i < 2; i++)
		while (output->pipes[i] >= 0 && take(output, i))
			;
	log_writer_finish(&output->log);
	if (output->dir < 0)
		return;
	(void)snprintf(text, sizeof(text), "1 %d %" PRId64 " %" PRId64 "\n", code,
		       output->started_ns, moment_now());
	write_file(output->dir, EXIT_NEW, text);
	(void)renameat(output->dir, EXIT_NEW, output->dir, CT_STATE_EXIT);
}
