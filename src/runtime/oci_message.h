/* SPDX-License-Identifier: MIT */
#pragma once

/* What an OCI command-line runtime says about a failure. */

#include "base/fail.h"

#include <stddef.h>

/* Puts the message of the last record of level "error" of a JSON log of @size bytes into @message
 * (@room bytes, ended by NUL); without one, the last line as it is. The bytes may be anything.
 * Returns 0, or -ENOENT when there is nothing. */
[[nodiscard]] int oci_message_find(const char *log, size_t size, char *message, size_t room);

/* Returns the code of a failure that is described so; LXCRI_E_SYSTEM when it is none of its own. */
enum lxcri_code oci_message_code(const char *message);
