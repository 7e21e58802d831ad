/* SPDX-License-Identifier: MIT */
/* Whom the containers of a pod ask for names. */

#include "engine/pod/lookup.h"

#include "base/mem.h"

void lookup_finish(struct lookup *lookup)
{
	names_lookup_finish(&lookup->names);
	for (size_t i = 0; i < ARRAY_LEN(lookup->joined); i++)
		strings_finish(&lookup->joined[i]);
}

/* Returns @first with @then behind it. */
static const char *const *join(const char *const *first, const char *const *then,
			       struct strings *ret)
{
	for (; first && *first; first++)
		strings_add(ret, *first);
	for (; then && *then; then++)
		if (!strings_has(ret, *then))
			strings_add(ret, *then);
	return (const char *const *)ret->items;
}

bool lookup_is_given(const struct lxcri_pod_options *options)
{
	return options->host_dns || (!options->dns_joins && options->dns && options->dns[0]);
}

int lookup_choose(const struct lxcri_pod *pod, const struct lxcri_pod_options *options,
		  const char *server, struct lxcri_create_options *member, struct lookup *ret,
		  struct lxcri_error *err)
{
	struct lxcri_create_options names = *member;

	if (options->host_dns)
		return 0;
	names.id = pod->shell->home.id;
	names.services = options->services;
	if (options->dns_joins)
		names.dns = names.dns_search = names.dns_options = NULL;
	if (names_complete(pod->engine, &names, &ret->names, err) < 0)
		return -1;
	if (server && names.dns == (const char *const *)ret->names.servers.items) {
		strings_finish(&ret->names.servers);
		strings_add(&ret->names.servers, server);
		names.dns = (const char *const *)ret->names.servers.items;
	}
	member->dns = names.dns;
	member->dns_search = names.dns_search;
	member->dns_options = names.dns_options;
	if (!options->dns_joins)
		return 0;
	member->dns = join(names.dns, options->dns, &ret->joined[0]);
	member->dns_search = join(names.dns_search, options->dns_search, &ret->joined[1]);
	member->dns_options = join(names.dns_options, options->dns_options, &ret->joined[2]);
	return 0;
}
