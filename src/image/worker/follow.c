/* SPDX-License-Identifier: MIT */
/* Taking in an image while another process fetches it. */

#include "image/worker/follow.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "image/source/source.h"
#include "image/worker/worker_confine.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Somebody would have to remove what images share each time just before we have the lock. */
#define TRIES_MAX 8

struct follow {
	const struct follow_request *request;
	struct layout layout;
	int lock;
	struct growth *growth;
	/* The image that is announced. */
	char *digest;
	char *media_type;
};

static void follow_finish(struct follow *follow)
{
	growth_free(follow->growth);
	free(follow->digest);
	free(follow->media_type);
	closep(&follow->lock);
	layout_finish(&follow->layout);
}

/* Removes what was fetched for an image that is stored now. What stays is removed with the next
 * garbage. */
static void drop_downloads(const struct follow *follow, const struct source_image *image)
{
	autoclose int dir = openat(follow->layout.images_fd, LAYOUT_DOWNLOADS,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char config[SHA256_HEX_SIZE];

	if (dir < 0)
		return;
	sha256_hex(image->config, image->config_size, config);
	(void)unlinkat(dir, follow->digest + strlen("sha256:"), 0);
	(void)unlinkat(dir, config, 0);
	for (size_t i = 0; i < image->n_layers; i++)
		(void)unlinkat(dir, image->layers[i].digest + strlen("sha256:"), 0);
}

/* Takes in the image that is announced. Returns as import_image() does. */
static int take(struct follow *follow, struct import_result *ret, struct lxcri_error *err)
{
	const struct follow_request *request = follow->request;
	autorun(source_image_finish) struct source_image image = {};
	autoptr(source) source = NULL;
	const struct import_options options = {
		.name = request->name,
		.index = IMPORT_RECORD,
		.workers = request->workers,
		.fetch = { follow->growth, follow->digest + strlen("sha256:"), follow->lock },
	};
	int r;

	if (source_open_fetched(follow->layout.images_fd, follow->digest, follow->media_type,
				follow->growth, &source, err) < 0 ||
	    source_load(source, follow->layout.blobs_fd, &image, err) < 0)
		return -1;
	r = import_image(&follow->layout, &image, &options, ret, err);
	if (r == 0)
		drop_downloads(follow, &image);
	return r;
}

/* Takes in the image that is announced, and once more where others take away what it shares with
 * them. */
static int take_again(struct follow *follow, struct import_result *ret, struct lxcri_error *err)
{
	for (unsigned int tries = 0; tries < TRIES_MAX; tries++) {
		int r = take(follow, ret, err);

		if (r <= 0)
			return r;
		layout_give_lock(follow->lock);
	}
	return fail(err, LXCRI_E_STORAGE_ERROR,
		    "what the image shares with others is removed again and again");
}

static int wait_for_image(struct follow *follow, struct lxcri_error *err)
{
	free(steal(follow->digest));
	free(steal(follow->media_type));
	if (growth_next(follow->growth, &follow->digest, &follow->media_type) == 1)
		return 0;
	return fail(err, LXCRI_E_DOWNLOAD_FAILED, "the download ended early");
}

int follow_image(const struct follow_request *request, struct import_result *ret,
		 struct lxcri_error *err)
{
	autorun(follow_finish) struct follow follow = { .request = request,
							.layout = LAYOUT_NULL,
							.lock = -1 };
	int r;

	if (layout_create(request->data_dir, &follow.layout, err) < 0)
		return -1;
	follow.lock = layout_open_lock(&follow.layout, err);
	if (follow.lock < 0 || worker_confine(&follow.layout, NULL, 0, err) < 0 ||
	    growth_create(request->feed_fd, &follow.growth, err) < 0)
		return -1;
	do {
		if (wait_for_image(&follow, err) < 0)
			return -1;
		r = take_again(&follow, ret, err);
		/* Another mirror may have it, or another image under that name. */
	} while (r < 0 &&
		 (growth_is_rejected(follow.growth) || err->code == LXCRI_E_DOWNLOAD_FAILED));
	return r;
}
