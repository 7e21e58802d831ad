/* SPDX-License-Identifier: MIT */
/* Another image for a container that stays what it is.
 *
 * The order is: make the new root beside the old one while the container runs; stop it; save the
 * record, which decides; start it; look whether it stays and is well; if not, save the old record
 * again, and start that. All but fetching the image is done under the container's lock: who wants
 * to start, stop, delete or update it meanwhile waits, and finds the one or the other. */

#include "lxcri/update.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_node.h"
#include "engine/event.h"
#include "engine/images/obtain.h"
#include "engine/lifecycle.h"
#include "engine/update/gate.h"
#include "engine/update/history.h"
#include "engine/update/next.h"
#include "engine/usage.h"

#include <string.h>

#define SETTLE_SECONDS     3
#define SETTLE_SECONDS_MAX 3600
#define HEALTH_SECONDS     60
#define HEALTH_SECONDS_MAX 86400

struct update {
	struct lxcri_container *container;
	const struct lxcri_image_update_options *options;
	const char *event;
	struct next next;
	int announcement; /* of the image, until the record names it */
	int usage_lock;
	bool was_running;
};

static int check_options(const struct lxcri_image_update_options *options, struct lxcri_error *err)
{
	if (options->settle_seconds > SETTLE_SECONDS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%d s are too long to settle",
			    options->settle_seconds);
	if (options->health_seconds > HEALTH_SECONDS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%u s are too long for a health check",
			    options->health_seconds);
	return 0;
}

/* A check is run in the container, on its node. */
static int check_node(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};

	return ct_node_need(container, "check the health of", &place, err);
}

static int check_container(const struct update *update, struct lxcri_error *err)
{
	const struct lxcri_container *container = update->container;
	const struct record *record = &container->record;

	if (!record->image || !record->owns_bundle)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "it was made from a bundle, and has no image");
	if (record->pod_of)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "it is a container of the pod %s; change what the pod is made from",
			    record->pod_of);
	if (record->remove)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "it goes when it ends, so it cannot be stopped for another image");
	if (strncmp(record->bundle, container->home.data_dir, strlen(container->home.data_dir)) !=
	    0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "its bundle %s is its maker's",
			    record->bundle);
	if (ct_is(container) && update->options->health_command &&
	    check_node(update->container, err) < 0)
		return -1;
	if (ct_is(container))
		ct_look(update->container);
	if (container->status == LXCRI_STATUS_PAUSED)
		return fail(err, LXCRI_E_INVALID_STATE, "it is paused; resume or stop it first");
	return 0;
}

static int start_and_look(struct update *update, struct lxcri_error *err)
{
	const struct lxcri_image_update_options *options = update->options;
	autorun(strings_finish) struct strings given = {};
	struct gate gate = {
		.check = &update->next.check,
		.check_seconds = options->health_seconds ? options->health_seconds : HEALTH_SECONDS,
		.settle_seconds = options->settle_seconds ? (unsigned int)options->settle_seconds
							  : SETTLE_SECONDS,
	};

	if (options->health_command) {
		strings_add(&given, "/bin/sh");
		strings_add(&given, "-c");
		strings_add(&given, options->health_command);
		gate.check = &given;
	}
	if (lifecycle_start_locked(update->container, err) < 0)
		return -1;
	if (ct_is(update->container) && gate.check->count == 0 && options->settle_seconds >= 0)
		return ct_stay(update->container, gate.settle_seconds, err);
	return options->settle_seconds < 0 ? 0 : gate_pass(update->container, &gate, err);
}

/* Starts what ran before and has stopped. */
static void start_again(struct update *update)
{
	struct lxcri_container *container = update->container;
	struct lxcri_error second = {};

	if (!update->was_running)
		return;
	if (container_refresh(container, &second) == 0 && container->status != LXCRI_STATUS_STOPPED)
		return;
	second = (struct lxcri_error){};
	if (lifecycle_start_locked(container, &second) < 0)
		log_error("container %s does not start any more: %s", container->home.id,
			  second.text);
}

/* Puts the container back on what it was, and keeps the error. */
static int go_back(struct update *update, struct lxcri_error *err)
{
	struct lxcri_container *container = update->container;
	autofree char *wanted = xstrdup(container->record.image);
	struct lxcri_error second = {};

	if (lifecycle_stop_locked(container, 0, &second) < 0 ||
	    next_revert(container, &update->next, err->text, &second) < 0)
		return fail_while(err, "it stays on image %s (%s), though", wanted, second.text);
	container_event(container, "update_reverted", "to", wanted);
	start_again(update);
	return fail_as(err, LXCRI_E_CONTAINER_START_FAILED,
		       "image %s did not do, so it is back on %s", wanted, container->record.image);
}

