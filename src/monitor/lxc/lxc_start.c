/* SPDX-License-Identifier: MIT */
/* One container, from its specification to its end: this process sits in liblxc's start(), because
 * that is the parent of the container's first process.
 *
 * How it works: everything is read, checked and opened before liblxc is loaded; then the
 * specification is freed, and what stays in memory is liblxc and its configuration. The container
 * has no root file system as liblxc sees it; the shim enters the one that it is sent. The shim is
 * executed by its path, over which a read-only mount of itself lies in our mount namespace: what is
 * in the container could otherwise open /proc/1/exe for writing. */

#include "monitor/lxc/lxc_command.h"

#include "base/mem.h"
#include "base/scope.h"
#include "monitor/lxc/lxc_command_socket.h"
#include "monitor/lxc/lxc_config.h"
#include "monitor/lxc/lxc_end.h"
#include "monitor/lxc/lxc_library.h"
#include "monitor/lxc/lxc_seccomp.h"
#include "monitor/lxc/lxc_spec.h"
#include "os/file.h"
#include "os/path.h"
#include "os/socket.h"
#include "os/tree.h"
#include "runtime/lxc/lxc_runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CONFIG_BYTES_MAX (16u << 20)
#define LOG_BYTES_MAX    (1u << 20)

int lxc_go_private(const struct lxc_command *command, char **ret_lxcpath, struct lxcri_error *err)
{
	autofree char *lxcpath = xformat(LXC_STATE_DIR "%s", command->run_dir);

	/* liblxc makes /run/lxc/lock/LXCPATH and leaves it behind. */
	if (mkdir(LXC_STATE_DIR, 0755) < 0 && errno != EEXIST)
		return fail_errno(err, errno, "make " LXC_STATE_DIR);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return fail_errno(err, errno, "make a mount namespace");
	if (mount("lxcri", LXC_STATE_DIR, "tmpfs", MS_NOSUID | MS_NODEV, "mode=711") < 0)
		return fail_errno(err, errno, "mount a tmpfs at " LXC_STATE_DIR);

	int r = path_make_dirs(lxcpath, 0711);

	if (r < 0)
		return fail_errno(err, r, "make %s", lxcpath);
	if (lxc_command_socket_place(command->run_dir, err) < 0)
		return -1;
	*ret_lxcpath = steal(lxcpath);
	return 0;
}

/* Puts a read-only mount of the shim over itself. */
static int protect_shim(const char *path, struct lxcri_error *err)
{
	const struct mount_attr sealed = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						       MOUNT_ATTR_NODEV };
	autoclose int file = open(path, O_PATH | O_CLOEXEC);
	autoclose int tree = file < 0 ? -errno : tree_clone(file, 0);
	int r = tree < 0 ? tree : tree_change(tree, 0, &sealed);

	if (r == 0)
		r = tree_attach(tree, file);
	return r < 0 ? fail_code_errno(err, LXCRI_E_RUNTIME_INIT_FAILED, r, "protect %s", path) : 0;
}

static int send_fd(int queue, int fd, struct lxcri_error *err)
{
	int r = socket_send(queue, "", 1, &fd, 1);

	return r < 0 ? fail_errno(err, r, "queue a descriptor for the shim") : 0;
}

/* Clones the tree at @path and queues it for the shim: it needs no way to the path then, which a
 * user namespace might not have. */
static int send_tree(int queue, const char *path, unsigned int flags, struct lxcri_error *err)
{
	autoclose int from = open(path, O_PATH | O_CLOEXEC);
	autoclose int tree = from < 0 ? -errno : tree_clone(from, flags);

	if (tree < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, tree, "open %s", path);
	return send_fd(queue, tree, err);
}

