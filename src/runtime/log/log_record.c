/* SPDX-License-Identifier: MIT */
/* One line of a log file. */

#include "runtime/log/log_record.h"

#include <errno.h>
#include <string.h>

int log_record_parse(const char *line, size_t size, struct log_record *ret_record)
{
	const char *end = line + size;
	const char *stream = memchr(line, ' ', size);
	const char *tag;

	/* " stdout F " is the shortest thing behind a time. */
	if (!stream || end - stream < 10)
		return -EINVAL;
	stream++;
	tag = stream + 7;
	if (memcmp(stream, "stdout ", 7) != 0 && memcmp(stream, "stderr ", 7) != 0)
		return -EINVAL;
	if ((*tag != 'F' && *tag != 'P') || tag[1] != ' ')
		return -EINVAL;
	*ret_record = (struct log_record){
		.time = line,
		.time_size = (size_t)(stream - 1 - line),
		.text = tag + 2,
		.text_size = (size_t)(end - tag - 2),
		.is_stderr = stream[3] == 'e',
		.is_partial = *tag == 'P',
	};
	return 0;
}
