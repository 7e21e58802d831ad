/* SPDX-License-Identifier: MIT */
/* Containers of pods. */

#include "engine/pod/member.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/create.h"
#include "engine/pod/directories.h"
#include "engine/pod/fields.h"
#include "engine/pod/lookup.h"

#include <string.h>

/* What a member's options borrow. */
struct loan {
	char *id;
	struct lxcri_volume *volumes;
	struct strings sources;
	struct lookup lookup;
	struct strings filled[3];
};

static void loan_finish(struct loan *loan)
{
	free(loan->id);
	free(loan->volumes);
	strings_finish(&loan->sources);
	lookup_finish(&loan->lookup);
	for (size_t i = 0; i < ARRAY_LEN(loan->filled); i++)
		strings_finish(&loan->filled[i]);
}

/* Puts paths in the place of "pod:..." */
static int place_volumes(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
			 struct lxcri_create_options *member, struct loan *loan,
			 struct lxcri_error *err)
{
	loan->volumes =
		member->n_volumes ? xcalloc(member->n_volumes, sizeof(*loan->volumes)) : NULL;
	for (size_t i = 0; i < member->n_volumes; i++) {
		const char *source = member->volumes[i].source;
		char *path = NULL;

		loan->volumes[i] = member->volumes[i];
		if (!source || !text_starts_with(source, DIRECTORIES_PREFIX))
			continue;
		if (directories_find(pod->shell, options, source, &path, err) < 0)
			return -1;
		strings_add_consume(&loan->sources, path);
		loan->volumes[i].source = path;
	}
	member->volumes = loan->volumes;
	return 0;
}

static bool is_first(const struct lxcri_pod_options *options,
		     const struct lxcri_create_options *given)
{
	return given >= options->init_containers &&
	       given < options->init_containers + options->n_init_containers;
}

int member_create(struct lxcri_pod *pod, const struct lxcri_pod_options *options,
		  const struct lxcri_create_options *given, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(loan_finish) struct loan loan = {};
	static const char *const host[] = { "host", NULL };
	const struct create_place place = { .pod = pod->shell->home.id,
					    .host_network = pod->note.host_network,
					    .is_first = is_first(options, given),
					    .ids = &pod->shell->record.ids,
					    .fs_group = pod->note.fs_group,
					    .keep_group = options->fs_group_on_mismatch };
	struct lxcri_create_options member = *given;

	loan.id = xformat("%s.%s", pod->shell->home.id, given->id);
	member.id = loan.id;
	member.type = &pod->shell->record.type;
	member.hostname = pod->note.hostname;
	member.networks = pod->note.host_network ? host : NULL;
	member.dns = options->dns;
	member.dns_search = options->dns_search;
	member.dns_options = options->dns_options;
	member.add_hosts = options->add_hosts;
	member.network_aliases = NULL;
	member.services = NULL;
	member.ports = NULL;
	member.n_ports = 0;
	member.userns =
		given->privileged || pod->shell->record.ids.size == 0 ? "host" : options->userns;
	if ((pod->shell->record.networked &&
	     lookup_choose(pod, options, NULL, &member, &loan.lookup, err) < 0) ||
	    fields_fill(pod, &member.env, &loan.filled[0], err) < 0 ||
	    fields_fill(pod, &member.entrypoint, &loan.filled[1], err) < 0 ||
	    fields_fill(pod, &member.command, &loan.filled[2], err) < 0)
		return -1;
	if (place_volumes(pod, options, &member, &loan, err) < 0)
		return fail_while(err, "container %s", given->id);
	return create_in_pod(pod->engine, &member, &place, &container, err);
}
