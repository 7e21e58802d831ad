/* SPDX-License-Identifier: MIT */
/* Writing YAML. */

#include "base/mem.h"
#include "base/text.h"
#include "manifest/scalar.h"

#include <string.h>
#include <yaml.h>

static int collect(void *userdata, unsigned char *bytes, size_t size)
{
	text_append(userdata, (const char *)bytes, size);
	return 1;
}

/* Quotes a text that would be read as something else without. */
static yaml_scalar_style_t style_of(const char *text)
{
	struct yaml_node node = { .kind = YAML_TEXT, .text = (char *)text };

	scalar_resolve(&node);
	return node.kind == YAML_TEXT ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

static void emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	(void)yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
					   (int)strlen(text), 1, 1, style);
	(void)yaml_emitter_emit(emitter, &event);
}

static void emit_value(yaml_emitter_t *emitter, struct json_object *value)
{
	yaml_event_t event;

	switch (json_object_get_type(value)) {
	case json_type_object:
		(void)yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
							  YAML_BLOCK_MAPPING_STYLE);
		(void)yaml_emitter_emit(emitter, &event);
		json_object_object_foreach(value, key, member)
		{
			emit_scalar(emitter, key, style_of(key));
			emit_value(emitter, member);
		}
		(void)yaml_mapping_end_event_initialize(&event);
		break;
	case json_type_array:
		(void)yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							   YAML_BLOCK_SEQUENCE_STYLE);
		(void)yaml_emitter_emit(emitter, &event);
		for (size_t i = 0; i < json_count(value); i++)
			emit_value(emitter, json_object_array_get_idx(value, i));
		(void)yaml_sequence_end_event_initialize(&event);
		break;
	case json_type_string:
		emit_scalar(emitter, json_object_get_string(value),
			    style_of(json_object_get_string(value)));
		return;
	default:
		emit_scalar(emitter, value ? json_object_to_json_string(value) : "null",
			    YAML_PLAIN_SCALAR_STYLE);
		return;
	}
	(void)yaml_emitter_emit(emitter, &event);
}

char *yaml_format(struct json_object *value)
{
	struct text text = {};
	yaml_emitter_t emitter;
	yaml_event_t event;

	if (!yaml_emitter_initialize(&emitter))
		return xstrdup("");
	yaml_emitter_set_output(&emitter, collect, &text);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	(void)yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
	(void)yaml_emitter_emit(&emitter, &event);
	(void)yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
	(void)yaml_emitter_emit(&emitter, &event);
	emit_value(&emitter, value);
	(void)yaml_document_end_event_initialize(&event, 1);
	(void)yaml_emitter_emit(&emitter, &event);
	(void)yaml_stream_end_event_initialize(&event);
	(void)yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
	return text_steal(&text);
}
