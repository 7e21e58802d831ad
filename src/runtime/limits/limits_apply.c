/* SPDX-License-Identifier: MIT */
/* Writing limits, all or none. */

#include "runtime/limits/limits.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V1_MEMORY "memory.limit_in_bytes"
#define V1_SWAP   "memory.memsw.limit_in_bytes"

/* A value that was replaced. */
struct replaced {
	const char *dir;
	const char *file;
	char *old;
};

struct undo {
	struct replaced *items;
	size_t count;
};

static void undo_finish(struct undo *undo)
{
	for (size_t i = 0; i < undo->count; i++)
		free(undo->items[i].old);
	free(undo->items);
	*undo = (struct undo){};
}

/* Puts the old values back, the last first. A value that had been accepted before is so again;
 * should the kernel refuse, nobody could do more. */
static void undo_run(struct undo *undo)
{
	while (undo->count > 0) {
		struct replaced *last = &undo->items[--undo->count];

		(void)cgroup_write(last->dir, last->file, *last->old ? last->old : "\n");
		free(last->old);
	}
}

/* What takes a line of the same first word as @value away. */
static char *no_line(const char *value)
{
	int first = (int)strcspn(value, " ");
	const char *equals = strrchr(value, '=');
	const char *word = strrchr(value, ' ');

	if (equals && word)
		return xformat("%.*s%.*s=max", first, value, (int)(equals - word), word);
	return xformat("%.*s 0", first, value);
}

/* Reads what a write of @limit would replace, in the form in which it can be written. */
static int read_old(const char *dir, const struct limit *limit, char **ret)
{
	autofree char *text = NULL;
	size_t first = strcspn(limit->value, " ") + 1;
	int r = cgroup_read_text(dir, limit->file, &text);

	if (r < 0)
		return r;
	if (strcmp(limit->file, "memory.oom_control") == 0) {
		*ret = xstrdup(strstr(text, "oom_kill_disable 1") ? "1" : "0");
		return 0;
	}
	if (!limit->keyed) {
		/* The default of a file that has exceptions below it. */
		const char *value = strncmp(text, "default ", 8) == 0 ? text + 8 : text;

		*ret = xstrndup(value, strcspn(value, "\n"));
		return 0;
	}
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, limit->value, first) == 0) {
			*ret = xstrndup(line, strcspn(line, "\n"));
			return 0;
		}
	}
	*ret = no_line(limit->value);
	return 0;
}

/* Tells what may be behind a refusal of the kernel's. */
static const char *hint(const struct limit *limit, int r)
{
	if (r == -ENOENT && strcmp(limit->file, V1_SWAP) == 0)
		return "; the kernel counts no swap: boot with swapaccount=1";
	if (r == -ENOENT && strncmp(limit->file, "blkio.bfq", 9) == 0)
		return "; it needs the I/O scheduler bfq";
	if (r == -ENOENT)
		return "; the kernel does not have it, or the controller is missing in "
		       "cgroup.subtree_control of the cgroup above";
	if (r == -EINVAL && strcmp(limit->file, V1_MEMORY) == 0)
		return "; memory and swap together are limited to less: give memory.swap as well";
	if (r == -EBUSY && limit->controller && strcmp(limit->controller, "memory") == 0)
		return "; more is in use";
	if ((r == -EINVAL || r == -EACCES || r == -ENOSPC) && limit->controller &&
	    strcmp(limit->controller, "cpuset") == 0)
		return "; the cgroup above, or the host, does not have all of them";
	if (r == -ENODEV && (!limit->controller || strcmp(limit->controller, "rdma") != 0))
		return "; there is no such block device (a partition counts as its disk)";
	return "";
}

static int refuse(const struct limit *limit, const char *dir, int r, struct lxcri_error *err)
{
	return fail_code_errno(err,
			       r == -ENOENT ? LXCRI_E_UNSUPPORTED_OPERATION
			       : r == -EINVAL || r == -ERANGE || r == -ENODEV
				       ? LXCRI_E_INVALID_ARGUMENT
				       : LXCRI_E_SYSTEM,
			       r, "linux.resources.%s: write %s into %s/%s%s", limit->field,
			       limit->value, dir, limit->file, hint(limit, r));
}

/* Less memory than is in use would be taken away by force. */
static int check_usage(const struct limits *limits, const struct limit *limit, const char *dir,
		       struct lxcri_error *err)
{
	unsigned long long wanted;
	uint64_t used;

