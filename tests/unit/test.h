/* SPDX-License-Identifier: MIT */
#pragma once

/* cmocka with what it wants included first. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

/* Returns the static busybox that roots are made of: the one of `make images`, which the
 * environment names, or the machine's own. */
static inline const char *test_busybox(void)
{
	const char *path = getenv("LXCRI_BUSYBOX");

	return path ? path : "/bin/busybox";
}
