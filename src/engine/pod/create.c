/* SPDX-License-Identifier: MIT */
/* Making a pod, completely or not at all. As with a container, the record says "creating" and names
 * all that is to be there before anything of it is, until the last step: whoever comes across such
 * a record without an owner tears down what it names. */

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/bundle.h"
#include "engine/event.h"
#include "engine/network/join.h"
#include "engine/network/mode.h"
#include "engine/pod/ct_pod.h"
#include "engine/pod/directories.h"
#include "engine/pod/labels.h"
#include "engine/pod/member.h"
#include "engine/pod/memory.h"
#include "engine/pod/pod.h"
#include "engine/pod/identity.h"
#include "engine/pod/sandbox.h"
#include "engine/reserve.h"
#include "engine/userns/id_pool.h"
#include "engine/userns/userns.h"
#include "os/file.h"
#include "os/path.h"

#include <fcntl.h>
#include <string.h>

#define CONTAINERS_MAX    64
#define GRACE_SECONDS_MAX 86400

struct pod_creation {
	const struct lxcri_pod_options *options;
	struct lxcri_pod *pod;
	struct lxcri_create_options network; /* what a container of its own would ask for */
	enum network_mode mode;
};

static enum lxcri_container_type type_of(const struct pod_creation *creation)
{
	const struct lxcri_pod_options *options = creation->options;

	return options->type
		       ? *options->type
		       : lxcri_config_container_type(creation->pod->engine->config, options->id);
}

static bool is_ct(const struct pod_creation *creation)
{
	return type_of(creation) == LXCRI_PROXMOX_LXC;
}

static int add_members(struct pod_note *note, const char *pod,
		       const struct lxcri_create_options *members, size_t n_members, bool is_first,
		       struct lxcri_error *err)
{
	for (size_t i = 0; i < n_members; i++) {
		autofree char *id = xformat("%s.%s", pod, members[i].id ? members[i].id : "");

		if (!members[i].id || engine_check_id(members[i].id, err) < 0 ||
		    engine_check_id(id, err) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "\"%s\" cannot be the id of a container", id);
		for (size_t k = 0; k < note->n_members; k++)
			if (strcmp(note->members[k].name, members[i].id) == 0)
				return fail(err, LXCRI_E_INVALID_ARGUMENT,
					    "two containers are called %s", members[i].id);
		if (!members[i].image)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "container %s has no image",
				    members[i].id);
		pod_note_add(note, members[i].id, id, is_first);
	}
	return 0;
}

static int check_options(struct pod_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_pod_options *options = creation->options;
	struct pod_note *note = &creation->pod->note;

	if (engine_check_id(options->id, err) < 0)
		return -1;
	if (options->n_containers + options->n_init_containers > CONTAINERS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d containers", CONTAINERS_MAX);
	if (options->grace_seconds > GRACE_SECONDS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a grace of more than %d seconds",
			    GRACE_SECONDS_MAX);
	note->name_space = xstrdup(options->name_space ? options->name_space : "default");
	note->owner = xstrdup(options->owner);
	note->grace_seconds = options->grace_seconds;
	note->keep_identity = options->keep_identity;
	note->fs_group = options->fs_group ? (int64_t)*options->fs_group : -1;
	if (memory_choose(options, &note->memory, err) < 0)
		return -1;
	if (labels_fill(note, options->labels, options->annotations, err) < 0 ||
	    add_members(note, options->id, options->init_containers, options->n_init_containers,
			true, err) < 0)
		return -1;
	return add_members(note, options->id, options->containers, options->n_containers, false,
			   err);
}

/* An interface on the LAN is the work of a monitor, of which a pod has none of its own. */
static int refuse_lan(const struct lxcri_pod_options *options, struct lxcri_error *err)
{
	for (size_t i = 0; options->networks && options->networks[i]; i++)
		if (text_starts_with(options->networks[i], "bridge:") ||
		    text_starts_with(options->networks[i], "macvlan:"))
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "network %s: a pod cannot be on the LAN", options->networks[i]);
	return 0;
}

static int choose_network(struct pod_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_pod_options *options = creation->options;
	struct pod_note *note = &creation->pod->note;
	const struct join join = { .container = options->id, .options = &creation->network };

	creation->network = (struct lxcri_create_options){
		.id = options->id,
		.hostname = options->hostname,
		.networks = options->networks,
		.network_aliases = options->network_aliases,
		.services = options->services,
		.ip = options->ip,
		.ip6 = options->ip6,
		.mac_address = options->mac_address,
		.ports = options->ports,
		.n_ports = options->n_ports,
		.userns = options->userns,
	};
	if (is_ct(creation)) {
		creation->mode = NETWORK_MODE_NONE; /* on this host */
		return ct_pod_check(creation->pod->engine, options, err) < 0
			       ? -1
			       : bundle_choose_hostname(&creation->network, &note->hostname, err);
	}
	if (network_mode_choose(&creation->network, &creation->mode, err) < 0 ||
	    bundle_choose_hostname(&creation->network, &note->hostname, err) < 0 ||
	    refuse_lan(options, err) < 0)
		return -1;
	if (creation->mode == NETWORK_MODE_CONTAINER)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a pod cannot be on the network of a container");
	note->host_network = creation->mode == NETWORK_MODE_HOST;
	return creation->mode == NETWORK_MODE_OWN ? join_check(creation->pod->engine, &join, err)
						  : 0;
}

