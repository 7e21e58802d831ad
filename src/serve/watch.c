/* SPDX-License-Identifier: MIT */
/* Hearing of what commands and monitors do. */

#include "serve/watch.h"

#include "base/mem.h"
#include "engine/event.h"
#include "os/path.h"
#include "runtime/event/event_file.h"
#include "runtime/event/event_reader.h"
#include "runtime/log/log_chain.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

struct watch {
	const struct serve_part *part;
	watch_fn tell;
	watch_pod_fn tell_pod;
	void *userdata;
	struct log_chain chain;
	int inotify;
	sd_event_source *source;
};

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	(void)sd_event_source_disable_unref(watch->source);
	closep(&watch->inotify);
	log_chain_finish(&watch->chain);
	free(watch);
}

static void tell_event(struct watch *watch, const char *line, size_t size)
{
	struct event_record record;
	autojson object = NULL;
	const char *old_id;

	if (event_record_parse(line, size, &object, &record) < 0)
		return;
	if (strcmp(record.type, "pod") == 0)
		watch->tell_pod(watch->userdata);
	if (strcmp(record.type, "container") != 0)
		return;
	old_id = json_get_text(record.attributes, EVENT_OLD_ID);
	if (old_id)
		watch->tell(watch->userdata, old_id);
	watch->tell(watch->userdata, record.id);
}

static void read_events(struct watch *watch)
{
	const char *line;
	size_t size;
	int r;

	while ((r = log_chain_next(&watch->chain, &line, &size)) > 0)
		tell_event(watch, line, size);
	if (r < 0 || watch->chain.has_gap) {
		watch->chain.has_gap = false;
		watch->tell(watch->userdata, NULL);
	}
}

static int on_change(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue; /* which file it was does not matter */
	read_events(userdata);
	return 0;
}

int watch_create(const struct serve_part *part, watch_fn tell, watch_pod_fn tell_pod,
		 void *userdata, struct watch **ret_watch, struct lxcri_error *err)
{
	autoptr(watch) watch = xnew(struct watch);
	autofree char *path = xformat("%s/" EVENT_FILE, part->engine->root);
	int r;

	*watch = (struct watch){ .part = part,
				 .tell = tell,
				 .tell_pod = tell_pod,
				 .userdata = userdata,
				 .chain = LOG_CHAIN_NULL,
				 .inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	/* It begins before the place is taken, so that nothing is missed in between. */
	if (watch->inotify < 0 ||
	    inotify_add_watch(watch->inotify, part->engine->root,
			      IN_MODIFY | IN_CREATE | IN_MOVE | IN_ONLYDIR) < 0)
		return fail_errno(err, errno, "watch %s", part->engine->root);
	r = log_chain_open(&watch->chain, path);
	if (r == 0)
		r = log_chain_go_end(&watch->chain);
	if (r == 0)
		r = sd_event_add_io(part->event, &watch->source, watch->inotify, EPOLLIN, on_change,
				    watch);
	if (r < 0)
		return fail_errno(err, r, "follow %s", path);
	*ret_watch = steal(watch);
	return 0;
}
