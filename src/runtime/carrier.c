/* SPDX-License-Identifier: MIT */
/* The command's side of carrying streams. */

#include "runtime/carrier.h"

#include "base/scope.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CARRY_MAX (16u << 10)

#define KEY_FIRST  0x10 /* ctrl-p */
#define KEY_SECOND 0x11 /* ctrl-q */

int carrier_begin(struct carrier *carrier, bool raw, struct lxcri_error *err)
{
	static const int taken[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
				     SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH };
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		sigaddset(&set, taken[i]);
	if (sigprocmask(SIG_BLOCK, &set, &carrier->mask_before) < 0)
		return fail_errno(err, errno, "block signals");
	carrier->masked = true;
	sigdelset(&set, SIGPIPE); /* a closed output is told by EPIPE */
	carrier->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (carrier->signals < 0)
		return fail_errno(err, errno, "signalfd");
	r = raw ? terminal_make_raw(STDIN_FILENO, &carrier->terminal) : 0;
	return r < 0 ? fail_errno(err, r, "set up the terminal") : 0;
}

int carrier_next_signal(struct carrier *carrier)
{
	struct signalfd_siginfo info;

	if (read(carrier->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

size_t carrier_filter_keys(struct carrier *carrier, char *bytes, size_t size, bool *ret_detach)
{
	size_t kept = 0;

	*ret_detach = false;
	if (size == 0)
		return 0;
	if (carrier->seen_first_key) {
		if (bytes[0] == KEY_SECOND) {
			*ret_detach = true;
			return 0;
		}
		memmove(bytes + 1, bytes, size);
		bytes[0] = KEY_FIRST;
		size++;
		kept = 1;
		carrier->seen_first_key = false;
	}
	for (; kept < size; kept++) {
		if (bytes[kept] != KEY_FIRST)
			continue;
		if (kept + 1 == size) {
			carrier->seen_first_key = true;
			return kept;
		}
		if (bytes[kept + 1] == KEY_SECOND) {
			*ret_detach = true;
			return kept;
		}
	}
	return size;
}

void carrier_copy_size(int terminal)
{
	uint16_t rows, columns;

	if (terminal_get_size(STDOUT_FILENO, &rows, &columns) == 0)
		(void)terminal_set_size(terminal, rows, columns); /* it may have ended */
}

int carrier_take_signals(struct carrier *carrier, int terminal, struct lxcri_error *err)
{
	int signal;

	while ((signal = carrier_next_signal(carrier)) > 0) {
		if (signal == SIGWINCH) {
			carrier_copy_size(terminal);
			continue;
		}
		carrier->fatal_signal = signal;
		return fail(err, LXCRI_E_SYSTEM, "ended by signal %d", signal);
	}
	return 0;
}

int carrier_take_output(int terminal, struct lxcri_error *err)
{
	char bytes[CARRY_MAX];
	ssize_t got = read(terminal, bytes, sizeof(bytes));
	int r;

	if (got < 0 && errno == EINTR)
		return 1;
	if (got <= 0)
		return 0;
	r = file_write_all(STDOUT_FILENO, bytes, (size_t)got);
	return r < 0 ? fail_errno(err, r, "write to standard output") : 1;
}

bool carrier_give_input(int terminal)
{
	char bytes[CARRY_MAX];
	ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (got < 0 && errno == EINTR)
		return true;
	return got > 0 && file_write_all(terminal, bytes, (size_t)got) == 0;
}

void carrier_finish(struct carrier *carrier)
{
	terminal_restore(&carrier->terminal);
	closep(&carrier->signals);
	if (carrier->masked)
		(void)sigprocmask(SIG_SETMASK, &carrier->mask_before, NULL);
	carrier->masked = false;
	if (carrier->fatal_signal > 0)
		(void)raise(carrier->fatal_signal);
	carrier->fatal_signal = 0;
}
