/* SPDX-License-Identifier: MIT */
/* The manifest of an image that came without one. */

#include "image/source/made_manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "oci/media_type.h"

#include <string.h>

static struct json_object *descriptor_of(const char *media_type, const char *hex, uint64_t size)
{
	struct json_object *descriptor = json_object_new_object();
	autofree char *digest = xformat("sha256:%s", hex);

	json_set_text(descriptor, "mediaType", media_type);
	json_set_text(descriptor, "digest", digest);
	json_object_object_add(descriptor, "size", json_object_new_uint64(size));
	return descriptor;
}

void made_manifest(struct source_image *image, const struct stream_digests *digests)
{
	static const char *const types[] = {
		[COMPRESSION_NONE] = MEDIA_TYPE_OCI_LAYER,
		[COMPRESSION_GZIP] = MEDIA_TYPE_OCI_LAYER "+gzip",
		[COMPRESSION_ZSTD] = MEDIA_TYPE_OCI_LAYER "+zstd",
	};
	autojson manifest = json_object_new_object();
	struct json_object *layers = json_object_new_array();
	char config[SHA256_HEX_SIZE];

	sha256_hex(image->config, image->config_size, config);
	json_object_object_add(manifest, "schemaVersion", json_object_new_int(2));
	json_set_text(manifest, "mediaType", MEDIA_TYPE_OCI_MANIFEST);
	json_object_object_add(manifest, "config",
			       descriptor_of(MEDIA_TYPE_OCI_CONFIG, config, image->config_size));
	for (size_t i = 0; i < image->n_layers; i++)
		(void)json_object_array_add(layers, descriptor_of(types[digests[i].compression],
								  digests[i].blob,
								  image->layers[i].blob.size));
	json_object_object_add(manifest, "layers", layers);
	image->manifest = json_format_line(manifest);
	image->manifest_size = strlen(image->manifest);
	image->media_type = xstrdup(MEDIA_TYPE_OCI_MANIFEST);
}
