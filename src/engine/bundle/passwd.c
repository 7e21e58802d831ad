/* SPDX-License-Identifier: MIT */
/* Users and groups of an image. */

#include "engine/bundle/passwd.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/layer/merged.h"
#include "os/file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Longer lines are skipped: no name or list of members needs as much. */
#define LINE_BYTES_MAX 65536

#define FIELDS_MAX 7

void passwd_user_finish(struct passwd_user *user)
{
	free(user->name);
	free(user->home);
	free(user->gids);
	*user = (struct passwd_user){};
}

/* Walks the lines of one file and their fields. */
struct lines {
	const char *at;
	const char *end;
	char *line; /* owned copy of the line, its colons made NUL */
	char *fields[FIELDS_MAX];
};

static void lines_finish(struct lines *lines)
{
	free(steal(lines->line));
}

/* Tells whether the first @n_fields of the line can be used: a first one, the name, and nothing
 * that could break a line elsewhere. */
static bool are_usable(char *const *fields, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++)
		if (text_has_control(fields[i]))
			return false;
	return *fields[0];
}

/* Steps to the next line that has @n_fields fields and no NUL. */
static bool lines_next(struct lines *lines, size_t n_fields)
{
	while (lines->at < lines->end) {
		const char *start = lines->at;
		size_t left = (size_t)(lines->end - start);
		const char *stop = memchr(start, '\n', left);
		size_t length = stop ? (size_t)(stop - start) : left;
		size_t found = 0;

		lines->at = start + length + (stop ? 1 : 0);
		if (length > LINE_BYTES_MAX || memchr(start, '\0', length))
			continue;
		free(lines->line);
		lines->line = xstrndup(start, length);
		for (char *rest = lines->line; rest && found < n_fields;)
			lines->fields[found++] = strsep(&rest, ":");
		if (found == n_fields && are_usable(lines->fields, n_fields))
			return true;
	}
	return false;
}

/* Reads a number of a file or an argument; 0 or -errno as text_parse_u64(). */
static int parse_id(const char *text, uint32_t *ret)
{
	uint64_t id;
	int r = text_parse_u64(text, 0, PASSWD_ID_MAX, &id);

	if (r == 0)
		*ret = (uint32_t)id;
	return r;
}

static void add_gid(struct passwd_user *user, uint32_t gid)
{
	for (size_t i = 0; i < user->n_gids; i++)
		if (user->gids[i] == gid)
			return;
	user->gids = xreallocarray(user->gids, user->n_gids + 1, sizeof(*user->gids));
	user->gids[user->n_gids++] = gid;
}

/* Tells whether a number was meant although it cannot be one: all digits, but out of range. */
static int refuse(const char *what, const char *text, int r, struct lxcri_error *err)
{
	if (r == -ERANGE)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s %s is larger than 4294967294", what,
			    text);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "the image has no %s called \"%s\"", what, text);
}

/* Fills name, numbers and home of the user called @name. name:password:uid:gid:comment:home:shell
 */
static int find_user(const struct passwd_files *files, const char *name, struct passwd_user *user,
		     struct lxcri_error *err)
{
	autorun(lines_finish) struct lines lines = {
		.at = files->passwd,
		.end = files->passwd + files->passwd_size,
	};
	int numeric = parse_id(name, &user->uid);

	if (numeric == -ERANGE)
		return refuse("user", name, numeric, err);
	while (lines_next(&lines, 6)) {
		uint32_t uid = 0, gid = 0;

		if (parse_id(lines.fields[2], &uid) < 0 || parse_id(lines.fields[3], &gid) < 0)
			continue;
		if (numeric == 0 ? uid != user->uid : strcmp(lines.fields[0], name) != 0)
			continue;
		user->uid = uid;
		user->gid = gid;
		user->name = xstrdup(lines.fields[0]);
		user->home = *lines.fields[5] == '/' ? xstrdup(lines.fields[5]) : NULL;
		return 0;
	}
	return numeric == 0 ? 0 : refuse("user", name, numeric, err);
}

/* Reads the number of the group called @name. name:password:gid:members */
static int find_group(const struct passwd_files *files, const char *name, uint32_t *ret_gid,
		      struct lxcri_error *err)
{
	autorun(lines_finish) struct lines lines = {
		.at = files->group,
		.end = files->group + files->group_size,
	};
	int numeric = parse_id(name, ret_gid);

