/* SPDX-License-Identifier: MIT */
#include "engine/bundle/passwd.h"

#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes are the passwd file of an image. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const specs[] = { "", "app", "1000", "app:7" };
	const struct passwd_files files = { .passwd = (const char *)data, .passwd_size = size };

	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		autorun(passwd_user_finish) struct passwd_user user = {};
		struct lxcri_error err = {};

		(void)passwd_resolve(&files, specs[i], &user, &err);
	}
	return 0;
}
