/* SPDX-License-Identifier: MIT */
#pragma once

/* Property strings, by which Proxmox VE writes an interface or a volume in one value:
 * "name=eth0,bridge=vmbr0,ip=dhcp", "local-zfs:subvol-100-disk-0,size=8G". There is no quoting: a
 * value with a comma cannot be expressed and is refused. */

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

#define PROPERTY_BYTES_MAX 8192u
#define PROPERTY_PARTS_MAX 64u

struct property {
	char *key;
	char *value;
};

/* Zeroed is empty. */
struct property_string {
	struct property *items;
	size_t count;
};

/* Reads @text. A part without "=" is the value of @default_key (NULL: there is none), once at most.
 * LXCRI_E_INVALID_FORMAT for what the grammar does not have, LXCRI_E_LIMIT_EXCEEDED. */
[[nodiscard]] int property_parse(const char *text, const char *default_key,
				 struct property_string *ret, struct lxcri_error *err);

/* Returns @string as text, owned by the caller: the default key first and bare, then @required in
 * its order (ended by NULL; or NULL), then the others sorted, as Proxmox VE itself writes it. */
[[nodiscard]] char *property_format(const struct property_string *string, const char *default_key,
				    const char *const *required);

/* Sets @key to a copy of @value, or with NULL takes it away. A key or value that cannot be
 * expressed is LXCRI_E_INVALID_ARGUMENT, and changes nothing. */
[[nodiscard]] int property_set(struct property_string *string, const char *key, const char *value,
			       struct lxcri_error *err);

/* Returns the value of @key, or NULL. Borrowed. */
const char *property_find(const struct property_string *string, const char *key);

/* Frees what @string holds. Safe to repeat. */
void property_finish(struct property_string *string);

/* Reads a size: digits, perhaps a fraction, perhaps K, M, G or T, powers of 1024. Returns 0, or
 * -EINVAL, or -ERANGE for what has no place in 64 bits. */
[[nodiscard]] int property_parse_size(const char *text, uint64_t *ret_bytes);

/* Returns the size in the largest unit that is exact; owned by the caller. */
[[nodiscard]] char *property_format_size(uint64_t bytes);
