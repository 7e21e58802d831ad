/* SPDX-License-Identifier: MIT */
/* Fault points. What is called here is in parentheses where fault.h has a macro of that name. */

#include "os/fault.h"

#include "base/scope.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_BYTES 256

/* More than any program of ours is given. */
#define ENVIRONMENT_MAX 256

extern struct fault_point *__start_lxcri_faults[];
extern struct fault_point *__stop_lxcri_faults[];

enum action { ACTION_NONE, ACTION_FAIL, ACTION_KILL, ACTION_KILL_AFTER };

/* What LXCRI_FAULT says. */
static struct {
	char name[NAME_MAX_BYTES];
	char program[32]; /* "": any */
	unsigned int hit;
	enum action action;
	int errnum;
} wanted;

/* What LXCRI_FAULT_TRACE names. */
static struct trace {
	_Atomic uint64_t length;
	_Atomic uint64_t faults; /* that were due: the first has happened */
	char text[];
} * trace;
static uint64_t trace_room;

static char settings[2][NAME_MAX_BYTES + 128];
static const char *passed_on[3];

const char *const *fault_settings(void)
{
	return passed_on;
}

/* The name of @point: where it is, and a number when the same function has the same call before. */
static void make_name(const struct fault_point *point, char name[NAME_MAX_BYTES])
{
	const char *src = strstr(point->file, "src/");
	unsigned int number = 1;
	int length;

	for (struct fault_point **other = __start_lxcri_faults; other < __stop_lxcri_faults;
	     other++)
		if ((*other)->line < point->line && strcmp((*other)->file, point->file) == 0 &&
		    strcmp((*other)->function, point->function) == 0 &&
		    strcmp((*other)->call, point->call) == 0)
			number++;
	length = snprintf(name, NAME_MAX_BYTES, "%s:%s:%s",
			  src ? src + strlen("src/") : point->file, point->function, point->call);
	if (number > 1 && length < NAME_MAX_BYTES)
		(void)snprintf(name + length, NAME_MAX_BYTES - (size_t)length, ".%u", number);
}

static bool is_wanted(const char *name, const struct fault_point *point)
{
	return point->hits == wanted.hit && strcmp(name, wanted.name) == 0 &&
	       (!wanted.program[0] || strcmp(wanted.program, program_invocation_short_name) == 0);
}

/* Takes the one fault that all processes with the same trace have. */
static bool is_first(void)
{
	return !trace || atomic_fetch_add(&trace->faults, 1) == 0;
}

/* The first process of a pid namespace ignores its own signal, but not a fault. */
_Noreturn static void die(void)
{
	(void)(kill)(getpid(), SIGKILL);
	__builtin_trap();
}

static void note(const char *name, unsigned int hit)
{
	char line[NAME_MAX_BYTES + 64];
	int size = snprintf(line, sizeof(line), "%s %s#%u\n", program_invocation_short_name, name,
			    hit);
	uint64_t at = atomic_fetch_add(&trace->length, (uint64_t)size);

	if (at + (uint64_t)size <= trace_room)
		memcpy(trace->text + at, line, (size_t)size);
}

int fault_before(struct fault_point *point)
{
	char name[NAME_MAX_BYTES];

	point->hits++;
	if (!trace && wanted.action == ACTION_NONE)
		return 0;
	make_name(point, name);
	if (trace)
		note(name, point->hits);
	if (wanted.action == ACTION_KILL_AFTER || !is_wanted(name, point) || !is_first())
		return 0;
	if (wanted.action == ACTION_KILL)
		die();
	errno = wanted.errnum;
	return -1;
}

void fault_after(struct fault_point *point)
{
	int problem = errno;
	char name[NAME_MAX_BYTES];

	if (wanted.action == ACTION_KILL_AFTER) {
		make_name(point, name);
		if (is_wanted(name, point) && is_first())
			die();
	}
	errno = problem;
}

char *const *fault_environment(char *const *env)
{
	static char *extended[ENVIRONMENT_MAX];
	size_t n = 0;

	for (; env && env[n] && n + ARRAY_LEN(passed_on) < ENVIRONMENT_MAX; n++)
		extended[n] = env[n];
	for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
		extended[n++] = (char *)passed_on[i];
	return extended;
}

static void print_names(void)
{
	char name[NAME_MAX_BYTES];

	for (struct fault_point **point = __start_lxcri_faults; point < __stop_lxcri_faults;
	     point++) {
		make_name(*point, name);
		(void)puts(name);
	}
}

/* Cuts what is behind the last @mark off @text and returns it, or NULL. */
static char *cut(char *text, char mark)
{
	char *found = strrchr(text, mark);

	if (!found)
		return NULL;
	*found = '\0';
	return found + 1;
}

static void parse(const char *setting)
{
	static const struct {
		const char *name;
		enum action action;
		int errnum;
	} actions[] = {
		{ "kill", ACTION_KILL, 0 },        { "kill-after", ACTION_KILL_AFTER, 0 },
		{ "ENOSPC", ACTION_FAIL, ENOSPC }, { "EIO", ACTION_FAIL, EIO },
		{ "EMFILE", ACTION_FAIL, EMFILE }, { "ENOMEM", ACTION_FAIL, ENOMEM },
		{ "EINTR", ACTION_FAIL, EINTR },
	};
	char text[NAME_MAX_BYTES];

	(void)snprintf(text, sizeof(text), "%s", setting);

	char *action = cut(text, ':');
	char *hit = cut(text, '#');
	char *program = cut(text, '@');

	for (size_t i = 0; action && i < ARRAY_LEN(actions); i++)
		if (strcmp(actions[i].name, action) == 0) {
			wanted.action = actions[i].action;
			wanted.errnum = actions[i].errnum;
		}
	/* A test with a mistake must not pass. */
	if (wanted.action == ACTION_NONE) {
		(void)fprintf(stderr, "LXCRI_FAULT=%s: not POINT:ACTION\n", setting);
		_exit(2);
	}
	wanted.hit = hit ? (unsigned int)strtoul(hit, NULL, 10) : 1;
	(void)snprintf(wanted.name, sizeof(wanted.name), "%s", text);
	if (program)
		(void)snprintf(wanted.program, sizeof(wanted.program), "%s", program);
}

static void open_trace(const char *path)
{
	int fd = (open)(path, O_RDWR | O_CLOEXEC);
	struct stat status;
	void *memory = MAP_FAILED;

	if (fd >= 0 && (fstat)(fd, &status) == 0)
		memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			      0);
	if (memory != MAP_FAILED) {
		trace = memory;
		trace_room = (uint64_t)status.st_size - sizeof(*trace);
	}
	closep(&fd);
}

[[gnu::constructor]] static void set_up(void)
{
	static const char *const names[] = { "LXCRI_FAULT", "LXCRI_FAULT_TRACE" };
	const char *values[ARRAY_LEN(names)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		values[i] = getenv(names[i]);
		if (!values[i])
			continue;
		(void)snprintf(settings[n], sizeof(settings[n]), "%s=%s", names[i], values[i]);
		passed_on[n] = settings[n];
		n++;
	}
	if (values[0] && strcmp(values[0], "list") == 0) {
		print_names();
		exit(0);
	}
	if (values[0])
		parse(values[0]);
	if (values[1])
		open_trace(values[1]);
}
