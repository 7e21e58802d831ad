/* SPDX-License-Identifier: MIT */
/* What a running container calls its users. Its files are its own to write: they are opened inside
 * its root, and read with a bound. */

#include "cli/container/users.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)1 << 20)

/* Reads "name:password:number:..." line by line. */
static void read_names(char *text, struct users *users)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *password = strchr(line, ':');
		char *number = password ? strchr(password + 1, ':') : NULL;
		char *end = number ? strchr(number + 1, ':') : NULL;

		if (!end || password == line || end == number + 1)
			continue;
		*password = '\0';
		*end = '\0';
		strings_add(&users->names, line);
		strings_add(&users->names, number + 1);
	}
}

void users_load(pid_t pid, struct users *users)
{
	autofree char *root_path = xformat("/proc/%d/root", (int)pid);
	autofree char *map_path = xformat("/proc/%d/uid_map", (int)pid);
	autofree char *map = NULL;
	autofree char *text = NULL;
	autoclose int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int held = root < 0 ? -1 : path_open_in(root, "/etc/passwd", O_PATH);
	autofree char *path = xformat("/proc/self/fd/%d", held);
	struct stat status;
	size_t size;

	*users = (struct users){};
	if (file_read(AT_FDCWD, map_path, FILE_BYTES_MAX, &map, &size) == 0 &&
	    copy_ids_parse(map, &users->uids) < 0)
		users->uids = (struct copy_ids){};
	/* Opened for reading only once it has proved to be a file. */
	if (held < 0 || fstat(held, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	if (file_read(AT_FDCWD, path, FILE_BYTES_MAX, &text, &size) == 0)
		read_names(text, users);
}

char *users_name(const struct users *users, uid_t uid)
{
	uint32_t inside = copy_ids_inside(&users->uids, uid);
	autofree char *number = xformat("%u", inside == COPY_ID_NONE ? uid : inside);

	for (size_t i = 0; inside != COPY_ID_NONE && i + 1 < users->names.count; i += 2)
		if (strcmp(users->names.items[i + 1], number) == 0)
			return xstrdup(users->names.items[i]);
	return steal(number);
}

void users_finish(struct users *users)
{
	strings_finish(&users->names);
}