	if (numeric == 0)
		return 0;
	if (numeric == -ERANGE)
		return refuse("group", name, numeric, err);
	while (lines_next(&lines, 3))
		if (strcmp(lines.fields[0], name) == 0 && parse_id(lines.fields[2], ret_gid) == 0)
			return 0;
	return refuse("group", name, numeric, err);
}

/* Tells whether the comma-separated @members has @name. */
static bool has_member(char *members, const char *name)
{
	for (char *rest = members; rest;)
		if (strcmp(strsep(&rest, ","), name) == 0)
			return true;
	return false;
}

static void add_memberships(const struct passwd_files *files, struct passwd_user *user)
{
	autorun(lines_finish) struct lines lines = {
		.at = files->group,
		.end = files->group + files->group_size,
	};

	while (lines_next(&lines, 4)) {
		uint32_t gid;

		if (parse_id(lines.fields[2], &gid) == 0 && has_member(lines.fields[3], user->name))
			add_gid(user, gid);
	}
}

int passwd_resolve(const struct passwd_files *files, const char *spec, struct passwd_user *ret_user,
		   struct lxcri_error *err)
{
	autorun(passwd_user_finish) struct passwd_user user = {};
	const char *colon = strchr(spec, ':');
	autofree char *name = colon ? xstrndup(spec, (size_t)(colon - spec)) : xstrdup(spec);

	if (text_has_control(spec))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the user has a control character");
	if (colon && !colon[1])
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "user \"%s\": no group after the colon",
			    spec);
	if (find_user(files, *name ? name : "0", &user, err) < 0)
		return -1;
	if (colon && find_group(files, colon + 1, &user.gid, err) < 0)
		return -1;

	/* The main group belongs to the list: without it a process could drop the group and with it
	 * what a file denies to that group. */
	add_gid(&user, user.gid);
	if (!colon && user.name)
		add_memberships(files, &user);
	*ret_user = user;
	user = (struct passwd_user){};
	return 0;
}

int passwd_add_group(const struct passwd_files *files, const char *name_or_gid,
		     struct passwd_user *user, struct lxcri_error *err)
{
	uint32_t gid;

	if (find_group(files, name_or_gid, &gid, err) < 0)
		return -1;
	add_gid(user, gid);
	return 0;
}

/* Reads @path of the image; an absent one is empty. */
static int read_file(const struct strings *layer_dirs, const char *path, char **ret,
		     size_t *ret_size, struct lxcri_error *err)
{
	autoclose int fd = merged_open_file(layer_dirs, path);

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret = xstrdup("");
		*ret_size = 0;
		return 0;
	}
	if (fd == -EINVAL || fd == -ELOOP)
		return fail(err, LXCRI_E_INVALID_FORMAT, "the image's /%s is not a regular file",
			    path);
	if (fd < 0)
		return fail_errno(err, fd, "open the image's /%s", path);

	int r = file_read_fd(fd, PASSWD_BYTES_MAX, ret, ret_size);

	if (r == -EFBIG)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image's /%s is larger than %u bytes",
			    path, PASSWD_BYTES_MAX);
	return r < 0 ? fail_errno(err, r, "read the image's /%s", path) : 0;
}

int passwd_resolve_in_layers(const struct strings *layer_dirs, const char *spec,
			     const char *const *group_add, struct passwd_user *ret_user,
			     struct lxcri_error *err)
{
	autorun(passwd_user_finish) struct passwd_user user = {};
	autofree char *passwd = NULL;
	autofree char *group = NULL;
	struct passwd_files files = {};

	if (read_file(layer_dirs, "etc/passwd", &passwd, &files.passwd_size, err) < 0 ||
	    read_file(layer_dirs, "etc/group", &group, &files.group_size, err) < 0)
		return -1;
	files.passwd = passwd;
	files.group = group;
	if (passwd_resolve(&files, spec, &user, err) < 0)
		return -1;
	for (size_t i = 0; group_add && group_add[i]; i++)
		if (passwd_add_group(&files, group_add[i], &user, err) < 0)
			return -1;
	*ret_user = user;
	user = (struct passwd_user){};
	return 0;
}
