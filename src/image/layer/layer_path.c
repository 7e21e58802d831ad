/* SPDX-License-Identifier: MIT */
/* The name of one tar entry of a layer. */

#include "image/layer/layer_path.h"

#include "base/mem.h"
#include "base/strings.h"
#include "base/text.h"

#include <string.h>

#define WHITEOUT      ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE        ".wh..wh..opq"

/* Copies @raw without empty and "." components and without a slash at either end. */
static int clean(const char *raw, char **ret_path, struct lxcri_error *err)
{
	struct text path = {};
	unsigned int depth = 0;
	int r = 0;

	if (strnlen(raw, LAYER_PATH_MAX + 1) > LAYER_PATH_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "layer entry \"%.64s...\" has a name longer than %d bytes", raw,
			    LAYER_PATH_MAX);
	for (const char *piece = raw; *piece && r == 0;) {
		size_t length = strcspn(piece, "/");

		if (length == 2 && piece[0] == '.' && piece[1] == '.') {
			r = fail(err, LXCRI_E_EXTRACT_FAILED,
				 "layer entry \"%.200s\" leads out of the root with \"..\"", raw);
		} else if (length > LAYER_NAME_MAX) {
			r = fail(err, LXCRI_E_EXTRACT_FAILED,
				 "layer entry \"%.64s...\" has a component longer than %d bytes",
				 raw, LAYER_NAME_MAX);
		} else if (length > 0 && !(length == 1 && piece[0] == '.')) {
			if (++depth > LAYER_DEPTH_MAX)
				r = fail(err, LXCRI_E_LIMIT_EXCEEDED,
					 "layer entry \"%.64s...\" is deeper than %d directories",
					 raw, LAYER_DEPTH_MAX);
			if (path.length > 0)
				text_append(&path, "/", 1);
			text_append(&path, piece, length);
		}
		piece += length;
		piece += strspn(piece, "/");
	}
	*ret_path = text_steal(&path);
	return r;
}

/* Tells whether a component of @dir is a whiteout name. */
static bool has_whiteout(const char *dir)
{
	return text_starts_with(dir, WHITEOUT) || strstr(dir, "/" WHITEOUT);
}

static int interpret_name(const char *raw, struct layer_path *path, struct lxcri_error *err)
{
	const char *hidden = path->name + strlen(WHITEOUT);

	if (strcmp(path->name, OPAQUE) == 0) {
		path->kind = LAYER_OPAQUE;
	} else if (text_starts_with(path->name, WHITEOUT_META)) {
		path->kind = LAYER_IGNORED;
	} else if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0) {
		return fail(err, LXCRI_E_EXTRACT_FAILED, "layer entry \"%.200s\" hides no name",
			    raw);
	} else {
		char *name = xstrdup(hidden);

		free(path->name);
		path->name = name;
		path->kind = LAYER_WHITEOUT;
		return 0;
	}
	free(steal(path->name));
	return 0;
}

static int parse(const char *raw, struct layer_path *path, struct lxcri_error *err)
{
	autofree char *whole = NULL;

	if (clean(raw, &whole, err) < 0)
		return -1;
	if (*whole == '\0') {
		path->dir = steal(whole);
		path->kind = LAYER_ROOT;
		return 0;
	}

	char *slash = strrchr(whole, '/');

	path->kind = LAYER_NODE;
	path->name = xstrdup(slash ? slash + 1 : whole);
	path->dir = slash ? xstrndup(whole, (size_t)(slash - whole)) : xstrdup("");
	return 0;
}

int layer_path_parse_link(const char *raw, struct layer_path *ret_path, struct lxcri_error *err)
{
	autorun(layer_path_finish) struct layer_path path = {};

	if (parse(raw, &path, err) < 0)
		return -1;
	*ret_path = path;
	path = (struct layer_path){};
	return 0;
}

int layer_path_parse(const char *raw, struct layer_path *ret_path, struct lxcri_error *err)
{
	autorun(layer_path_finish) struct layer_path path = {};

	if (parse(raw, &path, err) < 0)
		return -1;
	/* Below ".wh..wh.plnk" aufs kept its hard links; below any other whiteout nothing can be.
	 */
	if (has_whiteout(path.dir)) {
		if (!text_starts_with(path.dir, WHITEOUT_META))
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    "layer entry \"%.200s\" lies below a whiteout", raw);
		path.kind = LAYER_IGNORED;
		free(steal(path.name));
	} else if (path.name && text_starts_with(path.name, WHITEOUT) &&
		   interpret_name(raw, &path, err) < 0) {
		return -1;
	}
	*ret_path = path;
	path = (struct layer_path){};
	return 0;
}

void layer_path_finish(struct layer_path *path)
{
	free(path->dir);
	free(path->name);
	*path = (struct layer_path){};
}
