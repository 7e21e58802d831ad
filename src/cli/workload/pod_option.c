/* SPDX-License-Identifier: MIT */
/* The containers and ports of `pod create`. */

#include "cli/workload/pod_option.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/fail.h"
#include "cli/request/network_options.h"

#include <stdlib.h>
#include <string.h>

void pod_option_finish(struct pod_option *option)
{
	free(option->containers);
	free(option->ports);
	strings_finish(&option->texts);
	*option = (struct pod_option){};
}

static int add_container(struct pod_option *option, const char *word, struct lxcri_error *err)
{
	const char *equals = strchr(word, '=');

	if (!equals || equals == word || !equals[1])
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.80s\" is not NAME=IMAGE", word);
	strings_add_consume(&option->texts, xstrndup(word, (size_t)(equals - word)));
	option->containers = xreallocarray(option->containers, option->n_containers + 1,
					   sizeof(*option->containers));
	option->containers[option->n_containers++] =
		(struct lxcri_create_options){ .id = option->texts.items[option->texts.count - 1],
					       .image = equals + 1 };
	return 0;
}

int pod_option_read(const struct strings *ports, char **words, struct pod_option *ret,
		    struct lxcri_error *err)
{
	for (; *words; words++)
		if (add_container(ret, *words, err) < 0)
			return -1;
	ret->ports = ports->count ? xcalloc(ports->count, sizeof(*ret->ports)) : NULL;
	for (; ret->n_ports < ports->count; ret->n_ports++)
		if (network_options_parse_port(ports->items[ret->n_ports], &ret->texts,
					       &ret->ports[ret->n_ports], err) < 0)
			return -1;
	return 0;
}
