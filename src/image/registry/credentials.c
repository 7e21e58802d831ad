/* SPDX-License-Identifier: MIT */
/* Who we are to a registry. */

#include "image/registry/credentials.h"

#include "base/mem.h"
#include "base/strings.h"
#include "image/registry/helper.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void add_below(struct strings *paths, const char *dir, const char *rest)
{
	if (dir && *dir == '/')
		strings_addf(paths, "%s/%s", dir, rest);
}

/* Where other programs keep theirs, and in which order; a configured file is the only one. */
static void list_files(const struct settings *settings, struct strings *paths)
{
	const char *named = getenv("REGISTRY_AUTH_FILE");
	const char *home = getenv("HOME");
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *docker = getenv("DOCKER_CONFIG");

	if (settings->auth_file || (named && *named == '/')) {
		strings_add(paths, settings->auth_file ? settings->auth_file : named);
		return;
	}
	strings_add(paths, "/etc/proxmox-lxcri/auth.json");
	add_below(paths, getenv("XDG_RUNTIME_DIR"), "containers/auth.json");
	strings_addf(paths, "/run/containers/%u/auth.json", geteuid());
	add_below(paths, config ? config : home,
		  config ? "containers/auth.json" : ".config/containers/auth.json");
	add_below(paths, docker ? docker : home, docker ? "config.json" : ".docker/config.json");
}

static int check_mode(const char *path, struct lxcri_error *err)
{
	struct stat status;

	if (stat(path, &status) == 0 && (status.st_mode & 077) == 0)
		return 0;
	return fail(err, LXCRI_E_INVALID_CONFIG, "others can read it: chmod 600 %s", path);
}

static int look_into(const struct settings *settings, const char *file, const char *host,
		     const char *path, struct credentials *ret, struct lxcri_error *err)
{
	autorun(auth_entry_finish) struct auth_entry entry = {};
	autofree char *bytes = NULL;
	size_t size = 0;
	int r = file_read(AT_FDCWD, file, AUTH_FILE_BYTES_MAX, &bytes, &size);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return fail_errno(err, r, "read it");
	if (size == 0)
		return 0;
	r = auth_file_find(bytes, size, host, path, &entry, err);
	explicit_bzero(bytes, size);
	if (r <= 0)
		return r;
	if (entry.helper)
		return helper_get(entry.helper, auth_file_server(host), settings->timeout_ms, ret,
				  err);
	if (check_mode(file, err) < 0)
		return -1;
	*ret = entry.credentials;
	entry.credentials = (struct credentials){};
	return 1;
}

int credentials_find(const struct settings *settings, const char *host, const char *path,
		     struct credentials *ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings files = {};
	int r = 0;

	list_files(settings, &files);
	for (size_t i = 0; i < files.count && r == 0; i++) {
		r = look_into(settings, files.items[i], host, path, ret, err);
		if (r < 0)
			return fail_while(err, "credentials in %s", files.items[i]);
	}
	return 0;
}
