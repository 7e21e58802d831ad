/* SPDX-License-Identifier: MIT */
/* An image's config: compared with a schema first, then read. */

#include "oci/image_config.h"

#include "oci/schema.h"

#include "base/mem.h"
#include "base/text.h"

static bool is_line(const char *text)
{
	return !text_has_control(text);
}

static const struct schema text = { SCHEMA_STRING };
static const struct schema line = { SCHEMA_STRING, .allows = is_line,
				    .form = "must be one line without control characters" };
static const struct schema boolean = { SCHEMA_BOOLEAN };
static const struct schema i64 = { SCHEMA_INTEGER, .min = INT64_MIN, .max = INT64_MAX };
static const struct schema texts = { SCHEMA_ARRAY, .items = &text };
static const struct schema text_map = { SCHEMA_MAP, .items = &text };

/* Sets are written as objects whose values mean nothing. */
static const struct schema set = { SCHEMA_MAP };

static const struct schema healthcheck = {
	SCHEMA_OBJECT,
	.fields =
		(const struct schema_field[]){
			{ "Test", &texts },
			{ "Interval", &i64 },
			{ "Timeout", &i64 },
			{ "StartPeriod", &i64 },
			{ "StartInterval", &i64 },
			{ "Retries", &i64 },
			{},
		},
};

static const struct schema run = {
	SCHEMA_OBJECT,
	.fields =
		(const struct schema_field[]){
			{ "User", &line },
			{ "ExposedPorts", &set },
			{ "Env", &texts },
			{ "Entrypoint", &texts },
			{ "Cmd", &texts },
			{ "Volumes", &set },
			{ "WorkingDir", &line },
			{ "Labels", &text_map },
			{ "StopSignal", &line },
			{ "Healthcheck", &healthcheck },
			{ "Shell", &texts },
			{},
		},
};

static const struct schema rootfs = {
	SCHEMA_OBJECT,
	.fields =
		(const struct schema_field[]){
			{ "type",
			  &(const struct schema){
				  SCHEMA_STRING, .words = (const char *const[]){ "layers", NULL } },
			  true },
			{ "diff_ids", &texts },
			{},
		},
};

static const struct schema step = {
	SCHEMA_OBJECT,
	.fields =
		(const struct schema_field[]){
			{ "created", &text },
			{ "created_by", &text },
			{ "author", &text },
			{ "comment", &text },
			{ "empty_layer", &boolean },
			{},
		},
};

static const struct schema document = {
	SCHEMA_OBJECT,
	.fields =
		(const struct schema_field[]){
			{ "architecture", &line, true },
			{ "os", &line, true },
			{ "variant", &line },
			{ "created", &line },
			{ "author", &text },
			{ "config", &run },
			{ "rootfs", &rootfs, true },
			{ "history", &(const struct schema){ SCHEMA_ARRAY, .items = &step } },
			{},
		},
};

static void read_step(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct image_history *)member = (struct image_history){
		.created = json_get_text(value, "created"),
		.created_by = json_get_text(value, "created_by"),
		.author = json_get_text(value, "author"),
		.comment = json_get_text(value, "comment"),
		.empty_layer = json_get_bool(value, "empty_layer", false),
	};
}

/* Returns the keys of the set @key. */
static struct spec_strings read_set(struct spec_pool *pool, struct json_object *object,
				    const char *key)
{
	struct json_object *members = json_get(object, key);
	struct spec_strings strings = {};

	if (!members)
		return strings;
	strings.items = spec_pool_array(pool, (size_t)json_object_object_length(members) + 1,
					sizeof(*strings.items));
	json_object_object_foreach(members, name, value)
	{
		(void)value;
		strings.items[strings.count++] = name;
	}
	return strings;
}

static const struct image_healthcheck *read_healthcheck(struct spec_pool *pool,
							struct json_object *object)
{
	if (!object)
		return NULL;

	struct image_healthcheck *check = spec_pool_new(pool, struct image_healthcheck);

	*check = (struct image_healthcheck){
		.test = spec_read_strings(pool, object, "Test"),
		.interval_ns = spec_read_i64(object, "Interval"),
		.timeout_ns = spec_read_i64(object, "Timeout"),
		.start_period_ns = spec_read_i64(object, "StartPeriod"),
		.start_interval_ns = spec_read_i64(object, "StartInterval"),
		.retries = spec_read_i64(object, "Retries"),
	};
	return check;
}

static void read_run(struct image_config *config, struct json_object *object)
{
	struct spec_pool *pool = &config->pool;

	config->user = json_get_text(object, "User");
	config->exposed_ports = read_set(pool, object, "ExposedPorts");
	config->env = spec_read_strings(pool, object, "Env");
	config->entrypoint = spec_read_strings(pool, object, "Entrypoint");
	config->cmd = spec_read_strings(pool, object, "Cmd");
	config->volumes = read_set(pool, object, "Volumes");
	config->working_dir = json_get_text(object, "WorkingDir");
	config->labels = spec_read_map(pool, object, "Labels");
	config->stop_signal = json_get_text(object, "StopSignal");
	config->healthcheck = read_healthcheck(pool, json_get(object, "Healthcheck"));
	config->shell = spec_read_strings(pool, object, "Shell");
}

static int read_diff_ids(struct image_config *config, struct lxcri_error *err)
{
	struct json_object *ids = json_get(json_get(config->document, "rootfs"), "diff_ids");
	size_t count = json_count(ids);

	if (count > IMAGE_LAYERS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "rootfs.diff_ids: %zu where %d are allowed", count, IMAGE_LAYERS_MAX);
	config->diff_ids = spec_pool_array(&config->pool, count, sizeof(*config->diff_ids));
	for (size_t i = 0; i < count; i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));

		if (digest_parse(id, &config->diff_ids[i], err) < 0)
			return fail_while(err, "rootfs.diff_ids[%zu]", i);
	}
	config->n_diff_ids = count;
	return 0;
}

static int read_document(struct image_config *config, struct lxcri_error *err)
{
	struct schema_first first = { .err = err, .code = LXCRI_E_INVALID_FORMAT };

	if (schema_check(&document, config->document, SCHEMA_NULL_IS_ABSENT, schema_keep_first,
			 &first))
		return -1;
	config->architecture = json_get_text(config->document, "architecture");
	config->os = json_get_text(config->document, "os");
	config->variant = json_get_text(config->document, "variant");
	config->created = json_get_text(config->document, "created");
	config->author = json_get_text(config->document, "author");
	read_run(config, json_get(config->document, "config"));
	config->history =
		spec_read_array(&config->pool, config->document, "history",
				sizeof(struct image_history), read_step, &config->n_history);
	return read_diff_ids(config, err);
}

int image_config_parse(const char *bytes, size_t size, struct image_config **ret,
		       struct lxcri_error *err)
{
	autoptr(image_config) config = xnew(struct image_config);

	if (json_parse(bytes, size, &json_limits_image, &config->document, err) < 0 ||
	    read_document(config, err) < 0)
		return fail_while(err, "image config");
	*ret = steal(config);
	return 0;
}

void image_config_free(struct image_config *config)
{
	if (!config)
		return;
	spec_pool_finish(&config->pool);
	json_free(config->document);
	free(config);
}
