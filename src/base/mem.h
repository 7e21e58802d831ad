/* SPDX-License-Identifier: MIT */
#pragma once

/* Allocation that cannot fail: running out of memory ends the process, whose state is on disk and
 * whose containers do not depend on it. A size that comes from outside is checked against a named
 * limit before it gets here. The caller owns what these return and ends it with free(). */

#include <stddef.h>

#define xnew(type) ((type *)xzalloc(sizeof(type)))

/* Returns @size bytes of zeroes. */
[[nodiscard]] void *xzalloc(size_t size);

/* Returns an array of @count zeroed members; the product is checked for overflow. */
[[nodiscard]] void *xcalloc(size_t count, size_t size);

/* Resizes @memory to @count members of @size; the product is checked for overflow. */
[[nodiscard]] void *xreallocarray(void *memory, size_t count, size_t size);

/* Returns a copy of @text, or NULL for NULL. */
[[nodiscard]] char *xstrdup(const char *text);

/* Returns a copy of the first @length bytes of @text, ended by NUL. */
[[nodiscard]] char *xstrndup(const char *text, size_t length);

/* Returns a copy of @size bytes. */
[[nodiscard]] void *xmemdup(const void *memory, size_t size);

/* Returns the formatted text. */
[[nodiscard, gnu::format(printf, 1, 2)]] char *xformat(const char *format, ...);
