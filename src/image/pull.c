/* SPDX-License-Identifier: MIT */
/* Pulling an image into the store. */

#include "image/pull.h"

#include "base/mem.h"
#include "image/place/news.h"
#include "image/registry/settings.h"
#include "image/request.h"
#include "image/worker.h"

#include <string.h>

static char *make_request(const struct image_store *store, const struct image_pull *pull,
			  const char *reference)
{
	autojson request = json_object_new_object();

	json_set_text(request, SETTINGS_REFERENCE, reference);
	json_set_text(request, SETTINGS_DATA, image_store_data_dir(store));
	request_add_config(request, pull->config);
	return json_format_line(request);
}

/* Fetches the first of the images that the reference may mean. */
static int fetch(struct image_store *store, const struct image_pull *pull,
		 struct worker_answer *ret, struct lxcri_error *err)
{
	static const char *const verb[] = { WORKER_PULL, NULL };
	autorun(strings_finish) struct strings names =
		image_store_names(store, pull->reference, err);
	struct news news = { false, pull->progress, pull->userdata };
	int r = -1;

	for (size_t i = 0; i < names.count && r < 0; i++) {
		autofree char *request = make_request(store, pull, names.items[i]);
		const struct worker_call call = { .program = "lxcri-registry",
						  .args = verb,
						  .object = names.items[i],
						  .input = request,
						  .news = pull->progress ? news_take : NULL,
						  .userdata = &news };

		r = worker_run(&call, -1, ret, err);
	}
	return r;
}

int image_store_pull(struct image_store *store, const struct image_pull *pull, char **ret_name,
		     char **ret_digest, struct lxcri_error *err)
{
	autorun(worker_answer_finish) struct worker_answer fetched = {};
	autorun(worker_answer_finish) struct worker_answer stored = {};

	if (fetch(store, pull, &fetched, err) < 0)
		return -1;
	if (!fetched.digest || !fetched.media_type)
		return fail(err, LXCRI_E_STORAGE_ERROR, "lxcri-registry gave no digest");

	const char *const args[] = { WORKER_STORE,
				     image_store_data_dir(store),
				     fetched.digest,
				     fetched.media_type,
				     pull->name ? pull->name : fetched.name,
				     NULL };
	const struct worker_call store_call = { .program = "lxcri-worker",
						.workers = image_store_workers(store),
						.args = args,
						.object = args[4] };

	if (worker_run(&store_call, -1, &stored, err) < 0)
		return -1;
	if (!stored.digest)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the worker gave no digest");
	*ret_name = steal(stored.name);
	*ret_digest = steal(stored.digest);
	return 0;
}
