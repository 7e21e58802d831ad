/* SPDX-License-Identifier: MIT */
/* Allocation that cannot fail. */

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn static void out_of_memory(void)
{
	static const char message[] = "proxmox-lxcri: out of memory\n";
	ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)written; /* nothing is left to do with a failure */
	abort();
}

static void *must(void *memory)
{
	if (!memory)
		out_of_memory();
	return memory;
}

void *xzalloc(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *memory, size_t count, size_t size)
{
	return must(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return text ? must(strdup(text)) : NULL;
}

char *xstrndup(const char *text, size_t length)
{
	return must(strndup(text, length));
}

void *xmemdup(const void *memory, size_t size)
{
	void *copy = must(malloc(size ? size : 1));

	if (size)
		memcpy(copy, memory, size);
	return copy;
}

char *xformat(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	va_end(args);
	return text;
}
