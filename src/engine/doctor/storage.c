/* SPDX-License-Identifier: MIT */
/* The file systems below the data and the run directory, and that of images elsewhere. A directory
 * that does not exist yet is judged by the one in which it would be made. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"
#include "engine/driver.h"

#include "base/mem.h"
#include "config/config.h"
#include "image/images_dir.h"
#include "image/rootfs.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MIB             (UINT64_C(1) << 20)
#define DATA_BYTES_LOW  (1024 * MIB)
#define DATA_BYTES_NONE (64 * MIB)
#define RUN_BYTES_LOW   (16 * MIB)
#define RUN_BYTES_NONE  MIB
#define INODES_LOW      10000
#define INODES_NONE     100

/* One of the directories, and what its checks are called. */
struct place {
	const char *path;
	char *existing;
	const char *check_type, *check_space, *check_inodes, *check_mount;
	uint64_t bytes_low, bytes_none;
};

static void check_type(struct doctor *doctor, const struct place *place)
{
	const struct advice advice = { place->check_type,
				       "what lies there would not be safe on a network or in "
				       "memory",
				       "put it on a local file system: ext4, xfs, btrfs or zfs" };
	autofree char *type = probe_file_system(place->existing);
	bool remote = type && (strncmp(type, "nfs", 3) == 0 || strcmp(type, "cifs") == 0 ||
			       strcmp(type, "fuse.sshfs") == 0);
	bool absent = strcmp(place->existing, place->path) != 0;

	doctor_report(doctor, remote ? LXCRI_HEALTH_WARNING : LXCRI_HEALTH_OK, &advice,
		      "%s: %s%s%s", place->path, type ? type : "unknown",
		      absent ? ", will be made in " : "", absent ? place->existing : "");
}

static void check_space(struct doctor *doctor, const struct place *place,
			const struct statvfs *status)
{
	const struct advice space = {
		place->check_space, "what is written there fails, or soon will",
		"proxmox-lxcri system prune, or give the file system more room"
	};
	const struct advice inodes = { place->check_inodes, "no file can be made, or soon none",
				       "remove files, or make the file system with more inodes" };
	uint64_t free_bytes = (uint64_t)status->f_bavail * status->f_frsize;

	doctor_report(doctor,
		      free_bytes < place->bytes_none  ? LXCRI_HEALTH_FAULT
		      : free_bytes < place->bytes_low ? LXCRI_HEALTH_WARNING
						      : LXCRI_HEALTH_OK,
		      &space, "%" PRIu64 " MiB free", free_bytes / MIB);
	if (status->f_files == 0) /* a file system without a fixed number */
		return;
	doctor_report(doctor,
		      status->f_favail < INODES_NONE  ? LXCRI_HEALTH_FAULT
		      : status->f_favail < INODES_LOW ? LXCRI_HEALTH_WARNING
						      : LXCRI_HEALTH_OK,
		      &inodes, "%" PRIu64 " inodes free", (uint64_t)status->f_favail);
}

static void check_writable(struct doctor *doctor, const struct place *place,
			   const struct statvfs *status)
{
	const struct advice advice = { place->check_mount, "nothing can be made or changed",
				       "mount it read-write, or name another directory with "
				       "--data or --root" };
	bool writable = !(status->f_flag & ST_RDONLY) && access(place->existing, W_OK) == 0;

	doctor_report(doctor, writable ? LXCRI_HEALTH_OK : LXCRI_HEALTH_FAULT, &advice, "%s %s",
		      place->existing, writable ? "can be written" : "is read-only");
}

/* Mount options of the data directory reach into every root file system. */
static void check_options(struct doctor *doctor, const struct statvfs *status)
{
	static const struct option {
		struct advice advice;
		unsigned long flag;
		const char *name;
		enum lxcri_health health;
	} options[] = {
		{ { "storage.data.noexec", "no program of a container can be executed",
		    "mount -o remount,exec" },
		  ST_NOEXEC,
		  "noexec",
		  LXCRI_HEALTH_FAULT },
		{ { "storage.data.nosuid", "programs like su and ping do not work in containers",
		    "mount -o remount,suid" },
		  ST_NOSUID,
		  "nosuid",
		  LXCRI_HEALTH_WARNING },
		{ { "storage.data.nodev",
		    "device files that an image brings do not work; those of /dev do",
		    "mount -o remount,dev, where an image needs them" },
		  ST_NODEV,
		  "nodev",
		  LXCRI_HEALTH_INFO },
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		bool set = status->f_flag & options[i].flag;

		doctor_report(doctor, set ? options[i].health : LXCRI_HEALTH_OK, &options[i].advice,
			      "%s%s", set ? "mounted " : "not ", options[i].name);
	}
}

static void check_overlay(struct doctor *doctor, const struct place *place)
{
	static const struct advice advice = {
		"storage.data.overlay",
		"layers are copied for every container: slower, and they take room each time",
		"put the data directory on ext4, xfs or btrfs"
	};
	bool can = rootfs_try_overlay(place->existing) != ROOTFS_NO_OVERLAY;

	doctor_report(doctor, can ? LXCRI_HEALTH_OK : LXCRI_HEALTH_WARNING, &advice, "%s",
		      can ? "can be mounted" : "cannot be mounted");
}

/* One that is asked for by name and cannot be had; a data directory that is not there yet lies
 * where it will be made. */
