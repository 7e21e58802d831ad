/* SPDX-License-Identifier: MIT */
/* Jobs side by side.
 *
 * How it works: whoever is free takes the next number, which lies in memory that all share, and
 * writes what came of it into one pipe. That ends when the last of them has. */

#include "engine/pod/crew.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Most of a job is waiting, for the kernel and for programs that end. */
#define PER_PROCESSOR 4
#define WIDTH_MAX     16

struct board {
	atomic_size_t next;
	atomic_bool is_over; /* a job has failed: nobody begins another one */
	bool has_database;   /* which was open, and has to be for each */
};

/* What came of one job. */
struct news {
	size_t job;
	int result;
	struct lxcri_error err;
};

/* Or those of two would be mixed up in the pipe. */
static_assert(sizeof(struct news) <= PIPE_BUF);

/* What is known of each so far. */
enum outcome { OUTCOME_NONE, OUTCOME_DONE, OUTCOME_FAILED };

struct report {
	const struct crew *crew;
	enum outcome *outcomes;
	int *results;
	size_t told;   /* how many from the first on */
	size_t failed; /* the first that has */
	struct lxcri_error first;
};

/* How many processes there may be; one of a crew has its share of them. */
static size_t allowance;

static size_t choose_width(size_t count)
{
	if (allowance == 0) {
		long processors = sysconf(_SC_NPROCESSORS_ONLN);

		allowance = processors > 0 ? (size_t)processors * PER_PROCESSOR : 1;
		if (allowance > WIDTH_MAX)
			allowance = WIDTH_MAX;
	}
	return count < allowance ? count : allowance;
}

static void tell(struct report *report)
{
	const struct crew *crew = report->crew;

	for (; report->told < crew->count; report->told++) {
		size_t job = report->told;

		if (report->outcomes[job] == OUTCOME_NONE ||
		    (report->outcomes[job] == OUTCOME_FAILED && !crew->goes_on))
			return;
		if (report->outcomes[job] == OUTCOME_DONE && crew->done)
			crew->done(crew->userdata, job, report->results[job]);
	}
}

static void note(struct report *report, const struct news *news)
{
	report->outcomes[news->job] = news->result < 0 ? OUTCOME_FAILED : OUTCOME_DONE;
	report->results[news->job] = news->result;
	if (news->result < 0 && news->job < report->failed) {
		report->failed = news->job;
		report->first = news->err;
	}
	tell(report);
}

static int work(const struct crew *crew, const struct board *board, size_t job,
		struct lxcri_error *err)
{
	return board->has_database && !engine_database(crew->engine, err)
		       ? -1
		       : crew->work(crew->userdata, job, err);
}

/* Does jobs in this process as long as there are some. */
static int do_all(const struct crew *crew, struct board *board,
		  int (*each)(void *userdata, const struct news *news), void *userdata)
{
	while (!atomic_load(&board->is_over)) {
		struct news news = { .job = atomic_fetch_add(&board->next, 1) };

		if (news.job >= crew->count)
			break;
		news.result = work(crew, board, news.job, &news.err);
		if (news.result < 0 && !crew->goes_on)
			atomic_store(&board->is_over, true);
		if (each(userdata, &news) < 0)
			return -1;
	}
	return 0;
}

static int note_here(void *userdata, const struct news *news)
{
	note(userdata, news);
	return 0;
}

static int pass_on(void *userdata, const struct news *news)
{
	return file_write_all(*(const int *)userdata, news, sizeof(*news));
}

/* The life of one of the processes. */
[[gnu::noreturn]] static void live(const struct crew *crew, struct board *board, int out,
				   pid_t parent)
{
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	crew->engine->pve = NULL; /* the connection is our parent's */
	r = do_all(crew, board, pass_on, &out);
	database_free(steal(crew->engine->database));
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Starts up to @width processes. Returns how many, which may be none. */
static size_t start(const struct crew *crew, struct board *board, int out, size_t width,
		    pid_t *pids)
{
	const pid_t self = getpid();
	const size_t all = allowance;
	size_t count = 0;

	/* SQLite's own state is not for two processes. */
	board->has_database = crew->engine->database != NULL;
	database_free(steal(crew->engine->database));
	allowance = all / width > 0 ? all / width : 1;
	for (; count < width; count++) {
		pids[count] = fork();
		if (pids[count] == 0)
			live(crew, board, out, self);
		if (pids[count] < 0)
			break;
	}
	allowance = all;
	return count;
}

/* Hears what comes of the jobs until the last process has ended. */
static int hear(struct report *report, int in)
{
	for (;;) {
		struct news news;
		ssize_t got = read(in, &news, sizeof(news));

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			return 0;
		if (got != sizeof(news) || news.job >= report->crew->count)
			return got < 0 ? -errno : -EBADMSG;
		note(report, &news);
	}
}

static int run_side_by_side(struct report *report, struct board *board, size_t width,
			    struct lxcri_error *err)
{
	autofree pid_t *pids = xcalloc(width, sizeof(*pids));
	bool all_well = true;
	int ends[2];
	size_t count;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];

	count = start(report->crew, board, theirs, width, pids);
	closep(&theirs); /* or its end would not be seen */
	r = hear(report, ours);
	for (size_t i = 0; i < count; i++)
		all_well &= process_wait(pids[i]) == 0;
	if (r < 0)
		return fail_errno(err, r, "hear of what is done side by side");
	if (board->has_database && !engine_database(report->crew->engine, err))
		return -1;
	/* Where none could be started, or not all was begun. */
	if (all_well)
		return do_all(report->crew, board, note_here, report);
	return report->failed < report->crew->count
		       ? 0
		       : fail(err, LXCRI_E_SYSTEM,
			      "a process was killed that did a part of this side by side");
}

static int run(struct report *report, size_t width, struct lxcri_error *err)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (board == MAP_FAILED)
		return fail_errno(err, errno, "share memory");
	r = width > 1 && !process_has_threads() ? run_side_by_side(report, board, width, err)
						: do_all(report->crew, board, note_here, report);
	(void)munmap(board, sizeof(*board));
	return r;
}

int crew_run(const struct crew *crew, struct lxcri_error *err)
{
	autofree enum outcome *outcomes = xcalloc(crew->count + 1, sizeof(*outcomes));
	autofree int *results = xcalloc(crew->count + 1, sizeof(*results));
	struct report report = {
		.crew = crew, .outcomes = outcomes, .results = results, .failed = crew->count
	};

	if (run(&report, choose_width(crew->count), err) < 0)
		return -1;
	if (report.failed == crew->count)
		return 0;
	*err = report.first;
	return -1;
}
