/* SPDX-License-Identifier: MIT */
#pragma once

/* Base64 (RFC 4648, section 4). */

#include <stddef.h>

/* Returns @size bytes in base64 with padding, owned by the caller. */
[[nodiscard]] char *base64_encode(const void *bytes, size_t size);

/* Returns what @text means, ended by a NUL that *@ret_size does not count and owned by the caller;
 * NULL for what is no base64. The padding may be missing. */
[[nodiscard]] char *base64_decode(const char *text, size_t *ret_size);
