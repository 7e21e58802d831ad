/* SPDX-License-Identifier: MIT */
#pragma once

/* What a word without quotes is: YAML 1.1, as Kubernetes reads it. */

#include "manifest/yaml.h"

/* Sets the kind of @node, and its value, from its text. */
void scalar_resolve(struct yaml_node *node);
