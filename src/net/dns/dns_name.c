/* SPDX-License-Identifier: MIT */
/* Names of the DNS. */

#include "net/dns/dns_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define POINTER_BITS 0xc0

static int lower(int byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

static bool is_name_byte(int byte)
{
	byte = lower(byte);
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
	       byte == '_';
}

/* Returns the length of the label that @text begins with, or 0 when it is none. */
static size_t label_length(const char *text)
{
	size_t length = 0;

	while (is_name_byte((unsigned char)text[length]))
		length++;
	return length <= DNS_LABEL_MAX ? length : 0;
}

int dns_name_parse(const char *text, uint8_t wire[DNS_NAME_MAX])
{
	size_t size = 0;

	while (*text) {
		size_t length = label_length(text);

		if (length == 0 || size + length + 2 > DNS_NAME_MAX)
			return -EINVAL;
		wire[size++] = (uint8_t)length;
		for (size_t i = 0; i < length; i++)
			wire[size++] = (uint8_t)lower((unsigned char)text[i]);
		text += length;
		if (*text && *text != '.')
			return -EINVAL;
		text += *text == '.';
	}
	if (size == 0)
		return -EINVAL;
	wire[size++] = 0;
	return (int)size;
}

int dns_name_read(const uint8_t *bytes, size_t size, size_t offset, uint8_t wire[DNS_NAME_MAX],
		  size_t *ret_size)
{
	size_t length = 0;
	size_t bound = offset; /* a pointer leads before this place */
	size_t end = 0;        /* behind the name, once a pointer was met */

	for (;;) {
		if (offset >= size)
			return -EBADMSG;

		size_t label = bytes[offset];

		if ((label & POINTER_BITS) == POINTER_BITS) {
			if (offset + 1 >= size)
				return -EBADMSG;
			end = end ? end : offset + 2;
			offset = (label & ~(size_t)POINTER_BITS) << 8 | bytes[offset + 1];
			if (offset >= bound)
				return -EBADMSG;
			bound = offset;
			continue;
		}
		if (label > DNS_LABEL_MAX || offset + 1 + label > size ||
		    length + 1 + label + (label > 0) > DNS_NAME_MAX)
			return -EBADMSG;
		wire[length++] = (uint8_t)label;
		offset++;
		for (size_t i = 0; i < label; i++)
			wire[length++] = (uint8_t)lower(bytes[offset++]);
		if (label > 0)
			continue;
		*ret_size = length;
		return (int)(end ? end : offset);
	}
}

bool dns_name_is_below(const uint8_t *name, size_t size, const uint8_t *parent, size_t parent_size)
{
	while (size > parent_size) {
		size -= *name + 1u;
		name += *name + 1;
	}
	return size == parent_size && memcmp(name, parent, size) == 0;
}

static size_t add_label(uint8_t *wire, size_t size, const char *label)
{
	size_t length = strlen(label);

	wire[size] = (uint8_t)length;
	memcpy(wire + size + 1, label, length);
	return size + 1 + length;
}

size_t dns_name_of_address(int family, const void *bytes, unsigned int bits,
			   uint8_t wire[DNS_NAME_MAX])
{
	const uint8_t *address = bytes;
	const unsigned int step = family == AF_INET ? 8 : 4;
	unsigned int n = (bits + step - 1) / step;
	size_t size = 0;

	while (n-- > 0) {
		unsigned int half = n % 2 ? address[n / 2] & 0xf : address[n / 2] >> 4;
		char label[8];

		(void)snprintf(label, sizeof(label), family == AF_INET ? "%u" : "%x",
			       family == AF_INET ? address[n] : half);
		size = add_label(wire, size, label);
	}
	size = add_label(wire, size, family == AF_INET ? "in-addr" : "ip6");
	size = add_label(wire, size, "arpa");
	wire[size++] = 0;
	return size;
}
