/* SPDX-License-Identifier: MIT */
/* What happened to containers and images.
 *
 * Writers hold a lock of the file, for the time of one write: so a rotation has no writer behind
 * its back, and a record that a killed one left torn is closed by the next. */

#include "runtime/event/event_file.h"

#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>

/* How often the file may be rotated by others before we have its lock. */
#define TRIES_MAX 1000

static void add_member(struct text *line, const char *name, const char *value)
{
	text_add_quoted(line, name);
	text_add(line, ":");
	text_add_quoted(line, value);
}

static void format(const struct event *event, struct text *line)
{
	char time[MOMENT_BYTES];
	bool is_first = true;

	(void)moment_format(event->time_ns, time);
	text_add(line, "{");
	add_member(line, "time", time);
	text_add(line, ",");
	add_member(line, "type", event->type);
	text_add(line, ",");
	add_member(line, "event", event->name);
	text_add(line, ",");
	add_member(line, "id", event->id);
	text_add(line, ",\"attributes\":{");
	for (const char *const *pair = event->attributes; pair && pair[0]; pair += 2) {
		if (!pair[1])
			continue;
		text_add(line, is_first ? "" : ",");
		add_member(line, pair[0], pair[1]);
		is_first = false;
	}
	text_add(line, "}}\n");
}

/* Opens the file that is written to, and takes its lock. Returns an fd, or -errno. */
static int open_locked(int dirfd)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		autoclose int fd =
			openat(dirfd, EVENT_FILE,
			       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat ours, named;
		int r = -1;

		if (fd < 0)
			return -errno;
		while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
			continue;
		if (r < 0 || fstat(fd, &ours) < 0)
			return -errno;
		if (fstatat(dirfd, EVENT_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    ours.st_dev == named.st_dev && ours.st_ino == named.st_ino)
			return steal_fd(&fd);
	}
	return -EAGAIN;
}

/* Closes a record that was torn, so that ours begins a line. */
static int close_torn(int fd, off_t size)
{
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return -EIO;
	return last == '\n' ? 0 : file_write_all(fd, "\n", 1);
}

int event_file_append(const char *root, const struct event *event)
{
	autoclose int dirfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autorun(text_finish) struct text line = {};
	struct stat status;

	if (dirfd < 0)
		return -errno;
	format(event, &line);

	autoclose int fd = open_locked(dirfd);

	if (fd < 0 || fstat(fd, &status) < 0)
		return fd < 0 ? fd : -errno;
	if (status.st_size > 0 && (size_t)status.st_size + line.length > EVENT_FILE_BYTES) {
		int r = rotation_rotate(dirfd, EVENT_FILE, 1);

		if (r < 0)
			return r;
		closep(&fd); /* only now: whoever waited for it finds it rotated */
		fd = open_locked(dirfd);
		if (fd < 0 || fstat(fd, &status) < 0)
			return fd < 0 ? fd : -errno;
	}

	int r = close_torn(fd, status.st_size);

	if (r == 0)
		r = file_write_all(fd, line.data, line.length);
	if (r < 0)
		(void)!ftruncate(fd, status.st_size); /* else the next one closes the line */
	return r;
}
