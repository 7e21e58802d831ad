/* SPDX-License-Identifier: MIT */
/* All pods, and all that is known of one. */

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "engine/ct/ct.h"
#include "engine/inspect.h"
#include "engine/network/describe.h"
#include "engine/pod/pod.h"
#include "engine/service/probe.h"
#include "os/path.h"

#include <string.h>

struct listing {
	struct lxcri_engine *engine;
	const char *name_space; /* or NULL: all */
	lxcri_pod_fn each;
	void *userdata;
	struct roster *roster;
	bool any_is_ending;
};

static bool is_wanted(const struct listing *listing, const struct pod_note *note)
{
	return !listing->name_space || strcmp(note->name_space, listing->name_space) == 0;
}

/* Returns 1 to end the listing. */
static int tell(const struct listing *listing, const struct lxcri_pod_state *state)
{
	return listing->each(listing->userdata, state) < 0;
}

/* Tells of a pod that has to be opened for that. */
static int open_and_tell(const struct listing *listing, struct roster_entry *entry,
			 struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	autorun(record_finish) struct record record = {};
	struct lxcri_pod_state state;
	int r;

	/* One whose record cannot be read is told of by who opens it; one that is half made is
	 * removed as it is opened. */
	const bool can_be_read = roster_take(entry, &record);

	if (can_be_read && !record.pod)
		return 0;
	r = can_be_read && record.phase == RECORD_READY
		    ? pod_open_known(listing->engine, listing->roster, &record, &pod, err)
		    : lxcri_pod_open(listing->engine, entry->id, &pod, err);
	if (r < 0)
		return -1;
	if (!is_wanted(listing, &pod->note))
		return 0;
	return lxcri_pod_state(pod, &state, err) < 0 ? -1 : tell(listing, &state);
}

/* Looks at the containers of a pod as a list does. False where one has to be opened for that. */
static bool glance(const struct listing *listing, const struct pod_note *note, struct pod_look *ret)
{
	struct lxcri_state state;

	*ret = (struct pod_look){};
	for (size_t i = 0; i < note->n_members; i++) {
		if (!roster_glance(listing->roster, note->members[i].id, &state))
			return false;
		pod_look_add(ret, &state, note->members[i].is_first);
	}
	return note->n_members > 0;
}

/* Records are written without spaces: what is a container for sure need not be read to be told so.
 */
static bool may_be_pod(const struct roster_entry *entry)
{
	return entry->json && strstr(entry->json, "\"pod\":");
}

/* The containers of most pods are up. To open each of many for that costs a multiple of a look at
 * it: nothing is made of the records but what the list tells. */
static int visit(const struct listing *listing, struct roster_entry *entry, struct lxcri_error *err)
{
	const struct record_brief *brief = &entry->brief;
	autorun(pod_note_finish) struct pod_note note = {};
	autofree char *manifest = NULL;
	struct pod_look look;
	struct lxcri_pod_state state;

	if (!may_be_pod(entry))
		return 0;
	if (brief->pod.length == 0 || !pod_note_glance(&brief->pod, &note, &manifest))
		return open_and_tell(listing, entry, err);
	if (!is_wanted(listing, &note))
		return 0;
	if (!glance(listing, &note, &look))
		return open_and_tell(listing, entry, err);
	pod_describe(&note, &look, &state);
	state.id = entry->id;
	state.manifest = manifest;
	state.type = brief->type;
	state.created_ns = brief->created_ns;
	state.ending = listing->any_is_ending && pod_is_ending(listing->engine, entry->id);
	freep(&entry->json); /* what is kept of the others has its room */
	return tell(listing, &state);
}

static void walk(const struct listing *listing)
{
	for (size_t i = 0; i < listing->roster->count; i++) {
		struct lxcri_error problem = {};
		int r = visit(listing, &listing->roster->entries[i], &problem);

		if (r > 0)
			return;
		/* One that cannot be read must not hide the others. */
		if (r < 0 && problem.code != LXCRI_E_POD_NOT_FOUND)
			log_warning("%s", problem.text);
	}
}

int lxcri_pod_list_in(struct lxcri_engine *engine, const char *name_space, lxcri_pod_fn each,
		      void *userdata, struct lxcri_error *err)
{
	autorun(roster_finish) struct roster roster = ROSTER_NULL;
	struct listing listing = { engine, name_space, each, userdata, &roster, false };

	if (roster_read_pods(engine, &roster, err) < 0)
		return pod_fail(err, LXCRI_E_POD_LIST_FAILED, "list the pods");
	listing.any_is_ending = pod_any_is_ending(engine);
	walk(&listing);
	return 0;
}

int lxcri_pod_list(struct lxcri_engine *engine, lxcri_pod_fn each, void *userdata,
		   struct lxcri_error *err)
{
	return lxcri_pod_list_in(engine, NULL, each, userdata, err);
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
