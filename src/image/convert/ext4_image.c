/* SPDX-License-Identifier: MIT */
/* An ext4 file system in a file. mke2fs makes it and could fill it too, but it would cut times to
 * seconds: so the kernel does, which mounts only what mke2fs has just made. */

#include "image/convert/ext4_image.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the file is among mke2fs's descriptors. */
#define IMAGE_PATH "/proc/self/fd/3"

#define WORDS_BYTES_MAX ((size_t)4096)

/* Returns what mke2fs said, on one line; owned by the caller. */
static char *read_words(int fd)
{
	char *words = NULL;
	size_t size = 0;

	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, WORDS_BYTES_MAX, &words, &size) < 0)
		return xstrdup("it does not say why");
	for (char *at = words; *at; at++)
		if (*at == '\n')
			*at = at[1] ? ' ' : '\0';
	return words;
}

static int run_mke2fs(char *const *argv, int image, struct lxcri_error *err)
{
	static const char *const paths[] = { "/usr/sbin/mke2fs", "/sbin/mke2fs" };
	autoclose int words = memfd_create("words", MFD_CLOEXEC);
	const int fds[] = { -1, words, words, image };
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_LEN(paths) && r == -ENOENT; i++) {
		const struct spawn spawn = { .path = paths[i],
					     .argv = argv,
					     .fds = fds,
					     .n_fds = ARRAY_LEN(fds),
					     .dies_with_us = true };

		r = process_spawn(&spawn);
	}
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONVERSION_FAILED, r,
				       "run mke2fs (of the package e2fsprogs)");
	r = process_wait(r);
	if (r == 0)
		return 0;

	autofree char *why = read_words(words);

	return fail(err, LXCRI_E_CONVERSION_FAILED, "mke2fs ended with code %d: %s",
		    process_exit_code(r), why);
}

int ext4_image_make(int fd, uint64_t size_bytes, uint64_t inodes, struct lxcri_error *err)
{
	autofree char *count = xformat("%llu", (unsigned long long)inodes);
	/* No blocks are kept for root, who in a container is nobody special to the disk; and what
	 * a new file holds is zero already. */
	char *const argv[] = { (char *)"mke2fs",
			       (char *)"-q",
			       (char *)"-F",
			       (char *)"-t",
			       (char *)"ext4",
			       (char *)"-m",
			       (char *)"0",
			       (char *)"-E",
			       (char *)"lazy_itable_init=0,nodiscard,root_owner=0:0",
			       (char *)"-N",
			       count,
			       (char *)IMAGE_PATH,
			       NULL };

	if (ftruncate(fd, (off_t)size_bytes) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make a file of %llu bytes", (unsigned long long)size_bytes);
	return run_mke2fs(argv, fd, err);
}

/* Returns a descriptor of the mount of @device, or -errno. */
static int mount_device(const char *device)
{
	autoclose int context = fsopen("ext4", FSOPEN_CLOEXEC);
	int mount;

	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount = fsmount(context, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	return mount < 0 ? -errno : mount;
}

int ext4_image_mount(int fd, struct lxcri_error *err)
{
	char path[LOOP_PATH_MAX] = "";
	autoclose int loop = loop_attach(fd, path);
	autoclose int mount = -1;
	int root;

	if (loop < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, loop, "attach a loop device");
	mount = mount_device(path);
	if (mount < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, mount,
				       "mount the new file system on %s", path);
	root = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, errno,
				       "open the new file system on %s", path);
	/* It is for what e2fsck finds, which makes it itself where it is missing. */
	if (unlinkat(root, "lost+found", AT_REMOVEDIR) < 0) {
		(void)fail_code_errno(err, LXCRI_E_MOUNT_FAILED, errno,
				      "empty the new file system");
		(void)close(root);
		return -1;
	}
	return root;
}

int ext4_image_unmount(int *ret_root, struct lxcri_error *err)
{
	int r = syncfs(*ret_root) < 0 ? -errno : 0;

	closep(ret_root);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write the file system out")
		     : 0;
}
