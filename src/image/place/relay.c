/* SPDX-License-Identifier: MIT */
/* Images on their way between places outside.
 *
 * How it works: what comes from a registry is fetched into a scratch directory by lxcri-registry,
 * which writes nowhere else. An archive is taken apart into one by lxcri-worker, which has no
 * network. A layout stays where it is. From there lxcri-registry, which then only reads, pushes it,
 * or lxcri-worker writes it to its place. */

#include "image/place/relay.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/layout.h"
#include "image/place/place.h"
#include "image/place/push.h"
#include "image/place/scratch.h"
#include "image/place/transport.h"
#include "image/registry/settings.h"
#include "image/request.h"
#include "image/worker.h"
#include "oci/reference.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* An image that is at hand. */
struct parcel {
	const char *data_dir; /* of the store; borrowed */
	struct scratch scratch;
	char *name;   /* where it was fetched from; NULL: from no registry */
	char *digest; /* of its first document */
	char *media_type;
	char *blobs; /* the directory of what the store lacks of it */
};
#define PARCEL_NULL ((struct parcel){ .scratch = SCRATCH_NULL })

static void parcel_finish(struct parcel *parcel)
{
	scratch_finish(&parcel->scratch);
	free(parcel->name);
	free(parcel->digest);
	free(parcel->media_type);
	free(parcel->blobs);
}

static int take_answer(struct parcel *parcel, struct json_object *answer, struct lxcri_error *err)
{
	const char *digest = json_get_text(answer, WORKER_DIGEST);
	const char *media_type = json_get_text(answer, WORKER_TYPE);

	if (!digest || !media_type)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the answer has no digest");
	parcel->digest = xstrdup(digest);
	parcel->media_type = xstrdup(media_type);
	return 0;
}

/* Asks lxcri-registry to fetch @reference, or only its documents, into the scratch directory. */
static int ask_registry(const struct image_relay *relay, const struct parcel *parcel,
			const char *verb, const char *reference, struct json_object **ret,
			struct lxcri_error *err)
{
	const char *const args[] = { verb, NULL };
	autojson request = json_object_new_object();
	autofree char *text = NULL;

	json_set_text(request, SETTINGS_REFERENCE, reference);
	json_set_text(request, SETTINGS_DATA, parcel->data_dir);
	json_set_text(request, SETTINGS_BLOBS, parcel->scratch.path);
	request_add_config(request, relay->config);
	text = json_format_line(request);

	const struct worker_call call = { .program = "lxcri-registry",
					  .args = args,
					  .object = reference,
					  .input = text,
					  .news = news_take,
					  .userdata = (void *)&relay->news };

	return worker_ask(&call, -1, ret, err);
}

/* Fetches each manifest that was found as an image of its own. */
static int fetch_platforms(const struct image_relay *relay, const struct parcel *parcel,
			   struct json_object *digests, struct lxcri_error *err)
{
	autorun(image_ref_finish) struct image_ref ref = {};

	if (image_ref_parse(parcel->name, &ref, err) < 0)
		return -1;
	for (size_t i = 0; i < json_count(digests); i++) {
		const char *digest = json_object_get_string(json_object_array_get_idx(digests, i));
		autofree char *one = xformat("%s/%s@%s", ref.host, ref.path, digest);
		autojson answer = NULL;

		if (ask_registry(relay, parcel, WORKER_PULL, one, &answer, err) < 0)
			return -1;
	}
	return 0;
}

static int fetch(struct image_store *store, const struct image_relay *relay, struct parcel *parcel,
		 struct lxcri_error *err)
{
	const char *verb = relay->all_platforms ? WORKER_PLATFORMS : WORKER_PULL;
	const char *reference = relay->source + strlen(IMAGE_DOCKER_PREFIX);
	autorun(strings_finish) struct strings names = image_store_names(store, reference, err);
	autojson answer = NULL;

	if (names.count == 0 ||
	    scratch_open(image_store_data_dir(store), &parcel->scratch, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count && !answer; i++) {
		free(parcel->name);
		parcel->name = xstrdup(names.items[i]);
		(void)ask_registry(relay, parcel, verb, parcel->name, &answer, err);
	}
	if (!answer || take_answer(parcel, answer, err) < 0)
		return -1;
	parcel->blobs = xstrdup(parcel->scratch.path);
	if (!relay->all_platforms)
		return 0;
	return fetch_platforms(relay, parcel, json_get(answer, WORKER_IMAGES), err);
}

static int run_worker(const struct strings *args, const char *object, struct json_object **ret,
		      struct lxcri_error *err)
{
	const struct worker_call call = { .program = "lxcri-worker",
					  .args = (const char *const *)args->items,
					  .object = object };

