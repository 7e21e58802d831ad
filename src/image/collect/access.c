/* SPDX-License-Identifier: MIT */
/* When something of the store was used last. */

#include "image/collect/access.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "image/layout.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int64_t changed_ns(int dirfd, const char *path)
{
	struct stat status;

	return fstatat(dirfd, path, &status, AT_SYMLINK_NOFOLLOW) < 0 ? 0
								      : moment_of(status.st_mtim);
}

/* A time that is still to come is of a clock that was wrong. */
static void note(int dirfd, const char *path, int64_t now)
{
	static const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
						  { .tv_nsec = UTIME_NOW } };
	int64_t used = changed_ns(dirfd, path);

	if (used > 0 && (now - used >= ACCESS_SECONDS * NS_IN_SECOND || used > now))
		(void)utimensat(dirfd, path, times, AT_SYMLINK_NOFOLLOW);
}

void access_note(const char *data_dir, const char *digest, const struct strings *layer_dirs)
{
	int64_t now = moment_now();

	if (digest) {
		autofree char *path = xformat("%s/images/" LAYOUT_BLOBS "/%s", data_dir,
					      digest + strcspn(digest, ":") + 1);

		note(AT_FDCWD, path, now);
	}
	for (size_t i = 0; i < layer_dirs->count; i++) {
		autofree char *path = xformat("%s/../" LAYOUT_RECORD, layer_dirs->items[i]);

		note(AT_FDCWD, path, now);
	}
}

void access_note_blob(int dirfd, const char *hex)
{
	note(dirfd, hex, moment_now());
}

int64_t access_of_layer(int dirfd, const char *chain_id)
{
	autofree char *record = xformat("%s/" LAYOUT_RECORD, chain_id);
	int64_t used = changed_ns(dirfd, record);

	return used > 0 ? used : changed_ns(dirfd, chain_id);
}

int64_t access_of_blob(int dirfd, const char *hex)
{
	return changed_ns(dirfd, hex);
}

int64_t access_of_arrival(int dirfd, const char *name)
{
	struct stat status;

	return fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ? 0
								      : moment_of(status.st_ctim);
}

bool access_is_young(int64_t used_ns, uint64_t grace_seconds)
{
	int64_t age_seconds = (moment_now() - used_ns) / NS_IN_SECOND - ACCESS_SECONDS;

	return grace_seconds > 0 && (age_seconds < 0 || (uint64_t)age_seconds < grace_seconds);
}
