/* SPDX-License-Identifier: MIT */
/* Pods whose container is a CT of Proxmox VE. */

#include "engine/pod/ct_pod.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/create.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_process.h"
#include "engine/guest/guest_join.h"
#include "engine/headless/headless.h"
#include "engine/lan/lan_spec.h"
#include "engine/network/create.h"
#include "engine/network/rows.h"
#include "engine/pod/ct_number.h"
#include "engine/pod/directories.h"
#include "engine/pod/fields.h"
#include "engine/pod/identity.h"
#include "engine/pod/lookup.h"
#include "image/convert/ct_dataset.h"

#include <errno.h>
#include <string.h>

/* Between networks, in whose words there are commas. */
#define NETWORK_SEPARATOR ";"

/* Returns what the pod's annotation @key says, or NULL. */
static const char *annotation(const struct lxcri_pod_options *options, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; options->annotations && options->annotations[i]; i++)
		if (strncmp(options->annotations[i], key, length) == 0 &&
		    options->annotations[i][length] == '=')
			return options->annotations[i] + length + 1;
	return NULL;
}

static bool is_bridge(const char *network)
{
	return lan_spec_is(network) || strcmp(network, "none") == 0;
}

/* Reads on which bridges it is to be; none means on the usual one. */
static void read_bridges(const struct lxcri_pod_options *options, struct strings *ret)
{
	autofree char *text = xstrdup(annotation(options, CT_POD_NETWORK));

	for (char *rest = text; rest;) {
		const char *word = strsep(&rest, NETWORK_SEPARATOR);

		if (*word)
			strings_add(ret, word);
	}
	for (size_t i = 0; !text && options->networks && options->networks[i]; i++)
		if (is_bridge(options->networks[i]))
			strings_add(ret, options->networks[i]);
}

/* Returns the network of its namespace, in which it has its name. */
static const char *find_network(const struct lxcri_pod_options *options)
{
	for (size_t i = 0; options->networks && options->networks[i]; i++)
		if (!is_bridge(options->networks[i]))
			return network_called(options->networks[i]);
	return NETWORK_DEFAULT;
}

static bool has_files(const struct lxcri_pod_options *options, const char *directory)
{
	for (size_t i = 0; i < options->n_files; i++)
		if (strcmp(options->files[i].directory, directory) == 0)
			return true;
	return false;
}

/* Finds what is kept in memory of @directory: "NAME" or "NAME=BYTES"; or NULL. */
static const char *find_memory(const struct lxcri_pod_options *options, const char *directory)
{
	size_t length = strlen(directory);

	for (size_t i = 0; options->memory && options->memory[i]; i++)
		if (strncmp(options->memory[i], directory, length) == 0 &&
		    strchr("=", options->memory[i][length]))
			return options->memory[i];
	return NULL;
}

static bool is_command(const struct lxcri_probe *probe)
{
	return probe && probe->by == LXCRI_PROBE_EXEC;
}

/* Tells whether the pod's container asks for what is done on its node alone. */
static bool needs_node(const struct lxcri_create_options *container)
{
	const struct lxcri_probes *probes = container->probes;

	for (size_t i = 0; i < container->n_volumes; i++)
		if (container->volumes[i].source && *container->volumes[i].source == '/')
			return true;
	if (probes && (is_command(probes->startup) || is_command(probes->liveness) ||
		       is_command(probes->readiness)))
		return true;
	return (container->pre_stop && container->pre_stop->command) ||
	       (container->post_start && container->post_start->command) ||
	       (container->restart && text_starts_with(container->restart, "on-failure"));
}

char *ct_pod_node_here(const struct lxcri_engine *engine, const char *asked)
{
	const char *wanted = asked ? asked : config_text(engine->config, CONFIG_PROXMOX_NODE);
	autofree char *here = ct_node_here(engine);

	return here && (!wanted || strcmp(wanted, here) == 0) ? steal(here) : NULL;
}

/* Yields the node that the pod has to be on, or NULL for any; owned by the caller. Where it needs
 * what is on this host, that is this host's where it can be. */
static int choose_node(struct lxcri_engine *engine, const struct lxcri_pod_options *options,
		       char **ret, struct lxcri_error *err)
{
	const char *asked = annotation(options, CT_POD_NODE);
	autofree char *here = ct_pod_node_here(engine, asked);

	if (options->n_files > 0 && !here)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "volume %s: its files are on this host, which is not the node of the "
			    "pod (proxmox.local_node), and the API of Proxmox VE takes no files; "
			    "give them as environment, or put them into the image",
			    options->files[0].directory);
	*ret = here && (options->n_files > 0 || needs_node(&options->containers[0]))
		       ? steal(here)
		       : xstrdup(asked);
	return 0;
}

