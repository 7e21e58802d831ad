/* SPDX-License-Identifier: MIT */
/* Archives compressed by xz. libarchive would take 1 GiB of memory if the stream asked for it;
 * liblzma is told where to stop. */

#include "image/source/unxz.h"

#include "base/mem.h"
#include "image/layer/budget.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/statvfs.h>

/* What inflating may take: xz -8 needs 33 MiB, and the default 9. */
#define MEMORY_BYTES_MAX ((uint64_t)48 << 20)
#define CHUNK            ((size_t)256 << 10)
/* What is left free for everybody else. */
#define FREE_BYTES_MIN ((uint64_t)16 << 20)

static const uint8_t magic[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

bool unxz_is(const struct span *span)
{
	uint8_t bytes[sizeof(magic)];

	return span_read(span, 0, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) &&
	       memcmp(bytes, magic, sizeof(magic)) == 0;
}

struct unxz {
	const struct span *span;
	int to;
	lzma_stream lzma;
	uint8_t *in;
	uint8_t *out;
	uint64_t at;      /* in the span */
	uint64_t written; /* of the content */
	struct budget budget;
};

static void unxz_finish(struct unxz *unxz)
{
	lzma_end(&unxz->lzma);
	free(unxz->in);
	free(unxz->out);
}

static int read_more(struct unxz *unxz, struct lxcri_error *err)
{
	ssize_t got = span_read(unxz->span, unxz->at, unxz->in, CHUNK);

	if (got < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, (int)got, "read it");
	unxz->at += (uint64_t)got;
	unxz->lzma.next_in = unxz->in;
	unxz->lzma.avail_in = (size_t)got;
	return 0;
}

static int write_out(struct unxz *unxz, struct lxcri_error *err)
{
	size_t size = CHUNK - unxz->lzma.avail_out;
	struct statvfs status;
	int r;

	if (budget_spend(&unxz->budget, BUDGET_BYTES, size, err) < 0 ||
	    budget_check_ratio(unxz->written + size, unxz->at, err) < 0)
		return -1;
	r = file_write_all(unxz->to, unxz->out, size);
	if (r == 0 && fstatvfs(unxz->to, &status) == 0 &&
	    (uint64_t)status.f_bavail * status.f_frsize < FREE_BYTES_MIN)
		r = -ENOSPC;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "inflate it");
	unxz->written += size;
	unxz->lzma.next_out = unxz->out;
	unxz->lzma.avail_out = CHUNK;
	return 0;
}

static int fail_stream(lzma_ret r, struct lxcri_error *err)
{
	switch (r) {
	case LZMA_MEMLIMIT_ERROR:
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the xz stream takes more than %llu MiB of memory to inflate; compress "
			    "it with xz -8 or less, or with zstd",
			    (unsigned long long)(MEMORY_BYTES_MAX >> 20));
	case LZMA_MEM_ERROR:
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "no memory for liblzma");
	case LZMA_OPTIONS_ERROR:
		return fail(err, LXCRI_E_EXTRACT_FAILED,
			    "the xz stream is of a kind that is not known");
	case LZMA_BUF_ERROR:
		return fail(err, LXCRI_E_EXTRACT_FAILED, "the xz stream is cut off");
	default:
		return fail(err, LXCRI_E_EXTRACT_FAILED, "the xz stream is damaged");
	}
}

static int inflate_all(struct unxz *unxz, struct lxcri_error *err)
{
	lzma_ret r = lzma_stream_decoder(&unxz->lzma, MEMORY_BYTES_MAX,
					 LZMA_TELL_UNSUPPORTED_CHECK | LZMA_CONCATENATED);

	unxz->lzma.next_out = unxz->out;
	unxz->lzma.avail_out = CHUNK;
	while (r == LZMA_OK) {
		bool is_end;

		if (unxz->lzma.avail_in == 0 && read_more(unxz, err) < 0)
			return -1;
		is_end = unxz->at == unxz->span->size;
		r = lzma_code(&unxz->lzma, is_end ? LZMA_FINISH : LZMA_RUN);
		if ((unxz->lzma.avail_out == 0 || r == LZMA_STREAM_END) && write_out(unxz, err) < 0)
			return -1;
	}
	return r == LZMA_STREAM_END ? 0 : fail_stream(r, err);
}

int unxz(struct span *span, int scratch_fd, struct lxcri_error *err)
{
	autoclose int to = openat(scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	autorun(unxz_finish) struct unxz state = { .span = span,
						   .to = to,
						   .lzma = LZMA_STREAM_INIT,
						   .in = xzalloc(CHUNK),
						   .out = xzalloc(CHUNK) };

	if (to < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make a file to inflate to");
	if (inflate_all(&state, err) < 0)
		return -1;
	span_finish(span);
	*span = (struct span){ .size = state.written };
	span->fd = steal_fd(&to);
	return 0;
}
