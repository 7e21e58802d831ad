/* SPDX-License-Identifier: MIT */
/* The terminal of a container's first process. */

#include "monitor/shim/shim.h"

#include "base/scope.h"
#include "monitor/shim/shim_process.h"
#include "os/path.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>

/* /dev/console is the terminal itself, found through our own standard input: no name of the
 * container's is involved. */
static int show_console(struct shim *shim, struct lxcri_error *err)
{
	autoclose int peer = openat(shim->proc, "self/fd/0", O_PATH | O_CLOEXEC);
	int tree = peer < 0 ? -errno : tree_clone(peer, 0);

	if (tree < 0)
		return fail_errno(err, tree, "show the terminal as /dev/console");
	return shim_attach_consume(shim, tree, "/dev/console", err);
}

int shim_open_terminal(struct shim *shim, struct lxcri_error *err)
{
	if (!shim->plan.process.terminal)
		return 0;

	autoclose int master = shim_make_terminal(&shim->plan.process, err);

	if (master < 0)
		return -1;
	if (shim->plan.own_dev && show_console(shim, err) < 0)
		return -1;
	if (shim_send_terminal(shim->console, master, err) < 0)
		return -1;
	closep(&shim->console);
	return 0;
}