static int check_bridges(const struct lxcri_pod_options *options, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings bridges = {};

	read_bridges(options, &bridges);
	for (size_t i = 0; i < bridges.count; i++) {
		struct lan_spec spec;

		if (strcmp(bridges.items[i], "none") == 0 && bridges.count == 1)
			return 0;
		if (lan_spec_parse(bridges.items[i], &spec, err) < 0)
			return fail_while(err, "annotation " CT_POD_NETWORK);
	}
	return 0;
}

static bool is_alone(const struct lxcri_pod_options *options)
{
	autorun(strings_finish) struct strings bridges = {};

	read_bridges(options, &bridges);
	return bridges.count == 1 && strcmp(bridges.items[0], "none") == 0;
}

bool ct_pod_is_alone(const struct lxcri_pod *pod)
{
	const char *network = json_get_text(pod->note.annotations, CT_POD_NETWORK);

	return ct_pod_is(pod->shell) && network && strcmp(network, "none") == 0;
}

static int check_volumes(const struct lxcri_pod_options *options, struct lxcri_error *err)
{
	const struct lxcri_create_options *container = &options->containers[0];

	for (size_t i = 0; i < container->n_volumes; i++) {
		const char *source = container->volumes[i].source;

		if (strchr(container->volumes[i].destination, ':'))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "\"%.80s\" cannot be a place in a CT: it has a colon",
				    container->volumes[i].destination);
		if (source && text_starts_with(source, DIRECTORIES_PREFIX) && strchr(source, '/'))
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "volume %s: a CT of Proxmox VE mounts directories, and no "
				    "single files",
				    source);
	}
	return 0;
}

static int check_words(const char *const *words, struct lxcri_error *err)
{
	for (; words && *words; words++)
		if (strstr(*words, FIELDS_MARK))
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "an address in the environment: which ones a CT will have is "
				    "not known when it is made");
	return 0;
}

int ct_pod_check(struct lxcri_engine *engine, const struct lxcri_pod_options *options,
		 struct lxcri_error *err)
{
	static const char bridges[] = "a CT on a bridge has an address of its own";
	const char *const *networks = options->networks;
	const bool on_host = networks && networks[0] && strcmp(networks[0], "host") == 0;
	const struct {
		bool given;
		const char *what;
		const char *why;
	} refused[] = {
		{ options->n_containers > 1, "more than one container", "a CT is one" },
		{ options->n_containers == 0, "no container", "a CT is one" },
		{ options->n_init_containers > 0, "init containers", "a CT is one container" },
		{ on_host, "the host's network",
		  "the host is the node, whose network a CT has not" },
		{ options->n_ports > 0, "a port of the host", bridges },
		{ options->ip || options->ip6, "an address apart from its network",
		  "write it into the annotation " CT_POD_NETWORK },
		{ options->fs_group, "a group for its volumes", "its API has nothing for it" },
	};
	autofree char *node = NULL;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (refused[i].given)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "a pod in Proxmox VE cannot have %s: %s", refused[i].what,
				    refused[i].why);
	if (check_bridges(options, err) < 0 || check_volumes(options, err) < 0 ||
	    check_words(options->containers[0].env, err) < 0)
		return -1;
	if (is_alone(options) && options->services && options->services[0])
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "service %s: the pod is on no network, so nothing leads to it",
			    options->services[0]);
	return choose_node(engine, options, &node, err);
}

/* Of the first of its bridges. */
static int choose_mac(const struct lxcri_pod_options *options, struct endpoint_row *endpoint,
		      struct lxcri_error *err)
{
	autorun(strings_finish) struct strings bridges = {};

	read_bridges(options, &bridges);
	return guest_join_choose_mac(options->mac_address,
				     bridges.count > 0 ? bridges.items[0] : NULL, endpoint->mac,
				     err);
}

static int put_place(struct session *session, const struct lxcri_pod *pod,
		     const struct lxcri_pod_options *options, struct lxcri_error *err)
{
	const char *const *aliases = options->network_aliases;
	autorun(network_row_finish) struct network_row network = {};
	autorun(endpoint_row_finish) struct endpoint_row endpoint = {
		.container = xstrdup(options->id),
		.network = xstrdup(find_network(options)),
		.hostname = xstrdup(pod->note.hostname),
		.persistent = true,
	};

	for (size_t i = 0; aliases && aliases[i]; i++)
		strings_add(&endpoint.aliases, aliases[i]);
	if (network_find_or_create(session, endpoint.network, &network, err) < 0 ||
	    choose_mac(options, &endpoint, err) < 0 ||
	    endpoints_put(session->database, &endpoint, err) < 0)
		return -1;
	return headless_join(session->engine, options->services, options->id, err);
}

