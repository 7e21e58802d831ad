/* SPDX-License-Identifier: MIT */
#include "image/registry/challenge.h"
#include "base/mem.h"
#include "base/scope.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A failure leaves what was there, or a whole challenge before the fault; texts belong to a scheme.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size);
	autorun(challenge_finish) struct challenge challenge = {};
	struct lxcri_error err = {};

	if (challenge_parse(text, &challenge, &err) < 0)
		assert(err.code == LXCRI_E_INVALID_FORMAT || err.code == LXCRI_E_LIMIT_EXCEEDED);
	if (challenge.scheme == CHALLENGE_NONE)
		assert(!challenge.realm && !challenge.service && !challenge.scope);
	return 0;
}
