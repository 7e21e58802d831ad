/* SPDX-License-Identifier: MIT */
/* Containers of this node. */

#include "engine/ct/ct_node.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct.h"
#include "os/helper.h"
#include "os/path.h"
#include "os/process.h"
#include "os/socket.h"
#include "proxmox/upid.h"
#include "runtime/ct_signal.h"
#include "runtime/lxc/lxc_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define PVE_NODES "/etc/pve/nodes"
#define NO_NODE   "none"

enum descriptor { FD_SYNC = 3, FD_PROCESS, FD_CONSOLE, FD_COUNT };

static pid_t spawn_helper(const struct lxcri_engine *engine, const struct ct_place *place,
			  const struct ct_helper *helper, int sync)
{
	autofree char *path = helper_path("lxcri-lxc");
	autofree char *name = xformat("%u", place->vmid);
	autofree char *bounds = xformat("%ju", (uintmax_t)helper->bounds);
	char *argv[16] = {
		"lxcri-lxc", (char *)helper->verb,
		"--name",    name,
		"--lxcpath", (char *)config_text(engine->config, CONFIG_PROXMOX_LXC_DIRECTORY),
		"--sync-fd", "3",
	};
	int n = 8;
	const int fds[FD_COUNT] = {
		helper->streams[0],
		helper->streams[1],
		helper->streams[2],
		[FD_SYNC] = sync,
		[FD_PROCESS] = helper->process,
		[FD_CONSOLE] = helper->console,
	};
	const struct spawn spawn = {
		.path = path,
		.argv = argv,
		.env = environ,
		.fds = fds,
		.n_fds = FD_COUNT,
		.dies_with_us = !helper->detach,
	};

	if (helper->process >= 0) {
		argv[n++] = "--process-fd";
		argv[n++] = "4";
		argv[n++] = "--bounds";
		argv[n++] = bounds;
	}
	if (helper->console >= 0) {
		argv[n++] = "--console-fd";
		argv[n++] = "5";
	}
	if (helper->detach)
		argv[n++] = "--detach";
	return process_spawn(&spawn);
}

pid_t ct_helper_start(const struct lxcri_engine *engine, const struct ct_place *place,
		      const struct ct_helper *helper, pid_t *ret_pid, struct lxcri_error *err)
{
	struct lxc_sync message;
	int ends[2];
	int r = socket_pair(ends);
	pid_t child;
	ssize_t got;

	if (r < 0)
		return fail_errno(err, r, "make a socket");

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];

	child = spawn_helper(engine, place, helper, theirs);
	closep(&theirs);
	if (child < 0)
		return fail_code_errno(err, LXCRI_E_RUNTIME_NOT_FOUND, child, "start lxcri-lxc");
	got = socket_receive(ours, &message, sizeof(message), NULL, NULL, 0);
	if (got == sizeof(message) && message.type == LXC_SYNC_PID) {
		*ret_pid = message.pid;
		return child;
	}
	(void)process_wait(child);
	if (got == sizeof(message) && message.error.code != LXCRI_E_NONE) {
		*err = message.error;
		return -1;
	}
	return fail(err, LXCRI_E_SYSTEM, "lxcri-lxc ended without an answer");
}

int ct_helper_run(const struct lxcri_engine *engine, const struct ct_place *place, const char *verb,
		  pid_t *ret_pid, struct lxcri_error *err)
{
	struct ct_helper helper = CT_HELPER_NULL;
	pid_t child;

	helper.verb = verb;
	child = ct_helper_start(engine, place, &helper, ret_pid, err);
	if (child < 0)
		return -1;
	(void)process_wait(child);
	return 0;
}

char *ct_node_here(const struct lxcri_engine *engine)
{
	const char *wanted = config_text(engine->config, CONFIG_PROXMOX_LOCAL_NODE);
	autofree char *path = NULL;
	struct utsname host;
	struct stat status;

	if (wanted)
		return strcmp(wanted, NO_NODE) != 0 ? xstrdup(wanted) : NULL;
	if (uname(&host) < 0)
		return NULL;
	host.nodename[strcspn(host.nodename, ".")] = '\0';
	path = xformat(PVE_NODES "/%s", host.nodename);
	/* A container may be called like a node. */
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? xstrdup(host.nodename) : NULL;
}

bool ct_node_is_here(const struct lxcri_engine *engine, const char *node)
{
	autofree char *here = ct_node_here(engine);

	return here && strcmp(here, node) == 0;
}

