/* SPDX-License-Identifier: MIT */
/* A tar archive of a root file system: an image of one layer, which brings neither config nor
 * manifest. Both are made of what the archive contains and nothing else, so that the same archive
 * is the same image wherever it comes from. */

#include "base/json.h"
#include "base/mem.h"
#include "image/layer/stream.h"
#include "image/source/made_manifest.h"
#include "image/source/source_kinds.h"
#include "image/source/unxz.h"
#include "oci/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* tar(5): where the checksum of a header stands, and where it says who wrote it. */
#define HEADER_BYTES    512
#define CHECKSUM_OFFSET 148
#define CHECKSUM_BYTES  8

/* Tells whether @bytes begin with the header of an entry. The checksum is older than any mark of a
 * format: all that was ever tar has it. */
static bool is_tar(const uint8_t *bytes, size_t size)
{
	unsigned long told;
	unsigned long sum = 0;
	char digits[CHECKSUM_BYTES + 1] = "";

	if (size < HEADER_BYTES)
		return false;
	for (size_t i = 0; i < HEADER_BYTES; i++)
		sum += i - CHECKSUM_OFFSET < CHECKSUM_BYTES ? ' ' : bytes[i];
	memcpy(digits, bytes + CHECKSUM_OFFSET, CHECKSUM_BYTES);
	told = strtoul(digits, NULL, 8);
	return bytes[0] && told == sum;
}

/* Reads the whole archive for the digest of its content. */
static int read_archive(const struct span *span, struct stream_digests *ret,
			struct lxcri_error *err)
{
	autoptr(work) work = work_create();
	struct budget budget = {};
	const struct stream_options options = {
		.source = span, .copy_fd = -1, .budget = &budget, .work = work
	};
	autoptr(stream) stream = NULL;
	const void *bytes;
	ssize_t size;

	work_reset(work);
	stream = stream_create(&options);
	size = stream_read(stream, &bytes, err);
	if (size < 0)
		return -1;
	if (!is_tar(bytes, (size_t)size))
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "it is no tar archive, plain or compressed by gzip, zstd or xz");
	if (stream_drain(stream, err) < 0)
		return -1;
	stream_end(stream, ret);
	return 0;
}

/* The config of an image that says nothing about itself. */
static void make_config(struct source_image *image, const char *content)
{
	autojson config = json_object_new_object();
	struct json_object *rootfs = json_object_new_object();
	struct json_object *ids = json_object_new_array();
	autofree char *id = xformat("sha256:%s", content);

	json_set_text(config, "architecture", platform_host_architecture());
	json_set_text(config, "os", "linux");
	json_object_object_add(config, "config", json_object_new_object());
	json_set_text(rootfs, "type", "layers");
	(void)json_object_array_add(ids, json_object_new_string(id));
	json_object_object_add(rootfs, "diff_ids", ids);
	json_object_object_add(config, "rootfs", rootfs);
	image->config = json_format_line(config);
	image->config_size = strlen(image->config);
}

int source_load_tarball(const struct source *source, int scratch_fd, struct source_image *image,
			struct lxcri_error *err)
{
	struct stream_digests digests;
	struct span *blob;
	struct stat status;

	image->layers = xcalloc(1, sizeof(image->layers[0]));
	image->n_layers = 1;
	blob = &image->layers[0].blob;
	*blob = SPAN_NULL;
	if (fstat(source->fd, &status) < 0)
		return fail_errno(err, errno, "look at it");
	blob->size = (uint64_t)status.st_size;
	blob->fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 3);
	if (blob->fd < 0)
		return fail_errno(err, errno, "open it");
	/* No image has layers compressed so: it is stored plain. */
	if (unxz_is(blob) && unxz(blob, scratch_fd, err) < 0)
		return -1;
	if (read_archive(blob, &digests, err) < 0)
		return -1;
	image->layers[0].digest = xformat("sha256:%s", digests.blob);
	make_config(image, digests.content);
	made_manifest(image, &digests);
	return source_parse_config(image, err);
}
