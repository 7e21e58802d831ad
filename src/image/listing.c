/* SPDX-License-Identifier: MIT */
/* What a list shows of the stored images, remembered: a line for index.json, "DEVICE INODE CHANGED
 * SIZE", or "-" where it has changed just now; its bytes, behind a line with their number; and a
 * line for each image, "DIGEST SIZE LAYERS CREATED NAME". */

#include "image/listing.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME      "image-list"
#define FILE_BYTES_MAX ((size_t)16 << 20)
/* Longer than the clock of any file system stands still. */
#define SETTLED_NS 2000000000ll
#define UNSETTLED  "-"

struct listing {
	char *stamp; /* of index.json */
	char *bytes; /* and what is in it */
	size_t size;
	struct text text;
	bool is_unfit; /* it has what no line can hold */
};

/* Returns what tells this index.json from any other, owned by the caller; NULL: there is none. */
static char *describe_index(const struct layout *layout)
{
	struct stat status;
	int64_t changed_ns;

	if (layout->images_fd < 0 ||
	    fstatat(layout->images_fd, "index.json", &status, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	changed_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
	if (moment_now() - changed_ns < SETTLED_NS)
		return xstrdup(UNSETTLED);
	return xformat("%ju %ju %" PRId64 " %jd", (uintmax_t)status.st_dev,
		       (uintmax_t)status.st_ino, changed_ns, (intmax_t)status.st_size);
}

static int read_index(const struct layout *layout, char **ret_bytes, size_t *ret_size)
{
	return layout->images_fd < 0 ? -ENOENT
				     : file_read(layout->images_fd, "index.json",
						 json_limits_image.bytes_max, ret_bytes, ret_size);
}

/* Tells whether index.json has these bytes. */
static bool is_index(const struct layout *layout, const char *bytes, size_t size)
{
	autofree char *now = NULL;
	size_t now_size;

	return read_index(layout, &now, &now_size) == 0 && now_size == size &&
	       memcmp(now, bytes, size) == 0;
}

/* Cuts the next word off @rest. */
static char *take_word(char **rest)
{
	char *word = *rest;
	char *space = word ? strchr(word, ' ') : NULL;

	*rest = space ? space + 1 : NULL;
	if (space)
		*space = '\0';
	return word;
}

/* Takes @line apart. */
static bool parse_line(char *line, struct image *image)
{
	char *rest = line;
	char *numbers[3];

	image->digest = take_word(&rest);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		numbers[i] = take_word(&rest);
	image->name = rest;
	if (!rest)
		return false;
	image->size_bytes = strtoull(numbers[0], NULL, 10);
	image->layers = (unsigned int)strtoul(numbers[1], NULL, 10);
	image->created_ns = strtoll(numbers[2], NULL, 10);
	return true;
}

/* Cuts what is remembered of index.json off the front of @rest, and tells whether it is that which
 * there is now. */
static bool take_index(const struct layout *layout, char **rest, const char *end)
{
	autofree char *stamp = describe_index(layout);
	char *line = strsep(rest, "\n");
	char *number = *rest ? strsep(rest, "\n") : NULL;
	uint64_t size;

	if (!stamp || !*rest || text_parse_u64(number, 1, (uint64_t)(end - *rest), &size) < 0)
		return false;

	const char *bytes = *rest;

	*rest += size;
	return (strcmp(stamp, UNSETTLED) != 0 && strcmp(line, stamp) == 0) ||
	       is_index(layout, bytes, size);
}

int listing_recall(const struct layout *layout, const char *run_dir,
		   int (*each)(void *userdata, const struct image *image), void *userdata)
{
	autofree char *path = xformat("%s/" FILE_NAME, run_dir);
	autofree char *bytes = NULL;
	char *rest;
	char *line;
	size_t size;

	if (file_read(AT_FDCWD, path, FILE_BYTES_MAX, &bytes, &size) < 0)
		return 0;
	rest = bytes;
	if (!take_index(layout, &rest, bytes + size))
		return 0;
	while ((line = strsep(&rest, "\n"))) {
		struct image image = {};

		if (parse_line(line, &image) && each(userdata, &image) < 0)
			break;
	}
	return 1;
}

struct listing *listing_begin(const struct layout *layout)
{
	autoptr(listing) listing = xnew(struct listing);

	listing->stamp = describe_index(layout);
	if (!listing->stamp || read_index(layout, &listing->bytes, &listing->size) < 0)
		return NULL;
	text_addf(&listing->text, "%s\n%zu\n", listing->stamp, listing->size);
	text_append(&listing->text, listing->bytes, listing->size);
	return steal(listing);
}

void listing_add(struct listing *listing, const struct image *image)
{
	if (!listing)
		return;
	listing->is_unfit |= text_has_control(image->name) || strpbrk(image->digest, " \n");
	text_addf(&listing->text, "%s %" PRIu64 " %u %" PRId64 " %s\n", image->digest,
		  image->size_bytes, image->layers, image->created_ns, image->name);
}

void listing_save(struct listing *listing, const struct layout *layout, const char *run_dir)
{
	autoclose int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *stamp = describe_index(layout);

	if (!listing || listing->is_unfit || dir < 0 || !stamp ||
	    strcmp(stamp, listing->stamp) != 0 || !is_index(layout, listing->bytes, listing->size))
		return;
	(void)file_write_atomic(dir, FILE_NAME, listing->text.data, listing->text.length, 0600,
				FILE_VOLATILE);
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	text_finish(&listing->text);
	free(listing->stamp);
	free(listing->bytes);
	free(listing);
}
