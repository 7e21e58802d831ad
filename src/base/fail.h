/* SPDX-License-Identifier: MIT */
#pragma once

/* Recording a failure. Each function returns -1, so that a failing path is one line:
 * return fail(err, ...). The text says what was being done, in lower case, without a full stop,
 * and names the object. */

#include "lxcri/error.h"

/* Returns the code that lxcri_code_name() calls @name; LXCRI_E_SYSTEM for none. */
enum lxcri_code fail_find_code(const char *name);

/* Records that @code happened. */
[[gnu::format(printf, 3, 4)]] int fail(struct lxcri_error *err, enum lxcri_code code,
				       const char *format, ...);

/* Records a failure of the operating system as LXCRI_E_SYSTEM, and appends ": " and the words of
 * @errnum, which may be given as errno or as -errno. */
[[gnu::format(printf, 3, 4)]] int fail_errno(struct lxcri_error *err, int errnum,
					     const char *format, ...);

/* The same with a code of the caller's. */
[[gnu::format(printf, 4, 5)]] int fail_code_errno(struct lxcri_error *err, enum lxcri_code code,
						  int errnum, const char *format, ...);

/* Puts what the caller was doing in front of what went wrong below it: "start web-0: mount /proc:
 * Operation not permitted". Keeps code and errnum. */
[[gnu::format(printf, 2, 3)]] int fail_while(struct lxcri_error *err, const char *format, ...);

/* As fail_while(), and a failure of the plain kind LXCRI_E_SYSTEM becomes @code; a more exact code
 * from below is kept. */
[[gnu::format(printf, 3, 4)]] int fail_as(struct lxcri_error *err, enum lxcri_code code,
					  const char *format, ...);
