/* SPDX-License-Identifier: MIT */
/* Compiled seccomp profiles, kept by what they were made from. */

#include "runtime/seccomp_cache.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/seccomp_compile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

/* A file is the checksum of the program in hexadecimal digits, a line end, and the program. */
#define HEADER_BYTES   17
#define FILE_BYTES_MAX (HEADER_BYTES + BPF_MAXINSNS * sizeof(struct sock_filter))

/* Returns the name of the file for @profile, owned by the caller. Another version of libseccomp
 * knows other calls and may write other programs. */
static char *file_name(struct json_object *profile)
{
	const struct scmp_version *version = seccomp_version();
	autofree char *text = json_format_line(profile);
	autofree char *key =
		xformat("%u.%u.%u %s", version->major, version->minor, version->micro, text);
	char hex[SHA256_HEX_SIZE];

	sha256_hex(key, strlen(key), hex);
	return xformat("%s.bpf", hex);
}

/* Writes the start of a file for @program: FNV-1a by instructions of 64 bits. It finds what a crash
 * or a bad disk left; nobody but root can write here, and the digest of a page costs more than the
 * rest of the look-up. */
static void format_header(const char *program, size_t size, char ret_header[HEADER_BYTES + 1])
{
	uint64_t sum = FNV_START;

	for (size_t i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
		uint64_t instruction;

		memcpy(&instruction, program + i, sizeof(instruction));
		sum = fnv_add(sum, instruction);
	}
	(void)snprintf(ret_header, HEADER_BYTES + 1, "%016jx\n", (uintmax_t)sum);
}

/* Tells whether @bytes is a whole file that says what was written. */
static bool is_sound(const char *bytes, size_t size)
{
	char header[HEADER_BYTES + 1];

	if (size <= HEADER_BYTES || (size - HEADER_BYTES) % sizeof(struct sock_filter) != 0)
		return false;
	format_header(bytes + HEADER_BYTES, size - HEADER_BYTES, header);
	return memcmp(bytes, header, HEADER_BYTES) == 0;
}

/* Opens the directory @path, made where it is missing; -errno when that is not possible. */
static int open_cache(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;

	int r = path_make_dirs(path, 0700);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void store(int cache, const char *name, const char *bpf, size_t size)
{
	autorun(text_finish) struct text file = {};
	char header[HEADER_BYTES + 1];

	format_header(bpf, size, header);
	text_add(&file, header);
	text_append(&file, bpf, size);
	/* A cache may be lost: no flush, and a full disk costs time only. */
	(void)file_write_atomic(cache, name, file.data, file.length, 0600, FILE_VOLATILE);
}

int seccomp_cache_get(const char *cache_dir, struct json_object *profile, char **ret_bpf,
		      size_t *ret_size, struct lxcri_error *err)
{
	autofree char *name = file_name(profile);
	autoclose int cache = open_cache(cache_dir);
	autofree char *bytes = NULL;
	size_t size = 0;

	if (cache >= 0 && file_read(cache, name, FILE_BYTES_MAX, &bytes, &size) == 0 &&
	    is_sound(bytes, size)) {
		*ret_size = size - HEADER_BYTES;
		*ret_bpf = xmemdup(bytes + HEADER_BYTES, *ret_size);
		return 0;
	}
	if (seccomp_compile(profile, ret_bpf, ret_size, err) < 0)
		return -1;
	if (cache >= 0)
		store(cache, name, *ret_bpf, *ret_size);
	return 0;
}
