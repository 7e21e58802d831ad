/* SPDX-License-Identifier: MIT */
/* The configuration: a value for each key of the table, the defaults parsed, a file laid over. */

#include "config/config.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "config/check.h"
#include "config/table.h"
#include "config/pattern.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_FILE "/etc/proxmox-lxcri/config.json"

struct lxcri_config {
	struct json_object *values[CONFIG_KEY_COUNT]; /* NULL: not set */
	const char *origins[CONFIG_KEY_COUNT]; /* NULL: default; else file, or a word of ours */
	char *file;
	bool has_forced_type;
	enum lxcri_container_type forced_type;
};

DEFINE_AUTOPTR(lxcri_config)

static const char *const type_names[] = {
	[LXCRI_LXC] = "lxc",
	[LXCRI_CRUN] = "crun",
	[LXCRI_RUNC] = "runc",
	[LXCRI_PROXMOX_LXC] = "proxmox-lxc",
};

const char *lxcri_container_type_name(enum lxcri_container_type type)
{
	return type_names[type];
}

int lxcri_container_type_parse(const char *name, enum lxcri_container_type *ret_type,
			       struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
		if (strcmp(name, type_names[i]) == 0) {
			*ret_type = (enum lxcri_container_type)i;
			return 0;
		}
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "\"%s\" is no container type (lxc, crun, runc, proxmox-lxc)", name);
}

/* Makes @value, which it owns from here on, the value of @key. */
static void set_value_consume(struct lxcri_config *config, enum config_key key,
			      struct json_object *value, const char *origin)
{
	json_free(config->values[key]);
	config->values[key] = value;
	config->origins[key] = origin;
}

struct lxcri_config *lxcri_config_create(void)
{
	struct lxcri_config *config = xnew(struct lxcri_config);

	for (size_t i = 0; i < config_table_length; i++)
		config->values[i] = json_tokener_parse(config_table[i].otherwise);
	return config;
}

void lxcri_config_free(struct lxcri_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config_table_length; i++)
		json_free(config->values[i]);
	free(config->file);
	free(config);
}

static void keep_value(void *userdata, const struct config_entry *entry, struct json_object *value)
{
	struct lxcri_config *config = userdata;

	set_value_consume(config, (enum config_key)(entry - config_table), json_object_get(value),
			  config->file);
}

/* Turns the first error of @faults into @err. */
static int fail_with_faults(const char *name, const struct config_faults *faults,
			    struct lxcri_error *err)
{
	const struct config_fault *fault = faults->items;
	char more[64] = "";
	char line[16] = "";

	while (fault->code == LXCRI_E_NONE)
		fault++;
	if (faults->errors > 1)
		(void)snprintf(more, sizeof(more), " (and %zu more: see config check)",
			       faults->errors - 1);
	if (fault->line > 0)
		(void)snprintf(line, sizeof(line), ":%u", fault->line);
	return fail(err, fault->code, "%s%s: %s%s%s%s", name, line, fault->path,
		    *fault->path ? ": " : "", fault->text, more);
}

/* Parses the bytes of @source as JSON. What is wrong with the text is a fault of the file. */
static int parse_document(const struct config_source *source, const char *name,
			  struct json_object **ret, struct lxcri_error *err)
{
	if (json_parse(source->bytes, source->size, &json_limits_config, ret, err) == 0)
		return 0;
	if (err->code == LXCRI_E_INVALID_JSON)
		err->code = LXCRI_E_INVALID_CONFIG;
	return fail_while(err, "%s", name);
}

static int load_source(const struct config_source *source, const char *name,
		       struct lxcri_config **ret_config, struct lxcri_error *err)
{
	autoptr(lxcri_config) config = lxcri_config_create();
	struct config_faults faults = {};
	autojson document = NULL;
	int r = 0;

	config->file = xstrdup(name);
	if (parse_document(source, name, &document, err) < 0)
		return -1;
	config_check_document(document, source, keep_value, config, &faults);
	if (faults.errors > 0)
		r = fail_with_faults(name, &faults, err);
	for (size_t i = 0; r == 0 && i < faults.count; i++)
		log_warning("%s:%u: %s: %s", name, faults.items[i].line, faults.items[i].path,
			    faults.items[i].text);
	config_faults_finish(&faults);
	if (r == 0)
		*ret_config = steal(config);
	return r;
}

int lxcri_config_parse(const char *json, size_t size, const char *name,
		       struct lxcri_config **ret_config, struct lxcri_error *err)
{
	struct config_source source = { .bytes = json, .size = size };

	return load_source(&source, name, ret_config, err);
}

