/* SPDX-License-Identifier: MIT */
/* Signals by name. */

#include "os/signal.h"

#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "SIGHUP", SIGHUP },       { "SIGINT", SIGINT },     { "SIGQUIT", SIGQUIT },
	{ "SIGILL", SIGILL },       { "SIGTRAP", SIGTRAP },   { "SIGABRT", SIGABRT },
	{ "SIGIOT", SIGIOT },       { "SIGBUS", SIGBUS },     { "SIGFPE", SIGFPE },
	{ "SIGKILL", SIGKILL },     { "SIGUSR1", SIGUSR1 },   { "SIGSEGV", SIGSEGV },
	{ "SIGUSR2", SIGUSR2 },     { "SIGPIPE", SIGPIPE },   { "SIGALRM", SIGALRM },
	{ "SIGTERM", SIGTERM },     { "SIGCHLD", SIGCHLD },   { "SIGCLD", SIGCHLD },
	{ "SIGCONT", SIGCONT },     { "SIGSTOP", SIGSTOP },   { "SIGTSTP", SIGTSTP },
	{ "SIGTTIN", SIGTTIN },     { "SIGTTOU", SIGTTOU },   { "SIGURG", SIGURG },
	{ "SIGXCPU", SIGXCPU },     { "SIGXFSZ", SIGXFSZ },   { "SIGVTALRM", SIGVTALRM },
	{ "SIGPROF", SIGPROF },     { "SIGWINCH", SIGWINCH }, { "SIGIO", SIGIO },
	{ "SIGPOLL", SIGPOLL },     { "SIGPWR", SIGPWR },     { "SIGSYS", SIGSYS },
	{ "SIGSTKFLT", SIGSTKFLT },
};

/* The kernel's numbers: glibc keeps the first two real-time signals for itself, so its SIGRTMIN is
 * 34, and that is what RTMIN means to everyone who types it. */
#define RTMIN 34
#define RTMAX 64

static int parse_realtime(const char *name)
{
	uint64_t offset = 0;

	if (strcasecmp(name, "RTMIN") == 0)
		return RTMIN;
	if (strcasecmp(name, "RTMAX") == 0)
		return RTMAX;
	if (strncasecmp(name, "RTMIN+", 6) == 0 &&
	    text_parse_u64(name + 6, 0, RTMAX - RTMIN, &offset) == 0)
		return RTMIN + (int)offset;
	if (strncasecmp(name, "RTMAX-", 6) == 0 &&
	    text_parse_u64(name + 6, 0, RTMAX - RTMIN, &offset) == 0)
		return RTMAX - (int)offset;
	return -EINVAL;
}

int signal_parse(const char *text)
{
	uint64_t number;

	if (text_parse_u64(text, 1, 64, &number) == 0)
		return (int)number;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcasecmp(signals[i].name + 3, text) == 0)
			return signals[i].number;
	return parse_realtime(text);
}

const char *signal_name(int number)
{
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].number == number)
			return signals[i].name;
	return NULL;
}
