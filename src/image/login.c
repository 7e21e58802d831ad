/* SPDX-License-Identifier: MIT */
/* Telling registries who we are. */

#include "image/login.h"

#include "base/json.h"
#include "image/registry/settings.h"
#include "image/request.h"
#include "image/worker.h"

#include <string.h>

static int run(const struct lxcri_config *config, const char *verb, struct json_object *request,
	       struct lxcri_error *err)
{
	autorun(worker_answer_finish) struct worker_answer answer = {};
	const char *const args[] = { verb, NULL };
	autofree char *text = NULL;
	int r;

	request_add_config(request, config);
	text = json_format_line(request);

	const struct worker_call call = { .program = "lxcri-registry",
					  .object = json_get_text(request, SETTINGS_REFERENCE),
					  .args = args,
					  .input = text };

	r = worker_run(&call, -1, &answer, err);
	explicit_bzero(text, strlen(text));
	return r;
}

int image_login(const struct lxcri_config *config, const char *host, const char *user,
		const char *password, struct lxcri_error *err)
{
	autojson request = json_object_new_object();

	json_set_text(request, SETTINGS_REFERENCE, host);
	json_set_text(request, SETTINGS_USER, user);
	json_set_text(request, SETTINGS_PASSWORD, password);
	return run(config, WORKER_LOGIN, request, err);
}

int image_logout(const struct lxcri_config *config, const char *host, struct lxcri_error *err)
{
	autojson request = json_object_new_object();

	json_set_text(request, SETTINGS_REFERENCE, host);
	return run(config, WORKER_LOGOUT, request, err);
}
