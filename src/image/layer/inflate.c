/* SPDX-License-Identifier: MIT */
/* Decompression: gzip with ISA-L, which is more than twice as fast as zlib, and zstd. */

#include "image/layer/inflate.h"

#include "base/mem.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* RFC 8878 asks every decoder for a window of 8 MiB and lets it refuse more. */
#define ZSTD_WINDOW_LOG_MAX 23

#define GZIP_MAGIC 0x1f

struct inflate {
	enum compression compression;
	bool inside; /* a member has begun and not ended */
	bool any;    /* at least one member has been read */
	struct inflate_state gzip;
	ZSTD_DStream *zstd;
};

enum compression compression_detect(const void *bytes, size_t size)
{
	const uint8_t *magic = bytes;

	if (size >= 2 && magic[0] == GZIP_MAGIC && magic[1] == 0x8b)
		return COMPRESSION_GZIP;
	/* 0xfd2fb528, or a skippable frame 0x184d2a50 to 5f that often leads a stream. */
	if (size >= 4 && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
		return COMPRESSION_ZSTD;
	if (size >= 4 && (magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0)
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

struct inflate *inflate_create(enum compression compression)
{
	struct inflate *inflate = xnew(struct inflate);

	inflate_reset(inflate, compression);
	return inflate;
}

void inflate_reset(struct inflate *inflate, enum compression compression)
{
	inflate->compression = compression;
	inflate->inside = false;
	inflate->any = false;
	if (compression != COMPRESSION_ZSTD)
		return;
	if (!inflate->zstd)
		inflate->zstd = ZSTD_createDStream();
	assert(inflate->zstd);
	(void)ZSTD_DCtx_reset(inflate->zstd, ZSTD_reset_session_and_parameters);
	(void)ZSTD_DCtx_setParameter(inflate->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
}

void inflate_free(struct inflate *inflate)
{
	if (!inflate)
		return;
	ZSTD_freeDStream(inflate->zstd);
	free(inflate);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static ssize_t read_plain(struct inflate *inflate, struct inflate_input *input, void *out,
			  size_t room)
{
	size_t size = smaller(input->size, room);

	memcpy(out, input->bytes, size);
	input->bytes += size;
	input->size -= size;
	return (ssize_t)size;
}

static ssize_t read_gzip(struct inflate *inflate, struct inflate_input *input, void *out,
			 size_t room, struct lxcri_error *err)
{
	struct inflate_state *gzip = &inflate->gzip;
	uint32_t offered = (uint32_t)smaller(room, INT_MAX);
	size_t written = 0;

	while (written == 0 && (inflate->inside || input->size > 0)) {
		if (!inflate->inside) {
			/* ISA-L judges only a whole header, which a little garbage never is. */
			if (inflate->any && input->bytes[0] != GZIP_MAGIC)
				return fail(err, LXCRI_E_EXTRACT_FAILED,
					    "bytes follow the end of the gzip stream");
			isal_inflate_init(gzip);
			gzip->crc_flag = ISAL_GZIP;
			inflate->inside = true;
		}

		uint32_t given = (uint32_t)smaller(input->size, INT_MAX);

		gzip->next_in = (uint8_t *)input->bytes;
		gzip->avail_in = given;
		gzip->next_out = out;
		gzip->avail_out = offered;

		int r = isal_inflate(gzip);

		input->bytes += given - gzip->avail_in;
		input->size -= given - gzip->avail_in;
		written = offered - gzip->avail_out;
		if (r == ISAL_INVALID_WRAPPER && inflate->any)
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    "bytes follow the end of the gzip stream");
		if (r == ISAL_INCORRECT_CHECKSUM)
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    "the gzip stream has a wrong checksum");
		if (r < 0)
			return fail(err, LXCRI_E_EXTRACT_FAILED, "the gzip stream is damaged");
		if (gzip->block_state == ISAL_BLOCK_FINISH) {
			inflate->inside = false;
			inflate->any = true;
		} else if (written == 0 && input->size == 0) {
			break;
		}
	}
	return (ssize_t)written;
}

static ssize_t read_zstd(struct inflate *inflate, struct inflate_input *input, void *out,
			 size_t room, struct lxcri_error *err)
{
	ZSTD_inBuffer in = { .src = input->bytes, .size = input->size };
	ZSTD_outBuffer to = { .dst = out, .size = room };

	/* After a skippable or empty frame there is progress without output. */
	do {
		size_t before = in.pos;
		size_t hint = ZSTD_decompressStream(inflate->zstd, &to, &in);

		if (ZSTD_isError(hint) &&
		    ZSTD_getErrorCode(hint) == ZSTD_error_frameParameter_windowTooLarge)
			return fail(err, LXCRI_E_LIMIT_EXCEEDED,
				    "the zstd stream asks for a window above %u MiB",
				    (1u << ZSTD_WINDOW_LOG_MAX) >> 20);
		if (ZSTD_isError(hint))
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    inflate->any && !inflate->inside
					    ? "bytes follow the end of the zstd stream"
					    : "the zstd stream is damaged: %s",
				    ZSTD_getErrorName(hint));
		if (in.pos > before || to.pos > 0)
			inflate->inside = hint != 0;
		inflate->any |= hint == 0;
	} while (to.pos == 0 && in.pos < in.size);
	input->bytes += in.pos;
	input->size -= in.pos;
	return (ssize_t)to.pos;
}

ssize_t inflate_read(struct inflate *inflate, struct inflate_input *input, void *out, size_t room,
		     struct lxcri_error *err)
{
	switch (inflate->compression) {
	case COMPRESSION_GZIP:
		return read_gzip(inflate, input, out, room, err);
	case COMPRESSION_ZSTD:
		return read_zstd(inflate, input, out, room, err);
	case COMPRESSION_NONE:
		break;
	}
	return read_plain(inflate, input, out, room);
}

bool inflate_is_complete(const struct inflate *inflate)
{
	return inflate->compression == COMPRESSION_NONE || (inflate->any && !inflate->inside);
}
