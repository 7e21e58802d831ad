/* SPDX-License-Identifier: MIT */
/* From a specification's process to entry point and environment. monitor/ct/ct_init.c reads it. */

#include "engine/ct/ct_process.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/bundle/capability.h"
#include "engine/update/request.h"
#include "image/layer/merged.h"
#include "os/file.h"
#include "os/signal.h"
#include "runtime/ct_signal.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>

#define INIT_PATH "/.lxcri/init"
/* A page less than what an argument of a program may measure. */
#define BLOB_BYTES_MAX  ((size_t)90 << 10)
#define ENV_BYTES_MAX   ((size_t)128 << 10)
#define HIDDEN_PREFIX   "LXCRI_ENV_"
#define VERSION_OF_BLOB "3"
#define STOP_BY_DEFAULT SIGTERM

void ct_process_finish(struct ct_process *process)
{
	freep(&process->entrypoint);
	freep(&process->env);
	process->env_size = 0;
}

/* Appends @string with the NUL that ends it. */
static void add(struct text *blob, const char *string)
{
	text_append(blob, string ? string : "", strlen(string ? string : "") + 1);
}

static void add_number(struct text *blob, uint64_t number)
{
	autofree char *text = xformat("%llu", (unsigned long long)number);

	add(blob, text);
}

