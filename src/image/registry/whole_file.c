/* SPDX-License-Identifier: MIT */
/* A file at an http or https address. What the address may bear behind its host can be a secret,
 * and is in no message. */

#include "image/registry/whole_file.h"

#include "base/mem.h"
#include "image/registry/settings.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Twice what the largest archives of root file systems have. */
#define BYTES_MAX ((uint64_t)32 << 30)
/* For all attempts together. */
#define TOTAL_MS ((int64_t)4 * 3600 * 1000)
/* What is left free for everybody else, and how often that is looked at. */
#define FREE_BYTES_MIN ((uint64_t)16 << 20)
#define LOOK_BYTES     ((uint64_t)4 << 20)

struct whole_file {
	struct endpoint endpoint;
	struct fetch fetch;
	struct http *http;
	int fd; /* borrowed */
	uint64_t have;
	uint64_t looked_at;
	int64_t deadline_ms;
};

void whole_file_free(struct whole_file *file)
{
	if (!file)
		return;
	fetch_finish(&file->fetch);
	endpoint_finish(&file->endpoint);
	http_free(file->http);
	free(file);
}

static int take_head(void *userdata, const struct http_response *response, struct lxcri_error *err)
{
	if (response->content_length > 0 && (uint64_t)response->content_length > BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the server announces %lld bytes, more than the %llu that are taken",
			    (long long)response->content_length, (unsigned long long)BYTES_MAX);
	return 0;
}

static int check_space(struct whole_file *file, struct lxcri_error *err)
{
	struct statvfs status;

	if (file->have - file->looked_at < LOOK_BYTES)
		return 0;
	file->looked_at = file->have;
	if (fstatvfs(file->fd, &status) == 0 &&
	    (uint64_t)status.f_bavail * status.f_frsize < FREE_BYTES_MIN)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, ENOSPC, "store the download");
	return 0;
}

static int take_bytes(void *userdata, uint64_t at, const void *bytes, size_t size,
		      struct lxcri_error *err)
{
	struct whole_file *file = userdata;
	int r;

	if (size > BYTES_MAX - file->have)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the server sends more than the %llu bytes that are taken",
			    (unsigned long long)BYTES_MAX);
	if (http_now_ms() > file->deadline_ms)
		return fail(err, LXCRI_E_TIMEOUT, "the server did not send all in %lld seconds",
			    (long long)(TOTAL_MS / 1000));
	r = file_write_all_at(file->fd, bytes, size, (int64_t)at);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the download");
	file->have += size;
	return check_space(file, err);
}

static int restart(void *userdata, struct lxcri_error *err)
{
	struct whole_file *file = userdata;

	file->have = file->looked_at = 0;
	return ftruncate(file->fd, 0) < 0
		       ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "store the download")
		       : 0;
}

/* libcurl would send them along, and messages show them. */
static bool has_user(const char *address)
{
	const char *start = strstr(address, "://");

	start = start ? start + 3 : address;
	return memchr(start, '@', strcspn(start, "/?#"));
}

/* Fills in who is spoken to: "HOST" or "HOST:PORT", as registries.insecure names it. */
static int init_endpoint(struct whole_file *file, const struct settings *settings,
			 struct lxcri_error *err)
{
	struct endpoint *endpoint = &file->endpoint;
	const struct url *url = &endpoint->base;
	autofree char *with_port = NULL;

	endpoint->settings = settings;
	if (has_user(settings->reference))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "the address has a user name, which is not sent");
	if (url_parse(settings->reference, &endpoint->base, err) < 0) {
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "it is no http or https address");
	}
	with_port = xformat("%s:%s", url->host, url->port);
	endpoint->name = xstrdup(settings_ca_file(settings, with_port) ? with_port : url->host);
	endpoint->is_insecure = settings_is_insecure(settings, with_port) ||
				settings_is_insecure(settings, url->host);
	if (strcmp(url->scheme, "https") != 0 && !endpoint->is_insecure)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED,
			    "http://%s is not asked without TLS; only a host in "
			    "registries.insecure is",
			    with_port);
	return 0;
}

int whole_file_create(const struct settings *settings, int fd, struct whole_file **ret,
		      struct lxcri_error *err)
{
	const struct http_settings http = { settings->timeout_ms, settings->stall_ms, 1, 1 };
	autoptr(whole_file) file = xnew(struct whole_file);

	file->fd = fd;
	if (init_endpoint(file, settings, err) < 0 || http_create(&http, &file->http, err) < 0)
		return -1;
	file->fetch = (struct fetch){
		.endpoint = &file->endpoint,
		.path = xstrdup(file->endpoint.base.text),
		.size = FETCH_SIZE_UNKNOWN,
		.is_plain = true,
		.sink = { .head = take_head, .take = take_bytes, .restart = restart },
	};
	file->fetch.sink.userdata = file;
	*ret = steal(file);
	return 0;
}

int whole_file_fetch(struct whole_file *file, struct lxcri_error *err)
{
	file->deadline_ms = http_now_ms() + TOTAL_MS;
	if (fetch_all(file->http, &file->fetch, 1, err) == 0)
		return 0;
	/* They are said of images and registries. */
	if (err->code == LXCRI_E_IMAGE_NOT_FOUND || err->code == LXCRI_E_AUTHENTICATION_FAILED ||
	    err->code == LXCRI_E_INTEGRITY_CHECK_FAILED || err->code == LXCRI_E_INVALID_REFERENCE)
		err->code = LXCRI_E_DOWNLOAD_FAILED;
	return fail_while(err, "fetch from %s", file->endpoint.base.host);
}
