/* SPDX-License-Identifier: MIT */
#pragma once

/* How long to wait before something is tried again. */

#include <stdint.h>

/* Reads Retry-After (RFC 9110, 10.2.3): seconds or a date. Returns milliseconds from now on, -1 for
 * NULL and for what is neither. */
int64_t retry_after_ms(const char *value);

/* Returns the milliseconds to wait before the attempt @attempt (from 1): twice as long each time,
 * and never the same for all who failed at once. */
int64_t retry_wait_ms(unsigned int attempt);
