/* SPDX-License-Identifier: MIT */
#pragma once

/* Signals by name. */

/* Reads a signal: a number from 1 to 64, or a name with or without SIG in any case, RTMIN+n and
 * RTMAX-n included. Returns its number, or -EINVAL. */
[[nodiscard]] int signal_parse(const char *text);

/* Returns the name with SIG ("SIGTERM"), or NULL for what has none (real-time signals). */
const char *signal_name(int number);
