/* SPDX-License-Identifier: MIT */
/* Environment files as docker reads them. */

#include "cli/request/env_file.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ENV_FILE_MAX (1u << 20)

static int parse_line(char *line, const char *name, size_t number, struct strings *env,
		      struct lxcri_error *err)
{
	size_t length = strlen(line);

	if (length > 0 && line[length - 1] == '\r')
		line[length - 1] = '\0';
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return 0;

	size_t name_length = strcspn(line, "=");

	if (name_length == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s:%zu: no name before =", name,
			    number);
	for (size_t i = 0; i < name_length; i++)
		if ((unsigned char)line[i] <= ' ' || line[i] == 0x7f)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "%s:%zu: the name has a space or a control character", name,
				    number);
	strings_add(env, line);
	return 0;
}

int env_file_parse(const char *bytes, size_t size, const char *name, struct strings *env,
		   struct lxcri_error *err)
{
	const char *end = bytes + size;
	size_t number = 1;

	if (size == 0)
		return 0;
	if (memchr(bytes, '\0', size))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: has a NUL byte", name);
	for (const char *line = bytes; line < end; number++) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((stop ? stop : end) - line);
		autofree char *copy = xstrndup(line, length);

		if (parse_line(copy, name, number, env, err) < 0)
			return -1;
		line += length + 1;
	}
	return 0;
}

int env_file_load(const char *path, struct strings *env, struct lxcri_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	autofree char *bytes = NULL;
	size_t size;

	if (fd < 0)
		return fail_errno(err, errno, "read the environment file %s", path);

	int r = file_read_fd(fd, ENV_FILE_MAX, &bytes, &size);

	if (r < 0)
		return fail_errno(err, r, "read the environment file %s", path);
	return env_file_parse(bytes, size, path, env, err);
}
