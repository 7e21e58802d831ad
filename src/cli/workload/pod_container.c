/* SPDX-License-Identifier: MIT */
/* Containers by the name of their pod. */

#include "cli/workload/pod_container.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/workload/pod_option.h"
#include "lxcri/workload/manifest.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"

/* Returns what is known of the pod, owned by the caller. */
static int inspect(struct lxcri_pod *pod, struct json_object **ret, struct lxcri_error *err)
{
	autofree char *text = NULL;

	return lxcri_pod_inspect_json(pod, &text, err) < 0 ||
			       json_parse(text, strlen(text), &json_limits_spec, ret, err) < 0
		       ? -1
		       : 0;
}

static int no_container(const char *pod, const char *name, struct json_object *containers,
			struct lxcri_error *err)
{
	autorun(text_finish) struct text names = {};

	for (size_t i = 0; i < json_count(containers); i++)
		text_addf(&names, "%s%s", i ? ", " : "",
			  json_get_text(json_object_array_get_idx(containers, i), "name"));
	return name ? fail(err, LXCRI_E_CONTAINER_NOT_FOUND,
			   "pod %s has no container %s; it has %s", pod, name,
			   names.length ? names.data : "none")
		    : fail(err, LXCRI_E_INVALID_ARGUMENT, "pod %s has no container", pod);
}

/* Tells which of several was taken, as kubectl does. */
static void tell_default(struct json_object *containers, const char *taken)
{
	autorun(text_finish) struct text names = {};
	size_t count = 0;

	for (size_t i = 0; i < json_count(containers); i++) {
		struct json_object *one = json_object_array_get_idx(containers, i);

		if (!json_get_bool(one, "init", false))
			text_addf(&names, "%s%s", count++ ? ", " : "", json_get_text(one, "name"));
	}
	if (count > 1)
		(void)fprintf(stderr, "Defaulted container \"%s\" out of: %s\n", taken, names.data);
}

/* Appends the one that is meant where none is named. */
static int add_default(struct json_object *object, const char *pod, bool is_again,
		       struct strings *ids, struct lxcri_error *err)
{
	struct json_object *containers = json_get(object, "containers");
	const char *wanted = json_get_text(json_get(object, "annotations"), DEFAULT_CONTAINER);

	for (size_t i = 0; i < json_count(containers); i++) {
		struct json_object *one = json_object_array_get_idx(containers, i);
		const char *name = json_get_text(one, "name");

		if (json_get_bool(one, "init", false) || (wanted && strcmp(wanted, name) != 0))
			continue;
		if (!wanted && !is_again)
			tell_default(containers, name);
		strings_add(ids, json_get_text(one, "id"));
		return 0;
	}
	return no_container(pod, wanted, containers, err);
}

static int list_of(struct lxcri_pod *pod, const char *id, const struct pod_container_choice *choice,
		   struct strings *ids, struct lxcri_error *err)
{
	autojson object = NULL;
	struct json_object *containers;
	const size_t before = ids->count;

	if (inspect(pod, &object, err) < 0)
		return -1;
	if (!choice->all && !choice->name)
		return add_default(object, id, choice->is_again, ids, err);
	containers = json_get(object, "containers");
	for (size_t i = 0; i < json_count(containers); i++) {
		struct json_object *one = json_object_array_get_idx(containers, i);

		if (choice->all || strcmp(json_get_text(one, "name"), choice->name) == 0)
			strings_add(ids, json_get_text(one, "id"));
	}
	return ids->count > before ? 0 : no_container(id, choice->name, containers, err);
}

static int list_pod(struct cli *cli, const char *id, const struct pod_container_choice *choice,
		    struct strings *ids, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;

	return lxcri_pod_open(cli->engine, id, &pod, err) < 0 ||
			       list_of(pod, id, choice, ids, err) < 0
		       ? -1
		       : 0;
}

/* Of "KIND/NAME". */
static int list_made(struct cli *cli, const char *word, const struct pod_container_choice *choice,
		     struct strings *ids, struct lxcri_error *err)
{
	const char *slash = strchr(word, '/');
	autofree char *kind = xstrndup(word, (size_t)(slash - word));
	const char *name_space = choice->name_space ? choice->name_space : "default";
	autofree char *text = NULL;
	autojson array = NULL;
	struct json_object *pods;

	if (lxcri_manifest_get_json(cli->engine, kind, name_space, slash + 1, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	pods = json_get(json_get(json_object_array_get_idx(array, 0), "status"), "pods");
	for (size_t i = 0; i < json_count(pods); i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(pods, i));

		/* One that goes meanwhile has none. */
		if (list_pod(cli, id, choice, ids, err) < 0) {
			if (err->code != LXCRI_E_POD_NOT_FOUND)
				return -1;
			*err = (struct lxcri_error){};
		}
	}
	return ids->count > 0 || choice->is_again
		       ? 0
		       : fail(err, LXCRI_E_OBJECT_NOT_FOUND, "%s has no pods", word);
}

int pod_container_list(struct cli *cli, const char *id, const struct pod_container_choice *choice,
		       struct strings *ids, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	const char *name_space = choice->name_space;
	autofree char *full = name_space && strcmp(name_space, "default") != 0
				      ? xformat("%s_%s", name_space, id)
				      : xstrdup(id);
	struct lxcri_error no_pod = {};

	if (strchr(id, '/'))
		return list_made(cli, id, choice, ids, err);
	if (choice->name || choice->all || name_space)
		return list_pod(cli, full, choice, ids, err);
	if (cli_open_container(cli, id, &container, err) == 0) {
		strings_add(ids, id);
		return 0;
	}
	if (err->code != LXCRI_E_CONTAINER_NOT_FOUND)
		return -1;
	if (list_pod(cli, id, choice, ids, &no_pod) < 0) {
		if (no_pod.code != LXCRI_E_POD_NOT_FOUND)
			*err = no_pod;
		return -1;
	}
	*err = (struct lxcri_error){};
	return 0;
}

int pod_container_open(struct cli *cli, const char *id, const char *name,
		       struct lxcri_container **ret_container, struct lxcri_error *err)
{
	const struct pod_container_choice choice = { .name = name };
	autorun(strings_finish) struct strings ids = {};

	if (cli_open_engine(cli, err) < 0 || pod_container_list(cli, id, &choice, &ids, err) < 0)
		return -1;
	return cli_open_container(cli, ids.items[0], ret_container, err);
}
