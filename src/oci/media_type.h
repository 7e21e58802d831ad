/* SPDX-License-Identifier: MIT */
#pragma once

/* The media types of image documents: those of the OCI image specification, and docker's manifest
 * schema 2, which means the same. */

#define MEDIA_TYPE_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_DOCKER_INDEX    "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define MEDIA_TYPE_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar"

enum media_kind {
	MEDIA_UNKNOWN,
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER,
};

enum media_compression {
	MEDIA_PLAIN,
	MEDIA_GZIP,
	MEDIA_ZSTD,
};

/* What a media type says. */
struct media_type {
	enum media_kind kind;
	enum media_compression compression; /* of a layer */
};

/* Returns what @text says; MEDIA_UNKNOWN for NULL and for what is not in the table. Schema 1 of
 * docker, encrypted layers and artifacts are unknown. */
struct media_type media_type_find(const char *text);
