/* SPDX-License-Identifier: MIT */
/* All pods, and all that is known of one. */

#include "base/log.h"
#include "base/mem.h"
#include "engine/ct/ct.h"
#include "engine/inspect.h"
#include "engine/network/describe.h"
#include "engine/pod/pod.h"
#include "engine/service/probe.h"
#include "os/path.h"

#include <string.h>

static int visit(struct roster *roster, struct roster_entry *entry, struct lxcri_engine *engine,
		 struct lxcri_pod_state *ret_state, struct lxcri_pod **ret_pod,
		 struct lxcri_error *err)
{
	/* One that is half made is removed as it is opened. */
	int r = entry->record.phase == RECORD_READY
			? pod_open_known(engine, roster, &entry->record, ret_pod, err)
			: lxcri_pod_open(engine, entry->id, ret_pod, err);

	return r < 0 ? -1 : lxcri_pod_state(*ret_pod, ret_state, err);
}

int lxcri_pod_list(struct lxcri_engine *engine, lxcri_pod_fn each, void *userdata,
		   struct lxcri_error *err)
{
	autorun(roster_finish) struct roster roster = {};

	if (roster_read(engine, &roster, err) < 0)
		return pod_fail(err, LXCRI_E_POD_LIST_FAILED, "list the pods");
	for (size_t i = 0; i < roster.count; i++) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		struct lxcri_error problem = {};
		struct lxcri_pod_state state;

		if (!roster.entries[i].record.pod)
			continue;
		if (visit(&roster, &roster.entries[i], engine, &state, &pod, &problem) == 0) {
			if (each(userdata, &state) < 0)
				return 0;
		} else if (problem.code != LXCRI_E_POD_NOT_FOUND) {
			/* One that cannot be read must not hide the others. */
			log_warning("%s", problem.text);
		}
	}
	return 0;
}

/* What is asked of a container, with what came of it. */
static void add_probes(const struct lxcri_container *container, struct json_object *object)
{
	autojson asked = NULL;
	autorun(probes_finish) struct probes probes = {};
	autorun(probes_state_finish) struct probes_state state = {};
	struct lxcri_error ignored = {};

	if (!container->record.probes ||
	    probes_parse(container->record.probes, &probes, &ignored) < 0)
		return;
	asked = json_tokener_parse(container->record.probes);
	probes_state_load(container->home.run_fd, &probes, container->state.started_ns, &state);
	for (size_t i = 0; i < PROBE_KINDS; i++) {
		struct json_object *one = json_get(asked, probe_kind_name((enum probe_kind)i));

		if (!one)
			continue;
		json_object_object_add(one, "good", json_object_new_boolean(state.of[i].is_good));
		json_object_object_add(one, "failing", json_object_new_int64(state.of[i].failing));
		json_set_text(one, "output", state.of[i].output);
	}
	json_object_object_add(object, "probes", json_object_get(asked));
}

static int add_members(struct lxcri_pod *pod, struct json_object *array, struct lxcri_error *err)
{
	for (size_t i = 0; i < pod->note.n_members; i++) {
		const struct pod_member *member = &pod->note.members[i];
		autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
		struct json_object *object;
		struct lxcri_state state;

		if (lxcri_container_open(pod->engine, member->id, &container, err) < 0 ||
		    lxcri_container_state(container, &state, err) < 0)
			return -1;
		object = json_object_new_object();
		json_object_array_add(array, object);
		json_set_text(object, "name", member->name);
		json_set_text(object, "id", member->id);
		json_set_text(object, "image", state.image);
		json_object_object_add(object, "init", json_object_new_boolean(member->is_first));
		json_set_text(object, "status", lxcri_status_name(state.status));
		json_set_text(object, "health", state.health);
		add_probes(container, object);
		json_object_object_add(object, "pid", json_object_new_int(state.pid));
		json_object_object_add(object, "restarts", json_object_new_int64(state.restarts));
		if (ct_is(container))
			ct_describe(container, object);
		if (state.status == LXCRI_STATUS_STOPPED && !state.end_unknown)
			json_object_object_add(object, "exitCode",
					       json_object_new_int(state.exit_code));
	}
	return 0;
}

static int add_networks(struct lxcri_pod *pod, struct json_object *object, struct lxcri_error *err)
{
	const char *id = pod->shell->home.id;
	struct json_object *networks = describe_endpoints(pod->engine, id, err);
	struct json_object *ports = networks ? describe_ports(pod->engine, id, err) : NULL;

	if (!ports) {
		json_free(networks);
		return -1;
	}
	json_object_object_add(object, "networks", networks);
	json_object_object_add(object, "ports", ports);
	return 0;
}

int lxcri_pod_inspect_json(struct lxcri_pod *pod, char **ret_json, struct lxcri_error *err)
{
	autojson object = json_object_new_object();
	struct json_object *members = json_object_new_array();
	struct lxcri_pod_state state;

	json_object_object_add(object, "containers", members);
	if (lxcri_pod_state(pod, &state, err) < 0 || add_members(pod, members, err) < 0 ||
	    add_networks(pod, object, err) < 0)
		return fail_while(err, "inspect pod %s", pod->shell->home.id);
	json_set_text(object, "id", state.id);
	json_set_text(object, "namespace", state.name_space);
	json_set_text(object, "hostname", state.hostname);
	json_set_text(object, "owner", state.owner);
	json_set_text(object, "runtime", lxcri_container_type_name(state.type));
	json_set_text(object, "status", lxcri_pod_status_name(state.status));
	inspect_add_time(object, "created", state.created_ns);
	json_object_object_add(object, "hostNetwork",
			       json_object_new_boolean(pod->note.host_network));
	json_object_object_add(object, "graceSeconds",
			       json_object_new_int64(pod->note.grace_seconds));
	json_object_object_add(object, "labels", json_object_get(pod->note.labels));
	json_object_object_add(object, "annotations", json_object_get(pod->note.annotations));
	*ret_json = json_format(object);
	return 0;
}
