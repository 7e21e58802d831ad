/* SPDX-License-Identifier: MIT */
/* Services. */

#include "manifest/object_service.h"

#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define PORTS_MAX         64
#define EXTERNAL_IPS_MAX  16
#define STAY_SECONDS_MAX  86400
#define NODE_PORT_MIN     30000
#define NODE_PORT_MAX     32767
#define PORT_NAME_MAX     63
#define EXTERNAL_NAME_MAX 253
#define LABEL_MAX         63
#define TARGET_NAME_MAX   15 /* as of a port of a container */

/* Where in which document. */
struct place {
	const struct field_reader *reader;
	const struct object *object;
};

static int refuse(const struct place *place, const char *field, const char *why)
{
	return fail(place->reader->err, LXCRI_E_INVALID_MANIFEST, "%s:%u: %s: %s",
		    place->reader->source, place->object->line, field, why);
}

static int refuse_port(const struct place *place, size_t index, const char *field, const char *why)
{
	autofree char *path = xformat("spec.ports[%zu]%s%s", index, *field ? "." : "", field);

	return refuse(place, path, why);
}

bool object_service_is_alias(const struct object_service *service)
{
	return service->type && strcmp(service->type, "ExternalName") == 0;
}

bool object_service_is_headless(const struct object_service *service)
{
	return object_service_is_alias(service) ||
	       (service->cluster_ip && strcmp(service->cluster_ip, "None") == 0);
}

bool object_service_has_node_ports(const struct object_service *service)
{
	return service->type && strcmp(service->type, "NodePort") == 0;
}

unsigned int object_service_stay_seconds(const struct object_service *service)
{
	const struct object_client_ip *client =
		service->affinity_config ? service->affinity_config->client_ip : NULL;

	if (!service->affinity || strcmp(service->affinity, "ClientIP") != 0)
		return 0;
	return client ? (unsigned int)client->timeout_seconds : OBJECT_STAY_SECONDS;
}

static int check_type(const struct place *place, const struct object_service *service)
{
	static const struct {
		const char *type;
		const char *instead;
	} others[] = {
		{ "LoadBalancer", "there is nobody here who has addresses to give; use NodePort or "
				  "externalIPs" },
	};

	for (size_t i = 0; service->type && i < ARRAY_LEN(others); i++)
		if (strcmp(service->type, others[i].type) == 0)
			return fail(place->reader->err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "%s:%u: spec.type: %s cannot be done here: %s",
				    place->reader->source, place->object->line, others[i].type,
				    others[i].instead);
	if (service->type && strcmp(service->type, "ClusterIP") != 0 &&
	    !object_service_has_node_ports(service) && !object_service_is_alias(service))
		return refuse(place, "spec.type", "expected ClusterIP, NodePort or ExternalName");
	return 0;
}

/* Labels of the DNS, with a dot behind them or not. What is an address is no name. */
static bool is_host_name(const char *name)
{
	autofree char *copy = xstrdup(name);
	size_t length = strlen(name);

	if (length == 0 || length > EXTERNAL_NAME_MAX || !name[strspn(name, "0123456789.")])
		return false;
	if (copy[length - 1] == '.')
		copy[length - 1] = '\0';
	for (char *rest = copy; rest;) {
		const char *label = strsep(&rest, ".");
		size_t size = strlen(label);

		if (size == 0 || size > LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
			return false;
		for (size_t i = 0; i < size; i++)
			if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_')
				return false;
	}
	return true;
}

static int check_alias(const struct place *place, const struct object_service *service)
{
	const bool is_alias = object_service_is_alias(service);

	if (!is_alias)
		return service->external_name
			       ? refuse(place, "spec.externalName", "is of the type ExternalName")
			       : 0;
	if (!service->external_name || !is_host_name(service->external_name))
		return refuse(place, "spec.externalName",
			      "expected the name of a host, 253 bytes at most");
	if (service->cluster_ip && *service->cluster_ip)
		return refuse(place, "spec.clusterIP", "is not for the type ExternalName");
	return 0;
}

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes) == 1;
}

static int check_addresses(const struct place *place, const struct object_service *service)
{
	const bool is_headless = object_service_is_headless(service);

	if (!is_headless && service->cluster_ip && *service->cluster_ip &&
	    !is_address(service->cluster_ip))
		return refuse(place, "spec.clusterIP", "expected an address, or None");
	if (is_headless && object_service_has_node_ports(service))
		return refuse(place, "spec.clusterIP", "a service of type NodePort has an address");
	if (is_headless && service->external_ips.count > 0)
		return refuse(place, "spec.externalIPs", "a service without an address has none");
	if (service->external_ips.count > EXTERNAL_IPS_MAX)
		return refuse(place, "spec.externalIPs", "expected 16 at most");
	for (size_t i = 0; i < service->external_ips.count; i++)
		if (!is_address(service->external_ips.items[i]))
			return refuse(place, "spec.externalIPs", "one is no address");
	return 0;
}

