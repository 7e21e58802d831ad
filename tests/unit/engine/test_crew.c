/* SPDX-License-Identifier: MIT */
#include "engine/pod/crew.h"

#include "os/process.h"

#include "test.h"

/* Of cmocka, in the place of ours. */
#undef fail

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOBS 40

/* What one of the tests below has done, and is told. */
struct work {
	int mark; /* a pipe that gets a byte for each job that is begun */
	pid_t parent;
	size_t fails, is_killed; /* numbers of jobs; JOBS: none */
	bool wants_others;
	size_t told[JOBS];
	size_t n_told;
};

static int mark(const struct work *work)
{
	return write(work->mark, "", 1) == 1 ? 0 : -1;
}

static int do_job(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct work *work = userdata;

	assert_true(work->wants_others == (getpid() != work->parent));
	if (mark(work) < 0 || job == work->fails)
		return fail(err, LXCRI_E_INVALID_STATE, "job %zu cannot be done", job);
	if (job == work->is_killed)
		(void)raise(SIGKILL);
	return (int)job;
}

static void note(void *userdata, size_t job, int result)
{
	struct work *work = userdata;

	assert_int_equal(job, result);
	work->told[work->n_told++] = job;
}

/* Does the jobs. Returns what crew_run() does, and how many were begun. */
static int run(struct work *work, bool goes_on, size_t *ret_begun, struct lxcri_error *err)
{
	struct lxcri_engine engine = {};
	char marks[JOBS + 1];
	int ends[2];
	const struct crew crew = { .engine = &engine,
				   .count = JOBS,
				   .work = do_job,
				   .done = note,
				   .userdata = work,
				   .goes_on = goes_on };
	ssize_t begun;
	int r;

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	work->mark = ends[1];
	work->parent = getpid();
	r = crew_run(&crew, err);
	begun = read(ends[0], marks, sizeof(marks));
	*ret_begun = begun < 0 ? 0 : (size_t)begun;
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
	return r;
}

static void each_job_is_done_once_elsewhere_and_told_in_order(void **state)
{
	struct work work = { .fails = JOBS, .is_killed = JOBS, .wants_others = true };
	struct lxcri_error err = {};
	size_t begun;

	assert_int_equal(run(&work, false, &begun, &err), 0);
	assert_int_equal(begun, JOBS);
	assert_int_equal(work.n_told, JOBS);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(work.told[i], i);
}

static void none_is_begun_after_a_failure_and_none_behind_it_is_told(void **state)
{
	struct work work = { .fails = 0, .is_killed = JOBS, .wants_others = true };
	struct lxcri_error err = {};
	size_t begun;

	assert_int_equal(run(&work, false, &begun, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INVALID_STATE);
	assert_string_equal(err.text, "job 0 cannot be done");
	assert_int_equal(work.n_told, 0);
}

static void a_failure_stops_no_other_where_it_is_gone_past(void **state)
{
	struct work work = { .fails = 3, .is_killed = JOBS, .wants_others = true };
	struct lxcri_error err = {};
	size_t begun;

	assert_int_equal(run(&work, true, &begun, &err), -1);
	assert_string_equal(err.text, "job 3 cannot be done");
	assert_int_equal(begun, JOBS);
	assert_int_equal(work.n_told, JOBS - 1);
}

static void a_process_that_is_killed_is_a_failure(void **state)
{
	struct work work = { .fails = JOBS, .is_killed = 5, .wants_others = true };
	struct lxcri_error err = {};
	size_t begun;

	assert_int_equal(run(&work, false, &begun, &err), -1);
	assert_non_null(strstr(err.text, "was killed"));
	assert_int_equal(work.n_told, 5);
}

static void *wait_for_end(void *argument)
{
	char end;

	return read(*(const int *)argument, &end, 1) == 0 ? argument : NULL;
}

static void who_has_threads_does_all_itself(void **state)
{
	struct work work = { .fails = JOBS, .is_killed = JOBS };
	struct lxcri_error err = {};
	pthread_t thread;
	size_t begun;
	int ends[2];

	assert_false(process_has_threads());
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &ends[0]), 0);
	assert_true(process_has_threads());
	assert_int_equal(run(&work, false, &begun, &err), 0);
	assert_int_equal(begun, JOBS);
	assert_int_equal(work.n_told, JOBS);
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(close(ends[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_is_done_once_elsewhere_and_told_in_order),
		cmocka_unit_test(none_is_begun_after_a_failure_and_none_behind_it_is_told),
		cmocka_unit_test(a_failure_stops_no_other_where_it_is_gone_past),
		cmocka_unit_test(a_process_that_is_killed_is_a_failure),
		cmocka_unit_test(who_has_threads_does_all_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
