/* SPDX-License-Identifier: MIT */
#pragma once

/* The specification that a new bundle starts from, as JSON text: a shell in namespaces of its own,
 * the file systems that Linux programs expect, few capabilities. */
extern const char spec_default_json[];