static int make_place(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
		      struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	if (session_begin(pod->engine, &session, err) < 0 ||
	    database_begin(session.database, err) < 0)
		return -1;
	if (put_place(&session, pod, options, err) == 0 &&
	    database_commit(session.database, err) == 0)
		return 0;
	database_roll_back(session.database);
	return -1;
}

int ct_pod_join(struct lxcri_pod *pod, const struct lxcri_pod_options *options,
		struct lxcri_error *err)
{
	const char *const networks[] = { find_network(options), NULL };
	const struct lxcri_create_options wanted = { .id = options->id,
						     .networks = networks,
						     .network_aliases = options->network_aliases,
						     .services = options->services,
						     .mac_address = options->mac_address };
	const struct join join = { .container = options->id,
				   .hostname = pod->note.hostname,
				   .options = &wanted };
	int r = options->keep_identity ? identity_restore(pod->engine, &join, err) : 0;

	if (r == 0)
		r = make_place(pod, options, err);
	return r < 0 ? -1 : 0;
}

int ct_pod_is_lost(const struct lxcri_pod *pod, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

	if (!ct_pod_is(pod->shell) || pod->note.n_members == 0)
		return 0;
	return lxcri_container_open(pod->engine, pod->note.members[0].id, &container, err) < 0
		       ? -1
		       : container->lost;
}

int ct_pod_leave(struct lxcri_container *shell, struct lxcri_error *err)
{
	struct database *database = engine_database(shell->engine, err);

	return !database || endpoints_note_gone(database, shell->home.id, err) < 0 ? -1 : 0;
}

int ct_pod_make_directories(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
			    struct lxcri_error *err)
{
	struct lxcri_pod_options with_files = *options;
	struct lxcri_container owner = *pod->shell; /* whose root is that of the CT */
	autorun(strings_finish) struct strings names = {};

	/* The others are volumes of the CT. */
	for (size_t i = 0; options->directories && options->directories[i]; i++)
		if (has_files(options, options->directories[i]))
			strings_add(&names, options->directories[i]);
	with_files.directories = (const char *const *)names.items;
	if (!options->containers[0].privileged)
		owner.record.ids =
			(struct record_ids){ .start = CT_DATASET_FIRST_ID, .size = CT_DATASET_IDS };
	return directories_make(&owner, &with_files, err);
}

/* What the options of the CT borrow. */
struct loan {
	char *id;
	char *node;
	char mac[LINK_MAC_TEXT_MAX];
	struct strings bridges;
	struct strings annotations;
	struct strings tmpfs;
	struct strings sources;
	struct text open; /* where all may write */
	struct lookup lookup;
	struct lxcri_volume *volumes;
	size_t n_volumes;
};

static void loan_finish(struct loan *loan)
{
	free(loan->id);
	free(loan->node);
	free(loan->volumes);
	strings_finish(&loan->bridges);
	strings_finish(&loan->annotations);
	strings_finish(&loan->tmpfs);
	strings_finish(&loan->sources);
	text_finish(&loan->open);
	lookup_finish(&loan->lookup);
}

static void add_tmpfs(const struct lxcri_volume *volume, const char *memory, struct loan *loan)
{
	const char *equals = strchr(memory, '=');

	strings_addf(&loan->tmpfs, "%s:exec,mode=1777%s%s%s", volume->destination,
		     equals ? ",size=" : "", equals ? equals + 1 : "",
		     volume->options && strcmp(volume->options, "ro") == 0 ? ",ro" : "");
}

/* A directory of the pod is a volume of the CT, which is the pod. */
static int place_volume(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
			const struct lxcri_volume *volume, struct loan *loan,
			struct lxcri_error *err)
{
	struct lxcri_volume *placed = &loan->volumes[loan->n_volumes];
	const char *directory;
	const char *memory;
	char *path = NULL;

	*placed = *volume;
	if (!volume->source || !text_starts_with(volume->source, DIRECTORIES_PREFIX)) {
		loan->n_volumes++;
		return 0;
	}
	directory = volume->source + strlen(DIRECTORIES_PREFIX);
	memory = find_memory(options, directory);
	if (memory) {
		add_tmpfs(volume, memory, loan);
		return 0;
	}
	placed->source = NULL;
	if (has_files(options, directory)) {
		if (directories_find(pod->shell, options, volume->source, &path, err) < 0)
			return -1;
		strings_add_consume(&loan->sources, path);
		placed->source = path;
	} else {
		text_addf(&loan->open, "%s%s", loan->open.length > 0 ? ":" : "",
			  volume->destination);
	}
	loan->n_volumes++;
	return 0;
}