/* The switch itself. */
static int switch_over(struct update *update, struct lxcri_error *err)
{
	struct lxcri_container *container = update->container;
	struct lxcri_error second = {};

	update->was_running = container->status == LXCRI_STATUS_RUNNING;
	if (lifecycle_stop_locked(container, update->options->grace_seconds, err) < 0 ||
	    next_commit(container, &update->next, err) < 0) {
		start_again(update);
		return -1;
	}
	closep(&update->usage_lock);
	if (ct_is(container) && ct_apply(container, err) < 0)
		return go_back(update, err);
	if (update->was_running && start_and_look(update, err) < 0)
		return go_back(update, err);
	history_settle(&container->record, HISTORY_DONE, NULL);
	if (home_save_record(container->engine, &container->home, &container->record, &second) <
		    0 ||
	    next_collect(container, &second) < 0)
		log_warning("container %s is updated, but: %s", container->home.id, second.text);
	container_event(container, update->event, "from", update->next.record.image);
	return 1;
}

/* Makes the new root and switches over. Returns 0 where the container has that image already. */
static int update_locked(struct update *update, const struct next_source *source,
			 struct lxcri_error *err)
{
	struct lxcri_container *container = update->container;

	if (check_container(update, err) < 0)
		return -1;
	if (strcmp(container->record.digest, source->image->digest) == 0)
		return 0;
	update->usage_lock = usage_lock(container->engine, USAGE_SHARED, err);
	if (update->usage_lock < 0 || next_prepare(container, source, &update->next, err) < 0)
		return -1;
	return switch_over(update, err);
}

static void update_finish(struct update *update)
{
	next_discard(update->container, &update->next);
	closep(&update->usage_lock);
	home_unlock(&update->container->home);
}

/* Brings the image in and chooses how its root is made, before any lock is taken. */
static int find_source(struct update *update, struct image *image, struct next_source *ret_source,
		       struct lxcri_error *err)
{
	const struct lxcri_image_update_options *options = update->options;
	const struct image_wish wish = { .reference = options->image,
					 .pull = options->pull,
					 .progress = options->pull_progress,
					 .userdata = options->pull_userdata };
	const struct lxcri_container *container = update->container;
	struct lxcri_engine *engine = container->engine;
	int can_map;

	if (usage_announce(engine, &update->announcement, err) < 0 ||
	    image_obtain(engine, &wish, image, err) < 0)
		return -1;
	ret_source->image = image;
	if (ct_is(container))
		return 0;
	if (driver_choose(engine, container->record.ids.size > 0, &ret_source->storage, err) < 0)
		return -1;
	can_map = driver_prepare(engine, ret_source->storage.ops, &image->layer_dirs, err);
	ret_source->can_map = can_map > 0;
	return can_map < 0 ? -1 : 0;
}

int lxcri_container_update_image(struct lxcri_container *container,
				 const struct lxcri_image_update_options *options,
				 struct lxcri_error *err)
{
	struct update update = {
		.container = container,
		.options = options,
		.event = "image_update",
		.announcement = -1,
		.usage_lock = -1,
	};
	autorun(image_finish) struct image image = {};
	struct next_source source = {};
	int r = -1;

	if (check_options(options, err) == 0 && container_refresh(container, err) == 0 &&
	    check_container(&update, err) == 0 && find_source(&update, &image, &source, err) == 0 &&
	    container_lock(container, err) == 0) {
		r = update_locked(&update, &source, err);
		update_finish(&update);
	}
	closep(&update.announcement);
	return r < 0 ? fail_while(err, "update %s", container->home.id) : r;
}

static int rollback_locked(struct update *update, struct lxcri_error *err)
{
	struct lxcri_container *container = update->container;

	if (check_container(update, err) < 0)
		return -1;
	update->usage_lock = usage_lock(container->engine, USAGE_SHARED, err);
	if (update->usage_lock < 0 || next_prepare_previous(container, &update->next, err) < 0)
		return -1;
	return switch_over(update, err);
}

int lxcri_container_rollback(struct lxcri_container *container,
			     const struct lxcri_image_update_options *options,
			     struct lxcri_error *err)
{
	static const struct lxcri_image_update_options defaults = {};
	struct update update = {
		.container = container,
		.options = options ? options : &defaults,
		.event = "rollback",
		.usage_lock = -1,
	};
	int r = -1;

	if (check_options(update.options, err) == 0 && container_lock(container, err) == 0) {
		r = rollback_locked(&update, err);
		update_finish(&update);
	}
	return r < 0 ? fail_while(err, "roll %s back", container->home.id) : 0;
}