static int send_plan(int queue, const struct lxc_plan *plan, struct lxcri_error *err)
{
	autorun(text_finish) struct text bytes = {};
	autoclose int fd = memfd_create("plan", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	lxc_plan_encode(plan, &bytes);
	if (r == 0)
		r = file_write_all(fd, bytes.data, bytes.length);
	if (r < 0)
		return fail_errno(err, r, "write the plan of the container");
	return send_fd(queue, fd, err);
}

/* The monitor runs the hooks of the host, from the same bytes. */
static int save_plan(const struct lxc_command *command, const struct lxc_plan *plan,
		     struct lxcri_error *err)
{
	autorun(text_finish) struct text bytes = {};

	if (plan->create_runtime.count + plan->poststart.count + plan->poststop.count == 0)
		return 0;
	lxc_plan_encode(plan, &bytes);
	return lxc_runtime_save(command->run_dir, LXC_RUNTIME_PLAN, bytes.data, bytes.length, err);
}

/* Names the cgroups and tells the monitor where the container's processes will be. One that is in
 * use is another's, and must not be cleaned up by us. */
static int choose_cgroups(const struct lxc_command *command, const struct runtime_spec *spec,
			  struct lxc_cgroup_names *names, struct lxcri_error *err)
{
	if (command->cgroups_path)
		lxc_cgroup_names_in_scope(command->cgroups_path, names);
	else if (lxc_cgroup_names(command->id, command->run_dir, spec->linux_->cgroups_path, names,
				  err) < 0)
		return -1;
	if (lxc_cgroup_in_use(names))
		return fail(err, LXCRI_E_CONTAINER_CREATE_FAILED,
			    "linux.cgroupsPath: processes are in the cgroup %s already",
			    names->payload);
	return lxc_cgroup_names_save(command->run_dir, names, err);
}

static char *below(const char *dir, const char *path)
{
	return path[0] == '/' ? xstrdup(path) : xformat("%s/%s", dir, path);
}

static int send_cgroup_namespace(int queue, const struct spec_linux *part, struct lxcri_error *err)
{
	const struct spec_namespace *ns = spec_linux_namespace(part, "cgroup");

	if (!ns || !ns->path)
		return 0;

	autoclose int fd = open(ns->path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail_errno(err, errno, "open %s", ns->path) : send_fd(queue, fd, err);
}

/* Fills the queue in the order in which the shim takes from it. */
static int fill_queue(const struct lxc_command *command, const struct runtime_spec *spec,
		      const struct lxc_plan *plan, int queue, struct lxcri_error *err)
{
	autofree char *root = below(command->bundle, spec->root->path);

	/* It must not wait for a reader that comes only later. */
	if (fcntl(queue, F_SETFL, O_NONBLOCK) < 0)
		return fail_errno(err, errno, "queue descriptors for the shim");
	if (send_plan(queue, plan, err) < 0)
		return -1;
	if (plan->process.terminal && send_fd(queue, command->console, err) < 0)
		return -1;
	if (send_cgroup_namespace(queue, spec->linux_, err) < 0)
		return -1;
	if (send_tree(queue, root, AT_RECURSIVE, err) < 0)
		return fail_while(err, "root.path");
	for (size_t i = 0; i < plan->n_mounts; i++) {
		const struct lxc_plan_mount *mount = &plan->mounts[i];

		if (!(mount->flags & LXC_MOUNT_BIND))
			continue;

		autofree char *source = below(command->bundle, mount->source ? mount->source : "");
		unsigned int flags = mount->flags & LXC_MOUNT_RECURSIVE ? AT_RECURSIVE : 0;

		if (send_tree(queue, source, flags, err) < 0)
			return fail_while(err, "mounts[%zu].source", i);
	}
	return 0;
}

static int load_spec(const struct lxc_command *command, struct runtime_spec **ret,
		     struct lxcri_error *err)
{
	autofree char *path = xformat("%s/config.json", command->bundle);
	autofree char *bytes = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, CONFIG_BYTES_MAX, &bytes, &size);

	if (r < 0)
		return fail_code_errno(err,
				       r == -ENOENT ? LXCRI_E_BUNDLE_NOT_FOUND : LXCRI_E_SYSTEM, r,
				       "read %s", path);
	return runtime_spec_parse(bytes, size, ret, err);
}

/* Reads and checks everything; afterwards @config and @queue are what is left of it. */
static int prepare(const struct lxc_command *command, struct lxc_config *config, int queue,
		   struct lxcri_error *err)
{
	autoptr(runtime_spec) spec = NULL;
	autorun(lxc_plan_finish) struct lxc_plan plan = {};
	autorun(lxc_cgroup_names_finish) struct lxc_cgroup_names names = {};

	if (load_spec(command, &spec, err) < 0 ||
	    lxc_spec_plan(spec, command->id, command->bundle, &plan, err) < 0 ||
	    choose_cgroups(command, spec, &names, err) < 0 ||
	    lxc_config_build(spec, &names, config, err) < 0)
		return -1;
	plan.preserve_fds = command->preserve_fds;
	if (plan.process.terminal && command->console < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "process.terminal needs a console socket");
	if (lxc_seccomp_compile(spec, command->seccomp_cache, &plan.process, err) < 0)
		return -1;
	if (save_plan(command, &plan, err) < 0 || fill_queue(command, spec, &plan, queue, err) < 0)
		return -1;
	/* Further processes get the same filter. */
	return lxc_seccomp_save(&plan.process, command->run_dir, err);
}

static int configure(struct lxc_container *container, const struct lxc_config *config,
		     struct lxcri_error *err)
{
	if (!container->set_config_item(container, "lxc.log.file", LXC_LOG_PATH) ||
	    !container->set_config_item(container, "lxc.log.level", "error"))
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "set the log of liblxc");
	for (size_t i = 0; i < config->keys.count; i++)
		if (!container->set_config_item(container, config->keys.items[i],
						config->values.items[i]))
			return fail(err, LXCRI_E_INVALID_SPEC, "liblxc refuses %s = %s",
				    config->keys.items[i], config->values.items[i]);
	/* Both fail before there is a configuration, and would then do the opposite. */
	if (!container->want_daemonize(container, false) ||
	    !container->want_close_all_fds(container, false))
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED, "keep liblxc in the foreground");
	return 0;
}