/* Tells whether Proxmox VE takes and gives back @variable as it is: it trims values. */
static bool is_plain(const char *variable)
{
	const char *value = strchr(variable, '=');

	if (!value || value == variable || !value[1] || text_starts_with(variable, HIDDEN_PREFIX))
		return false;
	for (const char *at = variable; at < value; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			return false;
	value++;
	for (const char *at = value; *at; at++)
		if (iscntrl((unsigned char)*at) && *at != '\t')
			return false;
	return !text_has_control(value) && !isspace((unsigned char)*value) &&
	       !isspace((unsigned char)value[strlen(value) - 1]);
}

static void add_variable(struct text *env, const char *name, const char *value)
{
	if (env->length > 0)
		text_append(env, "", 1);
	text_addf(env, "%s%s%s", name, value ? "=" : "", value ? value : "");
}

static void add_env(struct json_object *process, struct text *blob, struct text *env)
{
	struct json_object *variables = json_get(process, "env");
	size_t count = json_count(variables);

	add_number(blob, count);
	for (size_t i = 0; i < count; i++) {
		const char *variable =
			json_object_get_string(json_object_array_get_idx(variables, i));

		if (is_plain(variable)) {
			autofree char *name = xstrndup(variable, strcspn(variable, "="));

			add(blob, name);
			add_variable(env, variable, NULL);
		} else {
			autofree char *name = xformat(HIDDEN_PREFIX "%zu", i);
			autofree char *value = base64_encode(variable, strlen(variable));

			add(blob, name);
			add_variable(env, name, value);
		}
	}
}

static void add_user(struct json_object *user, struct text *blob)
{
	struct json_object *groups = json_get(user, "additionalGids");
	size_t count = json_count(groups);

	add_number(blob, json_get_u64(user, "uid", 0));
	add_number(blob, json_get_u64(user, "gid", 0));
	add_number(blob, count);
	for (size_t i = 0; i < count; i++)
		add_number(blob, json_object_get_uint64(json_object_array_get_idx(groups, i)));
}

static void add_args(struct json_object *process, struct text *blob)
{
	struct json_object *args = json_get(process, "args");
	size_t count = json_count(args);

	add_number(blob, count);
	for (size_t i = 0; i < count; i++)
		add(blob, json_object_get_string(json_object_array_get_idx(args, i)));
}

/* Adds where its output goes to: to the console alone where that is its terminal, else into a log
 * as well, unless there is to be none. */
static void add_output(const struct record *record, struct text *blob)
{
	add_number(blob, (uint64_t)record->log_max_bytes);
	add_number(blob, record->terminal ? 0 : (uint64_t)record->log_max_files);
	add_number(blob, record->terminal);
}

uint64_t ct_process_bounds(struct json_object *spec)
{
	const char *text = json_get_text(json_get(spec, "annotations"), CT_PROCESS_CAPABILITIES);
	uint64_t capabilities = 0;

	if (!text)
		return UINT64_MAX;
	return text_parse_u64(text, 0, INT64_MAX, &capabilities) < 0 ? 0 : capabilities;
}

/* Adds what its process may not get: privileges that it has not, capabilities (0: as it is). */
static void add_bounds(struct json_object *spec, struct text *blob)
{
	const uint64_t capabilities = ct_process_bounds(spec);
	const bool is_bound = capabilities != UINT64_MAX;

	add_number(blob, json_get_bool(json_get(spec, "process"), "noNewPrivileges", false));
	add_number(blob, is_bound);
	add_number(blob, is_bound ? capabilities : 0);
}

/* Returns the mount flag that the option @word is, or 0. */
static unsigned long tmpfs_flag(const char *word)
{
	static const struct {
		const char *word;
		unsigned long flag;
	} flags[] = {
		{ "ro", MS_RDONLY },
		{ "noexec", MS_NOEXEC },
		{ "noatime", MS_NOATIME },
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (strcmp(flags[i].word, word) == 0)
			return flags[i].flag;
	return 0;
}

static void add_one_tmpfs(struct json_object *mount, struct text *blob)
{
	struct json_object *options = json_get(mount, "options");
	autorun(text_finish) struct text data = {};
	size_t count = json_count(options);
	unsigned long flags = 0;

	for (size_t i = 0; i < count; i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(options, i));

		flags |= tmpfs_flag(word);
		/* The others are flags that it has anyway. */
		if (strchr(word, '='))
			text_addf(&data, "%s%s", data.length > 0 ? "," : "", word);
	}
	add(blob, json_get_text(mount, "destination"));
	add_number(blob, flags);
	add(blob, data.length > 0 ? data.data : "");
}

/* Tells whether it is a tmpfs that was asked for: /dev and what is below are the cluster's. */
static bool is_own_tmpfs(struct json_object *mount)
{
	const char *type = json_get_text(mount, "type");
	const char *path = json_get_text(mount, "destination");

	return type && path && strcmp(type, "tmpfs") == 0 && strcmp(path, "/dev") != 0 &&
	       !text_starts_with(path, "/dev/");
}

/* Appends to @owners, for each volume whose place is a directory of the image that is not as every
 * new one, the place and whose it is there, as our init takes it. */
static void find_owners(const struct bundle *bundle, const struct record *record,
			struct strings *owners)
{
	for (size_t i = 0; i < bundle->n_volumes; i++) {
		const char *place = bundle->volumes[i].destination;
		autorun(merged_finish) struct merged dir = {};
		struct stat status;

		if (bundle->volumes[i].no_copy ||
		    merged_open_dir(&record->layers, place, &dir) < 0 || dir.count == 0 ||
		    fstat(dir.fds[0], &status) < 0)
			continue;
		if (status.st_uid == 0 && status.st_gid == 0 && (status.st_mode & 07777) == 0755)
			continue;
		strings_add(owners, place);
		strings_addf(owners, CT_OPTION_OWNER "%u %u %o", status.st_uid, status.st_gid,
			     status.st_mode & 07777);
	}
}

/* The node knows no tmpfs, so our init mounts them; and what is open to all it opens. */
static void add_mounts(const struct bundle *bundle, const struct record *record, struct text *blob)
{
	struct json_object *spec = bundle->spec;
	autofree char *places =
		xstrdup(json_get_text(json_get(spec, "annotations"), CT_PROCESS_OPEN));
	struct json_object *mounts = json_get(spec, "mounts");
	autorun(strings_finish) struct strings owners = {};
	autorun(strings_finish) struct strings open = {};
	size_t count = json_count(mounts);
	uint64_t n;

	for (char *rest = places; rest;)
		strings_add(&open, strsep(&rest, ":"));
	find_owners(bundle, record, &owners);
	n = open.count + owners.count / 2;
	for (size_t i = 0; i < count; i++)
		n += is_own_tmpfs(json_object_array_get_idx(mounts, i));
	add_number(blob, n);
	for (size_t i = 0; i < count; i++)
		if (is_own_tmpfs(json_object_array_get_idx(mounts, i)))
			add_one_tmpfs(json_object_array_get_idx(mounts, i), blob);
	for (size_t i = 0; i < open.count; i++) {
		add(blob, open.items[i]);
		add_number(blob, 0);
		add(blob, CT_OPTION_OPEN);
	}
	for (size_t i = 0; i < owners.count; i += 2) {
		add(blob, owners.items[i]);
		add_number(blob, 0);
		add(blob, owners.items[i + 1]);
	}
}

/* Adds what our init has no use for, and nothing else of the container tells: what the user asked
 * for, by which an adopted container can be updated. */
static void add_origin(const struct bundle *bundle, const struct record *record,
		       const char *request_dir, struct text *blob)
{
	autofree char *path = xformat("%s/" REQUEST_FILE, request_dir);
	struct json_object *annotations = json_get(bundle->spec, "annotations");
	autojson origin = json_object_new_object();
	autofree char *request = NULL;
	autofree char *text = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &request, &size) == 0)
		json_set_text(origin, "request", request);
	if (annotations)
		json_object_object_add(origin, "annotations", json_object_get(annotations));
	json_set_text(origin, "restart", record->restart);
	json_set_text(origin, "health", record->health);
	text = json_format_line(origin);
	add(blob, text);
}

