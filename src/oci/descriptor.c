/* SPDX-License-Identifier: MIT */
/* Descriptors. Each field has a code of its own, so they are read by hand and not by a schema. */

#include "oci/descriptor.h"

#include <ctype.h>
#include <string.h>

#define MEDIA_TYPE_BYTES_MAX 255

/* Tells whether @text is TYPE/SUBTYPE of RFC 6838. */
static bool is_media_type(const char *text)
{
	const char *slash = strchr(text, '/');

	if (!slash || slash == text || !slash[1] || strlen(text) > MEDIA_TYPE_BYTES_MAX)
		return false;
	for (const char *c = text; *c; c++)
		if (c != slash && !isalnum((unsigned char)*c) && !strchr("!#$&-^_.+", *c))
			return false;
	return true;
}

static int read_media_type(struct json_object *json, struct descriptor *descriptor,
			   struct lxcri_error *err)
{
	const char *text = json_get_text(json, "mediaType");

	if (!text)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE, "mediaType: must be a string");
	if (!is_media_type(text))
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
			    "mediaType: \"%.100s\" is no media type", text);
	descriptor->media_type = text;
	descriptor->type = media_type_find(text);
	return 0;
}

static int read_size(struct json_object *json, struct descriptor *descriptor,
		     struct lxcri_error *err)
{
	int64_t size = json_get_i64(json, "size", -1);

	if (size < 0)
		return fail(err, LXCRI_E_INVALID_SIZE, "size: must be an integer of at least 0");
	descriptor->size = (uint64_t)size;
	return 0;
}

static int read_platform(struct json_object *json, struct descriptor *descriptor,
			 struct lxcri_error *err)
{
	struct json_object *platform = json_get(json, "platform");

	if (!platform)
		return 0;
	if (!json_object_is_type(platform, json_type_object))
		return fail(err, LXCRI_E_INVALID_FORMAT, "platform: must be an object");
	descriptor->has_platform = true;
	descriptor->platform = (struct platform){
		.architecture = json_get_text(platform, "architecture"),
		.os = json_get_text(platform, "os"),
		.variant = json_get_text(platform, "variant"),
	};
	return 0;
}

static int read_annotations(struct json_object *json, struct descriptor *descriptor,
			    struct lxcri_error *err)
{
	descriptor->annotations = json_get(json, "annotations");
	if (!descriptor->annotations)
		return 0;
	if (!json_object_is_type(descriptor->annotations, json_type_object))
		return fail(err, LXCRI_E_INVALID_FORMAT, "annotations: must be an object");
	json_object_object_foreach(descriptor->annotations, key, value)
	{
		if (!json_object_is_type(value, json_type_string)) {
			autofree char *path = json_path_key("annotations", key);

			return fail(err, LXCRI_E_INVALID_FORMAT, "%s: must be a string", path);
		}
	}
	return 0;
}

static int read_all(struct json_object *json, struct descriptor *descriptor,
		    struct lxcri_error *err)
{
	const char *digest = json_get_text(json, "digest");

	if (!json_object_is_type(json, json_type_object))
		return fail(err, LXCRI_E_INVALID_FORMAT, "must be a descriptor");
	if (read_media_type(json, descriptor, err) < 0)
		return -1;
	if (digest_parse(digest ? digest : "", &descriptor->digest, err) < 0)
		return -1;
	if (read_size(json, descriptor, err) < 0 || read_platform(json, descriptor, err) < 0)
		return -1;
	return read_annotations(json, descriptor, err);
}

int descriptor_read(struct json_object *json, const char *path, struct descriptor *ret,
		    struct lxcri_error *err)
{
	struct descriptor descriptor = { .json = json };

	if (read_all(json, &descriptor, err) < 0)
		return fail_while(err, "%s", path);
	*ret = descriptor;
	return 0;
}

const char *descriptor_annotation(const struct descriptor *descriptor, const char *key)
{
	return json_get_text(descriptor->annotations, key);
}
