/* SPDX-License-Identifier: MIT */
/* The process of a container: what the image says, changed by what the user asked for. */

#include "engine/bundle/part.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

/* Where programs are looked for when the image does not say. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void append_list(struct json_object *args, const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		bundle_append(args, list[i]);
}

/* A command replaces Cmd. An entrypoint replaces Entrypoint, and drops Cmd, which was meant as the
 * arguments of the other. */
static int add_args(struct bundle_request *request, struct json_object *process,
		    struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	struct json_object *args = json_object_new_array();

	json_object_object_add(process, "args", args);
	if (options->init) {
		bundle_append(args, BUNDLE_INIT_PATH);
		bundle_append(args, "--");
	}

	size_t before = json_object_array_length(args);

	if (options->entrypoint)
		append_list(args, options->entrypoint);
	else
		append_list(args, request->image->entrypoint.items);
	if (options->command && options->command[0])
		append_list(args, options->command);
	else if (!options->entrypoint)
		append_list(args, request->image->cmd.items);

	if (json_object_array_length(args) == before)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "image %s names no command, and none was given", options->image);

	const char *program = json_object_get_string(json_object_array_get_idx(args, before));

	if (!*program)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "image %s: the command's name is empty",
			    options->image);
	return 0;
}

static int add_image_env(const struct bundle_request *request, struct strings *env,
			 struct lxcri_error *err)
{
	const struct spec_strings *list = &request->image->env;

	for (size_t i = 0; i < list->count; i++) {
		size_t length = strcspn(list->items[i], "=");

		if (length == 0)
			return fail(err, LXCRI_E_INVALID_FORMAT,
				    "image %s: config.Env[%zu] has no name",
				    request->options->image, i);
		/* A name alone sets nothing. */
		if (list->items[i][length] == '=')
			strings_set_env(env, list->items[i]);
	}
	return 0;
}

/* Takes the variable @name out of @env. */
static void unset_env(struct strings *env, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->items[i], name, length) != 0 || env->items[i][length] != '=')
			continue;
		free(env->items[i]);
		memmove(&env->items[i], &env->items[i + 1], (env->count - i) * sizeof(*env->items));
		env->count--;
		return;
	}
}

static int add_user_env(const char *const *list, struct strings *env, struct lxcri_error *err)
{
	for (size_t i = 0; list && list[i]; i++) {
		size_t length = strcspn(list[i], "=");

		if (length == 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "environment \"%s\" has no name",
				    list[i]);
		if (list[i][length] == '=') {
			strings_set_env(env, list[i]);
			continue;
		}

		/* A name alone means the caller's own value; without one there is none. */
		const char *value = getenv(list[i]);
		autofree char *assignment = value ? xformat("%s=%s", list[i], value) : NULL;

		if (assignment)
			strings_set_env(env, assignment);
		else
			unset_env(env, list[i]);
	}
	return 0;
}

static int add_env(struct bundle_request *request, struct json_object *process,
		   struct lxcri_error *err)
{
	autorun(strings_finish) struct strings env = {};
	const char *home = request->user.home;

	strings_add(&env, DEFAULT_PATH);
	strings_addf(&env, "HOSTNAME=%s", request->hostname);
	if (request->options->terminal)
		strings_add(&env, "TERM=xterm");
	if (add_image_env(request, &env, err) < 0 ||
	    add_user_env(request->options->env, &env, err) < 0)
		return -1;
	if (!strings_get_env(&env, "HOME"))
		strings_addf(&env, "HOME=%s", home ? home : "/");

	struct json_object *array = json_object_new_array();

	append_list(array, (const char *const *)env.items);
	json_object_object_add(process, "env", array);
	return 0;
}

static int add_working_dir(struct bundle_request *request, struct json_object *process,
			   struct lxcri_error *err)
{
	const char *given = request->options->working_dir;
	const char *image = request->image->working_dir;
	autofree char *path = NULL;
	int r;