/* Reads @path. The bytes of *@ret are owned by the caller. */
static int read_source(const char *path, struct config_source *ret, struct lxcri_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *bytes;
	struct stat status;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail_code_errno(err, LXCRI_E_CONFIG_NOT_FOUND, errno, "read config %s",
				       path);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_errno(err, errno, "read config %s", path);
	if (!S_ISREG(status.st_mode))
		return fail(err, LXCRI_E_INVALID_CONFIG, "read config %s: not a regular file",
			    path);

	int r = file_read_fd(fd, json_limits_config.bytes_max, &bytes, &ret->size);

	if (r < 0)
		return fail_errno(err, r, "read config %s", path);
	ret->bytes = bytes;
	ret->mode = status.st_mode;
	return 0;
}

int lxcri_config_load(const char *path, struct lxcri_config **ret_config, struct lxcri_error *err)
{
	struct config_source source = {};
	const char *from_environment = getenv("PROXMOX_LXCRI_CONFIG");
	bool given = true;

	if (!path && from_environment && *from_environment)
		path = from_environment;
	if (!path) {
		path = CONFIG_FILE;
		given = false;
	}
	if (read_source(path, &source, err) < 0) {
		if (given || err->code != LXCRI_E_CONFIG_NOT_FOUND)
			return -1;
		*err = (struct lxcri_error){};
		*ret_config = lxcri_config_create();
		return 0;
	}

	int r = load_source(&source, path, ret_config, err);

	free((char *)source.bytes);
	return r;
}

int lxcri_config_check(const char *path, lxcri_config_fault_fn report, void *userdata,
		       struct lxcri_error *err)
{
	struct config_source source = {};
	struct config_faults faults = {};
	autojson document = NULL;

	if (read_source(path, &source, err) < 0)
		return -1;

	int r = parse_document(&source, path, &document, err);

	if (r == 0) {
		config_check_document(document, &source, NULL, NULL, &faults);
		for (size_t i = 0; i < faults.count; i++)
			report(userdata, faults.items[i].line, faults.items[i].path,
			       faults.items[i].text, faults.items[i].code == LXCRI_E_NONE);
		r = (int)faults.errors;
	}
	config_faults_finish(&faults);
	free((char *)source.bytes);
	return r;
}

void lxcri_config_show(const struct lxcri_config *config, lxcri_config_value_fn show,
		       void *userdata)
{
	for (size_t i = 0; i < config_table_length; i++) {
		bool hide = config_table[i].secrecy == CONFIG_SECRET && config->values[i];
		autofree char *json =
			hide ? xstrdup("\"***\"") : json_format_line(config->values[i]);

		show(userdata, config_table[i].path, json,
		     config->origins[i] ? config->origins[i] : "default");
	}
}

int lxcri_config_matches_pattern(const char *name, const char *pattern, struct lxcri_error *err)
{
	return pattern_match(pattern, name, err);
}

/* Tells whether @name matches one of the list of @key; the patterns were checked on load. */
static bool matches_any(const struct lxcri_config *config, enum config_key key, const char *name)
{
	struct json_object *patterns = config->values[key];
	struct lxcri_error err;

	for (size_t i = 0; i < json_object_array_length(patterns); i++)
		if (pattern_match(json_object_get_string(json_object_array_get_idx(patterns, i)),
				  name, &err) == 1)
			return true;
	return false;
}

/* Returns the type that the valid @name stands for. */
static enum lxcri_container_type known_type(const char *name)
{
	enum lxcri_container_type type = LXCRI_LXC;
	struct lxcri_error err;

	(void)lxcri_container_type_parse(name, &type, &err);
	return type;
}

enum lxcri_container_type lxcri_config_container_type(const struct lxcri_config *config,
						      const char *name)
{
	struct json_object *rules = config->values[CONFIG_ROUTING];
	struct lxcri_error err;

	if (config->has_forced_type)
		return config->forced_type;
	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i);

		if (pattern_match(json_get_text(rule, "pattern"), name, &err) == 1)
			return known_type(json_get_text(rule, "runtime"));
	}
	if (matches_any(config, CONFIG_CRUN_NAME_PATTERNS, name))
		return LXCRI_CRUN;
	if (matches_any(config, CONFIG_RUNC_NAME_PATTERNS, name))
		return LXCRI_RUNC;
	return known_type(config_text(config, CONFIG_DEFAULT_CONTAINER_TYPE));
}

void lxcri_config_set_runtime_type(struct lxcri_config *config, enum lxcri_container_type type)
{
	config->has_forced_type = true;
	config->forced_type = type;
}

