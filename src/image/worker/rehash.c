/* SPDX-License-Identifier: MIT */
/* Reading blobs again, to compare them with their digests. */

#include "image/worker/rehash.h"

#include "base/mem.h"
#include "image/layer/hash.h"
#include "image/layout.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CHUNK ((size_t)1 << 20)

/* Returns what is wrong with the blob, owned by the caller; NULL: nothing. */
static char *find_fault(int blobs_fd, const char *name, char *bytes)
{
	autoclose int fd =
		openat(blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	autoptr(hash) hash = hash_create();
	char found[SHA256_HEX_SIZE];
	ssize_t got = -1;

	while (fd >= 0 && (got = read(fd, bytes, CHUNK)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		if (got > 0)
			hash_add(hash, bytes, (size_t)got);
	}
	if (got < 0 && errno == ENOENT)
		return xstrdup("it is missing");
	if (got < 0)
		return xformat("it cannot be read: %s", strerror(errno));
	hash_end(hash, found);
	return strcmp(found, name) == 0
		       ? NULL
		       : xformat("it holds bytes with the digest sha256:%s", found);
}

int rehash_blobs(const char *data_dir, char *const *names, struct json_object *result,
		 struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autofree char *bytes = xcalloc(CHUNK, 1);
	struct json_object *broken = json_object_new_array();

	json_object_object_add(result, WORKER_BROKEN, broken);
	if (layout_create(data_dir, &layout, err) < 0 || worker_confine(&layout, NULL, 0, err) < 0)
		return -1;
	for (; *names; names++) {
		autofree char *fault = find_fault(layout.blobs_fd, *names, bytes);
		struct json_object *object;

		if (!fault)
			continue;
		object = json_object_new_object();
		json_set_text(object, WORKER_NAME, *names);
		json_set_text(object, WORKER_TEXT, fault);
		(void)json_object_array_add(broken, object);
		if (json_object_array_length(broken) == REHASH_BROKEN_MAX)
			break;
	}
	return 0;
}
