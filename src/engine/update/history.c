/* SPDX-License-Identifier: MIT */
/* The updates of a container. */

#include "engine/update/history.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "engine/container.h"
#include "engine/inspect.h"
#include "lxcri/update.h"

#include <string.h>

#define ENTRIES_MAX 50

/* Returns the history of @record, an array; what cannot be read counts as none. Owned by the
 * caller.
 */
static struct json_object *read_history(const struct record *record)
{
	struct json_object *array = NULL;
	struct lxcri_error ignored;

	if (record->history)
		(void)json_parse(record->history, strlen(record->history), &json_limits_config,
				 &array, &ignored);
	if (json_object_is_type(array, json_type_array))
		return array;
	json_free(array);
	return json_object_new_array();
}

static void keep(struct record *record, struct json_object *array)
{
	free(record->history);
	record->history = json_format_line(array);
}

void history_add(struct record *to, const struct record *from, const char *action)
{
	autojson array = read_history(to);
	struct json_object *entry = json_object_new_object();
	size_t count = json_object_array_length(array);

	if (count >= ENTRIES_MAX)
		json_object_array_del_idx(array, 0, count - ENTRIES_MAX + 1);
	inspect_add_time(entry, "time", moment_now());
	json_set_text(entry, "action", action);
	json_set_text(entry, "image", to->image);
	json_set_text(entry, "digest", to->digest);
	json_set_text(entry, "fromImage", from->image);
	json_set_text(entry, "fromDigest", from->digest);
	json_set_text(entry, "result", HISTORY_STARTED);
	json_object_array_add(array, entry);
	keep(to, array);
}

void history_settle(struct record *record, const char *result, const char *error)
{
	autojson array = read_history(record);
	size_t count = json_object_array_length(array);
	struct json_object *entry = count > 0 ? json_object_array_get_idx(array, count - 1) : NULL;

	json_set_text(entry, "result", result);
	json_set_text(entry, "error", error);
	keep(record, array);
}

int lxcri_container_history_json(struct lxcri_container *container, char **ret_json,
				 struct lxcri_error *err)
{
	autorun(record_finish) struct record record = {};
	int found = home_load_record(container->engine, &container->home, &record, err);

	if (found == 0)
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "no container is called %s",
			    container->home.id);
	if (found < 0)
		return -1;

	autojson array = read_history(&record);

	*ret_json = json_format(array);
	return 0;
}
