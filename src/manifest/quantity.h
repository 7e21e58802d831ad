/* SPDX-License-Identifier: MIT */
#pragma once

/* Quantities of Kubernetes: "500m", "64Mi", "1.5", "2e3". */

#include <stdint.h>

/* Reads @text as thousandths, rounded up. 0, -EINVAL, or -ERANGE for what is negative or does not
 * fit. */
[[nodiscard]] int quantity_parse(const char *text, int64_t *ret_thousandths);
