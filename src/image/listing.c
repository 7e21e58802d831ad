/* SPDX-License-Identifier: MIT */
/* What a list shows of the stored images, remembered: a line with the number of bytes of
 * index.json, these, and a line for each image, "DIGEST SIZE LAYERS CREATED NAME". */

#include "image/listing.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME      "image-list"
#define FILE_BYTES_MAX ((size_t)16 << 20)

struct listing {
	char *bytes; /* what is in index.json */
	size_t size;
	struct text text;
	bool is_unfit; /* it has what no line can hold */
};

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
	const char *number = strsep(rest, "\n");
	const char *bytes = *rest;
	uint64_t size;

	if (!bytes || text_parse_u64(number, 1, (uint64_t)(end - bytes), &size) < 0)
		return false;
	*rest += size;
	return is_index(layout, bytes, size);
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

	if (read_index(layout, &listing->bytes, &listing->size) < 0)
		return NULL;
	text_addf(&listing->text, "%zu\n", listing->size);
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

	if (!listing || listing->is_unfit || dir < 0 ||
	    !is_index(layout, listing->bytes, listing->size))
		return;
	(void)file_write_atomic(dir, FILE_NAME, listing->text.data, listing->text.length, 0600,
				FILE_VOLATILE);
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	text_finish(&listing->text);
	free(listing->bytes);
	free(listing);
}
