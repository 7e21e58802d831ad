/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_NETWORK_H
#define LXCRI_NETWORK_H

/* Networks of containers on this host: one bridge each, addresses of IPv4 and IPv6 for the
 * containers in it, ports of the host that lead to them. From one network no packet gets into
 * another one, and none with an address that is not the sender's own gets out of a container.
 *
 * The network "default" is made when the first container needs it; its bridge is there while a
 * container in it runs. The others are made and removed by name. */

#include <lxcri/container.h>
#include <lxcri/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum lxcri_protocol {
	LXCRI_PROTOCOL_TCP,
	LXCRI_PROTOCOL_UDP,
	LXCRI_PROTOCOL_SCTP,
};

/* A port of a container that is to be reached through one of the host. */
struct lxcri_port {
	enum lxcri_protocol protocol;
	const char *host_ip;     /* of the host; NULL or "": any of its addresses */
	uint16_t host_port;      /* 0: one that is free */
	uint16_t container_port; /* 1 to 65535 */
	uint16_t count;          /* of a range that begins with both; 0 is 1 */
};

/* What a network is to be. Zeroed members mean: as usual. */
struct lxcri_bridge_config {
	const char *name;          /* required; that of the bridge too, where it can be one's */
	const char *deployment_id; /* NULL: as the name */
	unsigned int mtu;          /* bytes, 1280 to 65535; 0: as the configuration has it */
	unsigned int vlan;         /* 1 to 4094, of what containers send untagged; 0: none */
	bool stp;
	const char *subnet;  /* of IPv4, "10.1.0.0/24"; NULL: one that is free */
	const char *subnet6; /* of IPv6; NULL: one that goes with it */
	bool no_ipv6;
	bool isolate_ports; /* its containers do not reach each other */
};

/* Makes a network with its bridge. LXCRI_E_BRIDGE_CREATION_FAILED when there is one of that name or
 * deployment, or the host refuses; LXCRI_E_CONFIGURATION_FAILED, naming the option, when the kernel
 * has not what is asked for, or the subnet overlaps a route of the host; LXCRI_E_INVALID_ARGUMENT.
 */
int lxcri_network_create_deployment_bridge(struct lxcri_engine *engine,
					   const struct lxcri_bridge_config *config,
					   struct lxcri_error *err);

/* What keeps a bridge's containers in order. */
struct lxcri_bridge_security {
	bool vlan_filtering;
	bool multicast_snooping;
	bool isolate_ports; /* its containers do not reach each other */
	bool may_spoof;     /* they may send with addresses that are not theirs */
};

/* Sets the security of the bridge of @deployment_id; NULL switches VLAN filtering and multicast
 * snooping on, and spoofing off. LXCRI_E_BRIDGE_NOT_FOUND; LXCRI_E_CONFIGURATION_FAILED, naming the
 * option, when the kernel has not one of them: then nothing has changed. */
int lxcri_network_configure_bridge_security(struct lxcri_engine *engine, const char *deployment_id,
					    const struct lxcri_bridge_security *security,
					    struct lxcri_error *err);

/* Removes a network and its bridge. LXCRI_E_BRIDGE_NOT_FOUND; LXCRI_E_INVALID_STATE while a
 * container is in it, running or not. */
int lxcri_network_remove(struct lxcri_engine *engine, const char *name, struct lxcri_error *err);

/* Returns all networks as a JSON array, or the one called @name as an object with its containers;
 * owned by the caller (free()). LXCRI_E_BRIDGE_NOT_FOUND. */
int lxcri_network_list_json(struct lxcri_engine *engine, char **ret_json, struct lxcri_error *err);
int lxcri_network_inspect_json(struct lxcri_engine *engine, const char *name, char **ret_json,
			       struct lxcri_error *err);

/* A container's place in one more network. */
struct lxcri_connect_options {
	const char *ip; /* NULL: chosen */
	const char *ip6;
	const char *mac_address;
	const char *const *aliases; /* further names; NULL: none */
};

/* Puts a container into a network, or onto the LAN ("bridge:vmbr0,vlan=5"; then its addresses are
 * given there), at once when it runs. @options may be NULL.
 * LXCRI_E_BRIDGE_NOT_FOUND, LXCRI_E_CONTAINER_NOT_FOUND; LXCRI_E_CONFIGURATION_FAILED when it is in
 * it, or an address is taken; LXCRI_E_INVALID_STATE when it has no network of its own. */
int lxcri_network_connect(struct lxcri_engine *engine, const char *network, const char *container,
			  const struct lxcri_connect_options *options, struct lxcri_error *err);

/* Takes a container out of a network; off the LAN by what it was asked for as, or, where it has one
 * place there, by what is before the first comma. LXCRI_E_CONFIGURATION_FAILED when it is not in
 * it. */
int lxcri_network_disconnect(struct lxcri_engine *engine, const char *network,
			     const char *container, struct lxcri_error *err);

/* Puts everything on the host right that should be there: bridges, their addresses, the rules, the
 * interfaces of running containers; and removes bridges of ours that are of no use. What is as it
 * should be is not touched. */
int lxcri_network_reload(struct lxcri_engine *engine, struct lxcri_error *err);

/* Sets the name servers, search domains and resolver options of a container made from an image,
 * each list ended by NULL; a NULL list is as the host has it. LXCRI_E_DNS_CONFIGURATION_FAILED. */