	if (given) {
		r = bundle_normalise("working directory", given, &path, err);
	} else {
		/* Builders write it relative to the root at times. */
		autofree char *rooted = xformat("/%s", image ? image : "");

		r = bundle_normalise("working directory", rooted, &path, err);
		if (r < 0)
			return fail_while(err, "image %s", request->options->image);
	}
	if (r < 0)
		return -1;
	json_set_text(process, "cwd", path);
	return 0;
}

static void add_user(const struct passwd_user *user, struct json_object *process)
{
	struct json_object *object = json_object_new_object();
	struct json_object *gids = json_object_new_array();

	json_object_object_add(object, "uid", json_object_new_int64(user->uid));
	json_object_object_add(object, "gid", json_object_new_int64(user->gid));
	for (size_t i = 0; i < user->n_gids; i++)
		json_object_array_add(gids, json_object_new_int64(user->gids[i]));
	json_object_object_add(object, "additionalGids", gids);
	json_object_object_add(process, "user", object);
}

/* Somebody other than root gets none at once, as after an execve; the bounding set still says what
 * a set-user-ID program may have. Nothing is inheritable: an inheritable capability would pass to
 * every program whose file allows it. */
static void add_capabilities(const struct bundle_request *request, struct json_object *process)
{
	struct json_object *object = json_object_new_object();
	capability_set held = request->user.uid == 0 ? request->capabilities : 0;

	json_object_object_add(object, "bounding", capability_format(request->capabilities));
	json_object_object_add(object, "effective", capability_format(held));
	json_object_object_add(object, "permitted", capability_format(held));
	json_object_object_add(process, "capabilities", object);
}

/* Returns "RLIMIT_NOFILE" for "nofile" and for itself, or NULL. */
static const char *find_rlimit(const char *name)
{
	static const char *const known[] = {
		"RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
		"RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
		"RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
		"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
	};
	const size_t prefix = strlen("RLIMIT_");

	if (strncasecmp(name, "RLIMIT_", prefix) == 0)
		name += prefix;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcasecmp(known[i] + prefix, name) == 0)
			return known[i];
	return NULL;
}

static int add_rlimits(const struct lxcri_create_options *options, struct json_object *process,
		       struct lxcri_error *err)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(process, "rlimits", array);
	for (size_t i = 0; i < options->n_rlimits; i++) {
		const struct lxcri_rlimit *limit = &options->rlimits[i];
		const char *name = find_rlimit(limit->name);

		if (!name)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown limit \"%s\"",
				    limit->name);
		if (limit->soft > limit->hard)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "limit %s: the soft value is above the hard one", limit->name);
		for (size_t j = 0; j < i; j++)
			if (find_rlimit(options->rlimits[j].name) == name)
				return fail(err, LXCRI_E_INVALID_ARGUMENT,
					    "limit %s is given twice", limit->name);

		struct json_object *object = json_object_new_object();

		json_set_text(object, "type", name);
		json_object_object_add(object, "soft", json_object_new_uint64(limit->soft));
		json_object_object_add(object, "hard", json_object_new_uint64(limit->hard));
		json_object_array_add(array, object);
	}
	return 0;
}

int bundle_add_process(struct bundle_request *request, struct lxcri_error *err)
{
	struct json_object *process = json_object_new_object();

	json_object_object_add(request->bundle->spec, "process", process);
	json_object_object_add(process, "terminal",
			       json_object_new_boolean(request->options->terminal));
	add_user(&request->user, process);
	if (add_args(request, process, err) < 0 || add_env(request, process, err) < 0 ||
	    add_working_dir(request, process, err) < 0 ||
	    bundle_add_apparmor(request, process, err) < 0)
		return -1;
	add_capabilities(request, process);
	json_object_object_add(process, "noNewPrivileges",
			       json_object_new_boolean(request->options->no_new_privileges));
	if (request->options->oom_score_adj)
		json_object_object_add(process, "oomScoreAdj",
				       json_object_new_int(*request->options->oom_score_adj));
	return add_rlimits(request->options, process, err);
}
