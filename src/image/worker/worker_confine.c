/* SPDX-License-Identifier: MIT */
/* Which rights the worker keeps. */

#include "image/worker/worker_confine.h"

#include "base/mem.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>

/* Several times what the budgets allow for; beyond it an allocation fails and the process ends, not
 * the host. An address sanitizer takes terabytes for itself. */
#ifdef __SANITIZE_ADDRESS__
#define DATA_BYTES_MAX RLIM_INFINITY
#else
#define DATA_BYTES_MAX ((rlim_t)256 << 20)
#endif

/* SYS_ADMIN is for trusted.overlay.opaque, and Landlock takes mounts from whoever has it. */
static const unsigned int capabilities[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
					     CAP_MKNOD, CAP_SETFCAP,      CAP_SYS_ADMIN };

/* Goes on with a mount of the layers in which no device can be opened: who may make one could
 * otherwise write the host's disk through it. */
static int close_devices(struct layout *layout)
{
	const struct mount_attr closed = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
						       MOUNT_ATTR_NOEXEC };
	autoclose int tree = tree_clone(layout->layers_fd, 0);
	int r = tree < 0 ? tree : tree_change(tree, 0, &closed);

	if (r < 0)
		return r;
	/* A descriptor to read with, as others have: that of a tree is for paths only. */
	int layers = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (layers < 0)
		return -errno;
	closep(&layout->layers_fd);
	layout->layers_fd = layers;
	return 0;
}

int worker_confine(struct layout *layout, const struct confine_path *others, size_t n_others,
		   struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	int r = close_devices(layout);

	if (r < 0)
		return fail_errno(err, r, "keep devices out of the layers in %s", layout->data_dir);

	autofree struct confine_path *paths = xcalloc(n_others + 2, sizeof(struct confine_path));

	paths[0] = (struct confine_path){ layout->images_fd, CONFINE_WRITE };
	paths[1] = (struct confine_path){ layout->layers_fd, CONFINE_WRITE };
	for (size_t i = 0; i < n_others; i++)
		paths[2 + i] = others[i];
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail_errno(err, errno, "limit the memory of the worker");
	r = confine_capabilities(capabilities, ARRAY_LEN(capabilities));
	if (r < 0)
		return fail_errno(err, r, "drop the capabilities of the worker");
	r = confine_files(paths, n_others + 2);
	if (r < 0 && r != -EOPNOTSUPP)
		return fail_errno(err, r, "confine the worker to %s", layout->data_dir);
	return 0;
}
