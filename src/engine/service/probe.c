/* SPDX-License-Identifier: MIT */
/* Probes. */

#include "engine/service/probe.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/address.h"
#include "os/file.h"

#include <string.h>

#define PROBES_FILE   "probes.json"
#define STATE_MAX     (64u << 10)
#define SECONDS_MAX   86400
#define THRESHOLD_MAX 1000
#define TEXT_MAX      4096 /* of a path or a header */
#define HEADERS_MAX   64

static const char *const kind_names[PROBE_KINDS] = {
	[PROBE_STARTUP] = "startup",
	[PROBE_LIVENESS] = "liveness",
	[PROBE_READINESS] = "readiness",
};

static const char *const by_names[] = {
	[LXCRI_PROBE_EXEC] = "exec",
	[LXCRI_PROBE_TCP] = "tcp",
	[LXCRI_PROBE_HTTP] = "http",
	[LXCRI_PROBE_HTTPS] = "https",
};

const char *probe_kind_name(enum probe_kind kind)
{
	return kind_names[kind];
}

void probe_finish(struct probe *probe)
{
	strings_finish(&probe->command);
	strings_finish(&probe->headers);
	free(probe->address);
	free(probe->path);
	*probe = (struct probe){};
}

void probes_finish(struct probes *probes)
{
	for (size_t i = 0; i < PROBE_KINDS; i++)
		probe_finish(&probes->of[i]);
}

/* What goes into a line of a request must stay there. */
static bool is_line(const char *text)
{
	return strlen(text) <= TEXT_MAX && !strpbrk(text, "\r\n") && !text_has_control(text);
}

static bool is_header(const char *header)
{
	size_t length = strcspn(header, ":");

	return length > 0 && header[length] == ':' && is_line(header) &&
	       strcspn(header, " \"(),/;<=>?@[\\]{}") > length;
}

static int check_target(const struct lxcri_probe *asked, struct lxcri_error *err)
{
	struct address address;
	size_t headers = 0;

	if (asked->port == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "it has no port");
	if (asked->address && address_parse(asked->address, AF_UNSPEC, &address) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "\"%.80s\" is no address: names are not looked up", asked->address);
	if (asked->path && (!is_line(asked->path) || strchr(asked->path, ' ')))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.80s\" cannot be a path",
			    asked->path);
	for (; asked->headers && asked->headers[headers]; headers++)
		if (headers >= HEADERS_MAX || !is_header(asked->headers[headers]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "\"%.80s\" cannot be a header, or is one too many",
				    asked->headers[headers]);
	return 0;
}

static bool is_in(unsigned int value, unsigned int max)
{
	return value <= max;
}

static int check(const struct lxcri_probe *asked, enum probe_kind kind, struct lxcri_error *err)
{
	if ((size_t)asked->by >= ARRAY_LEN(by_names))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "it asks in no known way");
	if (!is_in(asked->delay_seconds, SECONDS_MAX) ||
	    !is_in(asked->period_seconds, SECONDS_MAX) ||
	    !is_in(asked->timeout_seconds, SECONDS_MAX) ||
	    !is_in(asked->successes, THRESHOLD_MAX) || !is_in(asked->failures, THRESHOLD_MAX) ||
	    (asked->grace_seconds && !is_in(*asked->grace_seconds, SECONDS_MAX)))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a number is out of its range: seconds up to %d, thresholds to %d",
			    SECONDS_MAX, THRESHOLD_MAX);
	if (kind != PROBE_READINESS && asked->successes > 1)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "only readiness can need more than one success");
	if (asked->by != LXCRI_PROBE_EXEC)
		return check_target(asked, err);
	return asked->command && asked->command[0]
		       ? 0
		       : fail(err, LXCRI_E_INVALID_ARGUMENT, "it has no command");
}

static void add_words(struct json_object *object, const char *key, const char *const *words)
{
	struct json_object *array = json_object_new_array();

	for (; words && *words; words++)
		json_object_array_add(array, json_object_new_string(*words));
	json_object_object_add(object, key, array);
}

static void add_number(struct json_object *object, const char *key, unsigned int value,
		       unsigned int otherwise)
{
	json_object_object_add(object, key, json_object_new_int64(value ? value : otherwise));
}