static void check_driver(struct doctor *doctor, const struct place *place)
{
	static const struct advice advice = { "storage.driver",
					      "no container can be made from an image",
					      "see storage.driver in proxmox-lxcri.config(5)" };
	struct lxcri_error err = {};
	const char *name = driver_probe(doctor->engine, place->existing, &err);

	if (name && err.code != LXCRI_E_NONE)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s", err.text);
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s", name ? name : "auto");
}

/* Waits in a user namespace until it is killed. */
_Noreturn static void hold_namespace(int ready)
{
	char byte = unshare(CLONE_NEWUSER) < 0 ? 'n' : 'y';

	(void)file_write_all(ready, &byte, 1);
	for (;;)
		(void)pause();
}

static int write_map(pid_t pid, const char *name)
{
	static const char map[] = "0 1000000 65536";
	autofree char *path = xformat("/proc/%d/%s", (int)pid, name);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : file_write_all(fd, map, sizeof(map) - 1);
}

/* Idmaps a clone of the mount of @path to the user namespace of @pid. */
static int idmap_to(pid_t pid, const char *path)
{
	autofree char *name = xformat("/proc/%d/ns/user", (int)pid);
	autoclose int namespace = open(name, O_RDONLY | O_CLOEXEC);
	autoclose int tree =
		(int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP,
					 .userns_fd = (uint64_t) namespace };

	if (namespace < 0 || tree < 0)
		return -errno;
	return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes,
		       sizeof(attributes)) < 0
		       ? -errno
		       : 0;
}

static int try_idmap(const char *path)
{
	int ends[2];
	char byte = 'n';

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;

	autoclose int from = ends[0];
	autoclose int to = ends[1];
	pid_t pid = fork();

	if (pid == 0)
		hold_namespace(to);
	if (pid < 0)
		return -errno;
	closep(&to);

	int r = read(from, &byte, 1) == 1 && byte == 'y' ? 0 : -EPERM;

	if (r == 0)
		r = write_map(pid, "uid_map");
	if (r == 0)
		r = write_map(pid, "gid_map");
	if (r == 0)
		r = idmap_to(pid, path);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

static void check_idmap(struct doctor *doctor, const struct place *place)
{
	static const struct advice advice = {
		"storage.data.idmap",
		"unprivileged containers need a copy of their layers with shifted owners",
		"put the data directory on ext4, xfs or btrfs, with a kernel of 5.19 or later"
	};
	int r = try_idmap(place->existing);

	if (r < 0)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice, "%s", strerror(-r));
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "mounts can be idmapped");
}

/* "." and ".." suffice: a file system tells the types of all entries or of none. */
static void check_types_of_entries(struct doctor *doctor, const struct place *place)
{
	static const struct advice advice = {
		"storage.data.d_type", "overlayfs does not work there",
		"make the file system anew with file types in directories (xfs: ftype=1)"
	};
	DIR *dir = opendir(place->existing);
	struct dirent *entry = dir ? readdir(dir) : NULL;
	bool known = entry && entry->d_type != DT_UNKNOWN;

	doctor_report(doctor, known ? LXCRI_HEALTH_OK : LXCRI_HEALTH_FAULT, &advice, "%s",
		      known ? "directories tell the types of files" : "file types are not told");
	if (dir)
		(void)closedir(dir);
}

static void check_place(struct doctor *doctor, struct place *place)
{
	const struct advice advice = { place->check_type, "nothing can be kept there", NULL };
	struct statvfs status;

	place->existing = probe_existing(place->path);
	if (statvfs(place->existing, &status) < 0) {
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s: %s", place->existing,
			      strerror(errno));
		return;
	}
	check_type(doctor, place);
	check_writable(doctor, place, &status);
	check_space(doctor, place, &status);
	if (place->path != doctor->engine->data)
		return;
	check_options(doctor, &status);
	check_driver(doctor, place);
	check_types_of_entries(doctor, place);
	check_idmap(doctor, place);
	if (!(status.f_flag & ST_RDONLY)) /* said above; it could not even be tried */
		check_overlay(doctor, place);
}

/* Images that are not in the data directory. */
static void check_images(struct doctor *doctor)
{
	static const struct advice advice = { "storage.images",
					      "no image can be used, and none can be fetched",
					      "see storage.image_path in proxmox-lxcri.config(5)" };
	const struct lxcri_engine *engine = doctor->engine;
	const char *wanted = config_text(engine->config, CONFIG_STORAGE_IMAGE_PATH);
	autofree char *target = images_dir_target(engine->data);
	autoclose int data = open(engine->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct place place = { target ? target : wanted, NULL,
			       "storage.images.type",    "storage.images.space",
			       "storage.images.inodes",  "storage.images.writable",
			       DATA_BYTES_LOW,           DATA_BYTES_NONE };
	struct lxcri_error err = {};

	if (!place.path)
		return;
	if (images_dir_check(data, engine->data, &err) < 0)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s", err.text);
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "in %s", place.path);
	check_place(doctor, &place);
	free(place.existing);
}

void doctor_storage(struct doctor *doctor)
{
	struct place places[] = {
		{ doctor->engine->data, NULL, "storage.data.type", "storage.data.space",
		  "storage.data.inodes", "storage.data.writable", DATA_BYTES_LOW, DATA_BYTES_NONE },
		{ doctor->engine->root, NULL, "storage.run.type", "storage.run.space",
		  "storage.run.inodes", "storage.run.writable", RUN_BYTES_LOW, RUN_BYTES_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		check_place(doctor, &places[i]);
		free(places[i].existing);
	}
	check_images(doctor);
}
