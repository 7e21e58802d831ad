/* SPDX-License-Identifier: MIT */
/* What one image may cost while it is unpacked. */

#include "image/layer/budget.h"

int budget_spend(struct budget *budget, enum budget_kind kind, uint64_t amount,
		 struct lxcri_error *err)
{
	static const struct {
		const char *what;
		uint64_t max;
	} kinds[] = {
		[BUDGET_BYTES] = { "bytes", BUDGET_BYTES_MAX },
		[BUDGET_ENTRIES] = { "entries", BUDGET_ENTRIES_MAX },
		[BUDGET_NAME_BYTES] = { "bytes in names of directories", BUDGET_NAME_BYTES_MAX },
		[BUDGET_XATTR_BYTES] = { "bytes of extended attributes", BUDGET_XATTR_BYTES_MAX },
	};
	atomic_uint_fast64_t *const counters[] = {
		[BUDGET_BYTES] = &budget->bytes,
		[BUDGET_ENTRIES] = &budget->entries,
		[BUDGET_NAME_BYTES] = &budget->name_bytes,
		[BUDGET_XATTR_BYTES] = &budget->xattr_bytes,
	};
	uint64_t max = kinds[kind].max;

	/* An amount above the limit is not added, so that the sum cannot wrap. */
	if (amount > max || atomic_fetch_add(counters[kind], amount) + amount > max)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image unpacks to more than %llu %s",
			    (unsigned long long)max, kinds[kind].what);
	return 0;
}

int budget_check_ratio(uint64_t content, uint64_t compressed, struct lxcri_error *err)
{
	if (content <= BUDGET_RATIO_FLOOR || content / BUDGET_RATIO_MAX <= compressed)
		return 0;
	return fail(err, LXCRI_E_LIMIT_EXCEEDED,
		    "the layer unpacks to more than %d times its compressed size",
		    BUDGET_RATIO_MAX);
}
