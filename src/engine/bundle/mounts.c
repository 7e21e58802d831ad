/* SPDX-License-Identifier: MIT */
/* The mounts of a container: those that every container has, tmpfs and volumes. */

#include "engine/bundle/host_names.h"
#include "engine/bundle/part.h"
#include "engine/bundle/resolv_conf.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/network/mode.h"
#include "engine/volumes/volume.h"
#include "os/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHM_BYTES_DEFAULT (UINT64_C(64) << 20)

/* What docker mounts in every container. */
static const struct default_mount {
	const char *destination;
	const char *type;
	const char *source;
	const char *options;
} default_mounts[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "devpts",
	  "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777" },
};

static void append_words(struct json_object *array, const char *words)
{
	autofree char *copy = xstrdup(words);

	for (char *rest = copy; rest;) {
		const char *word = strsep(&rest, ",");

		if (*word)
			bundle_append(array, word);
	}
}

/* Appends a mount and returns its options, to which more can be added. */
static struct json_object *add_mount(struct json_object *mounts, const char *destination,
				     const char *type, const char *source)
{
	struct json_object *mount = json_object_new_object();
	struct json_object *options = json_object_new_array();

	json_set_text(mount, "destination", destination);
	json_set_text(mount, "type", type);
	json_set_text(mount, "source", source);
	json_object_object_add(mount, "options", options);
	json_object_array_add(mounts, mount);
	return options;
}

/* Returns the index of the mount at @destination, or -1. */
static ssize_t find_mount(struct json_object *mounts, const char *destination)
{
	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);

		if (strcmp(json_get_text(mount, "destination"), destination) == 0)
			return (ssize_t)i;
	}
	return -1;
}

static size_t depth(struct json_object *mount)
{
	const char *path = json_get_text(mount, "destination");
	size_t slashes = 0;

	for (; *path; path++)
		slashes += *path == '/';
	return slashes;
}

/* Orders the mounts so that what is above comes first; equals keep their order. There are few. */
static void sort_mounts(struct json_object *mounts)
{
	size_t count = json_object_array_length(mounts);

	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j > 0; j--) {
			struct json_object *upper = json_object_array_get_idx(mounts, j - 1);
			struct json_object *lower = json_object_array_get_idx(mounts, j);

			if (depth(upper) <= depth(lower))
				break;
			json_object_get(upper);
			json_object_get(lower);
			json_object_array_put_idx(mounts, j - 1, lower);
			json_object_array_put_idx(mounts, j, upper);
		}
}

/* Normalises @path and adds it to the destinations that are @taken; a second time is a mistake of
 * the user's. */
static int take(struct strings *taken, const char *what, const char *path, char **ret,
		struct lxcri_error *err)
{
	if (bundle_normalise(what, path, ret, err) < 0)
		return -1;
	if (strcmp(*ret, "/") == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s cannot be the root itself", what);
	if (strings_has(taken, *ret))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: something is mounted at %s already",
			    what, *ret);
	strings_add(taken, *ret);
	return 0;
}

/* What may stand in the options of a volume; NULL: accepted and without effect, as labels are on a
 * host without SELinux and consistency is outside of Docker Desktop. */
static const struct volume_option {
	const char *word;
	const char *option;
} volume_options[] = {
	{ "ro", "ro" },
	{ "rw", "rw" },
	{ "exec", "exec" },
	{ "noexec", "noexec" },
	{ "suid", "suid" },
	{ "nosuid", "nosuid" },
	{ "dev", "dev" },
	{ "nodev", "nodev" },
	{ "private", "private" },
	{ "rprivate", "rprivate" },
	{ "slave", "slave" },
	{ "rslave", "rslave" },
	{ "shared", "shared" },
	{ "rshared", "rshared" },
	{ "idmap", "idmap" },
	{ "U", NULL },
	{ "bind", NULL },
	{ "rbind", NULL },
	{ "z", NULL },
	{ "Z", NULL },
	{ "nocopy", NULL },
	{ "copy", NULL },
	{ "cached", NULL },
	{ "delegated", NULL },
	{ "consistent", NULL },
};

static const struct volume_option *find_volume_option(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(volume_options); i++)
		if (strcmp(volume_options[i].word, word) == 0)
			return &volume_options[i];
	return NULL;
}

/* What the words of a volume say. */
struct volume_words {
	struct strings options; /* of the mount */
	bool no_copy;
	bool give;
	bool mapped;
};

static void volume_words_finish(struct volume_words *words)
{
	strings_finish(&words->options);
}

/* Turns the words of a volume into mount options. A bind that says nothing is recursive and
 * private, as docker's are. */