static int fill_record(struct pod_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_pod_options *options = creation->options;
	const struct lxcri_config *config = creation->pod->engine->config;
	struct record *record = &creation->pod->shell->record;

	record->type = type_of(creation);
	record->id = xstrdup(options->id);
	record->phase = RECORD_CREATING;
	record->created_ns = moment_now();
	record->bundle = engine_data_dir(creation->pod->engine, options->id);
	record->networked = creation->mode == NETWORK_MODE_OWN;
	record->pod = pod_note_format(&creation->pod->note);
	return is_ct(creation) ? 0 : userns_choose(&creation->network, config, record, err);
}

static int take_id(struct pod_creation *creation, struct lxcri_error *err)
{
	return reserve_id(creation->pod->shell, err);
}

/* The record names all containers and directories before there are any. */
static int make_home(struct pod_creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *shell = creation->pod->shell;
	autofree char *parent = xformat("%s/containers", creation->pod->engine->data);
	int r;

	if (!engine_database(creation->pod->engine, err))
		return -1;
	r = path_make_dirs(shell->home.data_dir, 0700);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make %s",
				       shell->home.data_dir);
	if (shell->record.ids.size > 0)
		return id_pool_take(shell->engine, &shell->home, &shell->record, err);
	return home_save_record(shell->engine, &shell->home, &shell->record, err);
}

static int join_networks(struct pod_creation *creation, struct lxcri_error *err)
{
	const struct join join = { .container = creation->options->id,
				   .hostname = creation->pod->note.hostname,
				   .options = &creation->network };

	int r;

	if (is_ct(creation))
		return ct_pod_join(creation->pod, creation->options, err);
	if (creation->mode != NETWORK_MODE_OWN)
		return 0;
	r = creation->options->keep_identity ? identity_restore(creation->pod->engine, &join, err)
					     : 0;
	return r != 0 ? (r < 0 ? -1 : 0) : join_make(creation->pod->engine, &join, err);
}

static int make_directories(struct pod_creation *creation, struct lxcri_error *err)
{
	return is_ct(creation) ? ct_pod_make_directories(creation->pod, creation->options, err)
			       : directories_make(creation->pod->shell, creation->options, err);
}

static int make_sandbox(struct pod_creation *creation, struct lxcri_error *err)
{
	return sandbox_up(creation->pod->shell, &creation->pod->note, err);
}

static int make_members(struct pod_creation *creation, struct lxcri_error *err)
{
	const struct lxcri_pod_options *options = creation->options;

	if (is_ct(creation))
		return ct_pod_create_member(creation->pod, options, &options->containers[0], err);
	for (size_t i = 0; i < options->n_init_containers; i++)
		if (member_create(creation->pod, options, &options->init_containers[i], err) < 0)
			return -1;
	for (size_t i = 0; i < options->n_containers; i++)
		if (member_create(creation->pod, options, &options->containers[i], err) < 0)
			return -1;
	return 0;
}

static int commit(struct pod_creation *creation, struct lxcri_error *err)
{
	struct lxcri_container *shell = creation->pod->shell;
	const char *const attributes[] = { "namespace", creation->pod->note.name_space, NULL };

	shell->record.phase = RECORD_READY;
	if (home_save_record(shell->engine, &shell->home, &shell->record, err) < 0)
		return -1;
	engine_event(shell->engine, "pod", "create", shell->home.id, attributes);
	return 0;
}

static const struct pod_step {
	const char *doing;
	int (*run)(struct pod_creation *creation, struct lxcri_error *err);
} pod_steps[] = {
	{ "check the request", check_options },
	{ "choose the network", choose_network },
	{ "fill the record", fill_record },
	{ "reserve the id", take_id },
	{ "make its directory", make_home },
	{ "join its networks", join_networks },
	{ "make what it mounts", make_directories },
	{ "make its namespaces", make_sandbox },
	{ "make its containers", make_members },
	{ "commit", commit }, /* from here on it is a pod */
};

static void roll_back(struct lxcri_container *shell)
{
	struct lxcri_error second = {};

	if (shell->home.locked && pod_teardown(shell, &second) < 0)
		log_error("%s", second.text);
}

static int run_steps(struct pod_creation *creation, struct lxcri_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(pod_steps); i++) {
		log_debug("create pod %s: %s", creation->options->id, pod_steps[i].doing);
		r = pod_steps[i].run(creation, err);
	}
	return r;
}

int lxcri_pod_create(struct lxcri_engine *engine, const struct lxcri_pod_options *options,
		     struct lxcri_pod **ret_pod, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = xnew(struct lxcri_pod);
	struct pod_creation creation = { .options = options, .pod = pod };
	int r;

	pod->engine = engine;
	pod->shell = xnew(struct lxcri_container);
	pod->shell->engine = engine;
	pod->shell->home = HOME_NULL;
	r = engine_defer(engine, err);
	if (r == 0)
		r = engine_settle(engine, run_steps(&creation, err), err);
	if (r < 0) {
		roll_back(pod->shell);
		return pod_fail(err, LXCRI_E_POD_CREATION_FAILED, "create pod %s",
				options->id ? options->id : "without a name");
	}
	home_unlock(&pod->shell->home);
	*ret_pod = steal(pod);
	return 0;
}
