/* SPDX-License-Identifier: MIT */
/* Which containers have another image than their registry has under its name. */

#include "lxcri/update.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/container.h"
#include "engine/images/open.h"
#include "image/pull.h"
#include "image/store.h"

#include <string.h>

/* One container, and what is known of it. */
struct item {
	char *id;
	char *image;
	char *digest;
};

/* One answer of a registry; many containers may have the same image. */
struct answer {
	char *image;
	char *digest; /* NULL: it could not be told */
	struct lxcri_error error;
};

struct look {
	struct lxcri_engine *engine;
	struct image_store *store;
	struct item *items;
	size_t n_items;
	struct answer *answers;
	size_t n_answers;
};

static void look_finish(struct look *look)
{
	for (size_t i = 0; i < look->n_items; i++) {
		free(look->items[i].id);
		free(look->items[i].image);
		free(look->items[i].digest);
	}
	for (size_t i = 0; i < look->n_answers; i++) {
		free(look->answers[i].image);
		free(look->answers[i].digest);
	}
	free(look->items);
	free(look->answers);
	image_store_free(look->store);
}

static int add_item(void *userdata, const struct lxcri_state *state)
{
	struct look *look = userdata;

	if (!state->image || !state->digest)
		return 0;
	look->items = xreallocarray(look->items, look->n_items + 1, sizeof(*look->items));
	look->items[look->n_items++] = (struct item){ .id = xstrdup(state->id),
						      .image = xstrdup(state->image),
						      .digest = xstrdup(state->digest) };
	return 0;
}

static int add_named(struct look *look, const char *id, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_state state;

	if (lxcri_container_open(look->engine, id, &container, err) < 0 ||
	    lxcri_container_state(container, &state, err) < 0)
		return -1;
	if (!state.image || !state.digest)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "container %s was made from a bundle, and has no image", id);
	return add_item(look, &state);
}

/* A digest is what it is; a name without a registry cannot have another. */
static bool is_pinned(const char *image)
{
	return text_starts_with(image, "sha256:") || strchr(image, '@');
}

/* Asks for @image, once. Borrowed until the next call. */
static const struct answer *ask(struct look *look, const char *image)
{
	struct answer *answer;

	for (size_t i = 0; i < look->n_answers; i++)
		if (strcmp(look->answers[i].image, image) == 0)
			return &look->answers[i];
	look->answers = xreallocarray(look->answers, look->n_answers + 1, sizeof(*look->answers));
	answer = &look->answers[look->n_answers++];
	*answer = (struct answer){ .image = xstrdup(image) };
	/* The error says why it is not known. */
	(void)image_store_look(look->store, look->engine->config, image, &answer->digest,
			       &answer->error);
	return answer;
}

int lxcri_update_check(struct lxcri_engine *engine, const char *const *ids,
		       lxcri_update_check_fn report, void *userdata, struct lxcri_error *err)
{
	autorun(look_finish) struct look look = { .engine = engine };
	int outdated = 0;

	if (images_open(engine, engine->data, &look.store, err) < 0)
		return -1;
	if (!ids && lxcri_container_list(engine, add_item, &look, err) < 0)
		return -1;
	for (size_t i = 0; ids && ids[i]; i++)
		if (add_named(&look, ids[i], err) < 0)
			return -1;
	for (size_t i = 0; i < look.n_items; i++) {
		const struct item *item = &look.items[i];
		const struct answer *answer =
			is_pinned(item->image) ? NULL : ask(&look, item->image);
		const char *available = answer ? answer->digest : item->digest;
		const struct lxcri_update_check check = {
			.id = item->id,
			.image = item->image,
			.digest = item->digest,
			.available = available,
			.outdated = available && strcmp(available, item->digest) != 0,
			.error = available ? NULL : &answer->error,
		};

		outdated += check.outdated;
		report(userdata, &check);
	}
	return outdated;
}
