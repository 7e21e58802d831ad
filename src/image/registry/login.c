/* SPDX-License-Identifier: MIT */
/* Trying credentials, and the file that keeps them. */

#include "image/registry/login.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/registry/document.h"
#include "image/registry/fetch.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define OWN_FILE "/etc/proxmox-lxcri/auth.json"

struct login {
	const struct settings *settings;
	struct endpoint endpoint;
	const char *path; /* of the file */
	const char *file; /* its name in the directory */
	int dir_fd;
};

void login_free(struct login *login)
{
	if (!login)
		return;
	endpoint_finish(&login->endpoint);
	closep(&login->dir_fd);
	free(login);
}

int login_dir(const struct login *login)
{
	return login->dir_fd;
}

static int open_dir(struct login *login, struct lxcri_error *err)
{
	autofree char *dir = xstrndup(login->path, (size_t)(login->file - login->path));
	int r = path_make_dirs(dir, 0755);

	if (r == 0) {
		login->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = login->dir_fd < 0 ? -errno : 0;
	}
	return r < 0 ? fail_errno(err, r, "open %s", dir) : 0;
}

int login_create(const struct settings *settings, struct login **ret_login, struct lxcri_error *err)
{
	autoptr(login) login = xnew(struct login);
	const char *name = settings->reference;
	struct credentials *credentials = &login->endpoint.credentials;

	login->settings = settings;
	login->dir_fd = -1;
	login->path = settings->auth_file ? settings->auth_file : OWN_FILE;
	login->file = strrchr(login->path, '/') + 1;
	if (!*name || strchr(name, '/') || text_has_control(name))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "\"%s\" is no registry; expected HOST[:PORT]", name);
	if (endpoint_init(&login->endpoint, settings, name, "", err) < 0 ||
	    open_dir(login, err) < 0)
		return -1;
	credentials_finish(credentials);
	credentials->user = xstrdup(settings->user);
	credentials->password = xstrdup(settings->password);
	*ret_login = steal(login);
	return 0;
}

/* Reads the file, or begins one. The lock of its directory is held until @ret_lock is closed. */
static int read_file(const struct login *login, int *ret_lock, struct json_object **ret,
		     struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	size_t size = 0;
	int r;

	*ret_lock = openat(login->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_lock < 0 || flock(*ret_lock, LOCK_EX) < 0)
		return fail_errno(err, errno, "lock the directory of %s", login->path);
	r = file_read(login->dir_fd, login->file, AUTH_FILE_BYTES_MAX, &bytes, &size);
	if (r < 0 && r != -ENOENT)
		return fail_errno(err, r, "read %s", login->path);
	if (r == -ENOENT || size == 0) {
		*ret = json_object_new_object();
		return 0;
	}
	r = json_parse(bytes, size, &json_limits_config, ret, err);
	explicit_bzero(bytes, size);
	if (r < 0)
		return fail_while(err, "%s", login->path);
	if (!json_object_is_type(*ret, json_type_object))
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s holds no object", login->path);
	return 0;
}

static int write_file(const struct login *login, struct json_object *document,
		      struct lxcri_error *err)
{
	autofree char *text = json_format(document);
	int r = file_write_atomic(login->dir_fd, login->file, text, strlen(text), 0600,
				  FILE_DURABLE);

	explicit_bzero(text, strlen(text));
	return r < 0 ? fail_errno(err, r, "write %s", login->path) : 0;
}

static int pass_over(void *userdata, uint64_t at, const void *bytes, size_t size,
		     struct lxcri_error *err)
{
	(void)at;
	(void)userdata;
	(void)bytes;
	(void)size;
	(void)err;
	return 0;
}

static int forget_nothing(void *userdata, struct lxcri_error *err)
{
	(void)userdata;
	(void)err;
	return 0;
}

static int try_it(struct login *login, struct lxcri_error *err)
{
	const struct settings *settings = login->settings;
	const struct http_settings numbers = { settings->timeout_ms, settings->stall_ms,
					       settings->connections, settings->per_host };
	autorun(fetch_finish) struct fetch fetch = {
		.endpoint = &login->endpoint,
		.path = xstrdup("/v2/"),
		.size = FETCH_SIZE_UNKNOWN,
		.sink = { .take = pass_over, .restart = forget_nothing },
	};
	autoptr(http) http = NULL;
	autoptr(http) side = NULL;

	if (http_create(&numbers, &http, err) < 0 || http_create(&numbers, &side, err) < 0 ||
	    endpoint_connect(&login->endpoint, side, err) < 0)
		return -1;

	int r = fetch_all(http, &fetch, 1, err);

	fetch_finish(&fetch); /* before the client that its exchange belongs to */
	return r;
}

int login_run(struct login *login, struct lxcri_error *err)
{
	autojson document = NULL;
	autoclose int lock = -1;

	if (!login->endpoint.credentials.user || !login->endpoint.credentials.password ||
	    strchr(login->endpoint.credentials.user, ':'))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a user name without a colon and a password are needed");
	if (try_it(login, err) < 0 || read_file(login, &lock, &document, err) < 0)
		return -1;
	auth_file_set(document, login->endpoint.name, &login->endpoint.credentials);
	return write_file(login, document, err);
}

int login_forget(struct login *login, struct lxcri_error *err)
{
	autojson document = NULL;
	autoclose int lock = -1;

	if (read_file(login, &lock, &document, err) < 0)
		return -1;
	if (auth_file_remove(document, login->endpoint.name) == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "nobody is logged in to it in %s",
			    login->path);
	return write_file(login, document, err);
}