	if (!limits->check_usage || strcmp(limit->file, "memory.max") != 0 ||
	    cgroup_read_number(dir, "memory.current", &used) < 0 ||
	    sscanf(limit->value, "%20llu", &wanted) != 1 || used <= wanted)
		return 0;
	return fail(err, LXCRI_E_INVALID_STATE,
		    "linux.resources.%s: %s bytes are less than the %llu in use", limit->field,
		    limit->value, (unsigned long long)used);
}

static const char *find_dir(const struct limit *limit, const struct cgroup_host *host,
			    const struct strings *cgroups)
{
	enum cgroup_version version;

	if (limit->controller)
		return cgroup_find(host, cgroups, limit->controller, &version);
	for (size_t i = 0; i < cgroups->count; i++)
		if (host->unified || strstr(cgroups->items[i], "/unified/"))
			return cgroups->items[i];
	return NULL;
}

static void remember(struct undo *undo, const char *dir, const char *file, char *old)
{
	undo->items = xreallocarray(undo->items, undo->count + 1, sizeof(*undo->items));
	undo->items[undo->count++] = (struct replaced){ .dir = dir, .file = file, .old = old };
}

/* Whoever is no longer idle has the usual share, whatever it had before. */
static void remember_share(struct undo *undo, const char *dir)
{
	static const char *const files[] = { "cpu.shares", "cpu.weight" };
	char *old;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (cgroup_read_text(dir, files[i], &old) == 0)
			remember(undo, dir, files[i], old);
}

static int apply_one(const struct limits *limits, const struct limit *limit, const char *dir,
		     struct undo *undo, struct lxcri_error *err)
{
	autofree char *old = NULL;
	int r;

	if (!dir)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.resources.%s: the container has no cgroup with the controller "
			    "%s; it must be in cgroup.controllers there, and in "
			    "cgroup.subtree_control of the cgroups above",
			    limit->field, limit->controller ? limit->controller : "of version 2");
	r = read_old(dir, limit, &old);
	if (r < 0)
		return refuse(limit, dir, r, err);
	if (!limit->keyed && strcmp(old, limit->value) == 0)
		return 0;
	if (check_usage(limits, limit, dir, err) < 0)
		return -1;
	if (strcmp(limit->file, "cpu.idle") == 0)
		remember_share(undo, dir);
	r = cgroup_write(dir, limit->file, limit->value);
	if (r < 0)
		return refuse(limit, dir, r, err);
	remember(undo, dir, limit->file, steal(old));
	return 0;
}

/* Tells whether a limit behind the one at @i, of the same controller, is still to be written. */
static bool has_company(const struct limits *limits, const bool *done, size_t i)
{
	const char *controller = limits->items[i].controller;

	for (size_t k = i + 1; controller && k < limits->count; k++)
		if (!done[k] && limits->items[k].controller &&
		    strcmp(limits->items[k].controller, controller) == 0)
			return true;
	return false;
}

/* Writes what is not @done. The kernel refuses a value that does not go with one beside it, which
 * may be about to change as well: memory above memory and swap together, a quota below its burst, a
 * longer part of a shorter period than the cgroup above has. What is refused so waits until the
 * others of its controller are there; the last of them cannot, so each round gets further. Returns
 * how many wait, or -1. */
static int apply_round(const struct limits *limits, const struct cgroup_host *host,
		       const struct strings *cgroups, bool *done, struct undo *undo,
		       struct lxcri_error *err)
{
	int waiting = 0;

	for (size_t i = 0; i < limits->count; i++) {
		const struct limit *limit = &limits->items[i];

		if (done[i])
			continue;
		if (apply_one(limits, limit, find_dir(limit, host, cgroups), undo, err) == 0) {
			done[i] = true;
			continue;
		}
		if (err->errnum != EINVAL || !has_company(limits, done, i))
			return -1;
		*err = (struct lxcri_error){};
		waiting++;
	}
	return waiting;
}

int limits_apply(const struct limits *limits, const struct cgroup_host *host,
		 const struct strings *cgroups, struct lxcri_error *err)
{
	autorun(undo_finish) struct undo undo = {};
	autofree bool *done = xcalloc(limits->count + 1, sizeof(*done));
	int waiting;

	do {
		waiting = apply_round(limits, host, cgroups, done, &undo, err);
	} while (waiting > 0);
	if (waiting < 0)
		undo_run(&undo);
	return waiting;
}
