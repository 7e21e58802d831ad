/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether the one at the other end of a connection is who it should be. */

#include "proxmox/rest/settings.h"

#include <curl/curl.h>

/* What was seen, for the message when it was not what was expected. */
struct tls_seen {
	const struct rest_settings *settings;    /* borrowed */
	char fingerprint[3 * FINGERPRINT_BYTES]; /* "AA:BB:..."; "" until one was seen */
	bool is_refused;
};

/* Makes @easy check the certificate: by its fingerprint where the settings have one, else by the
 * authorities that are trusted and the host's name. @seen must outlive @easy.
 * LXCRI_E_UNSUPPORTED_OPERATION where this libcurl cannot do that. */
[[nodiscard]] int tls_prepare(CURL *easy, struct tls_seen *seen, struct lxcri_error *err);
