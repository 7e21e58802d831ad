/* SPDX-License-Identifier: MIT */
/* lxcri-registry: the process that talks to registries.
 *
 *	lxcri-registry pull
 *	lxcri-registry look
 *	lxcri-registry platforms
 *	lxcri-registry push
 *	lxcri-registry fetch
 *	lxcri-registry login
 *	lxcri-registry logout
 *
 * The request is one JSON object on standard input; news and, as the last line, the result are JSON
 * objects on standard output. It can write to the directory of downloads alone (a login: to that of
 * the file of credentials; fetch: to descriptor 3; a look: nowhere; a push: nowhere, and it reads
 *the images): what it fetches is meanwhile verified and taken into the store by the worker, at the
 *other end of descriptor 3. */

#include "base/json.h"
#include "base/scope.h"
#include "base/version.h"
#include "image/layout.h"
#include "image/registry/graph/platforms.h"
#include "image/registry/login.h"
#include "image/registry/pull.h"
#include "image/registry/push/push.h"
#include "image/registry/settings.h"
#include "image/registry/whole_file.h"
#include "image/worker.h"
#include "image/worker/worker_serve.h"
#include "os/confine.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define REQUEST_BYTES_MAX ((size_t)1 << 20)
/* An address sanitizer takes terabytes for itself. */
#ifdef __SANITIZE_ADDRESS__
#define DATA_BYTES_MAX RLIM_INFINITY
#else
#define DATA_BYTES_MAX ((rlim_t)128 << 20)
#endif

/* The data directory may belong to somebody else than root. */
static const unsigned int capabilities[] = { CAP_DAC_OVERRIDE };

/* What resolving names and checking certificates reads. */
static const char *const readable[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/ld.so.cache",
	"/etc/ssl",
	"/etc/pki",
	"/etc/localtime",
	"/usr/lib",
	"/usr/share/ca-certificates",
	"/usr/share/zoneinfo",
	"/usr/local/share/ca-certificates",
	"/run/systemd/resolve",
	"/dev/urandom",
};

struct opened {
	struct confine_path paths[ARRAY_LEN(readable) + 16];
	size_t count;
};

static void add_path(struct opened *opened, const char *path)
{
	int fd = opened->count < ARRAY_LEN(opened->paths) ? open(path, O_PATH | O_CLOEXEC) : -1;

	if (fd >= 0)
		opened->paths[opened->count++] = (struct confine_path){ fd, CONFINE_READ };
}

static void add_authorities(struct opened *opened, const struct settings *settings)
{
	struct json_object *section = json_get(settings->document, SETTINGS_REGISTRIES);
	struct json_object *files = json_get(section, "ca_files");
	const char *common = json_get_text(section, "ca");

	if (common)
		add_path(opened, common);
	if (!files)
		return;
	json_object_object_foreach(files, host, file)
	{
		(void)host;
		add_path(opened, json_object_get_string(file));
	}
}

static int confine(const struct settings *settings, const struct confine_path *own, size_t n_own,
		   struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	struct opened opened = { .count = n_own };
	int r;

	memcpy(opened.paths, own, n_own * sizeof(own[0]));
	for (size_t i = 0; i < ARRAY_LEN(readable); i++)
		add_path(&opened, readable[i]);
	add_authorities(&opened, settings);
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail_errno(err, errno, "limit the memory");
	r = confine_capabilities(capabilities, ARRAY_LEN(capabilities));
	if (r == 0)
		r = confine_files(opened.paths, opened.count);
	for (size_t i = n_own; i < opened.count; i++)
		(void)close(opened.paths[i].fd);
	if (r < 0 && r != -EOPNOTSUPP)
		return fail_errno(err, r, "confine it");
	return 0;
}

static int confine_writing(const struct settings *settings, int fd, struct lxcri_error *err)
{
	const struct confine_path own = { fd, CONFINE_WRITE };

	return confine(settings, &own, 1, err);
}

static int open_blobs(const struct settings *settings, struct lxcri_error *err)
{
	int fd = open(settings->blobs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s",
				       settings->blobs);
	return fd;
}

/* Opens what a pull writes to. */
static int open_downloads(const struct settings *settings, const struct layout *layout,
			  struct lxcri_error *err)
{
	int fd;

	if (settings->blobs)
		return open_blobs(settings, err);

	if (mkdirat(layout->images_fd, LAYOUT_DOWNLOADS, 0700) < 0 && errno != EEXIST)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make %s/images/" LAYOUT_DOWNLOADS, layout->data_dir);
	fd = openat(layout->images_fd, LAYOUT_DOWNLOADS,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "open %s/images/" LAYOUT_DOWNLOADS, layout->data_dir);
	return fd;
}

