/* SPDX-License-Identifier: MIT */
/* From a specification's process to entry point and environment. monitor/ct/ct_init.c reads it. */

#include "engine/ct/ct_process.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"
#include "os/signal.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define INIT_PATH "/.lxcri/init"
/* A page less than what an argument of a program may measure. */
#define BLOB_BYTES_MAX  ((size_t)90 << 10)
#define ENV_BYTES_MAX   ((size_t)128 << 10)
#define HIDDEN_PREFIX   "LXCRI_ENV_"
#define VERSION_OF_BLOB "1"
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

int ct_process_make(const struct bundle *bundle, struct ct_process *ret, struct lxcri_error *err)
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
	add_env(process, &blob, &env);
	add_args(process, &blob);
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
