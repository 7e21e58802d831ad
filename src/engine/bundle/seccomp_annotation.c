/* SPDX-License-Identifier: MIT */
/* A compiled seccomp filter as an annotation. */

#include "engine/bundle/seccomp_annotation.h"

#include "base/mem.h"
#include "runtime/seccomp_cache.h"

#include <stdint.h>

/* Where crun 1.8 to 1.21 takes a program from, in base64 (its container.c). */
#define CRUN_ANNOTATION "run.oci.seccomp_bpf_data"

static char *encode_base64(const unsigned char *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = xzalloc((size + 2) / 3 * 4 + 1);
	char *at = text;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t group = (uint32_t)bytes[i] << 16 |
				 (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				 (left > 2 ? bytes[i + 2] : 0);

		*at++ = digits[group >> 18];
		*at++ = digits[group >> 12 & 63];
		*at++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[group & 63] : '=';
	}
	return text;
}

int seccomp_annotate(const char *data_dir, struct json_object *spec, struct lxcri_error *err)
{
	struct json_object *linux_part = json_get(spec, "linux");
	struct json_object *profile = json_get(linux_part, "seccomp");
	struct json_object *annotations = json_get(spec, "annotations");
	autofree char *cache = xformat("%s/cache/seccomp", data_dir);
	autofree char *bpf = NULL;
	size_t size;

	if (!profile)
		return 0;
	if (seccomp_cache_get(cache, profile, &bpf, &size, err) < 0)
		return -1;

	autofree char *base64 = encode_base64((unsigned char *)bpf, size);

	if (!annotations) {
		annotations = json_object_new_object();
		json_object_object_add(spec, "annotations", annotations);
	}
	json_set_text(annotations, CRUN_ANNOTATION, base64);
	json_object_object_del(linux_part, "seccomp");
	return 0;
}

void seccomp_hide(struct json_object *spec)
{
	struct json_object *annotations = json_get(spec, "annotations");

	if (!annotations)
		return;
	json_object_object_del(annotations, CRUN_ANNOTATION);
	if (json_object_object_length(annotations) == 0)
		json_object_object_del(spec, "annotations");
}
