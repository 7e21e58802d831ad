/* SPDX-License-Identifier: MIT */
/* Recording a failure, and the names and classes of the codes. */

#include "base/fail.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum lxcri_error_class class;
} codes[] = { [LXCRI_E_NONE] = { "NoError", LXCRI_CLASS_SYSTEM },
#define X(name_, text_, class_) [LXCRI_E_##name_] = { text_, LXCRI_CLASS_##class_ },
	      LXCRI_ERRORS(X)
#undef X
};

#define N_CODES (sizeof(codes) / sizeof(codes[0]))

const char *lxcri_code_name(enum lxcri_code code)
{
	return (size_t)code < N_CODES ? codes[code].name : "UnknownError";
}

enum lxcri_error_class lxcri_code_class(enum lxcri_code code)
{
	return (size_t)code < N_CODES ? codes[code].class : LXCRI_CLASS_SYSTEM;
}

enum lxcri_code fail_find_code(const char *name)
{
	for (size_t i = LXCRI_E_NONE + 1; i < N_CODES; i++)
		if (strcmp(codes[i].name, name) == 0)
			return (enum lxcri_code)i;
	return LXCRI_E_SYSTEM;
}

/* A text that does not fit loses its middle: the start says what was done, the end says why it
 * failed, and both matter more. */
static void set_text(struct lxcri_error *err, const char *text)
{
	static const char gap[] = " ... ";
	const size_t room = sizeof(err->text) - 1;
	size_t length = strlen(text);

	if (length <= room) {
		memcpy(err->text, text, length + 1);
		return;
	}

	size_t head = (room - strlen(gap)) / 2;
	size_t tail = room - strlen(gap) - head;

	memcpy(err->text, text, head);
	memcpy(err->text + head, gap, strlen(gap));
	memcpy(err->text + head + strlen(gap), text + length - tail, tail + 1);
}

/* Writes @format, and @suffix behind ": " where there is one. A line break in either would forge a
 * second line of a log, so control characters become '?'. */
static void set_story(struct lxcri_error *err, const char *format, va_list args, const char *suffix)
{
	char text[2 * sizeof(err->text) + 256];
	int written = vsnprintf(text, sizeof(text), format, args);
	size_t length = written < 0 ? 0 : (size_t)written;

	if (length >= sizeof(text))
		length = sizeof(text) - 1;
	if (suffix)
		(void)snprintf(text + length, sizeof(text) - length, ": %s", suffix);
	text_mask_controls(text, '?');
	set_text(err, text);
}

int fail(struct lxcri_error *err, enum lxcri_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_story(err, format, args, NULL);
	va_end(args);
	err->code = code;
	err->errnum = 0;
	return -1;
}

int fail_errno(struct lxcri_error *err, int errnum, const char *format, ...)
{
	va_list args;

	err->code = LXCRI_E_SYSTEM;
	err->errnum = abs(errnum);
	va_start(args, format);
	set_story(err, format, args, strerror(err->errnum));
	va_end(args);
	return -1;
}

int fail_code_errno(struct lxcri_error *err, enum lxcri_code code, int errnum, const char *format,
		    ...)
{
	va_list args;

	err->code = code;
	err->errnum = abs(errnum);
	va_start(args, format);
	set_story(err, format, args, strerror(err->errnum));
	va_end(args);
	return -1;
}

/* Puts @format in front of the story. */
static void prepend(struct lxcri_error *err, const char *format, va_list args)
{
	char below[sizeof(err->text)];

	memcpy(below, err->text, sizeof(below));
	set_story(err, format, args, below);
}

int fail_while(struct lxcri_error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	prepend(err, format, args);
	va_end(args);
	return -1;
}

int fail_as(struct lxcri_error *err, enum lxcri_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	prepend(err, format, args);
	va_end(args);
	if (err->code == LXCRI_E_SYSTEM)
		err->code = code;
	return -1;
}
