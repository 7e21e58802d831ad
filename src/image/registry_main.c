/* SPDX-License-Identifier: MIT */
/* lxcri-registry: the process that talks to registries.
 *
 *	lxcri-registry pull
 *	lxcri-registry fetch
 *	lxcri-registry login
 *	lxcri-registry logout
 *
 * The request is one JSON object on standard input; news and, as the last line, the result are JSON
 * objects on standard output. It can write to the directory of downloads alone (a login: to that of
 * the file of credentials; fetch: to descriptor 3 and nowhere): what it fetches is
 * taken into the store by the worker, which verifies it once more. */

#include "base/json.h"
#include "base/scope.h"
#include "base/version.h"
#include "image/layout.h"
#include "image/registry/login.h"
#include "image/registry/pull.h"
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

static int confine(const struct settings *settings, int written_fd, struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	struct opened opened = { .paths[0] = { written_fd, CONFINE_WRITE }, .count = 1 };
	int r;

	for (size_t i = 0; i < ARRAY_LEN(readable); i++)
		add_path(&opened, readable[i]);
	add_authorities(&opened, settings);
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail_errno(err, errno, "limit the memory of a pull");
	r = confine_capabilities(capabilities, ARRAY_LEN(capabilities));
	if (r == 0)
		r = confine_files(opened.paths, opened.count);
	for (size_t i = 1; i < opened.count; i++)
		(void)close(opened.paths[i].fd);
	if (r < 0 && r != -EOPNOTSUPP)
		return fail_errno(err, r, "confine a pull");
	return 0;
}

static int open_downloads(const struct layout *layout, struct lxcri_error *err)
{
	int fd;

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

static int run_pull(const struct settings *settings, struct json_object *result,
		    struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(pull_result_finish) struct pull_result pulled = {};
	autoptr(pull) pull = NULL;

	if (pull_create(settings, &pull, err) < 0 ||
	    layout_create(settings->data_dir, &layout, err) < 0)
		return -1;

	autoclose int downloads = open_downloads(&layout, err);

	if (downloads < 0 || confine(settings, downloads, err) < 0 ||
	    pull_run(pull, &layout, downloads, &pulled, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, pulled.name);
	json_set_text(result, WORKER_DIGEST, pulled.digest);
	json_set_text(result, WORKER_TYPE, pulled.media_type);
	return 0;
}

/* Nothing of the address but its host is in a message. */
static int run_fetch(const struct settings *settings, struct lxcri_error *err)
{
	autoptr(whole_file) file = NULL;

	if (whole_file_create(settings, WORKER_FD, &file, err) < 0 ||
	    confine(settings, -1, err) < 0)
		return -1;
	return whole_file_fetch(file, err);
}

static int run_login(const char *verb, const struct settings *settings, struct json_object *result,
		     struct lxcri_error *err)
{
	autoptr(login) login = NULL;
	int r;

	if (login_create(settings, &login, err) < 0 || confine(settings, login_dir(login), err) < 0)
		return -1;
	r = strcmp(verb, WORKER_LOGIN) == 0 ? login_run(login, err) : login_forget(login, err);
	if (r == 0)
		json_set_text(result, WORKER_NAME, settings->reference);
	return r;
}

static int run(int argc, char **argv, struct json_object *result, struct lxcri_error *err)
{
	autorun(settings_finish) struct settings settings = {};
	autofree char *request = NULL;
	size_t size = 0;
	int r;

	if (argc != 2 ||
	    (strcmp(argv[1], WORKER_PULL) != 0 && strcmp(argv[1], WORKER_FETCH) != 0 &&
	     strcmp(argv[1], WORKER_LOGIN) != 0 && strcmp(argv[1], WORKER_LOGOUT) != 0))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "usage: lxcri-registry pull | fetch | login | logout");
	r = file_read_fd(STDIN_FILENO, REQUEST_BYTES_MAX, &request, &size);
	if (r < 0)
		return fail_errno(err, r, "read the request");
	if (settings_parse(request, size, &settings, err) < 0)
		return -1;
	if (strcmp(argv[1], WORKER_FETCH) == 0)
		return run_fetch(&settings, err);
	r = strcmp(argv[1], WORKER_PULL) == 0 ? run_pull(&settings, result, err)
					      : run_login(argv[1], &settings, result, err);
	explicit_bzero(request, size);
	return r < 0 ? fail_while(err, "%s %s", argv[1], settings.reference) : 0;
}

int main(int argc, char **argv)
{
	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-registry")) < 0;
	(void)umask(077);
	return worker_serve(run, argc, argv);
}
