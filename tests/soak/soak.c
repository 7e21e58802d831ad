/* SPDX-License-Identifier: MIT */
/* soak MODE BACKEND ROOT DATA BUNDLE COUNT: one thing many times, in one process, through the
 * library.
 *
 * MODE is "cycle" (create, start, kill, delete), "exec" (in one container), or two verbs with a
 * slash between, "create/create", which two processes call at once on one container. The last line
 * of the standard output is a JSON object of what was seen; tests/soak/run judges it. */

#include "lxcri/container.h"

#include "base/mem.h"
#include "base/scope.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define ID "soak"

struct soak {
	struct lxcri_engine *engine;
	const char *bundle;
	enum lxcri_container_type type;
};

_Noreturn static void stop(const char *doing, const struct lxcri_error *err)
{
	(void)fprintf(stderr, "soak: %s: %s [%s]\n", doing, err->text, lxcri_code_name(err->code));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int create(const struct soak *soak, struct lxcri_container **ret, struct lxcri_error *err)
{
	const struct lxcri_create_options options = {
		.id = ID, .type = &soak->type, .bundle = soak->bundle, .stdio = LXCRI_STDIO_LOG
	};

	return lxcri_container_create(soak->engine, &options, ret, err);
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* How long each operation took, and right behind it something that has nothing to do with us: what
 * both have in common is the machine's. */
struct samples {
	size_t count;
	int64_t *ours;
	int64_t *control;
};

static struct samples samples_make(size_t count)
{
	return (struct samples){
		.count = count,
		.ours = xcalloc(count, sizeof(int64_t)),
		.control = xcalloc(count, sizeof(int64_t)),
	};
}

static void samples_finish(struct samples *samples)
{
	freep(&samples->ours);
	freep(&samples->control);
}

static void run_control(void)
{
	static char *const argv[] = { "true", NULL };
	static char *const no_env[] = { NULL };
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, no_env) == 0)
		(void)waitpid(pid, &status, 0);
}

/* Tells that operation @i began at @start and has ended. */
static void samples_take(struct samples *samples, size_t i, int64_t start)
{
	int64_t end = now_us();

	run_control();
	samples->ours[i] = end - start;
	samples->control[i] = now_us() - end;
}

/* The median of the tenth that begins at @from. */
static int64_t median_of_tenth(const int64_t *times, size_t from, size_t count)
{
	size_t tenth = count >= 10 ? count / 10 : 1;
	autofree int64_t *sorted = xmemdup(times + from, tenth * sizeof(*sorted));

	qsort(sorted, tenth, sizeof(*sorted), compare);
	return sorted[tenth / 2];
}

/* What a process has written in memory, in KiB, and how many descriptors it has. */
struct footprint {
	long memory_kib;
	int descriptors;
};

static struct footprint footprint_of(pid_t pid)
{
	struct footprint footprint = {};
	const struct timespec moment = { .tv_nsec = 100000000 };
	autofree char *rollup = xformat("/proc/%d/smaps_rollup", (int)pid);
	char line[256];

	/* The last connection is closed a moment after its answer. */
	(void)nanosleep(&moment, NULL);

	FILE *file = fopen(rollup, "re");

	while (file && fgets(line, sizeof(line), file)) {
		long value;

		/* Clean pages are the program's file: whose they are depends on who else runs. */
		if (sscanf(line, "Private_Dirty: %ld", &value) == 1)
			footprint.memory_kib += value;
	}
	if (file)
		(void)fclose(file);
	for (int fd = 0; fd < 1024; fd++) {
		autofree char *path = xformat("/proc/%d/fd/%d", (int)pid, fd);

		footprint.descriptors += faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	}
	return footprint;
}

