/* SPDX-License-Identifier: MIT */
#pragma once

/* A point in time, as nanoseconds since the epoch, and its texts. */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NS_IN_SECOND 1000000000ll
#define NS_IN_MS     1000000ll
#define NS_IN_US     1000ll

/* Room for moment_format(), with the NUL. */
#define MOMENT_BYTES 40

/* Returns what the kernel tells as seconds and nanoseconds, of any clock. */
int64_t moment_of(struct timespec time);

/* Returns the time now. */
int64_t moment_now(void);

/* Writes @ns as RFC 3339 in UTC with nine digits behind the second, and returns the length. */
size_t moment_format(int64_t ns, char text[MOMENT_BYTES]);

/* Reads @size bytes of RFC 3339: "2026-11-22T01:02:03.5Z", "...+01:00". Without a zone it is local
 * time; the seconds, or the whole time, may be missing. 0 or -EINVAL. */
[[nodiscard]] int moment_parse_rfc3339(const char *text, size_t size, int64_t *ret_ns);

/* Reads a duration: "10m", "1h30m", "1.5s"; h, m, s, ms, us, ns. 0 or -EINVAL. */
[[nodiscard]] int moment_parse_duration(const char *text, int64_t *ret_ns);

/* Reads a moment as a user types it: RFC 3339, seconds since the epoch ("1795310523.25"), or a
 * duration before @now_ns. 0 or -EINVAL. */
[[nodiscard]] int moment_parse(const char *text, int64_t now_ns, int64_t *ret_ns);
