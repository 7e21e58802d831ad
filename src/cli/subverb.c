/* SPDX-License-Identifier: MIT */
#include "cli/subverb.h"

#include "base/nearest.h"

#include <string.h>

int subverb_find(const struct cli *cli, const char *word, const struct subverb *first, size_t count,
		 size_t size, struct lxcri_error *err)
{
	struct nearest nearest = nearest_to(word);

	for (size_t i = 0; i < count; i++) {
		const struct subverb *verb =
			(const struct subverb *)((const char *)first + i * size);

		nearest_offer(&nearest, verb->name);
		if (strcmp(word, verb->name) == 0 ||
		    (verb->alias && strcmp(word, verb->alias) == 0))
			return (int)i;
	}
	if (nearest.best)
		return cli_usage(cli, err, "unknown verb \"%s\"; did you mean %s?", word,
				 nearest.best);
	return cli_usage(cli, err, "unknown verb \"%s\"", word);
}

static bool is_owner(const struct subverb_option *option, const char *name)
{
	for (size_t i = 0; i < SUBVERB_OWNERS_MAX && option->owners[i]; i++)
		if (strcmp(option->owners[i], name) == 0)
			return true;
	return false;
}

int subverb_check_options(const struct cli *cli, const char *name,
			  const struct subverb_option *options, size_t count,
			  struct lxcri_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (options[i].given && !is_owner(&options[i], name))
			return cli_usage(cli, err, "%s has no %s", name, options[i].option);
	return 0;
}
