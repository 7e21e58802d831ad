/* SPDX-License-Identifier: MIT */
/* News of a pull or a push. */

#include "image/place/news.h"

#include "image/worker.h"

#include <string.h>

void news_take(void *userdata, struct json_object *line)
{
	static const struct {
		const char *name;
		enum lxcri_pull_state state;
	} states[] = {
		{ WORKER_STATE_PRESENT, LXCRI_PULL_PRESENT },
		{ WORKER_STATE_WAITING, LXCRI_PULL_WAITING },
		{ WORKER_STATE_FETCHING, LXCRI_PULL_FETCHING },
		{ WORKER_STATE_DONE, LXCRI_PULL_DONE },
	};
	const struct news *news = userdata;
	const char *name = json_get_text(line, WORKER_STATE);
	struct lxcri_pull_progress progress = {
		.is_push = news->is_push,
		.digest = json_get_text(line, WORKER_DIGEST),
		.layer = (unsigned int)json_get_u64(line, WORKER_LAYER, 0),
		.layers = (unsigned int)json_get_u64(line, WORKER_LAYERS, 0),
		.bytes = json_get_u64(line, WORKER_BYTES, 0),
		.size = json_get_u64(line, WORKER_SIZE, 0),
	};

	for (size_t i = 0; news->progress && name && progress.digest && i < ARRAY_LEN(states);
	     i++) {
		if (strcmp(states[i].name, name) != 0)
			continue;
		progress.state = states[i].state;
		news->progress(news->userdata, &progress);
	}
}
