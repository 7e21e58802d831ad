/* SPDX-License-Identifier: MIT */
/* Parts of directories that are mounted. */

#include "engine/volumes/parts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"
#include "runtime/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FILE_BYTES_MAX (1u << 20)
#define PATH_BYTES_MAX 1024

int parts_check(const char *path, struct lxcri_error *err)
{
	autofree char *copy = xstrdup(path);
	bool is_fine =
		*path && *path != '/' && strlen(path) <= PATH_BYTES_MAX && !text_has_control(path);

	for (char *rest = copy; is_fine && rest;)
		is_fine = strcmp(strsep(&rest, "/"), "..") != 0;
	return is_fine ? 0
		       : fail(err, LXCRI_E_INVALID_ARGUMENT,
			      "subPath \"%.80s\": expected a path below the volume, without \"..\"",
			      path);
}

char *parts_add(struct strings *parts, const char *directory, const char *path, const char *run_dir)
{
	strings_add(parts, directory);
	strings_add(parts, path);
	return xformat("%s/" WIRE_PARTS "/%zu", run_dir, parts->count / 2 - 1);
}

int parts_save(const struct strings *parts, const char *dir, struct lxcri_error *err)
{
	autojson array = json_from_texts(parts);
	autofree char *path = xformat("%s/" PARTS_FILE, dir);
	autofree char *text = NULL;
	int r;

	if (parts->count == 0)
		return 0;
	text = json_format(array);
	r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_VOLATILE);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", path) : 0;
}

int parts_load(const char *dir, struct strings *ret, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" PARTS_FILE, dir);
	autofree char *text = NULL;
	autojson array = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &text, &size);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s", path);
	if (json_parse(text, size, &json_limits_config, &array, err) < 0 ||
	    json_count(array) % 2 != 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read %s", path);
	}
	json_take_texts(array, ret);
	return 0;
}
