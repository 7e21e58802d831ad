/* SPDX-License-Identifier: MIT */
/* From the options of run and create to those of the engine. */

#include "cli/request/create_request.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/request/env_file.h"
#include "cli/request/mount_option.h"
#include "os/signal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define ANY(member_, name_, letter_, kind_, value_, help_) \
	{ name_, letter_, OPTION_##kind_, offsetof(struct create_options, member_), value_, help_, \
	  OPTION_ANY_FORM }
#define IMAGE(member_, name_, letter_, kind_, value_, help_) \
	{ name_, letter_, OPTION_##kind_, offsetof(struct create_options, member_), value_, help_, \
	  OPTION_IMAGE_FORM }
#define BUNDLE(member_, name_, letter_, kind_, value_, help_) \
	{ name_, letter_, OPTION_##kind_, offsetof(struct create_options, member_), value_, help_, \
	  OPTION_BUNDLE_FORM }

const struct option_entry create_option_table[] = {
	ANY(detach, "detach", 'd', FLAG, NULL, "leave it running and return"),
	ANY(pid_file, "pid-file", 0, TEXT, "FILE", "write the first process's pid to FILE"),
	ANY(console_socket, "console-socket", 0, TEXT, "PATH", "send the terminal to this socket"),
	IMAGE(image, "image", 0, TEXT, "IMAGE", "image; the first argument is then the name"),
	IMAGE(pull, "pull", 0, TEXT, "missing|always|never|newer", "when to ask the registry (missing)"),
	IMAGE(name, "name", 0, TEXT, "NAME", "name of the container"),
	IMAGE(remove, "rm", 0, FLAG, NULL, "delete the container when it ends"),
	IMAGE(interactive, "interactive", 'i', FLAG, NULL, "pass standard input on"),
	IMAGE(terminal, "tty", 't', FLAG, NULL, "give it a terminal"),
	IMAGE(env, "env", 'e', LIST, "NAME[=VALUE]", "set a variable, or pass the caller's on"),
	IMAGE(env_files, "env-file", 0, LIST, "FILE", "set the variables in FILE"),
	IMAGE(volumes, "volume", 'v', LIST, "[SRC:]DST[:OPTS]", "mount a directory or volume"),
	IMAGE(mounts, "mount", 0, LIST, "KEY=VALUE,...", "the same: type=volume, bind or tmpfs, source, target, ..."),
	IMAGE(tmpfs, "tmpfs", 0, LIST, "DST[:OPTS]", "mount a tmpfs"),
	IMAGE(devices, "device", 0, LIST, "SRC[:DST[:rwm]]", "add a device of the host"),
	IMAGE(working_dir, "workdir", 'w', TEXT, "DIR", "working directory"),
	IMAGE(user, "user", 'u', TEXT, "USER[:GROUP]", "user, by name or number"),
	IMAGE(group_add, "group-add", 0, LIST, "GROUP", "further group"),
	IMAGE(add_hosts, "add-host", 0, LIST, "NAME:ADDRESS", "further line of /etc/hosts"),
	IMAGE(hostname, "hostname", 0, TEXT, "NAME", "host name"),
	IMAGE(entrypoint, "entrypoint", 0, TEXT, "PROGRAM", "replace the image's; \"\" is none"),
	NETWORK_OPTIONS(create_options, network, OPTION_IMAGE_FORM),
	IMAGE(node, "node", 0, TEXT, "NAME", "node of Proxmox VE on which it is made"),
	IMAGE(userns, "userns", 0, TEXT, "host|auto|keep", "user namespace (auto)"),
	IMAGE(privileged, "privileged", 0, FLAG, NULL, "give it all that root of the host has"),
	IMAGE(read_only, "read-only", 0, FLAG, NULL, "mount the root file system read-only"),
	IMAGE(init, "init", 0, FLAG, NULL, "run a small init as process 1"),
	SERVICE_OPTIONS(create_options, service, OPTION_IMAGE_FORM),
	LIMIT_OPTIONS(create_options, limits, OPTION_IMAGE_FORM),
	IMAGE(oom_score_adj, "oom-score-adj", 0, TEXT, "N", "who is killed without memory, -1000 to 1000"),
	IMAGE(cgroup_parent, "cgroup-parent", 0, TEXT, "PATH", "cgroup in which it gets its own"),
	IMAGE(shm_bytes, "shm-size", 0, BYTES, "SIZE", "size of /dev/shm (64m)"),
	IMAGE(ulimits, "ulimit", 0, LIST, "NAME=SOFT[:HARD]", "resource limit"),
	IMAGE(cap_add, "cap-add", 0, LIST, "CAP", "add a capability, or ALL"),
	IMAGE(cap_drop, "cap-drop", 0, LIST, "CAP", "drop a capability, or ALL"),
	IMAGE(security, "security-opt", 0, LIST, "apparmor=PROFILE", "confine it, or unconfined"),
	IMAGE(stop_signal, "stop-signal", 0, SIGNAL, "SIGNAL", "signal that stop sends"),
	IMAGE(log_driver, "log-driver", 0, TEXT, "file|journald|none", "where the output is kept"),
	IMAGE(log_options, "log-opt", 0, LIST, "NAME=VALUE", "max-size=SIZE or max-file=N of the log"),
	IMAGE(labels, "label", 'l', LIST, "NAME=VALUE", "label"),
	IMAGE(annotations, "annotation", 0, LIST, "NAME=VALUE", "annotation"),
	BUNDLE(bundle, "bundle", 'b', TEXT, "DIR", "bundle; the argument is then the id"),
	BUNDLE(preserve_fds, "preserve-fds", 0, COUNT, "N", "pass N descriptors from 3 on"),
	BUNDLE(keep, "keep", 0, FLAG, NULL, "do not delete it when it ends"),
	BUNDLE(no_pivot, "no-pivot", 0, FLAG, NULL, "accepted for callers of runc"),
	BUNDLE(no_new_keyring, "no-new-keyring", 0, FLAG, NULL, "accepted for callers of runc"),
	{},
};
/* clang-format on */

