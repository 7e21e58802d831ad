/* SPDX-License-Identifier: MIT */
/* How a pull goes on, for people. */

#include "cli/pull_display.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/print.h"
#include "os/terminal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* More would be asked for by no image that is one. */
#define LINES_MAX 1000
#define WIDTH     79

static const char *const words[2][LXCRI_PULL_DONE + 1] = {
	[false] = {
		[LXCRI_PULL_PRESENT] = "is here already",
		[LXCRI_PULL_WAITING] = "is being fetched by somebody else",
		[LXCRI_PULL_FETCHING] = "fetching",
		[LXCRI_PULL_DONE] = "fetched",
	},
	[true] = {
		[LXCRI_PULL_PRESENT] = "is there already",
		[LXCRI_PULL_WAITING] = "waits",
		[LXCRI_PULL_FETCHING] = "sending",
		[LXCRI_PULL_DONE] = "sent",
	},
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Adds bytes, rate and the time that is left. */
static void add_rate(struct text *text, const struct pull_line *line)
{
	autofree char *bytes = print_size(line->bytes);
	autofree char *size = print_size(line->size);
	int64_t elapsed = now_ms() - line->first_ms;
	uint64_t rate =
		elapsed > 0 ? (line->bytes - line->first_bytes) * 1000 / (uint64_t)elapsed : 0;

	text_addf(text, " %s of %s", bytes, size);
	if (rate == 0)
		return;

	autofree char *shown = print_size(rate);
	uint64_t left = (line->size - line->bytes) / rate;

	text_addf(text, ", %s/s, %llu:%02llu left", shown, (unsigned long long)(left / 60),
		  (unsigned long long)(left % 60));
}

static char *format_line(const struct pull_line *line)
{
	autorun(text_finish) struct text text = {};
	autofree char *size = NULL;

	text_addf(&text, "%s", line->digest);
	if (!line->is_told)
		return text_steal(&text);
	text_addf(&text, " %s", words[line->is_push][line->state]);
	if (line->state == LXCRI_PULL_FETCHING && line->bytes <= line->size) {
		add_rate(&text, line);
	} else if (line->state == LXCRI_PULL_DONE) {
		size = print_size(line->size);
		text_addf(&text, ", %s", size);
	}
	return text_steal(&text);
}

/* Draws the lines that fit on the screen over those of the last time. */
static void draw(struct pull_display *display)
{
	uint16_t rows = 0;
	uint16_t columns = 0;
	size_t count = display->count;
	int width;

	/* A terminal that nobody gave a size has none. */
	(void)terminal_get_size(STDERR_FILENO, &rows, &columns);
	width = columns > 1 ? columns - 1 : WIDTH;
	if (rows > 1 && count > (size_t)rows - 1)
		count = (size_t)rows - 1;
	if (display->shown > 0)
		(void)fprintf(stderr, "\033[%zuA", display->shown);
	for (size_t i = 0; i < count; i++) {
		autofree char *text = format_line(&display->lines[i]);

		(void)fprintf(stderr, "\r\033[K%.*s\n", width, text);
	}
	(void)fflush(stderr);
	display->shown = count;
}

/* Makes room for the layers of an image. A copy brings several, one after the other. */
static void begin(struct pull_display *display, const struct lxcri_pull_progress *progress)
{
	size_t count = progress->layers < LINES_MAX ? progress->layers : LINES_MAX;

	if (display->lines && display->count == count)
		return;
	free(display->lines);
	display->count = count;
	display->lines = xcalloc(count + 1, sizeof(display->lines[0]));
	display->is_terminal = isatty(STDERR_FILENO);
}

static bool take(struct pull_display *display, const struct lxcri_pull_progress *progress)
{
	char digest[sizeof(((struct pull_line *)NULL)->digest)];
	struct pull_line *line;

	begin(display, progress);
	if (progress->layer >= display->count)
		return false;
	line = &display->lines[progress->layer];
	(void)snprintf(digest, sizeof(digest), "%.19s", progress->digest);
	if (!line->is_told || line->is_push != progress->is_push ||
	    strcmp(line->digest, digest) != 0) {
		*line = (struct pull_line){ .is_push = progress->is_push,
					    .first_bytes = progress->bytes,
					    .first_ms = now_ms() };
		(void)snprintf(line->digest, sizeof(line->digest), "%s", digest);
	}

	bool is_new = !line->is_told || line->state != progress->state;

	line->is_told = true;
	line->state = progress->state;
	line->bytes = progress->bytes;
	line->size = progress->size;
	return is_new;
}

void pull_display_show(void *userdata, const struct lxcri_pull_progress *progress)
{
	struct pull_display *display = userdata;
	bool is_new = take(display, progress);

	if (display->is_terminal) {
		draw(display);
	} else if (is_new && progress->state != LXCRI_PULL_FETCHING) {
		autofree char *text = format_line(&display->lines[progress->layer]);

		(void)fprintf(stderr, "%s\n", text);
	}
}

void pull_display_finish(struct pull_display *display)
{
	free(steal(display->lines));
	*display = (struct pull_display){};
}
