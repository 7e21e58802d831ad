/* SPDX-License-Identifier: MIT */
#pragma once

/* Names of the DNS as they stand in messages: labels, each behind its length, and an empty one at
 * the end. Names here are whole (no pointers) and in lower case unless it says otherwise. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX   255 /* bytes, with the empty label */
#define DNS_LABEL_MAX  63
#define DNS_LABELS_MAX 127

/* Reads "web.example" or "web.example." into @wire, in lower case. Letters, digits, '-' and '_' are
 * taken, as host names and SRV names have them. Returns the size, or -EINVAL. */
[[nodiscard]] int dns_name_parse(const char *text, uint8_t wire[DNS_NAME_MAX]);

/* Reads the name at @offset of the message @bytes into @wire, in lower case, following pointers:
 * each must lead to a place before the one that it is met from, so that there is no loop. Returns
 * the offset behind the name, or -EBADMSG. */
[[nodiscard]] int dns_name_read(const uint8_t *bytes, size_t size, size_t offset,
				uint8_t wire[DNS_NAME_MAX], size_t *ret_size);

/* Tells whether the name @name of @size bytes is @parent or below it. */
bool dns_name_is_below(const uint8_t *name, size_t size, const uint8_t *parent, size_t parent_size);

/* Writes the name under which the address @bytes of @family (AF_INET, AF_INET6) has its PTR record,
 * or that of its network: of the first @bits, which are rounded up to a whole label. Returns the
 * size. */
size_t dns_name_of_address(int family, const void *bytes, unsigned int bits,
			   uint8_t wire[DNS_NAME_MAX]);
