/* SPDX-License-Identifier: MIT */
/* What an OCI command-line runtime says about a failure. The monitor has no JSON library; of a
 * record of the log only one string is wanted. */

#include "runtime/oci_message.h"

#include "base/scope.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A piece of the log. */
struct span {
	const char *at;
	size_t size;
};

static struct span last_line(struct span log)
{
	while (log.size > 0 && log.at[log.size - 1] == '\n')
		log.size--;

	size_t skip = log.size;

	while (skip > 0 && log.at[skip - 1] != '\n')
		skip--;

	return (struct span){ log.at + skip, log.size - skip };
}

static const char *find(struct span in, const char *what)
{
	return in.at && in.size > 0 ? memmem(in.at, in.size, what, strlen(what)) : NULL;
}

static unsigned int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10) : 16;
}

/* Reads the escape behind a backslash at @in; returns how many bytes it took, 0 when malformed. */
static size_t unescape(struct span in, char *ret)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *simple = in.size > 0 && in.at[0] ? strchr(from, in.at[0]) : NULL;
	unsigned int value = 0;

	if (simple) {
		*ret = to[simple - from];
		return 1;
	}
	if (in.size < 5 || in.at[0] != 'u')
		return 0;
	for (int i = 1; i < 5; i++) {
		unsigned int digit = hex_value(in.at[i]);

		if (digit > 15)
			return 0;
		value = value * 16 + digit;
	}
	/* Go writes <, > and & so; anything beyond ASCII is not worth a decoder here. */
	*ret = value > 0 && value < 0x80 ? (char)value : '?';
	return 5;
}

static void copy_string(struct span in, char *message, size_t room)
{
	size_t length = 0;

	for (size_t i = 0; i < in.size && in.at[i] != '"' && length + 1 < room; i++) {
		char c = in.at[i];

		if (c == '\\') {
			size_t took = unescape((struct span){ in.at + i + 1, in.size - i - 1 }, &c);

			if (took == 0)
				break;
			i += took;
		}
		message[length++] = c ? c : '?';
	}
	message[length] = '\0';
}

static void copy_line(struct span line, char *message, size_t room)
{
	size_t length = line.size < room ? line.size : room - 1;

	for (size_t i = 0; i < length; i++)
		message[i] = line.at[i] ? line.at[i] : '?';
	message[length] = '\0';
}

int oci_message_find(const char *log, size_t size, char *message, size_t room)
{
	static const char key[] = "\"msg\":\"";
	struct span rest = { log, size };
	struct span line = last_line(rest);

	if (line.size == 0)
		return -ENOENT;
	copy_line(line, message, room);
	for (; line.size > 0; line = last_line(rest)) {
		const char *msg = find(line, key);

		if (msg && find(line, "\"level\":\"error\"")) {
			msg += strlen(key);
			copy_string((struct span){ msg, (size_t)(line.at + line.size - msg) },
				    message, room);
			break;
		}
		rest.size = (size_t)(line.at - rest.at);
	}
	return 0;
}

enum lxcri_code oci_message_code(const char *message)
{
	static const struct {
		const char *words;
		enum lxcri_code code;
	} known[] = {
		{ "executable file not found in $PATH", LXCRI_E_COMMAND_NOT_FOUND },
		{ "no such file or directory", LXCRI_E_COMMAND_NOT_FOUND },
		{ "permission denied", LXCRI_E_COMMAND_NOT_EXECUTABLE },
		{ "is a directory", LXCRI_E_COMMAND_NOT_EXECUTABLE },
		{ "exec format error", LXCRI_E_COMMAND_NOT_EXECUTABLE },
	};
	const char *exec = strstr(message, "exec: \"");

	if (!exec && strstr(message, "executable file `"))
		return LXCRI_E_COMMAND_NOT_FOUND; /* crun's words */
	for (size_t i = 0; exec && i < ARRAY_LEN(known); i++)
		if (strstr(exec, known[i].words))
			return known[i].code;
	return LXCRI_E_SYSTEM;
}
