/* SPDX-License-Identifier: MIT */
/* Services. */

#include "engine/workload/service.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/pod/pod.h"
#include "lxcri/network.h"

#include <string.h>

bool service_selects(const struct object_service *service, const struct field_map *labels)
{
	const struct field_map *selector = &service->selector;

	for (size_t i = 0; i < selector->keys.count; i++) {
		const char *value = field_map_get(labels, selector->keys.items[i]);

		if (!value || strcmp(value, selector->values.items[i]) != 0)
			return false;
	}
	return selector->keys.count > 0;
}

static struct lxcri_headless_service describe(const struct object *object)
{
	return (struct lxcri_headless_service){ .network = object->meta->name_space,
						.namespace_name = object->meta->name_space,
						.name = object->meta->name,
						.replace = true };
}

/* The port that the pods have. One that is named there is taken to be the service's. */
static int read_port(const struct object_service_port *given, struct lxcri_service_port *ret,
		     struct lxcri_error *err)
{
	uint64_t target = (uint64_t)given->port;

	if (given->target_port)
		(void)text_parse_u64(given->target_port, 1, 65535, &target);
	if (given->port < 1 || given->port > 65535)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "port %jd: expected 1 to 65535",
			    (intmax_t)given->port);
	*ret = (struct lxcri_service_port){ .name = given->name, .port = (uint16_t)target };
	if (given->protocol && strcmp(given->protocol, "UDP") == 0)
		ret->protocol = LXCRI_PROTOCOL_UDP;
	if (given->protocol && strcmp(given->protocol, "SCTP") == 0)
		ret->protocol = LXCRI_PROTOCOL_SCTP;
	return 0;
}

/* Pods that are there already, and what they are to join. */
struct joining {
	struct lxcri_engine *engine;
	const struct object *object;
	struct strings ids;
};

static int note(void *userdata, const struct lxcri_pod_state *state)
{
	struct joining *joining = userdata;

	if (strcmp(state->name_space, joining->object->meta->name_space) == 0)
		strings_add(&joining->ids, state->id);
	return 0;
}

static bool is_selected(const struct lxcri_pod *pod, const struct object_service *service)
{
	struct field_map labels = {};
	bool selected;

	if (!pod->shell->record.networked)
		return false;
	json_object_object_foreach(pod->note.labels, key, value)
	{
		field_map_add(&labels, key, json_object_get_string(value));
	}
	selected = service_selects(service, &labels);
	field_map_finish(&labels);
	return selected;
}

static int join(struct joining *joining, const char *id, struct lxcri_error *err)
{
	const struct lxcri_headless_service service = describe(joining->object);
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};

	if (lxcri_pod_open(joining->engine, id, &pod, &gone) < 0)
		return 0; /* it went meanwhile */
	return is_selected(pod, joining->object->service)
		       ? lxcri_network_join_headless_service(joining->engine, &service, id, err)
		       : 0;
}

static int join_all(struct lxcri_engine *engine, const struct object *object,
		    struct lxcri_error *err)
{
	struct joining joining = { .engine = engine, .object = object };
	int r = lxcri_pod_list(engine, note, &joining, err);

	for (size_t i = 0; r == 0 && i < joining.ids.count; i++)
		r = join(&joining, joining.ids.items[i], err);
	strings_finish(&joining.ids);
	return r;
}

int service_converge(struct lxcri_engine *engine, const struct object *object,
		     struct lxcri_error *err)
{
	const struct object_service_port *given = object->service->ports.items;
	struct lxcri_headless_service service = describe(object);
	autofree struct lxcri_service_port *ports =
		xcalloc(object->service->ports.count + 1, sizeof(*ports));

	for (; service.n_ports < object->service->ports.count; service.n_ports++)
		if (read_port(&given[service.n_ports], &ports[service.n_ports], err) < 0)
			return fail_while(err, "service %s", object->meta->name);
	service.ports = ports;
	if (lxcri_network_setup_headless_service(engine, &service, err) < 0)
		return -1;
	return join_all(engine, object, err);
}

int service_remove(struct lxcri_engine *engine, const struct object *object,
		   struct lxcri_error *err)
{
	const struct lxcri_headless_service service = describe(object);

	if (lxcri_network_remove_headless_service(engine, &service, err) == 0)
		return 0;
	if (lxcri_code_class(err->code) != LXCRI_CLASS_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}
