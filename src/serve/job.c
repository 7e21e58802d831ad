/* SPDX-License-Identifier: MIT */
/* Commands that run beside the loop. */

#include "serve/job.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

struct job {
	struct job_options options;
	char *pid_file;
	pid_t pid;
	int output_fd;
	struct text output;
	bool timed_out;
	sd_event_source *child;
	sd_event_source *timer;
	sd_event_source *reader;
};

void job_free(struct job *job)
{
	if (!job)
		return;
	/* The child is to be reaped all the same: the loop does it, without us. */
	if (job->child) {
		(void)sd_event_source_set_userdata(job->child, NULL);
		(void)sd_event_source_set_floating(job->child, true);
		(void)sd_event_source_unref(job->child);
	}
	(void)sd_event_source_disable_unref(job->timer);
	(void)sd_event_source_disable_unref(job->reader);
	closep(&job->output_fd);
	text_finish(&job->output);
	free(job->pid_file);
	free(job);
}

/* Reads what is there; what is beyond the limit is dropped. */
static void read_output(struct job *job)
{
	char bytes[4096];
	ssize_t size;

	while (job->output_fd >= 0 && (size = read(job->output_fd, bytes, sizeof(bytes))) > 0) {
		size_t room = job->options.output_max - job->output.length;

		text_append(&job->output, bytes, (size_t)size < room ? (size_t)size : room);
	}
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct job *job = userdata;

	read_output(job);
	if (events & (EPOLLHUP | EPOLLERR))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int exit_code_of(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct job *job = userdata;

	if (!job) {
		/* Nobody cares any more: the loop lets go of the source, and of its descriptor. */
		(void)sd_event_source_set_floating(source, false);
		return 0;
	}
	read_output(job);

	const struct job_end end = {
		.exit_code = job->timed_out ? -1 : exit_code_of(info),
		.output = job->output.data ? job->output.data : "",
	};

	/* A one-shot source that has fired stays reaped. */
	job->child = sd_event_source_unref(job->child);
	job->options.ended(job->options.userdata, &end);
	return 0;
}

/* Kills the process that the command had started in a container, with its group. */
static void kill_named(const char *pid_file)
{
	autofree char *text = NULL;
	uint64_t pid;
	size_t size;

	if (file_read(AT_FDCWD, pid_file, 32, &text, &size) < 0 ||
	    text_parse_u64(text, 2, INT32_MAX, &pid) < 0)
		return;
	(void)kill(-(pid_t)pid, SIGKILL); /* it may not lead one */
	(void)kill((pid_t)pid, SIGKILL);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	job->timed_out = true;
	/* As long as the command waits for it, the number is that process's. */
	if (job->pid_file)
		kill_named(job->pid_file);
	(void)kill(job->pid, SIGKILL); /* our child, which was not reaped: the number is its own */
	return 0;
}

static int watch(const struct serve_part *part, struct job *job)
{
	int r = sd_event_add_child(part->event, &job->child, job->pid, WEXITED, on_child, job);

	if (r >= 0 && job->output_fd >= 0)
		r = sd_event_add_io(part->event, &job->reader, job->output_fd, EPOLLIN, on_output,
				    job);
	if (r >= 0 && job->options.timeout_us > 0)
		r = sd_event_add_time_relative(part->event, &job->timer, CLOCK_MONOTONIC,
					       job->options.timeout_us, 0, on_timeout, job);
	return r < 0 ? r : 0;
}

/* Returns a descriptor that @input can be read from, or -errno. */
static int make_input(const char *input)
{
	const size_t size = strlen(input);
	autoclose int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || write(fd, input, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		return errno ? -errno : -EIO;
	return steal_fd(&fd);
}

/* Starts the process. Its output goes to *@ret_fd, where it is kept. */
static pid_t spawn(const struct serve_part *part, const struct job_options *options, int *ret_fd)
{
	autorun(strings_finish) struct strings words = {};
	autoclose int input = options->input ? make_input(options->input) : -1;
	int pipes[2] = { -1, -1 };
	pid_t pid;

	if (options->input && input < 0)
		return input;
	if (!options->program)
		strings_add_all(&words, part->command);
	for (const char *const *word = options->words; *word; word++)
		strings_add(&words, *word);
	if (options->output_max > 0 && pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;

	const int fds[] = { input, pipes[1], options->output_max > 0 ? pipes[1] : STDERR_FILENO };
	const struct spawn spawn = {
		.path = options->program ? options->program : part->command->items[0],
		.argv = words.items,
		.env = environ,
		.fds = fds,
		.n_fds = ARRAY_LEN(fds),
	};

	pid = process_spawn(&spawn);
	closep(&pipes[1]);
	if (pid < 0)
		closep(&pipes[0]);
	else if (pipes[0] >= 0)
		(void)fcntl(pipes[0], F_SETFL, O_NONBLOCK); /* cannot fail for a pipe */
	*ret_fd = pipes[0];
	return pid;
}

int job_start(const struct serve_part *part, const struct job_options *options,
	      struct job **ret_job)
{
	autoptr(job) job = xnew(struct job);
	int r;

	job->options = *options;
	job->options.words = NULL; /* the caller's, for the call */
	job->options.input = NULL;
	job->pid_file = xstrdup(options->pid_file);
	job->output_fd = -1;
	job->pid = spawn(part, options, &job->output_fd);
	if (job->pid < 0)
		return job->pid;
	r = watch(part, job);
	if (r < 0)
		return r;
	*ret_job = steal(job);
	return 0;
}
