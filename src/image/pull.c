/* SPDX-License-Identifier: MIT */
/* Pulling an image into the store. */

#include "image/pull.h"

#include "base/mem.h"
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

static void take_news(void *userdata, struct json_object *news)
{
	static const struct {
		const char *name;
		enum lxcri_pull_state state;
	} states[] = {
		{ WORKER_STATE_PRESENT, LXCRI_PULL_PRESENT },
		{ WORKER_STATE_WAITING, LXCRI_PULL_WAITING },
		{ WORKER_STATE_FETCHING, LXCRI_PULL_FETCHING },
		{ WORKER_STATE_DONE, LXCRI_PULL_DONE },
	};
	const struct image_pull *pull = userdata;
	const char *name = json_get_text(news, WORKER_STATE);
	struct lxcri_pull_progress progress = {
		.digest = json_get_text(news, WORKER_DIGEST),
		.layer = (unsigned int)json_get_u64(news, WORKER_LAYER, 0),
		.layers = (unsigned int)json_get_u64(news, WORKER_LAYERS, 0),
		.bytes = json_get_u64(news, WORKER_BYTES, 0),
		.size = json_get_u64(news, WORKER_SIZE, 0),
	};

	for (size_t i = 0; name && progress.digest && i < ARRAY_LEN(states); i++) {
		if (strcmp(states[i].name, name) != 0)
			continue;
		progress.state = states[i].state;
		pull->progress(pull->userdata, &progress);
	}
}

/* Fetches the first of the images that the reference may mean. */
static int fetch(struct image_store *store, const struct image_pull *pull,
		 struct worker_answer *ret, struct lxcri_error *err)
{
	static const char *const verb[] = { WORKER_PULL, NULL };
	autorun(strings_finish) struct strings names =
		image_store_names(store, pull->reference, err);
	int r = -1;

	for (size_t i = 0; i < names.count && r < 0; i++) {
		autofree char *request = make_request(store, pull, names.items[i]);
		const struct worker_call call = { .program = "lxcri-registry",
						  .args = verb,
						  .object = names.items[i],
						  .input = request,
						  .news = pull->progress ? take_news : NULL,
						  .userdata = (void *)pull };

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
