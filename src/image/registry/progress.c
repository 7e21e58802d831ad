/* SPDX-License-Identifier: MIT */
/* News of a pull for the command. */

#include "image/registry/progress.h"

#include "base/json.h"
#include "base/mem.h"
#include "image/registry/http.h"
#include "image/worker.h"
#include "os/file.h"

#include <string.h>

/* Ten times a second is smooth to the eye. */
#define INTERVAL_MS 100

static const char *const names[] = {
	[PROGRESS_PRESENT] = WORKER_STATE_PRESENT,
	[PROGRESS_WAITING] = WORKER_STATE_WAITING,
	[PROGRESS_FETCHING] = WORKER_STATE_FETCHING,
	[PROGRESS_DONE] = WORKER_STATE_DONE,
};

void progress_tell(struct progress *progress, enum progress_state state, uint64_t bytes)
{
	int64_t now = http_now_ms();

	if (state == PROGRESS_FETCHING && progress->told_ms > 0 &&
	    now - progress->told_ms < INTERVAL_MS)
		return;
	progress->told_ms = now;

	autojson news = json_object_new_object();
	autofree char *json_line = NULL;
	autofree char *text = NULL;

	json_set_text(news, WORKER_STATE, names[state]);
	json_set_text(news, WORKER_DIGEST, progress->digest);
	json_object_object_add(news, WORKER_LAYER, json_object_new_uint64(progress->layer));
	json_object_object_add(news, WORKER_LAYERS, json_object_new_uint64(progress->layers));
	json_object_object_add(news, WORKER_BYTES, json_object_new_uint64(bytes));
	json_object_object_add(news, WORKER_SIZE, json_object_new_uint64(progress->size));
	json_line = json_format_line(news);
	text = xformat("%s\n", json_line);
	(void)file_write_all(STDOUT_FILENO, text, strlen(text)); /* nobody to tell is no failure */
}
