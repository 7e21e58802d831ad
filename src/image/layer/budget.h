/* SPDX-License-Identifier: MIT */
#pragma once

/* What one image may cost while it is unpacked, all its layers together. Counted as it streams by,
 * before the disk or the memory is spent. The threads of one import share it. */

#include "base/fail.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The largest images in use, with models in them, unpack to some 30 GiB. */
#define BUDGET_BYTES_MAX ((uint64_t)256 << 30)
/* Twice what the largest known distribution image has. */
#define BUDGET_ENTRIES_MAX ((uint64_t)1 << 20)
/* Names of directories are kept until their times can be set, so this bounds memory: some 100,000
 * directories of usual length. */
#define BUDGET_NAME_BYTES_MAX  ((uint64_t)16 << 20)
#define BUDGET_XATTR_BYTES_MAX ((uint64_t)64 << 20)
/* gzip reaches 1032:1 on zeros. File systems of programs stay below 20:1, but a small layer may
 * be one sparse file, so the ratio counts only for what is large. */
#define BUDGET_RATIO_MAX   250
#define BUDGET_RATIO_FLOOR ((uint64_t)64 << 20)

/* Zeroed is unspent. */
struct budget {
	atomic_uint_fast64_t bytes;
	atomic_uint_fast64_t entries;
	atomic_uint_fast64_t name_bytes;
	atomic_uint_fast64_t xattr_bytes;
	atomic_bool cancelled; /* another layer failed: whoever reads this stops */
};

enum budget_kind { BUDGET_BYTES, BUDGET_ENTRIES, BUDGET_NAME_BYTES, BUDGET_XATTR_BYTES };

/* Spends @amount of @kind. LXCRI_E_LIMIT_EXCEEDED when it is not there. */
[[nodiscard]] int budget_spend(struct budget *budget, enum budget_kind kind, uint64_t amount,
			       struct lxcri_error *err);

/* Fails with LXCRI_E_LIMIT_EXCEEDED when @content bytes out of @compressed are beyond belief. */
[[nodiscard]] int budget_check_ratio(uint64_t content, uint64_t compressed,
				     struct lxcri_error *err);