static int check_affinity(const struct place *place, const struct object_service *service)
{
	const struct object_client_ip *client =
		service->affinity_config ? service->affinity_config->client_ip : NULL;

	if (service->affinity && strcmp(service->affinity, "None") != 0 &&
	    strcmp(service->affinity, "ClientIP") != 0)
		return refuse(place, "spec.sessionAffinity", "expected None or ClientIP");
	if (client && (client->timeout_seconds < 1 || client->timeout_seconds > STAY_SECONDS_MAX))
		return refuse(place, "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
			      "expected 1 to 86400");
	return 0;
}

/* Small letters, digits, and dashes within. */
static bool is_label(const char *name, size_t max)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
		    (name[i] != '-' || i == 0 || i + 1 == length))
			return false;
	return length > 0 && length <= max;
}

static bool is_port(int64_t number)
{
	return number >= 1 && number <= 65535;
}

static int check_target(const struct place *place, size_t index, const char *target)
{
	uint64_t number;

	if (!target || (text_parse_u64(target, 1, 65535, &number) == 0))
		return 0;
	/* A name has a letter. */
	return is_label(target, TARGET_NAME_MAX) && target[strspn(target, "0123456789-")]
		       ? 0
		       : refuse_port(place, index, "targetPort",
				     "expected 1 to 65535, or what the pods call a port");
}

static int check_port(const struct place *place, const struct object_service *service, size_t index)
{
	static const char *const protocols[] = { "TCP", "UDP", "SCTP" };
	const struct object_service_port *port =
		(const struct object_service_port *)service->ports.items + index;
	bool is_protocol = !port->protocol;

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		is_protocol |= port->protocol && strcmp(port->protocol, protocols[i]) == 0;
	if (!is_port(port->port))
		return refuse_port(place, index, "port", "expected 1 to 65535");
	if (!is_protocol)
		return refuse_port(place, index, "protocol", "expected TCP, UDP or SCTP");
	if (!port->name && service->ports.count > 1)
		return refuse_port(place, index, "name", "is missing, with more than one port");
	if (port->name && !is_label(port->name, PORT_NAME_MAX))
		return refuse_port(place, index, "name",
				   "expected small letters, digits and dashes, 63 bytes at most");
	if (port->node_port && !object_service_has_node_ports(service))
		return refuse_port(place, index, "nodePort", "is only of the type NodePort");
	if (port->node_port && (port->node_port < NODE_PORT_MIN || port->node_port > NODE_PORT_MAX))
		return refuse_port(place, index, "nodePort", "expected 30000 to 32767");
	return check_target(place, index, port->target_port);
}

static const char *protocol_of(const struct object_service_port *port)
{
	return port->protocol ? port->protocol : "TCP";
}

static int check_twice(const struct place *place, const struct object_service *service,
		       size_t index)
{
	const struct object_service_port *ports = service->ports.items;
	const struct object_service_port *port = &ports[index];

	for (size_t i = 0; i < index; i++) {
		bool is_alike = strcmp(protocol_of(&ports[i]), protocol_of(port)) == 0;

		if (port->name && strcmp(ports[i].name, port->name) == 0)
			return refuse_port(place, index, "name", "is that of another port");
		if (is_alike && ports[i].port == port->port)
			return refuse_port(place, index, "port", "stands twice");
		if (is_alike && port->node_port && ports[i].node_port == port->node_port)
			return refuse_port(place, index, "nodePort", "stands twice");
	}
	return 0;
}

int object_service_check(const struct field_reader *reader, const struct object *object)
{
	const struct place place = { reader, object };
	const struct object_service *service = object->service;

	if (!service)
		return refuse(&place, "spec", "is missing");
	if (check_type(&place, service) < 0 || check_alias(&place, service) < 0 ||
	    check_addresses(&place, service) < 0 || check_affinity(&place, service) < 0)
		return -1;
	if (service->ports.count == 0 && !object_service_is_headless(service))
		return refuse(&place, "spec.ports", "is missing");
	if (service->ports.count > PORTS_MAX)
		return refuse(&place, "spec.ports", "expected 64 at most");
	for (size_t i = 0; i < service->ports.count; i++)
		if (check_port(&place, service, i) < 0 || check_twice(&place, service, i) < 0)
			return -1;
	return 0;
}
