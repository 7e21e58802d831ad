/* SPDX-License-Identifier: MIT */
#pragma once

/* A connection to Proxmox VE's REST API. lxcri-proxmox, which is started for it, holds what libcurl
 * is needed for: hosts and which of them is asked, certificates, tickets, and limits to what comes
 * back. Here are requests and answers.
 *
 * A GET is repeated on another host when one fails; everything else only where no host can have
 * seen it. */

#include "base/json.h"
#include "base/scope.h"

struct lxcri_config;
struct pve;

/* Reads how the API is reached from @config, and the secrets from their files, which must be nobody
 * else's to read. Nothing is connected to yet. The caller owns *@ret_pve. LXCRI_E_INVALID_CONFIG,
 * naming what is missing. */
[[nodiscard]] int pve_open(const struct lxcri_config *config, struct pve **ret_pve,
			   struct lxcri_error *err);

/* Ends the connection and frees @pve; NULL is fine. */
void pve_free(struct pve *pve);
DEFINE_AUTOPTR(pve)

struct pve_request {
	const char *method;         /* "GET", "POST", "PUT", "DELETE" */
	const char *path;           /* "/nodes/pve1/lxc"; each part escaped by pve_escape() */
	struct json_object *params; /* an object of texts and numbers, borrowed; or NULL */
	const char *upload;         /* what the file `fd` is to be called; or NULL */
	int fd;                     /* borrowed; read from its start */
};

/* Asks, and waits for the answer, whose "data" is the caller's; it may be NULL. The server's words
 * are in each error. LXCRI_E_AUTHENTICATION_FAILED for a refused login or permission,
 * LXCRI_E_INVALID_ARGUMENT for what a parameter must not be, LXCRI_E_INVALID_STATE where something
 * is locked or protected, LXCRI_E_CONTAINER_EXISTS, LXCRI_E_CONTAINER_NOT_FOUND,
 * LXCRI_E_TIMEOUT, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_INVALID_JSON, LXCRI_E_SYSTEM. */
[[nodiscard]] int pve_call(struct pve *pve, const struct pve_request *request,
			   struct json_object **ret_data, struct lxcri_error *err);

/* Asks with GET. @path is as in printf(). */
[[nodiscard, gnu::format(printf, 4, 5)]] int pve_get(struct pve *pve, struct json_object **ret_data,
						     struct lxcri_error *err, const char *path,
						     ...);

/* Yields the list of nodes, which is believed for as long as the configuration says; the caller
 * drops its reference. Fails as pve_call(). */
[[nodiscard]] int pve_nodes(struct pve *pve, struct json_object **ret, struct lxcri_error *err);

/* Tells whether the last request, which failed without an answer, may have been done all the same.
 */
bool pve_may_be_done(const struct pve *pve);

/* Returns @text with all that has a meaning in an address escaped; owned by the caller. */
[[nodiscard]] char *pve_escape(const char *text);

/* Returns the seconds that a request may take. */
unsigned int pve_timeout(const struct pve *pve);

/* Reads the number of member @key, which the server may have sent as text. Returns @otherwise when
 * it is absent or none. */
uint64_t pve_number(struct json_object *object, const char *key, uint64_t otherwise);

/* Reads a boolean, 0 or 1 as number, text or boolean. */
bool pve_truth(struct json_object *object, const char *key);
