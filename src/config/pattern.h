/* SPDX-License-Identifier: MIT */
#pragma once

/* Patterns over container names: a glob over the whole name (*, ?, [abc], [a-z], [!abc]), or a
 * POSIX extended regular expression when it begins with ^ or ends with $. Both are bounded in what
 * they can cost, whoever wrote them. */

#include "base/fail.h"

/* Checks @pattern. Fails with LXCRI_E_INVALID_CONFIG, saying what is malformed. */
[[nodiscard]] int pattern_check(const char *pattern, struct lxcri_error *err);

/* Returns 1 when @name matches @pattern, 0 when not; fails as pattern_check(). */
[[nodiscard]] int pattern_match(const char *pattern, const char *name, struct lxcri_error *err);
