/* SPDX-License-Identifier: MIT */
/* Giving registries what the store has. */

#include "image/place/push.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/image_index.h"
#include "image/layout.h"
#include "image/registry/settings.h"
#include "image/request.h"
#include "image/stored_image.h"
#include "image/worker.h"

static char *make_request(const struct image_store *store, const struct image_push *push)
{
	autojson request = json_object_new_object();

	json_set_text(request, SETTINGS_REFERENCE, push->reference);
	json_set_text(request, SETTINGS_DATA, image_store_data_dir(store));
	json_set_text(request, SETTINGS_DIGEST, push->digest);
	json_set_text(request, SETTINGS_TYPE, push->media_type);
	json_set_text(request, SETTINGS_BLOBS, push->blobs);
	json_set_text(request, SETTINGS_MOUNT_FROM, push->mount_from);
	request_add_config(request, push->config);
	return json_format_line(request);
}

int image_push_send(const struct image_store *store, const struct image_push *push, char **ret_name,
		    struct lxcri_error *err)
{
	static const char *const verb[] = { WORKER_PUSH, NULL };
	autorun(worker_answer_finish) struct worker_answer answer = {};
	autofree char *request = make_request(store, push);
	struct news news = { true, push->news.progress, push->news.userdata };
	const struct worker_call call = { .program = "lxcri-registry",
					  .args = verb,
					  .object = push->reference,
					  .input = request,
					  .news = news_take,
					  .userdata = &news };

	if (worker_run(&call, -1, &answer, err) < 0)
		return -1;
	*ret_name = steal(answer.name);
	return 0;
}

/* Finds the entry of the stored image @name, which may stand in no index any more: @unlisted is the
 * caller's to end. */
static struct json_object *find(const struct layout *layout, struct json_object *index,
				const char *wanted, struct json_object **unlisted,
				struct lxcri_error *err)
{
	struct json_object *entry = image_index_find(index, wanted);

	if (!entry)
		entry = *unlisted = stored_image_unlisted(layout, wanted);
	if (!entry)
		(void)fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", wanted);
	return entry;
}

int image_store_push(const struct image_store *store, const char *name,
		     const struct image_push *push, char **ret_name, char **ret_digest,
		     struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	struct image_push known = *push;
	autofree char *wanted = NULL;
	autojson unlisted = NULL;
	autojson index = NULL;
	struct json_object *entry;

	if (layout_open(image_store_data_dir(store), &layout, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return -1;
	wanted = image_store_name(store, index, name, err);
	entry = wanted ? find(&layout, index, wanted, &unlisted, err) : NULL;
	if (!entry)
		return -1;
	if (!known.reference && text_starts_with(wanted, "sha256:"))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "push %s: a digest does not say where to; name a docker://REF", wanted);
	if (!known.reference)
		known.reference = wanted;
	known.digest = json_get_text(entry, "digest");
	known.media_type = json_get_text(entry, "mediaType");
	if (image_push_send(store, &known, ret_name, err) < 0)
		return -1;
	*ret_digest = xstrdup(known.digest);
	return 0;
}
