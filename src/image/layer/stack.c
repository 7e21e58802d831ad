/* SPDX-License-Identifier: MIT */
/* Which layer lies on which. */

#include "image/layer/layer.h"

#include "base/fail.h"
#include "base/mem.h"

#include <string.h>

struct lxcri_layer_manager {
	struct lxcri_layer **layers; /* in the order of adding */
	size_t count;
	size_t room;
};

int lxcri_layer_manager_create(struct lxcri_layer_manager **ret_manager, struct lxcri_error *err)
{
	*ret_manager = xnew(struct lxcri_layer_manager);
	return 0;
}

void lxcri_layer_manager_free(struct lxcri_layer_manager *manager)
{
	if (!manager)
		return;
	for (size_t i = 0; i < manager->count; i++)
		lxcri_layer_unref(manager->layers[i]);
	free(manager->layers);
	free(manager);
}

static const struct lxcri_layer_metadata *at(const struct lxcri_layer_manager *manager, size_t i)
{
	return lxcri_layer_metadata(manager->layers[i]);
}

/* Returns the place of @digest, or the number of layers. */
static size_t place_of(const struct lxcri_layer_manager *manager, const char *digest)
{
	size_t i = 0;

	while (i < manager->count && strcmp(at(manager, i)->digest, digest) != 0)
		i++;
	return i;
}

int lxcri_layer_manager_add(struct lxcri_layer_manager *manager, struct lxcri_layer *layer,
			    struct lxcri_error *err)
{
	const char *digest = lxcri_layer_metadata(layer)->digest;

	if (!digest)
		return fail(err, LXCRI_E_INVALID_DIGEST, "a layer without a digest");
	if (lxcri_layer_manager_get(manager, digest))
		return fail(err, LXCRI_E_DEPENDENCY_ERROR, "the layer %s is there already", digest);
	if (manager->count == manager->room) {
		manager->room = manager->room ? 2 * manager->room : 16;
		manager->layers =
			xreallocarray(manager->layers, manager->room, sizeof(manager->layers[0]));
	}
	manager->layers[manager->count++] = lxcri_layer_ref(layer);
	return 0;
}

struct lxcri_layer *lxcri_layer_manager_get(const struct lxcri_layer_manager *manager,
					    const char *digest)
{
	size_t place = place_of(manager, digest);

	return place < manager->count ? manager->layers[place] : NULL;
}

/* Tells whether all that layer @i depends on is placed. */
static bool is_ready(const struct lxcri_layer_manager *manager, const bool *placed, size_t i)
{
	const struct lxcri_layer_metadata *metadata = at(manager, i);

	for (size_t j = 0; j < metadata->n_dependencies; j++)
		if (!placed[place_of(manager, metadata->dependencies[j])])
			return false;
	return true;
}

static int check_presence(const struct lxcri_layer_manager *manager, struct lxcri_error *err)
{
	for (size_t i = 0; i < manager->count; i++)
		for (size_t j = 0; j < at(manager, i)->n_dependencies; j++)
			if (place_of(manager, at(manager, i)->dependencies[j]) == manager->count)
				return fail(err, LXCRI_E_DEPENDENCY_ERROR,
					    "the layer %s depends on %s, which is not there",
					    at(manager, i)->digest,
					    at(manager, i)->dependencies[j]);
	return 0;
}

/* Images have at most some hundred layers, so the plain way is quick enough. */
int lxcri_layer_manager_sort(const struct lxcri_layer_manager *manager,
			     struct lxcri_layer ***ret_layers, size_t *ret_count,
			     struct lxcri_error *err)
{
	autofree struct lxcri_layer **sorted =
		xcalloc(manager->count + 1, sizeof(struct lxcri_layer *));
	autofree bool *placed = xcalloc(manager->count + 1, sizeof(bool));

	if (check_presence(manager, err) < 0)
		return -1;
	for (size_t n = 0; n < manager->count; n++) {
		size_t best = manager->count;

		for (size_t i = 0; i < manager->count; i++)
			if (!placed[i] && is_ready(manager, placed, i) &&
			    (best == manager->count ||
			     at(manager, i)->order < at(manager, best)->order))
				best = i;
		if (best == manager->count)
			return fail(err, LXCRI_E_DEPENDENCY_ERROR,
				    "%zu layers depend on each other in a circle",
				    manager->count - n);
		placed[best] = true;
		sorted[n] = manager->layers[best];
	}
	*ret_layers = steal(sorted);
	*ret_count = manager->count;
	return 0;
}

int lxcri_layer_manager_check(const struct lxcri_layer_manager *manager, struct lxcri_error *err)
{
	autofree struct lxcri_layer **sorted = NULL;
	size_t count;

	return lxcri_layer_manager_sort(manager, &sorted, &count, err);
}