int lxcri_network_configure_dns(struct lxcri_engine *engine, const char *container,
				const char *const *servers, const char *const *search,
				const char *const *options, struct lxcri_error *err);

/* Publishes a port of a container, at once when it runs. LXCRI_E_PORT_FORWARDING_FAILED when a
 * program of the host or another container has it, or the container has no network of its own. */
int lxcri_network_add_port_forward(struct lxcri_engine *engine, const char *container,
				   const struct lxcri_port *port, struct lxcri_error *err);

/* Takes it back; `container_port` is not looked at. LXCRI_E_PORT_FORWARDING_FAILED when it is not
 * published. */
int lxcri_network_remove_port_forward(struct lxcri_engine *engine, const char *container,
				      const struct lxcri_port *port, struct lxcri_error *err);

/* Returns the published ports of @container, or of all with NULL, as a JSON array owned by the
 * caller (free()). LXCRI_E_CONTAINER_NOT_FOUND. */
int lxcri_network_ports_json(struct lxcri_engine *engine, const char *container, char **ret_json,
			     struct lxcri_error *err);

/* A port that the members of a service have. */
struct lxcri_service_port {
	const char *name; /* of its SRV records, "http"; NULL: it has none */
	enum lxcri_protocol protocol;
	uint16_t port;
};

/* A headless service: a name in a network, NAME.NAMESPACE.svc.DOMAIN, that leads to all its members
 * that are ready, and HOSTNAME.NAME.NAMESPACE.svc.DOMAIN for each of them, where DOMAIN is
 * network.cluster_domain. Ports with a name have SRV records. A container is ready when it runs and
 * its health check, if it has one, has said that it is well. */
struct lxcri_headless_service {
	const char *network;
	const char *namespace_name; /* NULL: "default" */
	const char *name;           /* lower-case letters, digits and "-", like the namespace */
	const struct lxcri_service_port *ports;
	size_t n_ports;
	bool publish_not_ready; /* members have their names as soon as they run */
	bool replace;           /* one that is there gets these ports; its members stay, an address
				 * of its own, which a manifest has given it, does not */
};

/* Makes a service. Containers become its members when they are created, by their options'
 * `services` ("NAME" or "NAME.NAMESPACE"), or by the function below. LXCRI_E_BRIDGE_NOT_FOUND
 * without the network, LXCRI_E_INVALID_ARGUMENT, LXCRI_E_HEADLESS_SERVICE_FAILED when there is one
 * of that name. */
int lxcri_network_setup_headless_service(struct lxcri_engine *engine,
					 const struct lxcri_headless_service *service,
					 struct lxcri_error *err);

/* Removes a service; its members go on without its names. Of @service what it is called is looked
 * at, here and below. LXCRI_E_SERVICE_NOT_FOUND, LXCRI_E_BRIDGE_NOT_FOUND. */
int lxcri_network_remove_headless_service(struct lxcri_engine *engine,
					  const struct lxcri_headless_service *service,
					  struct lxcri_error *err);

/* Makes a container of the network a member; it stays one until it leaves the network. Once more is
 * fine. LXCRI_E_NETWORK_IDENTITY_ERROR when another member has its host name;
 * LXCRI_E_HEADLESS_SERVICE_FAILED when it is not in the network; LXCRI_E_SERVICE_NOT_FOUND,
 * LXCRI_E_BRIDGE_NOT_FOUND. */
int lxcri_network_join_headless_service(struct lxcri_engine *engine,
					const struct lxcri_headless_service *service,
					const char *container, struct lxcri_error *err);

/* Ends that. LXCRI_E_HEADLESS_SERVICE_FAILED when it is no member; otherwise as above. */
int lxcri_network_leave_headless_service(struct lxcri_engine *engine,
					 const struct lxcri_headless_service *service,
					 const char *container, struct lxcri_error *err);

/* Returns the services of @network, or of all with NULL, with their members as a JSON array owned
 * by the caller (free()). LXCRI_E_BRIDGE_NOT_FOUND. */
int lxcri_network_headless_services_json(struct lxcri_engine *engine, const char *network,
					 char **ret_json, struct lxcri_error *err);

/* What has passed a bridge since it was made. */
struct lxcri_bridge_statistics {
	uint64_t rx_bytes, rx_packets, rx_dropped; /* to the host */
	uint64_t tx_bytes, tx_packets, tx_dropped; /* from the host */
	unsigned int containers;                   /* that run in it */
};

/* LXCRI_E_BRIDGE_NOT_FOUND, also while the bridge is not there. */
int lxcri_network_statistics(struct lxcri_engine *engine, const char *name,
			     struct lxcri_bridge_statistics *ret, struct lxcri_error *err);

/* Called for each thing that is not as it should be; @text lasts for the call. */
typedef void (*lxcri_network_fault_fn)(void *userdata, const char *text);

/* Looks whether the network @name works: its bridge, addresses, rules, and the interfaces of its
 * running containers. Returns how many faults there are; lxcri_network_reload() puts them right.
 * LXCRI_E_BRIDGE_NOT_FOUND. */
int lxcri_network_health(struct lxcri_engine *engine, const char *name,
			 lxcri_network_fault_fn fault, void *userdata, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