static struct json_object *format(const struct lxcri_probe *asked, unsigned int grace_seconds)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "by", by_names[asked->by]);
	if (asked->by == LXCRI_PROBE_EXEC) {
		add_words(object, "command", asked->command);
	} else {
		json_set_text(object, "address", asked->address);
		add_number(object, "port", asked->port, 0);
	}
	if (asked->by == LXCRI_PROBE_HTTP || asked->by == LXCRI_PROBE_HTTPS) {
		json_set_text(object, "path", asked->path ? asked->path : "/");
		add_words(object, "headers", asked->headers);
	}
	add_number(object, "delay", asked->delay_seconds, 0);
	add_number(object, "period", asked->period_seconds, 10);
	add_number(object, "timeout", asked->timeout_seconds, 1);
	add_number(object, "successes", asked->successes, 1);
	add_number(object, "failures", asked->failures, 3);
	add_number(object, "grace", asked->grace_seconds ? *asked->grace_seconds : grace_seconds,
		   0);
	return object;
}

int probe_format(const struct lxcri_probe *asked, struct json_object **ret, struct lxcri_error *err)
{
	if (check(asked, PROBE_STARTUP, err) < 0)
		return -1;
	*ret = format(asked, 0);
	return 0;
}

int probes_choose(const struct lxcri_probes *asked, char **ret, struct lxcri_error *err)
{
	const struct lxcri_probe *of[PROBE_KINDS] = {};
	autojson object = json_object_new_object();
	bool is_any = false;

	*ret = NULL;
	if (asked) {
		of[PROBE_STARTUP] = asked->startup;
		of[PROBE_LIVENESS] = asked->liveness;
		of[PROBE_READINESS] = asked->readiness;
	}
	for (size_t i = 0; i < PROBE_KINDS; i++) {
		if (!of[i])
			continue;
		if (check(of[i], (enum probe_kind)i, err) < 0)
			return fail_while(err, "the %s probe", kind_names[i]);
		json_object_object_add(object, kind_names[i], format(of[i], asked->grace_seconds));
		is_any = true;
	}
	if (is_any)
		*ret = json_format_line(object);
	return 0;
}

bool probe_parse_one(struct json_object *object, struct probe *probe)
{
	const char *by = json_get_text(object, "by");
	bool is_known = false;

	for (size_t i = 0; by && i < ARRAY_LEN(by_names); i++)
		if (strcmp(by, by_names[i]) == 0) {
			probe->by = (enum lxcri_probe_by)i;
			is_known = true;
		}
	probe->is_there = true;
	json_take_texts(json_get(object, "command"), &probe->command);
	json_take_texts(json_get(object, "headers"), &probe->headers);
	probe->address = xstrdup(json_get_text(object, "address"));
	probe->path = xstrdup(json_get_text(object, "path"));
	probe->port = (uint16_t)json_get_i64(object, "port", 0);
	probe->delay_seconds = json_get_i64(object, "delay", 0);
	probe->period_seconds = json_get_i64(object, "period", 0);
	probe->timeout_seconds = json_get_i64(object, "timeout", 0);
	probe->successes = json_get_i64(object, "successes", 0);
	probe->failures = json_get_i64(object, "failures", 0);
	probe->grace_seconds = json_get_i64(object, "grace", 0);
	return is_known && probe->period_seconds > 0 && probe->timeout_seconds > 0 &&
	       probe->successes > 0 && probe->failures > 0 &&
	       (probe->by == LXCRI_PROBE_EXEC ? probe->command.count > 0 : probe->port > 0);
}

int probes_parse(const char *text, struct probes *ret, struct lxcri_error *err)
{
	autorun(probes_finish) struct probes probes = {};
	autojson object = NULL;
	struct lxcri_error ignored = {};
	bool is_good = json_parse(text, strlen(text), &json_limits_config, &object, &ignored) == 0;

	for (size_t i = 0; is_good && i < PROBE_KINDS; i++) {
		struct json_object *one = json_get(object, kind_names[i]);

		if (one)
			is_good = probe_parse_one(one, &probes.of[i]);
	}
	if (!is_good)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the probes are damaged");
	*ret = probes;
	probes = (struct probes){};
	return 0;
}

