/* SPDX-License-Identifier: MIT */
#pragma once

/* What a pull is asked for and how registries are to be spoken to: one JSON object, which the
 * command makes of its configuration. It comes over a pipe, so that nothing of it stands in the
 * list of processes. */

#include "base/fail.h"
#include "base/json.h"
#include "base/strings.h"

#include <stdint.h>

/* The members, besides "registries", which is the section of the configuration. */
#define SETTINGS_REFERENCE  "reference"
#define SETTINGS_DATA       "data"
#define SETTINGS_USER       "user"
#define SETTINGS_PASSWORD   "password"
#define SETTINGS_REGISTRIES "registries"
#define SETTINGS_DIGEST     "digest"
#define SETTINGS_TYPE       "mediaType"
#define SETTINGS_BLOBS      "blobs"
#define SETTINGS_MOUNT_FROM "mountFrom"
#define SETTINGS_FEED       "feed"

/* Texts are borrowed from the document. */
struct settings {
	struct json_object *document; /* owned */
	const char *reference;
	const char *data_dir;
	const char *user;       /* of a login */
	const char *password;   /* of a login */
	const char *auth_file;  /* or NULL */
	const char *digest;     /* of what is pushed */
	const char *media_type; /* of it */
	const char *blobs;      /* a directory of them besides the store: of a push, where some are,
				 * of a pull, where they go to instead of downloads; or NULL */
	const char *mount_from; /* the repository of the same registry that has them; or NULL */
	bool is_fed;            /* descriptor WORKER_FD leads to who takes in what is pulled */
	int64_t timeout_ms;
	int64_t stall_ms;
	int64_t retry_wait_ms;
	unsigned int retries;
	unsigned int connections;
	unsigned int per_host;
};

/* Reads @size bytes that the command wrote. The caller ends *@ret with settings_finish(). */
[[nodiscard]] int settings_parse(const char *bytes, size_t size, struct settings *ret,
				 struct lxcri_error *err);

/* Tells whether the registry @host may be spoken to without TLS. */
bool settings_is_insecure(const struct settings *settings, const char *host);

/* Returns the file of certificate authorities for @host, borrowed, or NULL. */
const char *settings_ca_file(const struct settings *settings, const char *host);

/* Returns the mirrors of @host, a list or NULL; borrowed. */
struct json_object *settings_mirrors(const struct settings *settings, const char *host);

/* Tells whether the credentials of the registry @host may be sent to @service, another host. */
bool settings_trusts_service(const struct settings *settings, const char *host,
			     const char *service);

/* Frees what @settings holds. Safe to repeat. */
void settings_finish(struct settings *settings);
