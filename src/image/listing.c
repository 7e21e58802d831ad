/* SPDX-License-Identifier: MIT */
/* What a list shows of the stored images, remembered: a line for index.json, "INODE CHANGED SIZE",
 * and one for each image, "DIGEST SIZE LAYERS CREATED NAME". */

#include "image/listing.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "os/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME      "image-list"
#define FILE_BYTES_MAX ((size_t)16 << 20)
/* Longer than the clock of any file system stands still. */
#define SETTLED_NS 2000000000ll

struct listing {
	char *index; /* the first line */
	struct text text;
	bool is_unfit; /* it has what no line can hold */
};

/* Returns what tells this index.json from any other, owned by the caller; NULL: there is none. */
static char *describe_index(const struct layout *layout, int64_t *ret_changed_ns)
{
	struct stat status;

	if (layout->images_fd < 0 ||
	    fstatat(layout->images_fd, "index.json", &status, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	*ret_changed_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
	return xformat("%ju %ju %" PRId64 " %jd", (uintmax_t)status.st_dev,
		       (uintmax_t)status.st_ino, *ret_changed_ns, (intmax_t)status.st_size);
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

int listing_recall(const struct layout *layout, const char *run_dir,
		   int (*each)(void *userdata, const struct image *image), void *userdata)
{
	autofree char *path = xformat("%s/" FILE_NAME, run_dir);
	autofree char *bytes = NULL;
	int64_t changed_ns;
	autofree char *index = describe_index(layout, &changed_ns);
	char *rest = NULL;
	char *line;
	size_t size;

	if (!index || file_read(AT_FDCWD, path, FILE_BYTES_MAX, &bytes, &size) < 0)
		return 0;
	line = strtok_r(bytes, "\n", &rest);
	if (!line || strcmp(line, index) != 0)
		return 0;
	while ((line = strtok_r(NULL, "\n", &rest))) {
		struct image image = {};

		if (parse_line(line, &image) && each(userdata, &image) < 0)
			break;
	}
	return 1;
}

struct listing *listing_begin(const struct layout *layout)
{
	int64_t changed_ns;
	char *index = describe_index(layout, &changed_ns);
	struct listing *listing;

	if (!index || moment_now() - changed_ns < SETTLED_NS) {
		free(index);
		return NULL;
	}
	listing = xnew(struct listing);
	listing->index = index;
	text_addf(&listing->text, "%s\n", index);
	return listing;
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
	int64_t changed_ns;
	autofree char *index = describe_index(layout, &changed_ns);

	if (!listing || listing->is_unfit || dir < 0 || !index ||
	    strcmp(index, listing->index) != 0)
		return;
	(void)file_write_atomic(dir, FILE_NAME, listing->text.data, listing->text.length, 0600,
				FILE_VOLATILE);
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	text_finish(&listing->text);
	free(listing->index);
	free(listing);
}
