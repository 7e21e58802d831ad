/* SPDX-License-Identifier: MIT */
#pragma once

/* News of a pull or a push, on their way from lxcri-registry to who asked. */

#include "base/json.h"
#include "lxcri/pull.h"

struct news {
	bool is_push;
	lxcri_pull_fn progress; /* or NULL */
	void *userdata;
};

/* Passes one line of news on; @news is a struct news. What is none is passed over. */
void news_take(void *news, struct json_object *line);