static pid_t parent_of(pid_t pid)
{
	autofree char *path = xformat("/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	int parent = 0;

	if (file && fscanf(file, "%*d %*s %*c %d", &parent) != 1)
		parent = 0;
	if (file)
		(void)fclose(file);
	return parent;
}

/* The monitor is the nearest ancestor of that name: LXC's own process stands in between. */
static pid_t monitor_of(pid_t pid)
{
	char name[32] = "";

	for (pid = parent_of(pid); pid > 1; pid = parent_of(pid)) {
		autofree char *path = xformat("/proc/%d/comm", (int)pid);
		FILE *file = fopen(path, "re");

		if (file && fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = '\0';
		if (file)
			(void)fclose(file);
		if (strcmp(name, "lxcri-monitor") == 0)
			return pid;
	}
	return 0;
}

static void cycle(const struct soak *soak)
{
	struct lxcri_container *container = NULL;
	struct lxcri_error err = {};

	if (create(soak, &container, &err) < 0)
		stop("create", &err);
	if (lxcri_container_start(container, &err) < 0)
		stop("start", &err);
	if (lxcri_container_kill(container, SIGKILL, false, &err) < 0)
		stop("kill", &err);
	if (lxcri_container_delete(container, true, &err) < 0)
		stop("delete", &err);
	lxcri_container_free(container);
}

static void execute(struct lxcri_container *container)
{
	static const char *const args[] = { "true", NULL };
	const struct lxcri_exec_options options = { .args = args };
	struct lxcri_error err = {};

	if (lxcri_container_exec(container, &options, &err) != 0)
		stop("exec", &err);
}

static void report(const char *mode, const struct samples *samples, struct footprint before,
		   struct footprint after)
{
	size_t count = samples->count;
	size_t last = count - (count >= 10 ? count / 10 : 1);

	(void)printf("{\"mode\":\"%s\",\"count\":%zu,\"first_us\":%lld,\"last_us\":%lld,"
		     "\"control_first_us\":%lld,\"control_last_us\":%lld,"
		     "\"memory_before_kib\":%ld,\"memory_after_kib\":%ld,"
		     "\"descriptors_before\":%d,\"descriptors_after\":%d}\n",
		     mode, count, (long long)median_of_tenth(samples->ours, 0, count),
		     (long long)median_of_tenth(samples->ours, last, count),
		     (long long)median_of_tenth(samples->control, 0, count),
		     (long long)median_of_tenth(samples->control, last, count), before.memory_kib,
		     after.memory_kib, before.descriptors, after.descriptors);
}

/* What is watched is this process, which has all of the library in it. */
static void soak_cycles(const struct soak *soak, size_t count)
{
	autorun(samples_finish) struct samples samples = samples_make(count);

	cycle(soak); /* what is made once */

	struct footprint before = footprint_of(getpid());

	for (size_t i = 0; i < count; i++) {
		int64_t start = now_us();

		cycle(soak);
		samples_take(&samples, i, start);
	}
	report("cycle", &samples, before, footprint_of(getpid()));
}

/* What is watched is the monitor. */
static void soak_execs(const struct soak *soak, size_t count)
{
	autorun(samples_finish) struct samples samples = samples_make(count);
	struct lxcri_container *container = NULL;
	struct lxcri_state state;
	struct lxcri_error err = {};

	if (create(soak, &container, &err) < 0 || lxcri_container_start(container, &err) < 0 ||
	    lxcri_container_state(container, &state, &err) < 0)
		stop("start", &err);

	pid_t monitor = monitor_of(state.pid);

	execute(container); /* what is made once */

	struct footprint before = footprint_of(monitor);

	for (size_t i = 0; i < count; i++) {
		int64_t start = now_us();

		execute(container);
		samples_take(&samples, i, start);
	}

	struct footprint after = footprint_of(monitor);

	if (before.memory_kib == 0 || after.memory_kib == 0) {
		(void)fprintf(stderr, "soak: the monitor is not to be found\n");
		exit(1);
	}
	if (lxcri_container_delete(container, true, &err) < 0)
		stop("delete", &err);
	lxcri_container_free(container);
	report("exec", &samples, before, after);
}

/* --- races --- */

/* What both processes of a race see. */
struct arena {
	pthread_barrier_t barrier;
	struct lxcri_error errors[2];
};

static int race_create(const struct soak *soak, struct lxcri_error *err)
{
	struct lxcri_container *container = NULL;
	int r = create(soak, &container, err);

	lxcri_container_free(container);
	return r;
}

static int start_it(struct lxcri_container *container, struct lxcri_error *err)
{
	return lxcri_container_start(container, err);
}

static int kill_it(struct lxcri_container *container, struct lxcri_error *err)
{
	return lxcri_container_kill(container, SIGKILL, false, err);
}

static int stop_it(struct lxcri_container *container, struct lxcri_error *err)
{
	return lxcri_container_stop(container, 0, err);
}

static int delete_it(struct lxcri_container *container, struct lxcri_error *err)
{
	return lxcri_container_delete(container, true, err);
}

static int exec_it(struct lxcri_container *container, struct lxcri_error *err)
{
	static const char *const args[] = { "true", NULL };
	const struct lxcri_exec_options options = { .args = args };

	return lxcri_container_exec(container, &options, err);
}

enum needs { NEEDS_NOTHING, NEEDS_CREATED, NEEDS_RUNNING };

static const struct racer {
	const char *name;
	int (*run)(struct lxcri_container *container, struct lxcri_error *err); /* NULL: create */
	enum needs needs;
	bool wins_alone; /* of two of these one fails */
} racers[] = {
	{ "create", NULL, NEEDS_NOTHING, true },      { "start", start_it, NEEDS_CREATED, true },
	{ "kill", kill_it, NEEDS_RUNNING, false },    { "stop", stop_it, NEEDS_RUNNING, false },
	{ "delete", delete_it, NEEDS_CREATED, true }, { "exec", exec_it, NEEDS_RUNNING, false },
};

static const struct racer *find_racer(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LEN(racers); i++)
		if (strlen(racers[i].name) == length && strncmp(racers[i].name, name, length) == 0)
			return &racers[i];
	(void)fprintf(stderr, "soak: no racer is called %.*s\n", (int)length, name);
	exit(2);
}

static int race(const struct soak *soak, const struct racer *racer, struct lxcri_error *err)
{
	struct lxcri_container *container = NULL;

	if (!racer->run)
		return race_create(soak, err);

	int r = lxcri_container_open(soak->engine, ID, &container, err);

	if (r == 0)
		r = racer->run(container, err);
	lxcri_container_free(container);
	return r;
}

static void prepare(const struct soak *soak, enum needs needs)
{
	struct lxcri_container *container = NULL;
	struct lxcri_error err = {};

	if (needs == NEEDS_NOTHING)
		return;
	if (create(soak, &container, &err) < 0)
		stop("create for a race", &err);
	if (needs == NEEDS_RUNNING && lxcri_container_start(container, &err) < 0)
		stop("start for a race", &err);
	lxcri_container_free(container);
}

static void clear(const struct soak *soak)
{
	struct lxcri_container *container = NULL;
	struct lxcri_error err = {};

	if (lxcri_container_open(soak->engine, ID, &container, &err) == 0 &&
	    lxcri_container_delete(container, true, &err) < 0 &&
	    err.code != LXCRI_E_CONTAINER_NOT_FOUND)
		stop("delete after a race", &err);
	lxcri_container_free(container);
}

static void run_racer(const struct soak *soak, struct arena *arena, int which,
		      const struct racer *racer)
{
	struct lxcri_error err = {};

	(void)pthread_barrier_wait(&arena->barrier);
	if (race(soak, racer, &err) >= 0)
		err.code = LXCRI_E_NONE;
	arena->errors[which] = err;
	(void)pthread_barrier_wait(&arena->barrier);
}

/* Who comes too late says that there is one already, or none (any more), or in another state. */
static bool is_fair(enum lxcri_code code)
{
	return code == LXCRI_E_NONE || code == LXCRI_E_CONTAINER_EXISTS ||
	       code == LXCRI_E_CONTAINER_NOT_FOUND || code == LXCRI_E_INVALID_STATE ||
	       code == LXCRI_E_MONITOR_LOST;
}

/* Returns whether the end of a race is one that can be. */
static bool judge(const struct arena *arena, const struct racer *const pair[2])
{
	bool both = arena->errors[0].code == LXCRI_E_NONE && arena->errors[1].code == LXCRI_E_NONE;

	if (is_fair(arena->errors[0].code) && is_fair(arena->errors[1].code) &&
	    !(both && pair[0] == pair[1] && pair[0]->wins_alone))
		return true;
	for (int i = 0; i < 2; i++)
		(void)fprintf(stderr, "soak: %s: %s %s\n", pair[i]->name,
			      lxcri_code_name(arena->errors[i].code), arena->errors[i].text);
	return false;
}

static struct arena *make_arena(void)
{
	struct arena *arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attributes;

	if (arena == MAP_FAILED)
		abort();
	(void)pthread_barrierattr_init(&attributes);
	(void)pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	(void)pthread_barrier_init(&arena->barrier, &attributes, 2);
	return arena;
}

static void soak_races(const struct soak *soak, const char *mode, size_t count)
{
	const char *second = strchr(mode, '/') + 1;
	const struct racer *const pair[] = { find_racer(mode, (size_t)(second - 1 - mode)),
					     find_racer(second, strlen(second)) };
	enum needs needs = pair[0]->needs > pair[1]->needs ? pair[0]->needs : pair[1]->needs;
	struct arena *arena = make_arena();
	size_t unfair = 0;
	size_t both = 0;
	pid_t other = fork();

	if (other == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < count; i++) {
		if (other != 0)
			prepare(soak, needs);
		run_racer(soak, arena, other == 0, pair[other == 0]);
		if (other == 0)
			continue;
		unfair += !judge(arena, pair);
		both += arena->errors[0].code == LXCRI_E_NONE &&
			arena->errors[1].code == LXCRI_E_NONE;
		clear(soak);
	}
	if (other == 0)
		_exit(0);
	(void)waitpid(other, NULL, 0);
	(void)printf("{\"mode\":\"%s\",\"count\":%zu,\"both\":%zu,\"unfair\":%zu}\n", mode, count,
		     both, unfair);
}

int main(int argc, char **argv)
{
	struct lxcri_error err = {};
	struct lxcri_config *config = lxcri_config_create();
	struct soak soak = {};

	if (argc != 7 || lxcri_container_type_parse(argv[2], &soak.type, &err) < 0) {
		(void)fprintf(stderr, "soak MODE BACKEND ROOT DATA BUNDLE COUNT\n");
		return 2;
	}
	lxcri_config_set_paths(config, argv[3], argv[4]);
	soak.bundle = argv[5];
	if (lxcri_engine_open(config, &soak.engine, &err) < 0)
		stop("open the engine", &err);

	size_t count = strtoul(argv[6], NULL, 10);

	if (strcmp(argv[1], "cycle") == 0)
		soak_cycles(&soak, count);
	else if (strcmp(argv[1], "exec") == 0)
		soak_execs(&soak, count);
	else
		soak_races(&soak, argv[1], count);
	lxcri_engine_free(soak.engine);
	lxcri_config_free(config);
	return 0;
}
