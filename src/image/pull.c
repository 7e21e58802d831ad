/* SPDX-License-Identifier: MIT */
/* Pulling an image into the store. */

#include "image/pull.h"

#include "base/mem.h"
#include "image/place/news.h"
#include "image/registry/settings.h"
#include "image/request.h"
#include "image/worker.h"
#include "os/socket.h"

#include <string.h>

static char *make_request(const struct image_store *store, const struct image_pull *pull,
			  const char *reference)
{
	autojson request = json_object_new_object();

	json_set_text(request, SETTINGS_REFERENCE, reference);
	json_set_text(request, SETTINGS_DATA, image_store_data_dir(store));
	json_object_object_add(request, SETTINGS_FEED, json_object_new_boolean(true));
	request_add_config(request, pull->config);
	return json_format_line(request);
}

/* Both halves of a pull. What one of them fails with may only be that the other is gone. */
struct halves {
	struct worker_call fetching;
	struct worker_call storing;
	struct json_object *fetched;
	struct json_object *stored;
};

static void halves_finish(struct halves *halves)
{
	json_freep(&halves->fetched);
	json_freep(&halves->stored);
}

/* Runs both at once, connected to each other and to nobody else. */
static int run(struct halves *halves, struct lxcri_error *err)
{
	struct worker storing = WORKER_NULL;
	struct lxcri_error reason = {};
	int ends[2];
	int r = socket_pair(ends);

	if (r < 0)
		return fail_errno(err, r, "pull %s: make a pair of sockets",
				  halves->fetching.object);

	autoclose int near = ends[0];
	autoclose int far = ends[1];

	if (worker_start(&halves->storing, far, &storing, err) < 0)
		return -1;
	closep(&far);
	r = worker_ask(&halves->fetching, near, &halves->fetched, err);
	closep(&near);
	if (worker_finish(&halves->storing, &storing, &halves->stored, &reason) == 0)
		return r;
	/* Who fetches says why there is nothing more to take in. */
	if (r < 0 && reason.code == LXCRI_E_DOWNLOAD_FAILED)
		return -1;
	*err = reason;
	return -1;
}

/* Pulls the image called @name. */
static int pull_name(struct image_store *store, const struct image_pull *pull, const char *name,
		     char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	static const char *const verb[] = { WORKER_PULL, NULL };
	autofree char *request = make_request(store, pull, name);
	const char *const args[] = { WORKER_STORE, image_store_data_dir(store),
				     pull->name ? pull->name : name, NULL };
	struct news news = { false, pull->progress, pull->userdata };
	autorun(halves_finish) struct halves halves = {
		.fetching = { .program = "lxcri-registry",
			      .args = verb,
			      .object = name,
			      .input = request,
			      .news = pull->progress ? news_take : NULL,
			      .userdata = &news },
		.storing = { .program = "lxcri-worker",
			     .workers = image_store_workers(store),
			     .args = args,
			     .object = args[2] },
	};
	const char *digest;

	if (run(&halves, err) < 0)
		return -1;
	digest = json_get_text(halves.stored, WORKER_DIGEST);
	if (!digest)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the worker gave no digest");
	*ret_name = xstrdup(args[2]);
	*ret_digest = xstrdup(digest);
	return 0;
}

int image_store_pull(struct image_store *store, const struct image_pull *pull, char **ret_name,
		     char **ret_digest, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names =
		image_store_names(store, pull->reference, err);

	/* The first that is there is what the reference means. */
	for (size_t i = 0; i < names.count; i++)
		if (pull_name(store, pull, names.items[i], ret_name, ret_digest, err) == 0)
			return 0;
	return -1;
}

static int look(struct image_store *store, const struct lxcri_config *config, const char *name,
		char **ret_digest, struct lxcri_error *err)
{
	static const char *const verb[] = { WORKER_LOOK, NULL };
	autojson request = json_object_new_object();
	autojson answer = NULL;
	autofree char *input = NULL;
	const char *digest;

	json_set_text(request, SETTINGS_REFERENCE, name);
	json_set_text(request, SETTINGS_DATA, image_store_data_dir(store));
	request_add_config(request, config);
	input = json_format_line(request);

	const struct worker_call call = {
		.program = "lxcri-registry", .args = verb, .object = name, .input = input
	};

	if (worker_ask(&call, -1, &answer, err) < 0)
		return -1;
	digest = json_get_text(answer, WORKER_DIGEST);
	if (!digest)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED, "lxcri-registry gave no digest");
	*ret_digest = xstrdup(digest);
	return 0;
}

int image_store_look(struct image_store *store, const struct lxcri_config *config,
		     const char *reference, char **ret_digest, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = image_store_names(store, reference, err);

	for (size_t i = 0; i < names.count; i++)
		if (look(store, config, names.items[i], ret_digest, err) == 0)
			return 0;
	return -1;
}
