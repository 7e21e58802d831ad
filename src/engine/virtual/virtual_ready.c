/* SPDX-License-Identifier: MIT */
/* Members that are ready.
 *
 * How it works: looking at a container may take its lock and change the network, so it is done
 * without the lock of that. One lock of its own is held from the look until the rules are so: who
 * looked later is not overruled by who looked before. */

#include "engine/virtual/virtual_ready.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/pod/pod.h"
#include "engine/service/health.h"
#include "engine/virtual/virtual_rules.h"

#include <string.h>

#define LOCK_FILE "services.lock"

static int take_lock(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	return engine_lock_file(engine->data, LOCK_FILE, err);
}

int virtual_ready_is(struct lxcri_engine *engine, const char *id, char **ret_ports,
		     struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_pod_state state;
	struct lxcri_error gone = {};
	const char *ports = NULL;
	int r = lxcri_pod_open(engine, id, &pod, &gone);

	if (r < 0 && gone.code != LXCRI_E_POD_NOT_FOUND) {
		*err = gone;
		return -1;
	}
	if (r == 0 && lxcri_pod_state(pod, &state, err) < 0)
		return -1;
	if (r == 0)
		ports = json_get_text(pod->note.annotations, VIRTUAL_PORTS_ANNOTATION);
	if (ret_ports)
		*ret_ports = xstrdup(ports ? ports : "");
	if (r < 0)
		return health_is_ready(engine, id);
	return pod_is_ready(&state);
}

static int look_at(struct lxcri_engine *engine, const struct member_row *member,
		   struct lxcri_error *err)
{
	autofree char *ports = NULL;
	int ready = virtual_ready_is(engine, member->container, &ports, err);

	if (ready < 0)
		return -1;
	if ((ready > 0) == member->is_ready &&
	    strcmp(ports, member->ports ? member->ports : "") == 0)
		return 0;
	return members_note(engine->database, member->container, ready > 0, ports, err);
}

/* Looks at the members of @service, or only at @container. */
static int look_at_members(struct lxcri_engine *engine, const struct service_row *service,
			   const char *container, struct lxcri_error *err)
{
	autorun(member_list_finish) struct member_list members = {};

	if (member_list_read_service(engine->database, service, &members, err) < 0)
		return -1;
	for (size_t i = 0; i < members.count; i++)
		if ((!container || strcmp(container, members.items[i].container) == 0) &&
		    look_at(engine, &members.items[i], err) < 0)
			return -1;
	return 0;
}

static int collect(struct session *session, const struct service_list *services,
		   struct lxcri_error *err)
{
	for (size_t i = 0; i < services->count; i++) {
		autorun(service_row_finish) struct service_row row = {};
		int found = services_find(session->database, &services->items[i], &row, err);

		/* It may have gone, or changed, since it was read. */
		if (found < 0 ||
		    (found > 0 && virtual_rules_set(session, RULESET_UNKNOWN, &row, NULL, err) < 0))
			return -1;
	}
	return 0;
}

static int set_rules(struct lxcri_engine *engine, const struct service_list *services,
		     struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	struct lxcri_error first = {};
	int loaded;
	int there;

	if (session_begin(engine, &session, err) < 0)
		return -1;
	loaded = ruleset_is_loaded(session.rules, err);
	if (loaded <= 0)
		return loaded;
	there = ruleset_has_services(session.rules, err);
	/* The first service brings what all need. */
	if (there <= 0)
		return there < 0 ? -1 : session_set_rules(&session, err);
	if (collect(&session, services, err) < 0)
		return -1;
	if (ruleset_commit(session.rules, &first) == 0)
		return 0;
	/* Somebody else has changed them. */
	return session_set_rules(&session, err);
}

static int look(struct lxcri_engine *engine, const struct service_list *services,
		const char *container, struct lxcri_error *err)
{
	for (size_t i = 0; i < services->count; i++)
		if (look_at_members(engine, &services->items[i], container, err) < 0)
			return -1;
	return set_rules(engine, services, err);
}

/* Reads the services that are concerned into @ret. */
static int find_services(struct database *database, const struct service_row *key,
			 const char *container, struct service_list *ret, struct lxcri_error *err)
{
	struct service_row row = {};
	int found;

	if (!key)
		return service_list_read_virtual(database, container, ret, err);
	found = services_find(database, key, &row, err);
	if (found > 0 && service_row_is_virtual(&row)) {
		ret->items = xcalloc(1, sizeof(*ret->items));
		ret->items[ret->count++] = row;
		return 0;
	}
	service_row_finish(&row);
	return found < 0 ? -1 : 0;
}

static int look_for(struct lxcri_engine *engine, const struct service_row *key,
		    const char *container, struct lxcri_error *err)
{
	autorun(service_list_finish) struct service_list services = {};
	struct database *database;
	autoclose int lock = -1;

	if (!engine->database && !database_exists(engine->data))
		return 0;
	database = engine_database(engine, err);
	if (!database || find_services(database, key, container, &services, err) < 0)
		return -1;
	if (services.count == 0)
		return 0;
	lock = take_lock(engine, err);
	return lock < 0 ? -1 : look(engine, &services, container, err);
}

int virtual_ready_look_all(struct lxcri_engine *engine, const struct service_row *key,
			   struct lxcri_error *err)
{
	return look_for(engine, key, NULL, err);
}

int virtual_ready_look(struct lxcri_engine *engine, const char *container, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *opened = NULL;
	struct lxcri_error gone = {};
	struct database *database;
	int r;

	if (!engine->database && !database_exists(engine->data))
		return 0;
	database = engine_database(engine, err);
	r = database ? services_have_virtual(database, err) : -1;
	if (r <= 0)
		return r;
	if (lxcri_container_open(engine, container, &opened, &gone) == 0 && opened->record.pod_of)
		container = opened->record.pod_of;
	return look_for(engine, NULL, container, err);
}

void virtual_ready_tell(struct lxcri_engine *engine, const char *container)
{
	struct lxcri_error err = {};

	if (virtual_ready_look(engine, container, &err) < 0)
		log_warning("the services of %s: %s", container, err.text);
}
