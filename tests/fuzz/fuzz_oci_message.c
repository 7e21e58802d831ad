/* SPDX-License-Identifier: MIT */
#include "runtime/oci_message.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char message[48];

	if (oci_message_find((const char *)data, size, message, sizeof(message)) < 0)
		return 0;
	if (strlen(message) >= sizeof(message))
		abort();
	(void)oci_message_code(message);
	return 0;
}
