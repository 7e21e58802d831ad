/* SPDX-License-Identifier: MIT */
/* The tree of an image as a file with an ext4 file system. */

#include "image/convert/raw.h"

#include "base/scope.h"
#include "image/convert/ext4_image.h"
#include "image/convert/fill.h"
#include "image/convert/measure.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
/* Below it ext4 has no journal. */
#define SIZE_MIN (8 * MIB)
/* As large as ext4 makes a file of blocks of 4 KiB, which the image may have to be stored as. */
#define SIZE_MAX_BYTES ((uint64_t)16 << 40)

#define INODE_BYTES 256
/* What mke2fs gives a file system that nobody counted the files for. */
#define BYTES_PER_INODE 16384
/* The largest journal that mke2fs makes for what is below 128 GiB, and tables of blocks. */
#define OVERHEAD_BYTES (96 * MIB)
/* What is left free for everybody else. */
#define FREE_BYTES_MIN (16 * MIB)

static uint64_t least_of(const struct measure *measure)
{
	return measure->bytes + measure->inodes * INODE_BYTES;
}

/* A quarter more than is needed, in whole MiB. */
static uint64_t choose_size(const struct measure *measure)
{
	uint64_t least = least_of(measure);

	return (least + least / 4 + OVERHEAD_BYTES + MIB - 1) / MIB * MIB;
}

static uint64_t choose_inodes(const struct measure *measure, uint64_t size)
{
	uint64_t usual = size / BYTES_PER_INODE;
	uint64_t needed = measure->inodes + measure->inodes / 4 + 64;

	return usual > needed ? usual : needed;
}

static int check_size(const struct measure *measure, uint64_t size, struct lxcri_error *err)
{
	if (size < SIZE_MIN || size > SIZE_MAX_BYTES || size % 512 != 0)
		return fail(err, LXCRI_E_INVALID_SIZE,
			    "%llu is no size for a raw image: expected whole sectors of 512 bytes, "
			    "%llu to %llu bytes",
			    (unsigned long long)size, (unsigned long long)SIZE_MIN,
			    (unsigned long long)SIZE_MAX_BYTES);
	if (least_of(measure) > size)
		return fail(err, LXCRI_E_CONVERSION_FAILED,
			    "the image takes %llu bytes, more than the %llu it is to fit into",
			    (unsigned long long)least_of(measure), (unsigned long long)size);
	return 0;
}

/* Returns how much of the disk below @fd is free; UINT64_MAX where that cannot be told. */
static uint64_t free_below(int fd)
{
	struct statvfs status;

	return fstatvfs(fd, &status) < 0 ? UINT64_MAX : (uint64_t)status.f_bavail * status.f_frsize;
}

int raw_prepare(struct raw *raw, uint64_t size_bytes, struct lxcri_error *err)
{
	struct measure measure;

	if (measure_layers(raw->layers, raw->n_layers, &measure, err) < 0)
		return -1;

	uint64_t size = size_bytes ? size_bytes : choose_size(&measure);
	uint64_t needed = least_of(&measure) + FREE_BYTES_MIN;

	if (check_size(&measure, size, err) < 0)
		return -1;
	if (free_below(raw->fd) < needed)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, ENOSPC,
				       "the raw image needs %llu bytes",
				       (unsigned long long)needed);
	if (ext4_image_make(raw->fd, size, choose_inodes(&measure, size), err) < 0)
		return -1;
	raw->root = ext4_image_mount(raw->fd, err);
	return raw->root < 0 ? -1 : 0;
}

/* What the disk below cannot take shows as a fault of the device that the file is. */
static int explain(const struct raw *raw, struct lxcri_error *err)
{
	if (err->errnum == EIO && free_below(raw->fd) < FREE_BYTES_MIN)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, ENOSPC, "write the raw image");
	if (err->errnum == EIO || err->errnum == EROFS)
		err->code = LXCRI_E_STORAGE_ERROR;
	return -1;
}

int raw_write(struct raw *raw, struct lxcri_error *err)
{
	if (fill_dir(raw->layers, raw->n_layers, raw->root, FILL_WITH_DEVICES, err) < 0 ||
	    ext4_image_unmount(&raw->root, err) < 0)
		return explain(raw, err);
	return 0;
}

void raw_finish(struct raw *raw)
{
	closep(&raw->root);
}