/* Tells which key has the program of @type; fails for a type that is no program. */
static int program_key(enum lxcri_container_type type, enum config_key *ret_key,
		       struct lxcri_error *err)
{
	if (type != LXCRI_CRUN && type != LXCRI_RUNC)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "container type %s is not run by a program",
			    lxcri_container_type_name(type));
	*ret_key = type == LXCRI_CRUN ? CONFIG_RUNTIME_CRUN_PATH : CONFIG_RUNTIME_RUNC_PATH;
	return 0;
}

int lxcri_config_set_runtime_path(struct lxcri_config *config, enum lxcri_container_type type,
				  const char *path, struct lxcri_error *err)
{
	enum config_key key = CONFIG_RUNTIME_RUNC_PATH;

	if (program_key(type, &key, err) < 0)
		return -1;
	set_value_consume(config, key, json_object_new_string(path), "caller");
	return 0;
}

static bool is_program(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Finds the program @name in the directories of PATH; NULL when none has it. */
static char *find_on_path(const char *name)
{
	const char *directory = getenv("PATH");

	while (directory && *directory) {
		size_t length = strcspn(directory, ":");
		autofree char *path = xformat("%.*s/%s", (int)length, directory, name);

		/* An empty entry would mean the current directory: never search there. */
		if (*directory == '/' && is_program(path))
			return steal(path);
		directory += length;
		directory += *directory == ':';
	}
	return NULL;
}

int lxcri_config_runtime_path(const struct lxcri_config *config, enum lxcri_container_type type,
			      char **ret_path, struct lxcri_error *err)
{
	enum config_key key = CONFIG_RUNTIME_RUNC_PATH;

	if (program_key(type, &key, err) < 0)
		return -1;

	const char *set = config_text(config, key);
	const char *name = set ? set : lxcri_container_type_name(type);

	if (strchr(name, '/')) {
		if (!is_program(name))
			return fail(err, LXCRI_E_RUNTIME_NOT_FOUND,
				    "%s: %s is not an executable file", config_table[key].path,
				    name);
		*ret_path = xstrdup(name);
		return 0;
	}

	char *found = find_on_path(name);

	if (!found)
		return fail(err, LXCRI_E_RUNTIME_NOT_FOUND,
			    "no program \"%s\" on PATH; install it or set %s", name,
			    config_table[key].path);
	*ret_path = found;
	return 0;
}

const char *lxcri_config_root_path(const struct lxcri_config *config)
{
	return config_text(config, CONFIG_RUNTIME_ROOT_PATH);
}

const char *lxcri_config_data_path(const struct lxcri_config *config)
{
	return config_text(config, CONFIG_RUNTIME_DATA_PATH);
}

void lxcri_config_set_paths(struct lxcri_config *config, const char *root_path,
			    const char *data_path)
{
	if (root_path)
		set_value_consume(config, CONFIG_RUNTIME_ROOT_PATH,
				  json_object_new_string(root_path), "caller");
	if (data_path)
		set_value_consume(config, CONFIG_RUNTIME_DATA_PATH,
				  json_object_new_string(data_path), "caller");
}

void lxcri_config_use_systemd_cgroups(struct lxcri_config *config)
{
	set_value_consume(config, CONFIG_RUNTIME_CGROUP_MANAGER, json_object_new_string("systemd"),
			  "caller");
}

unsigned int lxcri_config_stop_timeout_seconds(const struct lxcri_config *config)
{
	return (unsigned int)config_u64(config, CONFIG_RUNTIME_STOP_TIMEOUT);
}

const char *config_text(const struct lxcri_config *config, enum config_key key)
{
	return json_object_get_string(config->values[key]);
}

uint64_t config_u64(const struct lxcri_config *config, enum config_key key)
{
	return json_object_get_uint64(config->values[key]);
}

double config_number(const struct lxcri_config *config, enum config_key key)
{
	return json_object_get_double(config->values[key]);
}

bool config_bool(const struct lxcri_config *config, enum config_key key)
{
	return json_object_get_boolean(config->values[key]);
}

struct json_object *config_json(const struct lxcri_config *config, enum config_key key)
{
	return config->values[key];
}

const char *config_file(const struct lxcri_config *config)
{
	return config->file;
}

bool config_is_usual(const struct lxcri_config *config)
{
	return (!config->file || strcmp(config->file, CONFIG_FILE) == 0) &&
	       strcmp(lxcri_config_root_path(config), CONFIG_DEFAULT_ROOT_PATH) == 0 &&
	       strcmp(lxcri_config_data_path(config), CONFIG_DEFAULT_DATA_PATH) == 0;
}
