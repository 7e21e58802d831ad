/* SPDX-License-Identifier: MIT */
/* What happened on this host. */

#include "engine/event.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/container.h"
#include "engine/stats.h"
#include "lxcri/event.h"
#include "os/path.h"
#include "runtime/event/event_file.h"
#include "runtime/event/event_reader.h"

#include <errno.h>
#include <string.h>

#define ROOT_MODE 0711

void engine_event(const struct lxcri_engine *engine, const char *type, const char *name,
		  const char *id, const char *const *attributes)
{
	const struct event event = { .time_ns = moment_now(),
				     .type = type,
				     .name = name,
				     .id = id,
				     .attributes = attributes };
	int r = event_file_append(engine->root, &event);

	/* An image may be there before any container was. */
	if (r == -ENOENT && path_make_dirs(engine->root, ROOT_MODE) == 0)
		r = event_file_append(engine->root, &event);
	if (r < 0)
		log_warning("the event %s %s of %s is not recorded: %s", type, name, id,
			    strerror(-r));
}

void event_image_removed(const struct lxcri_engine *engine, const char *name, const char *digest)
{
	const char *const attributes[] = { "digest", digest, NULL };

	engine_event(engine, "image", "remove", name, attributes);
}

void container_event(const struct lxcri_container *container, const char *name, const char *key,
		     const char *value)
{
	const char *const attributes[] = { "image", container->record.image, key, value, NULL };

	engine_event(container->engine, "container", name, container->home.id, attributes);
}

static const char *const filter_keys[] = { "type=", "event=", "container=",
					   "pod=",  "image=", "volume=" };

static int check_filters(const char *const *filters, struct lxcri_error *err)
{
	for (; filters && *filters; filters++) {
		bool is_known = false;

		for (size_t i = 0; i < ARRAY_LEN(filter_keys); i++)
			is_known = is_known || text_starts_with(*filters, filter_keys[i]);
		if (!is_known)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "filter \"%s\": expected type=, event=, container=, pod=, "
				    "image= or volume=",
				    *filters);
	}
	return 0;
}

/* What a filter compares with: NULL where the event has no such thing. A container that got another
 * id is found by both. */
struct subjects {
	const char *first;
	const char *second;
};

static struct subjects subjects_of(const struct event_record *record, const char *key)
{
	const char *type = record->type;
	bool is_own = strlen(key) == strlen(type) + 1 && text_starts_with(key, type);

	if (strcmp(key, "type=") == 0)
		return (struct subjects){ .first = type };
	if (strcmp(key, "event=") == 0)
		return (struct subjects){ .first = record->name };
	if (strcmp(key, "image=") == 0 && !is_own)
		return (struct subjects){ .first = json_get_text(record->attributes, "image") };
	if (!is_own)
		return (struct subjects){};
	return (struct subjects){ .first = record->id,
				  .second = json_get_text(record->attributes, EVENT_OLD_ID) };
}

static bool is_equal(const char *value, const char *subject)
{
	return subject && strcmp(value, subject) == 0;
}

static bool passes(const struct event_record *record, const char *const *filters, const char *key)
{
	const struct subjects subjects = subjects_of(record, key);
	bool is_asked = false;

	for (; filters && *filters; filters++) {
		const char *value = *filters + strlen(key);

		if (!text_starts_with(*filters, key))
			continue;
		is_asked = true;
		if (is_equal(value, subjects.first) || is_equal(value, subjects.second))
			return true;
	}
	return !is_asked;
}

struct walk {
	const struct lxcri_event_options *options;
	lxcri_event_fn each;
	void *userdata;
};

static int show(void *userdata, const struct event_record *record)
{
	const struct walk *walk = userdata;
	autorun(strings_finish) struct strings attributes = {};
	static const char *const none[] = { NULL };

	for (size_t i = 0; i < ARRAY_LEN(filter_keys); i++)
		if (!passes(record, walk->options->filters, filter_keys[i]))
			return 0;
	if (record->attributes) {
		json_object_object_foreach(record->attributes, name, value)
		{
			strings_add(&attributes, name);
			strings_add(&attributes, value ? json_object_get_string(value) : "");
		}
	}

	autofree char *json = json_format_line(record->object);
	const struct lxcri_event event = {
		.time_ns = record->time_ns,
		.type = record->type,
		.name = record->name,
		.id = record->id,
		.attributes = attributes.count > 0 ? (const char *const *)attributes.items : none,
		.json = json,
	};

	return walk->each(walk->userdata, &event);
}

int lxcri_events(struct lxcri_engine *engine, const struct lxcri_event_options *options,
		 lxcri_event_fn each, void *userdata, struct lxcri_error *err)
{
	struct walk walk = { .options = options, .each = each, .userdata = userdata };
	const struct event_read_options read_options = {
		.since_ns = options->since_ns,
		.until_ns = options->until_ns,
		.follow = options->follow,
		.output_fd = options->output_fd,
		.each = show,
		.userdata = &walk,
	};

	if (check_filters(options->filters, err) < 0)
		return -1;

	/* What is watched must be there. */
	int r = path_make_dirs(engine->root, ROOT_MODE);

	if (r < 0)
		return fail_errno(err, r, "make %s", engine->root);
	return event_read(engine->root, &read_options, err);
}

int lxcri_container_stats_event(struct lxcri_container *container, char **ret_json,
				struct lxcri_error *err)
{
	autojson event = json_object_new_object();
	struct json_object *data = NULL;

	if (stats_json(container, &data, err) < 0)
		return -1;
	json_set_text(event, "type", "stats");
	json_set_text(event, "id", container->home.id);
	json_object_object_add(event, "data", data);
	*ret_json = json_format_line(event);
	return 0;
}
