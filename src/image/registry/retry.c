/* SPDX-License-Identifier: MIT */
/* How long to wait before something is tried again. */

#include "image/registry/retry.h"

#include "base/text.h"

#include <curl/curl.h>
#include <stddef.h>
#include <sys/random.h>
#include <time.h>

#define FIRST_WAIT_MS 200
#define DOUBLINGS_MAX 8

int64_t retry_after_ms(const char *value)
{
	uint64_t seconds;

	if (!value)
		return -1;
	if (text_parse_u64(value, 0, INT32_MAX, &seconds) == 0)
		return (int64_t)seconds * 1000;

	time_t when = curl_getdate(value, NULL);
	time_t now = time(NULL);

	if (when == -1)
		return -1;
	return when > now ? (int64_t)(when - now) * 1000 : 0;
}

int64_t retry_wait_ms(unsigned int attempt)
{
	unsigned int doublings = attempt > 1 ? attempt - 1 : 0;
	uint16_t random = 0;
	int64_t wait = (int64_t)FIRST_WAIT_MS
		       << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	return wait + wait * random / UINT16_MAX;
}
