/* SPDX-License-Identifier: MIT */
/* A container by the name of its pod. */

#include "cli/workload/pod_container.h"

#include "base/json.h"
#include "base/strings.h"
#include "base/text.h"
#include "cli/workload/pod_option.h"

#include <string.h>

/* Appends the ids of the containers that stay. */
static int list(struct lxcri_pod *pod, struct strings *ids, struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson object = NULL;
	struct json_object *containers;

	if (lxcri_pod_inspect_json(pod, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &object, err) < 0)
		return -1;
	containers = json_get(object, "containers");
	for (size_t i = 0; i < json_count(containers); i++) {
		struct json_object *container = json_object_array_get_idx(containers, i);

		if (!json_get_bool(container, "init", false))
			strings_add(ids, json_get_text(container, "id"));
	}
	return 0;
}

static int open_of(struct cli *cli, struct lxcri_pod *pod, const char *id,
		   struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings ids = {};
	autorun(text_finish) struct text names = {};

	if (list(pod, &ids, err) < 0)
		return -1;
	if (ids.count == 1)
		return cli_open_container(cli, ids.items[0], ret_container, err);
	for (size_t i = 0; i < ids.count; i++)
		text_addf(&names, "%s%s", i ? ", " : "", ids.items[i]);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "pod %s: say which container: %s", id,
		    names.length ? names.data : "it has none");
}

int pod_container_open(struct cli *cli, const char *id, struct lxcri_container **ret_container,
		       struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error no_pod = {};

	if (cli_open_container(cli, id, ret_container, err) == 0)
		return 0;
	if (err->code != LXCRI_E_CONTAINER_NOT_FOUND ||
	    lxcri_pod_open(cli->engine, id, &pod, &no_pod) < 0)
		return -1;
	*err = (struct lxcri_error){};
	return open_of(cli, pod, id, ret_container, err);
}
