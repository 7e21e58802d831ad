/* SPDX-License-Identifier: MIT */
#pragma once

/* The shape of a runtime specification, version 1.x up to 1.3, on Linux. */

#include "oci/schema.h"

/* A whole config.json. */
extern const struct schema spec_schema;
/* Its `process` alone, as exec takes it. */
extern const struct schema spec_schema_process;
/* Its `linux.resources` alone, as update takes it. */
extern const struct schema spec_schema_resources;
