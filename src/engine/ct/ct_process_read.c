/* SPDX-License-Identifier: MIT */
/* From entry point and environment back to a specification. ct_process.c writes them. */

#include "engine/ct/ct_process.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/signal.h"
#include "runtime/ct_signal.h"

#include <string.h>
#include <sys/mount.h>

#define INIT_WORDS      "/.lxcri/init "
#define VERSION_OF_BLOB "3"
#define VERSION_BEFORE  "2" /* without bounds */
#define HIDDEN_PREFIX   "LXCRI_ENV_"
#define ENTRIES_MAX     8192
#define GROUPS_MAX      1024
#define TMPFS_MAX       64

/* What is left of the texts, each ended by a NUL. @is_broken stays once it is. */
struct rest {
	const char *at;
	const char *end;
	bool is_broken;
};

static const char *take_text(struct rest *rest)
{
	const char *text = rest->at;
	const char *nul = text < rest->end ? memchr(text, 0, (size_t)(rest->end - text)) : NULL;

	if (!nul) {
		rest->is_broken = true;
		return "";
	}
	rest->at = nul + 1;
	return text;
}

static uint64_t take_number(struct rest *rest, uint64_t max)
{
	uint64_t number = 0;

	if (text_parse_u64(take_text(rest), 0, max, &number) < 0)
		rest->is_broken = true;
	return rest->is_broken ? 0 : number;
}

static struct json_object *take_user(struct rest *rest)
{
	struct json_object *user = json_object_new_object();
	struct json_object *groups = json_object_new_array();
	uint64_t n;

	json_object_object_add(user, "uid", json_object_new_uint64(take_number(rest, UINT32_MAX)));
	json_object_object_add(user, "gid", json_object_new_uint64(take_number(rest, UINT32_MAX)));
	json_object_object_add(user, "additionalGids", groups);
	n = take_number(rest, GROUPS_MAX);
	for (uint64_t i = 0; i < n && !rest->is_broken; i++)
		json_object_array_add(groups,
				      json_object_new_uint64(take_number(rest, UINT32_MAX)));
	return user;
}

/* Appends a tmpfs; what is opened only stands among the annotations. */
static void add_tmpfs(struct json_object *mounts, const char *target, uint64_t flags,
		      const char *data)
{
	struct json_object *mount = json_object_new_object();
	struct json_object *options = json_object_new_array();

	json_object_array_add(mounts, mount);
	json_set_text(mount, "destination", target);
	json_set_text(mount, "type", "tmpfs");
	json_set_text(mount, "source", "tmpfs");
	json_object_object_add(mount, "options", options);
	if (flags & MS_RDONLY)
		json_object_array_add(options, json_object_new_string("ro"));
	if (flags & MS_NOEXEC)
		json_object_array_add(options, json_object_new_string("noexec"));
	for (; *data; data += strspn(data, ",")) {
		size_t size = strcspn(data, ",");

		json_object_array_add(options, json_object_new_string_len(data, (int)size));
		data += size;
	}
}

static struct json_object *take_tmpfs(struct rest *rest)
{
	struct json_object *mounts = json_object_new_array();
	uint64_t n = take_number(rest, TMPFS_MAX);

	for (uint64_t i = 0; i < n && !rest->is_broken; i++) {
		const char *target = take_text(rest);
		uint64_t flags = take_number(rest, UINT32_MAX);
		const char *data = take_text(rest);

		if (!ct_option_is_volume(data))
			add_tmpfs(mounts, target, flags, data);
	}
	return mounts;
}

/* Finds the variable @name in @env, in which they lie with NULs between them; the caller's. */
static char *find_variable(const char *env, size_t size, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = env; at && at < env + size; at += strlen(at) + 1)
		if (strncmp(at, name, length) == 0 && at[length] == '=') {
			size_t decoded;

			return strncmp(name, HIDDEN_PREFIX, strlen(HIDDEN_PREFIX)) == 0
				       ? base64_decode(at + length + 1, &decoded)
				       : xstrdup(at);
		}
	return NULL;
}

static struct json_object *take_env(struct rest *rest, const char *env, size_t size)
{
	struct json_object *array = json_object_new_array();
	uint64_t n = take_number(rest, ENTRIES_MAX);

	for (uint64_t i = 0; i < n && !rest->is_broken; i++) {
		autofree char *variable = find_variable(env, size, take_text(rest));

		if (variable)
			json_object_array_add(array, json_object_new_string(variable));
	}
	return array;
}

static struct json_object *take_args(struct rest *rest)
{
	struct json_object *array = json_object_new_array();
	uint64_t n = take_number(rest, ENTRIES_MAX);