/* Puts what is done to the container in front of what has failed, unless the caller does that. */
static int fail_verb(const struct lxcri_container *container, const char *verb,
		     struct lxcri_error *err)
{
	return verb ? fail_while(err, "%s %s", verb, container->home.id) : -1;
}

int ct_node_need(struct lxcri_container *container, const char *verb, struct ct_place *ret,
		 struct lxcri_error *err)
{
	struct pve *pve = ct_session(container->engine, err);
	autojson config = NULL;
	int r;

	if (!pve || ct_place_load(&container->record, ret, err) < 0)
		return -1;
	r = ct_find(pve, ret, &config, err);
	if (r < 0)
		return -1;
	if (r > 0 && ct_node_is_here(container->engine, ret->node))
		return 0;
	if (r == 0)
		(void)fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "in Proxmox VE it is gone");
	else
		(void)fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			   "the API of Proxmox VE has nothing for that, and this host is not node "
			   "%s (proxmox.local_node); there proxmox-lxcri can do it, and there are "
			   "pct exec, pct console, pct push and pct pull for CT %u",
			   ret->node, ret->vmid);
	return fail_verb(container, verb, err);
}

static int take_process(struct lxcri_container *container, const struct ct_place *place,
			struct lxcri_error *err)
{
	struct monitor_state *state = &container->state;
	pid_t pid = 0;
	uint64_t start_time = 0;

	if (ct_helper_run(container->engine, place, "ct-pid", &pid, err) < 0)
		return -1;
	if (process_start_time(pid < 0 ? -pid : pid, &start_time) < 0)
		return fail(err, LXCRI_E_INVALID_STATE, "it has ended just now");
	if (pid < 0)
		container->status = LXCRI_STATUS_PAUSED;
	state->pid = pid < 0 ? -pid : pid;
	state->pid_start_time = start_time;
	return 0;
}

int ct_node_enter(struct lxcri_container *container, const char *verb, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};

	if (ct_node_need(container, verb, &place, err) < 0)
		return -1;
	if (container->status == LXCRI_STATUS_RUNNING || container->status == LXCRI_STATUS_PAUSED)
		return take_process(container, &place, err) < 0 ? fail_verb(container, verb, err)
								: 0;
	(void)fail(err, LXCRI_E_INVALID_STATE, "it is %s", lxcri_status_name(container->status));
	return fail_verb(container, verb, err);
}

void ct_look(struct lxcri_container *container)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error ignored = {};

	if (container->status == LXCRI_STATUS_RUNNING &&
	    ct_place_load(&container->record, &place, &ignored) == 0 && place.node &&
	    ct_node_is_here(container->engine, place.node))
		(void)take_process(container, &place, &ignored);
}

int ct_node_volume(struct pve *pve, const struct ct_place *place, const char *volume,
		   char **ret_path, struct lxcri_error *err)
{
	autofree char *storage = xstrndup(volume, strcspn(volume, ":"));
	autofree char *name = pve_escape(storage);
	autofree char *escaped = pve_escape(volume);
	autojson data = NULL;
	struct stat status;
	const char *path;

	if (pve_get(pve, &data, err, "/nodes/%s/storage/%s/content/%s", place->node, name,
		    escaped) < 0)
		return -1;
	path = json_get_text(data, "path");
	if (!path || *path != '/' || stat(path, &status) < 0 || !S_ISDIR(status.st_mode))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "volume %s of CT %u is no directory of this node, and what is on it "
			    "can only be had while the container runs, or by pct mount %u",
			    volume, place->vmid, place->vmid);
	*ret_path = xstrdup(path);
	return 0;
}

static int open_below(const char *root, struct lxcri_error *err)
{
	autoclose int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -errno : path_open_in(dir, CT_STATE_DIR, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, fd, "open %s/" CT_STATE_DIR,
					root)
		      : fd;
}

int ct_node_open_state(struct lxcri_container *container, const struct ct_place *place,
		       struct lxcri_error *err)
{
	struct pve *pve = ct_session(container->engine, err);
	autofree char *path = NULL;
	struct lxcri_error reason = {};

	if (!pve)
		return -1;
	if (!place->rootfs)
		return fail(err, LXCRI_E_INVALID_STATE, "CT %u has no known root file system",
			    place->vmid);
	if (ct_node_volume(pve, place, place->rootfs, &path, err) == 0)
		return open_below(path, err);
	/* On a device the files can be had while the container runs. */
	if (container->state.pid <= 0 && (container->status != LXCRI_STATUS_RUNNING ||
					  take_process(container, place, &reason) < 0))
		return -1;
	*err = (struct lxcri_error){};
	path = xformat("/proc/%d/root", (int)container->state.pid);
	return open_below(path, err);
}
