/* SPDX-License-Identifier: MIT */
#pragma once

/* One request to one host, and its answer, within limits. */

#include "base/json.h"
#include "base/text.h"
#include "proxmox/rest/settings.h"

#include <curl/curl.h>

/* What is asked. All borrowed. */
struct exchange_request {
	const char *method;
	const char *path;           /* below /api2/json */
	struct json_object *params; /* or NULL */
	const char *upload;         /* what the file is to be called; or NULL */
	int fd;                     /* of it */
	const char *authorization;  /* "PVEAPIToken=..."; or: */
	const char *cookie;         /* "PVEAuthCookie=..." */
	const char *csrf;           /* with the cookie, for what is no GET */
	bool is_form;               /* the parameters go as a form, as a login wants it */
};

enum exchange_outcome {
	EXCHANGE_ANSWERED,
	EXCHANGE_NOT_SENT, /* the server has not seen it */
	EXCHANGE_BROKEN,   /* it may have */
};

/* Zeroed is none. */
struct exchange_answer {
	long status;
	char *reason; /* never NULL once answered */
	struct text body;
};

/* Frees what @answer holds. Safe to repeat. */
void exchange_answer_finish(struct exchange_answer *answer);

/* Asks @host ("NAME:PORT") by @easy, whose connections are kept. Fills *@ret_answer where it is
 * answered, else @err. */
enum exchange_outcome exchange_run(CURL *easy, const struct rest_settings *settings,
				   const char *host, const struct exchange_request *request,
				   struct exchange_answer *ret_answer, struct lxcri_error *err);
