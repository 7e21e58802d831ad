/* SPDX-License-Identifier: MIT */
/* The media types of image documents, as one table. */

#include "oci/media_type.h"

#include "base/scope.h"

#include <string.h>

static const struct {
	const char *text;
	struct media_type type;
} media_types[] = {
	{ MEDIA_TYPE_OCI_INDEX, { MEDIA_INDEX } },
	{ MEDIA_TYPE_DOCKER_INDEX, { MEDIA_INDEX } },
	{ MEDIA_TYPE_OCI_MANIFEST, { MEDIA_MANIFEST } },
	{ MEDIA_TYPE_DOCKER_MANIFEST, { MEDIA_MANIFEST } },
	{ MEDIA_TYPE_OCI_CONFIG, { MEDIA_CONFIG } },
	{ MEDIA_TYPE_DOCKER_CONFIG, { MEDIA_CONFIG } },
	{ MEDIA_TYPE_OCI_LAYER, { MEDIA_LAYER, MEDIA_PLAIN } },
	{ MEDIA_TYPE_OCI_LAYER "+gzip", { MEDIA_LAYER, MEDIA_GZIP } },
	{ MEDIA_TYPE_OCI_LAYER "+zstd", { MEDIA_LAYER, MEDIA_ZSTD } },
	{ MEDIA_TYPE_DOCKER_LAYER, { MEDIA_LAYER, MEDIA_PLAIN } },
	{ MEDIA_TYPE_DOCKER_LAYER ".gzip", { MEDIA_LAYER, MEDIA_GZIP } },
	{ MEDIA_TYPE_DOCKER_LAYER ".zstd", { MEDIA_LAYER, MEDIA_ZSTD } },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", { MEDIA_LAYER, MEDIA_PLAIN } },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	  { MEDIA_LAYER, MEDIA_GZIP } },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	  { MEDIA_LAYER, MEDIA_ZSTD } },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	  { MEDIA_LAYER, MEDIA_GZIP } },
};

struct media_type media_type_find(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_LEN(media_types); i++)
		if (strcmp(media_types[i].text, text) == 0)
			return media_types[i].type;
	return (struct media_type){ MEDIA_UNKNOWN };
}
