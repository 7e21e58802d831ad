/* SPDX-License-Identifier: MIT */
/* Telling what happened to the container. */

#include "monitor/event.h"

#include "base/moment.h"
#include "runtime/event/event_file.h"

#include <inttypes.h>
#include <stdio.h>

void event_tell(const struct supervisor *supervisor, const char *name, const char *key,
		const char *value)
{
	const struct arguments *arguments = &supervisor->arguments;
	const char *const attributes[] = { "image", arguments->image, key, value, NULL };
	const struct event event = { .time_ns = moment_now(),
				     .type = "container",
				     .name = name,
				     .id = arguments->id,
				     .attributes = attributes };

	/* There is nobody to say a failure to, and nothing that it would change. */
	if (arguments->events && supervisor->committed)
		(void)event_file_append(arguments->events, &event);
}

void event_tell_number(const struct supervisor *supervisor, const char *name, const char *key,
		       int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	event_tell(supervisor, name, key, text);
}