/* Keeps a piece of a value for as long as @request lives. */
static const char *keep(struct create_request *request, const char *text, size_t length)
{
	strings_add_consume(&request->texts, xstrndup(text, length));
	return request->texts.items[request->texts.count - 1];
}

static int refuse(const char *option, const char *value, const char *why, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: \"%s\": %s", option, value, why);
}

/* Splits @value at colons into at most @max pieces. Returns their number, or 0 when there are more
 * or one is empty. */
static size_t split(struct create_request *request, const char *value, const char **pieces,
		    size_t max)
{
	size_t n = 0;

	for (const char *piece = value;; piece++) {
		size_t length = strcspn(piece, ":");

		if (n == max || length == 0)
			return 0;
		pieces[n++] = keep(request, piece, length);
		piece += length;
		if (!*piece)
			return n;
	}
}

static bool is_volume_name(const char *name)
{
	if (!isalnum((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			return false;
	return true;
}

/* Makes a source on the host absolute: "./data" is meant from where the caller stands. */
static int resolve_source(struct create_request *request, const char *value, const char **source,
			  struct lxcri_error *err)
{
	if (**source == '/' || is_volume_name(*source))
		return 0;
	if (**source != '.')
		return refuse("--volume", value, "the source is neither a path nor a volume's name",
			      err);

	autofree char *path = realpath(*source, NULL);

	if (!path)
		return refuse("--volume", value, strerror(errno), err);
	*source = keep(request, path, strlen(path));
	return 0;
}

static int fill_volume(struct create_request *request, const char *value, struct lxcri_volume *ret,
		       struct lxcri_error *err)
{
	const char *pieces[3];
	size_t n = split(request, value, pieces, 3);

	if (n == 0)
		return refuse("--volume", value, "expected [SRC:]DST[:OPTS]", err);
	*ret = (struct lxcri_volume){ .destination = pieces[n == 1 ? 0 : 1] };
	if (n > 1)
		ret->source = pieces[0];
	/* "/data:ro" is an anonymous volume with options: a destination is absolute. */
	if (n == 2 && pieces[0][0] == '/' && pieces[1][0] != '/')
		*ret = (struct lxcri_volume){ .destination = pieces[0], .options = pieces[1] };
	if (n == 3)
		ret->options = pieces[2];
	if (ret->destination[0] != '/')
		return refuse("--volume", value, "the destination is not absolute", err);
	return ret->source ? resolve_source(request, value, &ret->source, err) : 0;
}

static int fill_device(struct create_request *request, const char *value, struct lxcri_device *ret,
		       struct lxcri_error *err)
{
	const char *pieces[3];
	size_t n = split(request, value, pieces, 3);

	if (n == 0 || pieces[0][0] != '/')
		return refuse("--device", value, "expected SRC[:DST[:rwm]]", err);
	*ret = (struct lxcri_device){ .host_path = pieces[0] };
	if (n == 2 && pieces[1][0] != '/') {
		ret->permissions = pieces[1];
	} else if (n > 1) {
		ret->container_path = pieces[1];
		ret->permissions = n == 3 ? pieces[2] : NULL;
	}
	if (ret->container_path && ret->container_path[0] != '/')
		return refuse("--device", value, "the path in the container is not absolute", err);
	if (ret->permissions && ret->permissions[strspn(ret->permissions, "rwm")] != '\0')
		return refuse("--device", value, "permissions are of r, w and m", err);
	return 0;
}

static int parse_limit(const char *text, uint64_t *ret)
{
	if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return text_parse_u64(text, 0, UINT64_MAX - 1, ret);
}

static int fill_rlimit(struct create_request *request, const char *value, struct lxcri_rlimit *ret,
		       struct lxcri_error *err)
{
	const char *equals = strchr(value, '=');
	const char *pieces[2];
	size_t n = equals && equals > value ? split(request, equals + 1, pieces, 2) : 0;

	if (n == 0)
		return refuse("--ulimit", value, "expected NAME=SOFT[:HARD]", err);
	ret->name = keep(request, value, (size_t)(equals - value));
	if (parse_limit(pieces[0], &ret->soft) < 0 || parse_limit(pieces[n - 1], &ret->hard) < 0)
		return refuse("--ulimit", value, "a limit is a number or unlimited", err);
	if (ret->soft > ret->hard)
		return refuse("--ulimit", value, "the soft limit is above the hard one", err);
	return 0;
}

/* Fills an array of @size_ members from a list of values. */
#define FILL_EACH(request_, values_, array_, fill_, err_)                                    \
	({                                                                                   \
		int r_ = 0;                                                                  \
		(array_) = xcalloc((values_)->count, sizeof(*(array_)));                     \
		for (size_t i_ = 0; r_ == 0 && i_ < (values_)->count; i_++)                  \
			r_ = fill_((request_), (values_)->items[i_], &(array_)[i_], (err_)); \
		r_;                                                                          \
	})

static int check_assignments(const char *option, const struct strings *values,
			     struct lxcri_error *err)
{
	for (size_t i = 0; i < values->count; i++)
		if (values->items[i][0] == '=' || values->items[i][0] == '\0')
			return refuse(option, values->items[i], "has no name", err);
	return 0;
}

static int fill_env(const struct create_options *options, struct create_request *request,
		    struct lxcri_error *err)
{
	if (check_assignments("--env", &options->env, err) < 0 ||
	    check_assignments("--label", &options->labels, err) < 0 ||
	    check_assignments("--annotation", &options->annotations, err) < 0)
		return -1;
	for (size_t i = 0; i < options->env_files.count; i++)
		if (env_file_load(options->env_files.items[i], &request->env, err) < 0)
			return fail_while(err, "--env-file");
	strings_add_all(&request->env, &options->env);
	return 0;
}

/* The entrypoint is one program, or a list of words as JSON, as podman has it; "" is none. */
static int fill_entrypoint(const char *value, struct create_request *request,
			   struct lxcri_error *err)
{
	static const char *const none[] = { NULL };
	autojson words = NULL;

	if (!value)
		return 0;
	request->options.entrypoint = none;
	if (*value != '[') {
		if (*value)
			strings_add(&request->entrypoint, value);
	} else {
		if (json_parse(value, strlen(value), &json_limits_config, &words, err) < 0)
			return fail_while(err, "--entrypoint");
		if (!json_object_is_type(words, json_type_array))
			return refuse("--entrypoint", value, "expected a list of strings", err);
		for (size_t i = 0; i < json_object_array_length(words); i++) {
			struct json_object *word = json_object_array_get_idx(words, i);

			if (!json_object_is_type(word, json_type_string))
				return refuse("--entrypoint", value, "expected a list of strings",
					      err);
			strings_add(&request->entrypoint, json_object_get_string(word));
		}
	}
	if (request->entrypoint.count > 0)
		request->options.entrypoint = (const char *const *)request->entrypoint.items;
	return 0;
}

/* Takes docker's max-size, of which -1 is no limit, and max-file. */
static int fill_log_option(const char *option, struct lxcri_create_options *engine,
			   struct lxcri_error *err)
{
	uint64_t number;

	if (text_starts_with(option, "max-size=")) {
		const char *value = option + strlen("max-size=");

		if (strcmp(value, "-1") == 0)
			engine->log_max_bytes = UINT64_MAX;
		else if (text_parse_bytes(value, &engine->log_max_bytes) < 0 ||
			 engine->log_max_bytes == 0)
			return refuse("--log-opt", option,
				      "expected a size such as 10m, or -1 for no limit", err);
		return 0;
	}
	if (!text_starts_with(option, "max-file="))
		return refuse("--log-opt", option, "expected max-size=SIZE or max-file=N", err);
	if (text_parse_u64(option + strlen("max-file="), 1, UINT32_MAX, &number) < 0)
		return refuse("--log-opt", option, "expected a number from 1", err);
	engine->log_max_files = (unsigned int)number;
	return 0;
}

static int fill_log(const struct create_options *options, struct lxcri_create_options *engine,
		    struct lxcri_error *err)
{
	if (options->log_driver &&
	    lxcri_log_driver_parse(options->log_driver, &engine->log_driver, err) < 0)
		return fail_while(err, "--log-driver");
	for (size_t i = 0; i < options->log_options.count; i++)
		if (fill_log_option(options->log_options.items[i], engine, err) < 0)
			return -1;
	return 0;
}

static int fill_port(struct create_request *request, const char *value, struct lxcri_port *ret,
		     struct lxcri_error *err)
{
	return network_options_parse_port(value, &request->texts, ret, err);
}

/* Of several for one thing the last counts, as with docker. */
int create_request_pull(const char *value, enum lxcri_pull_policy *ret, struct lxcri_error *err)
{
	static const char *const policies[] = {
		[LXCRI_PULL_MISSING] = "missing",
		[LXCRI_PULL_ALWAYS] = "always",
		[LXCRI_PULL_NEVER] = "never",
		[LXCRI_PULL_NEWER] = "newer",
	};

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (value && strcmp(value, policies[i]) != 0)
			continue;
		*ret = (enum lxcri_pull_policy)i;
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "--pull \"%s\": expected missing, always, never or newer", value);
}

static int fill_security(const struct strings *values, struct lxcri_create_options *engine,
			 struct lxcri_error *err)
{
	static const char apparmor[] = "apparmor=";

	for (size_t i = 0; i < values->count; i++) {
		const char *value = values->items[i];

		if (strncmp(value, apparmor, strlen(apparmor)) != 0)
			return refuse("--security-opt", value, "expected apparmor=PROFILE", err);
		engine->apparmor_profile = value + strlen(apparmor);
	}
	return 0;
}

static int fill_limits(const struct create_options *options, struct create_request *request,
		       struct lxcri_error *err)
{
	const char *adjust = options->oom_score_adj;
	autojson resources = NULL;
	uint64_t number = 0;

	if (limit_options_format(&options->limits, &resources, err) < 0)
		return -1;
	if (resources)
		request->resources = json_format_line(resources);
	if (!adjust)
		return 0;
	if (text_parse_u64(adjust + (*adjust == '-'), 0, 1000, &number) < 0)
		return refuse("--oom-score-adj", adjust, "expected a number from -1000 to 1000",
			      err);
	request->oom_score_adj = *adjust == '-' ? -(int)number : (int)number;
	return 0;
}

static const char *const *list_of(const struct strings *strings)
{
	return strings->count > 0 ? (const char *const *)strings->items : NULL;
}

static void fill_network(const struct network_options *options, struct create_request *request)
{
	struct lxcri_create_options *engine = &request->options;

	engine->networks = list_of(&options->networks);
	engine->ip = options->ip;
	engine->ip6 = options->ip6;
	engine->mac_address = options->mac_address;
	engine->network_aliases = list_of(&options->aliases);
	engine->services = list_of(&options->services);
	engine->ports = request->ports;
	engine->n_ports = options->publish.count;
	engine->publish_all = options->publish_all;
	engine->dns = list_of(&options->dns);
	engine->dns_search = list_of(&options->dns_search);
	engine->dns_options = list_of(&options->dns_options);
}

/* Adds what --mount says to the volumes, which have room for it, and to what is a tmpfs. */
static int add_mount(struct create_request *request, const char *value, struct lxcri_error *err)
{
	autorun(mount_option_finish) struct mount_option mount = {};
	struct lxcri_volume *volume = &request->volumes[request->n_volumes];

	if (mount_option_parse(value, &mount, err) < 0)
		return -1;
	if (mount.is_tmpfs) {
		strings_addf(&request->tmpfs, "%s%s%s", mount.destination, mount.options ? ":" : "",
			     mount.options ? mount.options : "");
		return 0;
	}
	*volume = (struct lxcri_volume){
		.destination = keep(request, mount.destination, strlen(mount.destination)),
	};
	if (mount.source)
		volume->source = keep(request, mount.source, strlen(mount.source));
	if (mount.options)
		volume->options = keep(request, mount.options, strlen(mount.options));
	request->n_volumes++;
	return volume->source ? resolve_source(request, value, &volume->source, err) : 0;
}

/* Fills the volumes and what is a tmpfs, by either option. */
static int fill_mounts(const struct create_options *options, struct create_request *request,
		       struct lxcri_error *err)
{
	const struct strings *volumes = &options->volumes;

	request->volumes =
		xcalloc(volumes->count + options->mounts.count, sizeof(*request->volumes));
	for (; request->n_volumes < volumes->count; request->n_volumes++)
		if (fill_volume(request, volumes->items[request->n_volumes],
				&request->volumes[request->n_volumes], err) < 0)
			return -1;
	strings_add_all(&request->tmpfs, &options->tmpfs);
	for (size_t i = 0; i < options->mounts.count; i++)
		if (add_mount(request, options->mounts.items[i], err) < 0)
			return -1;
	return 0;
}

int create_request_fill(const struct create_options *options, struct create_request *ret_request,
			struct lxcri_error *err)
{
	struct create_request *request = ret_request;
	struct lxcri_create_options *engine = &request->options;

	*request = (struct create_request){};
	if (fill_env(options, request, err) < 0 ||
	    fill_entrypoint(options->entrypoint, request, err) < 0 ||
	    FILL_EACH(request, &options->network.publish, request->ports, fill_port, err) < 0 ||
	    fill_log(options, engine, err) < 0 || fill_limits(options, request, err) < 0 ||
	    service_options_fill(&options->service, &request->service, err) < 0 ||
	    fill_security(&options->security, engine, err) < 0 ||
	    fill_mounts(options, request, err) < 0 ||
	    FILL_EACH(request, &options->devices, request->devices, fill_device, err) < 0 ||
	    FILL_EACH(request, &options->ulimits, request->rlimits, fill_rlimit, err) < 0)
		return -1;
	if (options->stop_signal > 0) {
		const char *name = signal_name(options->stop_signal);
		autofree char *number = xformat("%d", options->stop_signal);

		engine->stop_signal = name ? name : keep(request, number, strlen(number));
	}
	engine->open_stdin = options->interactive;
	engine->terminal = options->terminal;
	engine->console_socket = options->console_socket;
	engine->pid_file = options->pid_file;
	engine->preserve_fds = (unsigned int)options->preserve_fds;
	engine->remove = options->remove;
	engine->restart = options->service.restart;
	engine->health = &request->service.health;
	engine->env = list_of(&request->env);
	engine->working_dir = options->working_dir;
	engine->user = options->user;
	engine->hostname = options->hostname;
	engine->labels = list_of(&options->labels);
	engine->annotations = list_of(&options->annotations);
	engine->group_add = list_of(&options->group_add);
	engine->add_hosts = list_of(&options->add_hosts);
	engine->cap_add = list_of(&options->cap_add);
	engine->cap_drop = list_of(&options->cap_drop);
	engine->tmpfs = list_of(&request->tmpfs);
	engine->volumes = request->volumes;
	engine->n_volumes = request->n_volumes;
	engine->devices = request->devices;
	engine->n_devices = options->devices.count;
	engine->rlimits = request->rlimits;
	engine->n_rlimits = options->ulimits.count;
	if (create_request_pull(options->pull, &engine->pull, err) < 0)
		return -1;
	fill_network(&options->network, request);
	engine->userns = options->userns;
	engine->node = options->node;
	engine->privileged = options->privileged;
	engine->read_only = options->read_only;
	engine->init = options->init;
	engine->shm_bytes = options->shm_bytes;
	engine->resources = request->resources;
	engine->cgroup_parent = options->cgroup_parent;
	engine->oom_score_adj = options->oom_score_adj ? &request->oom_score_adj : NULL;
	return 0;
}

void create_request_finish(struct create_request *request)
{
	strings_finish(&request->env);
	strings_finish(&request->texts);
	strings_finish(&request->tmpfs);
	strings_finish(&request->entrypoint);
	service_request_finish(&request->service);
	free(request->volumes);
	free(request->devices);
	free(request->rlimits);
	free(request->ports);
	free(request->resources);
	*request = (struct create_request){};
}
