/* SPDX-License-Identifier: MIT */
/* Addresses that outlive a pod. */

#include "engine/pod/identity.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/headless/headless.h"
#include "engine/network/publish.h"
#include "engine/network/rows.h"
#include "lxcri/workload/pod.h"

#include <string.h>

/* No id begins with it. */
#define KEPT_PREFIX "~"

static char *kept_name(const char *id)
{
	return xformat(KEPT_PREFIX "%s", id);
}

/* Does @change as one transaction. */
static int transact(struct lxcri_engine *engine, const struct join *join,
		    int (*change)(struct lxcri_engine *engine, const struct join *join,
				  struct lxcri_error *err),
		    struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	int r;

	if (!database || database_begin(database, err) < 0)
		return -1;
	r = change(engine, join, err);
	if (r >= 0 && database_commit(database, err) == 0)
		return r;
	database_roll_back(database);
	return -1;
}

/* Deletes the rows of @container. */
static int delete_all(struct database *database, const char *container, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};

	if (endpoint_list_read(database, container, NULL, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++)
		if (endpoints_delete(database, container, rows.items[i].network, err) < 0)
			return -1;
	return 0;
}

static int delete_ports(struct database *database, const char *container, struct lxcri_error *err)
{
	autorun(port_list_finish) struct port_list ports = {};

	if (port_list_read(database, container, &ports, err) < 0)
		return -1;
	for (size_t i = 0; i < ports.count; i++)
		if (ports_delete(database, &ports.items[i], err) < 0)
			return -1;
	return 0;
}

/* Ports belong to the pod as it was asked for, not to who it is. */
static int keep(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	autofree char *kept = kept_name(join->container);

	if (endpoint_list_read(engine->database, join->container, NULL, &rows, err) < 0)
		return -1;
	/* Of a pod that was half made there may be none: what is kept stays then. */
	if (rows.count == 0)
		return 0;
	if (delete_ports(engine->database, join->container, err) < 0 ||
	    delete_all(engine->database, kept, err) < 0)
		return -1;
	return endpoints_rename(engine->database, join->container, kept, err);
}

int identity_keep(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	const struct join join = { .container = id };

	return transact(engine, &join, keep, err);
}

/* Tells whether @rows are in the networks that are asked for, in their order. */
static bool fits(const struct endpoint_list *rows, const struct lxcri_create_options *options)
{
	static const char *const usual[] = { "default", NULL };
	const char *const *networks =
		options->networks && options->networks[0] ? options->networks : usual;
	size_t count = 0;

	/* Who asks for addresses gets those. */
	if (options->ip || options->ip6 || options->mac_address)
		return false;
	for (; networks[count]; count++)
		if (count >= rows->count ||
		    strcmp(rows->items[count].network, networks[count]) != 0)
			return false;
	return count == rows->count;
}

static int take(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	const char *const *aliases = join->options->network_aliases;
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	autorun(port_list_finish) struct port_list ports = {};
	autofree char *kept = kept_name(join->container);

	if (endpoint_list_read(engine->database, kept, NULL, &rows, err) < 0)
		return -1;
	if (rows.count == 0 || !fits(&rows, join->options))
		return delete_all(engine->database, kept, err);
	if (publish_choose(engine, join, &ports, err) < 0 ||
	    endpoints_rename(engine->database, kept, join->container, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		struct endpoint_row *row = &rows.items[i];

		free(row->container);
		free(row->hostname);
		strings_finish(&row->aliases);
		row->container = xstrdup(join->container);
		row->hostname = xstrdup(join->hostname);
		for (size_t k = 0; aliases && aliases[k]; k++)
			strings_add(&row->aliases, aliases[k]);
		if (endpoints_put(engine->database, row, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ports.count; i++)
		if (ports_put(engine->database, &ports.items[i], err) < 0)
			return -1;
	if (headless_join(engine, join->options->services, join->container, err) < 0)
		return -1;
	return 1;
}

int identity_restore(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	return transact(engine, join, take, err);
}

static int forget(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	autofree char *kept = kept_name(join->container);

	return delete_all(engine->database, kept, err);
}

/* Whether @name is what is kept of a pod of the set whose ids begin with @prefix. */
static bool is_of_set(const char *name, const char *prefix)
{
	const char *ordinal;

	if (!text_starts_with(name, KEPT_PREFIX) ||
	    !text_starts_with(name + strlen(KEPT_PREFIX), prefix))
		return false;
	ordinal = name + strlen(KEPT_PREFIX) + strlen(prefix);
	return *ordinal && strspn(ordinal, "0123456789") == strlen(ordinal);
}

struct kept_of_set {
	const char *prefix;
	struct strings names;
};

static int note_kept(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	struct kept_of_set *kept = userdata;

	if (is_of_set(row->container, kept->prefix) && !strings_has(&kept->names, row->container))
		strings_add(&kept->names, row->container);
	return 0;
}

static int forget_set(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	struct kept_of_set kept = { .prefix = join->container };
	int r = endpoints_each(engine->database, NULL, NULL, note_kept, &kept, err) < 0 ? -1 : 0;

	for (size_t i = 0; r == 0 && i < kept.names.count; i++)
		r = delete_all(engine->database, kept.names.items[i], err);
	strings_finish(&kept.names);
	return r;
}

int identity_forget_set(struct lxcri_engine *engine, const char *prefix, struct lxcri_error *err)
{
	const struct join join = { .container = prefix };

	return database_exists(engine->data) ? transact(engine, &join, forget_set, err) : 0;
}

int lxcri_pod_forget_identity(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	const struct join join = { .container = id };

	if (!database_exists(engine->data))
		return 0;
	return transact(engine, &join, forget, err) < 0
		       ? fail_while(err, "forget the addresses of pod %s", id)
		       : 0;
}