/* What is asked for is known by an annotation: the specification says what others have anyway. */
int ct_process_note(const struct lxcri_create_options *options, struct json_object *spec,
		    struct lxcri_error *err)
{
	autofree char *text = NULL;
	capability_set set;

	if (!options->cap_drop)
		return 0;
	if (capability_choose(options->cap_add, options->cap_drop, &set, err) < 0)
		return -1;
	text = xformat("%ju", (uintmax_t)set);
	json_set_text(json_get(spec, "annotations"), CT_PROCESS_CAPABILITIES, text);
	return 0;
}

int ct_process_make(const struct bundle *bundle, const struct record *record,
		    const char *request_dir, struct ct_process *ret, struct lxcri_error *err)
{
	struct json_object *process = json_get(bundle->spec, "process");
	int number = bundle->stop_signal ? signal_parse(bundle->stop_signal) : STOP_BY_DEFAULT;
	const char *cwd = json_get_text(process, "cwd");
	autorun(text_finish) struct text blob = {};
	struct text env = {};
	autofree char *encoded = NULL;

	add(&blob, VERSION_OF_BLOB);
	add_number(&blob, (uint64_t)(number > 0 ? number : STOP_BY_DEFAULT));
	add_user(json_get(process, "user"), &blob);
	add(&blob, cwd ? cwd : "/");
	add(&blob, bundle->hosts);
	add(&blob, bundle->hostname);
	add(&blob, bundle->resolv_conf);
	add_output(record, &blob);
	add_bounds(bundle->spec, &blob);
	add_mounts(bundle, record, &blob);
	add_env(process, &blob, &env);
	add_args(process, &blob);
	add_origin(bundle, record, request_dir, &blob);
	if (blob.length > BLOB_BYTES_MAX || env.length > ENV_BYTES_MAX) {
		text_finish(&env);
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "arguments, or environment, are longer than a container of Proxmox VE "
			    "can be given (%zu and %zu KiB)",
			    BLOB_BYTES_MAX >> 10, ENV_BYTES_MAX >> 10);
	}
	encoded = base64_encode(blob.data, blob.length);
	ct_process_finish(ret);
	ret->entrypoint = xformat(INIT_PATH " %s", encoded);
	ret->env_size = env.length;
	ret->env = text_steal(&env);
	return 0;
}

int ct_process_save(const struct ct_process *process, const char *dir, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" CT_PROCESS_FILE, dir);
	autofree char *env = base64_encode(process->env, process->env_size);
	autojson object = json_object_new_object();
	autofree char *text = NULL;
	int r;

	json_set_text(object, "entrypoint", process->entrypoint);
	json_set_text(object, "env", env);
	text = json_format(object);
	r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_DURABLE);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", path) : 0;
}

int ct_process_load(const char *dir, struct ct_process *ret, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" CT_PROCESS_FILE, dir);
	autofree char *text = NULL;
	autojson object = NULL;
	const char *entrypoint, *env;
	size_t size = 0;
	int r = file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &text, &size);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s", path);
	if (json_parse(text, size, &json_limits_spec, &object, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read %s", path);
	}
	entrypoint = json_get_text(object, "entrypoint");
	env = json_get_text(object, "env");
	ct_process_finish(ret);
	ret->env = env ? base64_decode(env, &ret->env_size) : NULL;
	if (!entrypoint || !ret->env)
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s is damaged", path);
	ret->entrypoint = xstrdup(entrypoint);
	return 0;
}