static int run_pull(const char *verb, const struct settings *settings, struct json_object *result,
		    struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(pull_result_finish) struct pull_result pulled = {};
	autoptr(pull) pull = NULL;

	(void)verb;
	if (pull_create(settings, &pull, err) < 0 ||
	    layout_create(settings->data_dir, &layout, err) < 0)
		return -1;

	autoclose int downloads = open_downloads(settings, &layout, err);

	if (downloads < 0 || confine_writing(settings, downloads, err) < 0 ||
	    pull_run(pull, &layout, downloads, &pulled, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, pulled.name);
	json_set_text(result, WORKER_DIGEST, pulled.digest);
	json_set_text(result, WORKER_TYPE, pulled.media_type);
	return 0;
}

/* What a pull would bring. */
static int run_look(const char *verb, const struct settings *settings, struct json_object *result,
		    struct lxcri_error *err)
{
	static const struct confine_path nowhere = { -1, CONFINE_READ };
	autorun(pull_result_finish) struct pull_result found = {};
	autoptr(pull) pull = NULL;

	(void)verb;
	if (pull_create(settings, &pull, err) < 0 || confine(settings, &nowhere, 0, err) < 0 ||
	    pull_look(pull, &found, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, found.name);
	json_set_text(result, WORKER_DIGEST, found.digest);
	json_set_text(result, WORKER_TYPE, found.media_type);
	return 0;
}

static int run_platforms(const char *verb, const struct settings *settings,
			 struct json_object *result, struct lxcri_error *err)
{
	autorun(platforms_result_finish) struct platforms_result found = {};
	autoptr(platforms) platforms = NULL;
	struct json_object *list = json_object_new_array();

	(void)verb;
	json_object_object_add(result, WORKER_IMAGES, list);
	if (!settings->blobs)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the request is not complete");
	if (platforms_create(settings, &platforms, err) < 0)
		return -1;

	autoclose int blobs = open_blobs(settings, err);

	if (blobs < 0 || confine_writing(settings, blobs, err) < 0 ||
	    platforms_run(platforms, blobs, &found, err) < 0)
		return -1;
	json_set_text(result, WORKER_DIGEST, found.digest);
	json_set_text(result, WORKER_TYPE, found.media_type);
	for (size_t i = 0; i < found.manifests.count; i++)
		(void)json_object_array_add(list, json_object_new_string(found.manifests.items[i]));
	return 0;
}

static int run_push(const char *verb, const struct settings *settings, struct json_object *result,
		    struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoclose int blobs = -1;
	autoptr(push) push = NULL;
	autofree char *name = NULL;

	(void)verb;
	if (push_create(settings, &push, err) < 0 ||
	    layout_open(settings->data_dir, &layout, err) < 0)
		return -1;
	if (settings->blobs)
		blobs = open_blobs(settings, err);
	if (settings->blobs && blobs < 0)
		return -1;

	const struct held held = { .where = settings->blobs ? settings->blobs : "the store",
				   .dirs = { layout.blobs_fd, blobs } };
	const struct confine_path own[] = { { layout.images_fd, CONFINE_READ },
					    { blobs, CONFINE_READ } };

	if (confine(settings, own, ARRAY_LEN(own), err) < 0 ||
	    push_run(push, &layout, &held, &name, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, name);
	json_set_text(result, WORKER_DIGEST, settings->digest);
	json_set_text(result, WORKER_TYPE, settings->media_type);
	return 0;
}

/* Nothing of the address but its host is in a message. */
static int run_fetch(const char *verb, const struct settings *settings, struct json_object *result,
		     struct lxcri_error *err)
{
	static const struct confine_path nowhere = { -1, CONFINE_READ };
	autoptr(whole_file) file = NULL;

	(void)verb;
	(void)result;
	if (whole_file_create(settings, WORKER_FD, &file, err) < 0 ||
	    confine(settings, &nowhere, 0, err) < 0)
		return -1;
	return whole_file_fetch(file, err);
}

static int run_login(const char *verb, const struct settings *settings, struct json_object *result,
		     struct lxcri_error *err)
{
	autoptr(login) login = NULL;
	int r;

	if (login_create(settings, &login, err) < 0 ||
	    confine_writing(settings, login_dir(login), err) < 0)
		return -1;
	r = strcmp(verb, WORKER_LOGIN) == 0 ? login_run(login, err) : login_forget(login, err);
	if (r == 0)
		json_set_text(result, WORKER_NAME, settings->reference);
	return r;
}

static const struct {
	const char *verb;
	int (*run)(const char *verb, const struct settings *settings, struct json_object *result,
		   struct lxcri_error *err);
} runs[] = {
	{ WORKER_PULL, run_pull },    { WORKER_LOOK, run_look },
	{ WORKER_PUSH, run_push },    { WORKER_PLATFORMS, run_platforms },
	{ WORKER_FETCH, run_fetch },  { WORKER_LOGIN, run_login },
	{ WORKER_LOGOUT, run_login },
};

static int run(int argc, char **argv, struct json_object *result, struct lxcri_error *err)
{
	autorun(settings_finish) struct settings settings = {};
	autofree char *request = NULL;
	size_t size = 0;
	size_t which = 0;
	int r;

	while (argc == 2 && which < ARRAY_LEN(runs) && strcmp(argv[1], runs[which].verb) != 0)
		which++;
	if (argc != 2 || which == ARRAY_LEN(runs))
		return fail(
			err, LXCRI_E_INVALID_ARGUMENT,
			"usage: lxcri-registry pull | look | platforms | push | fetch | login | "
			"logout");
	r = file_read_fd(STDIN_FILENO, REQUEST_BYTES_MAX, &request, &size);
	if (r < 0)
		return fail_errno(err, r, "read the request");
	if (settings_parse(request, size, &settings, err) < 0)
		return -1;
	r = runs[which].run(argv[1], &settings, result, err);
	explicit_bzero(request, size);
	if (r < 0 && runs[which].run != run_fetch)
		return fail_while(err, "%s %s", argv[1], settings.reference);
	return r;
}

int main(int argc, char **argv)
{
	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-registry")) < 0;
	(void)umask(077);
	return worker_serve(run, argc, argv);
}
