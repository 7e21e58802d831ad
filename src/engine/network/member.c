/* SPDX-License-Identifier: MIT */
/* Containers that come into networks and leave them, as the API has it. */

#include "lxcri/network.h"

#include "base/mem.h"
#include "engine/bundle/resolv_conf.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/database/lans.h"
#include "engine/lan/lan.h"
#include "engine/network/attach.h"
#include "engine/network/join.h"
#include "engine/network/rows.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool is_alive(const struct lxcri_container *container)
{
	return container->status != LXCRI_STATUS_STOPPED && container->state.pid > 0;
}

/* Opens the container and takes its lock. */
static int open_locked(struct lxcri_engine *engine, const char *id,
		       struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

	if (lxcri_container_open(engine, id, &container, err) < 0 ||
	    ct_refuse(container, "change the networks of", err) < 0 ||
	    container_lock(container, err) < 0)
		return -1;
	*ret_container = steal(container);
	return 0;
}

/* Only what was made from an image has a place for what we know of it, and a namespace of its own.
 */
static int check_own_network(const struct lxcri_container *container, struct lxcri_error *err)
{
	if (home_is_persistent(&container->home) && container->record.networked)
		return 0;
	return fail(err, LXCRI_E_INVALID_STATE,
		    "container %s was made without networks, or from a bundle", container->home.id);
}

/* Returns the host name that the container has in its other networks; owned by the caller. */
static int find_hostname(struct lxcri_container *container, char **ret, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	const struct lxcri_create_options options = { .id = container->home.id };

	if (endpoint_list_read(container->engine->database, container->home.id, NULL, &endpoints,
			       err) < 0)
		return -1;
	if (endpoints.count == 0)
		return bundle_choose_hostname(&options, ret, err);
	*ret = xstrdup(endpoints.items[0].hostname);
	return 0;
}

static int connect_locked(struct lxcri_container *container, const char *network,
			  const struct lxcri_create_options *options, struct lxcri_error *err)
{
	autofree char *hostname = NULL;
	struct join join = { .container = container->home.id, .options = options };
	struct lxcri_error second = {};

	if (check_own_network(container, err) < 0 || find_hostname(container, &hostname, err) < 0)
		return -1;
	join.hostname = hostname;
	if (join_one(container->engine, &join, network, err) < 0)
		return -1;
	if (lan_spec_is(network)) {
		if (lan_connect(container, err) == 0)
			return 0;
		(void)lan_disconnect(container, network, &second);
		return -1;
	}
	if (!is_alive(container) || attach_one(container, network, container->state.pid, err) == 0)
		return 0;
	(void)attach_release_one(container->engine, container->home.id, network, &second);
	return -1;
}

int lxcri_network_connect(struct lxcri_engine *engine, const char *network, const char *container,
			  const struct lxcri_connect_options *options, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *opened = NULL;
	const char *const networks[] = { network, NULL };
	const struct lxcri_create_options wish = {
		.networks = networks,
		.ip = options ? options->ip : NULL,
		.ip6 = options ? options->ip6 : NULL,
		.mac_address = options ? options->mac_address : NULL,
		.network_aliases = options ? options->aliases : NULL,
	};
	int r;

	if (open_locked(engine, container, &opened, err) < 0)
		return -1;
	r = connect_locked(opened, network, &wish, err);
	home_unlock(&opened->home);
	return r < 0 ? fail_as(err, LXCRI_E_CONFIGURATION_FAILED,
			       "connect container %s with network %s", container, network)
		     : 0;
}

static int disconnect_locked(struct lxcri_container *container, const char *network,
			     struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	autorun(network_row_finish) struct network_row row = {};
	const char *id = container->home.id;

	if (lan_spec_is(network))
		return check_own_network(container, err) < 0
			       ? -1
			       : lan_disconnect(container, network, err);
	if (network_get(container->engine, network, &row, err) < 0 ||
	    check_own_network(container, err) < 0 ||
	    endpoint_list_read(container->engine->database, id, network, &endpoints, err) < 0)
		return -1;
	if (endpoints.count == 0)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "container %s is not in the network %s", id, network);
	return attach_release_one(container->engine, id, network, err);
}

int lxcri_network_disconnect(struct lxcri_engine *engine, const char *network,
			     const char *container, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *opened = NULL;
	int r;

	if (open_locked(engine, container, &opened, err) < 0)
		return -1;
	r = disconnect_locked(opened, network, err);
	home_unlock(&opened->home);
	return r < 0 ? fail_as(err, LXCRI_E_CONFIGURATION_FAILED,
			       "disconnect container %s from network %s", container, network)
		     : 0;
}

/* Writes into the file that is mounted in the container: it stays the same one. */
static int write_resolv_conf(struct lxcri_container *container, const char *text,
			     struct lxcri_error *err)
{
	autofree char *path = xformat("%s/resolv.conf", container->home.data_dir);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 || ftruncate(fd, 0) < 0 ? -errno : file_write_all(fd, text, strlen(text));

	return r < 0 ? fail_code_errno(err, LXCRI_E_DNS_CONFIGURATION_FAILED, r,
				       "write the name servers of container %s: %s",
				       container->home.id, path)
		     : 0;
}

int lxcri_network_configure_dns(struct lxcri_engine *engine, const char *container,
				const char *const *servers, const char *const *search,
				const char *const *options, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *opened = NULL;
	const struct resolv_conf wanted = { servers, search, options };
	autofree char *text = resolv_conf_format(&wanted, err);
	int r;

	if (!text || open_locked(engine, container, &opened, err) < 0)
		return -1;
	r = check_own_network(opened, err);
	if (r == 0)
		r = lans_keep_resolv(engine->database, container, err);
	if (r == 0)
		r = write_resolv_conf(opened, text, err);
	home_unlock(&opened->home);
	return r;
}
