/* SPDX-License-Identifier: MIT */
/* The manifests that a command line names. */

#include "cli/workload/manifests.h"

#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (4u << 20)
#define FILES_MAX      1000

void manifests_finish(struct manifests *manifests)
{
	for (size_t i = 0; i < manifests->count; i++) {
		free((char *)manifests->items[i].source);
		free((char *)manifests->items[i].bytes);
	}
	free(manifests->items);
	*manifests = (struct manifests){};
}

static bool has_suffix(const char *name)
{
	return text_ends_with(name, ".yaml") || text_ends_with(name, ".yml") ||
	       text_ends_with(name, ".json");
}

bool manifests_is_one(const char *word)
{
	return strcmp(word, "-") == 0 || strchr(word, '/') || has_suffix(word);
}

static int add(struct manifests *manifests, const char *source, char *bytes_consume, size_t size,
	       struct lxcri_error *err)
{
	manifests->items =
		xreallocarray(manifests->items, manifests->count + 1, sizeof(*manifests->items));
	manifests->items[manifests->count++] = (struct lxcri_manifest){ .source = xstrdup(source),
									.bytes = bytes_consume,
									.size = size };
	return manifests->count > FILES_MAX
		       ? fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d files", FILES_MAX)
		       : 0;
}

static int read_input(struct manifests *manifests, struct lxcri_error *err)
{
	autorun(text_finish) struct text text = {};
	char part[65536];
	size_t got;

	while ((got = fread(part, 1, sizeof(part), stdin)) > 0) {
		text_append(&text, part, got);
		if (text.length > FILE_BYTES_MAX)
			return fail(err, LXCRI_E_LIMIT_EXCEEDED,
				    "standard input has more than %u bytes", FILE_BYTES_MAX);
	}
	if (ferror(stdin))
		return fail_errno(err, EIO, "read standard input");

	size_t size = text.length;

	return add(manifests, "-", text_steal(&text), size, err);
}

static int read_file(struct manifests *manifests, const char *path, struct lxcri_error *err)
{
	char *bytes = NULL;
	size_t size = 0;
	int r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &bytes, &size);

	if (r == -EFBIG)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%s has more than %u bytes", path,
			    FILE_BYTES_MAX);
	if (r < 0)
		return fail_code_errno(err, r == -ENOENT ? LXCRI_E_PATH_NOT_FOUND : LXCRI_E_SYSTEM,
				       r, "read %s", path);
	return add(manifests, path, bytes, size, err);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_directory(struct manifests *manifests, const char *path, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	size_t before = manifests->count;
	int r = path_list_shown(path, &names);

	if (r < 0)
		return fail_errno(err, r, "list %s", path);
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare);
	for (size_t i = 0; i < names.count; i++) {
		autofree char *file = xformat("%s/%s", path, names.items[i]);

		if (has_suffix(names.items[i]) && read_file(manifests, file, err) < 0)
			return -1;
	}
	return manifests->count > before ? 0
					 : fail(err, LXCRI_E_PATH_NOT_FOUND,
						"%s has no *.yaml, *.yml or *.json", path);
}

static int read_one(struct manifests *manifests, const char *word, struct lxcri_error *err)
{
	struct stat status;

	if (strcmp(word, "-") == 0)
		return read_input(manifests, err);
	if (stat(word, &status) == 0 && S_ISDIR(status.st_mode))
		return read_directory(manifests, word, err);
	return read_file(manifests, word, err);
}

int manifests_read(const struct strings *words, struct manifests *ret, struct lxcri_error *err)
{
	*ret = (struct manifests){};
	for (size_t i = 0; i < words->count; i++)
		if (read_one(ret, words->items[i], err) < 0) {
			manifests_finish(ret);
			return -1;
		}
	return 0;
}

int manifests_wants_warnings(const char *validate, struct lxcri_error *err)
{
	if (!validate || strcmp(validate, "strict") == 0)
		return 0;
	if (strcmp(validate, "warn") == 0)
		return 1;
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "--validate: \"%.40s\" is neither strict nor warn", validate);
}

static void warn(void *userdata, const char *text)
{
	log_warning("%s", text);
}

static void tell(void *userdata, const char *kind, const char *name_space, const char *name,
		 const char *done)
{
	const struct lxcri_manifest_options *options = userdata;

	(void)printf("%s/%s %s%s\n", kind, name, done, options->dry_run ? " (dry run)" : "");
	(void)fflush(stdout);
}

void manifests_print(struct lxcri_manifest_options *options)
{
	options->warn = warn;
	options->tell = tell;
	options->userdata = options;
}
