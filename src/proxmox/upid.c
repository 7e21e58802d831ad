/* SPDX-License-Identifier: MIT */
/* The names of tasks. */

#include "proxmox/upid.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

bool node_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= NODE_NAME_MAX || name[0] == '-' || name[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-')
			return false;
	return true;
}

/* Copies the field at *@at, which ends with a colon, and steps behind that. */
static bool take_field(const char **at, char *to, size_t size)
{
	size_t length = strcspn(*at, ":");

	if ((*at)[length] != ':' || length >= size)
		return false;
	memcpy(to, *at, length);
	to[length] = '\0';
	*at += length + 1;
	return true;
}

/* Reads a field of @min to @max hexadecimal digits. */
static bool take_hex(const char **at, size_t min, size_t max, uint64_t *ret)
{
	size_t length = strspn(*at, "0123456789ABCDEFabcdef");
	uint64_t value = 0;

	if (length < min || length > max || (*at)[length] != ':')
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = tolower((unsigned char)(*at)[i]);

		value = value << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
	}
	*at += length + 1;
	*ret = value;
	return true;
}

static bool is_word(const char *text)
{
	return strcspn(text, "/ \t") == strlen(text);
}

static bool parse(const char *text, struct upid *upid)
{
	const char *at = text + strlen("UPID:");
	uint64_t pid = 0, start = 0;

	if (!text_starts_with(text, "UPID:") || text_has_control(text) ||
	    !take_field(&at, upid->node, sizeof(upid->node)) || !node_name_is_valid(upid->node) ||
	    !take_hex(&at, 8, 8, &pid) || !take_hex(&at, 8, 9, &upid->pstart) ||
	    !take_hex(&at, 8, 8, &start) || !take_field(&at, upid->type, sizeof(upid->type)) ||
	    !take_field(&at, upid->id, sizeof(upid->id)) ||
	    !take_field(&at, upid->user, sizeof(upid->user)))
		return false;
	upid->pid = (uint32_t)pid;
	upid->start = (uint32_t)start;
	return !*at && *upid->type && *upid->user && is_word(upid->type) && is_word(upid->id);
}

int upid_parse(const char *text, struct upid *ret, struct lxcri_error *err)
{
	struct upid upid = {};

	if (strlen(text) > UPID_BYTES_MAX || !parse(text, &upid))
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the server named a task that is none: \"%.100s\"", text);
	*ret = upid;
	return 0;
}
