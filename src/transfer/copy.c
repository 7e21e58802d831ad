/* SPDX-License-Identifier: MIT */
/* Running the two processes of a copy. */

#include "transfer/copy.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/helper.h"
#include "os/process.h"
#include "transfer/copy_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* One lxcri-copy. */
struct half {
	const char *flags;
	int in; /* both are borrowed; -1: /dev/null */
	int out;
	pid_t pid;  /* 0: not started */
	int result; /* the pipe's end that is read; -1 */
};

/* Starts "lxcri-copy VERB PATH FLAGS UIDS GIDS". */
static int start(struct half *half, const char *verb, const struct copy_end *end,
		 struct lxcri_error *err)
{
	autofree char *path = helper_path(COPY_HELPER);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");
	half->result = ends[0];

	autoclose int result = ends[1];
	char *const argv[] = {
		path,
		(char *)verb,
		(char *)end->path,
		(char *)half->flags,
		(char *)(end->uid_map ? end->uid_map : ""),
		(char *)(end->gid_map ? end->gid_map : ""),
		NULL,
	};
	const int fds[] = { half->in, half->out, STDERR_FILENO, end->root, result };
	const struct spawn spawn = {
		.path = path, .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds)
	};

	half->pid = process_spawn(&spawn);
	return half->pid < 0 ? fail_errno(err, half->pid, "start %s", path) : 0;
}

/* Waits for the end of @half and reads what it says. */
static void finish(struct half *half, struct lxcri_error *ret)
{
	size_t got = 0;

	*ret = (struct lxcri_error){};
	if (half->pid <= 0)
		return;
	while (got < sizeof(*ret)) {
		ssize_t n = read(half->result, (char *)ret + got, sizeof(*ret) - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	closep(&half->result);

	int status = process_wait(half->pid);

	if (got == sizeof(*ret)) {
		ret->text[sizeof(ret->text) - 1] = '\0';
		return;
	}
	*ret = (struct lxcri_error){};
	(void)fail(ret, LXCRI_E_COPY_FAILED, "%s ended with code %d and no answer", COPY_HELPER,
		   status < 0 ? 0 : process_exit_code(status));
}

/* Of two failures the one that is the cause: who packs for somebody that went away fails for it,
 * and who unpacks what breaks off does. */
static int judge(const struct lxcri_error *packed, const struct lxcri_error *unpacked,
		 struct lxcri_error *err)
{
	const struct lxcri_error *cause = packed;

	if (packed->code == LXCRI_E_NONE || (packed->errnum == EPIPE && unpacked->code))
		cause = unpacked;
	if (cause->code == LXCRI_E_NONE)
		return 0;
	*err = *cause;
	return -1;
}

int copy_run(const struct copy_end *from, const struct copy_end *to,
	     const struct copy_options *options, struct lxcri_error *err)
{
	const char pack_flags[] = { options->follow ? COPY_FLAG_FOLLOW : '-',
				    options->archive ? COPY_FLAG_ARCHIVE : '-', '\0' };
	const char unpack_flags[] = { from->root < 0 ? COPY_FLAG_STREAM : '-',
				      options->archive ? COPY_FLAG_ARCHIVE : '-',
				      options->top ? COPY_FLAG_TOP : '-', '\0' };
	struct lxcri_error packed;
	struct lxcri_error unpacked;
	int ends[2] = { -1, -1 };
	int r = 0;

	if (from->root >= 0 && to->root >= 0 && pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	autoclose int read_end = ends[0];
	autoclose int write_end = ends[1];
	struct half packer = {
		.flags = pack_flags,
		.in = -1,
		.out = to->root < 0 ? to->stream : write_end,
		.result = -1,
	};
	struct half unpacker = {
		.flags = unpack_flags,
		.in = from->root < 0 ? from->stream : read_end,
		.out = -1,
		.result = -1,
	};

	if (from->root >= 0)
		r = start(&packer, COPY_PACK, from, err);
	if (r == 0 && to->root >= 0)
		r = start(&unpacker, COPY_UNPACK, to, err);
	/* Each must see the other's end. */
	closep(&read_end);
	closep(&write_end);
	finish(&packer, &packed);
	finish(&unpacker, &unpacked);
	closep(&packer.result);
	closep(&unpacker.result);
	return r < 0 ? r : judge(&packed, &unpacked, err);
}