static int read_volume_options(const struct lxcri_volume *volume, struct volume_words *words,
			       struct lxcri_error *err)
{
	autofree char *copy = xstrdup(volume->options ? volume->options : "");
	bool propagation = false;
	bool recursive = true;

	for (char *rest = copy; rest;) {
		const char *word = strsep(&rest, ",");
		const struct volume_option *option = find_volume_option(word);

		if (!*word)
			continue;
		if (!option)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "volume %s: unknown option \"%s\"", volume->destination, word);
		if (strcmp(word, "bind") == 0)
			recursive = false;
		words->no_copy |= strcmp(word, "nocopy") == 0;
		words->give |= strcmp(word, "U") == 0;
		words->mapped |= strcmp(word, "idmap") == 0;
		if (!option->option)
			continue;
		if (strstr(word, "private") || strstr(word, "slave") || strstr(word, "shared"))
			propagation = true;
		strings_add(&words->options, option->option);
	}
	if (!propagation)
		strings_add(&words->options, "rprivate");
	strings_add(&words->options, recursive ? "rbind" : "bind");
	return 0;
}

/* Adds a volume that the engine has to make; the strings pass into its hands. */
static struct bundle_volume *add_volume(struct bundle *bundle, const char *name, char *destination,
					struct volume_words *words)
{
	bundle->volumes =
		xreallocarray(bundle->volumes, bundle->n_volumes + 1, sizeof(*bundle->volumes));
	bundle->volumes[bundle->n_volumes++] = (struct bundle_volume){
		.name = xstrdup(name),
		.destination = destination,
		.no_copy = words->no_copy,
		.give = words->give,
		.options = words->options,
	};
	words->options = (struct strings){};
	return &bundle->volumes[bundle->n_volumes - 1];
}

/* Adds a part of a directory of the host, which is looked up when it is mounted. */
static void add_part(struct bundle *bundle, const struct lxcri_volume *volume, char *source,
		     char *destination, struct volume_words *words)
{
	struct bundle_volume *made = add_volume(bundle, NULL, destination, words);

	made->is_of_host = true;
	made->source = source;
	made->sub_path = xstrdup(volume->sub_path);
	made->give = false;
}

static void append_all(struct json_object *array, const struct strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		bundle_append(array, words->items[i]);
}

/* Directories that hold the host together: their owner is nobody's to change by an option, nor is
 * that of a file in some of them, such as /etc/passwd. */
static bool is_of_the_system(const char *path)
{
	static const struct {
		const char *path;
		bool with_files;
	} places[] = { { "/" },          { "/bin", true }, { "/boot", true }, { "/dev", true },
		       { "/etc", true }, { "/home" },      { "/lib", true },  { "/lib64", true },
		       { "/proc" },      { "/root" },      { "/run" },        { "/sbin", true },
		       { "/sys" },       { "/usr", true }, { "/var" } };
	size_t length = (size_t)(strrchr(path, '/') - path);
	struct stat status;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		bool is_in = strlen(places[i].path) == length &&
			     strncmp(places[i].path, path, length) == 0;

		if (strcmp(places[i].path, path) == 0)
			return true;
		if (is_in && places[i].with_files)
			return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
	}
	return false;
}

static int add_gift(struct bundle *bundle, const char *path, const struct volume_words *words,
		    struct lxcri_error *err)
{
	if (is_of_the_system(path))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "volume %s: U would give a directory or file of the system away; leave "
			    "U out, or give a copy",
			    path);
	bundle->gifts = xreallocarray(bundle->gifts, bundle->n_gifts + 1, sizeof(*bundle->gifts));
	bundle->gifts[bundle->n_gifts++] =
		(struct bundle_gift){ .path = xstrdup(path), .mapped = words->mapped };
	return 0;
}

/* Mounts what is at @source on the host. */
static int add_bind(struct bundle_request *request, const char *source, const char *destination,
		    const struct volume_words *words, struct json_object *mounts,
		    struct lxcri_error *err)
{
	autofree char *real = realpath(source, NULL);

	if (!real)
		return fail_code_errno(err, LXCRI_E_INVALID_ARGUMENT, errno, "volume %s", source);
	if (words->mapped && id_map_is_host(&request->map))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "volume %s: idmap is for a container with ids of its own", source);
	if (words->give && add_gift(request->bundle, real, words, err) < 0)
		return -1;
	append_all(add_mount(mounts, destination, "bind", words->mapped ? real : source),
		   &words->options);
	return 0;
}

