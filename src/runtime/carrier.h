/* SPDX-License-Identifier: MIT */
#pragma once

/* The command's side of carrying streams: signals as a descriptor, our terminal in raw mode, and
 * the keys that detach. Everything is put back by carrier_finish(). */

#include "base/fail.h"
#include "os/terminal.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct carrier {
	int signals; /* a signalfd */
	sigset_t mask_before;
	bool masked;
	struct terminal_mode terminal;
	bool seen_first_key; /* of the two that detach */
	int fatal_signal;    /* raised again once everything is put back */
};
#define CARRIER_NULL ((struct carrier){ .signals = -1, .terminal = TERMINAL_MODE_NULL })

/* Takes over the signals that would end us, and changes of the terminal's size; with @raw, standard
 * input (a terminal) goes raw. */
[[nodiscard]] int carrier_begin(struct carrier *carrier, bool raw, struct lxcri_error *err);

/* Returns the next signal, or 0. */
int carrier_next_signal(struct carrier *carrier);

/* Removes the detaching keys from @size bytes of input, in place: a first key is held back until
 * the next one tells, so @bytes must have room for one more. Returns the new size; *@ret_detach
 * tells whether both came. */
size_t carrier_filter_keys(struct carrier *carrier, char *bytes, size_t size, bool *ret_detach);

/* Gives @terminal, the other end of a process's terminal, the size of ours. */
void carrier_copy_size(int terminal);

/* Follows changes of our size on @terminal. Fails when a signal that would end us has come, which
 * is kept in @carrier. */
[[nodiscard]] int carrier_take_signals(struct carrier *carrier, int terminal,
				       struct lxcri_error *err);

/* Carries what @terminal has to standard output. Returns 1 when there may be more, 0 at its end. */
[[nodiscard]] int carrier_take_output(int terminal, struct lxcri_error *err);

/* Carries from standard input to @terminal. Returns false at the end of either. */
bool carrier_give_input(int terminal);

/* Puts everything back, and ends the process where a signal asked for that. Safe to repeat. */
void carrier_finish(struct carrier *carrier);