	return worker_ask(&call, -1, ret, err);
}

/* Takes an archive apart. */
static int take_apart(const struct image_store *store, const struct image_relay *relay,
		      const char *layout, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings args = {};
	autojson answer = NULL;

	strings_add(&args, relay->all_platforms ? WORKER_SAVE_ALL : WORKER_SAVE);
	strings_add(&args, image_store_data_dir(store));
	strings_add(&args, layout);
	strings_add(&args, "");
	strings_add(&args, relay->source);
	return run_worker(&args, relay->source, &answer, err);
}

static int find(const struct image_store *store, const struct image_relay *relay,
		const char *layout, struct parcel *parcel, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings args = {};
	autojson answer = NULL;

	strings_add(&args, relay->all_platforms ? WORKER_FIND_ALL : WORKER_FIND);
	strings_add(&args, image_store_data_dir(store));
	strings_add(&args, layout);
	if (run_worker(&args, relay->source, &answer, err) < 0)
		return -1;
	return take_answer(parcel, answer, err);
}

static int find_in_place(const struct image_store *store, const struct image_relay *relay,
			 struct parcel *parcel, struct lxcri_error *err)
{
	autorun(image_place_finish) struct image_place place = {};
	autofree char *layout = NULL;

	if (image_place_parse(relay->source, &place, err) < 0)
		return -1;
	if (place.kind == PLACE_OCI_DIR) {
		parcel->blobs = xformat("%s/" LAYOUT_BLOBS, place.path);
		return find(store, relay, relay->source, parcel, err);
	}
	if (scratch_open(image_store_data_dir(store), &parcel->scratch, err) < 0)
		return -1;
	/* Below it: whoever writes a layout locks its directory, and this one is. */
	if (mkdirat(parcel->scratch.fd, "layout", 0700) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "make %s/layout",
				       parcel->scratch.path);
	layout = xformat("oci:%s/layout", parcel->scratch.path);
	parcel->blobs = xformat("%s/layout/" LAYOUT_BLOBS, parcel->scratch.path);
	if (take_apart(store, relay, layout, err) < 0)
		return -1;
	return find(store, relay, layout, parcel, err);
}

/* Returns the repository from which the registry can take the blobs itself, owned by the caller, or
 * NULL. */
static char *find_mount(const struct parcel *parcel, const char *dest)
{
	autorun(image_ref_finish) struct image_ref from = {};
	autorun(image_ref_finish) struct image_ref to = {};
	struct lxcri_error ignored;

	if (!parcel->name || image_ref_parse(parcel->name, &from, &ignored) < 0 ||
	    image_ref_parse(dest, &to, &ignored) < 0 || strcmp(from.host, to.host) != 0 ||
	    strcmp(from.path, to.path) == 0)
		return NULL;
	return steal(from.path);
}

static int push(const struct image_store *store, const struct image_relay *relay,
		struct parcel *parcel, char **ret_pushed, char **ret_digest,
		struct lxcri_error *err)
{
	const char *dest = relay->dest + strlen(IMAGE_DOCKER_PREFIX);
	autofree char *mount_from = find_mount(parcel, dest);
	const struct image_push what = { .config = relay->config,
					 .reference = dest,
					 .digest = parcel->digest,
					 .media_type = parcel->media_type,
					 .blobs = parcel->blobs,
					 .mount_from = mount_from,
					 .news = relay->news };

	if (image_push_send(store, &what, ret_pushed, err) < 0)
		return -1;
	*ret_digest = steal(parcel->digest);
	return 0;
}

int image_store_relay(struct image_store *store, const struct image_relay *relay, char **ret_pushed,
		      char **ret_digest, struct lxcri_error *err)
{
	bool is_fetched = text_starts_with(relay->source, IMAGE_DOCKER_PREFIX);
	autorun(parcel_finish) struct parcel parcel = PARCEL_NULL;
	autofree char *source = NULL;
	int r;

	parcel.data_dir = image_store_data_dir(store);
	r = is_fetched ? fetch(store, relay, &parcel, err)
		       : find_in_place(store, relay, &parcel, err);
	if (r < 0)
		return -1;
	if (text_starts_with(relay->dest, IMAGE_DOCKER_PREFIX))
		return push(store, relay, &parcel, ret_pushed, ret_digest, err);
	source = xformat(WORKER_FETCHED "%s:%s:%s", parcel.scratch.name, parcel.digest,
			 parcel.media_type);

	const struct image_copy_out out = { .source = source,
					    .name = parcel.name,
					    .dest = relay->dest,
					    .all_platforms = relay->all_platforms };

	return image_store_copy_out(store, &out, err);
}