void probes_state_finish(struct probes_state *state)
{
	for (size_t i = 0; i < PROBE_KINDS; i++)
		free(state->of[i].output);
	*state = (struct probes_state){};
}

void probes_state_begin(const struct probes *probes, int64_t run_ns, struct probes_state *state)
{
	probes_state_finish(state);
	state->run_ns = run_ns;
	for (size_t i = 0; i < PROBE_KINDS; i++)
		state->of[i].is_good = i == PROBE_LIVENESS || !probes->of[i].is_there;
}

void probes_state_load(int run_dirfd, const struct probes *probes, int64_t run_ns,
		       struct probes_state *ret)
{
	autofree char *text = NULL;
	autojson object = NULL;
	struct lxcri_error ignored = {};
	size_t size;

	*ret = (struct probes_state){};
	probes_state_begin(probes, run_ns, ret);
	if (run_dirfd < 0 || file_read(run_dirfd, PROBES_FILE, STATE_MAX, &text, &size) < 0 ||
	    json_parse(text, size, &json_limits_config, &object, &ignored) < 0 ||
	    json_get_i64(object, "run", 0) != run_ns)
		return;
	for (size_t i = 0; i < PROBE_KINDS; i++) {
		struct json_object *one = json_get(object, kind_names[i]);
		struct probe_result *result = &ret->of[i];

		if (!one || !probes->of[i].is_there)
			continue;
		result->is_good = json_get_bool(one, "good", false);
		result->is_bad = json_get_bool(one, "bad", false);
		result->checked_ns = json_get_i64(one, "checked", 0);
		result->passing = json_get_i64(one, "passing", 0);
		result->failing = json_get_i64(one, "failing", 0);
		result->output = xstrdup(json_get_text(one, "output"));
	}
}

int probes_state_save(int run_dirfd, const struct probes_state *state)
{
	autojson object = json_object_new_object();
	autofree char *text = NULL;

	json_object_object_add(object, "run", json_object_new_int64(state->run_ns));
	for (size_t i = 0; i < PROBE_KINDS; i++) {
		const struct probe_result *result = &state->of[i];
		struct json_object *one = json_object_new_object();

		json_object_object_add(object, kind_names[i], one);
		json_object_object_add(one, "good", json_object_new_boolean(result->is_good));
		json_object_object_add(one, "bad", json_object_new_boolean(result->is_bad));
		json_object_object_add(one, "checked", json_object_new_int64(result->checked_ns));
		json_object_object_add(one, "passing", json_object_new_int64(result->passing));
		json_object_object_add(one, "failing", json_object_new_int64(result->failing));
		json_set_text(one, "output", result->output);
	}
	text = json_format_line(object);
	return file_write_atomic(run_dirfd, PROBES_FILE, text, strlen(text), 0600, FILE_VOLATILE);
}

bool probe_judge_line(char *line)
{
	bool is_answer, is_success;

	line[strcspn(line, "\r\n")] = '\0';
	is_answer = text_starts_with(line, "HTTP/1.") && strlen(line) >= 12 && line[8] == ' ' &&
		    strspn(line + 9, "0123456789") == 3;
	is_success = is_answer && (line[9] == '2' || line[9] == '3');
	text_mask_malformed(line, '?');
	text_mask_controls(line, '?');
	return is_success;
}

enum probe_verdict probe_take(const struct probe *probe, enum probe_kind kind, bool is_success,
			      struct probe_result *result)
{
	if (is_success) {
		result->failing = 0;
		if (++result->passing >= probe->successes) {
			result->is_good = true;
			result->is_bad = false;
		}
		return PROBE_GO_ON;
	}
	result->passing = 0;
	if (++result->failing < probe->failures)
		return PROBE_GO_ON;
	result->is_good = false;
	result->is_bad = true;
	return kind == PROBE_READINESS ? PROBE_GO_ON : PROBE_END;
}

enum probes_health probes_judge(const struct probes_state *state)
{
	const struct probe_result *readiness = &state->of[PROBE_READINESS];

	if (!state->of[PROBE_STARTUP].is_good)
		return PROBES_STARTING;
	if (readiness->is_good)
		return PROBES_READY;
	return readiness->is_bad ? PROBES_UNREADY : PROBES_STARTING;
}