/* liblxc returns no reason; the first error of its log is the cause, the others follow from it.
 * "lxc NAME TIME ERROR    MODULE - FILE:FUNCTION:LINE - TEXT" */
static int fail_start(struct lxcri_error *err)
{
	autofree char *log = NULL;
	size_t size;
	char *rest;

	if (file_read(AT_FDCWD, LXC_LOG_PATH, LOG_BYTES_MAX, &log, &size) < 0 || size == 0)
		return fail(err, LXCRI_E_CONTAINER_CREATE_FAILED, "liblxc did not start it");
	rest = log;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		char *text = strstr(line, " - ");

		text = text ? strstr(text + 3, " - ") : NULL;
		/* It looks for a proc file system that we have no use for. */
		if (text && !strstr(text, "temporary procfs"))
			return fail(err, LXCRI_E_CONTAINER_CREATE_FAILED, "liblxc: %s", text + 3);
	}
	return fail(err, LXCRI_E_CONTAINER_CREATE_FAILED, "liblxc did not start it");
}

/* An exit is a wait status; for a signal liblxc has SIGNAL << 8 | 0x7f, which is none. */
static int decode_end(int error_num)
{
	if ((error_num & 0x7f) == 0x7f)
		return 128 + ((error_num >> 8) & 0x7f);
	if (WIFSIGNALED(error_num))
		return 128 + WTERMSIG(error_num);
	return WEXITSTATUS(error_num);
}

static int run(const struct lxc_command *command, const struct lxc_config *config, int queue,
	       struct lxcri_error *err)
{
	struct lxc_container *container;
	autofree char *lxcpath = NULL;
	autofree char *sync_fd = xformat("%d", command->sync);
	autofree char *queue_fd = xformat("%d", queue);
	char *const argv[] = { (char *)command->shim, sync_fd, queue_fd, NULL };

	if (lxc_go_private(command, &lxcpath, err) < 0 || protect_shim(command->shim, err) < 0 ||
	    lxc_library_open(command->id, lxcpath, &container, err) < 0 ||
	    configure(container, config, err) < 0)
		return -1;
	/* The shim inherits these two; nothing else of ours. */
	if (fcntl(command->sync, F_SETFD, 0) < 0 || fcntl(queue, F_SETFD, 0) < 0)
		return fail_errno(err, errno, "hand descriptors to the shim");
	lxc_end_at_once();
	if (!container->start(container, 0, argv))
		return fail_start(err);
	return decode_end(container->error_num);
}

int lxc_start(const struct lxc_command *command, struct lxcri_error *err)
{
	autorun(lxc_config_finish) struct lxc_config config = {};
	int queue[2];

	if (!command->bundle || !command->shim)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "lxcri-lxc start: an option is missing");

	int r = socket_pair(queue);

	if (r < 0)
		return fail_errno(err, r, "make a socket pair");

	autoclose int read_end = queue[0];
	autoclose int write_end = queue[1];

	if (prepare(command, &config, write_end, err) < 0)
		return -1;
	closep(&write_end);
	(void)malloc_trim(0);
	return run(command, &config, read_end, err);
}