/* Adds those that are about the CT itself. */
static void add_annotations(const struct lxcri_pod_options *options, struct loan *loan)
{
	for (size_t i = 0; options->annotations && options->annotations[i]; i++) {
		const char *text = options->annotations[i];

		if (text_starts_with(text, CT_POD_PREFIX) &&
		    !text_starts_with(text, CT_POD_NETWORK "=") &&
		    !text_starts_with(text, CT_POD_NODE "="))
			strings_add(&loan->annotations, text);
	}
}

static int borrow(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
		  const struct lxcri_create_options *given, struct loan *loan,
		  struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};

	loan->id = xformat("%s.%s", pod->shell->home.id, given->id);
	loan->volumes = xcalloc(given->n_volumes + 1, sizeof(*loan->volumes));
	read_bridges(options, &loan->bridges);
	add_annotations(options, loan);
	if (choose_node(pod->engine, options, &loan->node, err) < 0 ||
	    endpoint_list_read(pod->engine->database, pod->shell->home.id, NULL, &rows, err) < 0)
		return -1;
	if (rows.count > 0 && !is_alone(options))
		(void)link_mac_format(rows.items[0].mac, loan->mac);
	for (size_t i = 0; given->tmpfs && given->tmpfs[i]; i++)
		strings_add(&loan->tmpfs, given->tmpfs[i]);
	for (size_t i = 0; i < given->n_volumes; i++)
		if (place_volume(pod, options, &given->volumes[i], loan, err) < 0)
			return fail_while(err, "container %s", given->id);
	if (loan->open.length > 0)
		strings_addf(&loan->annotations, CT_PROCESS_OPEN "=%s", loan->open.data);
	return 0;
}

/* Notes the number, which stays the pod's. */
static int note_number(const struct lxcri_pod *pod, const struct lxcri_container *container,
		       struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};

	if (ct_place_load(&container->record, &place, err) < 0)
		return -1;
	return ct_number_note(pod->engine, pod->shell->home.id, place.vmid, err) < 0 ? -1 : 0;
}

/* Has the pod ask our own server for names where that can be, and writes down that it does: who is
 * killed before the CT is made leaves a row of a pod that is removed. */
static int choose_names(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
			struct lxcri_create_options *member, struct loan *loan,
			struct lxcri_error *err)
{
	autorun(guest_row_finish) struct guest_row guest = {};
	char server[ADDRESS_TEXT_MAX];
	const struct guest_wish wish = { (const char *const *)loan->bridges.items, loan->volumes,
					 loan->n_volumes };
	int r = lookup_is_given(options)
			? 0
			: guest_find_server(pod->engine, &wish, &loan->node, &guest, err);

	if (r < 0)
		return -1;
	guest.container = xstrdup(pod->shell->home.id);
	if (r == 0)
		return guests_delete(pod->engine->database, guest.container, err);
	if (guests_put(pod->engine->database, &guest, err) < 0)
		return -1;
	(void)address_format(&guest.server, server);
	return lookup_choose(pod, options, server, member, &loan->lookup, err);
}

int ct_pod_create_member(struct lxcri_pod *pod, const struct lxcri_pod_options *options,
			 const struct lxcri_create_options *given, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(loan_finish) struct loan loan = {};
	const struct create_place place = { .pod = pod->shell->home.id,
					    .ids = &pod->shell->record.ids };
	struct lxcri_create_options member = *given;

	member.dns = options->dns;
	member.dns_search = options->dns_search;
	member.dns_options = options->dns_options;
	if (borrow(pod, options, given, &loan, err) < 0 ||
	    choose_names(pod, options, &member, &loan, err) < 0)
		return -1;
	member.id = loan.id;
	member.type = &pod->shell->record.type;
	member.hostname = pod->note.hostname;
	member.node = loan.node;
	member.networks = loan.bridges.count > 0 ? (const char *const *)loan.bridges.items : NULL;
	member.mac_address = *loan.mac ? loan.mac : NULL;
	member.annotations = (const char *const *)loan.annotations.items;
	member.tmpfs = (const char *const *)loan.tmpfs.items;
	member.volumes = loan.volumes;
	member.n_volumes = loan.n_volumes;
	member.add_hosts = options->add_hosts;
	member.userns = NULL;
	if (create_in_pod(pod->engine, &member, &place, &container, err) < 0)
		return -1;
	return note_number(pod, container, err);
}