static int add_user_volume(const struct lxcri_volume *volume, struct bundle_request *request,
			   struct json_object *mounts, struct strings *taken,
			   struct lxcri_error *err)
{
	autorun(volume_words_finish) struct volume_words words = {};
	autofree char *destination = NULL;
	autofree char *source = NULL;

	if (take(taken, "volume", volume->destination, &destination, err) < 0 ||
	    read_volume_options(volume, &words, err) < 0)
		return -1;
	if (volume->source && *volume->source != '/') {
		if (!volume_name_is_valid(volume->source))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "volume \"%s\" is neither an absolute path nor a name",
				    volume->source);
		add_volume(request->bundle, volume->source, steal(destination), &words)->sub_path =
			xstrdup(volume->sub_path);
		return 0;
	}
	if (!volume->source) {
		(void)add_volume(request->bundle, NULL, steal(destination), &words);
		return 0;
	}
	if (bundle_normalise("volume", volume->source, &source, err) < 0)
		return -1;
	if (volume->sub_path) {
		add_part(request->bundle, volume, steal(source), steal(destination), &words);
		return 0;
	}
	return add_bind(request, source, destination, &words, mounts, err);
}

/* Volumes of the image, where the user has mounted nothing, become anonymous ones. */
static int add_image_volumes(struct bundle_request *request, struct strings *taken,
			     struct lxcri_error *err)
{
	const struct spec_strings *volumes = &request->image->volumes;

	for (size_t i = 0; i < volumes->count; i++) {
		struct volume_words words = {};
		autofree char *rooted = xformat("/%s", volumes->items[i]);
		autofree char *destination = NULL;

		if (bundle_normalise("volume", rooted, &destination, err) < 0)
			return fail_while(err, "image %s", request->options->image);
		if (strcmp(destination, "/") == 0)
			return fail(err, LXCRI_E_INVALID_FORMAT,
				    "image %s: a volume is the root itself",
				    request->options->image);
		if (strings_has(taken, destination))
			continue;
		strings_add(taken, destination);
		strings_add(&words.options, "rprivate");
		strings_add(&words.options, "rbind");
		(void)add_volume(request->bundle, NULL, steal(destination), &words);
	}
	return 0;
}

/* Tells whether @word may stand in the options of a tmpfs. */
static bool is_tmpfs_option(const char *word)
{
	static const char *const flags[] = {
		"ro",       "rw",         "exec",        "noexec",        "suid",
		"nosuid",   "dev",        "nodev",       "sync",          "async",
		"dirsync",  "atime",      "noatime",     "diratime",      "nodiratime",
		"relatime", "norelatime", "strictatime", "nostrictatime",
	};
	static const char *const values[] = { "size=", "mode=",      "uid=",
					      "gid=",  "nr_inodes=", "nr_blocks=" };

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (strcmp(flags[i], word) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		const char *value = word + strlen(values[i]);

		if (text_starts_with(word, values[i]) && *value >= '0' && *value <= '9' &&
		    value[strspn(value, "0123456789kKmMgG%")] == '\0')
			return true;
	}
	return false;
}

/* Mounts a tmpfs as PATH[:OPTIONS] says; what is not said is the careful choice. */
static int add_tmpfs(const char *spec, struct json_object *mounts, struct strings *taken,
		     struct lxcri_error *err)
{
	static const char *const careful[] = { "noexec", "nosuid", "nodev" };
	const char *colon = strchr(spec, ':');
	autofree char *path = colon ? xstrndup(spec, (size_t)(colon - spec)) : xstrdup(spec);
	autofree char *words = xstrdup(colon ? colon + 1 : "");
	autofree char *destination = NULL;
	autorun(strings_finish) struct strings given = {};

	if (take(taken, "tmpfs", path, &destination, err) < 0)
		return -1;
	for (char *rest = words; rest;) {
		const char *word = strsep(&rest, ",");

		if (!*word)
			continue;
		if (!is_tmpfs_option(word))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "tmpfs %s: unknown option \"%s\"", destination, word);
		strings_add(&given, word);
	}

	struct json_object *options = add_mount(mounts, destination, "tmpfs", "tmpfs");

	for (size_t i = 0; i < ARRAY_LEN(careful); i++)
		if (!strings_has(&given, careful[i] + strlen("no")))
			bundle_append(options, careful[i]);
	append_all(options, &given);
	return 0;
}

/* Whoever may do anything may write there. A sysfs shows the network namespace that it is mounted
 * for, and only who owns that may mount one: on somebody else's network the host's is shown. */
