/* SPDX-License-Identifier: MIT */
/* Copying files into a container and out of it. */

#include "lxcri/files.h"

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/files/view.h"
#include "transfer/copy.h"

#include <errno.h>
#include <fcntl.h>

/* The host's end: a stream, or an absolute path. */
static int open_host(const struct lxcri_copy_options *options, struct copy_end *end,
		     char **ret_path, struct lxcri_error *err)
{
	*end = (struct copy_end){ .root = -1, .stream = options->stream_fd };
	if (!options->host_path)
		return 0;
	if (!*options->host_path)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the path on the host is empty");
	*ret_path = engine_absolute_path(options->host_path, err);
	if (!*ret_path)
		return -1;
	end->path = *ret_path;
	end->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return end->root < 0 ? fail_errno(err, errno, "open /") : 0;
}

/* What is only there while the container runs was covered, see view.c. */
static int explain(const struct view *view, int r, struct lxcri_error *err)
{
	if (r < 0 && err->errnum == EROFS && view->space >= 0)
		return fail_while(err, "a read-only root or volume, or a mount that is only there "
				       "while the container runs");
	return r;
}

enum direction { COPY_IN, COPY_OUT };

static int copy(struct lxcri_container *container, const char *path,
		const struct lxcri_copy_options *options, enum direction direction,
		struct lxcri_error *err)
{
	const struct copy_options flags = { .archive = options->archive,
					    .follow = options->follow };
	autorun(view_finish) struct view view = VIEW_NULL;
	autofree char *host_path = NULL;
	struct copy_end host;
	int r;

	if (!*path)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the path in the container is empty");
	if (open_host(options, &host, &host_path, err) < 0 ||
	    view_open(container, &view, err) < 0) {
		closep(&host.root);
		return -1;
	}

	const struct copy_end there = {
		.root = view.root, .path = path, .uid_map = view.uid_map, .gid_map = view.gid_map
	};

	r = direction == COPY_IN ? copy_run(&host, &there, &flags, err)
				 : copy_run(&there, &host, &flags, err);
	closep(&host.root);
	return explain(&view, r, err);
}

int lxcri_container_copy_in(struct lxcri_container *container, const char *path,
			    const struct lxcri_copy_options *options, struct lxcri_error *err)
{
	if (copy(container, path, options, COPY_IN, err) < 0)
		return fail_as(err, LXCRI_E_COPY_FAILED, "copy to %s:%s", container->home.id, path);
	return 0;
}

int lxcri_container_copy_out(struct lxcri_container *container, const char *path,
			     const struct lxcri_copy_options *options, struct lxcri_error *err)
{
	if (copy(container, path, options, COPY_OUT, err) < 0)
		return fail_as(err, LXCRI_E_COPY_FAILED, "copy from %s:%s", container->home.id,
			       path);
	return 0;
}