	for (uint64_t i = 0; i < n && !rest->is_broken; i++)
		json_object_array_add(array, json_object_new_string(take_text(rest)));
	return array;
}

static void take_origin(struct rest *rest, struct record *record, struct json_object *spec,
			char **ret_request)
{
	const char *text = rest->at < rest->end ? take_text(rest) : "{}";
	struct json_object *annotations;
	autojson origin = NULL;
	struct lxcri_error ignored = {};

	if (json_parse(text, strlen(text), &json_limits_spec, &origin, &ignored) < 0)
		return;
	annotations = json_get(origin, "annotations");
	if (annotations)
		json_object_object_add(spec, "annotations", json_object_get(annotations));
	*ret_request = xstrdup(json_get_text(origin, "request"));
	record->restart = xstrdup(json_get_text(origin, "restart"));
	record->health = xstrdup(json_get_text(origin, "health"));
}

/* Which capabilities it may have stands among the annotations. */
static void take_bounds(struct rest *rest, struct json_object *process)
{
	json_object_object_add(process, "noNewPrivileges",
			       json_object_new_boolean(take_number(rest, 1) > 0));
	(void)take_number(rest, 1);
	(void)take_number(rest, INT64_MAX);
}

static void take_all(struct rest *rest, bool has_bounds, const struct ct_process *source,
		     struct record *record, struct json_object *spec, char **ret_request)
{
	struct json_object *process = json_object_new_object();
	int signal = (int)take_number(rest, 64);

	record->stop_signal = xstrdup(signal_name(signal));
	json_set_text(spec, "ociVersion", "1.0.2");
	json_object_object_add(spec, "process", process);
	json_object_object_add(spec, "linux", json_object_new_object());
	json_object_object_add(process, "user", take_user(rest));
	json_set_text(process, "cwd", take_text(rest));
	(void)take_text(rest); /* the files of before the first start */
	(void)take_text(rest);
	(void)take_text(rest);
	record->log_max_bytes = (int64_t)take_number(rest, INT64_MAX);
	record->log_max_files = (int64_t)take_number(rest, 1000);
	record->terminal = take_number(rest, 1) > 0;
	json_object_object_add(process, "terminal", json_object_new_boolean(record->terminal));
	if (has_bounds)
		take_bounds(rest, process);
	json_object_object_add(spec, "mounts", take_tmpfs(rest));
	json_object_object_add(process, "env", take_env(rest, source->env, source->env_size));
	json_object_object_add(process, "args", take_args(rest));
	take_origin(rest, record, spec, ret_request);
}

/* Returns the texts of @process, owned by the caller, and in *@ret_rest the first of them: the
 * version. */
static char *open_texts(const struct ct_process *process, struct rest *ret_rest)
{
	char *blob = NULL;
	size_t size = 0;

	if (process->entrypoint && text_starts_with(process->entrypoint, INIT_WORDS))
		blob = base64_decode(process->entrypoint + strlen(INIT_WORDS), &size);
	*ret_rest = (struct rest){ blob, blob ? blob + size : NULL, .is_broken = !blob };
	return blob;
}

static void keep_text(struct rest *rest, char **text)
{
	const char *kept = take_text(rest);

	if (rest->is_broken)
		return;
	free(*text);
	*text = *kept ? xstrdup(kept) : NULL;
}

void ct_process_keep_files(const struct ct_process *process, struct bundle *bundle)
{
	struct rest rest = {};
	autofree char *blob = open_texts(process, &rest);
	uint64_t groups;

	(void)take_text(&rest);
	(void)take_number(&rest, 64); /* the signal */
	(void)take_number(&rest, UINT32_MAX);
	(void)take_number(&rest, UINT32_MAX);
	groups = take_number(&rest, GROUPS_MAX);
	for (uint64_t i = 0; i < groups + 1 && !rest.is_broken; i++)
		(void)take_text(&rest); /* behind them the directory */
	keep_text(&rest, &bundle->hosts);
	keep_text(&rest, &bundle->hostname);
	keep_text(&rest, &bundle->resolv_conf);
}

int ct_process_read(const struct ct_process *process, struct record *record,
		    struct json_object **ret_spec, char **ret_request, struct lxcri_error *err)
{
	autojson spec = json_object_new_object();
	struct rest rest = {};
	autofree char *blob = open_texts(process, &rest);
	const char *version = take_text(&rest);

	if (strcmp(version, VERSION_OF_BLOB) == 0 || strcmp(version, VERSION_BEFORE) == 0)
		take_all(&rest, strcmp(version, VERSION_OF_BLOB) == 0, process, record, spec,
			 ret_request);
	else
		rest.is_broken = true;
	if (rest.is_broken)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "its entry point is none that this release has made");
	*ret_spec = steal(spec);
	return 0;
}
