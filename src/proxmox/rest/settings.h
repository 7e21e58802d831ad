/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the server is, and who asks. */

#include "base/fail.h"
#include "base/strings.h"

#include <stdbool.h>
#include <stdint.h>

#define FINGERPRINT_BYTES 32
#define FINGERPRINTS_MAX  32

/* Zeroed is empty. */
struct rest_settings {
	struct strings hosts; /* "NAME:PORT" */
	char *token;
	char *user;
	char *password;
	char *ca_file;
	bool verify;
	unsigned char fingerprints[FINGERPRINTS_MAX][FINGERPRINT_BYTES];
	unsigned int n_fingerprints;
	unsigned int timeout_seconds;
};

/* Reads the first message. LXCRI_E_INVALID_CONFIG, LXCRI_E_INVALID_JSON. */
[[nodiscard]] int rest_settings_parse(const char *json, size_t size, struct rest_settings *ret,
				      struct lxcri_error *err);

/* Frees what @settings hold, secrets overwritten. Safe to repeat. */
void rest_settings_finish(struct rest_settings *settings);
