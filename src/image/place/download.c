/* SPDX-License-Identifier: MIT */
/* Archives at an http or https address. */

#include "image/place/download.h"

#include "base/mem.h"
#include "image/registry/settings.h"
#include "image/request.h"
#include "image/worker.h"

int image_store_download(struct image_store *store, const struct lxcri_config *config,
			 const char *url, int fd, struct lxcri_error *err)
{
	static const char *const verb[] = { WORKER_FETCH, NULL };
	autojson answer = NULL;
	autojson request = json_object_new_object();
	autofree char *input = NULL;

	json_set_text(request, SETTINGS_REFERENCE, url);
	json_set_text(request, SETTINGS_DATA, image_store_data_dir(store));
	request_add_config(request, config);
	input = json_format_line(request);

	/* Not the address: who may read it in a message could use what it bears. */
	const struct worker_call call = {
		.program = "lxcri-registry", .args = verb, .object = "an archive", .input = input
	};

	return worker_ask(&call, fd, &answer, err);
}
