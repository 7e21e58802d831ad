/* SPDX-License-Identifier: MIT */
#pragma once

/* Taking in an image while another process fetches it. */

#include "image/import.h"

struct follow_request {
	const char *data_dir;
	const char *name; /* a normalised reference */
	int feed_fd;      /* to who fetches, borrowed */
	unsigned int workers;
};

/* Takes in what is announced at the other end, into the store and under that name. A blob that is
 * not the one that was announced is told there, and what is announced then is taken instead. The
 * caller frees ret->digest. LXCRI_E_DOWNLOAD_FAILED where the other end is given up before all is
 * there, and what import_image() fails with. */
[[nodiscard]] int follow_image(const struct follow_request *request, struct import_result *ret,
			       struct lxcri_error *err);
