/* SPDX-License-Identifier: MIT */
/* The process's log callback. */

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static struct {
	lxcri_log_fn callback;
	void *userdata;
	enum lxcri_log_level level;
} sink;

void lxcri_log_set(lxcri_log_fn callback, void *userdata, enum lxcri_log_level level)
{
	sink.callback = callback;
	sink.userdata = userdata;
	sink.level = level;
}

void log_message(enum lxcri_log_level level, const char *format, ...)
{
	char text[2048];
	va_list args;

	if (!sink.callback || level > sink.level)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sink.callback(sink.userdata, level, text);
}
