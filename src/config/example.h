/* SPDX-License-Identifier: MIT */
#pragma once

/* Returns a configuration file with every key at its default, each with a comment; owned by the
 * caller. */
[[nodiscard]] char *config_example_text(void);
