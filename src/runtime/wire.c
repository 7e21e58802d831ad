/* SPDX-License-Identifier: MIT */
/* Reading messages whose bytes are another process's, and the words that both ends use. */

#include "runtime/wire.h"

#include "runtime/monitor.h"

#include <errno.h>
#include <string.h>

const char *const wire_phases[WIRE_PHASES] = {
	[MONITOR_CREATING] = "creating", [MONITOR_CREATED] = "created",
	[MONITOR_RUNNING] = "running",   [MONITOR_PAUSED] = "paused",
	[MONITOR_STOPPED] = "stopped",
};

struct wire_header wire_header(enum wire_type type, size_t size)
{
	return (struct wire_header){ .version = wire_version_of(type),
				     .type = (uint16_t)type,
				     .size = (uint32_t)size };
}

int wire_parse_exec(const char *body, size_t size, struct wire_exec *ret_exec,
		    const char **ret_name, const char **ret_console)
{
	const char *name = body + sizeof(*ret_exec);
	const char *end = body + size;
	const char *name_end;

	if (size <= sizeof(*ret_exec))
		return -EINVAL;
	name_end = memchr(name, '\0', (size_t)(end - name));
	if (!name_end || name_end + 1 >= end || end[-1] != '\0')
		return -EINVAL;
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/'))
		return -EINVAL;
	memcpy(ret_exec, body, sizeof(*ret_exec));
	*ret_name = name;
	*ret_console = name_end + 1;
	return 0;
}

int wire_parse_lease(const char *body, size_t size, struct wire_lease *ret_lease,
		     struct wire_lease_texts *ret_texts)
{
	const char *texts[4];
	const char *at = body + sizeof(*ret_lease);
	const char *end = body + size;

	if (size <= sizeof(*ret_lease))
		return -EINVAL;
	for (size_t i = 0; i < 4; i++) {
		const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

		if (!stop)
			return -EINVAL;
		texts[i] = at;
		at = stop + 1;
	}
	if (at != end || texts[0][0] == '\0' || texts[0][0] == '.' || strchr(texts[0], '/') ||
	    (texts[2][0] != '\0' && texts[2][0] != '/'))
		return -EINVAL;
	memcpy(ret_lease, body, sizeof(*ret_lease));
	*ret_texts = (struct wire_lease_texts){ texts[0], texts[1], texts[2], texts[3] };
	return 0;
}

bool wire_check_answer(const struct wire_header *header, size_t size)
{
	if (header->version > wire_version || header->size != size)
		return false;
	switch (header->type) {
	case WIRE_CREATED:
	case WIRE_EXEC_STARTED:
		return size == sizeof(struct wire_created);
	case WIRE_EXITED:
	case WIRE_EXEC_EXITED:
		return size == sizeof(struct wire_exited);
	case WIRE_ERROR:
		return size == sizeof(struct lxcri_error);
	case WIRE_OK:
	case WIRE_STDIN_TAKEN:
		return size == 0;
	case WIRE_STDOUT:
	case WIRE_STDERR:
		return size <= WIRE_DATA_MAX;
	default:
		return false;
	}
}
