/* SPDX-License-Identifier: MIT */
/* Whose network a new container is on. */

#include "engine/network/mode.h"

#include "base/text.h"

#include <string.h>

#define CONTAINER_PREFIX "container:"

static const char *first(const struct lxcri_create_options *options)
{
	return options->networks ? options->networks[0] : NULL;
}

bool network_mode_is_host(const struct lxcri_create_options *options)
{
	return first(options) && strcmp(first(options), "host") == 0;
}

const char *network_mode_container(const struct lxcri_create_options *options)
{
	const char *name = first(options);

	return name && text_starts_with(name, CONTAINER_PREFIX) ? name + strlen(CONTAINER_PREFIX)
								: NULL;
}

bool network_mode_is_foreign(const struct lxcri_create_options *options)
{
	return network_mode_is_host(options) || network_mode_container(options);
}

/* Refuses what only an interface of the container's own could have. */
static int check_alone(const struct lxcri_create_options *options, const char *mode,
		       struct lxcri_error *err)
{
	const struct {
		const char *what;
		bool is_given;
	} given[] = {
		{ "another network", options->networks && options->networks[1] },
		{ "an address", options->ip || options->ip6 || options->mac_address },
		{ "a published port", options->n_ports > 0 || options->publish_all },
		{ "an alias", options->network_aliases && options->network_aliases[0] },
		{ "a service", options->services && options->services[0] },
	};

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		if (given[i].is_given)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "network %s goes with no %s",
				    mode, strchr(given[i].what, ' ') + 1);
	return 0;
}

int network_mode_choose(const struct lxcri_create_options *options, enum network_mode *ret,
			struct lxcri_error *err)
{
	const char *name = first(options);

	for (size_t i = 1; name && options->networks[i]; i++)
		if (strcmp(options->networks[i], "none") == 0 ||
		    strcmp(options->networks[i], "host") == 0 ||
		    text_starts_with(options->networks[i], CONTAINER_PREFIX))
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "network %s goes with no other",
				    options->networks[i]);
	*ret = NETWORK_MODE_OWN;
	if (name && strcmp(name, "none") == 0)
		*ret = NETWORK_MODE_NONE;
	else if (network_mode_is_host(options))
		*ret = NETWORK_MODE_HOST;
	else if (network_mode_container(options))
		*ret = NETWORK_MODE_CONTAINER;
	return *ret == NETWORK_MODE_OWN ? 0 : check_alone(options, name, err);
}