static const struct default_mount *choose_default(const struct bundle_request *request,
						  const struct default_mount *mount)
{
	static const struct default_mount writable[] = {
		{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev" },
		{ "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev" },
	};
	static const struct default_mount host_sys = { "/sys", "bind", "/sys",
						       "rbind,rprivate,nosuid,noexec,nodev,rro" };

	for (size_t i = 0; request->options->privileged && i < ARRAY_LEN(writable); i++)
		if (strcmp(writable[i].destination, mount->destination) == 0)
			return &writable[i];
	if (!id_map_is_host(&request->map) && network_mode_is_foreign(request->options) &&
	    strcmp(mount->type, "sysfs") == 0)
		return &host_sys;
	return mount;
}

/* Adds what every container has, except where the user mounted something at or above it. */
static void add_defaults(struct bundle_request *request, struct json_object *mounts,
			 const struct strings *taken)
{
	uint64_t shm = request->options->shm_bytes;

	for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++) {
		const struct default_mount *mount = choose_default(request, &default_mounts[i]);
		bool below_dev = text_starts_with(mount->destination, "/dev/");

		if (strings_has(taken, mount->destination) ||
		    (below_dev && strings_has(taken, "/dev")))
			continue;

		struct json_object *options =
			add_mount(mounts, mount->destination, mount->type, mount->source);

		append_words(options, mount->options);
		if (strcmp(mount->source, "shm") == 0) {
			autofree char *size =
				xformat("size=%ju", (uintmax_t)(shm ? shm : SHM_BYTES_DEFAULT));

			bundle_append(options, size);
		}
	}
}

/* On the host's network the host's names are the right ones. */
static void add_host_names(const struct lxcri_create_options *options, struct json_object *mounts,
			   const struct strings *taken)
{
	static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts" };
	struct stat status;

	if (!network_mode_is_host(options))
		return;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (strings_has(taken, files[i]) || stat(files[i], &status) < 0)
			continue;
		append_words(add_mount(mounts, files[i], "bind", files[i]), "bind,ro,rprivate");
	}
}

/* Brings the small init in, below /dev: that is a tmpfs of the container's own, whatever the image
 * has and however its root is mounted. */
static void add_init(const struct lxcri_create_options *options, struct json_object *mounts)
{
	autofree char *path = helper_path("lxcri-init");

	if (options->init)
		append_words(add_mount(mounts, BUNDLE_INIT_PATH, "bind", path),
			     "bind,ro,nosuid,nodev,rprivate");
}

int bundle_add_mounts(struct bundle_request *request, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	struct json_object *mounts = json_object_new_array();
	autorun(strings_finish) struct strings taken = {};

	json_object_object_add(request->bundle->spec, "mounts", mounts);
	for (size_t i = 0; i < options->n_volumes; i++)
		if (add_user_volume(&options->volumes[i], request, mounts, &taken, err) < 0)
			return -1;
	for (size_t i = 0; options->tmpfs && options->tmpfs[i]; i++)
		if (add_tmpfs(options->tmpfs[i], mounts, &taken, err) < 0)
			return -1;
	if (add_image_volumes(request, &taken, err) < 0)
		return -1;
	add_defaults(request, mounts, &taken);
	if (host_names_make(request, &taken, err) < 0)
		return -1;
	if (resolv_conf_make(request, &taken, err) < 0)
		return -1;
	if (request->bundle->hosts)
		strings_add(&taken, "/etc/hosts");
	if (request->bundle->resolv_conf)
		strings_add(&taken, "/etc/resolv.conf");
	add_host_names(options, mounts, &taken);
	add_init(options, mounts);
	sort_mounts(mounts);
	return 0;
}

void bundle_mount_file(struct bundle *bundle, const char *destination, const char *source)
{
	struct json_object *mounts = json_get(bundle->spec, "mounts");

	append_words(add_mount(mounts, destination, "bind", source), "bind,rw,rprivate");
	sort_mounts(mounts);
}

void bundle_mount_volumes(struct bundle *bundle, bool mapped)
{
	struct json_object *mounts = json_get(bundle->spec, "mounts");

	for (size_t i = 0; i < bundle->n_volumes; i++) {
		const struct bundle_volume *volume = &bundle->volumes[i];
		ssize_t at = find_mount(mounts, volume->destination);

		if (at >= 0)
			json_object_array_del_idx(mounts, (size_t)at, 1);

		struct json_object *options =
			add_mount(mounts, volume->destination, "bind", volume->source);

		append_all(options, &volume->options);
		if (mapped && !volume->is_of_host && !strings_has(&volume->options, "idmap"))
			bundle_append(options, "idmap");
	}
	sort_mounts(mounts);
}
